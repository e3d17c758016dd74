// What came of asking one member, and what that means for it by itself: its state, and its trouble.
// What it means for the ensemble is judged in quorum.ts.

import type { Finding } from '../../../errors.ts'
import { BLOCKED_FIX } from '../../../kube/failure.ts'
import { EXEC_RULE, FORWARD_RULE } from '../../../kube/rules.ts'
import { ofMember } from '../../of-member.ts'
import { BEYOND_ROLE_FIX, podFix } from '../../unreachable.ts'
import type { Member, MemberState } from '../../profile.ts'
import type { Serving, Srvr } from '../word-answers.ts'
import { formatZxid } from '../wire.ts'

/** What came of asking one member. */
export type Look =
  | Srvr
  /**
   * Nobody knows whether it serves. `denied`: this run may not reach it at all; `lacks`: a right
   * that would give another way.
   */
  | {
      readonly kind: 'unreachable'
      readonly why: string
      readonly denied: boolean
      readonly lacks?: 'exec'
      /** RBAC gives this run none, which it knows: members count by their pods. */
      readonly noWay?: true
      /** Denied, and not by the role of this run. */
      readonly beyondRole?: true
      /** A gateway before the API server lets no WebSocket through. */
      readonly blocked?: true
      /** Nothing listens at the loopback address of its pod. */ readonly refused?: boolean
      /** It was reached, and did not answer in time. */ readonly mute?: boolean
    }
  /** Asked from inside its container: no client is answered there. */
  | { readonly kind: 'closed'; readonly why: string }
  | { readonly kind: 'tls' }

export interface Looked {
  readonly member: Member
  readonly look: Look
}

/** A finding, and whether time alone may fix it. */
export interface Trouble {
  readonly finding: Finding
  readonly heals: boolean
}

/** Undefined where it serves no clients, or nobody knows whether it does. */
export function roleOf(look: Look): Serving['role'] | undefined {
  return look.kind === 'serving' ? look.role : undefined
}

export function stateOf({ member, look }: Looked): MemberState {
  const base = {
    pod: member.pod,
    ordinal: member.ordinal,
    id: undefined,
    version: undefined,
    zxid: undefined,
    trouble: undefined,
  }
  switch (look.kind) {
    case 'serving':
      return {
        ...base,
        role: look.role,
        version: look.version,
        zxid: look.zxid === undefined ? undefined : formatZxid(look.zxid),
      }
    case 'read-only':
      return {
        ...base,
        role: 'read-only',
        version: look.version,
        trouble: 'read-only: it has lost the quorum',
      }
    case 'not serving':
      return { ...base, role: 'not serving', trouble: 'it runs, but is not in a quorum' }
    case 'not allowed':
      return { ...base, role: 'unknown', trouble: 'the word srvr is not allowed' }
    case 'silent':
      return {
        ...base,
        role: 'unknown',
        trouble: 'its client port closes the connection without an answer',
      }
    case 'tls':
      return { ...base, role: 'unknown', trouble: 'its client port speaks TLS only' }
    case 'garbage':
      return {
        ...base,
        role: 'unknown',
        trouble: `what answers on port ${member.clientPort} is no ZooKeeper server`,
      }
    case 'unreachable':
      return { ...base, role: look.noWay ? 'unknown' : 'unreachable', trouble: look.why }
    case 'closed':
      return { ...base, role: 'down', trouble: look.why }
  }
}

type Symptom = Omit<Finding, 'severity' | 'ordinal' | 'object'> & Pick<Trouble, 'heals'>

/** What is wrong with one member, seen by itself. */
export function troubleOf({ member, look }: Looked): readonly Trouble[] {
  const symptom = symptomOf(member, look)
  if (symptom === undefined) return []
  const { heals, ...said } = symptom
  return [
    {
      heals,
      finding: {
        ...ofMember(member),
        ...said,
      },
    },
  ]
}

/** What may keep a member that runs outside. */
const COMPARE = {
  fix: 'Compare its member list, myid and the names of its peers; its log says whom it cannot reach.',
  doubts: 'member list',
} as const

function symptomOf(member: Member, look: Look): Symptom | undefined {
  const who = `${member.pod} (ordinal ${member.ordinal})`
  switch (look.kind) {
    case 'serving':
      return undefined
    case 'not serving':
      return {
        heals: true,
        code: 'CHECK_FAILED',
        message: `${who} runs but is not in the quorum${member.ready ? '; that its pod is Ready says nothing about this' : ''}`,
        ...COMPARE,
      }
    case 'read-only':
      return {
        heals: true,
        code: 'CHECK_FAILED',
        message: `${who} is read-only: it has lost the quorum`,
        ...COMPARE,
      }
    case 'unreachable':
      return whyNotAsked(member, look)
    case 'closed':
      return {
        heals: true,
        code: 'CHECK_FAILED',
        message: `${who} serves no clients: ${look.why}`,
        fix: `Look at its log and its client port: ${logsOf(member)}`,
      }
    case 'silent':
      return {
        heals: true,
        code: 'CHECK_FAILED',
        message: `${who} closes connections to port ${member.clientPort} without an answer`,
        fix: `Look at its log: ${logsOf(member)}`,
      }
    case 'tls':
      return {
        heals: false,
        code: 'CHECK_IMPOSSIBLE',
        message: `${who} speaks TLS only to its clients, and this check has no certificate for it`,
        fix: 'Give the members a plain clientPort that only listens inside the pod (clientPortAddress=127.0.0.1).',
        orSet: { input: 'verify', value: 'off' },
      }
    case 'not allowed':
      return {
        heals: false,
        code: 'CHECK_IMPOSSIBLE',
        message: `${who} does not allow the word srvr`,
        fix: 'Add srvr to 4lw.commands.whitelist; without a whitelist it is allowed.',
      }
    case 'garbage':
      return {
        heals: false,
        code: 'CHECK_IMPOSSIBLE',
        message: `what answers on port ${member.clientPort} of ${who} is no ZooKeeper server: ${look.text}`,
        fix: 'Name the client port of the container `client` in the manifest, or choose another profile.',
      }
  }
}

function whyNotAsked(member: Member, look: Extract<Look, { kind: 'unreachable' }>): Symptom {
  const who = `${member.pod} (ordinal ${member.ordinal})`
  if (look.denied)
    return {
      heals: false,
      code: 'CHECK_IMPOSSIBLE',
      message: `${who} could not be asked: ${look.why}`,
      fix: look.beyondRole === true ? BEYOND_ROLE_FIX : ACCESS_FIX,
    }
  if (look.mute === true)
    return {
      heals: true,
      code: 'CHECK_FAILED',
      message: `${who} could not be asked: ${look.why}`,
      fix: `Look at its log and at the load of its node: ${logsOf(member)}`,
    }
  return {
    heals: true,
    code: 'CHECK_IMPOSSIBLE',
    message: `${who} could not be reached, so whether it serves is not known: ${look.why}`,
    fix: look.blocked ? BLOCKED_FIX : look.lacks === 'exec' ? EXEC_FIX : podFix(member),
  }
}

function logsOf({ namespace, pod, container }: Member): string {
  return `kubectl -n ${namespace} logs ${pod} -c ${container}`
}

/** The rules to add, for the Role of this workflow. */
export const ACCESS_FIX = `Add one of these rules to the Role of this workflow:
${FORWARD_RULE}
${EXEC_RULE}`

/**
 * A port that is bound to another address than the loopback one is reached from inside the
 * container alone.
 */
const EXEC_FIX = `Let this run ask from inside the container, by adding this rule to the Role of this workflow, or let the client port listen at all addresses:
${EXEC_RULE}`
