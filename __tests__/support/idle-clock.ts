// A clock for tests without sleeps: when nothing else is left to do, time jumps to the next thing
// that is waited for.

import { abortReason, type Clock } from '../../src/clock.ts'

/**
 * Turns of the event loop without which streams inside one process have nothing left to pass on.
 */
const QUIET_TURNS = 8

interface Sleeper {
  readonly at: number
  wake(): void
}

/**
 * `quietTurns`: more of them where connections between client and server in this process have
 * something to pass on.
 */
export function idleClock(start = 1_800_000_000_000, quietTurns = QUIET_TURNS): Clock {
  const sleepers = new Set<Sleeper>()
  let now = start
  let pumping = false

  async function pump(): Promise<void> {
    pumping = true
    while (sleepers.size > 0) {
      for (let turn = 0; turn < quietTurns; turn += 1)
        await new Promise((resolve) => setImmediate(resolve))
      const next = [...sleepers].toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      now = Math.max(now, next.at)
      next.wake()
    }
    pumping = false
  }

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(abortReason(signal))
        const onAbort = (): void => {
          sleepers.delete(sleeper)
          reject(abortReason(signal))
        }
        const sleeper: Sleeper = {
          // Whole milliseconds, as a real clock tells them.
          at: now + Math.ceil(ms),
          wake() {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        sleepers.add(sleeper)
        if (!pumping) void pump()
      }),
  }
}
