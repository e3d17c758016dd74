// Everything that can be known before the first write: rights, namespace, lock, what is there
// already, and what an apply would do. All findings in one failure.

import { rollsMembers } from '../../decide/apply/changes.ts'
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
  refuseFaults(seen, plan, linted, emptyRecord(seen.target.name))
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
  const read =
    namespaceState.kind === 'there'
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
  how.planned?.(plan, namespaceState.kind === 'missing' ? namespace : undefined)
  const own = plan.find((planned) => planned.manifest === setManifest)
  const { stored, dropped } = ofThisSet<StoredRecord>(read, own?.live?.metadata.uid)
  if (dropped !== null) run.report.note(droppedInWords(dropped, target.name))
  // Of a set that stays as it is no pods are made.
  const tried =
    how.dryRuns && own !== undefined && own.change !== 'unchanged'
      ? await tryPod(kube, { manifests, setManifest, runs: own.live !== undefined }, signal)
      : []
  const linted = how.lint ? await lintAgain(kube, seen, own?.live, signal) : []
  refuseFaults(seen, plan, [...linted, ...tried], stored.record)
  tellWanted(seen, own?.live)
  const changing = plan.filter((planned) => planned.change !== 'unchanged').length
  done(changing === 0 ? 'nothing to change' : `${changing} of ${plan.length} objects to change`)
  return inspectedOf(seen, plan, own, stored)
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
    nodes: surroundings.nodes,
    claims: surroundings.claims,
    pods: pods?.own,
    stored,
  }
}

/**
 * All findings of preflight and dry runs in one failure, with their lines; warnings are told once.
 */
function refuseFaults(
  seen: Seen,
  plan: readonly PlannedChange[],
  linted: readonly Finding[],
  record: Pick<EnsembleRecord, 'underWay'>,
): void {
  const { run, setManifest } = seen
  const input: PreflightInput = preflightInput(seen, plan, record)
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
