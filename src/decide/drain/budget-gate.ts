// Whether the budgets of a node's pods can ever allow their eviction: judged before the node is
// touched, because a drain that can't end leaves a node cordoned for nothing.

import type { NotDrainable } from './drainable.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import { judgeBudgets } from './budget.ts'
import { budgetsOf, guardOf } from './evictable.ts'

export type BudgetGate =
  | { readonly kind: 'allows' }
  /** It may allow it later; `reason` has the arithmetic. */
  | { readonly kind: 'waits'; readonly reason: string }
  /**
   * Only the server knows: the pod isn't Ready, and the budget may let such pods go all the same.
   * Where it doesn't, it never will.
   */
  | { readonly kind: 'ask'; readonly reason: string; readonly fix: string }
  | { readonly kind: 'never'; readonly reason: string; readonly fix: string }

/** `budgets` by namespace. */
export function gateOf(
  pod: NodePod,
  budgets: ReadonlyMap<string, readonly BudgetView[]>,
): BudgetGate {
  if (pod.phase !== 'Running' || pod.deleting !== undefined) return { kind: 'allows' }
  const own = budgetsOf(pod, budgets)
  if (own.length > 1) {
    const names = own.map(({ name }) => name)
    return {
      kind: 'never',
      reason: `it has ${own.length} disruption budgets (${names.join(', ')}), and the eviction API takes no pod with more than one`,
      fix: `Let one budget select it: kubectl -n ${pod.namespace} delete poddisruptionbudget ${names.slice(1).join(' ')}, or narrow their selectors.`,
    }
  }
  const guard = guardOf(pod, budgets)
  if (guard === undefined) return { kind: 'allows' }
  const verdict = judgeBudgets([guard])
  if (verdict.kind !== 'never') return verdict
  const fix = `Let poddisruptionbudget/${guard.name} in ${pod.namespace} allow one eviction (maxUnavailable: 1, or a lower minAvailable), or give the workload one more replica first.`
  return { kind: pod.ready ? 'never' : 'ask', reason: verdict.reason, fix }
}

/**
 * Pods of one node that only come back once it is uncordoned, under a budget that never spares so
 * many at once: the last of them would be waited for in vain while the first is away.
 */
export function tooManyTogether(
  pods: readonly NodePod[],
  budgets: ReadonlyMap<string, readonly BudgetView[]>,
): readonly NotDrainable[] {
  const groups = Map.groupBy(
    pods.filter((pod) => pod.ready),
    (pod) => guardOf(pod, budgets),
  )
  return [...groups].flatMap(([guard, group]) => {
    const spares = guard === undefined ? Infinity : guard.expected - guard.desired
    if (guard === undefined || group.length < 2 || group.length <= spares) return []
    const names = group.map(({ name }) => name)
    return group.map((pod) => ({
      pod,
      why: `${names.join(' and ')} would be away together, since they can only come back to this node, and poddisruptionbudget/${guard.name} never allows more than ${Math.max(0, spares)}`,
      fix: 'Spread them over more nodes first, or let the budget allow as many.',
    }))
  })
}
