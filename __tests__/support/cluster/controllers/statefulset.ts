// The StatefulSet controller: order, revisions, partition, adoption and counters as the real one's,
// including that OrderedReady never frees a stuck pod.

import type { Fields } from '../json.ts'
import { at, compact, copy, fields, items, number, put, same, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import type { Stored } from '../store.ts'
import {
  conditionOf,
  controllerOf,
  isDeleting,
  isReady,
  labelsOf,
  nameOf,
  namespaceOf,
  ownerReference,
  podsOf,
  uidOf,
} from '../store.ts'
import { removeObject } from '../deletion.ts'
import type { World } from '../world.ts'
import { adoptRevisions, templateOf, trimHistory, updateRevision } from './revisions.ts'
import { selects } from '../select.ts'
import { setDefaults } from '../defaults.ts'

const SET = kindOf('StatefulSet')
const POD = kindOf('Pod')
const CLAIM = kindOf('PersistentVolumeClaim')
const SOURCE = { component: 'statefulset-controller' }
const CONTROLLER = { by: SOURCE.component, verb: '' }

interface Sync {
  readonly world: World
  readonly set: Stored
  readonly current: string
  readonly update: string
  readonly first: number
  readonly replicas: number
  readonly counters: {
    replicas: number
    readyReplicas: number
    availableReplicas: number
    currentReplicas: number
    updatedReplicas: number
  }
}

export function ordinalOf(pod: Fields): number {
  return Number(/-(\d+)$/.exec(nameOf(pod))?.[1] ?? -1)
}

function revisionOf(pod: Fields): string {
  return text(labelsOf(pod), 'controller-revision-hash')
}

/**
 * Milliseconds until the pod counts as available; 0 when it does, undefined when it isn't Ready.
 */
function untilAvailable(set: Stored, pod: Stored, now: number): number | undefined {
  if (text(pod, 'status', 'phase') !== 'Running' || !isReady(pod)) return undefined
  const since = Date.parse(text(conditionOf(pod, 'Ready'), 'lastTransitionTime'))
  return Math.max(0, since + number(set, ['spec', 'minReadySeconds']) * 1000 - now)
}

function isAvailable(set: Stored, pod: Stored, now: number): boolean {
  return !isDeleting(pod) && untilAvailable(set, pod, now) === 0
}

export function syncStatefulSets(world: World): void {
  for (const set of world.store.list(SET))
    if (!isDeleting(set)) world.store.as(CONTROLLER, () => sync(world, set))
}

function sync(world: World, set: Stored): void {
  const { store } = world
  adoptRevisions(store, set)
  adoptPods(world, set)
  const update = nameOf(updateRevision(store, set))
  const known = text(set, 'status', 'currentRevision')
  const pods = podsOf(store, namespaceOf(set)).filter(
    (pod) => text(controllerOf(pod), 'uid') === uidOf(set),
  )
  const current = known === '' ? update : known
  const counters = {
    replicas: pods.length,
    readyReplicas: 0,
    availableReplicas: 0,
    currentReplicas: 0,
    updatedReplicas: 0,
  }
  for (const pod of pods) {
    const wait = untilAvailable(set, pod, store.now())
    if (wait !== undefined) counters.readyReplicas += 1
    if (wait === 0) counters.availableReplicas += 1
    else if (wait !== undefined) world.afterReal(wait + 10, () => world.wake())
    if (isDeleting(pod)) continue
    if (revisionOf(pod) === current) counters.currentReplicas += 1
    if (revisionOf(pod) === update) counters.updatedReplicas += 1
  }
  const first = number(set, ['spec', 'ordinals', 'start'])
  const run: Sync = {
    world,
    set,
    current,
    update,
    first,
    replicas: number(set, ['spec', 'replicas'], 1),
    counters,
  }
  manage(run, pods)
  writeStatus(run)
  trimHistory(store, set, new Set([current, update]))
}

/** Pods of its names that nobody owns and that it selects: left by a set that was deleted. */
function adoptPods({ store }: World, set: Stored): void {
  for (const pod of podsOf(store, namespaceOf(set))) {
    const named = nameOf(pod).replace(/-\d+$/, '') === nameOf(set) && ordinalOf(pod) >= 0
    if (!named || isDeleting(pod) || controllerOf(pod) !== undefined) continue
    if (!selects(at(set, 'spec', 'selector'), labelsOf(pod))) continue
    store.edit(POD, pod, (draft) =>
      put(draft, ['metadata', 'ownerReferences'], [ownerReference(set)]),
    )
  }
}

/**
 * Whether a pod has the volumes of every claim template. One that was adopted from a set without
 * one of them can't be given it: the controller tries, is refused, and does nothing that follows.
 */
function hasItsVolumes({ set }: Sync, pod: Stored): boolean {
  const claims = items(pod, 'spec', 'volumes').map((volume) =>
    text(volume, 'persistentVolumeClaim', 'claimName'),
  )
  return items(set, 'spec', 'volumeClaimTemplates').every((template) =>
    claims.includes(`${nameOf(fields(template))}-${nameOf(pod)}`),
  )
}

function refuseVolumes(run: Sync, pod: Stored): void {
  const { world, set } = run
  const made = items(set, 'spec', 'volumeClaimTemplates').filter((claim) =>
    makeClaim(run, fields(claim), nameOf(pod)),
  )
  // The real one says it again and again.
  if (made.length === 0) return
  world.event(
    set,
    'Warning',
    'FailedUpdate',
    `Update Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)} failed error: Pod "${nameOf(pod)}" is invalid: spec: Forbidden: pod updates may not change fields other than \`spec.containers[*].image\``,
    SOURCE,
  )
}

function manage(run: Sync, pods: readonly Stored[]): void {
  const { world, set, first, replicas } = run
  const ordered = text(set, 'spec', 'podManagementPolicy') !== 'Parallel'
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]))
  let refused = false
  for (let ordinal = first; ordinal < first + replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal)
    if (pod === undefined) {
      if (!create(run, ordinal) || ordered) return
      continue
    }
    const phase = text(pod, 'status', 'phase')
    if ((phase === 'Failed' || phase === 'Succeeded') && !isDeleting(pod)) {
      removeObject(world, POD, pod, {})
      if (ordered) return
    }
    if (ordered && !isAvailable(set, pod, world.store.now())) return
    if (isDeleting(pod) || hasItsVolumes(run, pod)) continue
    refuseVolumes(run, pod)
    if (ordered) return
    refused = true
  }
  if (refused) return
  const condemned = pods
    .filter((pod) => ordinalOf(pod) < first || ordinalOf(pod) >= first + replicas)
    .sort((a, b) => ordinalOf(b) - ordinalOf(a))
  for (const pod of condemned) {
    if (isDeleting(pod)) {
      if (ordered) return
      continue
    }
    remove(run, pod)
    if (ordered) return
  }
  if (text(set, 'spec', 'updateStrategy', 'type') === 'OnDelete') return
  roll(run, byOrdinal)
}

/**
 * Highest ordinal first down to the partition, one at a time; the first member that isn't available
 * holds the rest back.
 */
function roll(run: Sync, byOrdinal: ReadonlyMap<number, Stored>): void {
  const { set, first, replicas } = run
  const partition = number(set, ['spec', 'updateStrategy', 'rollingUpdate', 'partition'])
  for (let ordinal = first + replicas - 1; ordinal >= first + partition; ordinal--) {
    const pod = byOrdinal.get(ordinal)
    if (pod === undefined) return
    if (revisionOf(pod) !== run.update && !isDeleting(pod)) return remove(run, pod)
    if (!isAvailable(set, pod, run.world.store.now())) return
  }
}

function remove(run: Sync, pod: Stored): void {
  if (revisionOf(pod) === run.current) run.counters.currentReplicas -= 1
  if (revisionOf(pod) === run.update) run.counters.updatedReplicas -= 1
  run.world.event(
    run.set,
    'Normal',
    'SuccessfulDelete',
    `Delete Pod ${nameOf(pod)} in StatefulSet ${nameOf(run.set)} successful`,
    SOURCE,
  )
  removeObject(run.world, POD, pod, {})
}

/** Below the partition a lost pod comes back at the current revision, else at the new one. */
function revisionFor(run: Sync, ordinal: number): string {
  if (text(run.set, 'spec', 'updateStrategy', 'type') === 'OnDelete') return run.update
  const rolling = at(run.set, 'spec', 'updateStrategy', 'rollingUpdate')
  const bound =
    rolling === undefined
      ? number(run.set, ['status', 'currentReplicas'])
      : number(rolling, ['partition'])
  const installed = text(run.set, 'status', 'currentRevision') !== ''
  return installed && run.current !== run.update && ordinal < run.first + bound
    ? run.current
    : run.update
}

function create(run: Sync, ordinal: number): boolean {
  const { world, set } = run
  const namespace = namespaceOf(set)
  const name = `${nameOf(set)}-${ordinal}`
  // One of another owner has the name: the server answers 409, and the controller tries again.
  if (world.store.get(POD, namespace, name) !== undefined) return false
  const revision = revisionFor(run, ordinal)
  const template = templateOf(world.store, set, revision)
  const claims = items(set, 'spec', 'volumeClaimTemplates')
  const labels = {
    'apps.kubernetes.io/pod-index': String(ordinal),
    'controller-revision-hash': revision,
    'statefulset.kubernetes.io/pod-name': name,
  }
  const annotations = fields(template, 'metadata', 'annotations')
  const pod: Stored = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: compact({
      name,
      generateName: `${nameOf(set)}-`,
      namespace,
      labels: { ...fields(template, 'metadata', 'labels'), ...labels },
      annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
      ownerReferences: [ownerReference(set)],
    }),
    spec: copy(fields(template, 'spec')),
  }
  const own = claims.map((claim) => ({
    name: nameOf(fields(claim)),
    persistentVolumeClaim: { claimName: `${nameOf(fields(claim))}-${name}` },
  }))
  const kept = items(pod, 'spec', 'volumes').filter(
    (volume) => !own.some((claim) => claim.name === text(volume, 'name')),
  )
  put(pod, ['spec', 'volumes'], [...own, ...kept])
  put(pod, ['spec', 'hostname'], name)
  put(pod, ['spec', 'subdomain'], text(set, 'spec', 'serviceName'))
  setDefaults(pod)
  for (const claim of claims) makeClaim(run, fields(claim), name)
  const refused = world.rejection(pod)
  if (refused !== undefined) {
    world.event(
      set,
      'Warning',
      'FailedCreate',
      `create Pod ${name} in StatefulSet ${nameOf(set)} failed error: ${refused}`,
      SOURCE,
    )
    world.after(5000, () => world.wake())
    return false
  }
  world.store.create(POD, pod)
  run.counters.replicas += 1
  if (revision === run.current) run.counters.currentReplicas += 1
  if (revision === run.update) run.counters.updatedReplicas += 1
  world.event(
    set,
    'Normal',
    'SuccessfulCreate',
    `Create Pod ${name} in StatefulSet ${nameOf(set)} successful`,
    SOURCE,
  )
  return true
}

function makeClaim(run: Sync, template: Fields, pod: string): boolean {
  const { world, set } = run
  const name = `${nameOf(template)}-${pod}`
  if (world.store.get(CLAIM, namespaceOf(set), name) !== undefined) return false
  const metadata = {
    ...fields(template, 'metadata'),
    name,
    namespace: namespaceOf(set),
    labels: { ...labelsOf(template), ...fields(set, 'spec', 'selector', 'matchLabels') },
  }
  const claim: Stored = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata,
    spec: copy(fields(template, 'spec')),
  }
  setDefaults(claim)
  world.store.create(CLAIM, claim)
  world.event(
    set,
    'Normal',
    'SuccessfulCreate',
    `Create Claim ${name} Pod ${pod} in StatefulSet ${nameOf(set)} success`,
    SOURCE,
  )
  return true
}

function writeStatus(run: Sync): void {
  const { set, counters, replicas } = run
  const rolling = text(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate'
  const done =
    rolling &&
    [counters.updatedReplicas, counters.readyReplicas, counters.replicas].every(
      (count) => count === replicas,
    )
  const status: Fields = {
    observedGeneration: number(set, ['metadata', 'generation']),
    replicas: counters.replicas,
    currentRevision: done ? run.update : run.current,
    updateRevision: run.update,
    collisionCount: 0,
    availableReplicas: counters.availableReplicas,
  }
  // Counters that are 0 are absent, but for replicas and availableReplicas.
  const shown = {
    readyReplicas: counters.readyReplicas,
    currentReplicas: done ? counters.updatedReplicas : counters.currentReplicas,
    updatedReplicas: counters.updatedReplicas,
  }
  for (const [name, count] of Object.entries(shown)) if (count > 0) status[name] = count
  if (!same(status, at(set, 'status')))
    run.world.store.edit(SET, set, (draft) => put(draft, ['status'], status))
}
