// CQL through a member, by the cqlsh in its container: what it answered, or what kind of trouble it is.

import type { Finding } from '../../errors.ts'
import type { Member, VerifyContext } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'

/** Python starts slowly in half a core. */
const CQLSH_MS = 90_000
const OPTIONS = '--request-timeout=30'
const SHOWN = 160

/** `unknown`: whether it was done is not known. `no login`, `bad login`, `no right`: not the ring's fault, but ours. */
export interface CqlTrouble {
  readonly kind: 'failed' | 'unknown' | 'unavailable' | 'no login' | 'bad login' | 'no right'
  readonly why: string
}

export type Cql = (member: Member, statements: string) => Promise<CqlTrouble | { readonly lines: readonly string[] }>

export function cqlThrough(context: VerifyContext): Cql {
  return async (member, statements) => {
    try {
      const result = await context.reach.exec(member, ['cqlsh', OPTIONS, '-e', statements], { timeoutMs: CQLSH_MS }, context.signal)
      return result.exitCode === 0 ? { lines: result.stdout.split(/\r?\n/).map((line) => line.trim()) } : troubleOf(result.exitCode, result.stderr)
    } catch (error) {
      context.signal.throwIfAborted()
      return { kind: 'unknown', why: whyUnreachable(error, 'exec').why }
    }
  }
}

const KINDS: readonly (readonly [CqlTrouble['kind'], RegExp])[] = [
  ['no login', /requires authentication/i],
  ['bad login', /Bad credentials|AuthenticationFailed|code=0100/i],
  ['no right', /Unauthorized|code=2100/i],
  ['unavailable', /Unavailable|code=1000/],
  ['unknown', /OperationTimedOut|(?:Write|Read)Timeout|CAS_?Write_?Unknown|code=(?:1100|1200|1700)/i],
]

/** cqlsh ends with 2 for a statement that failed and 1 for no connection; why it failed is its last line. */
export function troubleOf(exitCode: number, stderr: string): CqlTrouble {
  const why = (stderr.trim().split('\n').at(-1) ?? '').slice(0, SHOWN) || `cqlsh ended with ${exitCode}`
  return { kind: KINDS.find(([, words]) => words.test(stderr))?.[0] ?? 'failed', why }
}

/** `what`: how the sentence begins, up to the member's name. */
export function cqlFinding(member: Member, what: string, { kind, why }: CqlTrouble): Finding {
  const refused = kind === 'no login' || kind === 'bad login' || kind === 'no right'
  const mend = refused ? 'The check logs in as nobody: give cqlsh its credentials in the container (~/.cassandra/cqlshrc).' : 'Look at the log of this member and at nodetool status.'
  return { code: refused ? 'CHECK_IMPOSSIBLE' : 'CHECK_FAILED', severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}`, message: `${what} ${member.pod} (ordinal ${member.ordinal}): ${why}`, mend, ...(refused ? { orSet: { input: 'verify', value: 'off' } } : {}) }
}
