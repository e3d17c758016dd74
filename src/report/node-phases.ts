// What a node goes through and how long it takes, kept as it goes: nobody else publishes how long
// the drain of a quorum's node takes.

import type { NodePhase, NodeRow } from './run-report.ts'

export function beginPhase(row: NodeRow, phase: NodePhase, at: number): void {
  row.phases.push({ phase, at, ms: undefined })
}

/** Ends the phase that was begun last and still runs. */
export function endPhase(row: NodeRow, at: number): void {
  const open = row.phases.findLast((phase) => phase.ms === undefined)
  if (open !== undefined) open.ms = Math.max(0, at - open.at)
}

/**
 * Seconds by phase, those of one kind added up, and `total` from the first to the last; one that
 * still runs is left out.
 */
export function secondsByPhase(row: NodeRow): Readonly<Record<string, number>> {
  const ended = row.phases.flatMap(({ phase, at, ms }) =>
    ms === undefined ? [] : [{ phase, at, ms }],
  )
  const seconds: Record<string, number> = {}
  for (const { phase, ms } of ended) seconds[phase] = rounded((seconds[phase] ?? 0) + ms / 1000)
  const first = Math.min(...ended.map(({ at }) => at))
  const last = Math.max(...ended.map(({ at, ms }) => at + ms))
  return ended.length === 0 ? {} : { ...seconds, total: rounded((last - first) / 1000) }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100
}
