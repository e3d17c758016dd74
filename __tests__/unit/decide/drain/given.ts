// A pod that a drain would evict, and a budget that selects it, for tests to change.

import type { NodePod } from '../../../../src/view/node-pod.ts'
import type { BudgetView } from '../../../../src/view/surroundings.ts'

export function nodePod(change: Partial<NodePod> = {}): NodePod {
  return {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u',
    labels: { app: 'web' },
    node: 'node-1',
    phase: 'Running',
    ready: true,
    deleting: undefined,
    owner: undefined,
    mirror: false,
    emptyDirs: [],
    claims: [],
    ...change,
  }
}

/** One of two pods may go. */
export function budgetView(change: Partial<BudgetView> = {}): BudgetView {
  return {
    name: 'web',
    uid: 'b',
    selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
    minAvailable: undefined,
    maxUnavailable: 1,
    generation: 1,
    observedGeneration: 1,
    healthy: 2,
    desired: 1,
    allowed: 1,
    expected: 2,
    ...change,
  }
}
