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
  /** A budget doesn't allow it now. */
  | { readonly kind: 'budget'; readonly reason: string }

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
    if (error.status === 429 && (budget !== undefined || error.retryAfterSeconds !== undefined)) return { kind: 'budget', reason: budget?.message ?? error.message }
    throw error
  }
}
