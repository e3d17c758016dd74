// The next step of a roll that is paced by the quorum: which member may be taken down now, which
// must be waited for, and where the partition may stand. At each look, the first that holds:
//
// 1. A pod that is too many, or that was evicted and is still there, is waited for.
// 2. A member that doesn't serve is replaced before any that does (`replaceBroken`): once every
//    other one is back, and once it had its time to come back by itself.
// 3. Every member is back, available and in the quorum, before the next one goes (`awaitBack`);
//    but members that are kept outside by a member list that changes (`agree`).
// 4. Nobody is left to be replaced: done.
// 5. The next one is freed where nobody else would replace it, left to the controller where the
//    partition has released it, and else taken down; a leader hands over leadership first where
//    its address moves (`inTurn`, `take`).

import type { Role } from '../../ensemble/profile.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { SetView } from '../../view/workload.ts'
import { memberStandings, ownPods, type MemberStanding } from '../members/members.ts'
import { LEARNS_WITHIN_MS } from '../members/patience.ts'
import { SERVING } from '../members/serving.ts'

/**
 * A member that moved has a new address. A peer that asked just before may believe the old one for
 * 30 s of the cluster's DNS and 30 s of its own JVM on top of it, and an election
 * before that can take a minute; 5 s are for the address to get into the DNS. No help where
 * addresses stay.
 */
export const SETTLE_AFTER_MOVE_MS = 65_000
/**
 * A member that restarted and is outside may be on its way for so long: where peers know it by an
 * address that stays, only its start, the election and what it has to fetch count.
 */
const REJOIN_MS = { stay: 60_000, move: LEARNS_WITHIN_MS, unknown: LEARNS_WITHIN_MS } as const
/**
 * A server that was told to end has ended, started again and followed another leader within a few
 * seconds: its address stays, so no cache counts.
 */
const STEPPING_DOWN_MS = 15_000
/**
 * A newcomer that can't serve yet is judged by its server alone: one that dies at its start has
 * died by then. Nothing is said of its joining.
 */
const STANDS_AFTER_MS = 10_000
/**
 * A leader that handed over leadership follows the new one after 3 s, since no address has changed;
 * one whose own list does not have the new leader never does.
 */
const FOLLOWS_AFTER_MS = 15_000
/**
 * While the list changes the new leader may be one that the old list doesn't have (the newcomer has
 * the highest id): what is the next to be replaced anyway is not waited for as long.
 */
const FOLLOWS_OTHER_LIST_MS = 6_000
/** How often a leader is told to step down before it is replaced as it is. */
const MOST_HAND_OVERS = 2

export interface MemberNow extends MemberStanding {
  /** What the member said of itself; undefined while it was not asked. */
  readonly role: Role | undefined
  /** Why it could not be reached. */
  readonly trouble?: string | undefined
  readonly ready: boolean
  /** All its containers run. */
  readonly running: boolean
  /** Since when they do, milliseconds since the epoch. */
  readonly runningSince: number | undefined
  /** When its address was given, milliseconds since the epoch; undefined without a pod. */
  readonly addressSince: number | undefined
}

/**
 * How members are replaced: by lowering the partition (highest ordinal first), or by evicting those
 * that are left (followers first, the leader last).
 */
export type Way =
  | { readonly kind: 'partition'; readonly stands: number; readonly own: number }
  | { readonly kind: 'evict'; readonly left: ReadonlySet<string> }

export interface RollSituation {
  readonly set: SetView
  /** Every wanted ordinal ascending, then pods that are too many. */
  readonly members: readonly MemberNow[]
  readonly way: Way
  /** Ordinals of newcomers that can't serve before the old members know them. */
  readonly excused: ReadonlySet<number>
  /** UIDs of pods that were told to end: until they have, nothing else is touched. */
  readonly told: ReadonlySet<string>
  /** Since when a member was seen not to serve, by UID of its pod; milliseconds since the epoch. */
  readonly outsideSince: ReadonlyMap<string, number>
  /** Ordinals of members that were seen to serve since the roll began. */
  readonly served: ReadonlySet<number>
  /**
   * How often each leader, by UID of its pod, was told to step down, and when last; milliseconds
   * since the epoch.
   */
  readonly handedOver: ReadonlyMap<string, { readonly times: number; readonly at: number }>
  readonly canStepDown: boolean
  /** Whether members keep their addresses when they move. */
  readonly addresses: Addresses
  /** The member list changes: until all have the same one, some may be kept outside by it. */
  readonly listChanges?: boolean
  /**
   * Ordinal of the member that goes once the others have the list without it: it keeps the old one,
   * and is never replaced.
   */
  readonly goes?: number | undefined
  /** UIDs of pods whose list lacks that member: they can't follow it where it leads. */
  readonly without?: ReadonlySet<string> | undefined
  /**
   * Ordinals of members that were replaced once because they stayed outside although all have the
   * same list.
   */
  readonly renewed?: ReadonlySet<number>
  readonly now: number
}

export type RollStep =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'wait'
      readonly reason: string
      readonly lookAgainAt?: number
      /** Pods that are there and Ready, and yet don't serve, or could not be reached. */ readonly outside?: readonly MemberNow[]
      /** Nobody replaces this one: its own fault decides how long it is waited for. */ readonly unreached?: MemberNow
    }
  /**
   * It doesn't serve, or a newcomer can't before it is replaced (then `why` says so), and nobody
   * else replaces it.
   */
  | {
      readonly kind: 'free'
      readonly member: MemberNow
      readonly why?: string
      /** Done once for a member, not again. */ readonly renews?: boolean
    }
  | { readonly kind: 'hand-over'; readonly member: MemberNow }
  /** A serving member is replaced by one at the update revision. */
  | { readonly kind: 'take'; readonly member: MemberNow }
  /**
   * A member that doesn't serve stands below serving ones: the partition is opened for it alone.
   */
  | { readonly kind: 'reach-down'; readonly member: MemberNow }

/** A member that could not be asked counts by its pod: what is not known is not called down. */
export function serves(member: Pick<MemberNow, 'role' | 'ready'>): boolean {
  return member.role === undefined || member.role === 'unknown'
    ? member.ready
    : SERVING.has(member.role)
}

/**
 * It is Ready and could not be asked: nothing is known against it, so it is not touched, and nobody
 * else is before it has answered.
 */
export function isUnreached(member: Pick<MemberNow, 'role' | 'ready'>): boolean {
  return member.role === 'unreachable' && member.ready
}

/** Every member as it stands, without what it says of itself. */
export function membersNow(
  view: EnsembleView,
  now: number,
  roles: ReadonlyMap<string, Role>,
  addressSince: ReadonlyMap<string, number>,
): readonly MemberNow[] {
  const pods = ownPods(view)
  return memberStandings(view, now).map((standing) => {
    const pod = pods.find((one) => one.uid === standing.uid)
    const uid = standing.uid ?? ''
    const starts =
      pod?.containers.map(({ state }) => (state.kind === 'running' ? state.since : Infinity)) ?? []
    const running = starts.length > 0 && starts.every((start) => start < Infinity)
    return {
      ...standing,
      role: roles.get(uid),
      ready: pod?.ready ?? false,
      running,
      runningSince: running ? Math.max(...starts) : undefined,
      addressSince: pod?.ip === undefined ? undefined : (addressSince.get(uid) ?? now),
    }
  })
}

/**
 * Where the partition must stand (an index from the first ordinal) so that the controller replaces
 * no serving member by itself: the lowest one with no serving member of
 * another revision at or above it. `target`: name of the revision that is wanted, undefined where
 * no member has it yet.
 */
export function heldPartition(
  members: readonly MemberNow[],
  start: number,
  own: number,
  target: string | undefined,
): number {
  const held = members.filter(
    (member) =>
      member.state !== 'extra' &&
      (serves(member) || isUnreached(member)) &&
      member.revision !== target,
  )
  return Math.max(own, ...held.map((member) => member.ordinal - start + 1))
}

/**
 * Newcomers that can't serve before the members of before know them: the second of an ensemble of
 * one, which runs standalone and listens to no peer. `wanted`: how many
 * members there are to be.
 */
export function excusedNewcomers(
  members: readonly MemberNow[],
  start: number,
  wanted: number,
): ReadonlySet<number> {
  const first = members.find((member) => member.ordinal === start)
  const unknown = first?.role === undefined || first.role === 'unknown'
  const alone =
    first?.role === 'standalone' ||
    (unknown &&
      first !== undefined &&
      members.filter((member) => member.state !== 'extra').length === 1)
  return new Set(wanted === 2 && alone ? [start + 1] : [])
}

export function nextStep(situation: RollSituation): RollStep {
  const members = situation.members.filter((member) => member.state !== 'extra')
  const pending = members.filter((member) => isPending(situation, member))
  return (
    awaitGoing(situation, members) ??
    replaceBroken(situation, members, pending) ??
    awaitBack(situation, members, pending) ??
    inTurn(situation, members, pending)
  )
}

function awaitGoing(situation: RollSituation, members: readonly MemberNow[]): RollStep | undefined {
  const extra = situation.members.find((member) => member.state === 'extra')
  if (extra !== undefined) return { kind: 'wait', reason: `${extra.pod} is ${extra.text}` }
  const leaving = members.find(
    (member) => member.uid !== undefined && situation.told.has(member.uid),
  )
  return leaving === undefined
    ? undefined
    : { kind: 'wait', reason: `${leaving.pod} is about to be replaced` }
}

function replaceBroken(
  situation: RollSituation,
  members: readonly MemberNow[],
  pending: readonly MemberNow[],
): RollStep | undefined {
  const broken = members.filter(
    (member) =>
      isBroken(situation, member) &&
      member.ordinal !== situation.goes &&
      (pending.includes(member) || !member.atRevision),
  )
  // One that runs at its revision may be outside only because of the others.
  const wanted = broken.find((member) => !mayComeBack(situation, member)) ?? broken[0]
  return wanted === undefined ? undefined : replace(situation, members, broken, wanted)
}

function awaitBack(
  situation: RollSituation,
  members: readonly MemberNow[],
  pending: readonly MemberNow[],
): RollStep | undefined {
  const left =
    pending.length === 0 ? members.filter((member) => member.ordinal !== situation.goes) : members
  const down = left.find(
    (member) =>
      !isBack(situation, member) &&
      !(pending.includes(member) && isLeftBehind(situation, members, member)),
  )
  return down === undefined
    ? undefined
    : (agree(situation, members, pending) ?? waitFor(situation, down, members))
}

function inTurn(
  situation: RollSituation,
  members: readonly MemberNow[],
  pending: readonly MemberNow[],
): RollStep {
  const { set, way } = situation
  const next = chooseNext(way, pending)
  if (next === undefined) return { kind: 'done' }
  // A newcomer that can't be Ready yet takes up what the controller, or a budget, allows to be
  // away: then nobody else takes the next one down.
  const newcomer = members.find(
    (member) => situation.excused.has(member.ordinal) && member.state !== 'available',
  )
  const open = way.kind === 'evict' || indexOf(set, next) >= way.stands
  if (open && newcomer !== undefined)
    return {
      kind: 'free',
      member: next,
      why: `${newcomer.pod} can only serve once ${next.pod} knows it`,
    }
  if (open && isLeftBehind(situation, members, next))
    return {
      kind: 'free',
      member: next,
      why: 'it handed over its leadership and does not follow the new leader',
    }
  // What the partition has released already is the controller's: nothing else may be touched before
  // it has acted.
  if (way.kind === 'partition' && open)
    return {
      kind: 'wait',
      reason: `${next.pod} waits for the StatefulSet controller to replace it`,
    }
  return take(situation, members, next)
}

function indexOf(set: SetView, member: MemberStanding): number {
  return member.ordinal - set.start
}

/** Still to be replaced. */
function isPending({ set, way }: RollSituation, member: MemberNow): boolean {
  switch (way.kind) {
    case 'partition':
      return (
        member.uid !== undefined &&
        member.revision !== set.status.updateRevision &&
        indexOf(set, member) >= way.own
      )
    case 'evict':
      return member.uid !== undefined && way.left.has(member.uid)
  }
}

/** There, not on its way out, and not serving. */
function isBroken({ handedOver }: RollSituation, member: MemberNow): boolean {
  return (
    member.uid !== undefined &&
    member.state !== 'terminating' &&
    !serves(member) &&
    !isUnreached(member) &&
    !handedOver.has(member.uid)
  )
}

/**
 * Available and serving; a leader that was told to step down must serve again, but its restarted
 * container need not have stood for a while: it goes next anyway.
 */
function isBack({ excused, handedOver, now }: RollSituation, member: MemberNow): boolean {
  if (excused.has(member.ordinal) && !serves(member))
    return (
      member.runningSince !== undefined &&
      member.state !== 'terminating' &&
      member.runningSince + STANDS_AFTER_MS <= now
    )
  if (!serves(member)) return false
  return (
    member.state === 'available' ||
    member.state === 'old-revision' ||
    (member.uid !== undefined &&
      handedOver.has(member.uid) &&
      member.role !== undefined &&
      member.role !== 'unknown' &&
      member.state !== 'terminating')
  )
}

/** It handed over leadership, another one leads, and it does not come back by itself. */
function isLeftBehind(
  { handedOver, outsideSince, listChanges, now }: RollSituation,
  members: readonly MemberNow[],
  member: MemberNow,
): boolean {
  if (
    member.uid === undefined ||
    member.state === 'terminating' ||
    serves(member) ||
    isUnreached(member) ||
    !handedOver.has(member.uid)
  )
    return false
  const since = outsideSince.get(member.uid)
  return (
    since !== undefined &&
    since + (listChanges === true ? FOLLOWS_OTHER_LIST_MS : FOLLOWS_AFTER_MS) <= now &&
    members.some((other) => other !== member && other.role === 'leader')
  )
}

/**
 * It runs at its revision, or it served a moment ago and has crashed, or lost its quorum, since.
 * Where the list changes a member may be outside for good.
 */
function mayComeBack({ served, listChanges }: RollSituation, member: MemberNow): boolean {
  return (
    (member.running && member.atRevision) || (served.has(member.ordinal) && listChanges !== true)
  )
}

/**
 * After an election while lists differed, those with the new list may be too few to join or to
 * elect: they serve once the next one has it too.
 */
function agree(
  situation: RollSituation,
  members: readonly MemberNow[],
  pending: readonly MemberNow[],
): RollStep | undefined {
  const outside = members.filter(
    (member) => !serves(member) && (pending.length > 0 || member.ordinal !== situation.goes),
  )
  // The leader of before, when those with the new list elect one of theirs: too few of its own list
  // follow that one. It serves nobody and is the next to be replaced anyway.
  const behind = pending.find((member) => isLeftBehind(situation, members, member))
  if (
    situation.listChanges === true &&
    behind !== undefined &&
    outside.every((member) => member.running)
  )
    return {
      kind: 'free',
      member: behind,
      why: 'it handed over its leadership and does not follow the new leader',
    }
  const kept =
    outside.length > 0 &&
    outside.every((member) => !pending.includes(member) && isKeptOutside(situation, member))
  if (!kept) return undefined
  const next = chooseNext(situation.way, pending)
  if (next !== undefined)
    return {
      kind: 'free',
      member: next,
      why: `${outside.map((member) => member.pod).join(' and ')} can only serve once it has the same member list`,
    }
  // Nobody is left to be brought to the list: an election while lists differed has left this one
  // with peers that it can't reach (seen), and only a new start ends that.
  const renewed = outside.find((member) => situation.renewed?.has(member.ordinal) !== true)
  return renewed === undefined
    ? undefined
    : {
        kind: 'free',
        member: renewed,
        why: 'it stays outside of the quorum since the member list has changed',
        renews: true,
      }
}

/**
 * Longer outside than any member needs to come back while the list changes: the list keeps it
 * there.
 */
function isKeptOutside(
  { listChanges, outsideSince, addresses, now }: RollSituation,
  member: MemberNow,
): boolean {
  return (
    listChanges === true &&
    member.running &&
    !isUnreached(member) &&
    (outsideSince.get(member.uid ?? '') ?? now) + REJOIN_MS[addresses.kind] <= now
  )
}

/**
 * A member that doesn't serve is replaced before any that does, the lowest first, one at a time.
 */
function replace(
  situation: RollSituation,
  members: readonly MemberNow[],
  broken: readonly MemberNow[],
  member: MemberNow,
): RollStep {
  const others = members.filter((other) => other !== member)
  const moving = whoMoves(situation, others, broken)
  if (moving !== undefined) return waitFor(situation, moving, members)
  return bePatient(situation, others, member) ?? reach(situation, members, member)
}

/**
 * Each back before the next; where nobody serves nobody can be back, so there it is enough that its
 * containers were started.
 */
function whoMoves(
  situation: RollSituation,
  others: readonly MemberNow[],
  broken: readonly MemberNow[],
): MemberNow | undefined {
  const quorum = others.some((other) => serves(other) || isUnreached(other))
  return others.find(
    (other) =>
      !broken.includes(other) &&
      !situation.excused.has(other.ordinal) &&
      !isKeptOutside(situation, other) &&
      (quorum
        ? !isBack(situation, other)
        : ['terminating', 'pending', 'creating'].includes(other.state)),
  )
}

/**
 * One that runs may be on its way back into the quorum (every election puts members outside for a
 * moment); replacing it would only make that longer. Unless its turn has come anyway, and one leads
 * whom its old list may not have.
 */
function bePatient(
  situation: RollSituation,
  others: readonly MemberNow[],
  member: MemberNow,
): RollStep | undefined {
  const { now, outsideSince, addresses } = situation
  const follows = !(
    isPending(situation, member) &&
    situation.listChanges === true &&
    others.some((other) => other.role === 'leader')
  )
  if (!follows || !mayComeBack(situation, member)) return undefined
  const until = (outsideSince.get(member.uid ?? '') ?? now) + REJOIN_MS[addresses.kind]
  if (until <= now) return undefined
  return {
    kind: 'wait',
    reason: member.running
      ? `${member.pod} runs, but does not serve yet`
      : `${member.pod} served until a moment ago: it may come back by itself`,
    lookAgainAt: until,
    outside: member.running ? [member] : [],
  }
}

/** How its replacement is brought about: by an eviction, by the controller, by the partition. */
function reach(
  situation: RollSituation,
  members: readonly MemberNow[],
  member: MemberNow,
): RollStep {
  const { set, way } = situation
  if (way.kind === 'evict') return { kind: 'free', member }
  const open = indexOf(set, member) >= way.stands
  // What is Ready the controller replaces by itself; so it does with the highest of several under
  // any policy but the ordered one.
  if (open && member.ready)
    return {
      kind: 'wait',
      reason: `${member.pod} does not serve, and the StatefulSet controller replaces it`,
    }
  if (open || !member.atRevision) return { kind: 'free', member }
  const above = members.filter(
    (other) =>
      (serves(other) || isUnreached(other)) &&
      isPending(situation, other) &&
      other.ordinal > member.ordinal,
  )
  if (set.podManagement === 'OrderedReady' || above.length === 0)
    return { kind: 'reach-down', member }
  return reachLast(situation, members, member, above)
}

/**
 * Parallel takes the highest one although a lower one is away (seen with 1.36): the partition can't
 * be opened for this one alone. Where the quorum tolerates two, its turn comes last.
 */
function reachLast(
  situation: RollSituation,
  members: readonly MemberNow[],
  member: MemberNow,
  above: readonly MemberNow[],
): RollStep {
  const top = above.at(-1)
  const known = members.filter((other) => other !== member && !situation.excused.has(other.ordinal))
  if (
    top !== undefined &&
    known.every((other) => isBack(situation, other)) &&
    known.length - 1 > members.length / 2
  )
    return take(situation, members, top)
  return {
    kind: 'wait',
    reason: `${member.pod} does not serve, and under podManagementPolicy Parallel the new revision reaches it only after ${above.map((other) => other.pod).join(' and ')}, which hold the quorum`,
    outside: [member],
    unreached: member,
  }
}

/** Of a member that could not be reached, before what follows from it. */
export function why({ trouble }: Pick<MemberNow, 'trouble'>): string {
  return trouble === undefined ? '' : `${trouble}; `
}

function waitFor(
  situation: RollSituation,
  member: MemberNow,
  members: readonly MemberNow[],
): RollStep {
  const there = members.filter((one) => isBack(situation, one)).length
  const count = `${there} of ${members.length} members are available and serve`
  if (isUnreached(member) && member.state !== 'terminating')
    return {
      kind: 'wait',
      reason: `${member.pod} is Ready, but could not be reached: ${why(member)}whether it serves is not known, and no other member is taken down before it is; ${count}`,
      outside: members.filter(isUnreached),
    }
  if (member.state === 'available' || member.state === 'old-revision')
    return {
      kind: 'wait',
      reason: `${member.pod} is available, but does not serve yet (${member.role ?? 'not asked'}); ${count}`,
      outside: members.filter(
        (one) => (one.state === 'available' || one.state === 'old-revision') && !serves(one),
      ),
    }
  const followsUntil = followsUntilOf(situation, member)
  if (followsUntil > situation.now && member.state !== 'ready-not-yet-available')
    return {
      kind: 'wait',
      reason: `${member.pod} handed over its leadership and comes back as a follower; ${count}`,
      lookAgainAt: followsUntil,
    }
  const lookAgainAt =
    member.state === 'ready-not-yet-available'
      ? member.availableAt
      : standsUntilOf(situation, member)
  return {
    kind: 'wait',
    reason: `${member.pod} is ${member.text}; ${count}`,
    ...(lookAgainAt === undefined ? {} : { lookAgainAt }),
  }
}

/** When a newcomer that can't serve yet has shown that its server stands; else undefined. */
function standsUntilOf({ excused }: RollSituation, member: MemberNow): number | undefined {
  return excused.has(member.ordinal) &&
    member.runningSince !== undefined &&
    member.state !== 'terminating'
    ? member.runningSince + STANDS_AFTER_MS
    : undefined
}

/**
 * How long a leader that handed over leadership has to follow the new one; 0 for any other member.
 */
function followsUntilOf(
  { outsideSince, handedOver, listChanges }: RollSituation,
  member: MemberNow,
): number {
  const outside = outsideSince.get(member.uid ?? '')
  if (outside === undefined || member.state === 'terminating') return 0
  if (!handedOver.has(member.uid ?? '')) return 0
  return outside + (listChanges === true ? FOLLOWS_OTHER_LIST_MS : FOLLOWS_AFTER_MS)
}

function chooseNext(way: Way, pending: readonly MemberNow[]): MemberNow | undefined {
  switch (way.kind) {
    case 'partition':
      return pending.at(-1)
    case 'evict':
      return pending.find((member) => member.role !== 'leader') ?? pending[0]
  }
}

/**
 * All others serve. A leader whose members are known by names that move hands over leadership
 * first, in place: an election while its peers still have addresses of before takes long. Where
 * addresses stay it is one election either way (measured: no longer without it), and its server
 * would only be down twice.
 */
function take(
  situation: RollSituation,
  members: readonly MemberNow[],
  member: MemberNow,
): RollStep {
  const { canStepDown, excused, addresses, goes, renewed } = situation
  const voters = members.filter((one) => !excused.has(one.ordinal)).length
  if (member.role !== 'leader' || voters < 3) return { kind: 'take', member }
  // Those with the list without it could not follow it: another one must lead before the first of
  // them comes.
  const goesForGood = member.ordinal === goes
  if (goesForGood && !canStepDown && renewed?.has(member.ordinal) !== true)
    return {
      kind: 'free',
      member,
      why: 'it leads, and another member must lead before the others get the member list without it',
      renews: true,
    }
  if (!canStepDown || (addresses.kind === 'stay' && !goesForGood)) return { kind: 'take', member }
  return handOver(situation, members, member)
}

function handOver(
  { now, handedOver, addresses }: RollSituation,
  members: readonly MemberNow[],
  member: MemberNow,
): RollStep {
  const { times, at } = handedOver.get(member.uid ?? '') ?? { times: 0, at: 0 }
  // Its process takes a moment to end: until then it says that it leads, and must not be told
  // twice.
  if (times > 0 && now - at < STEPPING_DOWN_MS)
    return {
      kind: 'wait',
      reason: `${member.pod} hands over its leadership`,
      lookAgainAt: at + STEPPING_DOWN_MS,
    }
  if (times >= MOST_HAND_OVERS) return { kind: 'take', member }
  const settledAt =
    addresses.kind === 'stay'
      ? 0
      : Math.max(0, ...members.map((one) => one.addressSince ?? 0)) + SETTLE_AFTER_MOVE_MS
  if (settledAt > now)
    return {
      kind: 'wait',
      reason: `${member.pod} leads and hands over its leadership once every member knows the others' addresses (${addresses.reason})`,
      lookAgainAt: settledAt,
    }
  return { kind: 'hand-over', member }
}
