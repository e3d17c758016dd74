// Copies of the pods of one node and of the budgets of some namespaces that keep themselves up to
// date, for as long as pods are evicted there.

import type { Clock } from '../clock.ts'
import type { NodePod } from '../view/node-pod.ts'
import type { BudgetView } from '../view/surroundings.ts'
import type { Kube } from './kube.ts'
import { createSubject, type Subject } from './subject.ts'
import { placedPodReader, toBudget } from './views/index.ts'
import { createWaker } from './waker.ts'

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
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const waker = createWaker(clock, until)
  const common = { kube, clock, signal: until, onChange: () => waker.wake() }
  const pods: Subject<NodePod> = createSubject({
    ...common,
    kind: { apiVersion: 'v1', kind: 'Pod' },
    options: { fields: `spec.nodeName=${node}` },
    title: `the pods of ${node}`,
    optional: false,
    view: placedPodReader(),
  })
  const budgets = namespaces.map((namespace): readonly [string, Subject<BudgetView>] => [
    namespace,
    createSubject({
      ...common,
      kind: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
      options: { namespace },
      title: `the disruption budgets of ${namespace}`,
      optional: true,
      view: toBudget,
    }),
  ])
  const subjects = [pods, ...budgets.map(([, subject]) => subject)]
  const complain = (): void => {
    const fatal = subjects.map((subject) => subject.fatal()).find((error) => error !== undefined)
    if (fatal !== undefined) throw fatal
  }
  return {
    async ready() {
      await Promise.all(subjects.map((subject) => subject.listed))
      complain()
      until.throwIfAborted()
    },
    snapshot() {
      complain()
      waker.looked()
      return {
        pods: pods.views(),
        budgets: new Map(budgets.map(([namespace, subject]) => [namespace, subject.views()])),
      }
    },
    async changed(timeoutMs) {
      complain()
      await waker.changed(timeoutMs)
      complain()
    },
    wake: () => waker.wake(),
    async stop() {
      ending.abort(new Error('following was stopped'))
      await Promise.all(subjects.map((subject) => subject.ended))
    },
  }
}
