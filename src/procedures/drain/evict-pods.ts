// Evicts pods of a node and waits until they have gone: each as soon as its budget, which is
// watched, allows it; a slow answer about one holds up no other.

import { formatSpan, type Clock, type Deadline } from '../../clock.ts'
import {
  allowedBy,
  ASK_AGAIN_MS,
  askNow,
  budgetsOf,
  guardOf,
  type Taken,
} from '../../decide/drain/evictable.ts'
import { failure, type EnsembleError } from '../../errors.ts'
import { followNode } from '../../kube/follow-node.ts'
import type { Kube } from '../../kube/kube.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import type { Hanging } from '../../decide/diagnosis/deletion.ts'
import { explainHanging } from '../verify/hanging.ts'
import { createBudgetWords, type BudgetWords } from './budget-words.ts'
import { askEviction, type EvictionAnswer, type Refusal } from '../rollout/evict.ts'

/** Requests at once. */
const AT_ONCE = 10
const HEARTBEAT_MS = 30_000
/** Before what can't be watched is asked again. */
const THROTTLED_MS = 1_000
const MOST_NAMED = 5

export interface Evicting {
  readonly kube: Kube
  readonly clock: Clock
  readonly node: string
  readonly pods: readonly NodePod[]
  /** Undefined: each pod's own. */
  readonly gracePeriodSeconds: number | undefined
  readonly deadline: Deadline
  readonly say: (line: string) => void
  /** It was evicted, by us. */
  readonly onEvicted: (pod: NodePod) => void
  /** Why those that have not been told yet are not to be told any more; undefined: they are. */
  readonly overtaken?: (pods: readonly NodePod[]) => EnsembleError | undefined
  /**
   * Stands between a budget that allows a pod and its eviction: calls `tell`, or says what is
   * waited for. Undefined: budgets alone decide.
   */
  readonly ask?: (pod: NodePod, tell: () => Promise<Answer>, signal: AbortSignal) => Promise<Answer>
}

/** `held`: whatever its budget says, its ensemble can't spare it now. */
export type Answer = EvictionAnswer | Refusal | { readonly kind: 'held'; readonly reason: string }

/** How far one pod is. */
interface Entry {
  /** As it was last seen. */
  pod: NodePod
  asking: boolean
  /** When it was evicted; milliseconds since the epoch. */
  told: number | undefined
  toldUnder: BudgetView | undefined
  gone: boolean
  refusedBy: BudgetView | undefined
  notBefore: number
  /** What the API last said against it, in words. */
  reason: string
}

type Budgets = ReadonlyMap<string, readonly BudgetView[]>

/**
 * Resolves when all have gone from the node: deleted, or another pod has their name. Throws
 * DRAIN_BLOCKED at the deadline, with each pod that is left and why, and the KubeFailure of a
 * missing right.
 */
export async function evictPods(evicting: Evicting, signal: AbortSignal): Promise<void> {
  const { kube, clock, deadline, node, say } = evicting
  if (evicting.pods.length === 0) return
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const follower = followNode(
    kube,
    { node, namespaces: [...new Set(evicting.pods.map(({ namespace }) => namespace))] },
    clock,
    until,
  )
  const entries = evicting.pods.map((pod): Entry => ({
    pod,
    asking: false,
    told: undefined,
    toldUnder: undefined,
    gone: false,
    refusedBy: undefined,
    notBefore: 0,
    reason: '',
  }))
  const words = createBudgetWords({ kube, clock, node, say }, until)
  const running = new Set<Promise<void>>()
  let fault: Error | undefined
  let saidAt = clock.now()
  const begin = (work: Promise<void>): void => {
    const ended = work
      .catch(
        (error: unknown) =>
          void (fault ??= error instanceof Error ? error : new Error('evicting failed')),
      )
      .then(() => {
        running.delete(ended)
        follower.wake()
      })
    running.add(ended)
  }
  try {
    await follower.ready()
    for (;;) {
      signal.throwIfAborted()
      if (fault !== undefined) {
        // What was sent is seen through: who has been evicted is known then.
        await Promise.allSettled(running)
        throw fault
      }
      const { pods, budgets } = follower.snapshot()
      const now = clock.now()
      const seen = new Map(pods.map((pod) => [pod.uid, pod]))
      for (const entry of entries) {
        const pod = seen.get(entry.pod.uid)
        if (pod === undefined) entry.gone = true
        else entry.pod = pod
      }
      const left = entries.filter(({ gone }) => !gone)
      if (left.length === 0) return
      const waiting = left.filter(({ told, asking }) => told === undefined && !asking)
      if (deadline.passed)
        throw blocked(
          node,
          left,
          await words.inFull(guardsOf(left, budgets)),
          await hangingOf(evicting, left, signal),
          now,
        )
      fault ??= evicting.overtaken?.(waiting.map(({ pod }) => pod))
      if (fault !== undefined) continue
      const ask = new Set(
        askNow(
          waiting,
          left.flatMap((entry) => takenBy(entry, now)),
          budgets,
          now,
        ).map(({ uid }) => uid),
      )
      for (const entry of waiting
        .filter(({ pod }) => ask.has(pod.uid))
        .slice(0, Math.max(0, AT_ONCE - running.size)))
        begin(askOne(evicting, entry, budgets, until))
      words.tell(
        guardsOf(
          left.filter(({ told, asking }) => told === undefined && !asking),
          budgets,
        ),
      )
      if (now - saidAt >= HEARTBEAT_MS) {
        saidAt = now
        begin(
          Promise.all([
            words.inFull(guardsOf(left, budgets)),
            hangingOf(evicting, left, until),
          ]).then(([full, hanging]) =>
            say(
              `still waiting for ${left.length} ${left.length === 1 ? 'pod' : 'pods'} of ${node}: ${listed(left.map((entry) => inWords(entry, full, hanging, now)))}`,
            ),
          ),
        )
      }
      const soonest = Math.min(
        ...left.map((entry) => wakesAt(entry)).filter((at) => at > now),
        saidAt + HEARTBEAT_MS,
      )
      await follower.changed(Math.max(20, Math.min(deadline.left(), soonest - now)))
    }
  } finally {
    ending.abort(new Error('evicting has ended'))
    await Promise.allSettled([...running, words.ended()])
    await follower.stop()
  }
}

/** A budget that never shows that it was used up is believed again after a while. */
function takenBy({ pod, asking, told, toldUnder }: Entry, now: number): readonly Taken[] {
  if (asking) return [{ pod, toldUnder: undefined }]
  return told !== undefined && toldUnder !== undefined && now < told + ASK_AGAIN_MS
    ? [{ pod, toldUnder }]
    : []
}

function wakesAt({ told, notBefore }: Entry): number {
  return told === undefined ? notBefore : told + ASK_AGAIN_MS
}

/** The pods that a budget holds back, by its view. */
function guardsOf(
  entries: readonly Entry[],
  budgets: Budgets,
): ReadonlyMap<BudgetView, readonly NodePod[]> {
  const held = new Map<BudgetView, NodePod[]>()
  for (const { pod, told } of entries) {
    const guard = told === undefined ? guardOf(pod, budgets) : undefined
    if (guard !== undefined && allowedBy(guard) < 1)
      held.set(guard, [...(held.get(guard) ?? []), pod])
  }
  return held
}

async function askOne(
  { kube, clock, node, gracePeriodSeconds, onEvicted, say, ask = (_pod, tell) => tell() }: Evicting,
  entry: Entry,
  budgets: Budgets,
  signal: AbortSignal,
): Promise<void> {
  const { pod } = entry
  const guard = guardOf(pod, budgets)
  entry.asking = true
  try {
    const answer = await ask(
      pod,
      () =>
        askEviction(
          kube,
          pod,
          gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
          signal,
        ),
      signal,
    )
    entry.refusedBy = answer.kind === 'budget' ? guard : undefined
    switch (answer.kind) {
      case 'told':
        entry.told = clock.now()
        entry.toldUnder = guard
        onEvicted(pod)
        return
      case 'gone':
        // The list of the node's pods has the last word: until it agrees the pod is there.
        entry.notBefore = clock.now() + ASK_AGAIN_MS
        return
      case 'budgets':
        throw failure(
          'failed',
          'DRAIN_BLOCKED',
          `${pod.namespace}/${pod.name} can't be evicted: ${answer.reason}: ${budgetsOf(
            pod,
            budgets,
          )
            .map(({ name }) => name)
            .join(', ')}`,
          { object: `pod/${pod.name}`, fix: 'Let one budget select it, not several.' },
        )
      case 'budget':
      case 'throttled':
        entry.notBefore =
          clock.now() + (answer.afterMs ?? (answer.kind === 'budget' ? ASK_AGAIN_MS : THROTTLED_MS))
        break
      case 'held':
        entry.notBefore = clock.now() + THROTTLED_MS
        break
      case 'denied':
      case 'ending':
      case 'unanswered':
        entry.notBefore = clock.now() + ASK_AGAIN_MS
        break
    }
    // A budget that is watched speaks for itself, with the pods that it waits for.
    if (answer.reason !== entry.reason && (answer.kind !== 'budget' || guard === undefined))
      say(`${node}: ${pod.namespace}/${pod.name} waits: ${answer.reason}`)
    entry.reason = answer.reason
  } finally {
    entry.asking = false
  }
}

/** Why those that were told to go are still there: of as many as are named. */
function hangingOf(
  { kube, clock }: Evicting,
  left: readonly Entry[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Hanging>> {
  return explainHanging(
    kube,
    left
      .filter(({ told, pod }) => told !== undefined || pod.deleting !== undefined)
      .slice(0, MOST_NAMED)
      .map(({ pod }) => pod),
    clock.now(),
    signal,
  )
}

function inWords(
  { pod, told, asking, reason }: Entry,
  full: Awaited<ReturnType<BudgetWords['inFull']>>,
  hanging: ReadonlyMap<string, Hanging>,
  now: number,
): string {
  const name = `${pod.namespace}/${pod.name}`
  const why = hanging.get(pod.uid)
  if (told !== undefined)
    return `${name} was evicted ${formatSpan(now - told)} ago and is not gone: ${why?.what ?? 'why could not be read'}`
  if (why !== undefined) return `${name} is being deleted and not gone: ${why.what}`
  if (asking) return `${name}: is being asked`
  return `${name}: ${full.get(pod.uid) ?? (reason === '' ? 'not asked yet' : reason)}`
}

function listed(lines: readonly string[]): string {
  return `${lines.slice(0, MOST_NAMED).join('; ')}${lines.length > MOST_NAMED ? `; and ${lines.length - MOST_NAMED} more` : ''}`
}

function blocked(
  node: string,
  left: readonly Entry[],
  full: Awaited<ReturnType<BudgetWords['inFull']>>,
  hanging: ReadonlyMap<string, Hanging>,
  now: number,
): EnsembleError {
  const lines = left.map((entry) => inWords(entry, full, hanging, now))
  const slow = left.every(({ told, pod }) => told !== undefined || hanging.has(pod.uid))
  const ways = [...new Set([...hanging.values()].map(({ fix }) => fix))]
  const held = left.some(({ pod }) => full.has(pod.uid))
  return failure(
    'failed',
    'DRAIN_BLOCKED',
    `${node} could not be emptied in time: ${listed(lines)}`,
    {
      object: `node/${node}`,
      fix: slow
        ? ways.length > 0
          ? ways.slice(0, 2).join(' ')
          : `See why they do not end: kubectl get node ${node} (one that is not Ready ends none), and kubectl describe pod for finalizers and the grace period; timeout gives them longer.`
        : held
          ? 'Fix the pods that the budget waits for, or change the budget; a longer timeout waits longer.'
          : 'Fix what refuses the eviction (see above); a longer timeout waits longer.',
    },
  )
}
