// The time that the way forward may take, as a signal: what waits by itself ends with its own, better reason before it.

import { formatSpan, type Clock } from './clock.ts'
import { failure } from './errors.ts'

/** Aborted when `signal` is, or with TIMEOUT after `ms`. Call `end` when the work is done, or the process waits for the timer. */
export function timeLimit(clock: Clock, ms: number, signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const over = new AbortController()
  const done = new AbortController()
  clock.sleep(ms, done.signal).then(
    () => over.abort(failure('failed', 'TIMEOUT', `the timeout of ${formatSpan(ms)} is over`, { input: 'timeout' })),
    () => undefined,
  )
  return { signal: AbortSignal.any([signal, over.signal]), end: () => done.abort() }
}
