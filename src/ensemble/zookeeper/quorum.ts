// The verdict on an ensemble from what every member's `srvr` says: exactly one leader, every other
// voter following it, one version, nobody on his own.

import type { Finding } from '../../errors.ts'
import type { Member, MemberState } from '../profile.ts'
import type { Srvr } from './word-answers.ts'
import { formatZxid } from './wire.ts'

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

export interface QuorumVerdict {
  readonly findings: readonly Finding[]
  /**
   * Whether waiting may fix what is wrong: an election or a sync under way, a member that is
   * starting.
   */
  readonly canHeal: boolean
  readonly detail: string
  readonly states: readonly MemberState[]
}

/** A finding, and whether time alone may fix it. */
interface Trouble {
  readonly finding: Finding
  readonly heals: boolean
}

export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/** `replicas`: members that there should be. */
export function judgeQuorum(looked: readonly Looked[], replicas: number): QuorumVerdict {
  const sorted = looked.toSorted((a, b) => a.member.ordinal - b.member.ordinal)
  const troubles = [
    ...missing(sorted, replicas),
    ...sorted.flatMap(troubleOf),
    ...alone(sorted, replicas),
    ...leaders(sorted, replicas),
    ...versions(sorted),
    ...epochs(sorted),
  ]
  return {
    findings: troubles.map((one) => one.finding),
    canHeal: troubles.every((one) => one.heals),
    detail: detailOf(sorted, troubles),
    states: sorted.map(stateOf),
  }
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
      return { ...base, role: look.denied ? 'unknown' : 'unreachable', trouble: look.why }
    case 'closed':
      return { ...base, role: 'down', trouble: look.why }
  }
}

function isServing(look: Look): look is Extract<Srvr, { kind: 'serving' }> {
  return look.kind === 'serving'
}

/** What is wrong with one member, seen by itself. */
function troubleOf({ member, look }: Looked): readonly Trouble[] {
  const about = { severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}` } as const
  const { pod, ordinal, clientPort } = member
  switch (look.kind) {
    case 'serving':
      return []
    case 'not serving':
      return [
        {
          heals: true,
          finding: {
            ...about,
            code: 'CHECK_FAILED',
            message: `${pod} (ordinal ${ordinal}) runs but is not in the quorum${member.ready ? '; that its pod is Ready says nothing about this' : ''}`,
            fix: 'Compare its member list, myid and the names of its peers; its log says whom it cannot reach.',
          },
        },
      ]
    case 'read-only':
      return [
        {
          heals: true,
          finding: {
            ...about,
            code: 'CHECK_FAILED',
            message: `${pod} (ordinal ${ordinal}) is read-only: it has lost the quorum`,
            fix: 'Compare its member list, myid and the names of its peers; its log says whom it cannot reach.',
          },
        },
      ]
    case 'unreachable':
      return look.denied
        ? [
            {
              heals: false,
              finding: {
                ...about,
                code: 'CHECK_IMPOSSIBLE',
                message: `${pod} (ordinal ${ordinal}) could not be asked: ${look.why}`,
                fix: ACCESS_MEND,
              },
            },
          ]
        : look.mute === true
          ? [
              {
                heals: true,
                finding: {
                  ...about,
                  code: 'CHECK_FAILED',
                  message: `${pod} (ordinal ${ordinal}) could not be asked: ${look.why}`,
                  fix: `Look at its log and at the load of its node: kubectl -n ${member.namespace} logs ${pod} -c ${member.container}`,
                },
              },
            ]
          : [
              {
                heals: true,
                finding: {
                  ...about,
                  code: 'CHECK_IMPOSSIBLE',
                  message: `${pod} (ordinal ${ordinal}) could not be reached, so whether it serves is not known: ${look.why}`,
                  fix:
                    look.lacks === 'exec'
                      ? EXEC_MEND
                      : `Look at the pod and its node: kubectl -n ${member.namespace} describe pod ${pod}`,
                },
              },
            ]
    case 'closed':
      return [
        {
          heals: true,
          finding: {
            ...about,
            code: 'CHECK_FAILED',
            message: `${pod} (ordinal ${ordinal}) serves no clients: ${look.why}`,
            fix: `Look at its log and its client port: kubectl -n ${member.namespace} logs ${pod} -c ${member.container}`,
          },
        },
      ]
    case 'silent':
      return [
        {
          heals: true,
          finding: {
            ...about,
            code: 'CHECK_FAILED',
            message: `${pod} (ordinal ${ordinal}) closes connections to port ${clientPort} without an answer`,
            fix: `Look at its log: kubectl -n ${member.namespace} logs ${pod} -c ${member.container}`,
          },
        },
      ]
    case 'tls':
      return [
        {
          heals: false,
          finding: {
            ...about,
            code: 'CHECK_IMPOSSIBLE',
            message: `${pod} (ordinal ${ordinal}) speaks TLS only to its clients, and this check has no certificate for it`,
            fix: 'Give the members a plain clientPort that only listens inside the pod (clientPortAddress=127.0.0.1).',
            orSet: { input: 'verify', value: 'off' },
          },
        },
      ]
    case 'not allowed':
      return [
        {
          heals: false,
          finding: {
            ...about,
            code: 'CHECK_IMPOSSIBLE',
            message: `${pod} (ordinal ${ordinal}) does not allow the word srvr`,
            fix: 'Add srvr to 4lw.commands.whitelist; without a whitelist it is allowed.',
          },
        },
      ]
    case 'garbage':
      return [
        {
          heals: false,
          finding: {
            ...about,
            code: 'CHECK_IMPOSSIBLE',
            message: `what answers on port ${clientPort} of ${pod} (ordinal ${ordinal}) is no ZooKeeper server: ${look.text}`,
            fix: 'Name the client port of the container `client` in the manifest, or choose another profile.',
          },
        },
      ]
  }
}

/** The rule to add, for the Role of this workflow. */
export const ACCESS_MEND = `Add one of these rules to the Role of this workflow:
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [get, create]
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]`

/**
 * A port that is bound to another address than the loopback one is reached from inside the
 * container alone.
 */
const EXEC_MEND = `Let this run ask from inside the container, by adding this rule to the Role of this workflow, or let the client port listen at all addresses:
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]`

function missing(looked: readonly Looked[], replicas: number): readonly Trouble[] {
  if (looked.length >= replicas) return []
  const there = looked.map(({ member }) => member.pod).join(', ') || 'none'
  return [
    {
      heals: false,
      finding: {
        code: looked.length < majority(replicas) ? 'QUORUM_LOST' : 'CHECK_FAILED',
        severity: 'error',
        message: `${looked.length} of ${replicas} members have a pod: ${there}`,
        fix: 'Wait for the StatefulSet to make the others, or see why it does not.',
      },
    },
  ]
}

function alone(looked: readonly Looked[], replicas: number): readonly Trouble[] {
  if (replicas <= 1) return []
  return looked
    .filter(({ look }) => isServing(look) && look.role === 'standalone')
    .map(({ member }) => ({
      heals: false,
      finding: {
        code: 'IDENTITY_MISMATCH',
        severity: 'error',
        ordinal: member.ordinal,
        object: `pod/${member.pod}`,
        message: `${member.pod} (ordinal ${member.ordinal}) runs standalone in an ensemble of ${replicas}: it keeps data of its own that the others do not see`,
        fix: 'Give it the member list that the others have; save what clients wrote to it first.',
      },
    }))
}

function leaders(looked: readonly Looked[], replicas: number): readonly Trouble[] {
  const serving = looked.filter(({ look }) => isServing(look) && look.role !== 'standalone')
  const leading = serving.filter(({ look }) => isServing(look) && look.role === 'leader')
  const voting = serving.filter(({ look }) => isServing(look) && look.role !== 'observer')
  if (replicas <= 1 && looked.every(({ look }) => isServing(look))) return []
  const names = leading.map(({ member }) => member.pod).join(' and ')
  if (leading.length > 1) {
    return [
      {
        heals: true,
        finding: {
          code: 'CHECK_FAILED',
          severity: 'error',
          message: `${names} both say that they lead`,
          ordinal: leading[0]?.member.ordinal ?? 0,
          fix: 'One of them was cut off, or there are two ensembles: compare their member lists.',
        },
      },
    ]
  }
  const blind = looked.filter(
    ({ look }) =>
      !isServing(look) &&
      look.kind !== 'not serving' &&
      look.kind !== 'read-only' &&
      look.kind !== 'closed' &&
      look.kind !== 'silent',
  )
  // Whoever could not be asked may well serve: what is not known is not called lost.
  if (blind.length > 0 && (voting.length < majority(replicas) || leading.length === 0)) return []
  if (
    looked.length > 0 &&
    looked.every(({ look }) => isServing(look) && look.role === 'standalone')
  )
    return []
  const lacking = looked.filter(({ look }) => !isServing(look))
  const observers = serving.length - voting.length
  const needed = majority(replicas - observers)
  if (voting.length < needed || leading.length === 0) {
    const who =
      lacking.length === 0
        ? ''
        : `; ${lacking.map(({ member }) => member.pod).join(', ')} ${lacking.length === 1 ? 'does' : 'do'} not`
    const ordinal = lacking[0]?.member.ordinal
    const message =
      voting.length < needed
        ? `no quorum: ${voting.length} of ${replicas - observers} voting members serve, ${needed} are needed${who}`
        : `no member leads, although ${voting.length} serve${who}`
    return [
      {
        heals: true,
        finding: {
          code: 'QUORUM_LOST',
          severity: 'error',
          message,
          ...(ordinal === undefined ? {} : { ordinal }),
          fix: 'Bring back enough members for a majority, lowest ordinal first; delete no claim.',
        },
      },
    ]
  }
  return []
}

function versions(looked: readonly Looked[]): readonly Trouble[] {
  const known = looked.flatMap(({ member, look }) =>
    isServing(look) && look.version !== undefined ? [{ member, version: look.version }] : [],
  )
  const first = known[0]
  const other = known.find((one) => one.version !== first?.version)
  if (first === undefined || other === undefined) return []
  const said = known.map((one) => `${one.member.pod} ${one.version}`).join(', ')
  return [
    {
      heals: false,
      finding: {
        code: 'CHECK_FAILED',
        severity: 'error',
        ordinal: other.member.ordinal,
        message: `the members run different versions: ${said}`,
        fix: 'Finish the roll, so that all members run the image of the template.',
      },
    },
  ]
}

/**
 * A follower in a later epoch than its leader's belongs to another life of the ensemble. An earlier
 * one is usual: it stays until the next write.
 */
function epochs(looked: readonly Looked[]): readonly Trouble[] {
  const epoch = (look: Look): bigint | undefined =>
    isServing(look) && look.zxid !== undefined ? look.zxid >> 32n : undefined
  const leader = looked.filter(({ look }) => isServing(look) && look.role === 'leader')
  const led = leader.length === 1 && leader[0] !== undefined ? epoch(leader[0].look) : undefined
  if (led === undefined) return []
  return looked.flatMap(({ member, look }) => {
    const own = epoch(look)
    return own === undefined || own <= led
      ? []
      : [
          {
            heals: true,
            finding: {
              code: 'CHECK_FAILED',
              severity: 'error',
              ordinal: member.ordinal,
              object: `pod/${member.pod}`,
              message: `${member.pod} (ordinal ${member.ordinal}) is in epoch ${own}, its leader in ${led}`,
              fix: 'It may follow another ensemble: compare the member lists.',
            },
          } satisfies Trouble,
        ]
  })
}

function detailOf(looked: readonly Looked[], troubles: readonly Trouble[]): string {
  const first = troubles.find((one) => one.finding.code === 'QUORUM_LOST') ?? troubles[0]
  if (first !== undefined) return first.finding.message
  const leader = looked.find(({ look }) => isServing(look) && look.role === 'leader')
  const version = looked
    .map(({ look }) => (isServing(look) ? look.version : undefined))
    .find((one) => one !== undefined)
  const suffix = version === undefined ? '' : `, version ${version}`
  if (leader === undefined)
    return `${looked[0]?.member.pod ?? 'the member'} serves on its own${suffix}`
  const observers = looked.filter(({ look }) => isServing(look) && look.role === 'observer').length
  return `${leader.member.pod} leads, ${looked.length - 1 - observers} follow${observers === 0 ? '' : `, ${observers} observe`}${suffix}`
}
