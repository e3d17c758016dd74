// The check `quorum`, from what every member's `srvr` says: exactly one leader, every other voter
// following it, one version, nobody on his own. A rule of `RULES` each.

import { isQuorum, majority } from '../../../majority.ts'
import type { Finding } from '../../../errors.ts'
import { ofMember } from '../../of-member.ts'
import type { MemberState } from '../../profile.ts'
import { roleOf, stateOf, troubleOf, type Look, type Looked, type Trouble } from './looked.ts'

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

/** By ordinal; the rest as `judgeQuorum` has it. */
type Rule = (
  looked: readonly Looked[],
  replicas: number,
  listed: number | undefined,
) => readonly Trouble[]

/** Their order is that of the findings. */
const RULES: readonly Rule[] = [missing, each, alone, leaders, versions, epochs]

/**
 * `replicas`: members that there should be; `listed`: how many the list of the one that leads names,
 * where that is known.
 */
export function judgeQuorum(
  looked: readonly Looked[],
  replicas: number,
  listed?: number,
): QuorumVerdict {
  const sorted = looked.toSorted((a, b) => a.member.ordinal - b.member.ordinal)
  const troubles = RULES.flatMap((rule) => rule(sorted, replicas, listed))
  return {
    findings: troubles.map((one) => one.finding),
    canHeal: troubles.every((one) => one.heals),
    detail: detailOf(sorted, troubles),
    states: sorted.map(stateOf),
  }
}

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

function each(looked: readonly Looked[]): readonly Trouble[] {
  return looked.flatMap(troubleOf)
}

function alone(looked: readonly Looked[], replicas: number): readonly Trouble[] {
  if (replicas <= 1) return []
  return looked
    .filter(({ look }) => roleOf(look) === 'standalone')
    .map(({ member }) => ({
      heals: false,
      finding: {
        code: 'IDENTITY_MISMATCH',
        ...ofMember(member),
        message: `${member.pod} (ordinal ${member.ordinal}) runs standalone in an ensemble of ${replicas}: it keeps data of its own that the others do not see`,
        fix: 'Give it the member list that the others have; save what clients wrote to it first.',
      },
    }))
}

/** Exactly one leads, and enough follow it. */
function leaders(
  looked: readonly Looked[],
  replicas: number,
  listed: number | undefined,
): readonly Trouble[] {
  const roles = looked.map(({ look }) => roleOf(look))
  if (replicas <= 1 && !roles.includes(undefined)) return []
  const leading = looked.filter(({ look }) => roleOf(look) === 'leader')
  if (leading.length > 1) return [bothLead(leading)]
  const observers = roles.filter((role) => role === 'observer').length
  const voting = leading.length + roles.filter((role) => role === 'follower').length
  // Whoever could not be asked may well serve: what is not known is not called lost.
  const unsure = voting < majority(replicas) || leading.length === 0
  if (unsure && looked.some(({ look }) => isUnknown(look))) return []
  // Where all run standalone, `alone` tells it of each.
  if (looked.length > 0 && roles.every((role) => role === 'standalone')) return []
  const voters = replicas - observers
  return leading.length === 0 || !isQuorum(voting, voters, listed)
    ? [quorumLost(voting, voters, looked)]
    : []
}

/** Whether it serves could not be asked of it. */
function isUnknown({ kind }: Look): boolean {
  switch (kind) {
    case 'unreachable':
    case 'not allowed':
    case 'garbage':
    case 'tls':
      return true
    case 'serving':
    case 'not serving':
    case 'read-only':
    case 'closed':
    case 'silent':
      return false
  }
}

function bothLead(leading: readonly Looked[]): Trouble {
  return {
    heals: true,
    finding: {
      code: 'CHECK_FAILED',
      severity: 'error',
      message: `${leading.map(({ member }) => member.pod).join(' and ')} both say that they lead`,
      ordinal: leading[0]?.member.ordinal ?? 0,
      fix: 'One of them was cut off, or there are two ensembles: compare their member lists.',
    },
  }
}

/** `voting`: those of the `voters` that serve. */
function quorumLost(voting: number, voters: number, looked: readonly Looked[]): Trouble {
  const lacking = looked.filter(({ look }) => roleOf(look) === undefined)
  const [first] = lacking
  const pods = lacking.map(({ member }) => member.pod).join(', ')
  const who = first === undefined ? '' : `; ${pods} ${lacking.length === 1 ? 'does' : 'do'} not`
  const needed = majority(voters)
  return {
    heals: true,
    finding: {
      code: 'QUORUM_LOST',
      severity: 'error',
      message:
        voting < needed
          ? `no quorum: ${voting} of ${voters} voting members serve, ${needed} are needed${who}`
          : `no member leads, although ${voting} serve${who}`,
      ...(first === undefined ? {} : { ordinal: first.member.ordinal }),
      fix: 'Bring back enough members for a majority, lowest ordinal first; delete no claim.',
    },
  }
}

function versions(looked: readonly Looked[]): readonly Trouble[] {
  const known = looked.flatMap(({ member, look }) =>
    look.kind === 'serving' && look.version !== undefined
      ? [{ member, version: look.version }]
      : [],
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
    look.kind === 'serving' && look.zxid !== undefined ? look.zxid >> 32n : undefined
  const leader = looked.filter(({ look }) => roleOf(look) === 'leader')
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
              ...ofMember(member),
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
  const leader = looked.find(({ look }) => roleOf(look) === 'leader')
  const version = looked
    .map(({ look }) => (look.kind === 'serving' ? look.version : undefined))
    .find((one) => one !== undefined)
  const suffix = version === undefined ? '' : `, version ${version}`
  if (leader === undefined)
    return `${looked[0]?.member.pod ?? 'the member'} serves on its own${suffix}`
  const observers = looked.filter(({ look }) => roleOf(look) === 'observer').length
  return `${leader.member.pod} leads, ${looked.length - 1 - observers} follow${observers === 0 ? '' : `, ${observers} observe`}${suffix}`
}
