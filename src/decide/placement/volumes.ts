// Whether the pod's volumes can be reached from a node: their node affinity, where new ones can be
// made, and zones as old volumes carry them.

import type { VolumeView } from '../../view/scheduling.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { reason, takesAll, type Filter } from './filter.ts'
import { inTerms } from './select.ts'

const OUT_OF_REACH = reason("node(s) didn't match PersistentVolume's node affinity")
const NOWHERE = reason("node(s) didn't find available persistent volumes to bind")
const OTHER_ZONE = reason('node(s) had no available volume zone')

export const volumeBinding: Filter = (pod, board) => {
  const { bound, waiting } = board.storage.of(pod)
  const tied = bound.flatMap(({ nodeAffinity }) => nodeAffinity ?? [])
  const limited = waiting.flatMap(({ allowedTopologies }) =>
    allowedTopologies === undefined ? [] : [allowedTopologies],
  )
  if (tied.length === 0 && limited.length === 0) return takesAll
  return ({ view }) => {
    if (
      !bound.every(({ nodeAffinity }) => nodeAffinity === undefined || inTerms(nodeAffinity, view))
    )
      return OUT_OF_REACH
    return limited.every((terms) => inTerms(terms, view)) ? undefined : NOWHERE
  }
}

const ZONE_KEYS = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]

export const volumeZone: Filter = (pod, board) => {
  const zoned = board.storage
    .of(pod)
    .bound.filter(({ labels }) => ZONE_KEYS.some((key) => labels[key] !== undefined))
  if (zoned.length === 0) return takesAll
  return ({ view }) => {
    // A node without any zone is let be, as by the scheduler: a cluster may have none.
    if (!ZONE_KEYS.some((key) => view.labels[key] !== undefined)) return undefined
    return zoned.every((volume) => inZone(volume, view)) ? undefined : OTHER_ZONE
  }
}

/** Several zones are written with `__` between them. */
function inZone({ labels }: VolumeView, node: NodeView): boolean {
  return ZONE_KEYS.every((key) => {
    const wanted = labels[key]
    const there = node.labels[key] ?? node.labels[otherName(key)]
    return wanted === undefined || (there !== undefined && wanted.split('__').includes(there))
  })
}

function otherName(key: string): string {
  return key.startsWith('topology.')
    ? key.replace('topology.', 'failure-domain.beta.')
    : key.replace('failure-domain.beta.', 'topology.')
}
