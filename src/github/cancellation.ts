// A cancel reaches this process alone: SIGINT, 7.5 s later SIGTERM, 2.5 s later the end of the
// whole tree. The first signal asks the run to stop, the second ends it.

import { failure } from '../errors.ts'

/** As `process` has it; passed in so that a test can send signals without a process. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
}

export interface Cancellation {
  /** Aborted by the first signal; its reason is an EnsembleError of code CANCELLED. */
  readonly signal: AbortSignal
  /** Sets the signals back to their default. */
  dispose(): void
}

/** `exit` is called with 130 or 143 by the second signal and must end the process. */
export function listenForCancel(
  source: SignalSource,
  exit: (code: number) => void,
  say: (line: string) => void,
): Cancellation {
  const controller = new AbortController()
  const receive = (name: 'SIGINT' | 'SIGTERM', code: number): void => {
    if (controller.signal.aborted) {
      exit(code)
      return
    }
    say(`Cancelled (${name}): nothing new is begun; a second signal ends this at once.`)
    controller.abort(failure('cancelled', 'CANCELLED', `cancelled by ${name}`))
  }
  const onInterrupt = (): void => receive('SIGINT', 130)
  const onTerminate = (): void => receive('SIGTERM', 143)
  source.on('SIGINT', onInterrupt)
  source.on('SIGTERM', onTerminate)
  return {
    signal: controller.signal,
    dispose: () => {
      source.off('SIGINT', onInterrupt)
      source.off('SIGTERM', onTerminate)
    },
  }
}
