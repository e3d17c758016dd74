// Copies of the pods of one node and of the budgets of some namespaces that keep themselves up to
// date, for as long as pods are evicted there.

import type { Clock } from '../clock.ts'
import type { NodePod } from '../view/node-pod.ts'
import type { BudgetView } from '../view/surroundings.ts'
import { Following } from './following.ts'
import type { Kube } from './kube.ts'
import type { Subject } from './subject.ts'
import { placedPodReader, toBudget } from './views/index.ts'

export interface FollowedNode {
  readonly node: string
  readonly namespaces: readonly string[]
}

export interface NodeFollower {
  ready(): Promise<void>
  /**
   * What is known now; `budgets` by namespace. Throws the KubeFailure of what may no longer be
   * read.
   */
  snapshot(): {
    readonly pods: readonly NodePod[]
    readonly budgets: ReadonlyMap<string, readonly BudgetView[]>
  }
  /** Resolves with the first change since the last snapshot, or after `timeoutMs`. */
  changed(timeoutMs: number): Promise<void>
  /** Ends such a wait: something else has changed. */
  wake(): void
  stop(): Promise<void>
}

/**
 * Starts at once. Budgets that may not be read are taken for none: the eviction itself still asks
 * them.
 */
export function followNode(
  kube: Kube,
  { node, namespaces }: FollowedNode,
  clock: Clock,
  signal: AbortSignal,
): NodeFollower {
  const following = new Following(kube, clock, signal)
  const pods = following.add<NodePod>({
    kind: { apiVersion: 'v1', kind: 'Pod' },
    options: { fields: `spec.nodeName=${node}` },
    title: `the pods of ${node}`,
    optional: false,
    view: placedPodReader(),
  })
  const budgets = namespaces.map((namespace): readonly [string, Subject<BudgetView>] => [
    namespace,
    following.add({
      kind: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
      options: { namespace },
      title: `the disruption budgets of ${namespace}`,
      optional: true,
      view: toBudget,
    }),
  ])
  return {
    ready: () => following.ready(),
    snapshot() {
      following.looked()
      return {
        pods: pods.views(),
        budgets: new Map(budgets.map(([namespace, subject]) => [namespace, subject.views()])),
      }
    },
    changed: (timeoutMs) => following.changed(timeoutMs),
    wake: () => following.wake(),
    stop: () => following.stop(new Error('following was stopped')),
  }
}
