// Required pod affinity and anti-affinity, both ways: what the pod asks of those that are there,
// and what they ask of it, by whole topology domains.

import type { PlacedPod, PodTerm } from '../../view/scheduling.ts'
import type { Board, BoardNode, Tally } from './board.ts'
import { reason, takesAll, type Check, type Filter } from './filter.ts'

const NOT_WITH = reason("node(s) didn't match pod affinity rules")
const NOT_APART = reason("node(s) didn't match pod anti-affinity rules", true)
const THEIRS = reason("node(s) didn't satisfy existing pods anti-affinity rules", true)

/** Values of each topology key. */
type Domains = Map<string, Set<string>>

export const podAffinity: Filter = (pod, board) => {
  const checks = [withThem(pod, board), apartFromThem(pod, board), theyApart(pod, board)].filter(
    (check) => check !== takesAll,
  )
  if (checks.length === 0) return takesAll
  return (node) => {
    for (const check of checks) {
      const reasons = check(node)
      if (reasons !== undefined) return reasons
    }
    return undefined
  }
}

/**
 * A pod counts when it is meant by all terms; while nobody is, a pod that all of its own terms mean
 * may be the first.
 */
function withThem(pod: PlacedPod, board: Board): Check {
  const terms = pod.demands.affinity
  if (terms.length === 0) return takesAll
  const meantByAll = (other: PlacedPod): boolean =>
    terms.every((term) => board.means(term, pod.namespace, other))
  const { byNode } = board.tally(terms, pod.namespace, terms.some(isWide), meantByAll)
  const domains: Domains = new Map()
  for (const { topologyKey } of terms) collect(domains, board, byNode, topologyKey)
  const nobody = [...domains.values()].every((values) => values.size === 0)
  const first = nobody && meantByAll(pod)
  return ({ view }) => {
    const holds = terms.every(({ topologyKey }) => {
      const value = view.labels[topologyKey]
      return value !== undefined && (first || domains.get(topologyKey)?.has(value) === true)
    })
    return holds ? undefined : NOT_WITH
  }
}

function apartFromThem(pod: PlacedPod, board: Board): Check {
  const terms = pod.demands.antiAffinity
  if (terms.length === 0) return takesAll
  const taken: Domains = new Map()
  for (const term of terms) collect(taken, board, meant(term, pod, board).byNode, term.topologyKey)
  return (node) => (isIn(taken, node) ? NOT_APART : undefined)
}

function theyApart(pod: PlacedPod, board: Board): Check {
  const taken: Domains = new Map()
  for (const group of board.apart) {
    if (group.byNode.size === 0) continue
    for (const term of group.terms)
      if (board.means(term, group.namespace, pod))
        collect(taken, board, group.byNode, term.topologyKey)
  }
  if (taken.size === 0) return takesAll
  return (node) => (isIn(taken, node) ? THEIRS : undefined)
}

function meant(term: PodTerm, pod: PlacedPod, board: Board): Tally {
  return board.tally(term, pod.namespace, isWide(term), (other) =>
    board.means(term, pod.namespace, other),
  )
}

function isWide({ namespaces, namespaceSelector }: PodTerm): boolean {
  return namespaces.length > 0 || namespaceSelector !== undefined
}

function collect(
  domains: Domains,
  board: Board,
  byNode: ReadonlyMap<number, number>,
  topologyKey: string,
): void {
  const values = domains.get(topologyKey) ?? new Set()
  domains.set(topologyKey, values)
  for (const index of byNode.keys()) {
    const value = board.nodes[index]?.view.labels[topologyKey]
    if (value !== undefined) values.add(value)
  }
}

function isIn(domains: Domains, { view }: BoardNode): boolean {
  for (const [key, values] of domains) {
    const value = view.labels[key]
    if (value !== undefined && values.has(value)) return true
  }
  return false
}
