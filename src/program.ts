// A program of the runner's that is started for what it prints: kubectl for a kustomization, a
// credential plugin.

export interface ProgramRequest {
  readonly command: string
  readonly args: readonly string[]
  /**
   * Which variables of the step it gets: those that any program needs, or those of clouds' logins
   * too.
   */
  readonly needs: 'little' | 'cloud'
  /** Added to them. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Bytes of stdout; a program that prints more is ended. */
  readonly longest: number
  /** Told what it has said on stderr so far, when it takes long: it may wait for a person. */
  readonly onWait?: (stderr: string) => void
}

/** stderr: its end, bounded. */
export type ProgramOutcome =
  | {
      readonly kind: 'exited'
      readonly code: number
      readonly stdout: string
      readonly stderr: string
    }
  | { readonly kind: 'timed-out' | 'too-long'; readonly stderr: string }

/**
 * Ends it, with all that it has started, at its limit, at its end and with the signal. Rejects with
 * the signal's reason, and as node:child_process does (`code` ENOENT) where it can't be started.
 */
export type RunProgram = (request: ProgramRequest, signal: AbortSignal) => Promise<ProgramOutcome>
