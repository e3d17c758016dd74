// Evicts pods of a node and waits until they have gone: each as soon as its budget allows it, which is watched, and nothing is asked twice for the same state of a budget.

import { formatSpan, type Clock, type Deadline } from '../clock.ts'
import { arithmetic } from '../decide/budget.ts'
import { ASK_AGAIN_MS, askNow, budgetsOf, stateOf, type Waiting } from '../decide/evictable.ts'
import { selects } from '../decide/placement/select.ts'
import { failure, type EnsembleError } from '../errors.ts'
import { followNode, type NodeFollower } from '../kube/follow-node.ts'
import type { Kube } from '../kube/kube.ts'
import { selectorText, toPod } from '../kube/views/index.ts'
import type { NodePod } from '../view/node-pod.ts'
import type { BudgetView } from '../view/surroundings.ts'
import { askEviction } from './evict.ts'

/** Requests at once. */
const AT_ONCE = 10
const HEARTBEAT_MS = 30_000

export interface Evicting {
  readonly kube: Kube
  readonly clock: Clock
  readonly node: string
  readonly pods: readonly NodePod[]
  /** Undefined: each pod's own. */
  readonly gracePeriodSeconds: number | undefined
  readonly deadline: Deadline
  readonly say: (line: string) => void
  /** It was told to go, by us. */
  readonly onEvicted: (pod: NodePod) => void
}

/** How far one pod is. */
interface Entry {
  readonly pod: NodePod
  told: number | undefined
  gone: boolean
  refusedAt: string | undefined
  /** From then on the refusal counts no more: not everything that an eviction depends on can be watched. */
  forgottenAt: number
  notBefore: number
  /** Why it has not gone, in words. */
  reason: string
}

/** Resolves when all have gone from the node: deleted, or another pod has their name. Throws DRAIN_BLOCKED at the deadline, with each pod that is left and why. */
export async function evictPods(evicting: Evicting, signal: AbortSignal): Promise<void> {
  const { kube, clock, pods, deadline, node, say } = evicting
  if (pods.length === 0) return
  const follower = followNode(kube, { node, namespaces: [...new Set(pods.map(({ namespace }) => namespace))] }, clock, signal)
  const entries = pods.map((pod): Entry => ({ pod, told: undefined, gone: false, refusedAt: undefined, forgottenAt: 0, notBefore: 0, reason: '' }))
  const said = new Map<string, string>()
  let saidAt = clock.now()
  try {
    await follower.ready()
    for (;;) {
      signal.throwIfAborted()
      const seen = follower.snapshot()
      const there = new Set(seen.pods.map(({ uid }) => uid))
      for (const entry of entries) if (!there.has(entry.pod.uid)) entry.gone = true
      const left = entries.filter(({ gone }) => !gone)
      if (left.length === 0) return
      const now = clock.now()
      if (deadline.passed) throw blocked(node, left, now)
      const waiting = left.filter(({ told }) => told === undefined)
      const ask = new Set(askNow(waiting.map((entry): Waiting => ({ pod: seen.pods.find(({ uid }) => uid === entry.pod.uid) ?? entry.pod, refusedAt: now >= entry.forgottenAt ? undefined : entry.refusedAt, notBefore: entry.notBefore })), seen.budgets, now).map(({ uid }) => uid))
      const next = waiting.filter(({ pod }) => ask.has(pod.uid)).slice(0, AT_ONCE)
      for (const entry of waiting) if (!ask.has(entry.pod.uid)) await explain(evicting, entry, seen.budgets, said, signal)
      if (next.length > 0) {
        await Promise.all(next.map((entry) => askOne(evicting, entry, seen.budgets, said, signal)))
        continue
      }
      if (now - saidAt >= HEARTBEAT_MS) {
        say(`still waiting for ${left.length} ${left.length === 1 ? 'pod' : 'pods'} of ${node}: ${left.map((entry) => inWords(entry, now)).join('; ')}`)
        saidAt = now
      }
      const soonest = Math.min(...waiting.flatMap(({ notBefore, forgottenAt }) => [notBefore, forgottenAt]).map((at) => (at > now ? at - now : Infinity)))
      await follower.changed(Math.max(20, Math.min(deadline.left(), saidAt + HEARTBEAT_MS - now, soonest)))
    }
  } finally {
    await follower.stop()
  }
}

async function askOne(evicting: Evicting, entry: Entry, budgets: ReturnType<NodeFollower['snapshot']>['budgets'], said: Map<string, string>, signal: AbortSignal): Promise<void> {
  const { kube, clock, gracePeriodSeconds, onEvicted } = evicting
  const { pod } = entry
  entry.refusedAt = stateOf(budgetsOf(pod, budgets))
  entry.forgottenAt = Infinity
  const answer = await askEviction(kube, pod, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }, signal)
  switch (answer.kind) {
    case 'told':
      entry.told = clock.now()
      entry.reason = ''
      onEvicted(pod)
      return
    case 'gone':
      entry.gone = true
      return
    case 'ending':
      // The namespace's own deletion takes it; until it has begun the answer stays the same.
      entry.notBefore = clock.now() + ASK_AGAIN_MS
      entry.forgottenAt = entry.notBefore
      break
    case 'budget':
      entry.forgottenAt = clock.now() + (answer.afterMs ?? ASK_AGAIN_MS)
      entry.notBefore = budgetsOf(pod, budgets).length === 0 || answer.afterMs !== undefined ? entry.forgottenAt : 0
      break
    case 'throttled':
      entry.notBefore = clock.now() + (answer.afterMs ?? 1_000)
      entry.forgottenAt = entry.notBefore
      break
    case 'denied':
    case 'unanswered':
      entry.notBefore = clock.now() + ASK_AGAIN_MS
      entry.forgottenAt = entry.notBefore
      break
    case 'budgets':
      throw failure('failed', 'DRAIN_BLOCKED', `${pod.namespace}/${pod.name} can't be evicted: ${answer.reason}: ${budgetsOf(pod, budgets).map(({ name }) => name).join(', ')}`, { object: `pod/${pod.name}`, mend: 'Let one budget select it, not several.' })
  }
  entry.reason = answer.reason
  tell(evicting, entry, said)
}

/** Why a budget allows none now, and for whom it waits; looked up once for each state of it. */
async function explain(evicting: Evicting, entry: Entry, budgets: ReadonlyMap<string, readonly BudgetView[]>, said: Map<string, string>, signal: AbortSignal): Promise<void> {
  const { pod } = entry
  const [budget] = budgetsOf(pod, budgets)
  if (budget === undefined || entry.notBefore > evicting.clock.now()) return
  const words = `poddisruptionbudget/${budget.name} allows none now: ${arithmetic(budget)}`
  if (entry.reason.startsWith(words)) return
  entry.reason = `${words}${await missingOf(evicting.kube, pod.namespace, budget, signal)}`
  tell(evicting, entry, said)
}

/** `; not Ready: web-1, web-2`. */
async function missingOf(kube: Kube, namespace: string, budget: BudgetView, signal: AbortSignal): Promise<string> {
  if (budget.selector === undefined) return ''
  try {
    const { selector } = budget
    const { items } = await kube.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace, labels: selectorText(selector) }, signal)
    const missing = items.map(toPod).filter((pod) => selects(selector, pod.labels) && (!pod.ready || pod.deleting !== undefined) && pod.phase !== 'Succeeded' && pod.phase !== 'Failed')
    return missing.length === 0 ? '' : `; it waits for ${missing.map((pod) => `${pod.name} (${pod.deleting === undefined ? (pod.unscheduled === undefined ? 'not Ready' : 'without a node') : 'terminating'})`).join(', ')}`
  } catch {
    // Whom it waits for is an aside: without it the arithmetic still says enough.
    signal.throwIfAborted()
    return ''
  }
}

function tell({ say, node }: Evicting, { pod, reason }: Entry, said: Map<string, string>): void {
  if (said.get(pod.uid) === reason) return
  said.set(pod.uid, reason)
  say(`${node}: ${pod.namespace}/${pod.name} waits: ${reason}`)
}

function inWords({ pod, told, reason }: Entry, now: number): string {
  const name = `${pod.namespace}/${pod.name}`
  return told === undefined ? `${name}: ${reason === '' ? 'not asked yet' : reason}` : `${name} was told to go ${formatSpan(now - told)} ago and has not ended yet`
}

function blocked(node: string, left: readonly Entry[], now: number): EnsembleError {
  const lines = left.map((entry) => inWords(entry, now))
  const slow = left.every(({ told }) => told !== undefined)
  return failure('failed', 'DRAIN_BLOCKED', `${node} could not be emptied in time: ${lines.slice(0, 5).join('; ')}${lines.length > 5 ? `; and ${lines.length - 5} more` : ''}`, {
    object: `node/${node}`,
    mend: slow ? 'See why they do not end: kubectl describe pod shows finalizers and the grace period; timeout gives them longer.' : 'See to the pods that the budget waits for, or change the budget; timeout gives it longer.',
  })
}
