// The time that the way forward may take, as a signal for what has no deadline of its own; what
// waits by itself ends a moment earlier, with a better reason.

import { formatSpan, type Clock } from './clock.ts'
import { failure } from './errors.ts'

/** What a wait needs after its deadline to gather the evidence. */
const AFTER_MS = 10_000

/**
 * Aborted when `signal` is, or with TIMEOUT after `ms` and a little; `doing` says what it was at.
 * Call `end` when the work is done, or the process waits for the timer.
 */
export function timeLimit(
  clock: Clock,
  ms: number,
  doing: () => string,
  signal: AbortSignal,
): { readonly signal: AbortSignal; end(): void } {
  const over = new AbortController()
  const done = new AbortController()
  clock.sleep(ms + AFTER_MS, done.signal).then(
    () =>
      over.abort(
        failure('failed', 'TIMEOUT', `the timeout of ${formatSpan(ms)} is over: ${doing()}`, {
          input: 'timeout',
        }),
      ),
    () => undefined,
  )
  return { signal: AbortSignal.any([signal, over.signal]), end: () => done.abort() }
}
