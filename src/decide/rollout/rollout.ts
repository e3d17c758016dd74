// When a rollout is done, member by member: the status' counters alone call a set complete too
// early, or never.

import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView, SetView } from '../../view/workload.ts'
import {
  memberStandings,
  observed,
  ownPods,
  strangers,
  type MemberStanding,
} from '../members/members.ts'

export type { MemberStanding } from '../members/members.ts'

export interface RolloutGoal {
  /**
   * `metadata.generation` that the controller must have seen; the live one when it is higher or
   * this is absent.
   */
  readonly generation?: number
}

interface Judged {
  /** Every wanted ordinal ascending, then pods that are too many. */
  readonly members: readonly MemberStanding[]
  /** Under OnDelete: pods that a person, or a roll by evictions, must still replace. */
  readonly leftToDelete: readonly string[]
  /** Pods with the members' labels that aren't the set's: ignored, but worth a word. */
  readonly strangers: readonly string[]
}

export type RolloutVerdict =
  | (Judged & {
      readonly kind: 'done'
      /** What is done differently than one might think. */ readonly note: string | undefined
    })
  | (Judged & {
      readonly kind: 'waiting'
      /** One line: the member and what is missing. */ readonly reason: string
      /** When time alone changes the verdict; milliseconds since the epoch. */ readonly lookAgainAt:
        | number
        | undefined
    })

/**
 * Done: the generation is observed, every wanted ordinal is at a revision that may stay, Ready and
 * available, and no pod is too many.
 * Below the partition the current revision may stay as well; under OnDelete any.
 */
export function judgeRollout(view: EnsembleView, now: number, goal: RolloutGoal): RolloutVerdict {
  const { set } = view
  const members = memberStandings(view, now)
  const judged: Judged = {
    members,
    leftToDelete: leftToDelete(view),
    strangers: strangers(view).map((pod) => pod.name),
  }
  const waiting = (reason: string, lookAgainAt?: number): RolloutVerdict => ({
    ...judged,
    kind: 'waiting',
    reason,
    lookAgainAt,
  })
  if (set === undefined) return waiting('the StatefulSet is not there')
  if (set.deleting) return waiting(`statefulset/${set.name} is being deleted`)
  if (!observed(set, goal.generation))
    return waiting(
      `the StatefulSet controller has not seen generation ${Math.max(set.generation, goal.generation ?? 0)} of ${set.name} yet`,
    )
  const unfinished = members.filter((member) => member.state !== 'available')
  const first = mostTelling(set, unfinished)
  if (first === undefined) return { ...judged, kind: 'done', note: noteOf(set, judged) }
  const wanted = members.filter((member) => member.state !== 'extra')
  const available = wanted.filter((member) => member.state === 'available').length
  const times = unfinished.flatMap((member) =>
    member.state === 'ready-not-yet-available' && member.availableAt !== undefined
      ? [member.availableAt]
      : [],
  )
  const held =
    first.state === 'old-revision' && !heldOpen(set, first) ? `; the partition keeps it there` : ''
  return waiting(
    `${first.pod} is ${first.text}${held} (${available} of ${wanted.length} members done)`,
    times.length === 0 ? undefined : Math.min(...times),
  )
}

/**
 * A member that isn't available before one that waits for its turn; of those the one that the
 * controller handles next, lowest first, rolls highest first.
 */
function mostTelling(
  set: SetView,
  unfinished: readonly MemberStanding[],
): MemberStanding | undefined {
  const down = unfinished.find(
    (member) => member.state !== 'old-revision' && member.state !== 'extra',
  )
  const waiting = unfinished.filter((member) => member.state === 'old-revision')
  return down ?? waiting.findLast((member) => heldOpen(set, member)) ?? waiting[0] ?? unfinished[0]
}

/** Whether the controller will replace it by itself. */
function heldOpen(set: SetView, member: MemberStanding): boolean {
  return set.strategy.type === 'OnDelete' || member.ordinal >= set.start + set.strategy.partition
}

function leftToDelete(view: EnsembleView): readonly string[] {
  const { set } = view
  if (set === undefined || set.strategy.type !== 'OnDelete') return []
  return ownPods(view)
    .filter((pod) => pod.revision !== set.status.updateRevision && pod.deleting === undefined)
    .map((pod) => pod.name)
}

function noteOf(set: SetView, judged: Judged): string | undefined {
  const notes: string[] = []
  if (judged.leftToDelete.length > 0)
    notes.push(
      `updateStrategy OnDelete: ${judged.leftToDelete.join(', ')} ${judged.leftToDelete.length === 1 ? 'stays' : 'stay'} at another revision until deleted`,
    )
  const partition = set.strategy.type === 'RollingUpdate' ? set.strategy.partition : 0
  const below = judged.members.filter(
    (member) =>
      member.revision !== set.status.updateRevision && set.strategy.type === 'RollingUpdate',
  )
  if (below.length > 0)
    notes.push(
      `partition ${partition}: ${below.map((member) => member.pod).join(', ')} ${below.length === 1 ? 'stays' : 'stay'} at revision ${set.status.currentRevision}`,
    )
  if (judged.strangers.length > 0)
    notes.push(
      `pods with the members' labels that are not of ${set.name}: ${judged.strangers.join(', ')}`,
    )
  return notes.length === 0 ? undefined : notes.join('; ')
}

/**
 * The states that members have ever reached, grown from the key before: it changes only when a
 * member reaches one that it hadn't
 * reached before, so a crash loop that goes from Running to Waiting and back is no progress.
 * Compare keys, don't read them.
 */
export function progressKey(view: EnsembleView, before = ''): string {
  const { set } = view
  if (set === undefined) return before
  const reached = new Set(before === '' ? [] : before.split(' '))
  reached.add(`seen:${set.observedGeneration}`)
  const own = ownPods(view)
  for (const pod of own)
    for (const stage of stagesOf(pod)) reached.add(`${pod.name}@${pod.revision ?? ''}:${stage}`)
  for (const entry of reached) {
    const name = entry.split('@')[0] ?? ''
    const ordinal = Number(name.slice(name.lastIndexOf('-') + 1))
    const tooMany =
      entry.includes('@') && (ordinal < set.start || ordinal >= set.start + set.replicas)
    // Scaling down makes progress by pods that go away.
    if (tooMany && !own.some((pod) => pod.name === name)) reached.add(`${name}@:gone`)
  }
  return [...reached].toSorted().join(' ')
}

function stagesOf(pod: PodView): readonly string[] {
  const stages = ['made']
  if (pod.deleting !== undefined) stages.push('terminating')
  if (pod.node !== undefined) stages.push('scheduled')
  const initialized = pod.initContainers.filter(
    (container) =>
      container.ready || (container.state.kind === 'terminated' && container.state.exitCode === 0),
  ).length
  if (initialized > 0) stages.push(`init-${initialized}`)
  const running = pod.containers.filter((container) => container.state.kind === 'running').length
  if (running > 0) stages.push(`running-${running}`)
  if (pod.ready) stages.push('ready')
  return stages
}
