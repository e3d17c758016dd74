// The user's own commands, run in a member with the marker in the environment.

import { KubeFailure } from '../../kube/failure.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { Member, VerifyContext } from '../profile.ts'
import { execFix, whyUnreachable } from '../unreachable.ts'

export interface CustomOptions {
  readonly writeCommand: string | undefined
  readonly readCommand: string | undefined
  /** Exits 0 in a member that is in its quorum; its first line may be `leader` or `follower`. */
  readonly servesCommand: string | undefined
}

const SHOWN = 120

/** The command gave no answer. */
export interface Unanswered {
  readonly why: string
  /** It was begun and did not end in time. */
  readonly hangs: boolean
  /** It was not run: nothing is known of the member, and this is what to do. */
  readonly fix?: string
}

/** What the command answered, or why it gave no answer. */
export async function run(
  member: Member,
  command: string,
  marker: string,
  timeoutMs: number,
  context: VerifyContext,
): Promise<ExecResult | Unanswered> {
  try {
    return await context.reach.exec(
      member,
      ['env', `MARKER=${marker}`, 'sh', '-c', command],
      { timeoutMs },
      context.signal,
    )
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof KubeFailure && error.reason === 'Timeout')
      return { why: `did not end within ${timeoutMs / 1000} s`, hangs: true }
    const found = whyUnreachable(error, 'exec')
    const known = found.stopped === true ? {} : { fix: execFix(member, found) }
    return { why: found.why, hangs: false, ...known }
  }
}

/** The shell found no such command, or may not run it. */
const NOT_RUN: ReadonlySet<number> = new Set([126, 127])

/** The command is at fault, and tells nothing of the member. */
export function isMisspelt(result: ExecResult | Unanswered): boolean {
  return 'exitCode' in result && NOT_RUN.has(result.exitCode)
}

/** What to do, of a command that could not be run in its member. */
export function notRun(result: ExecResult | Unanswered): string | undefined {
  return 'why' in result ? result.fix : undefined
}

export function failed(result: ExecResult | Unanswered): string | undefined {
  if ('why' in result) return result.why
  return result.exitCode === 0 ? undefined : `exit code ${result.exitCode}${tail(result)}`
}

export function readTrouble(result: ExecResult | Unanswered, marker: string): string | undefined {
  const why = failed(result)
  if (why !== undefined || 'why' in result) return why
  return result.stdout.includes(marker) ? undefined : `it prints something else${tail(result)}`
}

/** Tools write what they tried first and why they gave up last. */
function tail({ stdout, stderr }: ExecResult): string {
  const lastOf = (text: string): string | undefined =>
    text
      .split('\n')
      .map((one) => one.trim())
      .findLast((one) => one !== '')
  const line = lastOf(stderr) ?? lastOf(stdout)
  return line === undefined ? '' : ` (${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line})`
}
