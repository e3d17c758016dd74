// The disruption budgets that select a pod.

import type { Kube } from '../kube/kube.ts'
import { toBudget } from '../kube/views/index.ts'
import { selects } from '../manifests/shapes.ts'
import type { BudgetView } from '../view/surroundings.ts'

export async function budgetsFor(kube: Pick<Kube, 'list'>, namespace: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly BudgetView[]> {
  const { items } = await kube.list({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' }, { namespace }, signal)
  return items.map(toBudget).filter(({ selector }) => selector !== undefined && selects({ matchLabels: { ...selector.matchLabels }, matchExpressions: selector.matchExpressions.map((one) => ({ ...one, values: [...one.values] })) }, labels))
}
