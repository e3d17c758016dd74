// Ends a sleep when something has changed, so that a loop neither polls nor misses what happens
// between two looks.

import type { Clock } from '../clock.ts'

export interface Waker {
  /** Something has changed. */
  wake(): void
  /** What is known now is being looked at: only what comes after it ends the next wait. */
  looked(): void
  /**
   * Resolves with the first change since the last look, at once when there was one, or after
   * `timeoutMs`. Rejects when aborted.
   */
  changed(timeoutMs: number): Promise<void>
}

export function createWaker(clock: Clock, signal: AbortSignal): Waker {
  let version = 0
  let seen = 0
  const waiting = new Set<AbortController>()
  return {
    wake() {
      version++
      for (const waiter of waiting) waiter.abort(WOKEN)
    },
    looked() {
      seen = version
    },
    async changed(timeoutMs) {
      signal.throwIfAborted()
      if (version !== seen) return
      // The sleep is ended by the change, so that no timer outlives the wait.
      const waking = new AbortController()
      waiting.add(waking)
      try {
        await clock.sleep(timeoutMs, AbortSignal.any([signal, waking.signal]))
      } catch (error) {
        if (!waking.signal.aborted) throw error
      } finally {
        waiting.delete(waking)
      }
    },
  }
}

const WOKEN = new Error('woken')
