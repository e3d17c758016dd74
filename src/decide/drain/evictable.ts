// Which pods of a node are asked to go now: as many as their budgets allow, and one that its budget
// refused only when that budget has changed.

import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import { selects } from '../placement/select.ts'

/** One that has not been told to end. */
export interface Waiting {
  readonly pod: NodePod
  /**
   * Its budget as it was seen when the API refused the pod for the budget's sake; undefined: it has
   * not. Each change of a budget is a new view of it.
   */
  readonly refusedBy: BudgetView | undefined
  /**
   * Not to be asked before, unless the budget that refused it has changed; milliseconds since the
   * epoch.
   */
  readonly notBefore: number
}

/**
 * One that uses up what a budget allowed: it is being asked, or was told and the budget doesn't
 * show it yet.
 */
export interface Taken {
  readonly pod: NodePod
  /** Its budget as it was seen when it was told; undefined while there is no answer. */
  readonly toldUnder: BudgetView | undefined
}

type Budgets = ReadonlyMap<string, readonly BudgetView[]>

/**
 * Asked again after this time though nothing was seen to change: not everything that an eviction
 * depends on can be watched. Milliseconds.
 */
export const ASK_AGAIN_MS = 5_000

/** Budgets of its namespace that select the pod; `budgets` by namespace. */
export function budgetsOf(pod: NodePod, budgets: Budgets): readonly BudgetView[] {
  return (budgets.get(pod.namespace) ?? []).filter(({ selector }) => selects(selector, pod.labels))
}

/**
 * The one budget that decides about a pod. Several: the API takes no such pod. A pod that is
 * finished, has not started or is on its way out is not protected (the server's eviction handler).
 */
export function guardOf(pod: NodePod, budgets: Budgets): BudgetView | undefined {
  const [only, second] = budgetsOf(pod, budgets)
  return second === undefined && pod.phase === 'Running' && pod.deleting === undefined
    ? only
    : undefined
}

/** How many it lets go now; none while the cluster has not counted since its last change. */
export function allowedBy(budget: BudgetView): number {
  return budget.observedGeneration >= budget.generation ? budget.allowed : 0
}

/** In order; a budget that allows two is asked for two at most, those under way included. */
export function askNow(
  waiting: readonly Waiting[],
  taken: readonly Taken[],
  budgets: Budgets,
  now: number,
): readonly NodePod[] {
  const left = new Map<string, number>()
  const leftOf = (budget: BudgetView): number => left.get(budget.uid) ?? allowedBy(budget)
  for (const { pod, toldUnder } of taken) {
    const guard = guardOf({ ...pod, deleting: undefined }, budgets)
    if (guard !== undefined && pod.ready && (toldUnder === undefined || toldUnder === guard))
      left.set(guard.uid, leftOf(guard) - 1)
  }
  return waiting.flatMap(({ pod, refusedBy, notBefore }) => {
    const guard = guardOf(pod, budgets)
    const changed = refusedBy !== undefined && guard !== undefined && refusedBy !== guard
    if (notBefore > now && !changed) return []
    // Of one that isn't Ready the server knows better (unhealthyPodEvictionPolicy), and a budget
    // that lets it go pays nothing for it.
    if (guard === undefined || !pod.ready) return [pod]
    if (leftOf(guard) < 1) return []
    left.set(guard.uid, leftOf(guard) - 1)
    return [pod]
  })
}
