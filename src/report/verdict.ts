// The verdict in plain words: the headline of every rendering and the closing lines of the log,
// written for somebody who was just woken up.

import { capital } from '../capital.ts'
import { formatSpan } from '../clock.ts'
import { causeOf, decidingEvidence, furtherErrors, placeOf, proofOf } from './cause.ts'
import { plainLine } from './escape.ts'
import { causeLine, logTitle, withoutNoise } from './evidence.ts'
import { helpUrl } from './help.ts'
import { nextLines } from './next.ts'
import { nextSteps } from './next-steps.ts'
import { nodeLines, nodesDone, remaining } from './node-words.ts'
import { nowLine } from './now.ts'
import type { Evidence, RunReport, RunResult } from './run-report.ts'

const WORD: Record<RunResult, string> = {
  succeeded: 'SUCCEEDED',
  unchanged: 'UNCHANGED',
  planned: 'PLANNED',
  undone: 'FAILED, ROLLED BACK',
  failed: 'FAILED',
  refused: 'REFUSED',
  cancelled: 'CANCELLED',
}

/** How it came out, in words for a heading. */
export function outcomeWords({ result, changed }: Pick<RunReport, 'result' | 'changed'>): string {
  switch (result) {
    case 'succeeded':
      return 'succeeded'
    case 'unchanged':
      return 'nothing to change'
    case 'planned':
      return 'planned, nothing was changed'
    case 'undone':
      return 'failed, rolled back'
    case 'failed':
      return 'failed'
    case 'refused':
      return 'refused, nothing was changed'
    case 'cancelled':
      return changed ? 'cancelled' : 'cancelled, nothing was changed'
  }
}

/** `deploy of zk in shop`. */
export function subjectOf({ operation, name, namespace }: RunReport): string {
  return plainLine(
    `${operation}${name === '' ? '' : ` of ${name}`}${namespace === '' ? '' : ` in ${namespace}`}`,
  )
}

/** Whether the step is green. */
export function isSuccess(result: RunResult): boolean {
  return result === 'succeeded' || result === 'unchanged' || result === 'planned'
}

/** `deploy of zk in shop: FAILED (CRASH_LOOP)`. */
export function headline(report: RunReport): string {
  const code = report.code === '' ? '' : ` (${report.code})`
  return plainLine(`${subjectOf(report)}: ${WORD[report.result]}${code}`)
}

/**
 * What the run leaves behind, in one line: what was changed, or that nothing was, and in which
 * state.
 */
export function leftBehind(report: RunReport): string {
  const took = `took ${formatSpan(report.ended - report.started)}`
  const changed = report.changes.filter((row) => row.change !== 'unchanged')
  const counts = (['created', 'configured', 'deleted'] as const).flatMap((change) => {
    const count = changed.filter((row) => row.change === change).length
    return count === 0 ? [] : [`${count} ${change}`]
  })
  if (report.result === 'planned' && report.operation === 'drain')
    return `${capital(plainLine(report.standing, 400))}; ${took}.`
  if (report.result === 'planned' && report.changes.length === 0 && report.meaning.length > 0)
    return `Nothing was changed; ${took}.`
  if (report.result === 'planned')
    return `Nothing was changed; ${counts.length === 0 ? 'nothing would be' : `what would be: ${counts.join(', ')}`}; ${took}.`
  if (!report.changed) return `Nothing was changed; ${took}.`
  // After a deploy that went well the line of the ensemble says it; to which revision an undo went,
  // only the standing does.
  const state =
    (isSuccess(report.result) && report.operation === 'deploy') || report.standing === ''
      ? ''
      : `; ${plainLine(report.standing, 400)}`
  if (report.result === 'undone')
    return `Changed and rolled back${counts.length === 0 ? '' : `: ${counts.join(', ')}`}${state}; ${took}.`
  if (counts.length === 0) return `Changed: ${plainLine(report.standing, 400)}; ${took}.`
  return `Changed: ${counts.join(', ')}${state}; ${took}.`
}

/** What else is known of the ensemble, in one line; empty when no member was asked. */
export function ensembleLine(report: RunReport): string {
  const facts = [
    report.version === '' ? '' : `version ${report.version}`,
    report.pairs === '' ? '' : `${report.pairs} write-then-read pairs`,
    report.revision === '' || report.members.length === 0 ? '' : `revision ${report.revision}`,
  ].filter((fact) => fact !== '')
  return facts.length === 0 ? '' : plainLine(facts.join(', '))
}

/**
 * What clients noticed while members were replaced; empty when it was not measured. Whether writes
 * were lost is only said when somebody could be asked.
 */
export function dataLine(report: RunReport): string {
  if (report.longestWriteGapMs === undefined) return ''
  const lost = report.acknowledgedWritesLost
  const loss =
    lost === undefined
      ? 'whether one was lost is not known'
      : lost === 0
        ? 'no acknowledged write was lost'
        : `${lost} acknowledged ${lost === 1 ? 'write' : 'writes'} LOST`
  return `longest time without a write ${formatSpan(report.longestWriteGapMs)}, ${loss}`
}

/** Checks that were left out, each with its reason: a success says what it does not cover. */
export function gaps(report: RunReport): string[] {
  return report.checks
    .filter((check) => check.outcome === 'skipped')
    .map((check) => plainLine(`${check.name}: ${check.detail.replace(/^not tried: /, '')}`, 400))
}

/**
 * The last lines of the log: verdict, Cause and Fix of a failure, Now, then Next of a success or
 * the Commands of a failure, and where the evidence is. Plain text, one item a line.
 */
export function closingLines(
  report: RunReport,
  where: { readonly reportFile: string | undefined; readonly summary: boolean },
): string[] {
  const evidence = [
    where.summary ? 'the job summary' : '',
    where.reportFile === undefined ? '' : `the JSON report ${plainLine(where.reportFile)}`,
  ].filter((place) => place !== '')
  return [
    headline(report),
    ...(nodesDone(report) === ''
      ? []
      : [
          `Nodes: ${nodesDone(report)}${remaining(report)}`,
          ...nodeLines(report).map((line) => `  ${line}`),
        ]),
    ...failureLines(report),
    ...labelled('Now', nowLine(report)),
    ...labelled('Ensemble', ensembleLine(report)),
    ...report.meaning.map((one) => plainLine(one)),
    ...labelled('Data', dataLine(report)),
    ...(report.code === '' ? fixLines('Next', nextLines(report)) : commandLines(report)),
    ...gaps(report).map((gap) => `Not checked: ${gap}`),
    ...report.notes.flatMap((note) => labelled('Note', plainLine(note))),
    leftBehind(report),
    ...(evidence.length === 0 ? [] : [`More in ${evidence.join(' and ')}.`]),
    ...labelled(`Help on ${report.code}`, plainLine(helpUrl(report))),
  ]
}

function failureLines(report: RunReport): string[] {
  if (report.code === '') return []
  return [
    ...labelled('Cause', causeOf(report)),
    ...labelled('Proof', proofOf(report)),
    ...fixLines('Fix', nextLines(report)),
    ...logLines(report),
    ...furtherLines(report),
  ]
}

function commandLines(report: RunReport): string[] {
  const steps = nextSteps(report)
  return steps.length === 0 ? [] : ['Commands:', ...steps.map((step) => `  ${plainLine(step)}`)]
}

/** One line beside its label, several below it. */
export function fixLines(label: string, lines: readonly string[]): string[] {
  const [only, ...more] = lines
  if (only === undefined) return []
  return more.length === 0
    ? labelled(label, only.trim())
    : [`${label}:`, ...lines.map((line) => `  ${line}`)]
}

/**
 * What was found, for the log, before anything is rolled back for it: cause and last log lines of
 * each object at fault.
 */
export function proofLines(evidence: readonly Evidence[]): string[] {
  return evidence.flatMap((one) => [
    causeLine(one),
    ...one.logs.flatMap((log) => {
      const quiet = withoutNoise(log.lines)
      const last = quiet.lines.slice(-10)
      return last.length === 0
        ? []
        : [
            `${logTitle(log, { lines: last, noise: quiet.noise })}:`,
            ...last.map((line) => `  ${line}`),
          ]
    }),
  ])
}

/** The last words of the container at fault: often they are the cause. */
function logLines(report: RunReport): string[] {
  const log = decidingEvidence(report)?.logs[0]
  if (log === undefined) return []
  const quiet = withoutNoise(log.lines)
  const last = quiet.lines.slice(-10)
  return last.length === 0
    ? []
    : [`${logTitle(log, { lines: last, noise: quiet.noise })}:`, ...last.map((line) => `  ${line}`)]
}

/**
 * Inputs and lint find many faults at once: all of them are said, each with its place and its fix.
 */
function furtherLines(report: RunReport): string[] {
  const further = furtherErrors(report)
  const shown = further.slice(0, 20).map((finding) => {
    const lead = [finding.code, placeOf(finding), finding.object ?? '']
      .filter((part) => part !== '')
      .join(' ')
    return `  ${plainLine(`${lead}: ${finding.message}${finding.fix === undefined ? '' : `; fix: ${finding.fix}`}`)}`
  })
  if (shown.length === 0) return []
  return [
    'Also:',
    ...shown,
    ...(further.length > shown.length
      ? [`  and ${further.length - shown.length} more in the report`]
      : []),
  ]
}

function labelled(label: string, text: string): string[] {
  return text === '' ? [] : [`${label}: ${text}`]
}
