// topologySpreadConstraints that must hold. A cordoned node still counts as a domain, unless the
// constraint honours taints.

import type { PlacedPod, SpreadConstraint } from '../../view/scheduling.ts'
import type { LabelSelector } from '../../view/workload.ts'
import type { Board, BoardNode } from './board.ts'
import { reason, takesAll, type Filter } from './filter.ts'
import { asksFor, CORDON, keptOff, selects, tolerated } from './select.ts'

const NO_LABEL = reason(
  "node(s) didn't match pod topology spread constraints (missing required label)",
)
const SKEWED = reason("node(s) didn't match pod topology spread constraints", true)

interface Counted {
  readonly constraint: SpreadConstraint
  /** The domain of each node. */
  readonly values: readonly (string | undefined)[]
  readonly perDomain: ReadonlyMap<string, number>
  /** In the domain that has the fewest. */
  readonly fewest: number
  /** 1 when the pod counts itself. */
  readonly itself: number
}

export const spread: Filter = (pod, board) => {
  if (pod.demands.spread.length === 0) return takesAll
  const counted = pod.demands.spread.map((constraint) => count(constraint, pod, board))
  return ({ index }) => {
    for (const { constraint, values, perDomain, fewest, itself } of counted) {
      const value = values[index]
      if (value === undefined) return NO_LABEL
      if ((perDomain.get(value) ?? 0) + itself - fewest > constraint.maxSkew) return SKEWED
    }
    return undefined
  }
}

function count(constraint: SpreadConstraint, pod: PlacedPod, board: Board): Counted {
  const { labels, namespace, demands } = pod
  const selector = narrowed(constraint, labels)
  // The selector depends on the pod's own labels where it has matchLabelKeys.
  const own = constraint.matchLabelKeys.map((key) => labels[key] ?? '')
  const tally = board.tally(
    constraint,
    namespace,
    false,
    (other) =>
      other.namespace === namespace &&
      other.deleting === undefined &&
      selects(selector, other.labels),
    own.join(','),
  )
  const values = board.values(constraint.topologyKey)
  const all = demands.spread.map(({ topologyKey }) => board.values(topologyKey))
  const perDomain = new Map<string, number>()
  for (const node of board.nodes) {
    const value = values[node.index]
    if (
      value === undefined ||
      all.some((one) => one[node.index] === undefined) ||
      !counts(constraint, pod, node)
    )
      continue
    const standing = tally.byNode.get(node.index)
    // A domain counts with nobody in it, too.
    if (standing !== undefined) perDomain.set(value, (perDomain.get(value) ?? 0) + standing)
    else if (!perDomain.has(value)) perDomain.set(value, 0)
  }
  let fewest = perDomain.size < constraint.minDomains ? 0 : Infinity
  for (const there of perDomain.values()) fewest = Math.min(fewest, there)
  return { constraint, values, perDomain, fewest, itself: selects(selector, labels) ? 1 : 0 }
}

function counts(
  { nodeAffinityPolicy, nodeTaintsPolicy }: SpreadConstraint,
  { demands }: PlacedPod,
  node: BoardNode,
): boolean {
  if (nodeAffinityPolicy === 'Honor' && !asksFor(demands, node.view)) return false
  if (nodeTaintsPolicy === 'Ignore') return true
  if (node.closed && !tolerated(demands.tolerations, CORDON)) return false
  return (
    keptOff(
      demands.tolerations,
      node.view.taints.filter(({ key }) => key !== CORDON.key),
    ) === undefined
  )
}

function narrowed(
  { selector, matchLabelKeys }: SpreadConstraint,
  labels: Readonly<Record<string, string>>,
): LabelSelector | undefined {
  const narrowing = matchLabelKeys.flatMap((key) => {
    const value = labels[key]
    return value === undefined ? [] : [{ key, operator: 'In', values: [value] } as const]
  })
  return selector === undefined || narrowing.length === 0
    ? selector
    : { ...selector, matchExpressions: [...selector.matchExpressions, ...narrowing] }
}
