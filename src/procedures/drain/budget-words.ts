// What a budget that lets nobody go is waiting for, in words: its arithmetic and the pods that it
// counts as missing, told once for each change.

import { bestEffort } from '../../best-effort.ts'
import { within } from '../../ensemble/bounded.ts'
import { arithmetic } from '../../decide/drain/budget.ts'
import { selects } from '../../decide/placement/select.ts'
import { selectorText, toPod } from '../../kube/views/index.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** The pods that each budget holds back. */
type Held = ReadonlyMap<BudgetView, readonly NodePod[]>

export interface BudgetWords {
  /**
   * Says a line for each budget whose words have changed, in the background: nobody waits for it.
   */
  tell(held: Held): void
  /** Why each pod is held back, by UID; whom the budgets wait for is read now. */
  inFull(held: Held): Promise<ReadonlyMap<string, string>>
  /** Resolves when nothing runs any more. */
  ended(): Promise<void>
}

const MOST_NAMES = 5
/** Whom a budget waits for is worth no more; milliseconds. */
const LOOK_MS = 3_000

export function createBudgetWords(
  ensemble: Ensemble,
  node: string,
  signal: AbortSignal,
): BudgetWords {
  const { journal } = ensemble.run
  /**
   * By the budget's UID: the view that was looked at last, and what was told: its numbers and the
   * pods that it held back. Who it waits for changes too often to be told each time.
   */
  const told = new Map<string, { readonly view: BudgetView; readonly about: string }>()
  let telling: Promise<void> = Promise.resolve()

  async function tellOne(
    budget: BudgetView,
    pods: readonly NodePod[],
    about: string,
  ): Promise<void> {
    const words = await wordsOf(ensemble, budget, pods, signal)
    // A newer state may have come meanwhile: only that is worth a line.
    if (told.get(budget.uid)?.about === about)
      journal.info(`${node}: ${namesOf(pods)} ${pods.length === 1 ? 'waits' : 'wait'}: ${words}`)
  }
  return {
    tell(held) {
      for (const [budget, pods] of held) {
        const before = told.get(budget.uid)
        if (before?.view === budget) continue
        const about = `${budget.observedGeneration >= budget.generation ? arithmetic(budget) : ''} ${namesOf(pods)}`
        told.set(budget.uid, { view: budget, about })
        if (before?.about !== about)
          telling = telling.then(() =>
            bestEffort(journal, `${node}: what a budget waits for was not said`, () =>
              tellOne(budget, pods, about),
            ),
          )
      }
    },
    async inFull(held) {
      const words = await Promise.all(
        [...held].map(async ([budget, pods]) => ({
          pods,
          words: await wordsOf(ensemble, budget, pods, signal),
        })),
      )
      return new Map(
        words.flatMap(({ pods, words: why }) => pods.map((pod) => [pod.uid, why] as const)),
      )
    },
    ended: () => telling,
  }
}

/**
 * `poddisruptionbudget/web allows no eviction now: 1 healthy of 2, 1 must stay, 0 may go; it waits for
 * web-1 (not Ready)`.
 */
async function wordsOf(
  ensemble: Ensemble,
  budget: BudgetView,
  [first]: readonly NodePod[],
  signal: AbortSignal,
): Promise<string> {
  if (budget.observedGeneration < budget.generation)
    return `poddisruptionbudget/${budget.name} was not processed by the cluster yet`
  if (budget.expected === 0)
    return `poddisruptionbudget/${budget.name} allows no eviction: it expects no pod (pods without a controller count only where minAvailable is a number)`
  const missing = await missingOf(ensemble, first?.namespace ?? '', budget, signal)
  const whom = missing
    .slice(0, MOST_NAMES)
    .map((pod) => `${pod.name} (${stateOf(pod)})`)
    .join(', ')
  return `poddisruptionbudget/${budget.name} allows no eviction now: ${arithmetic(budget)}${missing.length === 0 ? '' : `; it waits for ${whom}${missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : ''}`}`
}

/** An aside: without it the arithmetic still says enough. */
async function missingOf(
  { kube, run: { clock, journal } }: Ensemble,
  namespace: string,
  budget: BudgetView,
  signal: AbortSignal,
): Promise<readonly PodView[]> {
  const { selector } = budget
  if (selector === undefined) return []
  const late = (): Error => new Error('no answer in time')
  const pods = await bestEffort(journal, `whom ${budget.name} waits for is not known`, () =>
    within(clock, LOOK_MS, late, signal, async (until) => {
      const { items } = await kube.list(
        { apiVersion: 'v1', kind: 'Pod' },
        { namespace, labels: selectorText(selector) },
        until,
      )
      return items.map(toPod)
    }),
  )
  signal.throwIfAborted()
  return (pods ?? []).filter(
    (pod) =>
      selects(selector, pod.labels) &&
      (!pod.ready || pod.deleting !== undefined) &&
      pod.phase !== 'Succeeded' &&
      pod.phase !== 'Failed',
  )
}

function stateOf(pod: PodView): string {
  if (pod.deleting !== undefined) return 'terminating'
  if (pod.unscheduled !== undefined) return 'without a node'
  return pod.node === undefined ? 'not scheduled yet' : `not Ready, on ${pod.node}`
}

function namesOf(pods: readonly NodePod[]): string {
  const names = pods.map((pod) => `${pod.namespace}/${pod.name}`)
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
}
