// What disruption budgets say to taking one more member down, with their arithmetic.

import type { BudgetView } from '../../view/surroundings.ts'

export type BudgetVerdict =
  | { readonly kind: 'allows' }
  /** It may allow it later; `reason` has the arithmetic. */
  | { readonly kind: 'waits'; readonly reason: string }
  /** As it is written it can't ever allow it. */
  | { readonly kind: 'never'; readonly reason: string }

/** `budgets`: those that select the member. */
export function judgeBudgets(budgets: readonly BudgetView[]): BudgetVerdict {
  const never = budgets.find(
    (budget) => isObserved(budget) && budget.expected > 0 && budget.desired >= budget.expected,
  )
  if (never !== undefined)
    return {
      kind: 'never',
      reason: `poddisruptionbudget/${never.name} never allows an eviction: ${arithmetic(never)}`,
    }
  const waiting = budgets.find((budget) => !isObserved(budget) || budget.allowed < 1)
  if (waiting === undefined) return { kind: 'allows' }
  return {
    kind: 'waits',
    reason: isObserved(waiting)
      ? `poddisruptionbudget/${waiting.name} allows no eviction now: ${arithmetic(waiting)}`
      : `poddisruptionbudget/${waiting.name} was not processed by the cluster yet`,
  }
}

function isObserved(budget: BudgetView): boolean {
  return budget.observedGeneration >= budget.generation
}

/** `2 healthy of 3, 2 must stay, 0 may go`. */
export function arithmetic({ healthy, expected, desired, allowed }: BudgetView): string {
  return `${healthy} healthy of ${expected}, ${desired} must stay, ${allowed} may go`
}
