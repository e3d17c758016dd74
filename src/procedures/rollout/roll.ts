// A roll that waits for the quorum: takes one member down at a time, only while every other one
// serves, and sees to those first that don't.

import { formatSpan } from '../../clock.ts'
import { judgeBudgets, type BudgetVerdict } from '../../decide/drain/budget.ts'
import { observed, ownPods } from '../../decide/members/members.ts'
import { notServing } from '../../decide/rollout/not-serving.ts'
import {
  excusedNewcomers,
  heldPartition,
  isUnreached,
  nextStep,
  serves,
  SETTLE_AFTER_MOVE_MS,
  type MemberNow,
  type RollSituation,
  type RollStep,
  type Way,
} from '../../decide/rollout/roll.ts'
import { leaveStep, type LeaveStep } from '../../decide/scale.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { SetView } from '../../view/workload.ts'
import { attend, type Step } from './attend.ts'
import { budgetsFor } from '../open/budgets.ts'
import { spareWriter } from '../verify/data-watch.ts'
import { refuseLoss } from '../verify/keep-data.ts'
import { createLooker, type Looker } from './looker.ts'
import { freeMember, othersServe, stepDown, takeByEviction } from './replace-member.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** A wait of this length is told when it begins; milliseconds. */
const SAY_MS = 5_000
/** How soon what can't be watched is asked again: who serves, what a budget allows. */
const ASK_AGAIN_MS = 1_000
/** The same, where all members are asked again each time at a price. */
const ASK_DEAR_AGAIN_MS = 5_000

/** An ensemble whose members are being replaced, and what is special about it. */
export interface Roll extends Ensemble {
  /** Ordinals that can't serve before the members of before know them. */
  readonly excused?: ReadonlySet<number>
  /**
   * Members are taken down because their replacement was asked for: a budget is waited for, but one
   * that never allows an eviction does not stop it.
   */
  readonly asked?: boolean
  /** Ordinal of the member that goes once the others have the list without it. */
  readonly goes?: number | undefined
  /** UIDs of pods whose list lacks the member that goes: they can't follow it. */
  readonly without?: ReadonlySet<string>
  /** Ordinals of members whose claims are to be deleted with them. */
  readonly spent?: ReadonlySet<number>
}

export interface PartitionedSet {
  /** Index where the partition stands in the cluster. */
  readonly stands: number
  /** Index that the set is to have in the end. */
  readonly own: number
  /** Generation of the last apply. */
  readonly generation: number | undefined
  /** Applies the set with this partition, undefined: as it is to stand; gives the generation. */
  apply(partition: number | undefined, signal: AbortSignal): Promise<number | undefined>
}

/**
 * Where the partition must stand before a change is applied; `target`: the revision that the change
 * leads to, where it is known.
 */
export async function partitionToHold(
  roll: Roll,
  view: EnsembleView,
  own: number,
  target: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  const { set } = view
  if (set === undefined) return own
  const looker = createLooker(roll, signal)
  return heldPartition(await looker.members(view, true), set.start, own, target)
}

/**
 * Ordinals of newcomers that can't serve before the members of before know them; `wanted`: how many
 * members there are to be.
 */
export async function newcomersToExcuse(
  roll: Roll,
  view: EnsembleView,
  wanted: number,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const { set } = view
  if (set === undefined || wanted !== 2 || roll.profile.name !== 'zookeeper') return new Set()
  return excusedNewcomers(await createLooker(roll, signal).members(view, true), set.start, wanted)
}

/** A roll that is under way, and what it knows of the members. */
interface Rolling extends Roll {
  readonly looker: Looker
}

function begun(roll: Roll, signal: AbortSignal): Rolling {
  return { ...roll, looker: createLooker(roll, signal) }
}

/** While the controller has yet to see the last apply, nothing is decided. */
function unseen({ target }: Roll): Step {
  return {
    kind: 'waiting',
    reason: `the StatefulSet controller has not seen the change of ${target.name} yet`,
  }
}

/**
 * Lowers the partition member by member down to the set's own. Halted anywhere, what is below it
 * stays as it is, and another run continues.
 */
export async function rollByPartition(
  roll: Roll,
  partitioned: PartitionedSet,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const lowered = new LoweredPartition(begun(roll, signal), partitioned)
  return attend(
    roll,
    {
      generation: () => lowered.generation,
      step: (view, now) => lowered.step(view, now, signal),
    },
    signal,
  )
}

/** The partition of a roll, as it is lowered. */
class LoweredPartition {
  readonly #roll: Rolling
  readonly #partitioned: PartitionedSet
  #stands: number
  generation: number | undefined

  constructor(roll: Rolling, partitioned: PartitionedSet) {
    this.#roll = roll
    this.#partitioned = partitioned
    this.#stands = partitioned.stands
    this.generation = partitioned.generation
    roll.place.at = haltedAt(roll.follower.snapshot().set, this.#stands)
  }

  async step(view: EnsembleView, now: number, signal: AbortSignal): Promise<Step> {
    const { set } = view
    const { own } = this.#partitioned
    if (set === undefined || !observed(set, this.generation)) return unseen(this.#roll)
    const way: Way = { kind: 'partition', stands: this.#stands, own }
    const { step, situation } = await decide(this.#roll, view, set, way, now)
    switch (step.kind) {
      case 'take':
        return this.#take(situation, step.member, view, signal)
      case 'reach-down':
        return this.#reachDown(situation, step.member, signal)
      case 'done':
        if (this.#stands === own) {
          this.#roll.place.at = ''
          return { kind: 'done' }
        }
        await this.#lowerTo(own, set, signal)
        return waiting(situation, 'the partition is being set back')
      case 'free':
      case 'hand-over':
      case 'wait':
        return act(this.#roll, situation, step, signal)
    }
  }

  async #take(
    situation: RollSituation,
    member: MemberNow,
    view: EnsembleView,
    signal: AbortSignal,
  ): Promise<Step> {
    const roll = this.#roll
    // A newcomer that waits for this very step uses up every budget.
    const held = situation.excused.size > 0 ? undefined : await heldByBudget(roll, view, signal)
    if (held !== undefined) return heldBack(situation, held, roll.looker)
    await keepsData(roll, situation, member, signal)
    roll.run.journal.info(`${member.pod}: its turn, ${othersServe(roll.profile)}`)
    tellLeader(roll, member)
    await spareWriter(roll, member.uid, signal)
    await this.#lowerTo(member.ordinal - situation.set.start, situation.set, signal)
    return waiting(situation, `${member.pod} is about to be replaced`)
  }

  /**
   * Opened for it alone: as long as it is away the controller takes no other, and before it is back
   * the partition stands as before.
   */
  async #reachDown(
    situation: RollSituation,
    member: MemberNow,
    signal: AbortSignal,
  ): Promise<Step> {
    const roll = this.#roll
    const { set } = situation
    const before = this.#stands
    await keepsData(roll, situation, member, signal)
    await this.#lowerTo(member.ordinal - set.start, set, signal)
    await seenBy(roll, this.generation, signal)
    await freeMember(
      roll,
      member,
      'it does not serve and stands below members that do',
      roll.looker.told,
      signal,
    )
    await comesBackNew(roll, member, signal)
    await this.#lowerTo(before, set, signal)
    return waiting(situation, `${member.pod} is being replaced`)
  }

  async #lowerTo(index: number, set: SetView, signal: AbortSignal): Promise<void> {
    const { place, run } = this.#roll
    const { own } = this.#partitioned
    const next = index <= own ? own : index
    // A cancel that meets the write leaves open whether it was done: only those are called held
    // back that are so either way.
    place.at = haltedAt(set, Math.min(this.#stands, next))
    this.generation = await this.#partitioned.apply(index <= own ? undefined : index, signal)
    this.#stands = next
    place.at = haltedAt(set, next)
    run.report.stands(`the roll stands ${place.at}`)
  }
}

/**
 * Evicts the pods of `left` one by one, followers first, the leader last; those that are gone by
 * themselves count as done.
 */
export async function rollByEvictions(
  roll: Roll,
  left: ReadonlySet<string>,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const rolling = begun(roll, signal)
  const step = async (view: EnsembleView, now: number): Promise<Step> => {
    const { set } = view
    if (set === undefined || !observed(set, generation)) return unseen(roll)
    const way: Way = { kind: 'evict', left }
    const { step: next, situation } = await decide(rolling, view, set, way, now)
    switch (next.kind) {
      case 'take':
        return evictInTurn(rolling, situation, next.member, view, signal)
      case 'done':
        roll.place.at = ''
        return { kind: 'done' }
      case 'reach-down':
        return act(rolling, situation, { kind: 'free', member: next.member }, signal)
      case 'free':
      case 'hand-over':
      case 'wait':
        return act(rolling, situation, next, signal)
    }
  }
  return attend(roll, { generation: () => generation, step }, signal)
}

async function evictInTurn(
  roll: Rolling,
  situation: RollSituation,
  member: MemberNow,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<Step> {
  const { told } = roll.looker
  await keepsData(roll, situation, member, signal)
  tellLeader(roll, member)
  const held =
    roll.asked === true
      ? await heldByBudget(roll, view, signal)
      : await takeByEviction(roll, member, told, signal)
  if (held !== undefined) return heldBack(situation, held, roll.looker)
  if (roll.asked === true)
    await freeMember(roll, member, `its turn, ${othersServe(roll.profile)}`, told, signal)
  roll.run.report.stands(`${member.pod} is being replaced, the other members serve`)
  roll.place.at = `after the eviction of ${member.pod}, which is safe: members that were not replaced keep their revision`
  return waiting(situation, `${member.pod} is being replaced`)
}

/**
 * Waits until the member with the highest ordinal may go for good: every other one serves, and one
 * of them leads. `unneeded`: those who serve have the list without it.
 */
export async function readyToLeave(
  roll: Roll,
  ordinal: number,
  signal: AbortSignal,
): Promise<{ readonly view: EnsembleView; readonly unneeded: boolean }> {
  const rolling = begun(roll, signal)
  let unneeded = false
  const step = async (view: EnsembleView, now: number): Promise<Step> => {
    const { set } = view
    if (set === undefined || !observed(set)) return unseen(roll)
    const at = async (
      fresh: boolean,
    ): Promise<{ readonly step: LeaveStep; readonly situation: RollSituation }> => {
      const members = await rolling.looker.members(view, fresh)
      // Who hands over leadership restarts in place, which is no fault of it.
      const goes = members.flatMap((member) =>
        member.ordinal === ordinal && member.uid !== undefined ? [member.uid] : [],
      )
      const way: Way = { kind: 'evict', left: new Set(goes) }
      const situation = situationOf(rolling, set, way, members, now)
      return { step: leaveStep(situation, ordinal), situation }
    }
    const first = await at(false)
    const { step: next, situation } = first.step.kind === 'wait' ? first : await at(true)
    unneeded = next.kind === 'leave' && next.unneeded === true
    return next.kind === 'leave' ? { kind: 'done' } : act(rolling, situation, next, signal)
  }
  const view = await attend(roll, { generation: () => undefined, step }, signal)
  return { view, unneeded }
}

/**
 * In the words of RollPlace; which revision is the older one is not said, since an undo rolls the
 * other way.
 */
function haltedAt(set: SetView | undefined, stands: number): string {
  const held = Array.from(
    { length: Math.max(0, Math.min(stands, set?.replicas ?? 0)) },
    (_, index) => `${set?.name ?? ''}-${(set?.start ?? 0) + index}`,
  )
  return `at partition ${stands}${held.length === 0 ? ': no member is held back any more' : `, which is safe: ${held.join(', ')} ${held.length === 1 ? 'keeps its' : 'keep their'} revision`}`
}

/**
 * Decides on what was last heard of the members; before anything is done to one, all are asked
 * again.
 */
async function decide(
  roll: Rolling,
  view: EnsembleView,
  set: SetView,
  way: Way,
  now: number,
): Promise<{ readonly step: RollStep; readonly situation: RollSituation }> {
  const at = async (
    fresh: boolean,
  ): Promise<{ readonly step: RollStep; readonly situation: RollSituation }> => {
    const members = await roll.looker.members(view, fresh)
    const situation = situationOf(roll, set, way, members, now)
    return { step: nextStep(situation), situation }
  }
  const first = await at(false)
  tellDecision(roll, first.step)
  return first.step.kind === 'wait' || first.step.kind === 'done' ? first : at(true)
}

/**
 * It was to go last, and is no member any more: it was broken when that began, or its new pod has
 * the list that lacks it. Nobody waits for it, and its faults are nobody's.
 */
function isLost({ goes, excused, asked }: Roll, set: SetView, member: MemberNow): boolean {
  const { ordinal, revision } = member
  if (ordinal !== goes || serves(member)) return false
  const anew = asked === true && revision === set.status.updateRevision
  return anew || excused?.has(ordinal) === true
}

function situationOf(
  roll: Rolling,
  set: SetView,
  way: Way,
  members: readonly MemberNow[],
  now: number,
): RollSituation {
  const { looker, excused = new Set<number>() } = roll
  const lost = members.find((member) => isLost(roll, set, member))
  return {
    set,
    way,
    members: members.filter((member) => member !== lost),
    now,
    listChanges: roll.asked ?? false,
    goes: roll.goes,
    without: roll.without,
    renewed: looker.renewed,
    excused: lost === undefined ? excused : new Set([...excused, lost.ordinal]),
    told: looker.told,
    outsideSince: looker.outsideSince,
    served: looker.served,
    handedOver: looker.handedOver,
    addresses: roll.addresses,
    canStepDown: roll.profile.stepDown !== undefined && roll.reach.may.exec,
  }
}

/** Each decision once, for who debugs a step; what is waited for `attend` tells. */
function tellDecision({ run: { journal }, looker }: Rolling, step: RollStep): void {
  if (step.kind === 'wait') return
  const said = `roll: ${step.kind}${'member' in step ? ` ${step.member.pod}` : ''}`
  if (looker.said.has(said)) return
  looker.said.add(said)
  journal.debug(said)
}

/** How long is waited, once for each reason; and that whoever stays outside is replaced then. */
function tellPatience(
  { looker, run: { journal } }: Rolling,
  { lookAgainAt, reason, outside = [] }: Extract<RollStep, { kind: 'wait' }>,
  now: number,
): void {
  if (lookAgainAt === undefined || lookAgainAt - now <= SAY_MS || looker.said.has(reason)) return
  looker.said.add(reason)
  journal.info(
    `${reason}; waits up to ${formatSpan(lookAgainAt - now)}${outside.length > 0 ? ' before it is replaced' : ''}`,
  )
}

async function act(
  roll: Rolling,
  situation: RollSituation,
  step: Extract<RollStep, { kind: 'free' | 'hand-over' | 'wait' }>,
  signal: AbortSignal,
): Promise<Step> {
  const { looker } = roll
  const now = roll.run.clock.now()
  switch (step.kind) {
    case 'wait':
      tellPatience(roll, step, now)
      return {
        ...waiting(situation, step.reason, step.unreached),
        lookAgainAt: step.lookAgainAt,
        pollMs: ASK_AGAIN_MS,
        // Who can't be reached comes into no quorum in the next seconds.
        outside: (step.outside ?? []).some((member) => !isUnreached(member)),
        blame: (step.outside ?? []).map((member) =>
          notServing(member, situation, {
            container: roll.target.container,
            profile: roll.profile.name,
            since: looker.outsideSince.get(member.uid ?? '') ?? now,
          }),
        ),
      }
    case 'free':
      await keepsData(roll, situation, step.member, signal)
      if (step.renews === true) looker.renewed.add(step.member.ordinal)
      await freeMember(
        roll,
        step.member,
        step.why ?? 'it does not serve, and nobody else replaces it',
        looker.told,
        signal,
      )
      return waiting(situation, `${step.member.pod} is being replaced`)
    case 'hand-over': {
      const uid = step.member.uid ?? ''
      await keepsData(roll, situation, step.member, signal)
      looker.handedOver.set(uid, { times: (looker.handedOver.get(uid)?.times ?? 0) + 1, at: now })
      await stepDown(
        roll,
        step.member,
        situation.set.replicas,
        settledInWords(roll.addresses),
        signal,
      )
      return waiting(situation, `${step.member.pod} hands over its leadership`)
    }
  }
}

/** Why the leader hands over leadership now, for the log. */
function settledInWords({ kind, reason }: Addresses): string {
  return kind === 'stay'
    ? `at once, since ${reason}`
    : `every address has been the same for ${formatSpan(SETTLE_AFTER_MOVE_MS)} (${reason})`
}

/** Why a leader goes as it is. */
function tellLeader(
  { addresses, run: { journal }, looker: { said } }: Rolling,
  { pod, uid, role }: MemberNow,
): void {
  if (role !== 'leader' || addresses.kind !== 'stay' || said.has(uid ?? '')) return
  said.add(uid ?? '')
  journal.info(leadsAndGoes(pod, addresses))
}

/** For the log: a leader that is replaced, or evicted, without a hand-over. */
export function leadsAndGoes(pod: string, { reason }: Addresses): string {
  return `${pod}: leads, and goes without handing over its leadership first: ${reason}`
}

/** Throws where its going would cost data. */
async function keepsData(
  roll: Roll,
  { members }: RollSituation,
  member: MemberNow,
  signal: AbortSignal,
): Promise<void> {
  await refuseLoss(roll, roll.follower.snapshot(), { member, members }, signal, roll.spent)
}

function waiting(
  situation: RollSituation,
  reason: string,
  unreached?: MemberNow,
): Extract<Step, { kind: 'waiting' }> {
  const { excused, members, way, set } = situation
  const replaced = members.filter(
    (member) =>
      !member.atRevision ||
      (way.kind === 'evict'
        ? member.uid !== undefined && way.left.has(member.uid)
        : member.revision !== set.status.updateRevision && !serves(member)),
  )
  const reached = `${way.kind === 'partition' ? way.stands : way.left.size} ${members
    .filter(serves)
    .map((member) => member.uid ?? '')
    .join(' ')}`
  return {
    kind: 'waiting',
    reason,
    reached,
    excused: new Set([
      ...replaced
        .filter((member) => member.pod !== unreached?.pod)
        .map((member) => `pod/${member.pod}`),
      ...[...excused]
        .filter((ordinal) => ordinal === situation.goes)
        .map((ordinal) => `pod/${set.name}-${ordinal}`),
    ]),
  }
}

/** A budget is asked again: its own changes are not watched. */
function heldBack(situation: RollSituation, reason: string, { dear }: Looker): Step {
  return { ...waiting(situation, reason), pollMs: dear ? ASK_DEAR_AGAIN_MS : ASK_AGAIN_MS }
}

/**
 * Undefined when a member may be taken down. A budget that never allows it speaks of evictions: a
 * roll was asked for all the same, and goes one by one.
 */
async function heldByBudget(
  roll: Roll,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!roll.rights.budgets) return undefined
  const pod = ownPods(view)[0]
  const verdict: BudgetVerdict =
    pod === undefined
      ? { kind: 'allows' }
      : judgeBudgets(await budgetsFor(roll.kube, pod.namespace, pod.labels, signal))
  switch (verdict.kind) {
    case 'allows':
      return undefined
    case 'waits':
      return verdict.reason
    case 'never': {
      const note = `${verdict.reason}. A roll does not use the eviction API: it continued one member at a time.`
      roll.run.report.noteOnce(note)
      return undefined
    }
  }
}

async function seenBy(
  roll: Roll,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  await until(roll, (view) => view.set !== undefined && observed(view.set, generation), signal)
}

/** Once its pod is there at the new revision the partition no longer decides about it. */
async function comesBackNew(roll: Roll, member: MemberNow, signal: AbortSignal): Promise<void> {
  await until(
    roll,
    (view) =>
      ownPods(view).some(
        (pod) =>
          pod.ordinal === member.ordinal &&
          pod.uid !== member.uid &&
          pod.revision === view.set?.status.updateRevision,
      ),
    signal,
  )
}

/** Bounded by the member's time and the deadline: the caller looks at what it finds then. */
async function until(
  roll: Roll,
  holds: (view: EnsembleView) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const {
    follower,
    memberTimeoutMs,
    deadline,
    run: { clock },
  } = roll
  const end = clock.now() + Math.min(memberTimeoutMs, deadline.left())
  while (!holds(follower.snapshot()) && clock.now() < end) {
    signal.throwIfAborted()
    await follower.changed(Math.max(20, end - clock.now()))
  }
}
