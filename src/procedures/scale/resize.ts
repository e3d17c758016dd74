// One step to another number of members: the set and its member list change in one apply, the
// newcomer serves before the others learn of it, who goes hands over leadership first.

import { mapOf } from '../../manifests/fields-v1.ts'
import { isOursOrKubectl } from '../apply/takings.ts'
import { budgetFor } from '../../manifests/budget-size.ts'
import { connectionString } from '../open/ensemble-target.ts'
import { memberStandings, observed, ownPods, wantedOrdinals } from '../../decide/members/members.ts'
import { deletedWhenScaled } from '../../decide/rollout/keep-data.ts'
import type { ScaleStep } from '../../decide/scale.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { EnsembleError } from '../../errors.ts'
import { unchangeable } from '../../decide/scale-refusals.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { withMembers } from '../../manifests/member-list.ts'
import { ownedPart } from '../../manifests/owned.ts'
import { objectName, refOf, type KubeObject } from '../../kube/kube.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { podsWithout } from './known-lists.ts'
import { applyPlanned } from '../apply/apply.ts'
import { planChanges, refuseFaulty, type PlannedChange } from '../apply/plan-changes.ts'
import { attend } from '../rollout/attend.ts'
import { awaitServing, servingInWords } from '../rollout/await-serving.ts'
import { bringMembers, olderPods } from '../rollout/bring.ts'
import { budgetObjectsFor } from '../open/budgets.ts'
import { spareWriter } from '../verify/data-watch.ts'
import { refuseLoss } from '../verify/keep-data.ts'
import { partitionOf, withPartition } from '../../manifests/partition.ts'
import { newcomersToExcuse, readyToLeave, rollByEvictions } from '../rollout/roll.ts'
import { contextFor, membersOf, verifyEnsemble } from '../verify/verify-ensemble.ts'
import { type Ensemble, checksOf } from '../open/ensemble.ts'

export interface Resizing {
  readonly ensemble: Ensemble
  readonly profile: ProfileName
  /** The StatefulSet as it is to be applied, with any number of members and its own partition. */
  readonly base: KubeObject
  readonly force: boolean
  /** ControllerRevisions that were verified. */
  readonly verified: ReadonlySet<string>
  /** Claims of members that go are to be deleted. */
  readonly deletesClaims: boolean
}

/**
 * The view in which all members of this step serve. Throws as every change does; what was reached
 * stays.
 */
export async function takeStep(
  resizing: Resizing,
  step: ScaleStep,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { profile } = resizing
  const {
    run: { journal, report },
  } = resizing.ensemble
  const ensemble: Ensemble = { ...resizing.ensemble, before: resizing.ensemble.follower.snapshot() }
  const set = resized(resizing, step.count)
  const from = ensemble.before.set?.replicas ?? step.count
  if (step.kind === 'await') return awaitMembers(ensemble, step, signal)
  return journal.phase(step.words, async (done) => {
    const { start: first } = ensemble.before.set ?? { start: 0 }
    if (step.count < from) await refuseFewer(resizing, ensemble, step.count, signal)
    // What a member has streamed away doesn't come back: the server is asked first whether it would
    // take the rest of the step.
    if (step.kind === 'remove' && ensemble.profile.leave !== undefined)
      await planOne(ensemble, resizing, set, signal)
    const unneeded =
      step.kind === 'remove' &&
      step.ordinal !== undefined &&
      (await leave(ensemble, resizing, step.ordinal, signal))
    if (step.count > from) await moveBudgets(resizing, ensemble, from, step.count, signal)
    if (profile === 'zookeeper')
      await rollList(ensemble, resizing, set, { ...step, unneeded }, signal)
    const own = partitionOf(set)
    if (step.count < from) await refuseFewer(resizing, ensemble, step.count, signal)
    const generation = await applyOne(
      ensemble,
      resizing,
      set,
      `${step.count} ${step.count === 1 ? 'member' : 'members'}`,
      signal,
    )
    report.about({
      replicas: step.count,
      connectionString: connectionString(ensemble.target, first, step.count),
    })
    if (step.count < from) {
      await awaitGone(ensemble, generation, signal)
      await moveBudgets(resizing, ensemble, from, step.count, signal)
    }
    const view = await bringMembers(
      ensemble,
      { set, first: set, stands: own },
      { generation, force: resizing.force },
      signal,
    )
    report.stands(`${step.count} ${step.count === 1 ? 'member serves' : 'members serve'}`)
    if (checksOf(ensemble).name !== 'none')
      await verifyEnsemble(ensemble, view, 'quick', () => Promise.resolve([]), signal)
    done(
      `${step.count} of ${step.count} members available${profile === 'zookeeper' ? ', each knows the others' : ''}`,
    )
    ensemble.run.publish()
    return view
  })
}

/** The step that waits for members which should serve, and changes nothing. */
export function awaitMembers(
  ensemble: Ensemble,
  { words }: ScaleStep,
  signal: AbortSignal,
): Promise<EnsembleView> {
  return ensemble.run.journal.phase(words, async (done) => {
    const served = await awaitServing(ensemble, signal)
    done(servingInWords(served))
    return served.view
  })
}

/**
 * Brings the new list to every member that stays: a newcomer first, then the followers, the leader
 * last, by deletions. While lists differ an election may leave members
 * outside for good (one can't follow a leader that its list lacks, nor join one that too few of its
 * own list follow; both seen): so there is one, at the end. A member that goes stays until the
 * others have the list without it.
 */
async function rollList(
  ensemble: Ensemble,
  resizing: Resizing,
  set: KubeObject,
  step: ScaleStep & { readonly unneeded: boolean },
  signal: AbortSignal,
): Promise<void> {
  const view = ensemble.follower.snapshot()
  const live = view.set
  if (live === undefined) return
  const goes =
    step.kind === 'remove' &&
    step.ordinal !== undefined &&
    ownPods(view).some((pod) => pod.ordinal === step.ordinal)
      ? step.ordinal
      : undefined
  const listed = goes === undefined ? set : withReplicas(set, live.replicas)
  const newcomers = await newcomersToExcuse(ensemble, view, step.count, signal)
  // The partition first: what is applied must own it to remove it, and until then nobody is
  // replaced.
  if (live.strategy.type === 'RollingUpdate')
    await applyOne(
      ensemble,
      resizing,
      withPartition(listed, live.replicas),
      `${step.count} members in the list, nobody is replaced yet`,
      signal,
    )
  const generation = await applyOne(
    ensemble,
    resizing,
    onDelete(listed),
    'members are replaced one by one',
    signal,
  )
  // Who goes votes until it has gone, so it is waited for; unless it was broken before, or nobody
  // counts it any more, or it is the second of two and stays outside.
  const excusesLeaver =
    goes !== undefined &&
    (step.count === 1 ||
      step.unneeded ||
      !ownPods(ensemble.before).some((pod) => pod.ordinal === goes && pod.ready))
  const roll = {
    ...ensemble,
    asked: true,
    goes,
    excused: new Set([...newcomers, ...(excusesLeaver ? [goes] : [])]),
    spent: spentBy(view, step.count, resizing.deletesClaims),
  }
  const older = await olderPods(ensemble, generation, signal)
  const spared = ownPods(ensemble.follower.snapshot())
    .filter((pod) => pod.ordinal === goes)
    .map((pod) => pod.uid)
  await rollByEvictions(
    roll,
    new Set([...older].filter((uid) => !spared.includes(uid))),
    generation,
    signal,
  )
}

/**
 * Right before members go for good: their claims stay, or were to be deleted, and those that stay
 * keep theirs.
 */
async function refuseFewer(
  { deletesClaims }: Resizing,
  ensemble: Ensemble,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const view = ensemble.follower.snapshot()
  const { set } = view
  const deleted = set === undefined ? undefined : deletedWhenScaled(set, count, deletesClaims)
  if (deleted !== undefined)
    throw new EnsembleError(ensemble.run.report.changed ? 'failed' : 'refused', [deleted])
  await refuseLoss(ensemble, view, undefined, signal, spentBy(view, count, deletesClaims))
}

/** Ordinals of the members that go with their claims. */
export function spentBy(
  { set }: EnsembleView,
  count: number,
  deletesClaims: boolean,
): ReadonlySet<number> {
  return new Set(set === undefined || !deletesClaims ? [] : wantedOrdinals(set).slice(count))
}

/** The set with another number of members; what can't be changed is refused before anything was. */
export function resized(
  { base, profile }: Pick<Resizing, 'base' | 'profile'>,
  count: number,
): KubeObject {
  const answer = withMembers(base, count, profile)
  if ('refused' in answer) throw new EnsembleError('refused', [unchangeable(base.metadata, answer)])
  return answer.set
}

/**
 * Another one leads, and what this one alone has is streamed; true where those who serve count it
 * no more.
 */
async function leave(
  ensemble: Ensemble,
  { base, deletesClaims, profile: kind }: Resizing,
  ordinal: number,
  signal: AbortSignal,
): Promise<boolean> {
  const before = ensemble.follower.snapshot()
  const without =
    kind === 'zookeeper'
      ? await podsWithout(ordinal, ensemble.kube, base, before, signal)
      : new Set<string>()
  const { view, unneeded } = await readyToLeave(
    { ...ensemble, goes: ordinal, without, spent: new Set(deletesClaims ? [ordinal] : []) },
    ordinal,
    signal,
  )
  const members = membersOf(view, ensemble.target)
  const member = members.find((one) => one.ordinal === ordinal)
  const { profile } = ensemble
  await spareWriter(ensemble, member?.uid, signal)
  if (profile.leave === undefined) return unneeded
  const pod = `${ensemble.target.name}-${ordinal}`
  ensemble.run.journal.info(`${pod}: leaves the ensemble before its pod is removed`)
  if (member !== undefined) ensemble.run.report.did()
  await profile.leave(
    { pod, ordinal, member, others: members.filter((one) => one !== member) },
    contextFor(ensemble, view.set?.replicas ?? 0, signal),
  )
  return unneeded
}

/** Applies one shape of the set; gives the generation that the controller must have seen. */
async function applyOne(
  ensemble: Ensemble,
  resizing: Resizing,
  set: KubeObject,
  what: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const plan = await planOne(ensemble, resizing, set, signal)
  let generation = ensemble.follower.snapshot().set?.generation
  const name = objectName(set)
  const line = `${name}: ${what}`
  const tell = (): void =>
    ensemble.run.report.did({
      row: { object: name, change: 'configured', note: what },
      what: line,
      line,
    })
  for (const planned of plan) {
    const { object } = await applyPlanned(ensemble, planned, tell, signal)
    generation = object.metadata.generation
  }
  return generation
}

/** Throws what the server would refuse. */
export async function planOne(
  ensemble: Ensemble,
  { force, verified }: Pick<Resizing, 'force' | 'verified'>,
  set: KubeObject,
  signal: AbortSignal,
): Promise<readonly PlannedChange[]> {
  const place = { file: 'the StatefulSet in the cluster' }
  const plan = await planChanges(
    ensemble.kube,
    [{ object: set, place, placeOf: () => place }],
    {
      force,
      dryRuns: true,
      verified,
      set: ensemble.before.set?.uid,
      ...(ensemble.run.report.operation === 'scale'
        ? { taking: 'replicas' as const, mayForce: false }
        : {}),
    },
    signal,
  )
  refuseFaulty(plan, ensemble.run.report.changed ? 'failed' : 'refused')
  return plan
}

function withReplicas(set: KubeObject, replicas: number): KubeObject {
  return { ...set, spec: { ...mapOf(set['spec']), replicas } }
}

function onDelete(set: KubeObject): KubeObject {
  return { ...set, spec: { ...mapOf(set['spec']), updateStrategy: { type: 'OnDelete' } } }
}

/** The pods that are too many have ended. */
async function awaitGone(
  ensemble: Ensemble,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = ensemble.run
  await attend(
    ensemble,
    {
      generation: () => generation,
      step: (view) => {
        if (view.set === undefined || !observed(view.set, generation))
          return {
            kind: 'waiting',
            reason: `the StatefulSet controller has not seen the change of ${ensemble.target.name} yet`,
          }
        const extra = memberStandings(view, clock.now()).find((member) => member.state === 'extra')
        return extra === undefined
          ? { kind: 'done' }
          : { kind: 'waiting', reason: `${extra.pod} is ${extra.text}` }
      },
    },
    signal,
  )
}

/**
 * Budgets that count members by number move with their number: up before a member comes, down once
 * one is gone.
 */
async function moveBudgets(
  { force }: Resizing,
  ensemble: Ensemble,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<void> {
  const {
    run: { report },
  } = ensemble
  const [pod] = ownPods(ensemble.follower.snapshot())
  if (pod === undefined || !ensemble.rights.budgets) return
  for (const live of await budgetObjectsFor(ensemble.kube, pod.namespace, pod.labels, signal)) {
    const spec = budgetFor(live, from, to)['spec']
    if (
      spec === live['spec'] ||
      typeof spec !== 'object' ||
      spec === null ||
      !('minAvailable' in spec)
    )
      continue
    try {
      const kept = `minAvailable ${String(spec.minAvailable)} of ${to}`
      const tell = (): void =>
        report.did({
          row: { object: objectName(live), change: 'configured', note: kept },
          line: `${objectName(live)}: ${kept} members`,
        })
      for (const planned of await planBudget(ensemble, live, spec.minAvailable, force, signal))
        await applyPlanned(ensemble, planned, tell, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof EnsembleError) && !(error instanceof KubeFailure)) throw error
      report.note(
        `${objectName(live)} could not be changed (${error.message}): set its minAvailable to ${String(spec.minAvailable)} for ${to} members.`,
      )
    }
  }
}

async function planBudget(
  { kube }: Ensemble,
  live: KubeObject,
  minAvailable: unknown,
  force: boolean,
  signal: AbortSignal,
): Promise<readonly PlannedChange[]> {
  // A list doesn't say whose the fields are; an apply that leaves out what is ours removes it,
  // the selector too.
  const owned = ownedPart((await kube.get(refOf(live), signal)) ?? live, isOursOrKubectl)
  const object: KubeObject = { ...owned, spec: { ...mapOf(owned['spec']), minAvailable } }
  const place = { file: 'the budget in the cluster' }
  const manifest = { object, place, placeOf: () => place }
  const plan = await planChanges(kube, [manifest], { force, dryRuns: true }, signal)
  refuseFaulty(plan, 'failed')
  return plan
}
