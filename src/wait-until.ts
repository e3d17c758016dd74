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
  /** What is thrown once the time is over. */
  over(): Error
}

/** Resolves with the first look that finds nothing missing. */
export async function waitUntil(
  { clock, deadline, everyMs, heartbeatMs, saysAtOnce = false, say }: WaitUntil,
  look: () => Promise<Missing | undefined>,
  signal: AbortSignal,
): Promise<void> {
  let saidAt = saysAtOnce ? -Infinity : clock.now()
  for (;;) {
    const missing = await look()
    if (missing === undefined) return
    if (deadline.passed) throw missing.over()
    if (clock.now() - saidAt >= heartbeatMs) {
      say(missing.line)
      saidAt = clock.now()
    }
    await clock.sleep(Math.max(20, Math.min(everyMs, deadline.left())), signal)
  }
}
