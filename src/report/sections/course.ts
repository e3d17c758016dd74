// What the run did: checks, changes, timeline, phases, revisions.

import { formatSpan } from '../../clock.ts'
import { cell, diffBlock, inline } from '../escape.ts'
import type { NodeRow, RunReport, TimelineEntry } from '../run-report.ts'
import { REVISION_HEAD, revisionCells } from '../revision-table.ts'
import type { Section } from './section.ts'
import { section, table } from './section.ts'
import { clockTime } from './times.ts'

export function checksSection(report: RunReport): Section | undefined {
  if (report.checks.length === 0) return undefined
  const rows = report.checks.map((check) => [
    cell(check.name),
    check.outcome === 'failed' ? '**failed**' : check.outcome,
    cell(check.detail, 500),
    formatSpan(check.ms),
  ])
  return table(checksTitle(report), ['Check', 'Outcome', 'What was found', 'Time'], rows, {
    folded: true,
  })
}

/** `✅ 7 checks passed (full)`, `❌ 1 of 7 checks failed: quorum`. */
function checksTitle({ checks, verifyLevel }: RunReport): string {
  const of = (outcome: RunReport['checks'][number]['outcome']): string[] =>
    checks.filter((check) => check.outcome === outcome).map(({ name }) => inline(name))
  const named = (found: readonly string[], word: string): string[] =>
    found.length === 0 ? [] : [`${word}: ${found.join(', ')}`]
  const [failed, warned, skipped] = [of('failed'), of('warned'), of('skipped')]
  const aside = [...named(warned, 'warned'), ...named(skipped, 'not checked')]
  const level = verifyLevel === '' ? '' : ` (${inline(verifyLevel)})`
  const passed = of('passed').length
  const lead =
    failed.length > 0
      ? `${failed.length} of ${checks.length} checks failed${level}: ${failed.join(', ')}`
      : passed === 0
        ? ''
        : `${passed} ${passed === 1 ? 'check' : 'checks'} passed${level}`
  const sign = failed.length > 0 ? '❌' : aside.length > 0 ? '⚠️' : '✅'
  return `${sign} ${[lead, ...aside].filter((part) => part !== '').join('; ')}`
}

/**
 * Objects that changed first; those that stayed as they were are said in the title only when they
 * are all.
 */
export function changesSection(report: RunReport): Section | undefined {
  if (report.changes.length === 0) return undefined
  const ordered = [
    ...report.changes.filter((row) => row.change !== 'unchanged'),
    ...report.changes.filter((row) => row.change === 'unchanged'),
  ]
  return table(
    changesTitle(report),
    ['Object', 'Change', 'Note'],
    ordered.map((row) => [cell(row.object), row.change, cell(row.note)]),
    { folded: report.result !== 'planned' },
  )
}

/** `Changes: 1 configured, 3 unchanged`. */
function changesTitle({ changes, result }: RunReport): string {
  const counts = (['created', 'configured', 'deleted', 'unchanged'] as const).flatMap((change) => {
    const count = changes.filter((row) => row.change === change).length
    return count === 0 ? [] : [`${count} ${change}`]
  })
  return `${result === 'planned' ? 'What would change' : 'Objects'}: ${counts.join(', ')}`
}

/** Each object folded: what would change, and whose fields it takes. */
export function diffSection(report: RunReport): Section | undefined {
  const items = report.diffs
    .filter(({ lines, lost }) => lines.length + lost.length > 0)
    .map(({ object, change, lines, lost }) =>
      [
        `<details><summary>${inline(object, 200)}: ${change}</summary>`,
        ...lost.map((one) => `- ${inline(one, 500)}`),
        ...(lines.length === 0 ? [] : [diffBlock(lines)]),
        '</details>',
      ].join('\n\n'),
    )
  return items.length === 0 ? undefined : section('Diff', items, { between: '\n\n' })
}

export function timelineSection(report: RunReport): Section | undefined {
  const phases = report.nodes.flatMap(phasesOf)
  if (report.timeline.length + phases.length === 0) return undefined
  const ordered = [...phases, ...report.timeline].sort((a, b) => a.at - b.at)
  const byNode = ordered.some(({ node }) => node !== undefined)
  const rows = ordered.map((entry) => [
    clockTime(entry.at),
    ...(byNode ? [cell(entry.node)] : []),
    cell(entry.member),
    cell(entry.what, 500),
  ])
  return table(
    `Timeline: ${rows.length} ${rows.length === 1 ? 'step' : 'steps'}`,
    ['Time', ...(byNode ? ['Node'] : []), 'Member', 'What'],
    rows,
    { keep: 'last', folded: true },
  )
}

/**
 * When each phase of a node began and how long it took; that a cordon was made or removed is an
 * entry of its own.
 */
function phasesOf({ node, phases }: NodeRow): TimelineEntry[] {
  return phases.flatMap(({ phase, at, ms }) =>
    ms !== undefined && (phase === 'cordon' || phase === 'uncordon')
      ? []
      : [{ at, node, what: `${phase}, ${ms === undefined ? 'not ended' : formatSpan(ms)}` }],
  )
}

export function phasesSection(report: RunReport): Section | undefined {
  if (report.phases.length === 0) return undefined
  const rows = report.phases.map((row) => [cell(row.title), row.outcome, formatSpan(row.ms)])
  return table(
    `Phases, ${formatSpan(report.ended - report.started)} in all`,
    ['Phase', 'Outcome', 'Time'],
    rows,
    { folded: true },
  )
}

export function revisionsSection(report: RunReport): Section | undefined {
  if (report.revisions.length === 0) return undefined
  const rows = revisionCells(report).map((row) => row.map((text) => cell(text)))
  const verified = report.revisions.filter((row) => row.verified === true).length
  return table(
    `${rows.length} ${rows.length === 1 ? 'revision' : 'revisions'}, ${verified} verified`,
    REVISION_HEAD,
    rows,
    { folded: report.operation !== 'history' },
  )
}
