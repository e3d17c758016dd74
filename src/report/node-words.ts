// What became of the nodes of a drain or an uncordon, in a few words: for the log, the summary's
// top and the line for a chat.

import { formatSpan } from '../clock.ts'
import { plainLine, someOf } from './escape.ts'
import { secondsByPhase } from './node-phases.ts'
import type { NodeRow, RunReport } from './run-report.ts'

/** Names in one line: a drain by selector may have hundreds. */
const NAMED = 10

/**
 * `3 of 3 nodes drained`, `1 of 2 nodes uncordoned`; empty for a run that is about no nodes, or
 * that only plans.
 */
export function nodesDone({ operation, result, nodes, drainedNodes }: RunReport): string {
  if (nodes.length === 0 || result === 'planned') return ''
  const of = `of ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`
  if (operation === 'drain') return `${drainedNodes.length} ${of} drained`
  return `${nodes.filter(({ outcome }) => outcome === 'uncordoned').length} ${of} uncordoned`
}

/**
 * `3 of 3 nodes drained: node-1 (41.0s), node-2 (38.2s), node-3 (52.9s)`, and what remains; empty
 * for a run that is about no nodes.
 */
export function nodesLine(report: RunReport): string {
  const done = nodesDone(report)
  if (done === '') return ''
  const rows = report.nodes.filter(({ node, outcome }) =>
    report.operation === 'drain' ? report.drainedNodes.includes(node) : outcome === 'uncordoned',
  )
  return `${done}${rows.length === 0 ? '' : `: ${someOf(rows.map(timed), NAMED)}`}${remaining(report)}`
}

/**
 * One line for each node that was touched, ten at most: `node-1: drained, zk-0 went elsewhere,
 * 41.0s (evict 3.1s, wait 30.2s)`.
 */
export function nodeLines(report: RunReport): string[] {
  if (nodesDone(report) === '') return []
  const touched = report.nodes.filter(({ outcome }) => outcome !== 'waiting')
  const lines = touched
    .slice(0, NAMED)
    .map((row) =>
      plainLine(
        [`${row.node}: ${outcomeOf(row)}`, whereabouts(row, report), time(row)]
          .filter((part) => part !== '')
          .join(', '),
        300,
      ),
    )
  return touched.length > NAMED
    ? [...lines, `and ${touched.length - NAMED} more in the report`]
    : lines
}

function outcomeOf(row: NodeRow): string {
  const { outcome, note } = row
  switch (outcome) {
    case 'failed':
    case 'under way':
      return failedAt(row)
    case 'drained':
      return `drained${stillCordoned(row)}${note === '' ? '' : ` ${note}`}`
    case 'waiting':
    case 'uncordoned':
    case 'skipped':
    case 'gone':
      return note === '' ? outcome : `${outcome}: ${note}`
  }
}

/** In which phase it ended, and how its cordon stands. */
function failedAt(row: NodeRow): string {
  const { phases, note } = row
  const at = phases.at(-1)?.phase
  const kept = stillCordoned(row)
  if (at === undefined) return note === '' ? `failed${kept}` : `failed: ${note}`
  if (kept !== '') return `failed at ${at}${kept}`
  const begun = phases.some(({ phase }) => phase === 'cordon')
  return `failed at ${at}${begun ? ' and not cordoned any more' : ', never cordoned'}`
}

function stillCordoned({ cordon }: NodeRow): string {
  switch (cordon) {
    case 'ours':
      return ' and still cordoned by us'
    case 'theirs':
      return ' and cordoned by somebody else'
    case 'none':
      return ''
  }
}

/**
 * Where its members run by now, which need not be where they were meant to: the scheduler decides
 * that.
 */
function whereabouts(
  { node, outcome, members, placement, phases }: NodeRow,
  report: RunReport,
): string {
  if (outcome !== 'drained' || members.length === 0 || phases.length === 0) return ''
  if (placement !== 'in-place') return `${members.join(', ')} went elsewhere`
  const homeOf = (pod: string): string | undefined =>
    report.members.find((member) => member.pod === pod)?.node
  return members
    .map(
      (pod) =>
        `${pod} ${homeOf(pod) === node ? 'came back to it' : homeOf(pod) === undefined ? 'is back' : `runs on ${homeOf(pod) ?? ''} now`}`,
    )
    .join(', ')
}

/** The phases of a second and more: where the time went. */
function time(row: NodeRow): string {
  const { total, ...phases } = secondsByPhase(row)
  if (total === undefined) return ''
  const long = Object.entries(phases)
    .filter(([, seconds]) => seconds >= 1)
    .map(([phase, seconds]) => `${phase} ${formatSpan(seconds * 1000)}`)
  return `${formatSpan(total * 1000)}${long.length === 0 ? '' : ` (${long.join(', ')})`}`
}

/** `; not done: node-2, node-3`, after another text; empty when nothing remains. */
export function remaining({ operation, remainingNodes }: RunReport): string {
  if (remainingNodes.length === 0) return ''
  return `; not ${operation === 'drain' ? 'drained' : 'uncordoned'}: ${someOf(remainingNodes, NAMED)}`
}

/** The node at which it ended, when the run failed at one. */
export function failedNode({ nodes }: RunReport): string {
  const row =
    nodes.find(({ outcome }) => outcome === 'failed') ??
    nodes.find(({ outcome }) => outcome === 'under way')
  return row === undefined ? '' : plainLine(row.node, 100)
}

function timed(row: NodeRow): string {
  const { total } = secondsByPhase(row)
  return total === undefined ? row.node : `${row.node} (${formatSpan(total * 1000)})`
}
