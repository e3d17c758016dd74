// Why it failed, in full: every finding with its place and its fix, the evidence with its logs
// folded, and what else a person should know.

import type { Finding } from '../../errors.ts'
import { causeOf, furtherErrors, placeOf } from '../cause.ts'
import { block, cell, inline, plainLine, plainLines } from '../escape.ts'
import { causeLine, logTitle, withoutNoise } from '../evidence.ts'
import type { Evidence, RunReport } from '../run-report.ts'
import type { Section } from './section.ts'
import { section, table } from './section.ts'
import { clockTime } from './times.ts'

/** More than these are behind a line. */
const NOTES_OPEN = 3

/** Every error beside the one at the top, with its place and its fix. */
export function errorsSection(report: RunReport): Section | undefined {
  const errors = furtherErrors(report)
  if (errors.length === 0) return undefined
  return table(
    `${errors.length} more ${errors.length === 1 ? 'error' : 'errors'}`,
    ['Code', 'Where', 'What', 'Fix'],
    errors.map((finding) => [finding.code, ...findingCells(finding)]),
    // What the table of pods and nodes has said already.
    { folded: report.unfit.length > 0 },
  )
}

/** Warnings and notices carry no code of a failure: nothing has failed. */
export function warningsSection(report: RunReport): Section | undefined {
  const ordered = (['warning', 'notice'] as const).flatMap((severity) =>
    report.findings.filter((one) => one.severity === severity),
  )
  if (ordered.length === 0) return undefined
  const counts = (['warning', 'notice'] as const).flatMap((severity) => {
    const count = ordered.filter((one) => one.severity === severity).length
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`]
  })
  const warned = ordered.some(({ severity }) => severity === 'warning')
  return table(
    `${warned ? '⚠️' : 'ℹ️'} ${counts.join(', ')}`,
    ['Kind', 'Where', 'What', 'Fix'],
    ordered.map((finding) => [finding.severity, ...findingCells(finding)]),
    { folded: true },
  )
}

function findingCells(finding: Finding): string[] {
  return [
    cell(
      [
        placeOf(finding),
        finding.input === undefined ? '' : `input ${finding.input}`,
        finding.object ?? '',
      ]
        .filter((part) => part !== '')
        .join(', '),
    ),
    cell(finding.message, 500),
    cell(plainLines(finding.fix ?? '').join(' '), 500),
  ]
}

/** Each object at fault behind a line of its own that says what it has died of. */
export function evidenceSection(report: RunReport): Section | undefined {
  if (report.evidence.length === 0) return undefined
  const known = causeOf(report)
  return section(
    '',
    report.evidence.map((one) => evidenceItem(one, known)),
    { between: '\n\n' },
  )
}

/** `known`: what the top of the page says of the cause, which is not said again. */
function evidenceItem(evidence: Evidence, known: string): string {
  const events = [...evidence.events].sort((a, b) => a.last - b.last).slice(-20)
  const said = plainLine(evidence.message, 600)
  const blocks = [
    ...(events.length === 0
      ? []
      : [`Events (${evidence.events.length}):`, block(events.map(eventLine))]),
    ...evidence.logs.flatMap((log) => {
      const quiet = withoutNoise(log.lines)
      return [
        `${inline(logTitle(log, quiet), 200)}:`,
        block(quiet.lines.length === 0 ? ['(no lines)'] : quiet.lines),
      ]
    }),
  ]
  return [
    `<details><summary>Evidence: ${inline(evidenceTitle(evidence), 300)}</summary>`,
    ...(said === '' || (known.includes(said) && blocks.length > 0) ? [] : [inline(said)]),
    ...blocks,
    '</details>',
  ].join('\n\n')
}

/** `pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1; 4 events, 25 log lines`. */
function evidenceTitle(evidence: Evidence): string {
  const lines = evidence.logs.reduce((sum, log) => sum + withoutNoise(log.lines).lines.length, 0)
  const counts = [
    evidence.events.length === 0
      ? ''
      : `${evidence.events.length} ${evidence.events.length === 1 ? 'event' : 'events'}`,
    lines === 0 ? '' : `${lines} log ${lines === 1 ? 'line' : 'lines'}`,
  ].filter((count) => count !== '')
  const lead = causeLine({ ...evidence, events: [] })
  return counts.length === 0 ? lead : `${lead}; ${counts.join(', ')}`
}

function eventLine(event: Evidence['events'][number]): string {
  return `${clockTime(event.last)}  ${plainLine(event.reason, 100)}${event.count > 1 ? ` (${event.count}×)` : ''}  ${plainLine(event.message)}`
}

export function notesSection(report: RunReport): Section | undefined {
  if (report.notes.length === 0) return undefined
  const items = report.notes.map((note) => `- ${inline(note)}`)
  const folded = items.length > NOTES_OPEN
  return section(folded ? `${items.length} notes` : '', items, { folded })
}
