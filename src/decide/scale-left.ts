// What is left of a change of the number of members that was cut off, and where it may go from
// there: what was reached is an ensemble like any other.

import type { ProfileName } from '../view/profile-name.ts'
import type { ScaleStep } from './scale.ts'

export interface ScaleLeft {
  /** Members that were there before the step that was cut off. */
  readonly reached: number
  /** For the report, as sentences. */
  readonly words: string
  /** What leads on from there, after a fix. */
  readonly again: string
}

/** `left`: the steps that were not taken, the one that was cut off first. */
export function scaleLeft(
  left: readonly [ScaleStep, ...ScaleStep[]],
  { replicas, target, profile, begun }: ScaleEnd,
): ScaleLeft {
  const [next] = left
  const reached = membersBefore(next, replicas)
  // A node that has begun to leave the ring doesn't come back to it.
  const handedOver = profile === 'cassandra' && next.kind === 'remove'
  const back =
    handedOver || next.kind === 'await'
      ? profile === 'cassandra' || begun === undefined || begun === target
        ? ''
        : ` Or scale to ${begun}, as it was begun.`
      : ` Or scale to ${reached}: that undoes what was begun.`
  return {
    reached,
    again: `Then scale to ${target} again: it continues from here.${back}`,
    words: `Left to do: ${left.map((step) => step.words).join('; ')}. Fix the cause and scale to ${target} again: it continues from here.${back}`,
  }
}

export interface ScaleEnd {
  /** How many members the set makes now. */
  readonly replicas: number
  readonly target: number
  readonly profile: ProfileName
  /** The number to which an earlier run was on its way. */
  readonly begun?: number | undefined
}

function membersBefore({ kind, count }: ScaleStep, replicas: number): number {
  switch (kind) {
    case 'add':
      return count - 1
    case 'remove':
      return count + 1
    case 'finish':
    case 'restore':
    case 'await':
      return replicas
  }
}
