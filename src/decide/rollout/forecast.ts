// How a roll would go: the decision that a deploy takes step by step, taken in advance on members
// that do what they are told.

import type { Role } from '../../ensemble/profile.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { ownPods } from '../members/members.ts'
import {
  excusedNewcomers,
  heldPartition,
  membersNow,
  nextStep,
  serves,
  type MemberNow,
  type RollSituation,
  type Way,
} from './roll.ts'

/** Name of a revision that no controller has made yet. */
const COMING = 'the revision that comes'
/** More steps than any ensemble of 50 takes. */
const MOST_STEPS = 1000

export interface Foreseen {
  readonly view: EnsembleView
  /** The template changes: no member has the revision yet. */
  readonly changes: boolean
  /**
   * The set's own partition; undefined: OnDelete, or members that are evicted whatever they run.
   */
  readonly own: number | undefined
  /**
   * UIDs of the pods that are to be replaced by evictions; without it those of another revision.
   */
  readonly left?: ReadonlySet<string>
  readonly roles: ReadonlyMap<string, Role>
  readonly addresses: Addresses
  readonly canStepDown: boolean
  readonly now: number
  /** What a member needs to be back, milliseconds. */
  readonly memberMs: number
}

export interface Forecast {
  /** Pods in the order in which they are replaced. */
  readonly order: readonly string[]
  readonly handsOver: readonly string[]
  readonly elections: number
  readonly ms: number
  /** Why it would not continue, in words; undefined where it ends well. */
  readonly halts: string | undefined
}

/** A roll that is paced by the quorum. */
export function forecastRoll(foreseen: Foreseen): Forecast {
  let situation = situationOf(foreseen)
  if (situation === undefined)
    return { order: [], handsOver: [], elections: 0, ms: 0, halts: undefined }
  const order: string[] = []
  const handsOver: string[] = []
  let elections = 0
  const told = (halts?: string): Forecast => ({
    order,
    handsOver,
    elections,
    ms: (situation?.now ?? foreseen.now) - foreseen.now,
    halts,
  })
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const step = nextStep(situation)
    switch (step.kind) {
      case 'done':
        return told()
      case 'wait':
        if (step.lookAgainAt === undefined || step.lookAgainAt <= situation.now)
          return told(step.reason)
        situation = { ...situation, now: step.lookAgainAt }
        break
      case 'hand-over':
        handsOver.push(step.member.pod)
        elections += 1
        situation = handedOver(situation, step.member)
        break
      case 'free':
      case 'take':
      case 'reach-down':
        order.push(step.member.pod)
        if (step.member.role === 'leader') elections += 1
        situation = replaced(situation, step, foreseen.memberMs)
        break
    }
  }
  return told('it takes more steps than can be foreseen')
}

function situationOf({
  view,
  changes,
  own,
  left,
  roles,
  addresses,
  canStepDown,
  now,
}: Foreseen): RollSituation | undefined {
  if (view.set === undefined) return undefined
  const set = changes
    ? { ...view.set, status: { ...view.set.status, updateRevision: COMING } }
    : view.set
  const members = membersNow(
    { ...view, set },
    now,
    roles,
    new Map(ownPods(view).map((pod) => [pod.uid, pod.readySince ?? now])),
  )
  const way: Way =
    own === undefined
      ? {
          kind: 'evict',
          left:
            left ??
            new Set(
              ownPods(view)
                .filter((pod) => pod.revision !== set.status.updateRevision)
                .map((pod) => pod.uid),
            ),
        }
      : {
          kind: 'partition',
          own,
          stands: heldPartition(members, set.start, own, set.status.updateRevision),
        }
  return {
    set,
    members,
    way,
    addresses,
    canStepDown,
    now,
    excused: excusedNewcomers(members, set.start, set.replicas),
    told: new Set(),
    outsideSince: new Map(),
    served: new Set(members.filter(serves).map((member) => member.ordinal)),
    handedOver: new Map(),
  }
}

/** Another one leads: the highest, as among members with the same history. */
function handedOver(situation: RollSituation, leader: MemberNow): RollSituation {
  const times = (situation.handedOver.get(leader.uid ?? '')?.times ?? 0) + 1
  return {
    ...situation,
    members: ledByAnother(situation.members, leader, 'follower'),
    handedOver: new Map([
      ...situation.handedOver,
      [leader.uid ?? '', { times, at: situation.now }],
    ]),
  }
}

function ledByAnother(
  members: readonly MemberNow[],
  leader: MemberNow,
  becomes: Role,
): readonly MemberNow[] {
  const next = members.findLast(
    (member) => member.uid !== leader.uid && serves(member) && member.role === 'follower',
  )
  return members.map((member) =>
    member.uid === leader.uid
      ? { ...member, role: next === undefined ? leader.role : becomes }
      : member.uid === next?.uid
        ? { ...member, role: 'leader' as const }
        : member,
  )
}

/**
 * It is back at the revision that is wanted, with a new address. The partition stays lowered for
 * one that was taken alone.
 */
function replaced(
  situation: RollSituation,
  { kind, member }: { readonly kind: 'free' | 'take' | 'reach-down'; readonly member: MemberNow },
  memberMs: number,
): RollSituation {
  const now = situation.now + memberMs
  const led =
    member.role === 'leader'
      ? ledByAnother(situation.members, member, 'follower')
      : situation.members
  const members = led.map((one): MemberNow => {
    if (one.uid !== member.uid || one.ordinal !== member.ordinal) return one
    const role = one.role === undefined || serves(one) ? one.role : 'follower'
    return {
      ...one,
      uid: `${one.uid ?? one.pod} recreated`,
      revision: situation.set.status.updateRevision,
      atRevision: true,
      state: 'available',
      role,
      ready: true,
      running: true,
      runningSince: now,
      addressSince: now,
      availableAt: now,
    }
  })
  const { way } = situation
  const index = member.ordinal - situation.set.start
  return {
    ...situation,
    now,
    members,
    way:
      way.kind === 'evict'
        ? { kind: 'evict', left: new Set([...way.left].filter((uid) => uid !== member.uid)) }
        : kind === 'take'
          ? { ...way, stands: Math.min(way.stands, Math.max(way.own, index)) }
          : way,
  }
}
