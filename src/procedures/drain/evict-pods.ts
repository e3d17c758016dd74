// Evicts pods of a node and waits until they have gone: each as soon as its budget, which is
// watched, allows it; a slow answer about one holds up no other.

import { formatSpan } from '../../clock.ts'
import {
  allowedBy,
  ASK_AGAIN_MS,
  askNow,
  budgetsOf,
  guardOf,
  type Taken,
} from '../../decide/drain/evictable.ts'
import { failure, type EnsembleError } from '../../errors.ts'
import { followNode, type NodeFollower } from '../../kube/follow-node.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { BudgetView } from '../../view/surroundings.ts'
import type { Hanging } from '../../decide/diagnosis/deletion.ts'
import type { Ensemble } from '../open/ensemble.ts'
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
  readonly node: string
  readonly pods: readonly NodePod[]
  /** Undefined: each pod's own. */
  readonly gracePeriodSeconds: number | undefined
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
export async function evictPods(
  ensemble: Ensemble,
  evicting: Evicting,
  signal: AbortSignal,
): Promise<void> {
  if (evicting.pods.length === 0) return
  const ending = new AbortController()
  const evictions = new Evictions(ensemble, evicting, AbortSignal.any([signal, ending.signal]))
  try {
    await evictions.untilGone(signal)
  } finally {
    ending.abort(new Error('evicting has ended'))
    await evictions.ended()
  }
}

/** The pods of one node that are to go, and the requests that are on their way for them. */
class Evictions {
  readonly #ensemble: Ensemble
  readonly #evicting: Evicting
  readonly #until: AbortSignal
  readonly #follower: NodeFollower
  readonly #words: BudgetWords
  readonly #entries: readonly Entry[]
  readonly #running = new Set<Promise<void>>()
  #fault: Error | undefined
  #saidAt: number

  constructor(ensemble: Ensemble, evicting: Evicting, until: AbortSignal) {
    const {
      kube,
      run: { clock },
    } = ensemble
    const { node } = evicting
    const namespaces = [...new Set(evicting.pods.map(({ namespace }) => namespace))]
    this.#ensemble = ensemble
    this.#evicting = evicting
    this.#until = until
    this.#follower = followNode(kube, { node, namespaces }, clock, until)
    this.#words = createBudgetWords(ensemble, node, until)
    this.#entries = evicting.pods.map((pod): Entry => ({
      pod,
      asking: false,
      told: undefined,
      toldUnder: undefined,
      gone: false,
      refusedBy: undefined,
      notBefore: 0,
      reason: '',
    }))
    this.#saidAt = clock.now()
  }

  async untilGone(signal: AbortSignal): Promise<void> {
    const {
      deadline,
      run: { clock },
    } = this.#ensemble
    await this.#follower.ready()
    for (;;) {
      signal.throwIfAborted()
      if (this.#fault !== undefined) {
        // What was sent is seen through: who has been evicted is known then.
        await Promise.allSettled(this.#running)
        throw this.#fault
      }
      const { pods, budgets } = this.#follower.snapshot()
      const now = clock.now()
      const left = this.#left(pods)
      if (left.length === 0) return
      if (deadline.passed) throw await this.#blocked(left, budgets, now, signal)
      const waiting = left.filter(({ told, asking }) => told === undefined && !asking)
      this.#fault ??= this.#evicting.overtaken?.(waiting.map(({ pod }) => pod))
      if (this.#fault !== undefined) continue
      this.#askAllowed(left, waiting, budgets, now)
      if (now - this.#saidAt >= HEARTBEAT_MS) this.#tellLeft(left, budgets, now)
      const soonest = Math.min(
        ...left.map((entry) => wakesAt(entry)).filter((at) => at > now),
        this.#saidAt + HEARTBEAT_MS,
      )
      await this.#follower.changed(Math.max(20, Math.min(deadline.left(), soonest - now)))
    }
  }

  async ended(): Promise<void> {
    await Promise.allSettled([...this.#running, this.#words.ended()])
    await this.#follower.stop()
  }

  /** Those that are still on the node, as it was last seen. */
  #left(pods: readonly NodePod[]): readonly Entry[] {
    const seen = new Map(pods.map((pod) => [pod.uid, pod]))
    for (const entry of this.#entries) {
      const pod = seen.get(entry.pod.uid)
      if (pod === undefined) entry.gone = true
      else entry.pod = pod
    }
    return this.#entries.filter(({ gone }) => !gone)
  }

  /** Asks for as many as their budgets allow, and says which budgets hold the others. */
  #askAllowed(
    left: readonly Entry[],
    waiting: readonly Entry[],
    budgets: Budgets,
    now: number,
  ): void {
    const taken = left.flatMap((entry) => takenBy(entry, now))
    const ask = new Set(askNow(waiting, taken, budgets, now).map(({ uid }) => uid))
    const places = Math.max(0, AT_ONCE - this.#running.size)
    for (const entry of waiting.filter(({ pod }) => ask.has(pod.uid)).slice(0, places))
      this.#begin(this.#askOne(entry, budgets))
    const unasked = left.filter(({ told, asking }) => told === undefined && !asking)
    this.#words.tell(guardsOf(unasked, budgets))
  }

  async #askOne(entry: Entry, budgets: Budgets): Promise<void> {
    const { kube, run } = this.#ensemble
    const { node, gracePeriodSeconds, ask = (_pod, tell) => tell() } = this.#evicting
    const { pod } = entry
    const guard = guardOf(pod, budgets)
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
    const tell = (): Promise<Answer> => askEviction(kube, pod, options, this.#until)
    entry.asking = true
    try {
      const answer = await ask(pod, tell, this.#until)
      entry.refusedBy = answer.kind === 'budget' ? guard : undefined
      if (answer.kind === 'told' || answer.kind === 'gone') {
        this.#goes(entry, answer.kind, guard)
        return
      }
      if (answer.kind === 'budgets') throw severalBudgets(pod, budgets, answer.reason)
      entry.notBefore = run.clock.now() + askAgainAfter(answer)
      // A budget that is watched speaks for itself, with the pods that it waits for.
      if (answer.reason !== entry.reason && (answer.kind !== 'budget' || guard === undefined))
        run.journal.info(`${node}: ${pod.namespace}/${pod.name} waits: ${answer.reason}`)
      entry.reason = answer.reason
    } finally {
      entry.asking = false
    }
  }

  #goes(entry: Entry, kind: 'told' | 'gone', guard: BudgetView | undefined): void {
    const { clock } = this.#ensemble.run
    if (kind === 'gone') {
      // The list of the node's pods has the last word: until it agrees the pod is there.
      entry.notBefore = clock.now() + ASK_AGAIN_MS
      return
    }
    entry.told = clock.now()
    entry.toldUnder = guard
    this.#evicting.onEvicted(entry.pod)
  }

  #tellLeft(left: readonly Entry[], budgets: Budgets, now: number): void {
    this.#saidAt = now
    const { journal } = this.#ensemble.run
    const { node } = this.#evicting
    const work = async (): Promise<void> => {
      const [full, hanging] = await Promise.all([
        this.#words.inFull(guardsOf(left, budgets)),
        hangingOf(this.#ensemble, left, this.#until),
      ])
      journal.info(
        `still waiting for ${left.length} ${left.length === 1 ? 'pod' : 'pods'} of ${node}: ${listed(left.map((entry) => inWords(entry, full, hanging, now)))}`,
      )
    }
    this.#begin(work())
  }

  async #blocked(
    left: readonly Entry[],
    budgets: Budgets,
    now: number,
    signal: AbortSignal,
  ): Promise<EnsembleError> {
    const full = await this.#words.inFull(guardsOf(left, budgets))
    return blocked(
      this.#evicting.node,
      left,
      full,
      await hangingOf(this.#ensemble, left, signal),
      now,
    )
  }

  #begin(work: Promise<void>): void {
    const ended = work
      .catch((error: unknown) => {
        this.#fault ??= error instanceof Error ? error : new Error('evicting failed')
      })
      .then(() => {
        this.#running.delete(ended)
        this.#follower.wake()
      })
    this.#running.add(ended)
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

function severalBudgets(pod: NodePod, budgets: Budgets, reason: string): EnsembleError {
  const names = budgetsOf(pod, budgets).map(({ name }) => name)
  return failure(
    'failed',
    'DRAIN_BLOCKED',
    `${pod.namespace}/${pod.name} can't be evicted: ${reason}: ${names.join(', ')}`,
    { object: `pod/${pod.name}`, fix: 'Let one budget select it, not several.' },
  )
}

/** Milliseconds. */
function askAgainAfter(answer: Exclude<Answer, { kind: 'told' | 'gone' | 'budgets' }>): number {
  switch (answer.kind) {
    case 'budget':
      return answer.afterMs ?? ASK_AGAIN_MS
    case 'throttled':
      return answer.afterMs ?? THROTTLED_MS
    case 'held':
      return THROTTLED_MS
    case 'denied':
    case 'ending':
    case 'unanswered':
      return ASK_AGAIN_MS
  }
}

/** Why those that were told to end are still there: of as many as are named. */
function hangingOf(
  { kube, run: { clock } }: Ensemble,
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
