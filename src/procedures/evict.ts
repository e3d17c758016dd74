// Tells one pod to go, through the eviction API, and tells the answers apart.

import { KubeFailure } from '../kube/failure.ts'
import type { Kube } from '../kube/kube.ts'

export interface Evictable {
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

export type EvictionAnswer =
  /** It goes. */
  | { readonly kind: 'told' }
  /** It is gone, or another pod has its name. */
  | { readonly kind: 'gone' }
  /** A budget doesn't allow it now; `afterMs`: the server says when to ask again. */
  | { readonly kind: 'budget'; readonly reason: string; readonly afterMs?: number | undefined }

/**
 * Asks by a dry run first: a real eviction with a UID that is no longer right would use up the budget for two minutes (kept in its `disruptedPods`).
 * Throws the KubeFailure of every other answer.
 */
export async function evictPod(kube: Pick<Kube, 'evict'>, pod: Evictable, options: { readonly gracePeriodSeconds?: number }, signal: AbortSignal): Promise<EvictionAnswer> {
  try {
    await kube.evict(pod, { ...options, dryRun: true }, signal)
    await kube.evict(pod, options, signal)
    return { kind: 'told' }
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    if (error.status === 404 || error.status === 409) return { kind: 'gone' }
    const budget = error.causes.find((cause) => cause.reason === 'DisruptionBudget')
    if (error.status === 429 && (budget !== undefined || error.retryAfterSeconds !== undefined)) return { kind: 'budget', reason: budget?.message ?? (/budget|processed/i.test(error.message) ? error.message : TOO_BUSY), afterMs: msAfter(error) }
    throw error
  }
}

/** What else the API says to an eviction, and time may change. */
export type Refusal =
  /** The server has too much to do. */
  | { readonly kind: 'throttled'; readonly reason: string; readonly afterMs: number | undefined }
  /** An admission webhook says no, or can't be asked: whoever stands behind it may first have to move the pod itself. */
  | { readonly kind: 'denied'; readonly reason: string }
  /** Its namespace ends: it goes by itself. */
  | { readonly kind: 'ending'; readonly reason: string }
  /** Whether it was told isn't known. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  /** The eviction API takes no pod with several budgets, and that stays so. */
  | { readonly kind: 'budgets'; readonly reason: string }

/** A webhook's answer comes with any status (Strimzi's drain cleaner says 500), so its words tell it. */
const WEBHOOK = /admission webhook "([^"]{1,200})" denied the request(?::? ?)(.*)|failed calling webhook "([^"]{1,200})"(?::? ?)(.*)/s

/** The same with every answer that time may change as a value. Throws the KubeFailure of what stays: a missing right, a request that is wrong. */
export async function askEviction(kube: Pick<Kube, 'evict'>, pod: Evictable, options: { readonly gracePeriodSeconds?: number }, signal: AbortSignal): Promise<EvictionAnswer | Refusal> {
  try {
    return await evictPod(kube, pod, options, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure) || signal.aborted) throw error
    const refusal = refusalOf(error)
    if (refusal === undefined) throw error
    return refusal
  }
}

function refusalOf(error: KubeFailure): Refusal | undefined {
  const webhook = WEBHOOK.exec(error.message)
  if (webhook !== null) {
    const denied = webhook[1] !== undefined
    return { kind: 'denied', reason: denied ? `the admission webhook ${webhook[1] ?? ''} denies its eviction: ${(webhook[2] ?? '').trim()}` : `the admission webhook ${webhook[3] ?? ''} can't be asked about its eviction: ${(webhook[4] ?? '').trim()}` }
  }
  if (error.causes.some((cause) => cause.reason === 'NamespaceTerminating')) return { kind: 'ending', reason: 'its namespace is being deleted' }
  if (/more than one PodDisruptionBudget/.test(error.message)) return { kind: 'budgets', reason: 'it has more than one PodDisruptionBudget, which the eviction API does not support' }
  if (error.status === 429) return { kind: 'throttled', reason: TOO_BUSY, afterMs: msAfter(error) }
  if (error.status >= 500 || error.status === 0) return { kind: 'unanswered', reason: error.status === 0 ? 'the API server did not answer' : `the API server answered ${error.status}` }
  return undefined
}

const TOO_BUSY = 'the API server has too much to do'

function msAfter({ retryAfterSeconds }: KubeFailure): number | undefined {
  return retryAfterSeconds === undefined || retryAfterSeconds === 0 ? undefined : retryAfterSeconds * 1000
}
