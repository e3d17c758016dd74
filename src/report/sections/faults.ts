// Why it failed, in full: every finding with its place and mend, the evidence with its logs folded,
// and what else a person should know.

import { placeOf } from '../cause.ts'
import { block, cell, inline, plainLine, plainLines } from '../escape.ts'
import { evidenceParagraph, logTitle, withoutNoise } from '../evidence.ts'
import type { Evidence, RunReport } from '../run-report.ts'
import type { Section } from './section.ts'
import { section, table } from './section.ts'
import { clockTime } from './times.ts'

export function findingsSection(report: RunReport): Section | undefined {
  if (report.findings.length === 0) return undefined
  const ordered = (['error', 'warning', 'notice'] as const).flatMap((severity) =>
    report.findings.filter((one) => one.severity === severity),
  )
  const rows = ordered.map((finding) => [
    finding.severity,
    finding.code,
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
    cell(plainLines(finding.mend ?? '').join(' '), 500),
  ])
  return table('Findings', ['Severity', 'Code', 'Where', 'What', 'Fix'], rows)
}

export function evidenceSection(report: RunReport): Section | undefined {
  if (report.evidence.length === 0) return undefined
  return section('Evidence', report.evidence.map(evidenceItem), { between: '\n\n' })
}

function evidenceItem(evidence: Evidence): string {
  const events = [...evidence.events].sort((a, b) => a.last - b.last).slice(-20)
  const folds = [
    ...(events.length === 0
      ? []
      : [fold(`Events (${evidence.events.length})`, events.map(eventLine))]),
    ...evidence.logs.map((log) => {
      const quiet = withoutNoise(log.lines)
      return fold(logTitle(log, quiet), quiet.lines)
    }),
  ]
  return [inline(evidenceParagraph(evidence)), ...folds].join('\n\n')
}

function eventLine(event: Evidence['events'][number]): string {
  return `${clockTime(event.last)}  ${plainLine(event.reason, 100)}${event.count > 1 ? ` (${event.count}×)` : ''}  ${plainLine(event.message)}`
}

/** A folded block; its markup is closed whatever the lines hold. */
function fold(title: string, lines: readonly string[]): string {
  return `<details><summary>${inline(title, 200)}</summary>\n\n${block(lines.length === 0 ? ['(no lines)'] : lines)}\n\n</details>`
}

export function notesSection(report: RunReport): Section | undefined {
  const requests = Object.entries(report.requests)
  const items = [
    ...report.notes.map((note) => `- ${inline(note)}`),
    ...(requests.length === 0
      ? []
      : [
          `- Requests to the API server: ${requests.map(([kind, count]) => `${inline(kind)} ${count}`).join(', ')}`,
        ]),
  ]
  return items.length === 0 ? undefined : section('Notes', items)
}
