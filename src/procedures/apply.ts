// Server-side apply with the truth about it: dry runs tell beforehand what would change and what stands against it, and nothing is written where nothing changes.

import { z } from 'zod'
import { compareObjects, ownsSame } from '../decide/changes.ts'
import { EnsembleError, failure, type Finding } from '../errors.ts'
import { explainFailure } from '../kube/explain.ts'
import { KubeFailure } from '../kube/failure.ts'
import { FIELD_MANAGER, type JsonPatchOperation, type Kube, type KubeObject, type ManagedFields, type ObjectRef } from '../kube/kube.ts'
import type { Manifest } from '../manifests/manifest.ts'

/** Field managers of `kubectl apply`, whose objects are taken over without a conflict. */
const KUBECTL_MANAGERS = ['kubectl-client-side-apply', 'kubectl']

/** What applying one manifest would do. */
export interface PlannedChange {
  readonly manifest: Manifest
  /** Undefined when it isn't there yet. */
  readonly live: KubeObject | undefined
  readonly change: 'created' | 'configured' | 'unchanged'
  /** Paths that would differ, such as `spec.template.spec.containers[0].image`. */
  readonly paths: readonly string[]
  /** Made by `kubectl apply`, or rolled back by `kubectl rollout undo`, and not yet taken over. */
  readonly takeOver: boolean
  readonly verified?: ReadonlySet<string> | undefined
  readonly findings: readonly Finding[]
}

export function refOf(object: KubeObject): ObjectRef {
  return { apiVersion: object.apiVersion, kind: object.kind, name: object.metadata.name, namespace: object.metadata.namespace }
}

export function objectName(object: KubeObject): string {
  return `${object.kind.toLowerCase()}/${object.metadata.name}`
}

interface Planning {
  readonly force: boolean
  readonly dryRuns: boolean
  /** Names of verified ControllerRevisions: a `kubectl rollout undo` to one of them left nothing of anybody's own in the template, and is taken over without a conflict. */
  readonly verified?: ReadonlySet<string>
}

/** Reads every object and dry-runs its apply, all at once. `dryRuns: false` where the namespace isn't there yet. */
export async function planChanges(kube: Kube, manifests: readonly Manifest[], options: Planning, signal: AbortSignal): Promise<readonly PlannedChange[]> {
  return Promise.all(manifests.map((manifest) => planOne(kube, manifest, options, signal)))
}

async function planOne(kube: Kube, manifest: Manifest, options: Planning, signal: AbortSignal): Promise<PlannedChange> {
  const live = await kube.get(refOf(manifest.object), signal)
  const takeOver = live !== undefined && kubectlEntries(live, options.verified).length > 0
  const planned = { manifest, live, takeOver, verified: options.verified }
  if (live !== undefined && live.metadata.deletionTimestamp !== undefined) {
    const held = live.metadata.finalizers?.join(', ') ?? 'none'
    const finding: Finding = { code: 'CONFLICT', severity: 'error', message: `${objectName(live)} is being deleted (finalizers: ${held})`, mend: 'Wait until it is gone, then run the step again.', object: objectName(live), place: manifest.place }
    return { ...planned, change: 'configured', paths: [], findings: [finding] }
  }
  if (!options.dryRuns) return { ...planned, change: live === undefined ? 'created' : 'configured', paths: [], findings: [] }
  try {
    const dry = await kube.apply(manifest.object, { dryRun: true, force: options.force || takeOver }, signal)
    if (live === undefined) return { ...planned, change: 'created', paths: [], findings: [] }
    const paths = compareObjects(live, dry.object)
    const unchanged = paths.length === 0 && !takeOver && ownsSame(live, dry.object, FIELD_MANAGER)
    const findings = takeOver && !options.force ? await conflictsBesidesKubectl(kube, manifest, signal) : []
    return { ...planned, change: unchanged ? 'unchanged' : 'configured', paths, findings }
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    return { ...planned, change: live === undefined ? 'created' : 'configured', paths: [], findings: [{ ...explainFailure(error), place: manifest.place, object: objectName(manifest.object) }] }
  }
}

/** The forced dry run of a take-over hides conflicts with others than kubectl: ask again unforced and keep only those. */
async function conflictsBesidesKubectl(kube: Kube, manifest: Manifest, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    await kube.apply(manifest.object, { dryRun: true }, signal)
    return []
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    const others = error.conflictingManagers.filter((cause) => !KUBECTL_MANAGERS.some((manager) => cause.message.includes(`"${manager}"`)))
    if (error.conflictingManagers.length > 0 && others.length === 0) return []
    const told = new KubeFailure({ status: error.status, reason: error.reason, message: error.message, causes: others.length > 0 ? others : error.causes, request: error.request })
    return [{ ...explainFailure(told), place: manifest.place, object: objectName(manifest.object) }]
  }
}

/** Refuses what the server would refuse, before anything is written: for an object that differs from the one that was planned. */
export async function refuseUnappliable(kube: Kube, planned: PlannedChange, object: KubeObject, force: boolean, signal: AbortSignal): Promise<void> {
  try {
    await kube.apply(object, { dryRun: true, force: force || planned.takeOver }, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    throw new EnsembleError('refused', [{ ...explainFailure(error), place: planned.manifest.place, object: objectName(object) }], { cause: error })
  }
}

export interface AppliedChange {
  readonly object: KubeObject
  readonly change: 'created' | 'configured' | 'unchanged'
}

/** Applies one planned change; a failure names the object and its line. */
export async function applyChange(kube: Kube, planned: PlannedChange, force: boolean, signal: AbortSignal): Promise<AppliedChange> {
  if (planned.change === 'unchanged' && planned.live !== undefined) return { object: planned.live, change: 'unchanged' }
  try {
    let live = planned.live
    if (planned.takeOver && live !== undefined) live = await takeOver(kube, live, planned.verified, signal)
    const applied = await kube.apply(planned.manifest.object, { force }, signal)
    const same = live !== undefined && compareObjects(live, applied.object).length === 0
    return { object: applied.object, change: applied.created ? 'created' : same ? 'unchanged' : 'configured' }
  } catch (error) {
    if (error instanceof EnsembleError || !(error instanceof KubeFailure)) throw error
    throw new EnsembleError('failed', [{ ...explainFailure(error), place: planned.manifest.place, object: objectName(planned.manifest.object) }], { cause: error })
  }
}

function kubectlEntries(live: KubeObject, verified: ReadonlySet<string> | undefined): readonly { readonly index: number; readonly entry: ManagedFields }[] {
  const wanted = statusOf.safeParse(live).data?.status.updateRevision
  const rolledBack = (entry: ManagedFields): boolean => wanted !== undefined && verified?.has(wanted) === true && isRollback(entry)
  return (live.metadata.managedFields ?? []).flatMap((entry, index) => (KUBECTL_MANAGERS.includes(entry.manager) && entry.subresource === undefined && (hasLastApplied(entry) || rolledBack(entry)) ? [{ index, entry }] : []))
}

const statusOf = z.object({ kind: z.literal('StatefulSet'), status: z.object({ updateRevision: z.string() }) })
const templateOnly = z.strictObject({ 'f:spec': z.strictObject({ 'f:template': z.unknown() }) })

/** `kubectl rollout undo` writes the template and nothing else, as manager kubectl (seen with 1.36); `kubectl edit`, `set` and `patch` have names of their own. */
function isRollback(entry: ManagedFields): boolean {
  return entry.manager === 'kubectl' && entry.operation === 'Update' && templateOnly.safeParse(entry.fieldsV1).success
}

/** Entries that `kubectl apply` made own its last-applied annotation, client side; `kubectl apply --server-side` makes entries of operation Apply. */
function hasLastApplied(entry: ManagedFields): boolean {
  return entry.operation === 'Apply' || JSON.stringify(entry.fieldsV1 ?? {}).includes('kubectl.kubernetes.io/last-applied-configuration')
}

/** Whether a managedFields entry is what we, or a `kubectl apply` that we take over, own of an object. */
export function isOursOrKubectl(entry: ManagedFields): boolean {
  if (entry.subresource !== undefined && entry.subresource !== '') return false
  return (entry.manager === FIELD_MANAGER && entry.operation === 'Apply') || (KUBECTL_MANAGERS.includes(entry.manager) && hasLastApplied(entry))
}

/** Renames kubectl's entries to ours (and merges them into one that we have), so that what the manifest no longer has goes away and nobody conflicts. */
async function takeOver(kube: Kube, live: KubeObject, verified: ReadonlySet<string> | undefined, signal: AbortSignal): Promise<KubeObject> {
  const entries = kubectlEntries(live, verified)
  const all = live.metadata.managedFields ?? []
  const ours = all.find((entry) => entry.manager === FIELD_MANAGER && entry.operation === 'Apply' && entry.subresource === undefined)
  const first = entries[0]?.entry
  if (first === undefined) return live
  const fields = [...entries.map(({ entry }) => entry.fieldsV1), ours?.fieldsV1].reduce<unknown>(mergeFields, {})
  const rest = all.filter((entry) => entry !== ours && !entries.some((one) => one.entry === entry))
  const merged: ManagedFields = { ...first, manager: FIELD_MANAGER, operation: 'Apply', fieldsV1: fields }
  const operations: JsonPatchOperation[] = [
    { op: 'replace', path: '/metadata/managedFields', value: [...rest, merged] },
    // Makes a race with another writer a 409 instead of a lost entry.
    { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
  ]
  try {
    return await kube.patch(refOf(live), operations, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    throw failure('failed', 'CONFLICT', `${objectName(live)} was changed by someone else while it was being taken over from kubectl`, { object: objectName(live), mend: 'Run the step again.' }, error)
  }
}

/** The union of two FieldsV1 trees. */
export function mergeFields(a: unknown, b: unknown): unknown {
  if (!isTree(a)) return isTree(b) ? b : {}
  if (!isTree(b)) return a
  const merged: Record<string, unknown> = { ...a }
  for (const [key, value] of Object.entries(b)) merged[key] = key in merged ? mergeFields(merged[key], value) : value
  return merged
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
