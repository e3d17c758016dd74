// scale: one member at a time, up and down, the member list changed along; what was reached stays
// when a step fails, and the next run continues from there.

import { bestEffort } from '../best-effort.ts'
import { leftRingInWords } from '../decide/preflight/left-over-claims.ts'
import { closedMembership, membershipOf } from '../decide/preflight/membership.ts'
import {
  harmfulClaims,
  planScale,
  serveAlone,
  strandedBy,
  withAwaited,
  type ScaleSituation,
  type ScaleStep,
} from '../decide/scale.ts'
import { scaleLeft } from '../decide/scale-left.ts'
import {
  apart,
  removesBegun,
  evenVoters,
  leftForGood,
  unchangeable,
  whyNotScaled,
  type ScaleGround,
} from '../decide/scale-refusals.ts'
import { EnsembleError, failure, type Finding } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { KubeObject } from '../kube/kube.ts'
import { memberCountOf } from '../manifests/member-list.ts'
import { rightsToScale } from '../procedures/open/access.ts'
import { lastLook } from '../procedures/rollout/last-look.ts'
import { isUnfinished } from '../procedures/rollout/bring.ts'
import { watchData } from '../procedures/verify/data-watch.ts'
import { verifiedSet } from '../procedures/deploy/begun-growth.ts'
import { knownLists } from '../procedures/scale/known-lists.ts'
import { partitionOf } from '../manifests/partition.ts'
import { baseOf, markScaled, strategyOf } from '../procedures/scale/scaled.ts'
import { RELEASE_MS } from '../record/lock.ts'
import {
  awaitMembers,
  planOne,
  resized,
  takeStep,
  type Resizing,
} from '../procedures/scale/resize.ts'
import { claimsAt, deleteClaims, type Claim } from '../procedures/scale/scale-claims.ts'
import {
  refuseUnableToLeave,
  refuseUnkept,
  refuseUnsound,
  whereCutOff,
  whoIsAway,
} from '../procedures/scale/scale-gates.ts'
import {
  deleteServices,
  makeServices,
  planServices,
  servicesToDelete,
  type ServiceToDelete,
} from '../procedures/scale/scale-services.ts'
import { holdEnsemble, type LockedEnsemble } from '../procedures/open/hold-ensemble.ts'
import { verifyPhase, type verifyEnsemble } from '../procedures/verify/verify-ensemble.ts'
import { begunInWords, verifiedNames, type UnderWay } from '../record/record.ts'
import { warningText } from '../report/annotations.ts'
import type { Run } from '../run.ts'
import type { EnsembleView } from '../view/surroundings.ts'

export async function scale(inputs: Inputs, run: Run): Promise<void> {
  await holdEnsemble(
    inputs,
    run,
    { rights: (namespace) => rightsToScale(namespace, inputs.deleteClaims), limit: 'member' },
    scaleIn,
  )
}

async function scaleIn(ensemble: LockedEnsemble, signal: AbortSignal): Promise<void> {
  const { inputs, run, record } = ensemble
  const { report } = run
  const target = inputs.replicas ?? 1
  const base = toScale(ensemble, target)
  const plan = await planAll(ensemble, base.set, target, signal)
  const even = evenVoters(ensemble.profile.name, target)
  if (even !== undefined) {
    report.found(even)
    run.journal.warning(warningText(even))
  }
  const { steps, claims, goes } = plan
  if (inputs.dryRun) {
    foretell(ensemble, plan)
    return
  }
  if (steps.every((step) => step.kind === 'await') && claims.length === 0 && goes.length === 0) {
    let view = ensemble.before
    for (const step of steps) view = await awaitMembers(ensemble, step, signal)
    await verifyThen(ensemble, view, () => Promise.resolve([]), signal)
    await record.end(signal)
    report.stands(`${target} members are there, as asked`)
    report.ends('unchanged')
    return
  }
  const { underWay } = record.current
  await record.begin(
    {
      operation: 'scale',
      digest: '',
      set: ensemble.before.set?.uid,
      previous: underWay?.previous ?? report.previousRevision,
      replicas: target,
      strategy: underWay?.strategy === undefined ? strategyOf(base.set) : underWay.strategy,
      ...(claims.length === 0 ? {} : { claims: [...claims] }),
      ...(goes.length === 0 ? {} : { services: [...goes] }),
    },
    signal,
  )
  await takeSteps(ensemble, base, plan, underWay, signal)
}

interface Base {
  /** As its owners wrote it, whatever the number of its members. */
  readonly set: KubeObject
  /** The number of members for which its companions are. */
  readonly from: number
}

/** Where members go that a deploy has begun to make, the set as it was verified. */
function toScale(ensemble: LockedEnsemble, target: number): Base {
  const { stored } = ensemble.record
  const { set } = ensemble.before
  const underWay = underWayOf(ensemble)
  const verified =
    set !== undefined && removesBegun({ set, underWay, target }) ? verifiedSet(stored) : undefined
  return verified === undefined
    ? { set: baseOf(ensemble.set, stored), from: set?.replicas ?? target }
    : { set: verified, from: underWay?.from ?? target }
}

interface Plan {
  readonly target: number
  readonly steps: readonly ScaleStep[]
  readonly claims: readonly Claim[]
  /** Services to make before the first step. */
  readonly comes: readonly KubeObject[]
  /** Services to delete after the last. */
  readonly goes: readonly ServiceToDelete[]
}

function foretell(
  { run: { report } }: LockedEnsemble,
  { target, steps, claims, comes, goes }: Plan,
): void {
  report.about({
    meaning: [
      steps.length === 0
        ? `${target} of ${target} members are there already: no step would be taken.`
        : `${steps.length} ${steps.length === 1 ? 'step' : 'steps'} would be taken, the others back in the quorum before the next:`,
      ...steps.map(({ words, outage }) =>
        outage === undefined ? `${words}.` : `${words}: ${outage}.`,
      ),
    ],
  })
  report.row(
    ...comes.map(({ metadata }) => ({
      object: `service/${metadata.name}`,
      change: 'created' as const,
      note: 'would be',
    })),
    ...[
      ...goes.map(({ name }) => `service/${name}`),
      ...claims.map(({ name }) => `persistentvolumeclaim/${name}`),
    ].map((object) => ({ object, change: 'deleted' as const, note: 'would be' })),
  )
  report.stands('nothing was changed')
  report.ends('planned')
}

/** Everything that could refuse the change is asked before anything is changed. */
async function planAll(
  ensemble: LockedEnsemble,
  base: KubeObject,
  target: number,
  signal: AbortSignal,
): Promise<Plan> {
  const { kube, set, before } = ensemble
  return ensemble.run.journal.phase('Plan the steps', async (done) => {
    const planned = planSteps(ensemble, base, target, {
      known: await knownLists(kube, set, before, ensemble.profile.name, signal),
      ...(await cutOffIn(ensemble, signal)),
    })
    const steps = await stepsWithWaits(ensemble, planned, target, signal)
    const sizes = sizesOf(ensemble, base, planned)
    const largest = sizes.toSorted((a, b) => b.count - a.count)[0]
    const comes = largest === undefined ? [] : await planServices(ensemble, largest.set, signal)
    await refuseUnfit(ensemble, { planned, steps, first: sizes[0]?.set }, signal)
    tellOutages(ensemble, steps)
    done(
      steps.length === 0
        ? `${target} of ${target} members are there already`
        : steps.map((step) => step.words).join('; '),
    )
    return {
      target,
      steps,
      claims: claimsToDelete(ensemble, target),
      comes,
      goes: await servicesToDelete(ensemble, target, signal),
    }
  })
}

/** Of a scale that was cut off: whom its lists keep apart. */
async function cutOffIn(
  ensemble: LockedEnsemble,
  signal: AbortSignal,
): Promise<Pick<ScaleSituation, 'stranded' | 'alone'>> {
  const listed = memberCountOf(ensemble.set, ensemble.profile.name)
  if (ensemble.record.current.underWay === null || typeof listed !== 'number') return {}
  const cutOff = await whereCutOff(ensemble, listed, signal)
  return cutOff === undefined ? {} : { stranded: strandedBy(cutOff), alone: serveAlone(cutOff) }
}

/** With a step more where members that should serve are waited for. */
async function stepsWithWaits(
  ensemble: LockedEnsemble,
  planned: readonly ScaleStep[],
  target: number,
  signal: AbortSignal,
): Promise<readonly ScaleStep[]> {
  const begun = ensemble.record.current.underWay !== null
  const count = ensemble.before.set?.replicas ?? target
  const { away } =
    planned.length === 0 || begun ? await whoIsAway(ensemble, new Set(), signal) : { away: [] }
  refuseLeft(ensemble, away, target)
  return withAwaited(planned, { away, count, begun })
}

function refuseLeft(
  { before: { set }, profile, record }: LockedEnsemble,
  away: readonly string[],
  target: number,
): void {
  const begun = record.current.underWay?.replicas
  if (profile.name !== 'cassandra' || set === undefined || begun === undefined) return
  const left = leftForGood(set, { begun, target, away })
  if (left !== undefined) throw refused(left)
}

/** The set as each step leaves it; who is waited for changes nothing. */
function sizesOf(
  { profile: { name: profile } }: LockedEnsemble,
  base: KubeObject,
  planned: readonly ScaleStep[],
): readonly { readonly count: number; readonly set: KubeObject }[] {
  return planned.map(({ count }) => ({ count, set: resized({ base, profile }, count) }))
}

/** Asks the members, their claims, and the server that is to take the `first` change of the set. */
async function refuseUnfit(
  ensemble: LockedEnsemble,
  {
    planned,
    steps,
    first,
  }: {
    readonly planned: readonly ScaleStep[]
    readonly steps: readonly ScaleStep[]
    readonly first: KubeObject | undefined
  },
  signal: AbortSignal,
): Promise<void> {
  const { inputs, record } = ensemble
  if (planned.length > 0) {
    await refuseUnsound(ensemble, steps, signal)
    await refuseUnkept(ensemble, Math.min(...planned.map((step) => step.count)), signal)
  }
  await refuseUnableToLeave(ensemble, steps, signal)
  if (first === undefined) return
  const asked = { force: inputs.forceConflicts, verified: verifiedNames(record.current) }
  await planOne(ensemble, asked, first, signal)
}

function tellOutages(
  { run: { journal, report } }: LockedEnsemble,
  steps: readonly ScaleStep[],
): void {
  for (const { words, outage } of steps) {
    if (outage === undefined) continue
    journal.warning(`${words}: ${outage}`)
    report.note(`${words}: ${outage}.`)
  }
}

async function takeSteps(
  before: LockedEnsemble,
  { set: base, from }: Base,
  { target, steps, claims, comes, goes }: Plan,
  underWay: UnderWay | null,
  signal: AbortSignal,
): Promise<void> {
  const {
    run: { journal, report },
    inputs,
    record,
    profile: { name: profile },
  } = before
  const set = resized({ base, profile }, target)
  const watch = steps.length === 0 ? undefined : await watchData(before, before.follower, signal)
  const left = [...steps]
  try {
    const ensemble = await makeServices(before, comes, set, signal)
    const resizing: Resizing = {
      ensemble,
      profile,
      base,
      force: inputs.forceConflicts,
      verified: verifiedNames(record.current),
      deletesClaims: inputs.deleteClaims,
    }
    let view: EnsembleView = ensemble.before
    for (const step of steps) {
      view = await takeStep(resizing, step, signal)
      left.shift()
    }
    await verifyThen(
      ensemble,
      view,
      () => watch?.finish(view, signal) ?? Promise.resolve([]),
      signal,
    )
    await deleteClaims(ensemble, claims, signal)
    await deleteServices(ensemble, goes, signal)
    await markScaled(ensemble, { set, view, from, to: target }, signal)
    report.stands(`${target} ${target === 1 ? 'member serves' : 'members serve'}`)
    report.ends(report.changed ? 'succeeded' : 'unchanged')
  } catch (error) {
    await watch?.abandon()
    await lastLook(before, before.follower, before.run.signal)
    // Nothing was begun, so nothing is under way.
    if (!report.changed && underWay === null)
      await bestEffort(journal, 'the record still names the scale that was not begun', () =>
        record.end(AbortSignal.timeout(RELEASE_MS)),
      )
    explainLeft(before, { steps: left, target, underWay })
    throw error
  }
}

/** What the cluster shows, and what stands against a change of it. */
function planSteps(
  ensemble: LockedEnsemble,
  base: KubeObject,
  target: number,
  lists: Pick<ScaleSituation, 'known' | 'stranded' | 'alone'>,
): readonly ScaleStep[] {
  const profile = ensemble.profile.name
  const { set } = ensemble.before
  const { name, namespace } = ensemble.target
  const object = `statefulset/${name}`
  if (set === undefined || set.replicas === 0)
    throw failure('refused', 'NOT_FOUND', `${object} has no members`, {
      object,
      fix: 'Deploy it with as many members as are wanted.',
    })
  const { replicas, start } = set
  const partition = partitionOf(base)
  // A scale that was cut off left OnDelete behind, whatever the members run.
  const unfinished =
    isUnfinished(ensemble.before, partition) ||
    (partition !== undefined && set.strategy.type === 'OnDelete')
  const underWay = underWayOf(ensemble)
  const against = whyNotScaled({ set, underWay, partition, unfinished, target })
  if (against !== undefined) throw refused(against)
  const closed =
    membershipOf(profile) === 'closed' && target !== replicas
      ? closedMembership({ name, namespace, from: replicas, to: target })
      : undefined
  const listed = closed ?? memberCountOf(ensemble.set, profile)
  if (typeof listed !== 'number') throw refused(unchangeable(set, listed))
  const voting = profile === 'zookeeper'
  const steps = planScale({ name, start, replicas, listed, unfinished, target, voting, ...lists })
  if (steps === undefined) throw refused(apart(set, listed))
  judgeOldClaims(ensemble, steps)
  return steps
}

function underWayOf({
  record,
  profile,
  target: { name },
}: LockedEnsemble): ScaleGround['underWay'] {
  const { underWay } = record.current
  return underWay === null
    ? undefined
    : {
        operation: underWay.operation,
        from: underWay.from,
        ...begunInWords(underWay, name, profile.name),
      }
}

function refused(finding: Finding): EnsembleError {
  return new EnsembleError('refused', [finding])
}

/**
 * Claims that members of before left behind: where a newcomer may use them that is said, where they
 * would harm it is refused.
 */
function judgeOldClaims(ensemble: LockedEnsemble, steps: readonly ScaleStep[]): void {
  const {
    profile: { name: profile },
    run: { report },
  } = ensemble
  const { set } = ensemble.before
  const adds = steps.filter((step) => step.kind === 'add')
  if (set === undefined) return
  const { name, namespace } = ensemble.target
  const old = claimsAt(
    ensemble.before,
    adds
      .flatMap((step) => step.ordinal ?? [])
      .filter((ordinal) => !ensemble.before.pods.some((pod) => pod.ordinal === ordinal)),
  )
  const harmful = harmfulClaims(
    profile,
    old,
    adds[0]?.count === 2 ? claimsAt(ensemble.before, [set.start + 1]) : [],
  )
  const names = harmful.map((claim) => claim.name)
  if (harmful.length > 0) {
    const why =
      profile === 'cassandra'
        ? leftRingInWords(names)
        : `${names.join(', ')} holds data of an earlier installation: between two members alone it may win over the data of ${name}-${set.start}`
    throw failure('refused', 'CLAIM_PENDING', why, {
      object: `persistentvolumeclaim/${names[0] ?? ''}`,
      fix: `If that data may go: kubectl -n ${namespace} delete pvc ${names.join(' ')}`,
    })
  }
  if (old.length > 0)
    report.note(
      `Claims of an earlier installation are used again: ${old.map((claim) => claim.name).join(', ')}.`,
    )
}

/** Those of members that go, and those that an earlier run of the same kind had left to do. */
function claimsToDelete(ensemble: LockedEnsemble, target: number): readonly Claim[] {
  const { inputs, record } = ensemble
  const { set } = ensemble.before
  if (!inputs.deleteClaims || set === undefined) return []
  const begun =
    record.current.underWay?.replicas === target ? (record.current.underWay.claims ?? []) : []
  const going = claimsAt(
    ensemble.before,
    Array.from(
      { length: Math.max(0, set.replicas - target) },
      (_, index) => set.start + target + index,
    ),
  )
  const there = begun.filter((claim) => ensemble.before.claims.some((one) => one.uid === claim.uid))
  return [...going, ...there.filter((claim) => !going.some((one) => one.uid === claim.uid))]
}

async function verifyThen(
  ensemble: LockedEnsemble,
  view: EnsembleView,
  more: Parameters<typeof verifyEnsemble>[3],
  signal: AbortSignal,
): Promise<void> {
  const { inputs } = ensemble
  await verifyPhase(
    ensemble,
    view,
    {
      level: inputs.verify,
      unchecked:
        'the members were not asked whether they are in the quorum, and this revision does not count as verified.',
      more,
    },
    signal,
  )
}

/** What was reached stays. Also where a run continues in vain what another one has begun. */
function explainLeft(
  ensemble: LockedEnsemble,
  {
    steps,
    target,
    underWay,
  }: {
    readonly steps: readonly ScaleStep[]
    readonly target: number
    /** What an earlier run had begun. */
    readonly underWay: UnderWay | null
  },
): void {
  const {
    run: { report },
    profile: { name: profile },
  } = ensemble
  const [next, ...later] = steps
  if ((!report.changed && underWay === null) || next === undefined) return
  const replicas = report.replicas ?? ensemble.before.set?.replicas ?? 0
  const left = scaleLeft([next, ...later], {
    replicas,
    target,
    profile,
    begun: underWay?.replicas,
  })
  report.stands(
    `${report.readyReplicas ?? 0} of ${replicas} members are ready; reached: ${left.reached} members`,
  )
  report.note(left.words)
  report.about({ waysOn: left.waysOn })
}
