// The user's own commands, run in a member with the marker in the environment.

import type { ExecResult } from '../../kube/kube.ts'
import type { Member, VerifyContext } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'

export interface CustomOptions {
  readonly writeCommand: string | undefined
  readonly readCommand: string | undefined
  /** Exits 0 in a member that is in its quorum; its first line may be `leader` or `follower`. */
  readonly servesCommand: string | undefined
}

const SHOWN = 120

/** What the command answered, or why it could not be run. */
export async function run(
  member: Member,
  command: string,
  marker: string,
  timeoutMs: number,
  context: VerifyContext,
): Promise<ExecResult | string> {
  try {
    return await context.reach.exec(
      member,
      ['env', `MARKER=${marker}`, 'sh', '-c', command],
      { timeoutMs },
      context.signal,
    )
  } catch (error) {
    context.signal.throwIfAborted()
    return whyUnreachable(error, 'exec').why
  }
}

export function failed(result: ExecResult | string): string | undefined {
  if (typeof result === 'string') return result
  return result.exitCode === 0 ? undefined : `exit code ${result.exitCode}${tail(result)}`
}

export function readTrouble(result: ExecResult | string, marker: string): string | undefined {
  const why = failed(result)
  if (why !== undefined || typeof result === 'string') return why
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
