// The disruption budgets that select a pod.

import type { Kube, KubeObject } from '../../kube/kube.ts'
import { toBudget } from '../../kube/views/index.ts'
import { selects } from '../../manifests/shapes.ts'
import type { BudgetView } from '../../view/surroundings.ts'

export async function budgetsFor(
  kube: Pick<Kube, 'list'>,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly BudgetView[]> {
  return (await budgetObjectsFor(kube, namespace, labels, signal)).map(toBudget)
}

export async function budgetObjectsFor(
  kube: Pick<Kube, 'list'>,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const { items } = await kube.list(
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
    { namespace },
    signal,
  )
  return items.filter((item) => {
    const { selector } = toBudget(item)
    return (
      selector !== undefined &&
      selects(
        {
          matchLabels: { ...selector.matchLabels },
          matchExpressions: selector.matchExpressions.map((one) => ({
            ...one,
            values: [...one.values],
          })),
        },
        labels,
      )
    )
  })
}
