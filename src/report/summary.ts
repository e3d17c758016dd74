// The job summary: verdict first, then what proves it. The runner drops a summary over 1 MiB as a
// whole, so this one is cut to fit and says where.

import { byteLength, code } from './escape.ts'
import { ganttOf } from './gantt.ts'
import type { RunReport } from './run-report.ts'
import {
  changesSection,
  checksSection,
  diffSection,
  phasesSection,
  revisionsSection,
  timelineSection,
} from './sections/course.ts'
import {
  identitiesSection,
  memberLogsSection,
  matrixSection,
  membersSection,
} from './sections/ensemble.ts'
import { errorsSection, evidenceSection, notesSection, warningsSection } from './sections/faults.ts'
import { namespacesSection } from './sections/namespaces.ts'
import { nodePodsSection, nodesSection, unfitSection } from './sections/nodes.ts'
import type { Section } from './sections/section.ts'
import { halve, render, sizeOf } from './sections/section.ts'
import { commandsText, fixBlock, verdictText } from './sections/verdict.ts'

/** Bytes; the runner's limit is 1,048,576 for the file, which may hold something already. */
export const SUMMARY_LIMIT = 1_000_000

/**
 * Bytes, and so at least as many characters; a comment of GitHub takes 65,536 characters, of which
 * a step of the user's own may want some.
 */
export const COMMENT_LIMIT = 60_000

/** `short`: what happened, how it stands, what next, and nothing else. */
export type SummaryKind = 'full' | 'short'

/** Markdown of at most `limit` bytes, with a final newline. */
export function summaryText(
  report: RunReport,
  limit: number = SUMMARY_LIMIT,
  kind: SummaryKind = 'full',
): string {
  const full = kind === 'full'
  const top = [
    verdictText(report),
    fixBlock(report),
    ...(full ? [commandsText(report), ganttOf(report) ?? ''] : []),
  ].filter((text) => text !== '')
  const foot = full ? [footText(report)].filter((text) => text !== '') : []
  const room = limit - byteLength([...top, ...foot].join('\n\n')) - 1
  const sections = full ? fit(sectionsOf(report), room) : []
  return `${[...top, ...sections.map(render), ...foot].join('\n\n')}\n`
}

/** Where it ran, for those who compare runs. */
function footText(report: RunReport): string {
  const facts = [
    report.context === '' ? '' : `context ${code(report.context)}`,
    report.profile === '' ? '' : `profile ${code(report.profile)}`,
    report.version === '' ? '' : `version ${code(report.version)}`,
    report.revision === '' ? '' : `revision ${code(report.revision)}`,
    report.previousRevision === '' || report.previousRevision === report.revision
      ? ''
      : `before ${code(report.previousRevision)}`,
    report.runUrl === '' ? '' : `[this run](${encodeURI(report.runUrl)})`,
  ].filter((fact) => fact !== '')
  return facts.length === 0 ? '' : `<sub>${facts.join(' · ')}</sub>`
}

/** What a person comes for first, then what proves it, each behind a line that says how much. */
function sectionsOf(report: RunReport): Section[] {
  return [
    unfitSection(report),
    errorsSection(report),
    namespacesSection(report),
    nodesSection(report),
    membersSection(report),
    evidenceSection(report),
    checksSection(report),
    matrixSection(report),
    identitiesSection(report),
    memberLogsSection(report),
    warningsSection(report),
    changesSection(report),
    diffSection(report),
    revisionsSection(report),
    notesSection(report),
    nodePodsSection(report),
    timelineSection(report),
    phasesSection(report),
  ].filter((part) => part !== undefined)
}

/**
 * Halves the longest section until all fit into `room` bytes; what can't be shortened any more is
 * left out from the end.
 */
function fit(sections: readonly Section[], room: number): Section[] {
  const parts = [...sections]
  const sizes = parts.map((part) => sizeOf(part) + 2)
  for (;;) {
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (total <= room) return parts
    const longest = indexOfLargest(
      parts.map((part, index) => (part.items.length === 0 ? 0 : (sizes[index] ?? 0))),
    )
    const part = parts[longest]
    const shorter = part === undefined ? undefined : halve(part)
    if (shorter === undefined) {
      parts.pop()
      sizes.pop()
      if (parts.length === 0) return parts
    } else {
      parts[longest] = shorter
      sizes[longest] = sizeOf(shorter) + 2
    }
  }
}

function indexOfLargest(sizes: readonly number[]): number {
  return sizes.indexOf(Math.max(...sizes))
}
