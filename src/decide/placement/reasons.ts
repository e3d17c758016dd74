// Reasons of many nodes as few lines: the scheduler's sentence, and a table that stays short on a
// large cluster.

import type { BoardNode } from './board.ts'
import type { Reason } from './filter.ts'

/** Nodes that share a reason; a node that lacks several things is in several rows. */
export interface NodeGroup {
  readonly reason: string
  readonly nodes: number
  /** The first of them, five at most. */
  readonly names: readonly string[]
}

export interface Refused {
  readonly node: BoardNode
  readonly reasons: readonly Reason[]
}

const NAMES = 5

/**
 * `0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) didn't match pod anti-affinity
 * rules.`
 */
export function sentence(refused: readonly Refused[]): string {
  if (refused.length === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const { reasons } of refused)
    for (const { text } of reasons) counts.set(text, (counts.get(text) ?? 0) + 1)
  const said = [...counts]
    .map(([text, nodes]) => `${nodes} ${text}`)
    .toSorted((a, b) => (a < b ? -1 : 1))
  return `0/${refused.length} nodes are available: ${said.join(', ')}.`
}

/** Most nodes first. */
export function table(refused: readonly Refused[]): readonly NodeGroup[] {
  const groups = new Map<string, { nodes: number; names: string[] }>()
  for (const { node, reasons } of refused) {
    for (const { text, detail } of reasons) {
      const words = detail === undefined ? text : `${text} ${detail}`
      const group = groups.get(words) ?? { nodes: 0, names: [] }
      group.nodes++
      if (group.names.length < NAMES) group.names.push(node.view.name)
      groups.set(words, group)
    }
  }
  return [...groups]
    .map(([reason, group]) => ({ reason, ...group }))
    .toSorted((a, b) => b.nodes - a.nodes || (a.reason < b.reason ? -1 : 1))
}
