// What a session, a write or a read that failed through a member means for the user: refused for
// want of a right is not "unhealthy", but not a success either.

import type { Finding } from '../../errors.ts'
import { ofMember } from '../of-member.ts'
import type { Member } from '../profile.ts'
import { NoAnswer, NoSession, Refusal } from './errors.ts'

/** A member's trouble is a result; an abort is not. */
export function memberTrouble(error: unknown, signal: AbortSignal): Error {
  signal.throwIfAborted()
  return error instanceof Error ? error : new Error(String(error))
}

/** `what`: how the sentence begins, up to the member's name. */
export function dataFinding(member: Member, what: string, error: Error): Finding {
  const who = `${member.pod} (ordinal ${member.ordinal})`
  return {
    ...ofMember(member),
    ...meaningOf(error, `${what} ${who}`, who),
  }
}

type Meaning = Omit<Finding, 'severity' | 'ordinal' | 'object'>

function meaningOf(error: Error, said: string, who: string): Meaning {
  if (error instanceof Refusal) return meaningOfRefusal(error, `${said} was refused`)
  if (error instanceof NoAnswer)
    return {
      code: 'CHECK_FAILED',
      message: `${said} got no answer: ${error.why}${error.outcome === 'unknown' ? '; whether it was made is unknown' : ''}`,
      fix: 'Look at the log of this member and at its connection to the leader.',
    }
  if (error instanceof NoSession)
    return {
      code: 'CHECK_FAILED',
      message: `${who} says that it serves, but takes no session: ${error.message}`,
      fix: 'Look at its log; maxClientCnxns limits the connections from one address.',
    }
  return {
    code: 'CHECK_FAILED',
    message: `${said} failed: ${error.message}`,
    fix: 'Look at the log of this member.',
  }
}

function meaningOfRefusal(refusal: Refusal, said: string): Meaning {
  switch (refusal.reason) {
    case 'NoAuth':
      return {
        code: 'CHECK_IMPOSSIBLE',
        input: 'check-path',
        message: `${said}: no right to write at ${refusal.path} (NoAuth)`,
        fix: 'Set zookeeper-auth to a user:password that may write there, or check-path to a node below which anyone may create.',
      }
    case 'AuthFailed':
      return {
        code: 'CHECK_IMPOSSIBLE',
        input: 'zookeeper-auth',
        message: `${said}: the ensemble does not take this zookeeper-auth (AuthFailed)`,
        fix: 'Give user:password of the digest scheme; other schemes are not supported.',
      }
    case 'SessionClosedRequireAuth':
      return {
        code: 'CHECK_IMPOSSIBLE',
        input: 'zookeeper-auth',
        message: `${said}: sessions must authenticate (SessionClosedRequireAuth)`,
        fix: 'Set zookeeper-auth if enforce.auth.schemes has digest; a SASL-only ensemble cannot be checked this way.',
        orSet: { input: 'verify', value: 'off' },
      }
    default:
      return {
        code: 'CHECK_FAILED',
        message: `${said}: ${refusal.message}`,
        fix: 'Look at the log of this member.',
      }
  }
}
