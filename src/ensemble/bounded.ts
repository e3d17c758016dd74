// A piece of work that may not take longer than it is given: every answer that is waited for from a
// member goes through here, and looks that are only a help.

import { abortReason, type Clock } from '../clock.ts'

/** Ends the clock's wait for work that is done; made once, since an error costs its stack. */
export const IN_TIME = new Error('done in time')

/**
 * Runs `work` for at most `ms`. Its signal is aborted when the time is over or when `signal` is;
 * then this rejects at once with `late()` or with the signal's
 * reason, also when the work doesn't listen.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  late: () => Error,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const over = new AbortController()
  const done = new AbortController()
  const onAbort = (): void => done.abort(abortReason(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  const limit = clock.sleep(ms, done.signal).then((): never => {
    const error = late()
    over.abort(error)
    throw error
  })
  try {
    return await Promise.race([work(AbortSignal.any([signal, over.signal])), limit])
  } finally {
    signal.removeEventListener('abort', onAbort)
    done.abort(IN_TIME)
  }
}

/**
 * The work's outcome, or the signal's reason as soon as it is aborted; the work itself continues to
 * its own end.
 */
export async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(abortReason(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
