// Which answers are tried again, and when: a 429, a 5xx or a broken connection must change nothing
// but the time, and never send a write twice.

import type { Clock } from '../clock.ts'
import { tlsFault } from '../tls-fault.ts'
import { KubeFailure } from './failure.ts'
import { codeOf } from './node-error.ts'

/** How long a call may be tried again. */
export const RETRY_FOR_MS = 30_000
/** The same for a server that has never answered yet: a wrong address should be told soon. */
export const FIRST_CONTACT_MS = 5_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5_000

/**
 * `repeatable`: a read, an apply or a dry run, which may be sent twice. `once`: any other write.
 * `never`: a real eviction, whose caller reads the answer.
 */
export type Repeat = 'repeatable' | 'once' | 'never'

/** Whether the same request may be sent again after `failure`. */
export function mayRepeat(failure: KubeFailure, repeat: Repeat): boolean {
  if (repeat === 'never') return false
  if (
    failure.causes.some(
      (cause) => cause.reason === 'DisruptionBudget' || cause.reason === 'NamespaceTerminating',
    )
  )
    return false
  // A 429 is refused before anything is done, so a write may be sent again too.
  if (failure.status === 429) return true
  if (failure.status === 0) {
    if (failure.reason !== 'Unreachable' && failure.reason !== 'Timeout') return false
    const code = causeCode(failure)
    // Of a certificate or a handshake, which no second try corrects.
    if (tlsFault(code, '') !== undefined) return false
    return repeat === 'repeatable' || NOT_SENT.has(code)
  }
  if (repeat === 'once' || failure.status < 500) return false
  // Faults of the object, or somebody's will, not of the server: typed-patch errors, the
  // two-budgets answer and what webhooks say come as 500.
  return !/failed to create typed patch object|more than one PodDisruptionBudget|admission webhook "[^"]*" denied|failed calling webhook/.test(
    failure.message,
  )
}

/** Codes of Node's that mean: the connection was never made, so nothing was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** Node's code of what broke a request, '' when there is none. */
function causeCode(failure: KubeFailure): string {
  return codeOf(failure.cause)
}

/**
 * Milliseconds until the next try: Retry-After when given, else doubling with jitter (`random` in
 * 0..1).
 */
export function pauseBefore(attempt: number, failure: KubeFailure, random: number): number {
  // A whole number of seconds by the API; anything between would be a loop without a pause.
  if (failure.retryAfterSeconds !== undefined)
    return Math.max(FIRST_PAUSE_MS, failure.retryAfterSeconds * 1000)
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.75 + random / 2)
}

/**
 * Runs `attempt` until it succeeds, may not be repeated, or `budgetMs()` has passed. Rejects with
 * the last KubeFailure.
 */
export async function withRetries<T>(
  clock: Clock,
  again: (failure: KubeFailure) => boolean,
  budgetMs: () => number,
  attempt: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const began = clock.now()
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof KubeFailure) || !again(error)) throw error
      const pause = pauseBefore(tries, error, Math.random())
      if (clock.now() - began + pause > budgetMs()) throw error
      await clock.sleep(pause, signal)
    }
  }
}
