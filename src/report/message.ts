// The one line for a chat: what happened to which ensemble, in words of ours alone. It travels
// further than the log, so nothing raw gets into it.

import { formatSpan } from '../clock.ts'
import { codeRow } from '../codes.ts'
import { decidingFinding, placeOf } from './cause.ts'
import { clip, plainLine } from './escape.ts'
import { failedNode, nodesDone, remaining } from './node-words.ts'
import { nowLine } from './now.ts'
import type { RunReport } from './run-report.ts'
import { dataLine, subjectOf } from './verdict.ts'

/** At most this many characters: what chats show without folding. */
const LIMIT = 400
/** What is left of a cause at the least. */
const LEAST = 80

/** What a raw API answer looks like when somebody let it through. */
const RAW =
  /HTTP-Code|"kind"\s*:|ApiException|Unknown API Status Code|\bat .+:\d+:\d+\)|headers\s*:/i

/**
 * One line of at most 400 characters, the same for the same report: code, object and cause, then
 * whether clients are served. Only the cause is ever cut.
 */
export function messageFor(report: RunReport): string {
  const what = subjectOf({ ...report, operation: report.operation || 'run' })
  const code = report.code === '' ? '' : ` (${report.code})`
  switch (report.result) {
    case 'succeeded':
      return line(
        report.nodes.length > 0
          ? `${what}: ${nodesDone(report)}`
          : `${what} succeeded${backAt(report)}`,
        ` in ${formatSpan(report.ended - report.started)}`,
        [nowLine(report), dataLine(report), pairs(report)],
      )
    case 'unchanged':
      return line(`${what}: nothing to change`, '', [nowLine(report), pairs(report)])
    case 'planned':
      return line(`${what}: planned, ${planned(report)}`, '', [])
    case 'refused':
      return line(`${what} refused${code}, nothing was changed: `, reason(report), [
        nowLine(report),
      ])
    case 'failed':
      return line(`${what} failed${code}: `, `${atNode(report)}${reason(report)}`, [
        nowLine(report),
        nodesLeft(report),
        cordons(report),
      ])
    case 'undone':
      return line(`${what} failed${code} and was rolled back: `, reason(report), [nowLine(report)])
    case 'cancelled':
      return line(`${what} was cancelled ${cancelled(report)}`, '', [
        nowLine(report),
        remaining(report).replace(/^; /, ''),
      ])
  }
}

function cancelled({ changed, standing }: RunReport): string {
  if (!changed) return 'before anything was changed'
  return `after something had been changed${standing === '' ? '' : `: ${standing}`}`
}

function nodesLeft(report: RunReport): string {
  return report.nodes.length === 0 ? '' : `${nodesDone(report)}${remaining(report)}`
}

function backAt({ operation, revision }: RunReport): string {
  return operation === 'undo' && revision !== '' ? `, back at revision ${revision},` : ''
}

function pairs(report: RunReport): string {
  return report.pairs === '' ? '' : `${report.pairs} pairs read back`
}

function atNode(report: RunReport): string {
  const node = failedNode(report)
  return node === '' || reason(report).includes(node) ? '' : `at ${node}: `
}

/** Whether our cordons were removed: what is said first of a drain that failed. */
function cordons({ operation, standingFirst }: RunReport): string {
  return operation === 'drain' ? standingFirst : ''
}

function planned(report: RunReport): string {
  if (report.operation === 'drain') return report.standing
  const [first] = report.meaning
  if (first !== undefined) return `nothing was changed: ${first.replace(/\.$/, '')}`
  const count = report.changes.filter((row) => row.change !== 'unchanged').length
  return `nothing was changed; ${count} ${count === 1 ? 'object' : 'objects'} would change`
}

function reason(report: RunReport): string {
  if (report.code === '') return 'see the log'
  const finding = decidingFinding(report)
  const own = finding === undefined ? '' : plainLine(finding.message, LIMIT)
  const told =
    own === '' || report.code === 'INTERNAL' || RAW.test(own) ? codeRow(report.code).meaning : own
  const where = [placeOf(finding), finding?.object ?? ''].find(
    (part) => part !== '' && !told.includes(part.split('/').at(-1) ?? part),
  )
  return `${where === undefined ? '' : `${where}: `}${told.replace(/\.$/, '')}`
}

/** The middle part gives way when all of it is too long for a chat. */
function line(lead: string, middle: string, facts: readonly string[]): string {
  const tail = facts
    .map((fact) => plainLine(fact))
    .filter((fact) => fact !== '')
    .map((fact) => `; ${fact}`)
    .join('')
  const room = Math.max(LEAST, LIMIT - plainLine(lead, LIMIT).length - 1 - tail.length)
  return plainLine(`${lead}${clip(middle.replace(/\s+/g, ' ').trimEnd(), room)}${tail}`, LIMIT)
}
