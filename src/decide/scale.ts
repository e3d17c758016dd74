// The way from one number of members to another, one member at a time, read from what the cluster
// shows, so that a run that was cut off anywhere continues.

import { majority } from '../majority.ts'
import type { ProfileName } from '../view/profile-name.ts'
import {
  nextStep,
  serves,
  type MemberNow,
  type RollSituation,
  type RollStep,
} from './rollout/roll.ts'

export interface ScaleSituation {
  readonly name: string
  /** First ordinal. */
  readonly start: number
  /** How many members the set makes. */
  readonly replicas: number
  /** How many the member list names: who the members are. */
  readonly listed: number
  /** Members of another revision are still to be replaced, or the partition holds them. */
  readonly unfinished: boolean
  readonly target: number
  /** The members vote: a majority of them must serve. */
  readonly voting: boolean
  /**
   * How many members each list names that a running member of an older revision was started with;
   * `unknown`: what was begun is finished first.
   */
  readonly known?: readonly number[] | 'unknown'
  /** Pods with a list by which too few serve for them to join, as `strandedBy` finds them. */
  readonly stranded?: readonly string[]
  /** Those with the list in the template serve, and nobody else, as `serveAlone` finds it. */
  readonly alone?: boolean
}

/** Of a way down that was cut off: who serves, and who has the list that lacks who goes. */
export interface CutOff {
  /** How many members the shorter list names. */
  readonly listed: number
  /** Pods of those that it names and that don't serve. */
  readonly away: readonly string[]
  /** Pods that have it. */
  readonly shorter: ReadonlySet<string>
}

/**
 * Members that came back with the shorter list, and of those whom it names too few serve for a
 * majority. Whoever else is taken down would be missed by the others.
 */
export function strandedBy({ listed, away, shorter }: CutOff): readonly string[] {
  const serve = listed - away.length
  const tooFew = serve > 0 && serve < majority(listed)
  return tooFew && away.every((pod) => shorter.has(pod)) ? away : []
}

/**
 * Members with the shorter list are a majority of it, and the others can't join them: by the longer
 * one they are too few.
 */
export function serveAlone({ listed, away, shorter }: CutOff): boolean {
  return (
    away.length > 0 &&
    !away.some((pod) => shorter.has(pod)) &&
    shorter.size === listed - away.length &&
    shorter.size >= majority(listed) &&
    shorter.size < majority(listed + 1)
  )
}

/** One step; each leaves an ensemble that may stand so. */
export interface ScaleStep {
  /**
   * `finish`: the members of before come to know a list that was changed already. `restore`: the
   * set makes as many members again as the list names, which is more. `await`: members that should
   * serve are waited for, nothing is changed.
   */
  readonly kind: 'add' | 'remove' | 'finish' | 'restore' | 'await'
  /** Members afterwards. */
  readonly count: number
  /** The member that comes or goes. */
  readonly ordinal: number | undefined
  readonly words: string
  /** Why no quorum can be held for a moment; said before anything is begun. */
  readonly outage: string | undefined
}

/**
 * With a step more where members that are to stay don't serve: they are waited for like newcomers,
 * before another one comes. `begun`: a change of the number was cut off; without one
 * an ensemble that doesn't serve is not changed at all, so that they are waited for only where
 * nothing else is left to do.
 */
export function withAwaited(
  steps: readonly ScaleStep[],
  {
    away,
    count,
    begun,
  }: { readonly away: readonly string[]; readonly count: number; readonly begun: boolean },
): readonly ScaleStep[] {
  const [first] = steps
  if (away.length === 0 || (first !== undefined && (!begun || first.kind !== 'add'))) return steps
  return [
    {
      kind: 'await',
      count,
      ordinal: undefined,
      words: `wait for ${away.join(', ')}`,
      outage: undefined,
    },
    ...steps,
  ]
}

/** Undefined: there is no way by steps of one. */
export function planScale(situation: ScaleSituation): readonly ScaleStep[] | undefined {
  const { replicas, listed, voting } = situation
  if (Math.abs(replicas - listed) > 1 && voting) return undefined
  const stranded = strandedFirst(situation)
  if (stranded !== undefined) return [stranded, ...stepsOfOne({ ...situation, listed: replicas })]
  const first = restoreFirst(situation) ?? finishFirst(situation)
  return [...(first === undefined ? [] : [first]), ...stepsOfOne(situation)]
}

/** With the list of before they join again, and nobody who serves is taken down for it. */
function strandedFirst({ stranded = [], replicas, listed }: ScaleSituation): ScaleStep | undefined {
  if (stranded.length === 0) return undefined
  return {
    kind: 'finish',
    count: replicas,
    ordinal: undefined,
    words: `back to the list of ${membersOf(replicas)}: ${stranded.join(' and ')} can't join with that of ${listed}`,
    outage: undefined,
  }
}

/**
 * Where set and list name different numbers and the target lies the other way, the set first goes
 * back to the number of the list. A member that the list lacks is one that was about to go: those
 * who do not know that yet need its vote, so it goes as any other does. It also goes where those
 * with the list serve alone: to give them the longer one again would end their majority, while the
 * others join them with the shorter one.
 */
function restoreFirst(situation: ScaleSituation): ScaleStep | undefined {
  const { replicas, listed, target, alone = false } = situation
  const onTheWay = replicas > listed ? target >= replicas && !alone : target <= replicas
  if (replicas === listed || onTheWay) return undefined
  return replicas > listed
    ? stepOfOne(situation, replicas, replicas - 1)
    : {
        kind: 'restore',
        count: listed,
        ordinal: undefined,
        words: `back to the ${membersOf(listed)} that the list names`,
        outage: undefined,
      }
}

/**
 * What was begun on the way up, or is not known well enough for the next list, is finished before
 * another member comes or goes. What was begun on the way down need not be: the survivors get the
 * smaller list at once.
 */
function finishFirst(situation: ScaleSituation): ScaleStep | undefined {
  const { unfinished, replicas, listed, target, known = [] } = situation
  const begun = unfinished && replicas === listed && target >= listed
  if (!begun && !isTooFar(situation)) return undefined
  const before = known === 'unknown' ? undefined : known.find((count) => count !== listed)
  return {
    kind: 'finish',
    count: listed,
    ordinal: undefined,
    words: `finish the change to ${membersOf(listed)} that was begun`,
    outage: before === undefined ? undefined : outageOf(situation, before, listed),
  }
}

/**
 * Majorities of lists that differ by one always share a member, and bear it that one restarts:
 * nobody may know a list that is further away from the next.
 */
function isTooFar({ voting, listed, target, known = [] }: ScaleSituation): boolean {
  if (!voting || target === listed) return false
  const next = target > listed ? listed + 1 : listed - 1
  return known === 'unknown' || known.some((count) => Math.abs(count - next) > 1)
}

function stepsOfOne(situation: ScaleSituation): readonly ScaleStep[] {
  const { listed, target } = situation
  const up = target > listed
  return Array.from({ length: Math.abs(target - listed) }, (_, index) => {
    const count = up ? listed + index : listed - index
    return stepOfOne(situation, count, up ? count + 1 : count - 1)
  })
}

function stepOfOne(situation: ScaleSituation, count: number, next: number): ScaleStep {
  const up = next > count
  const who = lastOf(situation, Math.max(count, next))
  return {
    kind: up ? 'add' : 'remove',
    count: next,
    ordinal: situation.start + Math.max(count, next) - 1,
    words: `${count} → ${next}: ${who} ${up ? 'comes' : 'goes'}`,
    outage: outageOf(situation, count, next),
  }
}

function membersOf(count: number): string {
  return `${count} ${count === 1 ? 'member' : 'members'}`
}

/** Of this many members the one with the highest ordinal. */
function lastOf({ name, start }: ScaleSituation, count: number): string {
  return `${name}-${start + count - 1}`
}

/** Two of two are needed for a majority, and one that runs alone listens to no peer. */
function outageOf(situation: ScaleSituation, from: number, to: number): string | undefined {
  if (!situation.voting) return undefined
  const first = lastOf(situation, 1)
  const who = lastOf(situation, Math.max(from, to))
  switch (`${from} ${to}`) {
    case '1 2':
      return `${first} runs alone and must restart once to know ${who}: nobody serves for up to a minute`
    case '2 3':
    case '3 2':
      return 'two members need each other for the quorum: each time one restarts nobody serves for some seconds, at times longer'
    case '2 1':
      return `${first} alone is no majority of two: nobody serves from when ${who} is gone until ${first} has restarted on its own`
    default:
      return undefined
  }
}

/**
 * Claims of members of before with which a newcomer would do harm, or never join. `second`: those
 * of the member that makes two of one.
 */
export function harmfulClaims<T extends { readonly uid: string }>(
  profile: ProfileName,
  old: readonly T[],
  second: readonly T[],
): readonly T[] {
  switch (profile) {
    case 'cassandra':
      // A node that was decommissioned does not come back with its old data.
      return old
    case 'zookeeper':
      return second.filter((claim) => old.some((one) => one.uid === claim.uid))
    case 'custom':
    case 'none':
      return []
  }
}

/**
 * What must happen before the member with the highest ordinal may go: the others serve, and another
 * one leads.
 */
export type LeaveStep =
  | {
      readonly kind: 'leave'
      /** It does not serve, and those who do have the list without it. */ readonly unneeded?: true
    }
  | Extract<RollStep, { kind: 'wait' | 'hand-over' | 'free' }>

export function leaveStep(situation: Omit<RollSituation, 'way'>, ordinal: number): LeaveStep {
  const member = situation.members.find((one) => one.ordinal === ordinal)
  const others = situation.members.filter((one) => one !== member)
  const outside = others.filter((one) => !serves(one))
  if (outside.length > 0) return awaitOthers(situation, member, outside)
  // One that does not serve is missed by nobody.
  if (member?.uid === undefined || !serves(member)) return { kind: 'leave' }
  const step = nextStep({ ...situation, way: { kind: 'evict', left: new Set([member.uid]) } })
  switch (step.kind) {
    case 'wait':
    case 'hand-over':
      return step
    case 'free':
      return step.renews === true ? step : { kind: 'leave' }
    case 'take':
    case 'reach-down':
    case 'done':
      return { kind: 'leave' }
  }
}

function awaitOthers(
  situation: Omit<RollSituation, 'way'>,
  member: MemberNow | undefined,
  outside: readonly MemberNow[],
): LeaveStep {
  if (member !== undefined && keepsOut(situation, member, outside))
    return { kind: 'hand-over', member }
  if (member !== undefined && isNeededByNobody(situation, member))
    return { kind: 'leave', unneeded: true }
  return {
    kind: 'wait',
    reason: `${namesOf(outside)} must serve before ${member?.pod ?? 'a member'} goes`,
  }
}

/**
 * Who is outside is so because this member leads, which its list lacks: it can follow another one
 * only, and until it does nobody goes.
 */
function keepsOut(
  {
    canStepDown,
    handedOver,
    without,
  }: Pick<RollSituation, 'canStepDown' | 'handedOver' | 'without'>,
  member: MemberNow,
  outside: readonly MemberNow[],
): boolean {
  return (
    canStepDown &&
    member.role === 'leader' &&
    member.uid !== undefined &&
    !handedOver.has(member.uid) &&
    outside.every(({ uid, running }) => running && uid !== undefined && without?.has(uid) === true)
  )
}

/**
 * Those with the list without it serve by themselves, and the others are outside for the very list
 * that has it: they join once they have the shorter one.
 */
function isNeededByNobody(
  { members, without = new Set<string>() }: Pick<RollSituation, 'members' | 'without'>,
  member: MemberNow,
): boolean {
  const others = members.filter((one) => one !== member)
  return (
    !serves(member) &&
    others.some(serves) &&
    // What could not be asked may serve.
    members.every(({ role }) => role !== undefined && role !== 'unreachable') &&
    others.every(
      (one) => one.uid !== undefined && one.running && serves(one) === without.has(one.uid),
    )
  )
}

function namesOf(members: readonly MemberNow[]): string {
  return members.map((member) => member.pod).join(' and ')
}
