// Whether a drain continues one that was broken off, and which nodes are done by that: a run that
// dies at the third of five nodes leaves two.

import type { NodeView } from '../../view/surroundings.ts'

/** What a drain was asked to do, as the record keeps it. */
export interface BegunDrain {
  /**
   * Of the request as it was given: which nodes by whatever means, placement, command, what becomes
   * of the cordons.
   */
  readonly digest: string
  /** ISO time when it was begun. */
  readonly since: string
}

/**
 * Longer ago than this it was another night's work: well below a day, so that a schedule which is
 * early never meets the night before. Milliseconds.
 */
const SAME_NIGHT_MS = 12 * 3_600_000

/**
 * Whether a run that ended early had begun just this: then its nodes are meant, wherever members
 * are by now, and what it has done is not done again.
 */
export function isContinued(before: BegunDrain | undefined, digest: string, now: number): boolean {
  if (before === undefined || before.digest !== digest) return false
  const since = Date.parse(before.since)
  return !Number.isNaN(since) && now - since < SAME_NIGHT_MS
}

export interface DoneBefore {
  /** UIDs of the nodes that the drain that is continued has done. */
  readonly done: readonly string[]
  /** Names of nodes that were left cordoned on purpose, and still are. */
  readonly kept: ReadonlySet<string>
  readonly isUncordoned: boolean
  /** A maintenance command is asked for. */
  readonly commands: boolean
}

/**
 * Whether nothing is left to do on a node. One that was to stay cordoned and does not is no longer
 * empty for sure; one that another drain left cordoned has had no command, and is not uncordoned by
 * itself.
 */
export function isDone(
  node: Pick<NodeView, 'name' | 'uid' | 'unschedulable'>,
  { done, kept, isUncordoned, commands }: DoneBefore,
): boolean {
  if (done.includes(node.uid)) return isUncordoned || node.unschedulable
  return kept.has(node.name) && !isUncordoned && !commands
}
