// Time as a value: an injected clock and the deadline of a wait, so that tests can run time
// themselves.

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(abortReason(signal))
        return
      }
      const stop = (): void => {
        clearTimeout(timer)
        reject(abortReason(signal))
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal?.addEventListener('abort', stop, { once: true })
    }),
}

export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error('aborted')
}

/** When a wait ends. Built from a clock, so it moves with the clock of the test. */
export class Deadline {
  readonly at: number
  readonly #clock: Clock

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.at = clock.now() + ms
  }

  /** Milliseconds left, never negative. */
  left(): number {
    return Math.max(0, this.at - this.#clock.now())
  }

  get passed(): boolean {
    return this.left() === 0
  }
}

/** `4m05s`, `12.3s`, `85ms`: a span for people. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  const rest = String(seconds % 60).padStart(2, '0')
  return seconds < 3600
    ? `${Math.floor(seconds / 60)}m${rest}s`
    : `${Math.floor(seconds / 3600)}h${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m`
}

/** `2026-11-29 08:25:37 UTC`; milliseconds since the epoch; empty for what is no time. */
export function formatTime(ms: number): string {
  const text = isoTime(ms)
  return text === '' ? '' : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}

/** ISO 8601; empty for what is no time. */
export function isoTime(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ''
}
