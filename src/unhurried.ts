// Long work in steps: between them the process hears a cancel, renews its lock and keeps its time
// limits.

/** Milliseconds of work after which others get their turn. */
const TURN_MS = 25

/** Runs to the end; rejects with the signal's reason when it is aborted on the way. */
export async function unhurried<T>(steps: Iterator<unknown, T>, signal: AbortSignal): Promise<T> {
  let since = performance.now()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - since < TURN_MS) continue
    await new Promise<void>((resolve) => void setImmediate(resolve))
    signal.throwIfAborted()
    since = performance.now()
  }
}

/** The same in one go, for what is short. */
export function atOnce<T>(steps: Iterator<unknown, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
