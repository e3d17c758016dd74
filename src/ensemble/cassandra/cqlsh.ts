// CQL through a member, by the cqlsh in its container: what it answered, or what kind of trouble it
// is.

import type { Finding } from '../../errors.ts'
import { ofMember } from '../of-member.ts'
import type { Login, Member, VerifyContext } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'
import { KEYSPACE, TABLE_CQL } from './keyspace.ts'

/** Python starts slowly in half a core. */
const CQLSH_MS = 90_000
const OPTIONS = '--request-timeout=30'
const SHOWN = 160
/** What an administrator does once, where the role of the checks may make no keyspaces. */
const RIGHTS = `Let an administrator do this once: CREATE KEYSPACE ${KEYSPACE} (with the replication of your data); ${TABLE_CQL} GRANT SELECT ON KEYSPACE ${KEYSPACE} TO the role; GRANT MODIFY ON KEYSPACE ${KEYSPACE} TO the role;`

/**
 * `unknown`: whether it was done is not known. `no login`, `bad login`, `no right`: not the ring's
 * fault, but ours.
 */
export interface CqlTrouble {
  readonly kind: 'failed' | 'unknown' | 'unavailable' | 'no login' | 'bad login' | 'no right'
  readonly why: string
}

export type CqlAnswer = CqlTrouble | { readonly lines: readonly string[] }

export type Cql = (member: Member, statements: string) => Promise<CqlAnswer>

/**
 * cqlsh with a login that no process list, pod or log shows: it comes by stdin, two lines, and lies
 * for as long as cqlsh runs in a file that only its user may read, in memory where
 * the container has such a place. The container's own cqlshrc counts, but for its login. The file
 * is that of Cassandra 3 to 5: `--credentials` is of 4.1.
 */
export const WITH_LOGIN = `umask 077
d=$(mktemp -d /dev/shm/zk-XXXXXXXX 2>/dev/null || mktemp -d) || exit 70
trap 'rm -rf "$d"' EXIT
trap 'exit 71' HUP INT TERM
IFS= read -r user && IFS= read -r password || exit 72
rc="\${HOME:-/root}/.cassandra/cqlshrc"
{
  if [ -r "$rc" ]; then
    own=
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in '[authentication]'*) own=1 ;; '['*) own= ;; esac
      [ -n "$own" ] || printf '%s\\n' "$line"
    done <"$rc"
  fi
  printf '[authentication]\\nusername = %s\\npassword = %s\\n' "$user" "$password"
} >"$d/cqlshrc" || exit 73
cqlsh --cqlshrc="$d/cqlshrc" "$@" </dev/null
`

export function cqlThrough(context: VerifyContext, login: Login | undefined): Cql {
  return async (member, statements) => {
    const options = [OPTIONS, '-e', statements] as const
    try {
      const result =
        login === undefined
          ? await context.reach.exec(
              member,
              ['cqlsh', ...options],
              { timeoutMs: CQLSH_MS },
              context.signal,
            )
          : await context.reach.exec(
              member,
              ['sh', '-c', WITH_LOGIN, 'cqlsh', ...options],
              { timeoutMs: CQLSH_MS, stdin: `${login.user}\n${login.password}\n` },
              context.signal,
            )
      if (result.exitCode === 0)
        return { lines: result.stdout.split(/\r?\n/).map((line) => line.trim()) }
      return troubleOf(
        result.exitCode,
        login === undefined ? result.stderr : result.stderr.replaceAll(login.password, '***'),
      )
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
  [
    'unknown',
    /OperationTimedOut|(?:Write|Read)Timeout|CAS_?Write_?Unknown|code=(?:1100|1200|1700)/i,
  ],
]

/**
 * cqlsh ends with 2 for a statement that failed and 1 for no connection; why it failed is in its
 * last line, most often as the server's own sentence.
 */
export function troubleOf(exitCode: number, stderr: string): CqlTrouble {
  const last = stderr.trim().split('\n').at(-1) ?? ''
  const why =
    (/message="([^"]+)"/.exec(last)?.[1] ?? last).slice(0, SHOWN) || `cqlsh ended with ${exitCode}`
  return { kind: KINDS.find(([, words]) => words.test(stderr))?.[0] ?? 'failed', why }
}

/** `what`: how the sentence begins, up to the member's name. */
export function cqlFinding(member: Member, what: string, { kind, why }: CqlTrouble): Finding {
  const about = ofMember(member)
  const who = `${what} ${member.pod} (ordinal ${member.ordinal})`
  const impossible = {
    ...about,
    code: 'CHECK_IMPOSSIBLE',
    input: 'cassandra-auth',
    orSet: { input: 'verify', value: 'off' },
  } as const
  switch (kind) {
    case 'no login':
      return {
        ...impossible,
        message: `${who}: the ring asks for a login`,
        fix: 'Set cassandra-auth to user:password of a role, from a secret, or to secret/NAME, a Secret of the namespace with the keys username and password.',
      }
    case 'bad login':
      return {
        ...impossible,
        message: `${who}: the ring does not take this login`,
        fix: 'Give cassandra-auth the name and the password of a role that may log in (LOGIN = true); without it cqlsh logs in by ~/.cassandra/cqlshrc of the container.',
      }
    case 'no right':
      return { ...impossible, message: `${who}: the role has no right to it: ${why}`, fix: RIGHTS }
    case 'unavailable':
    case 'unknown':
    case 'failed':
      return {
        ...about,
        code: 'CHECK_FAILED',
        message: `${who}: ${why}`,
        fix: 'Look at the log of this member and at nodetool status.',
      }
  }
}
