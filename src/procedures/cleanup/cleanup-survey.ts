// What of an ensemble a cleanup would remove, as it is now: the recorded objects that are still
// the same, its claims, and what is not touched and why. Changes nothing.

import type { Deadline } from '../../clock.ts'
import { belongs, goesAlong, whyLeft, type Claiming, type Made } from '../../decide/cleanup.ts'
import { deletedWithSet } from '../../decide/rollout/keep-data.ts'
import { EnsembleError, failure, type Finding } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import {
  FIELD_MANAGER,
  objectName,
  type Kube,
  type KubeObject,
  type ObjectMeta,
} from '../../kube/kube.ts'
import { toClaim, toPod, toSet } from '../../kube/views/index.ts'
import type { HeldRecord } from '../../record/held-record.ts'
import { leaseName } from '../../record/lock.ts'
import {
  ofThisSet,
  readRecord,
  recordName,
  type MaintenanceNode,
  type StoredRecord,
  nodesUnderMaintenance,
} from '../../record/record.ts'
import type { Run } from '../../run.ts'
import type { ClaimView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { keptNodes, leftCordoned } from '../../record/uncordon-left.ts'

/** What a cleanup of one namespace was asked for. */
export interface CleanupRequest {
  readonly run: Run
  readonly namespace: string
  /**
   * Of the ensemble; undefined: all that deploys of this action made in a namespace that is ours.
   */
  readonly name: string | undefined
  readonly deleteClaims: boolean
  readonly deadline: Deadline
  /** Of a sweep: whether its time is still over, asked again before it goes. */
  readonly stillDue?: (namespace: ObjectMeta) => boolean
}

export interface Survey {
  readonly namespace: string
  /** Of the ensemble. */
  readonly name: string
  readonly stored: StoredRecord
  readonly lease: KubeObject | undefined
  /** Recorded StatefulSets, that of the ensemble among them. */
  readonly sets: readonly KubeObject[]
  /** Everything else that is recorded and still the same, claims apart. */
  readonly objects: readonly KubeObject[]
  /** The ensemble's own. */
  readonly claims: readonly ClaimView[]
  readonly left: readonly { readonly object: string; readonly why: string }[]
}

/** One whose lock is held. */
export interface HeldSurvey extends Survey {
  readonly record: HeldRecord
}

const SET = { apiVersion: 'apps/v1', kind: 'StatefulSet' }

/**
 * Throws PROTECTED for a StatefulSet that was not made here, and where data would go whose
 * deletion was not asked for.
 */
export async function survey(
  kube: Kube,
  { namespace, deleteClaims }: CleanupRequest,
  name: string,
  signal: AbortSignal,
): Promise<Survey> {
  const [read, lease, live] = await Promise.all([
    readRecord(kube, namespace, name, signal),
    kube.get(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: leaseName(name), namespace },
      signal,
    ),
    kube.get({ ...SET, name, namespace }, signal),
  ])
  const { stored } = ofThisSet(read, live?.metadata.uid)
  const found = await readMade(kube, namespace, stored.record.made, signal)
  if (live !== undefined && !found.there.some(({ metadata }) => metadata.uid === live.metadata.uid))
    throw notMadeHere(namespace, name, stored)
  const sets = found.there.filter(isSet)
  const objects = found.there.filter(
    (object) => !isSet(object) && object.kind !== 'PersistentVolumeClaim',
  )
  refuseLoss(sets, deleteClaims)
  const claimed = await claimsOf(
    kube,
    { namespace, sets, made: found.there, record: stored.record, deleteClaims },
    signal,
  )
  return {
    namespace,
    name,
    stored,
    lease,
    sets,
    objects,
    claims: claimed.ours,
    left: [...found.left, ...claimed.left],
  }
}

function isSet({ apiVersion, kind }: KubeObject): boolean {
  return kind === SET.kind && apiVersion === SET.apiVersion
}

async function readMade(
  kube: Kube,
  namespace: string,
  made: readonly Made[],
  signal: AbortSignal,
): Promise<{ readonly there: readonly KubeObject[]; readonly left: Survey['left'] }> {
  const read = await Promise.all(
    made.map(async (one) => {
      try {
        return {
          one,
          live: await kube.get(
            { apiVersion: one.apiVersion, kind: one.kind, name: one.name, namespace },
            signal,
          ),
        }
      } catch (error) {
        // With the kind all of its objects are gone.
        if (error instanceof KubeFailure && error.reason === 'UnknownKind')
          return { one, live: undefined }
        throw error
      }
    }),
  )
  const there: KubeObject[] = []
  const left: { object: string; why: string }[] = []
  for (const { one, live } of read) {
    const why = live === undefined ? undefined : whyLeft(one, live, namespace, FIELD_MANAGER)
    if (live !== undefined && why === undefined) there.push(live)
    if (live !== undefined && why !== undefined) left.push({ object: objectName(live), why })
  }
  return { there, left }
}

/** To take its Services and ConfigMaps would break it. */
function notMadeHere(namespace: string, name: string, { record }: StoredRecord): EnsembleError {
  const anew = record.made.some(({ kind, name: of }) => kind === SET.kind && of === name)
  return failure(
    'refused',
    'PROTECTED',
    `statefulset/${name} in ${namespace} ${anew ? 'was recreated by somebody else since it was deployed' : 'was not made by a deploy of this action'}: neither it nor what belongs to it is deleted`,
    {
      object: `statefulset/${name}`,
      fix: `If it may go, delete it by hand: kubectl -n ${namespace} delete statefulset ${name}. What this action recorded of it: kubectl -n ${namespace} get configmap ${recordName(name)} -o yaml`,
    },
  )
}

function refuseLoss(sets: readonly KubeObject[], deleteClaims: boolean): void {
  const [first, ...rest] = sets.flatMap((set): readonly Finding[] => {
    const lost = deletedWithSet(toSet(set), deleteClaims)
    return lost === undefined ? [] : [lost]
  })
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
}

/** Whose claims are looked for: the sets, whatever else was made with them, and what is recorded. */
interface Owners {
  readonly namespace: string
  readonly sets: readonly KubeObject[]
  readonly made: readonly KubeObject[]
  readonly record: StoredRecord['record']
  readonly deleteClaims: boolean
}

async function claimsOf(
  kube: Kube,
  owners: Owners,
  signal: AbortSignal,
): Promise<{ readonly ours: readonly ClaimView[]; readonly left: Survey['left'] }> {
  const { namespace, deleteClaims } = owners
  const [claims, pods] = await Promise.all([
    kube.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, { namespace }, signal),
    kube.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace }, signal),
  ])
  const claiming = claimingOf(owners, pods.items.map(toPod))
  const judged = claims.items.map((object) => {
    const claim = toClaim(object)
    const whose = belongs({ ...claim, labels: object.metadata.labels ?? {} }, claiming)
    if (goesAlong(claim, claiming.own) && !(deleteClaims && whose.kind === 'ours'))
      throw wouldGoAlong(namespace, claim)
    return { claim, whose }
  })
  return {
    ours: judged.flatMap(({ claim, whose }) => (whose.kind === 'ours' ? [claim] : [])),
    left: judged.flatMap(({ claim: { name }, whose }) =>
      whose.kind === 'in doubt'
        ? [{ object: `persistentvolumeclaim/${name}`, why: whose.why }]
        : [],
    ),
  }
}

function claimingOf(owners: Owners, pods: readonly PodView[]): Claiming {
  const { sets, record } = owners
  const roots = uidsOf([...sets.map(({ metadata }) => metadata), ...record.made])
  const ownPods = pods.filter(({ owner }) => owner !== undefined && roots.has(owner.uid))
  const own = new Set([...roots, ...ownPods.map(({ uid }) => uid)])
  return {
    sets: sets.map(toSet).map(({ name, uid, claimTemplates, selector }) => ({
      name,
      uid,
      templates: claimTemplates.map((template) => template.name),
      labels: selector.matchLabels,
    })),
    recorded: recordedClaims(owners),
    own,
    users: new Map(
      pods
        .filter(({ uid }) => !own.has(uid))
        .flatMap((pod) => pod.claims.map((claim) => [claim, pod.name] as const)),
    ),
  }
}

/** Those that an earlier cleanup was about to delete, or left, and those that a deploy made. */
function recordedClaims({ made, record: { underWay, kept } }: Owners): ReadonlySet<string> {
  return uidsOf([
    ...(underWay?.operation === 'cleanup' ? (underWay.claims ?? []) : []),
    ...(kept ?? []),
    ...made.filter(({ kind }) => kind === 'PersistentVolumeClaim').map(({ metadata }) => metadata),
  ])
}

/** Of those that have one. */
function uidsOf(all: readonly { readonly uid?: string | undefined }[]): ReadonlySet<string> {
  return new Set(all.map(({ uid }) => uid ?? '').filter((uid) => uid !== ''))
}

function wouldGoAlong(namespace: string, { name, owners }: ClaimView): EnsembleError {
  const owner = owners.map(({ kind, name: of }) => `${kind.toLowerCase()}/${of}`).join(', ')
  return failure(
    'refused',
    'PROTECTED',
    `persistentvolumeclaim/${name} belongs to ${owner} (ownerReferences): the cluster would delete it, and its data, which was not asked for`,
    {
      object: `persistentvolumeclaim/${name}`,
      fix: `To keep it: kubectl -n ${namespace} patch pvc ${name} --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'`,
    },
  )
}

/**
 * The record stays where its claims do, in a namespace that is ours: nothing else says whose they
 * are.
 */
export function keepsRecord({ claims }: Survey, deleteClaims: boolean, ours: boolean): boolean {
  return ours && !deleteClaims && claims.length > 0
}

/** Claims as the record names those that go, or that stay. */
export function recordedAs(
  claims: readonly ClaimView[],
): { name: string; uid: string; volume?: string }[] {
  return claims.map(({ name, uid, volume }) => ({
    name,
    uid,
    ...(volume === undefined ? {} : { volume }),
  }))
}

/** Nothing of it is left to remove. */
export function isDone(found: Survey, deleteClaims: boolean, ours: boolean): boolean {
  const { sets, objects, claims, stored, lease } = found
  if (sets.length + objects.length > 0 || (deleteClaims && claims.length > 0)) return false
  if (!keepsRecord(found, deleteClaims, ours))
    return stored.object === undefined && lease === undefined
  return stored.record.made.length === 0 && stored.record.underWay === null
}

/** With the record their cordons would be nobody's. */
export function refuseMaintenance(
  { namespace, name, stored }: Pick<Survey, 'namespace' | 'name' | 'stored'>,
  nodes: readonly MaintenanceNode[],
): void {
  if (nodes.length === 0) return
  const { runUrl = '' } = stored.record.maintenance ?? {}
  const names = nodes.map((node) => node.name)
  throw failure(
    'refused',
    'LOCKED',
    `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} under maintenance for ${namespace}/${name}${runUrl === '' ? '' : ` (${runUrl})`}, and the cordon${names.length === 1 ? '' : 's'} would be left behind`,
    {
      object: `node/${names[0] ?? ''}`,
      fix: `Uncordon the nodes first: operation: uncordon with name: ${name} and nodes: ${names.join(', ')}.`,
    },
  )
}

/**
 * Nodes that a drain left cordoned on purpose: it is not over, whoever holds the lock.
 * Where nodes may not be read all of them count.
 */
export async function handedOver(
  kube: Kube,
  { namespace, name, stored }: Pick<Survey, 'namespace' | 'name' | 'stored'>,
  signal: AbortSignal,
): Promise<readonly MaintenanceNode[]> {
  const meant = new Set(leftCordoned(stored))
  const kept = nodesUnderMaintenance(stored).filter((node) => !meant.has(node))
  if (kept.length === 0) return []
  try {
    return (await keptNodes(kube, stored, `${namespace}/${name}`, signal)).kept
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return kept
    throw error
  }
}
