// What a deploy would mean for the members, in words: nothing, objects alone, a roll, or more
// members.

import { capital } from '../capital.ts'
import { formatSpan } from '../clock.ts'
import type { Forecast } from './rollout/forecast.ts'
import type { ScaleStep } from './scale.ts'

const IMPACTS = ['none', 'objects', 'roll', 'scale'] as const
export type Impact = (typeof IMPACTS)[number]

/** What a member needs to be back where no roll of before says it; milliseconds. */
export const MEMBER_MS = 40_000

/** How members would come to a new revision. */
export type Roll =
  | { readonly kind: 'paced'; readonly forecast: Forecast; readonly leader: string }
  /** `pace: controller`: highest ordinal first, the next one as soon as the last is Ready. */
  | { readonly kind: 'controller'; readonly count: number; readonly leader: string }
  /** OnDelete, and nobody here deletes them. */
  | { readonly kind: 'left'; readonly count: number }

export interface Planned {
  /** How many objects would be created or changed. */
  readonly changing: number
  /** How many more would only change their field manager. */
  readonly takenOver: number
  /** The set is there. */
  readonly runs: boolean
  /** Members that the set has, and is to have. */
  readonly from: number
  readonly to: number
  readonly steps: readonly Pick<ScaleStep, 'words' | 'outage' | 'count'>[]
  /** Undefined where no member is replaced. */
  readonly roll: Roll | undefined
  /** An earlier run began it. */
  readonly unfinished: boolean
  /** ConfigMaps that would change and that members which run on have read already. */
  readonly unread: readonly string[]
  /** What a member needs to be back. */
  readonly memberMs: number
}

export interface Meaning {
  readonly impact: Impact
  /** One sentence each; the first says it all. */
  readonly lines: readonly string[]
}

export function meaningOf(planned: Planned): Meaning {
  const { changing, takenOver, runs, from, to, roll, steps, memberMs } = planned
  const read = unreadLines(planned)
  if (!runs)
    return {
      impact: 'scale',
      lines: [
        `A first install: ${members(to)} would be made${to > 1 ? ', in order,' : ''} and checked.`,
      ],
    }
  if (steps.length === 0 && from !== to)
    return {
      impact: 'scale',
      lines: [
        `The set would go from ${members(from)} to ${to}, at the pace of the StatefulSet controller.`,
        ...(roll === undefined ? read : rollLines(roll, planned)),
      ],
    }
  if (steps.length > 0) {
    // Each step makes a member and restarts those of before for the new list.
    const time = steps.reduce((sum, { count }) => sum + count * memberMs, 0)
    return {
      impact: 'scale',
      lines: [
        `The ensemble would go from ${members(from)} to ${to}, one member at a time, in about ${span(time)}; the others are restarted where they have to learn of it.`,
        ...steps.map(({ words, outage }) =>
          outage === undefined ? `${capital(words)}.` : `${capital(words)}: ${outage}.`,
        ),
      ],
    }
  }
  if (roll !== undefined)
    return {
      impact: 'roll',
      lines: [...rollLines(roll, planned), ...(roll.kind === 'left' ? read : [])],
    }
  if (changing + takenOver === 0) return { impact: 'none', lines: ['Nothing would change.'] }
  const taken =
    takenOver === 0
      ? []
      : [
          `${objects(takenOver)} of a client-side apply would be taken over as ${takenOver === 1 ? 'it is' : 'they are'}: only the field manager changes.`,
        ]
  if (changing === 0) return { impact: 'objects', lines: taken }
  return {
    impact: 'objects',
    lines: [
      `${objects(changing)} would change, and no member would be restarted.`,
      ...read,
      ...taken,
    ],
  }
}

function rollLines(roll: Roll, { unfinished }: Planned): readonly string[] {
  const begun = unfinished ? ['An earlier roll has not ended: the deploy would continue it.'] : []
  switch (roll.kind) {
    case 'left':
      return [
        `The pod template changes, and no member is replaced by this deploy: updateStrategy OnDelete leaves ${members(roll.count)} to whoever deletes them.`,
        ...begun,
      ]
    case 'controller':
      return [
        `${capital(members(roll.count))} would be replaced by the StatefulSet controller, the highest ordinal first, each as soon as the last is Ready (pace: controller).`,
        roll.leader === ''
          ? 'Who leads is not known.'
          : `${roll.leader} leads; it goes when its turn comes, and each leader that goes costs an election.`,
        ...begun,
      ]
    case 'paced':
      return [...pacedLines(roll.forecast, roll.leader), ...begun]
  }
}

/** A roll or a restart under the quorum. */
export function pacedLines(
  { order, handsOver, elections, ms, halts }: Forecast,
  leader: string,
): readonly string[] {
  const times = elections === 1 ? 'one election' : `${elections} elections`
  const handing = handingOver([...new Set(handsOver)], leader)
  const course =
    leader === ''
      ? 'who leads is not known, so one election or more'
      : `${leader} leads${handing}, ${elections === 0 ? 'no election' : times}`
  const stops = halts === undefined ? [] : [`As it stands now it would stop there: ${halts}.`]
  if (order.length === 0) return ['No member would be replaced now.', ...stops]
  return [
    `${capital(members(order.length))} would be replaced, one at a time, each back in the quorum before the next: ${order.join(', ')}; ${course}; about ${span(ms)}.`,
    ...stops,
  ]
}

function handingOver(names: readonly string[], leader: string): string {
  const [first, ...more] = names
  if (first === undefined) return ''
  if (more.length > 0) return `, ${names.join(', ')} hand over their leadership first`
  return `${first === leader ? ' and' : `, ${first}`} hands over its leadership first`
}

function unreadLines({ unread }: Planned): readonly string[] {
  if (unread.length === 0) return []
  return [
    `${unread.map((name) => `configmap/${name}`).join(', ')}: members that run read it only when they start. operation: restart afterwards lets every member read it.`,
  ]
}

function objects(count: number): string {
  return `${count} ${count === 1 ? 'object' : 'objects'}`
}

function members(count: number): string {
  return `${count} ${count === 1 ? 'member' : 'members'}`
}

/** To the nearest ten seconds: it is an estimate. */
function span(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 10_000)) * 10
  return seconds < 60 ? `${seconds}s` : formatSpan(seconds * 1000)
}
