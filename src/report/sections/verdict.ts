// The top of the summary: what happened, whether clients are served now, and what to do next. It is
// never shortened, so each of its texts is short by itself.

import { capital } from '../../capital.ts'
import { causeOf, furtherErrors } from '../cause.ts'
import { block, inline, plainLine } from '../escape.ts'
import { helpUrl } from '../help.ts'
import { hasOperation, nextLines } from '../next.ts'
import { nextSteps } from '../next-steps.ts'
import { nodesLine } from '../node-words.ts'
import { nowLine, nowSign } from '../now.ts'
import type { RunReport } from '../run-report.ts'
import { dataLine, gaps, isSuccess, leftBehind, outcomeWords, subjectOf } from '../verdict.ts'

/** Commands shown; byHand has one or two per member. */
const STEPS = 30
const LOOKS: ReadonlySet<string> = new Set(['verify', 'status', 'history'])
/** Lines of a cell before it says how many more there are. */
const LINES = 8

/** The heading and the three rows: all there is with `summary: short`. */
export function verdictText(report: RunReport): string {
  const rows = [
    ['What happened', happened(report)],
    ['Now', now(report)],
    ['Next', next(report)],
  ] as const
  const shown = rows.filter(([, lines]) => lines.length > 0)
  return [
    heading(report),
    [
      '| | |',
      '|---|---|',
      ...shown.map(([label, lines]) => `| **${label}** | ${cellOf(lines)} |`),
    ].join('\n'),
  ].join('\n\n')
}

/** A fix of several lines, such as a Role's rule, as it is to be pasted. */
export function fixBlock(report: RunReport): string {
  const fix = report.code === '' ? [] : blockOf(nextLines(report))
  return fix.length === 0 ? '' : block(fix.slice(0, 100))
}

/** What a person types; behind a line where an operation of ours does it. */
export function commandsText(report: RunReport): string {
  const steps = nextSteps(report)
  if (steps.length === 0) return ''
  const more = steps.length > STEPS ? [`# and ${steps.length - STEPS} more in the JSON report`] : []
  const shown = block([...steps.slice(0, STEPS).map((step) => plainLine(step)), ...more])
  return hasOperation(report) || isSuccess(report.result)
    ? `<details><summary>By hand: ${steps.length} ${steps.length === 1 ? 'command' : 'commands'}</summary>\n\n${shown}\n\n</details>`
    : shown
}

function heading(report: RunReport): string {
  const url = helpUrl(report)
  const code =
    report.code === ''
      ? ''
      : ` (${url === '' ? report.code : `[${report.code}](${encodeURI(url)})`})`
  return `## ${sign(report)} ${inline(subjectOf(report), 200)}: ${outcomeWords(report)}${code}`
}

function sign(report: RunReport): string {
  if (report.result === 'cancelled') return '⚠️'
  if (!isSuccess(report.result)) return '❌'
  return nowSign(report) === '❌' ? '⚠️' : '✅'
}

function happened(report: RunReport): readonly string[] {
  const nodes = nodesLine(report)
  if (report.code !== '') {
    const further = furtherErrors(report).length
    return [
      causeOf(report),
      ...(further === 0 ? [] : [`${further} more ${further === 1 ? 'error' : 'errors'} below`]),
      ...(nodes === '' || report.result === 'refused' ? [] : [nodes]),
    ]
  }
  if (report.meaning.length > 0) return report.meaning
  if (nodes !== '') return [nodes]
  return [`${found(report)}${sentence(leftBehind(report).replace(/^Changed: /, ''))}`]
}

/** What an operation that only looks has found to be well. */
function found({ operation, checks }: RunReport): string {
  const passed = checks.filter(({ outcome }) => outcome === 'passed').map(({ name }) => name)
  return LOOKS.has(operation) && passed.length > 0
    ? `Checked and found well: ${passed.join(', ')}. `
    : ''
}

function now(report: RunReport): readonly string[] {
  const clients = nowLine(report)
  const data = dataLine(report)
  // What only looks changes nothing, and a success has said above what it did.
  const told =
    LOOKS.has(report.operation) ||
    (report.code === '' && report.meaning.length === 0 && nodesLine(report) === '')
  const left = told ? [] : [sentence(leftBehind(report))]
  return [
    ...(clients === '' ? [] : [`${nowSign(report)} ${sentence(clients)}`]),
    ...(data === '' ? [] : [sentence(data)]),
    ...left,
    ...gaps(report).map((gap) => `Not checked: ${gap}`),
  ]
}

function next(report: RunReport): readonly string[] {
  const lines = nextLines(report)
  if (lines.length === 0) return ['Nothing to do']
  const pasted = blockOf(lines)
  return lines.filter((line) => !pasted.includes(line)).map(sentence)
}

/** The block of YAML, a Role or rules of one, as it is to be pasted. */
function blockOf(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => /^(?:apiVersion:|\s*- \w+:)/.test(line))
  if (first === -1) return []
  const end = lines.findIndex(
    (line, index) =>
      index > first && !/^(?:\s|- |---$|(?:apiVersion|kind|metadata|rules):)/.test(line),
  )
  return lines.slice(first, end === -1 ? undefined : end)
}

function cellOf(lines: readonly string[]): string {
  const more = lines.length > LINES ? [`and ${lines.length - LINES} more in the report`] : []
  return [...lines.slice(0, LINES), ...more].map((line) => inline(line, 1000)).join('<br>')
}

/** With a capital, where it begins with a word and not with a name or an input. */
function sentence(text: string): string {
  if (!/^[a-z']+ /.test(text)) return text
  return capital(text)
}
