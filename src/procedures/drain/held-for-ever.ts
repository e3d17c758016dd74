// Finds the pods that no wait will get off their node, before the node is touched.

import { gateOf, tooManyTogether, type BudgetGate } from '../../decide/drain/budget-gate.ts'
import type { NotDrainable } from '../../decide/drain/drainable.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import { toBudget } from '../../kube/views/index.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import { askEviction } from '../rollout/evict.ts'

interface GatedPod {
  readonly pod: NodePod
  /**
   * Undefined where the budgets of its namespace may not be read: the eviction itself will tell.
   */
  readonly gate: Exclude<BudgetGate, { kind: 'ask' }> | undefined
}

/** By namespace; `unread`: those whose budgets may not be read. */
interface ReadBudgets {
  readonly budgets: ReadonlyMap<string, readonly BudgetView[]>
  readonly unread: ReadonlySet<string>
}

async function readBudgets(
  kube: Pick<Kube, 'list'>,
  pods: readonly NodePod[],
  signal: AbortSignal,
): Promise<ReadBudgets> {
  const budgets = new Map<string, readonly BudgetView[]>()
  const unread = new Set<string>()
  await Promise.all(
    [...new Set(pods.map(({ namespace }) => namespace))].map(async (namespace) => {
      try {
        budgets.set(
          namespace,
          (
            await kube.list(
              { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
              { namespace },
              signal,
            )
          ).items.map(toBudget),
        )
      } catch (error) {
        if (!(error instanceof KubeFailure) || error.status !== 403) throw error
        unread.add(namespace)
      }
    }),
  )
  return { budgets, unread }
}

/**
 * What its budget says to each pod now, in their order; asks by dry run only for pods that aren't
 * Ready under a budget that can't allow them.
 */
async function gated(
  kube: Pick<Kube, 'evict'>,
  pods: readonly NodePod[],
  { budgets, unread }: ReadBudgets,
  signal: AbortSignal,
): Promise<readonly GatedPod[]> {
  const answers: GatedPod[] = []
  for (const pod of pods)
    answers.push({
      pod,
      gate: unread.has(pod.namespace)
        ? undefined
        : await settled(kube, pod, gateOf(pod, budgets), signal),
    })
  return answers
}

/**
 * Those that no wait will get off their node, as a reason to refuse it. `together`: groups of pods
 * that only come back once their node is uncordoned.
 */
export async function heldForEver(
  kube: Pick<Kube, 'list' | 'evict'>,
  pods: readonly NodePod[],
  together: readonly (readonly NodePod[])[],
  signal: AbortSignal,
): Promise<readonly NotDrainable[]> {
  const read = await readBudgets(kube, pods, signal)
  const never = (await gated(kube, pods, read, signal)).flatMap(({ pod, gate }) =>
    gate?.kind === 'never' ? [{ pod, why: gate.reason, fix: gate.fix }] : [],
  )
  return [
    ...never,
    ...together
      .flatMap((group) => tooManyTogether(group, read.budgets))
      .filter(({ pod }) => !never.some((one) => one.pod === pod)),
  ]
}

async function settled(
  kube: Pick<Kube, 'evict'>,
  pod: NodePod,
  gate: BudgetGate,
  signal: AbortSignal,
): Promise<Exclude<BudgetGate, { kind: 'ask' }>> {
  if (gate.kind !== 'ask') return gate
  const answer = await askEviction(kube, pod, { dryRun: true }, signal)
  switch (answer.kind) {
    case 'told':
    case 'gone':
    case 'ending':
      return { kind: 'allows' }
    case 'budget':
    case 'budgets':
      return { ...gate, kind: 'never' }
    case 'throttled':
    case 'denied':
    case 'unanswered':
      return { kind: 'waits', reason: answer.reason }
  }
}
