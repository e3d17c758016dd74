// What to do next, in sentences: the one fix, and the operation of ours that helps, where one does.

import { codeRow } from '../codes.ts'
import { decidingFinding, fixOf, placeOf, saysAgain } from './cause.ts'
import { plainLine, someOf } from './escape.ts'
import { clientsOf } from './now.ts'
import type { RunReport } from './run-report.ts'

/** After these clients may have to be told where to connect. */
const ADDRESSES: ReadonlySet<string> = new Set(['deploy', 'scale'])
const NAMED = 10

/**
 * The fix in its own lines (a Role's rule is a block), then what of ours helps; empty where nothing
 * is left to do.
 */
export function nextLines(report: RunReport): readonly string[] {
  const operations = operationsOf(report)
  return report.code === ''
    ? [...operations, ...afterSuccess(report)]
    : [...fixOf(report), ...operations, ...corrected(report), ...waysOn(report)]
}

/** An operation of ours does what the commands would do: they are for those who can't run it. */
export function hasOperation(report: RunReport): boolean {
  return report.result === 'undone' || operationsOf(report).length > 0
}

function operationsOf(report: RunReport): readonly string[] {
  return [...goBack(report), ...again(report), ...stillCordoned(report)]
}

function goBack({ code, result, undoTo }: RunReport): readonly string[] {
  if (
    undoTo === undefined ||
    code === '' ||
    codeRow(code).undoHelps !== true ||
    result !== 'failed'
  )
    return []
  const revision =
    undoTo.revision === undefined ? undoTo.name : `${undoTo.revision} (${undoTo.name})`
  return [
    `To roll back: operation: undo restores revision ${plainLine(revision, 300)}, which was verified.`,
  ]
}

/** What was wrong with a deploy is corrected where it was written: a line, or an input. */
function corrected(report: RunReport): readonly string[] {
  const { code, result, operation } = report
  const ofTheChange = operation === 'deploy' && code !== '' && codeRow(code).undoHelps === true
  if (result !== 'undone' && !(result === 'failed' && ofTheChange)) return []
  if (fixOf(report).some((line) => line.includes('deploy again'))) return []
  const finding = decidingFinding(report)
  const place = placeOf(finding)
  const input = finding?.input === undefined ? '' : `the input ${finding.input}`
  const where = place === '' ? input : place
  if (where === '') return result === 'undone' ? ['Then run the deploy again.'] : []
  const lead = goBack(report).length > 0 ? 'Or correct' : 'Correct'
  return [`${lead} ${plainLine(where, 300)}, then run the deploy again.`]
}

/** The same again may have been said by the advice. */
function waysOn(report: RunReport): readonly string[] {
  return saysAgain(report) ? report.waysOn.slice(1) : report.waysOn
}

function again(report: RunReport): readonly string[] {
  const rest = report.remainingNodes.filter((node) => node !== '')
  if (report.operation !== 'drain' || rest.length === 0) return []
  if (report.result === 'refused' || report.result === 'planned') return []
  return saysAgain(report)
    ? []
    : [`Then run the same drain again: it continues with ${someOf(rest, NAMED)}.`]
}

/** Nodes that are still cordoned by us: on purpose, or because they could not be uncordoned. */
function stillCordoned({ nodes, operation, result }: RunReport): readonly string[] {
  const kept = nodes.filter(({ cordon }) => cordon === 'ours').map(({ node }) => node)
  if (kept.length === 0 || result === 'planned') return []
  const which = `operation: uncordon with nodes: ${someOf(kept, NAMED)}`
  return [
    operation === 'drain' && result === 'succeeded'
      ? `Once the work on ${kept.length === 1 ? 'it' : 'them'} is done: ${which}. Until then no other drain can continue.`
      : `${which} removes the ${kept.length === 1 ? 'cordon' : 'cordons'}.`,
  ]
}

function afterSuccess(report: RunReport): readonly string[] {
  if (report.result === 'planned') return [plannedNext(report)]
  const { connectionString, operation } = report
  if (connectionString === '' || !ADDRESSES.has(operation) || clientsOf(report)?.write === false)
    return []
  return [`Clients connect to ${plainLine(connectionString, 300)}`]
}

function plannedNext({ operation, impact, nodes }: RunReport): string {
  if (operation === 'plan' || operation === 'deploy')
    return impact === 'none'
      ? 'Nothing: a deploy would change nothing.'
      : 'operation: deploy does it.'
  if (operation === 'uncordon' && nodes.every(({ cordon }) => cordon === 'none'))
    return 'Nothing: no node would be uncordoned.'
  return `Without the dry run, the same ${plainLine(operation, 40)} does it.`
}
