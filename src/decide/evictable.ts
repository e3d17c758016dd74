// Which pods of a node are asked to go now: as many as their budgets allow, and one whose budget allows none only when that has changed.

import type { NodePod } from '../view/node-pod.ts'
import type { BudgetView } from '../view/surroundings.ts'
import { selects } from './placement/select.ts'

export interface Waiting {
  readonly pod: NodePod
  /** The budgets' state at which it was last refused; undefined: never. */
  readonly refusedAt: string | undefined
  /** Not to be asked before; milliseconds since the epoch. */
  readonly notBefore: number
}

/** Asked again after this time though nothing was seen to change: not everything that an eviction depends on can be watched. Milliseconds. */
export const ASK_AGAIN_MS = 5_000

/** Budgets of its namespace that select the pod. */
export function budgetsOf(pod: NodePod, budgets: ReadonlyMap<string, readonly BudgetView[]>): readonly BudgetView[] {
  return (budgets.get(pod.namespace) ?? []).filter(({ selector }) => selects(selector, pod.labels))
}

/** What of a budget decides about evictions, as one text: a change of it is a reason to ask again. */
export function stateOf(budgets: readonly BudgetView[]): string {
  return budgets.map((budget) => [budget.uid, budget.generation, budget.observedGeneration, budget.healthy, budget.desired, budget.allowed, budget.expected].join(' ')).join(' | ')
}

/** In order; a budget that allows two is asked for two at most. Those that it doesn't protect (finished, Pending, on their way out) are always asked. */
export function askNow(waiting: readonly Waiting[], budgets: ReadonlyMap<string, readonly BudgetView[]>, now: number): readonly NodePod[] {
  const left = new Map<string, number>()
  return waiting.flatMap(({ pod, refusedAt, notBefore }) => {
    if (notBefore > now) return []
    const own = budgetsOf(pod, budgets)
    const [only] = own
    const guarded = pod.phase === 'Running' && pod.deleting === undefined
    if (only === undefined || own.length > 1 || !guarded) return [pod]
    const refused = refusedAt === stateOf(own)
    const sure = only.observedGeneration >= only.generation
    const allowed = left.get(only.uid) ?? (sure ? only.allowed : 0)
    // What it allowed is used up for somebody else: the change of it is on its way.
    if (allowed > 0 && !refused) {
      left.set(only.uid, allowed - 1)
      return [pod]
    }
    // One that isn't Ready may be let go all the same (unhealthyPodEvictionPolicy): asked once for each state of its budget.
    return !pod.ready && left.get(only.uid) === undefined && !refused ? [pod] : []
  })
}
