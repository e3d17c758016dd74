// Waits until every member is there, at its revision, Ready and available.

import { judgeRollout } from '../../decide/rollout/rollout.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { attend, type Attendance } from './attend.ts'

export interface ReadyWait extends Attendance {
  /** Generation that the controller must have seen; undefined: the live one. */
  readonly generation: number | undefined
}

/**
 * The view in which it was done. Throws EnsembleError 'failed' with every cause, the deciding one
 * first, and leaves the evidence in the report.
 */
export async function awaitReady(wait: ReadyWait, signal: AbortSignal): Promise<EnsembleView> {
  const goal = wait.generation === undefined ? {} : { generation: wait.generation }
  return attend(
    wait,
    { generation: () => wait.generation, step: (view, now) => judgeRollout(view, now, goal) },
    signal,
  )
}
