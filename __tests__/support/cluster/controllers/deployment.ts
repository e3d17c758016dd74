// Deployments and ReplicaSets, as far as a drain meets them: pods of no particular name that are
// replaced elsewhere. Templates are not rolled.

import { createHash } from 'node:crypto'
import type { Fields } from '../json.ts'
import { at, copy, fields, number, put, same, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { removeObject } from '../deletion.ts'
import { setDefaults } from '../defaults.ts'
import type { Kind } from '../kinds.ts'
import type { Stored } from '../store.ts'
import {
  controllerOf,
  isDeleting,
  isReady,
  nameOf,
  namespaceOf,
  ownerReference,
  podsOf,
  uidOf,
} from '../store.ts'
import type { World } from '../world.ts'

const DEPLOYMENT = kindOf('Deployment')
const SET = kindOf('ReplicaSet')
const POD = kindOf('Pod')
const HASH = 'pod-template-hash'

export function syncDeployments(world: World): void {
  const { store } = world
  for (const deployment of store.list(DEPLOYMENT))
    if (!isDeleting(deployment))
      store.as({ by: 'deployment-controller', verb: '' }, () => own(world, deployment))
  for (const set of store.list(SET))
    if (!isDeleting(set))
      store.as({ by: 'replicaset-controller', verb: '' }, () => fill(world, set))
}

/** One ReplicaSet of its template, with as many replicas. */
function own(world: World, deployment: Stored): void {
  const { store } = world
  const hash = createHash('sha256').update(nameOf(deployment)).digest('hex').slice(0, 8)
  const name = `${nameOf(deployment)}-${hash}`
  const replicas = number(deployment, ['spec', 'replicas'], 1)
  const made = store.get(SET, namespaceOf(deployment), name)
  if (made === undefined) {
    const template = copy(fields(deployment, 'spec', 'template'))
    put(template, ['metadata', 'labels', HASH], hash)
    const selector = {
      ...fields(deployment, 'spec', 'selector'),
      matchLabels: { ...fields(deployment, 'spec', 'selector', 'matchLabels'), [HASH]: hash },
    }
    store.create(SET, {
      metadata: {
        name,
        namespace: namespaceOf(deployment),
        ownerReferences: [ownerReference(deployment)],
      },
      spec: { replicas, selector, template },
    })
    return
  }
  if (number(made, ['spec', 'replicas']) !== replicas)
    store.edit(SET, made, (draft) => put(draft, ['spec', 'replicas'], replicas))
  writeStatus(world, DEPLOYMENT, deployment, fields(made, 'status'))
}

/**
 * A pod that is on its way out counts no more: its replacement is made at once, as the real
 * controller does.
 */
function fill(world: World, set: Stored): void {
  const { store } = world
  const pods = podsOf(store, namespaceOf(set)).filter(
    (pod) =>
      text(controllerOf(pod), 'uid') === uidOf(set) &&
      !isDeleting(pod) &&
      !['Succeeded', 'Failed'].includes(text(pod, 'status', 'phase')),
  )
  const wanted = number(set, ['spec', 'replicas'], 1)
  for (let count = pods.length; count < wanted; count++) create(world, set)
  for (const pod of pods.slice(wanted)) removeObject(world, POD, pod, {})
  const ready = pods.filter(isReady).length
  writeStatus(world, SET, set, {
    replicas: pods.length,
    readyReplicas: ready,
    availableReplicas: ready,
  })
}

function create(world: World, set: Stored): void {
  const template = fields(set, 'spec', 'template')
  const name = `${nameOf(set)}-${(world.store.version() + 46_656).toString(36)}`
  const pod: Stored = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: `${nameOf(set)}-`,
      namespace: namespaceOf(set),
      labels: { ...fields(template, 'metadata', 'labels') },
      ownerReferences: [ownerReference(set)],
    },
    spec: copy(fields(template, 'spec')),
  }
  setDefaults(pod)
  if (world.rejection(pod) !== undefined) return world.after(5000, () => world.wake())
  world.store.create(POD, pod)
}

function writeStatus(world: World, kind: Kind, object: Stored, counts: Fields): void {
  const status = { ...counts, observedGeneration: number(object, ['metadata', 'generation']) }
  if (!same(status, at(object, 'status')))
    world.store.edit(kind, object, (draft) => put(draft, ['status'], status))
}
