// Everything that can be known before the first write: rights, namespace, lock, what is there
// already, and what an apply would do. All findings in one failure.

import type { Deadline } from '../../clock.ts'
import { rollsMembers } from '../../decide/apply/changes.ts'
import { judgePreflight, looksLeftOut } from '../../decide/preflight/judge-preflight.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import { memberContainer } from '../../manifests/ensemble.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { toSet } from '../../kube/views/index.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { refOf, type Kube, type KubeObject } from '../../kube/kube.ts'
import type { Loaded } from '../../manifests/load.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import {
  emptyRecord,
  ofThisSet,
  readRecord,
  verifiedNames,
  type StoredRecord,
  droppedInWords,
} from '../../record/record.ts'
import {
  LOCK_WAIT_MS,
  leaseName,
  newIdentity,
  takeLock,
  type Lock,
  RELEASE_MS,
} from '../../record/lock.ts'
import { warningText } from '../../report/annotations.ts'
import type { Run } from '../../run.ts'
import type { ClaimView, NodeView } from '../../view/surroundings.ts'
import type { LabelSelector, PodView } from '../../view/workload.ts'
import {
  refuseMissing,
  reviewRights,
  untriedBy,
  rightsToApply,
  rightsToLook,
  rightsToRecord,
  rightsToVerify,
  type Rights,
} from '../open/access.ts'
import { planChanges, type PlannedChange } from './plan-changes.ts'
import { connectionString, targetOf } from '../open/ensemble-target.ts'
import { keepCount, leavesCountOut, wantedCount } from './kept-count.ts'
import { lintWithCluster } from './lint-cluster.ts'
import { refuseToCreate, ensureNamespace, readNamespace, type NamespaceState } from './namespace.ts'
import { preflightInput, type Seen } from './preflight-input.ts'
import { servicesIfAllowed } from '../open/read-ensemble.ts'
import { classesIn, readPods, readSurroundings } from './surroundings.ts'
import { tryPod } from './try-pod.ts'
import { inNamespace, resolveNamespace } from './target.ts'
import type { Target } from '../open/ensemble.ts'
import type { PreflightInput } from '../../decide/preflight/finding.ts'

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

/** What was found without a lock: all but the objects themselves. */
interface Site {
  readonly namespace: string
  readonly state: NamespaceState
  readonly rights: Rights
  readonly target: Target
  readonly seen: Seen
  readonly loaded: Loaded
}

export async function inspectGround(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  loaded: Loaded,
  deadline: Deadline,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Ground> {
  const site = await lookAround(
    kube,
    inputs,
    run,
    loaded,
    deadline,
    refuseWithout(inputs, loaded.profile),
    signal,
  )
  const { namespace, state, target, seen } = site
  // Without a namespace there is nothing to lock, to read or to dry-run yet: judge what can be
  // judged before it is made.
  if (state.kind !== 'there')
    refuseFaults(
      seen,
      await planChanges(
        kube,
        seen.manifests,
        { force: inputs.forceConflicts, dryRuns: false },
        signal,
      ),
      await lintAgain(kube, site, undefined, signal),
    )
  await ensureNamespace(kube, inputs, namespace, state, run, signal)
  if (state.kind === 'missing' && !inputs.createNamespace)
    await applyOwnNamespace(kube, seen.manifests, run, signal)
  const identity = newIdentity(run.holder)
  run.remember({ lock: { namespace, lease: leaseName(target.name), identity } })
  const lock = await takeLock(
    kube,
    run.clock,
    {
      namespace,
      ensemble: target.name,
      holder: run.holder,
      identity,
      waitMs: Math.min(LOCK_WAIT_MS, deadline.left()),
      say: (line) => run.journal.info(line),
    },
    signal,
  )
  try {
    return {
      ...(await inspectObjects(
        kube,
        site,
        { dryRuns: true, lint: state.kind === 'there', compares: false },
        signal,
        done,
      )),
      lock,
    }
  } catch (error) {
    await lock.release(AbortSignal.timeout(RELEASE_MS))
    throw error
  }
}

/** Throws where the run can't do without what is missing; the rest of what it lacks is told. */
export type JudgeRights = (
  rights: Rights,
  manifests: readonly Manifest[],
  namespace: string,
) => void

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
  inputs: Inputs,
  run: Run,
  loaded: Loaded,
  deadline: Deadline,
  { judge, planned, compares }: Unlocked,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Inspected & { readonly there: boolean }> {
  const site = await lookAround(kube, inputs, run, loaded, deadline, judge, signal)
  const there = site.state.kind === 'there'
  return {
    ...(await inspectObjects(
      kube,
      site,
      { dryRuns: there, lint: true, planned, compares },
      signal,
      done,
    )),
    there,
  }
}

/** Every right that a deploy needs. */
export function refuseWithout(inputs: Inputs, profile: ProfileName): JudgeRights {
  return (rights, _manifests, namespace) => {
    refuseMissing(rights.missing, 'ACCESS_DENIED')
    if (inputs.verify !== 'off')
      refuseMissing(rightsToVerify(rights, profile, namespace), 'CHECK_IMPOSSIBLE')
  }
}

async function lookAround(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  loaded: Loaded,
  deadline: Deadline,
  judge: JudgeRights,
  signal: AbortSignal,
): Promise<Site> {
  const { report } = run
  const namespace = resolveNamespace(inputs.namespace, loaded.manifests, kube.namespace)
  if (inputs.createNamespace)
    refuseToCreate(
      namespace,
      inputs.namespace !== undefined ||
        loaded.manifests.some(({ object }) => object.metadata.namespace !== undefined),
    )
  report.about({ namespace })
  const given = loaded.manifests.map((manifest) => inNamespace(manifest, namespace))
  const givenSet = given[loaded.manifests.indexOf(loaded.set)] ?? loaded.set

  const needed = [
    ...rightsToLook(namespace),
    ...rightsToRecord(namespace),
    ...rightsToApply(given, namespace),
  ]
  const [rights, state, surroundings] = await Promise.all([
    reviewRights(kube, needed, namespace, signal),
    readNamespace(kube, namespace, run.holder.repository, signal),
    readSurroundings(
      kube,
      namespace,
      {
        wanted: toSet(inNamespace(loaded.set, namespace).object).claimTemplates.map(
          ({ storageClass }) => storageClass,
        ),
        own: classesIn(loaded.manifests),
      },
      signal,
    ),
  ])
  judge(rights, given, namespace)
  tellOmissions(run, rights)
  const setManifest = keepCount(
    givenSet,
    state.kind === 'there' && leavesCountOut(givenSet.object)
      ? await kube.get(refOf(givenSet.object), signal)
      : undefined,
  )
  const manifests = given.map((manifest) => (manifest === givenSet ? setManifest : manifest))
  const target = await targetIn(
    kube,
    setManifest.object,
    manifests.map((manifest) => manifest.object),
    loaded.profile,
    namespace,
    signal,
  )

  const pods =
    (surroundings.claims ?? []).length === 0
      ? undefined
      : await readPods(kube, namespace, toSet(setManifest.object).selector, signal)
  const seen: Seen = {
    inputs,
    run,
    manifests,
    setManifest,
    namespaceState: state,
    surroundings,
    pods,
    deadline,
    credentialsEnd: kube.credentialsEnd,
    profile: loaded.profile,
  }
  return { namespace, state, rights, target, seen, loaded }
}

function lintAgain(
  kube: Kube,
  { namespace, state, loaded, seen }: Site,
  live: KubeObject | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return lintWithCluster(
    kube,
    loaded,
    { namespace, there: state.kind === 'there', live, level: seen.inputs.lint },
    signal,
  )
}

/** The record, what an apply of each object would change, and everything that stands against it. */
async function inspectObjects(
  kube: Kube,
  site: Site,
  how: Objects,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Inspected> {
  const {
    namespace,
    state,
    rights,
    target,
    seen,
    loaded: { profile },
  } = site
  const { inputs, run, manifests, setManifest, surroundings } = seen
  const { report } = run
  const read =
    state.kind === 'there'
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
  how.planned?.(plan, state.kind === 'missing' ? namespace : undefined)
  const own = plan.find((planned) => planned.manifest === setManifest)
  const { stored, dropped } = ofThisSet<StoredRecord>(read, own?.live?.metadata.uid)
  if (dropped !== null) report.note(droppedInWords(dropped, target.name))
  // Of a set that stays as it is no pods are made.
  const tried =
    how.dryRuns && own !== undefined && own.change !== 'unchanged'
      ? await tryPod(kube, { manifests, setManifest, runs: own.live !== undefined }, signal)
      : []
  refuseFaults(seen, plan, [
    ...(how.lint ? await lintAgain(kube, site, own?.live, signal) : []),
    ...tried,
  ])
  const wanted = toSet(setManifest.object)
  const replicas = wantedCount(setManifest.object, own?.live)
  report.about({
    replicas,
    connectionString: connectionString(target, wanted.start, replicas),
    previousRevision: own?.live === undefined ? '' : toSet(own.live).status.updateRevision,
  })
  run.publish()
  const changing = plan.filter((planned) => planned.change !== 'unchanged').length
  done(changing === 0 ? 'nothing to change' : `${changing} of ${plan.length} objects to change`)
  return {
    target,
    profile,
    selector: wanted.selector,
    rights,
    manifests,
    setManifest,
    image: memberImage(setManifest.object, profile),
    plan,
    live: own?.live,
    rolls: own?.live !== undefined && rollsMembers(own.paths),
    nodes: surroundings.nodes,
    claims: surroundings.claims,
    pods: seen.pods?.own,
    stored,
  }
}

/**
 * Services that the member list names may have been made elsewhere: they are looked for where the
 * manifests don't have them.
 */
async function targetIn(
  kube: Kube,
  set: KubeObject,
  own: readonly KubeObject[],
  profile: ProfileName,
  namespace: string,
  signal: AbortSignal,
): Promise<Target> {
  const names = new Set(
    own.flatMap((object) => (object.kind === 'Service' ? [object.metadata.name] : [])),
  )
  if (addressesOf(set, own, profile, namespace).kind !== 'unknown')
    return targetOf(set, own, profile, namespace)
  const there = (await servicesIfAllowed(kube, namespace, signal)) ?? []
  return targetOf(
    set,
    [...own, ...there.filter((object) => !names.has(object.metadata.name))],
    profile,
    namespace,
  )
}

/**
 * All findings of preflight and dry runs in one failure, with their lines; warnings are told once.
 */
function refuseFaults(
  seen: Seen,
  plan: readonly PlannedChange[],
  linted: readonly Finding[],
): void {
  const { run, setManifest } = seen
  const input: PreflightInput = preflightInput(seen, plan)
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

function tellOmissions({ report }: Run, rights: Rights): void {
  const without = [
    [rights.events, 'Events may not be read: causes are told from the pods alone.'],
    [rights.logs, 'Logs may not be read (get pods/log): evidence comes without log lines.'],
    [
      rights.exec || !rights.forward,
      'No right to exec: what only a look into the members can show is left out of the checks.',
    ],
  ] as const
  for (const [allowed, note] of without) if (!allowed) report.note(note)
}

export function memberImage(set: KubeObject, profile: ProfileName): string {
  const spec = parseSet(set)?.spec.template.spec
  return spec === undefined ? '' : (memberContainer(spec, profile)?.image ?? '')
}

/** The manifests bring their namespace themselves: it must be there before the lock can be. */
async function applyOwnNamespace(
  kube: Kube,
  manifests: readonly Manifest[],
  { report }: Run,
  signal: AbortSignal,
): Promise<void> {
  for (const { object } of manifests.filter((manifest) => manifest.object.kind === 'Namespace')) {
    await kube.apply(object, {}, signal)
    report.did({ line: `namespace/${object.metadata.name} created` })
    report.stands(`namespace ${object.metadata.name} was made; nothing else was changed`)
  }
}
