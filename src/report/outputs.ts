// The outputs of a run by their fixed names. They are set early and on every path, so an unset
// value is an empty one, never a missing one.

import { plainLine } from './escape.ts'
import { memberFacts } from './json-report.ts'
import { secondsByPhase } from './node-phases.ts'
import type { RunReport } from './run-report.ts'

export const OUTPUT_NAMES = [
  'result',
  'code',
  'message',
  'changed',
  'name',
  'namespace',
  'profile',
  'version',
  'connection-string',
  'revision',
  'previous-revision',
  'replicas',
  'ready-replicas',
  'leader',
  'members',
  'changes',
  'pairs',
  'drained-nodes',
  'remaining-nodes',
  'node-times',
  'revisions',
  'longest-write-gap-ms',
  'acknowledged-writes-lost',
  'impact',
  'summary',
  'report',
] as const

export type OutputName = (typeof OUTPUT_NAMES)[number]

/**
 * Every output as text. Numbers that are not known are empty; `members` and `revisions` are JSON
 * arrays, `changes` and `node-times` (seconds by phase) JSON objects; nodes stand
 * one per line, as the input `nodes` takes them. Files are paths, undefined as long as they aren't
 * written: of the JSON report, and of the summary as a comment takes it.
 */
export function outputsOf(
  report: RunReport,
  files: { readonly report: string | undefined; readonly summary: string | undefined },
): Record<OutputName, string> {
  return {
    result: report.result,
    code: report.code,
    message: plainLine(report.message),
    changed: String(report.changed),
    name: plainLine(report.name),
    namespace: plainLine(report.namespace),
    profile: plainLine(report.profile),
    version: plainLine(report.version),
    'connection-string': plainLine(report.connectionString),
    revision: plainLine(report.revision),
    'previous-revision': plainLine(report.previousRevision),
    replicas: number(report.replicas),
    'ready-replicas': number(report.readyReplicas),
    leader: plainLine(report.leader),
    members: json(report.members.map((row) => ({ ...memberFacts(row), ready: row.ready }))),
    changes: json(Object.fromEntries(report.changes.map((row) => [row.object, row.change]))),
    pairs: plainLine(report.pairs),
    'drained-nodes': lines(report.drainedNodes),
    'remaining-nodes': lines(report.remainingNodes),
    'node-times': json(
      Object.fromEntries(
        report.nodes
          .map((row) => [row.node, secondsByPhase(row)] as const)
          .filter(([, seconds]) => 'total' in seconds),
      ),
    ),
    revisions: json(report.revisions.map(revisionOf)),
    'longest-write-gap-ms': number(
      report.longestWriteGapMs === undefined ? undefined : Math.round(report.longestWriteGapMs),
    ),
    'acknowledged-writes-lost': number(report.acknowledgedWritesLost),
    impact: report.impact,
    summary: files.summary ?? '',
    report: files.report ?? '',
  }
}

/** One a line, and no more lines than names. */
function lines(names: readonly string[]): string {
  return names.map((name) => plainLine(name)).join('\n')
}

/**
 * On one line for whatever counts as a line's end somewhere; the same value when it is read again.
 */
function json(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f]|\p{Cf}|[\u2028\u2029]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

function revisionOf(
  row: RunReport['revisions'][number],
): Record<string, string | number | boolean | null> {
  return {
    revision: row.revision ?? null,
    name: row.name,
    image: row.image,
    'change-cause': row.changeCause,
    created: row.created === undefined ? null : new Date(row.created).toISOString(),
    current: row.current,
    members: row.members,
    verified: row.verified ?? null,
  }
}

function number(value: number | undefined): string {
  return value === undefined ? '' : String(value)
}
