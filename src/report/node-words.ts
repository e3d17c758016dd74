// What became of the nodes of a drain or an uncordon, in a few words: for the log, the summary's top and the line for a chat.

import { formatSpan } from '../clock.ts'
import { plainLine } from './escape.ts'
import { secondsByPhase } from './node-phases.ts'
import type { NodeRow, RunReport } from './run-report.ts'

/** Names in one line: a drain by selector may have hundreds. */
const NAMED = 10

/** `3 of 3 nodes drained`, `1 of 2 nodes uncordoned`; empty for a run that is about no nodes, or that only plans. */
export function nodesDone({ operation, result, nodes, drainedNodes }: RunReport): string {
  if (nodes.length === 0 || result === 'planned') return ''
  const of = `of ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`
  if (operation === 'drain') return `${drainedNodes.length} ${of} drained`
  return `${nodes.filter(({ outcome }) => outcome === 'uncordoned').length} ${of} uncordoned`
}

/** `3 of 3 nodes drained: node-1 (41.0s), node-2 (38.2s), node-3 (52.9s)`, and what remains; empty for a run that is about no nodes. */
export function nodesLine(report: RunReport): string {
  const done = nodesDone(report)
  if (done === '') return ''
  const rows = report.nodes.filter(({ node, outcome }) => (report.operation === 'drain' ? report.drainedNodes.includes(node) : outcome === 'uncordoned'))
  return `${done}${rows.length === 0 ? '' : `: ${someOf(rows.map(timed))}`}${remaining(report)}`
}

/** `; not done: node-2, node-3`, after another text; empty when nothing remains. */
export function remaining({ operation, remainingNodes }: RunReport): string {
  if (remainingNodes.length === 0) return ''
  return `; not ${operation === 'drain' ? 'drained' : 'given back'}: ${someOf(remainingNodes)}`
}

/** The node at which it ended, when the run failed at one. */
export function failedNode({ nodes }: RunReport): string {
  const row = nodes.find(({ outcome }) => outcome === 'failed') ?? nodes.find(({ outcome }) => outcome === 'under way')
  return row === undefined ? '' : plainLine(row.node, 100)
}

function timed(row: NodeRow): string {
  const { total } = secondsByPhase(row)
  return total === undefined ? row.node : `${row.node} (${formatSpan(total * 1000)})`
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).map((name) => plainLine(name, 100)).join(', ')
  return names.length > NAMED ? `${shown} and ${names.length - NAMED} more` : shown
}
