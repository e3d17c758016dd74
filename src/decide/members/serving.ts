// What one look at every member says: whether those that Kubernetes calls Ready serve, and whether
// a majority does. It writes nothing, so it proves no data.

import { isQuorum, majority } from '../../majority.ts'
import type { MemberState, Role } from '../../ensemble/profile.ts'
import type { Finding } from '../../errors.ts'

/** What a member that serves says of itself. */
export const SERVING: ReadonlySet<Role> = new Set<Role>([
  'leader',
  'follower',
  'observer',
  'standalone',
  'up',
])

export interface ServingVerdict {
  /** `skipped`: nobody could be asked. */
  readonly outcome: 'passed' | 'failed' | 'warned' | 'skipped'
  /** One line. */
  readonly detail: string
  readonly findings: readonly Finding[]
  /** Some server is so young that who is outside may come in by itself. */
  readonly onTheWay: boolean
}

/**
 * `replicas`: members that there should be; `ready`: names of the pods that are Ready; `young`: why
 * a member that is outside may be on its way.
 */
export function judgeServing(
  states: readonly MemberState[],
  replicas: number,
  ready: ReadonlySet<string>,
  young?: string,
): ServingVerdict {
  const onTheWay = young !== undefined
  const unasked = states.filter(isUnasked)
  const unable = commandsAtFault(unasked)
  if (unable.length === 0 && unasked.length === states.length)
    return {
      outcome: 'skipped',
      detail: `the members could not be asked${reasons(unasked)}; that a pod is Ready does not mean that it is in the quorum`,
      findings: [],
      onTheWay,
    }
  const findings = [
    ...unable,
    ...alone(states, replicas),
    ...leaders(states, replicas),
    ...states.flatMap((state) => away(state, ready, young)),
  ]
  const known = inWords(states)
  const detail = `${known}${unasked.length === 0 ? '' : `${known === '' ? '' : '; '}not asked${reasons(unasked)}`}`
  if (findings.length > 0) return { outcome: 'failed', detail, findings, onTheWay }
  return {
    outcome:
      unasked.length > 0 || states.some(isAway) || states.length < replicas ? 'warned' : 'passed',
    detail,
    findings,
    onTheWay,
  }
}

/** What is not known is not called lost. */
function isUnasked({ role }: MemberState): boolean {
  return role === 'unknown' || role === 'unreachable'
}

/**
 * Of a kind of ensemble with advice of its own: the user's commands gave no answer. A step that
 * asks who serves fails then, since everybody may be down.
 */
function commandsAtFault(unasked: readonly MemberState[]): readonly Finding[] {
  const mute = unasked.filter(({ role, advice }) => role === 'unreachable' && advice !== undefined)
  return [...Map.groupBy(mute, ({ trouble }) => trouble ?? 'no answer')].map(
    ([trouble, states]): Finding => ({
      code: 'CHECK_IMPOSSIBLE',
      severity: 'error',
      object: `pod/${states[0]?.pod ?? ''}`,
      message: `${trouble}: it does not tell whether ${states.map(({ pod }) => pod).join(', ')} ${states.length === 1 ? 'serves' : 'serve'}`,
      fix: states[0]?.advice ?? '',
    }),
  )
}

/** `: zk-0, zk-1 (its client port speaks TLS only)`: each reason once. */
function reasons(unasked: readonly MemberState[]): string {
  const byReason = Map.groupBy(unasked, (state) => state.trouble ?? 'no answer')
  const told = [...byReason].map(
    ([why, of]) => `${of.map((state) => state.pod).join(', ')} (${why})`,
  )
  return told.length === 0 ? '' : `: ${told.join('; ')}`
}

function inWords(states: readonly MemberState[]): string {
  const count = (role: MemberState['role'], words: string): string[] => {
    const found = states.filter((state) => state.role === role)
    return found.length === 0
      ? []
      : [
          `${role === 'leader' || role === 'standalone' ? found.map((state) => state.pod).join(', ') : found.length} ${words}`,
        ]
  }
  const lost = states.filter(isAway).map((state) => state.pod)
  const version = [...new Set(states.flatMap((state) => state.version ?? []))]
  return [
    ...count('leader', 'leads'),
    ...count('follower', 'follow'),
    ...count('observer', 'observe'),
    ...count('standalone', 'runs standalone'),
    ...count('up', 'up'),
    ...(lost.length === 0
      ? []
      : [`${lost.join(', ')} ${lost.length === 1 ? 'does' : 'do'} not serve`]),
    ...(version.length === 0 ? [] : [`version ${version.join(' and ')}`]),
  ].join(', ')
}

function isAway({ role }: MemberState): boolean {
  return role === 'down' || role === 'not serving' || role === 'read-only'
}

/** Of a pod that isn't Ready, what is wrong with it is told by the pod. */
function away(
  state: MemberState,
  ready: ReadonlySet<string>,
  young: string | undefined,
): readonly Finding[] {
  const { pod, ordinal, role, trouble } = state
  if (!isAway(state) || !ready.has(pod)) return []
  const what =
    role === 'down'
      ? `does not answer${trouble === undefined ? '' : `: ${trouble}`}`
      : role === 'read-only'
        ? 'is read-only: it has lost the quorum'
        : state.advice === undefined || trouble === undefined
          ? 'runs but is not in the quorum'
          : `runs but does not serve: ${trouble}`
  return [
    {
      code: 'CHECK_FAILED',
      severity: 'error',
      ordinal,
      object: `pod/${pod}`,
      message: `${pod} (ordinal ${ordinal}) ${what}; that its pod is Ready says nothing about this${young === undefined ? '' : `; it may be on its way: ${young}`}`,
      fix: `${young === undefined ? '' : 'Look again in two minutes. '}${state.advice ?? `If it stays outside, compare its member list, myid and the names of its peers; its log says whom it cannot reach.`}`,
      ...(young === undefined ? {} : { orSet: { input: 'wait', value: 'true' } }),
    },
  ]
}

function alone(states: readonly MemberState[], replicas: number): readonly Finding[] {
  if (replicas <= 1) return []
  return states
    .filter((state) => state.role === 'standalone')
    .map(({ pod, ordinal }) => ({
      code: 'IDENTITY_MISMATCH',
      severity: 'error',
      ordinal,
      object: `pod/${pod}`,
      message: `${pod} (ordinal ${ordinal}) runs standalone in an ensemble of ${replicas}: it keeps data of its own that the others do not see`,
      fix: 'Give it the member list that the others have; save what clients wrote to it first.',
    }))
}

/**
 * Only kinds that have leaders and followers are judged by a majority; whoever could not be asked
 * may well serve.
 */
function leaders(states: readonly MemberState[], replicas: number): readonly Finding[] {
  if (replicas <= 1 || states.some((state) => state.role === 'up' || state.role === 'standalone'))
    return []
  const leading = states.filter((state) => state.role === 'leader')
  if (leading.length > 1)
    return [
      {
        code: 'CHECK_FAILED',
        severity: 'error',
        message: `${leading.map((state) => state.pod).join(' and ')} both say that they lead`,
        fix: 'One of them was cut off, or there are two ensembles: compare their member lists.',
      },
    ]
  const unasked = states.filter(isUnasked).length
  const voting = states.filter(
    (state) => state.role === 'leader' || state.role === 'follower',
  ).length
  const voters = replicas - states.filter((state) => state.role === 'observer').length
  const needed = majority(voters)
  const counted =
    unasked === 0
      ? `${voting} of ${voters} voting members serve`
      : `${voting === 0 ? 'none' : voting} of ${voters} voting members ${voting > 1 ? 'are' : 'is'} known to serve, ${unasked} could not be asked`
  const lost = !isQuorum(voting + unasked, voters, leading[0]?.voters)
    ? `no quorum: ${counted}, ${needed} are needed`
    : leading.length === 0 && unasked === 0
      ? `no member leads, although ${voting} serve`
      : undefined
  return lost === undefined
    ? []
    : [
        {
          code: 'QUORUM_LOST',
          severity: 'error',
          message: lost,
          fix: 'Bring back enough members for a majority, lowest ordinal first; delete no claim.',
        },
      ]
}
