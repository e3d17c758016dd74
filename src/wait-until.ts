// A wait for what can't be watched: looked at again and again, until it is so or its time is over,
// with a line in the log now and then that says what is missing.

import type { Clock, Deadline } from './clock.ts'

export interface WaitUntil {
  readonly clock: Clock
  readonly deadline: Deadline
  /** Between two looks; milliseconds. */
  readonly everyMs: number
  /** A line is printed so often, so that a person sees that it lives; milliseconds. */
  readonly heartbeatMs: number
  /** The first line is printed with the first look that finds something missing. */
  readonly saysAtOnce?: boolean
  readonly say: (line: string) => void
}

/** What one look found missing. */
export interface Missing {
  /** For the log. */
  readonly line: string
  /** What is waited for, where a change of that is told at once. */
  readonly reason?: string
  /** Where this is told more seldom, or more often, than by default; milliseconds. */
  readonly heartbeatMs?: number
  /** How soon it is looked at again, where that is dear; milliseconds. */
  readonly everyMs?: number
  /** What is thrown once the time is over; without it the wait just ends. */
  readonly over?: () => Error
}

/** Resolves with the first look that finds nothing missing. */
export async function waitUntil(
  { clock, deadline, everyMs, heartbeatMs, saysAtOnce = false, say }: WaitUntil,
  look: () => Promise<Missing | undefined>,
  signal: AbortSignal,
): Promise<void> {
  let said: { readonly reason: string | undefined; readonly at: number } = {
    reason: undefined,
    at: saysAtOnce ? -Infinity : clock.now(),
  }
  for (;;) {
    const missing = await look()
    if (missing === undefined) return
    const { line, reason } = missing
    if (deadline.passed) {
      if (missing.over === undefined) return
      throw missing.over()
    }
    if (reason !== said.reason || clock.now() - said.at >= (missing.heartbeatMs ?? heartbeatMs)) {
      say(line)
      said = { reason, at: clock.now() }
    }
    await clock.sleep(Math.max(20, Math.min(missing.everyMs ?? everyMs, deadline.left())), signal)
  }
}
