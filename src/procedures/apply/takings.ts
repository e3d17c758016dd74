// Whose fields become ours when an object is applied: those of kubectl apply and of a verified
// rollback whole, those of people's tools where that was asked for.

import { z } from 'zod'
import {
  FIELD_MANAGER,
  type JsonPatchOperation,
  type KubeObject,
  type ManagedFields,
} from '../../kube/kube.ts'
import { isTree } from '../../manifests/fields-v1.ts'
import { LAST_APPLIED } from '../../manifests/owned.ts'
import type { Owners } from '../../decide/apply/given-up.ts'
import { handOf, splitFields, type Hand, type Part } from '../../decide/apply/hands.ts'

/** Field managers of `kubectl apply`, whose objects are taken over without a conflict. */
const KUBECTL_MANAGERS = ['kubectl-client-side-apply', 'kubectl']

/** What is taken from others without a conflict. */
export interface ToTake {
  /**
   * Names of verified ControllerRevisions: a `kubectl rollout undo` to one of them left nothing of
   * anybody's own in the template, and is taken over without a conflict.
   */
  readonly verified?: ReadonlySet<string>
  /**
   * What was asked for and is taken from people's tools without a conflict: all that an earlier
   * revision has (undo), or the number of members (scale).
   */
  readonly taking?: 'revision' | 'replicas' | undefined
  /**
   * From whom what was written of a rolling update is taken: the object asks for OnDelete, which
   * the server refuses beside it, and no apply removes what others own.
   */
  readonly rollingUpdate?: 'people' | 'all' | undefined
}

/** What of a StatefulSet the server takes only with `type: RollingUpdate`. */
export const ROLLING_UPDATE: Part = ['spec', 'updateStrategy', 'rollingUpdate']

/** An entry of managedFields of which fields become ours. */
export interface Taking {
  readonly entry: ManagedFields
  readonly taken: unknown
  /** What stays its own; undefined: nothing. */
  readonly left: unknown
  /**
   * Undefined for `kubectl apply` and a `kubectl rollout undo`, whose objects are taken over whole.
   */
  readonly hand: Hand | undefined
}

export function takingsOf(live: KubeObject, toTake: ToTake): readonly Taking[] {
  const { verified } = toTake
  const wanted = statusOf.safeParse(live).data?.status.updateRevision
  const rolledBack = (entry: ManagedFields): boolean =>
    wanted !== undefined && verified?.has(wanted) === true && isRollback(entry)
  return (live.metadata.managedFields ?? []).flatMap((entry): readonly Taking[] => {
    if (
      KUBECTL_MANAGERS.includes(entry.manager) &&
      entry.subresource === undefined &&
      (hasLastApplied(entry) || rolledBack(entry))
    )
      return [{ entry, taken: entry.fieldsV1, left: undefined, hand: undefined }]
    if (isOurs(entry)) return []
    const hand = handOf(entry.manager, entry.subresource)
    const { taken, left } = splitFields(entry.fieldsV1, takenFrom(hand, live.kind, toTake))
    return taken === undefined ? [] : [{ entry, taken, left, hand }]
  })
}

function takenFrom(
  { kind }: Hand,
  object: string,
  { taking, rollingUpdate }: ToTake,
): readonly Part[] {
  return [
    ...(taking === undefined || kind !== 'person' ? [] : partsOf(taking, object)),
    ...(rollingUpdate === 'all' || (rollingUpdate === 'people' && kind === 'person')
      ? [ROLLING_UPDATE]
      : []),
  ]
}

/** What this action's applies own. */
export function isOurs({
  manager,
  operation,
}: Pick<ManagedFields, 'manager' | 'operation'>): boolean {
  return manager === FIELD_MANAGER && operation === 'Apply'
}

/**
 * What of an object an earlier revision brings back whole, or a scale is about: it holds members by
 * the partition before it replaces them.
 */
function partsOf(taking: 'revision' | 'replicas', kind: string): readonly Part[] {
  if (taking === 'replicas')
    return kind === 'StatefulSet' ? [['spec', 'replicas'], ROLLING_UPDATE] : []
  return kind === 'StatefulSet' ? [['spec', 'template']] : [['spec'], ['data'], ['binaryData']]
}

const statusOf = z.object({
  kind: z.literal('StatefulSet'),
  status: z.object({ updateRevision: z.string() }),
})
const templateOnly = z.strictObject({ 'f:spec': z.strictObject({ 'f:template': z.unknown() }) })

/**
 * `kubectl rollout undo` writes the template and nothing else, as manager kubectl (seen with 1.36);
 * `kubectl edit`, `set` and `patch` have names of their own.
 */
function isRollback(entry: ManagedFields): boolean {
  return (
    entry.manager === 'kubectl' &&
    entry.operation === 'Update' &&
    templateOnly.safeParse(entry.fieldsV1).success
  )
}

/**
 * Entries that `kubectl apply` made own its last-applied annotation, client side; `kubectl apply
 * --server-side` makes entries of operation Apply.
 */
export function hasLastApplied(entry: ManagedFields): boolean {
  return (
    entry.operation === 'Apply' ||
    JSON.stringify(entry.fieldsV1 ?? {}).includes(
      'kubectl.kubernetes.io/last-applied-configuration',
    )
  )
}

/**
 * Whether a managedFields entry is what we, or a `kubectl apply` that we take over, own of an
 * object.
 */
export function isOursOrKubectl(entry: ManagedFields): boolean {
  if (entry.subresource !== undefined && entry.subresource !== '') return false
  return isOurs(entry) || (KUBECTL_MANAGERS.includes(entry.manager) && hasLastApplied(entry))
}

/**
 * `others`: how many own fields beside us and those that are taken over; an entry of the status is
 * nobody's wish.
 */
export function ownersOf(
  object: KubeObject,
  takings: readonly Taking[],
): Owners & { readonly others: number } {
  const others = (object.metadata.managedFields ?? []).filter(
    ({ manager, operation, subresource }) =>
      !isOurs({ manager, operation }) &&
      !takings.some(
        ({ entry }) =>
          entry.manager === manager &&
          entry.operation === operation &&
          entry.subresource === subresource,
      ),
  )
  return {
    taken: takings.map(({ taken }) => taken),
    kept: [...others.map(({ fieldsV1 }) => fieldsV1), ...takings.map(({ left }) => left)],
    others: others.filter(({ subresource }) => subresource !== 'status').length,
  }
}

/**
 * What `kubectl apply` was given last; undefined where it keeps no copy, or one that can't be read.
 */
export function lastApplied(live: KubeObject): unknown {
  try {
    return JSON.parse(live.metadata.annotations?.[LAST_APPLIED] ?? '')
  } catch {
    return undefined
  }
}

/** Undefined where there is nothing to take. */
export function takingOver(
  live: KubeObject,
  toTake: ToTake,
): readonly JsonPatchOperation[] | undefined {
  const takings = takingsOf(live, toTake)
  const all = live.metadata.managedFields ?? []
  const ours = all.find((entry) => isOurs(entry) && entry.subresource === undefined)
  const first = takings[0]?.entry
  if (first === undefined) return undefined
  const fields = [...takings.map(({ taken }) => taken), ours?.fieldsV1].reduce<unknown>(
    mergeFields,
    {},
  )
  const rest = all.flatMap((entry): readonly ManagedFields[] => {
    const taking = takings.find((one) => one.entry === entry)
    if (entry === ours || (taking !== undefined && taking.left === undefined)) return []
    return [taking === undefined ? entry : { ...entry, fieldsV1: taking.left }]
  })
  const { subresource: _through, ...kept } = ours ?? first
  const merged: ManagedFields = {
    ...kept,
    manager: FIELD_MANAGER,
    operation: 'Apply',
    fieldsV1: fields,
  }
  return [
    { op: 'replace', path: '/metadata/managedFields', value: [...rest, merged] },
    // Makes a race with another writer a 409 instead of a lost entry.
    { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
  ]
}

/** The union of two FieldsV1 trees. */
function mergeFields(a: unknown, b: unknown): unknown {
  if (!isTree(a)) return isTree(b) ? b : {}
  if (!isTree(b)) return a
  const merged: Record<string, unknown> = { ...a }
  for (const [key, value] of Object.entries(b))
    merged[key] = key in merged ? mergeFields(merged[key], value) : value
  return merged
}
