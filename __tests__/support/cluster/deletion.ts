// Deletion as the API server does it: preconditions, grace for pods, finalizers, and what happens
// to dependents.

import type { Fields } from './json.ts'
import { at, fields, isFields, items, number, put, strings, text } from './json.ts'
import type { Kind } from './kinds.ts'
import { KINDS } from './kinds.ts'
import { precondition } from './status.ts'
import type { Stored } from './store.ts'
import { isDeleting, nameOf, timestamp, uidOf } from './store.ts'
import type { World } from './world.ts'

/** Throws the 409 of a precondition (UID, resourceVersion) that doesn't hold. */
export function checkPreconditions(kind: Kind, object: Stored, options: Fields): void {
  const uid = text(options, 'preconditions', 'uid')
  if (uid !== '' && uid !== uidOf(object))
    throw precondition(kind, nameOf(object), 'UID', uid, uidOf(object))
  const version = text(options, 'preconditions', 'resourceVersion')
  const found = text(object, 'metadata', 'resourceVersion')
  if (version !== '' && version !== found)
    throw precondition(kind, nameOf(object), 'ResourceVersion', version, found)
}

/**
 * Deletes, or begins to: a pod gets its grace period, an object with finalizers waits for them.
 * Returns what is left, undefined when it is gone.
 */
export function removeObject(
  world: World,
  kind: Kind,
  object: Stored,
  options: Fields,
): Stored | undefined {
  const { store } = world
  const policy = text(options, 'propagationPolicy')
  if (policy === 'Orphan') orphan(world, object)
  const finalizers = strings(object, 'metadata', 'finalizers')
  if (policy === 'Foreground') finalizers.push('foregroundDeletion')
  const grace = graceSeconds(kind, object, options)
  if (finalizers.length === 0 && grace === 0 && kind.kind !== 'Namespace') {
    store.remove(kind, object)
    return undefined
  }
  if (isDeleting(object) && grace >= number(object, ['metadata', 'deletionGracePeriodSeconds']))
    return object
  return store.edit(kind, object, (draft) => {
    put(draft, ['metadata', 'deletionTimestamp'], timestamp(store.now() + grace * 1000))
    put(draft, ['metadata', 'deletionGracePeriodSeconds'], grace)
    if (finalizers.length > 0) put(draft, ['metadata', 'finalizers'], finalizers)
    if (kind.kind === 'Namespace') put(draft, ['status', 'phase'], 'Terminating')
  })
}

/** A pod that never reached a node, or has ended, needs no grace. */
function graceSeconds(kind: Kind, object: Stored, options: Fields): number {
  if (kind.kind !== 'Pod') return 0
  const ended = ['Succeeded', 'Failed'].includes(text(object, 'status', 'phase'))
  if (text(object, 'spec', 'nodeName') === '' || (ended && !isDeleting(object))) return 0
  const own = number(object, ['spec', 'terminationGracePeriodSeconds'], 30)
  const wanted = at(options, 'gracePeriodSeconds')
  return typeof wanted === 'number' ? wanted : own
}

function orphan(world: World, owner: Stored): void {
  for (const kind of KINDS) {
    for (const dependent of world.store.list(kind)) {
      const owners = items(dependent, 'metadata', 'ownerReferences')
      if (!owners.some((reference) => text(reference, 'uid') === uidOf(owner))) continue
      const left = owners.filter((reference) => text(reference, 'uid') !== uidOf(owner))
      world.store.edit(kind, dependent, (draft) =>
        put(draft, ['metadata', 'ownerReferences'], left.length === 0 ? undefined : left),
      )
    }
  }
}

/** Deletes what has lost its last owner, and ends namespaces that are empty. */
export function collectGarbage(world: World): void {
  const alive = new Set<string>()
  const condemned = new Set<string>()
  for (const kind of KINDS) {
    for (const object of world.store.list(kind)) {
      alive.add(uidOf(object))
      if (strings(object, 'metadata', 'finalizers').includes('foregroundDeletion'))
        condemned.add(uidOf(object))
    }
  }
  for (const kind of KINDS) {
    for (const object of world.store.list(kind)) {
      const owners = items(object, 'metadata', 'ownerReferences').filter(isFields)
      const abandoned =
        owners.length > 0 &&
        owners.every((owner) => !alive.has(text(owner, 'uid')) || condemned.has(text(owner, 'uid')))
      if (abandoned && !isDeleting(object)) removeObject(world, kind, object, {})
      if (condemned.has(uidOf(object)) && !hasDependents(world, object))
        dropFinalizer(world, kind, object, 'foregroundDeletion')
    }
  }
  const namespaces = KINDS.find((kind) => kind.kind === 'Namespace')
  for (const namespace of namespaces === undefined ? [] : world.store.list(namespaces)) {
    if (namespaces === undefined || !isDeleting(namespace)) continue
    const inside = KINDS.filter((kind) => kind.namespaced).flatMap((kind) =>
      world.store.list(kind, nameOf(namespace)).map((object) => ({ kind, object })),
    )
    for (const { kind, object } of inside)
      if (!isDeleting(object)) removeObject(world, kind, object, {})
    if (inside.length === 0) world.store.remove(namespaces, namespace)
    else
      tellContent(
        world,
        namespaces,
        namespace,
        inside
          .map(
            ({ kind, object }) =>
              `${kind.plural} has ${strings(object, 'metadata', 'finalizers').join(', ')}`,
          )
          .filter((line) => !line.endsWith(' ') && !line.includes('pvc-protection')),
      )
  }
}

/** What holds a namespace, as its controller says it. */
function tellContent(world: World, kind: Kind, namespace: Stored, held: readonly string[]): void {
  if (held.length === 0) return
  const message = `Some content in the namespace has finalizers remaining: ${held.join('; ')}`
  if (
    items(namespace, 'status', 'conditions').some(
      (condition) => text(condition, 'message') === message,
    )
  )
    return
  world.store.edit(kind, namespace, (draft) =>
    put(
      draft,
      ['status', 'conditions'],
      [
        {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message,
          lastTransitionTime: timestamp(world.store.now()),
        },
      ],
    ),
  )
}

function hasDependents(world: World, owner: Stored): boolean {
  return KINDS.some((kind) =>
    world.store
      .list(kind)
      .some((object) =>
        items(object, 'metadata', 'ownerReferences').some(
          (reference) => text(reference, 'uid') === uidOf(owner),
        ),
      ),
  )
}

export function dropFinalizer(world: World, kind: Kind, object: Stored, finalizer: string): void {
  world.store.edit(kind, object, (draft) => {
    const left = strings(draft, 'metadata', 'finalizers').filter((entry) => entry !== finalizer)
    const metadata = fields(draft, 'metadata')
    if (left.length === 0) delete metadata['finalizers']
    else metadata['finalizers'] = left
  })
}
