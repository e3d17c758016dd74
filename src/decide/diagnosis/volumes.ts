// What stands between a pod that has a node and its first container: volumes that don't mount or
// attach, and the pod's network.

import type { EventView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { ABSENT_GRACE_MS, ABSENT_REFERENCE } from './configuration.ts'
import { isNew, oneLine, type MemberCase, type Symptom } from './symptom.ts'

const GRACE_MS = 180_000
const EVENTS = new Set([
  'FailedMount',
  'FailedAttachVolume',
  'FailedMapVolume',
  'FailedCreatePodSandBox',
  'NetworkNotReady',
])
const CACHE_LATE =
  /failed to sync (?:configmap|secret) cache|object "[^"]*"\/"[^"]*" not registered/i

type Found = Pick<Symptom, 'code' | 'message' | 'fix' | 'graceMs' | 'againstRevision'> &
  Partial<Pick<Symptom, 'reason' | 'confirmed'>>

export function volumeSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, events } = member
  if (pod.node === undefined || pod.phase !== 'Pending' || hasStarted(pod)) return []
  const event = events.findLast((one) => EVENTS.has(one.reason) && !CACHE_LATE.test(one.message))
  if (event === undefined) return []
  return [
    {
      key: `volume/${pod.uid}/${event.reason}`,
      ordinal: member.ordinal,
      object: `pod/${pod.name}`,
      reason: event.reason,
      explains: true,
      ...(absentReference(member, event) ??
        attachedElsewhere(pod, event) ??
        notPrepared(pod, event)),
    },
  ]
}

/** Some container is past ContainerCreating and PodInitializing. */
function hasStarted(pod: PodView): boolean {
  return [...pod.initContainers, ...pod.containers].some(({ state }) => {
    if (state.kind === 'waiting')
      return state.reason !== 'ContainerCreating' && state.reason !== 'PodInitializing'
    return state.kind !== 'none'
  })
}

/** A volume is of a ConfigMap or Secret that isn't there. */
function absentReference({ pod, set }: MemberCase, event: EventView): Found | undefined {
  const text = oneLine(event.message)
  if (!ABSENT_REFERENCE.test(text)) return undefined
  return {
    code: 'CONFIG_ERROR',
    message: `${pod.name}: ${text}`,
    graceMs: ABSENT_GRACE_MS * 2,
    confirmed: event.count >= 2,
    againstRevision: isNew(set, pod),
  }
}

function attachedElsewhere(pod: PodView, event: EventView): Found | undefined {
  const text = oneLine(event.message)
  if (!/Multi-Attach error/i.test(text)) return undefined
  return {
    code: 'NOT_READY',
    reason: 'MultiAttach',
    message: `${pod.name}: its volume is still attached to another node: ${text}`,
    graceMs: GRACE_MS,
    againstRevision: false,
    fix: 'Wait: the volume is released once its old pod is gone. If the old node is dead that takes some 6 minutes; with the taint node.kubernetes.io/out-of-service on that node it is sooner.',
  }
}

/** Its node can't mount a volume, or give it a network. */
function notPrepared({ name, node = '' }: PodView, event: EventView): Found {
  const network = event.reason === 'FailedCreatePodSandBox' || event.reason === 'NetworkNotReady'
  return {
    code: 'NOT_READY',
    message: `${name} on ${node}: ${oneLine(event.message)}`,
    graceMs: GRACE_MS,
    againstRevision: false,
    fix: network
      ? `Look at the network plugin on ${node}.`
      : 'Look at the volume named above and at the storage driver on the node.',
  }
}
