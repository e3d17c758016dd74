// What befell the members, in order and by whose doing: invariants of a run are read from it ("by
// our doing never two members down at once").

import { at, text } from './json.ts'
import type { Change, Stored } from './store.ts'
import { controllerOf, isDeleting, isReady, labelsOf, namespaceOf, uidOf } from './store.ts'
import { ordinalOf } from './controllers/statefulset.ts'

export interface Happening {
  /** Milliseconds since the epoch, by the cluster's clock. */
  readonly at: number
  /**
   * `deleted`: told to end, `gone`: it is no more; `serving` and `outside` are said of ZooKeeper
   * members only.
   */
  readonly what: 'created' | 'deleted' | 'gone' | 'ready' | 'unready' | 'serving' | 'outside'
  readonly namespace: string
  readonly set: string
  readonly ordinal: number
  readonly uid: string
  readonly revision: string
  /**
   * The name of a kubeconfig, `somebody`, `statefulset-controller`, or `cluster` for every other
   * part of it.
   */
  readonly by: string
  /** `delete` or `eviction`, where it came through the API. */
  readonly verb: string
  /** Ordinals that served just before; without ZooKeeper members those that were Ready. */
  readonly serving: readonly number[]
  /**
   * Claims of its namespace that were being deleted then, and since when; milliseconds since the
   * epoch.
   */
  readonly claimsGoing: readonly { readonly name: string; readonly since: number }[]
}

type Serving = (namespace: string, set: string) => readonly number[]
type Going = (namespace: string) => Happening['claimsGoing']

/** What a change of a pod means for its member; undefined when it means nothing. */
function meaning(change: Change): Happening['what'] | undefined {
  const { type, object, previous } = change
  if (type === 'DELETED') return 'gone'
  if (previous === undefined) return 'created'
  if (isDeleting(object) && !isDeleting(previous)) return 'deleted'
  if (isReady(object) !== isReady(previous)) return isReady(object) ? 'ready' : 'unready'
  return undefined
}

/**
 * The happenings of a change of a pod that belongs to a set: none or one, two for a pod that is
 * gone at once.
 */
export function happenings(
  change: Change,
  now: number,
  serving: Serving,
  going: Going,
): readonly Happening[] {
  const what = change.kind.kind === 'Pod' ? meaning(change) : undefined
  const set = text(controllerOf(change.object), 'name')
  if (what === undefined || set === '') return []
  const entry = {
    ...identity(change.object),
    at: now,
    ...change.actor,
    serving: serving(namespaceOf(change.object), set),
    claimsGoing: going(namespaceOf(change.object)),
  }
  const untold =
    what === 'gone' &&
    change.previous !== undefined &&
    at(change.previous, 'metadata', 'deletionTimestamp') === undefined
  return [...(untold ? [{ ...entry, what: 'deleted' as const }] : []), { ...entry, what }]
}

export function identity(
  pod: Stored,
): Pick<Happening, 'namespace' | 'set' | 'ordinal' | 'uid' | 'revision'> {
  return {
    namespace: namespaceOf(pod),
    set: text(controllerOf(pod), 'name'),
    ordinal: ordinalOf(pod),
    uid: uidOf(pod),
    revision: text(labelsOf(pod), 'controller-revision-hash'),
  }
}
