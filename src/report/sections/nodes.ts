// The nodes of a drain or an uncordon one by one: what became of each, how long each phase took,
// and every pod that was looked at.

import { block, cell, inline, plainLine } from '../escape.ts'
import { secondsByPhase } from '../node-phases.ts'
import { nodesDone } from '../node-words.ts'
import type { NodeRow, RunReport } from '../run-report.ts'
import type { Section } from './section.ts'
import { section, table } from './section.ts'
import { isSuccess } from '../verdict.ts'

const HEAD = ['Node', 'Outcome', 'Placement', 'Members', 'Cordon', 'Seconds', 'Note']
/** More nodes than this are behind a line. */
const OPEN = 9

export function nodesSection(report: RunReport): Section | undefined {
  if (report.nodes.length === 0) return undefined
  const done = report.result === 'refused' ? '' : nodesDone(report)
  return table(
    done === '' ? `${report.nodes.length} ${report.nodes.length === 1 ? 'node' : 'nodes'}` : done,
    HEAD,
    report.nodes.map((row) => [
      cell(row.node),
      row.outcome === 'failed'
        ? '**failed**'
        : row.outcome === 'waiting'
          ? report.result === 'planned'
            ? 'planned'
            : 'not touched'
          : row.outcome,
      cell(row.placement),
      cell(row.members.join(', ')),
      cell(row.cordon === 'none' ? '' : row.cordon),
      cell(seconds(row)),
      cell(noteOf(row, report), 500),
    ]),
    {
      folded: isSuccess(report.result) || report.result === 'refused' || report.nodes.length > OPEN,
    },
  )
}

/** Why it was not drained stands in its own row. */
function noteOf({ node, note }: NodeRow, { findings }: RunReport): string {
  const why = findings
    .filter(({ severity, object }) => severity === 'error' && object === `node/${node}`)
    .map(({ message }) => message)
  return [...(note === '' ? [] : [note]), ...why].join('; ')
}

/** Nodes that have a column of their own. */
const COLUMNS = 6

/**
 * Pods by nodes: what each node has against each pod. On a large cluster the reasons are told with
 * the first nodes of each.
 */
export function unfitSection({ unfit }: RunReport): Section | undefined {
  if (unfit.length === 0) return undefined
  const named = [...new Set(unfit.flatMap(({ reasons }) => reasons.flatMap(({ names }) => names)))]
  const whole = unfit.every(({ reasons }) =>
    reasons.every(({ nodes, names }) => nodes === names.length),
  )
  const title = `${unfit.length} ${unfit.length === 1 ? 'pod has' : 'pods have'} no other place`
  if (!whole || named.length > COLUMNS)
    return table(
      title,
      ['Pod', 'On', 'Why no other node takes it'],
      unfit.map(({ pod, node, reasons }) => [
        cell(pod),
        cell(node),
        reasons
          .map(({ reason, nodes, names }) =>
            inline(
              `${names.join(', ')}${nodes > names.length ? ` and ${nodes - names.length} more` : ''}: ${reason}`,
              500,
            ),
          )
          .join('<br>') || 'there is no other node',
      ]),
    )
  const columns = named.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  return table(
    title,
    ['Pod', 'On', ...columns.map((node) => cell(node))],
    unfit.map(({ pod, node, reasons }) => [
      cell(pod),
      cell(node),
      ...columns.map((column) =>
        cell(
          reasons
            .filter(({ names }) => names.includes(column))
            .map(({ reason }) => reason)
            .join(', '),
        ),
      ),
    ]),
  )
}

/** The pods of each node, folded: a node may have a hundred. */
export function nodePodsSection(report: RunReport): Section | undefined {
  const items = report.nodes.filter(({ pods }) => pods.length > 0).map(podsOf)
  const count = report.nodes.reduce((sum, { pods }) => sum + pods.length, 0)
  return items.length === 0
    ? undefined
    : section(`${count} ${count === 1 ? 'pod' : 'pods'} of the nodes`, items, {
        between: '\n\n',
        folded: true,
      })
}

function podsOf({ node, pods }: NodeRow): string {
  const counts = (['evicted', 'deleted', 'gone', 'waiting', 'skipped'] as const).flatMap(
    (outcome) => {
      const count = pods.filter((pod) => pod.outcome === outcome).length
      return count === 0 ? [] : [`${count} ${outcome}`]
    },
  )
  const lines = pods.map(({ pod, outcome, note }) =>
    plainLine(`${outcome} ${pod}${note === '' ? '' : ` (${note})`}`),
  )
  return `<details><summary>${inline(node, 200)}: ${counts.join(', ')}</summary>\n\n${block(lines)}\n\n</details>`
}

/** `gates 0.3, evict 3.1, total 41`; a phase that has not ended is named without a time. */
function seconds(row: NodeRow): string {
  const ended = Object.entries(secondsByPhase(row)).map(([phase, time]) => `${phase} ${time}`)
  const open = row.phases
    .filter(({ ms }) => ms === undefined)
    .map(({ phase }) => `${phase} not ended`)
  return [...ended, ...open].join(', ')
}
