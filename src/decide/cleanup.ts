// What may be deleted and what not: whose a namespace is, whether its time is over, which claims
// are an ensemble's, and what in a namespace belongs to others. In doubt it stays.

import type { KubeObject, ObjectMeta } from '../kube/kube.ts'
import { listed } from './rollout/keep-data.ts'

export const MANAGED_LABEL = 'zk-ensemble-action/managed'
export const EXPIRES_ANNOTATION = 'zk-ensemble-action/expires-at'
export const REPOSITORY_ANNOTATION = 'zk-ensemble-action/repository'

/**
 * `unnamed`: marked as made by this action, but not for which repository; a label is soon set by
 * hand.
 */
export type Maker =
  | { readonly kind: 'ours' }
  | { readonly kind: 'another'; readonly repository: string }
  | { readonly kind: 'unnamed' }
  | { readonly kind: 'not made here' }

/** Label *and* annotation say who made a namespace; `repository` as the runner names it. */
export function makerOf(
  { labels, annotations }: Pick<ObjectMeta, 'labels' | 'annotations'>,
  repository: string,
): Maker {
  if (labels?.[MANAGED_LABEL] !== 'true') return { kind: 'not made here' }
  const by = annotations?.[REPOSITORY_ANNOTATION] ?? ''
  if (by === '') return { kind: 'unnamed' }
  return by === repository ? { kind: 'ours' } : { kind: 'another', repository: by }
}

export type Expiry =
  | { readonly kind: 'over' | 'to come'; readonly ms: number }
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly text: string }

/** By the API server's clock. */
export function expiryOf({ annotations }: Pick<ObjectMeta, 'annotations'>, now: number): Expiry {
  const text = annotations?.[EXPIRES_ANNOTATION] ?? ''
  if (text === '') return { kind: 'none' }
  // Date.parse believes too much: a year alone, words.
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(at)) return { kind: 'unreadable', text }
  return at <= now ? { kind: 'over', ms: now - at } : { kind: 'to come', ms: at - now }
}

/**
 * How far the time of an entry of managedFields may be from the creation of the object that it
 * made; milliseconds. Both are whole seconds.
 */
const SAME_TIME_MS = 1_000

/**
 * Whether an apply of ours made the object, as the server wrote it down: our entry dates from its
 * creation, and nobody else's does.
 */
export function madeByApply(
  { creationTimestamp, managedFields }: Pick<ObjectMeta, 'creationTimestamp' | 'managedFields'>,
  manager: string,
): boolean {
  const created = Date.parse(creationTimestamp ?? '')
  const first = (managedFields ?? []).filter(
    (entry) =>
      (entry.subresource ?? '') === '' && Math.abs(timeOf(entry['time']) - created) <= SAME_TIME_MS,
  )
  return (
    first.length > 0 &&
    first.every((entry) => entry.manager === manager && entry.operation === 'Apply')
  )
}

function timeOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}

/**
 * Of the record: an object that a deploy of ours made; without a UID it was about to, when that run
 * was cut off.
 */
export interface Made {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
}

/** Why a recorded object that is there is not touched; undefined for one that goes. */
export function whyLeft(
  made: Pick<Made, 'uid'>,
  live: KubeObject,
  namespace: string,
  manager: string,
): string | undefined {
  if (live.metadata.namespace !== namespace) return 'it belongs to the whole cluster'
  if (made.uid === '')
    return madeByApply(live.metadata, manager)
      ? undefined
      : 'it was not made by the deploy that was cut off'
  if (live.metadata.uid !== made.uid) return 'somebody else has recreated it since'
  // The record is text that others may write: without a trace of our own apply on the object its
  // word is not enough.
  return (live.metadata.managedFields ?? []).some(
    (entry) => entry.manager === manager && entry.operation === 'Apply',
  )
    ? undefined
    : 'it carries no trace of an apply of this action (managedFields)'
}

/**
 * What becomes of the objects that were to be made, now that the next run sees what is there: UIDs
 * of those that were, none of those that somebody else made.
 */
export function settledMade(
  made: readonly Made[],
  seen: readonly { readonly object: KubeObject; readonly live: KubeObject | undefined }[],
  manager: string,
): readonly Made[] {
  const liveOf = ({ kind, name }: Made): KubeObject | undefined =>
    seen.find(({ object }) => object.kind === kind && object.metadata.name === name)?.live
  const settled = made.flatMap((one): readonly Made[] => {
    const live = one.uid === '' ? liveOf(one) : undefined
    if (live === undefined) return [one]
    return madeByApply(live.metadata, manager) ? [{ ...one, uid: live.metadata.uid ?? '' }] : []
  })
  const coming = seen.flatMap(({ object: { apiVersion, kind, metadata }, live }) =>
    live === undefined ? [{ apiVersion, kind, name: metadata.name, uid: '' }] : [],
  )
  return [
    ...settled.filter(
      (old) => !coming.some((one) => one.kind === old.kind && one.name === old.name),
    ),
    ...coming,
  ]
}

export interface Claimed {
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly owners: readonly { readonly kind: string; readonly name: string; readonly uid: string }[]
}

/** The sets that go, and their pods. */
export interface Claiming {
  readonly sets: readonly {
    readonly name: string
    readonly uid: string
    readonly templates: readonly string[]
    readonly labels: Readonly<Record<string, string>>
  }[]
  /** UIDs of claims that the record names. */
  readonly recorded: ReadonlySet<string>
  /** UIDs of the sets and their pods. */
  readonly own: ReadonlySet<string>
  /** Names of pods of others, by the claim that they use. */
  readonly users: ReadonlyMap<string, string>
}

export type Belonging =
  | { readonly kind: 'ours' }
  | { readonly kind: 'in doubt'; readonly why: string }
  | { readonly kind: 'not ours' }

/**
 * By the names that the claim templates give, at any ordinal; what else speaks against it keeps
 * it.
 */
export function belongs(claim: Claimed, { sets, recorded, own, users }: Claiming): Belonging {
  const set = sets.find(({ name, templates }) =>
    templates.some((template) => /^(0|[1-9]\d*)$/.test(after(claim.name, `${template}-${name}-`))),
  )
  if (set === undefined && !recorded.has(claim.uid)) return { kind: 'not ours' }
  const user = users.get(claim.name)
  if (user !== undefined)
    return { kind: 'in doubt', why: `pod/${user}, which is not of this ensemble, uses it` }
  const owner = claim.owners.find(({ uid }) => !own.has(uid))
  if (owner !== undefined && !recorded.has(claim.uid))
    return { kind: 'in doubt', why: `it belongs to ${owner.kind.toLowerCase()}/${owner.name}` }
  if (
    set !== undefined &&
    !recorded.has(claim.uid) &&
    !Object.entries(set.labels).every(([key, value]) => claim.labels[key] === value)
  )
    return { kind: 'in doubt', why: `it has not the labels of ${set.name}: it was made by hand` }
  return { kind: 'ours' }
}

/**
 * Whether the cluster deletes a claim together with what goes, whatever we do; a pod's own
 * ephemeral volumes are meant to.
 */
export function goesAlong(
  { name, owners }: Pick<Claimed, 'name' | 'owners'>,
  own: ReadonlySet<string>,
): boolean {
  return (
    owners.length > 0 &&
    owners.every(({ uid }) => own.has(uid)) &&
    !owners.some((owner) => owner.kind === 'Pod' && name.startsWith(`${owner.name}-`))
  )
}

function after(text: string, start: string): string {
  return text.startsWith(start) ? text.slice(start.length) : ''
}

/** An object of a namespace, as far as it says whose it is. */
export interface Content {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly owners: readonly string[]
  /** The ServiceAccount whose token a Secret holds. */
  readonly tokenOf?: string | undefined
}

/** What Kubernetes itself writes about others' objects: it goes with them. */
const DERIVED: ReadonlySet<string> = new Set(['Event', 'Endpoints', 'EndpointSlice'])
/** What clusters put into each namespace. */
const FURNITURE: ReadonlySet<string> = new Set([
  'ConfigMap/kube-root-ca.crt',
  'ConfigMap/openshift-service-ca.crt',
  'ConfigMap/istio-ca-root-cert',
  'ServiceAccount/default',
])

/**
 * Everything that is not ours: neither one of `own` (UIDs), nor owned by such alone, nor the
 * cluster's own.
 */
export function othersIn(
  contents: readonly Content[],
  own: ReadonlySet<string>,
): readonly Content[] {
  const ours = new Set(own)
  const isOurs = ({ uid, owners }: Content): boolean =>
    ours.has(uid) || (owners.length > 0 && owners.every((owner) => ours.has(owner)))
  for (let before = -1; before !== ours.size;) {
    before = ours.size
    for (const one of contents) if (isOurs(one)) ours.add(one.uid)
  }
  return contents.filter(
    (one) =>
      !ours.has(one.uid) &&
      !DERIVED.has(one.kind) &&
      !FURNITURE.has(`${one.kind}/${one.name}`) &&
      one.tokenOf !== 'default',
  )
}

/** `configmap/a, secret/b and 3 more`. */
export function contentsInWords(contents: readonly Pick<Content, 'kind' | 'name'>[]): string {
  const names = contents.map(({ kind, name }) => `${kind.toLowerCase()}/${name}`).toSorted()
  return listed(names.length <= 8 ? names : [...names.slice(0, 7), `${names.length - 7} more`])
}
