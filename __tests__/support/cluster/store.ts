// What etcd and the registry do: objects by kind, one counter of versions for all, and the changes
// that watches replay.

import { randomUUID } from 'node:crypto'
import type { Fields, Json } from './json.ts'
import { at, copy, fields, items, number, put, same, text } from './json.ts'
import type { Kind } from './kinds.ts'
import { apiVersionOf, kindOf } from './kinds.ts'

export interface Stored extends Fields {
  apiVersion: string
  kind: string
  metadata: Fields
}

/**
 * Who changes something, and by which verb of the API; the cluster's own parts have a name and no
 * verb.
 */
export interface Actor {
  readonly by: string
  readonly verb: string
}

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly kind: Kind
  readonly object: Stored
  readonly previous: Stored | undefined
  readonly version: number
  readonly actor: Actor
}

/** Objects that come out are shared: nobody changes them in place, `edit` works on a copy. */
export interface Store {
  /** Milliseconds since the epoch, by the cluster's clock. */
  readonly now: () => number
  version(): number
  get(kind: Kind, namespace: string, name: string): Stored | undefined
  /** In the order of namespace and name, as the API lists them. */
  list(kind: Kind, namespace?: string): Stored[]
  create(kind: Kind, object: Fields): Stored
  /**
   * Replaces; an object that is equal keeps its resourceVersion. Gone once nothing holds an object
   * that is being deleted.
   */
  update(kind: Kind, object: Stored): Stored
  /** Changes a copy and stores it; nothing when the object isn't there. */
  edit(kind: Kind, object: Stored, change: (draft: Stored) => void): Stored | undefined
  remove(kind: Kind, object: Stored): void
  /** The changes after a version; undefined when they are forgotten. */
  since(version: number): readonly Change[] | undefined
  onChange(listener: (change: Change) => void): () => void
  /** Forgets all changes so far, so that older watches are answered 410. */
  forget(): void
  /** What `act` changes is told to be this actor's doing. */
  as<T>(actor: Actor, act: () => T): T
  /** Whose doing it is now. */
  actor(): Actor
}

export function nameOf(object: Fields): string {
  return text(object, 'metadata', 'name')
}

export function namespaceOf(object: Fields): string {
  return text(object, 'metadata', 'namespace')
}

export function uidOf(object: Fields): string {
  return text(object, 'metadata', 'uid')
}

export function isDeleting(object: Fields): boolean {
  return at(object, 'metadata', 'deletionTimestamp') !== undefined
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

function key(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** Everything but what the server itself writes: a change of it is a new generation. */
function desired(object: Stored): Fields {
  const { metadata: _metadata, status: _status, ...rest } = object
  return rest
}

function asStored(kind: Kind, object: Fields): Stored {
  return {
    ...object,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...fields(object, 'metadata') },
  }
}

const HISTORY = 5000

/** `now`: the cluster's clock, milliseconds since the epoch. */
export function createStore(now: () => number = () => Date.now()): Store {
  const objects = new Map<Kind, Map<string, Stored>>()
  const listeners = new Set<(change: Change) => void>()
  let changes: Change[] = []
  let forgotten = 1000
  let counter = 1000
  let acting: Actor = { by: 'cluster', verb: '' }

  /** Each kind's objects in order, until one comes or changes. */
  const ordered = new Map<Kind, readonly Stored[]>()

  function of(kind: Kind): Map<string, Stored> {
    const found = objects.get(kind)
    if (found !== undefined) return found
    const made = new Map<string, Stored>()
    objects.set(kind, made)
    return made
  }

  function inOrder(kind: Kind): readonly Stored[] {
    const found = ordered.get(kind)
    if (found !== undefined) return found
    const made = [...of(kind)].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
    ordered.set(kind, made)
    return made
  }

  function commit(
    type: Change['type'],
    kind: Kind,
    object: Stored,
    previous: Stored | undefined,
  ): Stored {
    counter += 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(counter) } }
    if (type === 'DELETED') of(kind).delete(key(namespaceOf(stored), nameOf(stored)))
    else of(kind).set(key(namespaceOf(stored), nameOf(stored)), stored)
    ordered.delete(kind)
    const change = { type, kind, object: stored, previous, version: counter, actor: acting }
    changes.push(change)
    if (changes.length > HISTORY) {
      forgotten = changes[0]?.version ?? forgotten
      changes = changes.slice(HISTORY / 2)
      forgotten = (changes[0]?.version ?? counter) - 1
    }
    for (const listener of listeners) listener(change)
    return stored
  }

  const store: Store = {
    now,
    version: () => counter,
    get: (kind, namespace, name) => of(kind).get(key(namespace, name)),
    list(kind, namespace) {
      const all = inOrder(kind)
      return namespace === undefined || namespace === ''
        ? [...all]
        : all.filter((object) => namespaceOf(object) === namespace)
    },
    create(kind, object) {
      const made = asStored(kind, object)
      put(made, ['metadata', 'uid'], randomUUID())
      put(made, ['metadata', 'creationTimestamp'], timestamp(now()))
      if (kind.generation) put(made, ['metadata', 'generation'], 1)
      return commit('ADDED', kind, made, undefined)
    },
    update(kind, object) {
      const before = of(kind).get(key(namespaceOf(object), nameOf(object)))
      if (before === undefined) return object
      const next = asStored(kind, object)
      put(next, ['metadata', 'resourceVersion'], text(before, 'metadata', 'resourceVersion'))
      put(next, ['metadata', 'generation'], at(before, 'metadata', 'generation'))
      if (same(next, before)) return before
      if (kind.generation && !same(desired(next), desired(before)))
        put(next, ['metadata', 'generation'], number(before, ['metadata', 'generation']) + 1)
      if (
        kind.kind !== 'Namespace' &&
        isDeleting(next) &&
        items(next, 'metadata', 'finalizers').length === 0 &&
        number(next, ['metadata', 'deletionGracePeriodSeconds']) === 0
      ) {
        return commit('DELETED', kind, next, before)
      }
      return commit('MODIFIED', kind, next, before)
    },
    edit(kind, object, change) {
      const before = of(kind).get(key(namespaceOf(object), nameOf(object)))
      if (before === undefined || uidOf(before) !== uidOf(object)) return undefined
      const draft = copy(before)
      change(draft)
      return store.update(kind, draft)
    },
    remove(kind, object) {
      const before = of(kind).get(key(namespaceOf(object), nameOf(object)))
      if (before !== undefined && uidOf(before) === uidOf(object))
        commit('DELETED', kind, before, before)
    },
    since: (version) =>
      version < forgotten ? undefined : changes.filter((change) => change.version > version),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    forget() {
      forgotten = counter
      changes = []
    },
    actor: () => acting,
    as(actor, act) {
      const before = acting
      acting = actor
      try {
        return act()
      } finally {
        acting = before
      }
    },
  }
  return store
}

/** The controller that owns an object; undefined when nobody does. */
export function controllerOf(object: Fields): Json | undefined {
  return items(object, 'metadata', 'ownerReferences').find(
    (owner) => at(owner, 'controller') === true,
  )
}

export function ownerReference(owner: Stored): Fields {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: nameOf(owner),
    uid: uidOf(owner),
    controller: true,
    blockOwnerDeletion: true,
  }
}

export function labelsOf(object: Fields): Fields {
  return fields(object, 'metadata', 'labels')
}

/** The pods of a namespace. */
export function podsOf(store: Store, namespace: string): Stored[] {
  return store.list(kindOf('Pod'), namespace)
}

export function conditionOf(object: Fields, type: string): Json | undefined {
  return items(object, 'status', 'conditions').find((condition) => text(condition, 'type') === type)
}

export function isReady(pod: Fields): boolean {
  return text(conditionOf(pod, 'Ready'), 'status') === 'True'
}

/** Sets a condition; its transition time moves only with its status. True when anything changed. */
export function setCondition(
  draft: Stored,
  now: number,
  type: string,
  status: string,
  more: Fields = {},
): void {
  const conditions = items(draft, 'status', 'conditions')
  const before = conditions.find((condition) => text(condition, 'type') === type)
  const since =
    text(before, 'status') === status ? text(before, 'lastTransitionTime') : timestamp(now)
  const next: Fields = { type, status, lastTransitionTime: since, ...more }
  put(
    draft,
    ['status', 'conditions'],
    before === undefined
      ? [...conditions, next]
      : conditions.map((condition) => (condition === before ? next : condition)),
  )
}
