// The history of a set as a table, the same in the log and in the summary: what is wanted, what
// runs, and what was verified.

import { NOTHING, clip, plainLine } from './escape.ts'
import type { RevisionRow, RunReport } from './run-report.ts'
import { formatTime } from '../clock.ts'
import type { Seen } from './recorder.ts'

export const REVISION_HEAD = [
  'Revision',
  'Name',
  'Image',
  'Members',
  'Created',
  'Age',
  'Current',
  'Verified',
  'Change cause',
] as const

/** Widest column of the log's table; the summary has room for more. */
const WIDEST = 60

/** One row for each revision, unescaped; what isn't known is empty. */
export function revisionCells(
  report: Seen<Pick<RunReport, 'revisions' | 'ended'>>,
): readonly (readonly string[])[] {
  return report.revisions.map((row) => [
    row.revision === undefined ? '' : String(row.revision),
    row.name,
    row.image,
    String(row.members),
    row.created === undefined ? '' : formatTime(row.created),
    row.created === undefined ? '' : age(report.ended - row.created),
    row.current ? 'current' : '',
    verifiedWord(row),
    row.revision === undefined ? 'kept by the record only' : row.changeCause,
  ])
}

/** The table as lines of plain text, its columns aligned; empty when there is no revision. */
export function revisionLines(
  report: Seen<Pick<RunReport, 'revisions' | 'ended'>>,
): readonly string[] {
  if (report.revisions.length === 0) return []
  const rows = [
    REVISION_HEAD.map((title) => title.toUpperCase()),
    ...revisionCells(report).map((row) => row.map(shown)),
  ]
  const widths = REVISION_HEAD.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function shown(text: string): string {
  const plain = clip(plainLine(text), WIDEST)
  return plain === '' ? NOTHING : plain
}

function verifiedWord(row: RevisionRow): string {
  if (row.verified === undefined) return 'unknown'
  return row.verified ? 'verified' : ''
}

/** `4d`, `3h`, `12m`, `8s`: as kubectl writes it; never negative, whatever the clocks say. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}
