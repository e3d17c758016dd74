// Everything that can be known before the first write: rights, namespace, lock, what is there
// already, and what an apply would do. All findings in one failure.

import { compareObjects, rollsMembers } from '../../decide/apply/changes.ts'
import type { PreflightInput } from '../../decide/preflight/finding.ts'
import { judgePreflight, looksLeftOut } from '../../decide/preflight/judge-preflight.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { RELEASE_MS, type Lock } from '../../record/lock.ts'
import {
  droppedInWords,
  emptyRecord,
  ofThisSet,
  readRecord,
  verifiedNames,
  type StoredRecord,
  type EnsembleRecord,
} from '../../record/record.ts'
import { warningText } from '../../report/annotations.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { ClaimView, NodeView } from '../../view/surroundings.ts'
import type { LabelSelector, PodView } from '../../view/workload.ts'
import { refuseMissing, rightsToVerify, untriedBy, type Rights } from '../open/access.ts'
import { connectionString, memberImage } from '../open/ensemble-target.ts'
import type { Target } from '../open/ensemble.ts'
import { lockFor } from '../open/hold-ensemble.ts'
import { wantedCount } from './kept-count.ts'
import { readLeftPods, type Adopting, type LeftBehind } from './left-pods.ts'
import { lintWithCluster } from './lint-cluster.ts'
import { lookAround, type DeployRequest, type JudgeRights, type Seen } from './look-around.ts'
import { ensureNamespace } from './namespace.ts'
import { planChanges, type PlannedChange } from './plan-changes.ts'
import { preflightInput } from './preflight-input.ts'
import { tryPod } from './try-pod.ts'

/** What the way forward stands on. */
export interface Ground {
  readonly target: Target
  readonly profile: ProfileName
  readonly selector: LabelSelector
  readonly rights: Rights
  /** With their namespace, in the order in which they are applied. */
  readonly manifests: readonly Manifest[]
  readonly setManifest: Manifest
  /** Image of the member's container. */
  readonly image: string
  readonly plan: readonly PlannedChange[]
  /** The StatefulSet as it is; undefined on a first install. */
  readonly live: KubeObject | undefined
  /** The pod template changes: members will be replaced. */
  readonly rolls: boolean
  /** Pods that an earlier StatefulSet has left, and the one that adopts them before all else. */
  readonly adopting: Adopting | undefined
  readonly nodes: readonly NodeView[] | undefined
  /** Claims of the namespace; undefined: may not be read. */
  readonly claims: readonly ClaimView[] | undefined
  /** The set's pods; undefined: not read, since the namespace has no claim. */
  readonly pods: readonly PodView[] | undefined
  readonly stored: StoredRecord
  readonly lock: Lock
}

/** The ground of a run that takes no lock. */
export type Inspected = Omit<Ground, 'lock'>

/** Every right that a deploy needs. */
export function refuseWithout({
  inputs,
  loaded: { profile },
}: Pick<DeployRequest, 'inputs' | 'loaded'>): JudgeRights {
  return (rights, namespace) => {
    refuseMissing(rights.missing, 'ACCESS_DENIED')
    if (inputs.verify !== 'off')
      refuseMissing(rightsToVerify(rights, profile, namespace), 'CHECK_IMPOSSIBLE')
  }
}

export async function inspectGround(
  kube: Kube,
  request: DeployRequest,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Ground> {
  const { inputs, run, deadline } = request
  const seen = await lookAround(kube, request, refuseWithout(request), signal)
  const { namespace, namespaceState: state, target } = seen
  if (state.kind !== 'there') await refuseBeforeNamespace(kube, seen, signal)
  await ensureNamespace(kube, seen, signal)
  if (state.kind === 'missing' && !inputs.createNamespace)
    await applyOwnNamespace(kube, seen, signal)
  const lockable = { namespace, ensemble: target.name, until: deadline }
  const lock = await lockFor(kube, { dryRun: false }, run, lockable, signal)
  try {
    const how = { dryRuns: true, lint: state.kind === 'there', compares: false }
    return { ...(await inspectObjects(kube, seen, how, signal, done)), lock }
  } catch (error) {
    await lock.release(AbortSignal.timeout(RELEASE_MS))
    throw error
  }
}

/** Once more, under the lock that is held: the StatefulSet is another one than it was. */
export async function inspectAgain(
  kube: Kube,
  request: DeployRequest,
  lock: Lock,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Ground> {
  const seen = await lookAround(kube, request, refuseWithout(request), signal)
  const how = { dryRuns: true, lint: true, compares: false }
  return { ...(await inspectObjects(kube, seen, how, signal, done)), lock }
}

/**
 * Without a namespace there is nothing to lock, to read or to dry-run yet: judges what can be
 * judged before it is made.
 */
async function refuseBeforeNamespace(kube: Kube, seen: Seen, signal: AbortSignal): Promise<void> {
  const plan = await planChanges(
    kube,
    seen.manifests,
    { force: seen.inputs.forceConflicts, dryRuns: false },
    signal,
  )
  const linted = await lintAgain(kube, seen, undefined, signal)
  refuseFaults(seen, plan, linted, { record: emptyRecord(seen.target.name), behind: undefined })
}

/** How objects are looked at. */
interface Objects {
  readonly dryRuns: boolean
  /** The lint is asked once more, with what the cluster tells. */
  readonly lint: boolean
  /** Where an apply may not be tried the object is compared with what stands in the cluster. */
  readonly compares: boolean
  /** Hears what was planned before it is judged. `missing`: the namespace, where it isn't there. */
  readonly planned?:
    | ((plan: readonly PlannedChange[], missing: string | undefined) => void)
    | undefined
}

export interface Unlocked extends Pick<Objects, 'planned' | 'compares'> {
  readonly judge: JudgeRights
}

/**
 * The same for a run that changes nothing: without the lock, and without making the namespace.
 * `there`: the namespace is.
 */
export async function inspectUnlocked(
  kube: Kube,
  request: DeployRequest,
  { judge, planned, compares }: Unlocked,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Inspected & { readonly there: boolean }> {
  const seen = await lookAround(kube, request, judge, signal)
  const there = seen.namespaceState.kind === 'there'
  const how = { dryRuns: there, lint: true, planned, compares }
  return { ...(await inspectObjects(kube, seen, how, signal, done)), there }
}

function lintAgain(
  kube: Kube,
  { inputs, loaded, namespace, namespaceState }: Seen,
  live: KubeObject | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return lintWithCluster(
    kube,
    loaded,
    { namespace, there: namespaceState.kind === 'there', live, level: inputs.lint },
    signal,
  )
}

/** The record, what an apply of each object would change, and everything that stands against it. */
async function inspectObjects(
  kube: Kube,
  seen: Seen,
  how: Objects,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Inspected> {
  const { inputs, run, namespace, namespaceState, rights, target, manifests, setManifest } = seen
  const there = namespaceState.kind === 'there'
  const read = there
    ? await readRecord(kube, namespace, target.name, signal)
    : { record: emptyRecord(target.name), object: undefined }
  const plan = await planChanges(
    kube,
    manifests,
    {
      force: inputs.forceConflicts,
      dryRuns: how.dryRuns,
      ...(how.compares ? { untried: untriedBy(rights.missing) } : {}),
      verified: verifiedNames(read.record),
    },
    signal,
  )
  how.planned?.(plan, missingIn(seen))
  const own = plan.find((planned) => planned.manifest === setManifest)
  const { stored, dropped } = ofThisSet<StoredRecord>(read, own?.live?.metadata.uid)
  if (dropped !== null) run.report.note(droppedInWords(dropped, target.name))
  const behind =
    there && own?.live === undefined ? await readLeftPods(kube, seen, stored, signal) : undefined
  const live = own?.live ?? behind?.adopting?.set
  const found = await lintedAndTried(kube, seen, { how, own, live }, signal)
  refuseFaults(seen, plan, found, { record: stored.record, behind })
  tellWanted(seen, live)
  const changing = plan.filter((planned) => planned.change !== 'unchanged').length
  done(changing === 0 ? 'nothing to change' : `${changing} of ${plan.length} objects to change`)
  return { ...inspectedOf(seen, plan, own, stored), ...adoptionOf(own, behind) }
}

/** The namespace, where it is not there and would be made. */
function missingIn({ namespace, namespaceState }: Seen): string | undefined {
  return namespaceState.kind === 'missing' ? namespace : undefined
}

async function lintedAndTried(
  kube: Kube,
  seen: Seen,
  {
    how,
    own,
    live,
  }: {
    readonly how: Objects
    readonly own: PlannedChange | undefined
    readonly live: KubeObject | undefined
  },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { manifests, setManifest } = seen
  // Of a set that stays as it is no pods are made.
  const tried =
    how.dryRuns && own !== undefined && own.change !== 'unchanged'
      ? await tryPod(kube, { manifests, setManifest, runs: live !== undefined }, signal)
      : []
  return [...(how.lint ? await lintAgain(kube, seen, live, signal) : []), ...tried]
}

/** What is adopted, and whether the change replaces members once it is. */
function adoptionOf(
  own: PlannedChange | undefined,
  behind: LeftBehind | undefined,
): Partial<Pick<Inspected, 'adopting' | 'rolls'>> {
  const adopting = behind?.adopting
  if (adopting === undefined) return {}
  const rolls = own?.result !== undefined && rollsMembers(compareObjects(adopting.set, own.result))
  return { adopting, rolls }
}

/** How many members there will be, where clients find them, and what there was before. */
function tellWanted(
  { run, target, setManifest: { object } }: Seen,
  live: KubeObject | undefined,
): void {
  const replicas = wantedCount(object, live)
  run.report.about({
    replicas,
    connectionString: connectionString(target, toSet(object).start, replicas),
    previousRevision: live === undefined ? '' : toSet(live).status.updateRevision,
  })
  run.publish()
}

function inspectedOf(
  { loaded, surroundings, pods, target, rights, manifests, setManifest }: Seen,
  plan: readonly PlannedChange[],
  own: PlannedChange | undefined,
  stored: StoredRecord,
): Inspected {
  return {
    target,
    profile: loaded.profile,
    selector: toSet(setManifest.object).selector,
    rights,
    manifests,
    setManifest,
    image: memberImage(setManifest.object, loaded.profile),
    plan,
    live: own?.live,
    rolls: own?.live !== undefined && rollsMembers(own.paths),
    adopting: undefined,
    nodes: surroundings.nodes,
    claims: surroundings.claims,
    pods: pods?.own,
    stored,
  }
}

/** What was read of the ensemble besides its objects. */
interface Known {
  readonly record: Pick<EnsembleRecord, 'underWay'>
  readonly behind: LeftBehind | undefined
}

/**
 * All findings of preflight and dry runs in one failure, with their lines; warnings are told once.
 */
function refuseFaults(
  seen: Seen,
  plan: readonly PlannedChange[],
  linted: readonly Finding[],
  { record, behind }: Known,
): void {
  const { run, setManifest } = seen
  const input: PreflightInput = preflightInput(seen, plan, record, behind)
  const judged = judgePreflight(input).map(({ path, ...finding }): Finding =>
    path === undefined ? finding : { ...finding, place: setManifest.placeOf(path) },
  )
  // The server's own words on an immutable field name no field: ours do.
  const dry = plan
    .flatMap((planned) => planned.findings)
    .filter(
      (finding) =>
        finding.code !== 'IMMUTABLE_FIELD' || !judged.some((own) => own.code === 'IMMUTABLE_FIELD'),
    )
  const findings = [...judged, ...linted, ...dry]
  for (const finding of findings) {
    if (
      finding.severity === 'error' ||
      run.report.findings.some((known) => known.message === finding.message)
    )
      continue
    run.report.found(finding)
    run.journal[finding.severity](warningText(finding), finding.place)
  }
  const leftOut = looksLeftOut(input)
  const note = `Preflight did not look at ${leftOut.join(', ')}: the rights are missing.`
  if (leftOut.length > 0 && !run.report.notes.includes(note)) run.report.note(note)
  const [first, ...rest] = findings.filter((finding) => finding.severity === 'error')
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
}

/** The manifests bring their namespace themselves: it must be there before the lock can be. */
async function applyOwnNamespace(
  kube: Kube,
  { manifests, run: { report } }: Seen,
  signal: AbortSignal,
): Promise<void> {
  for (const { object } of manifests.filter((manifest) => manifest.object.kind === 'Namespace')) {
    await kube.apply(object, {}, signal)
    report.did({ line: `namespace/${object.metadata.name} created` })
    report.stands(`namespace ${object.metadata.name} was made; nothing else was changed`)
  }
}
