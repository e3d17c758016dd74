// Whether nodes may leave the ring, asked before anything is changed: nodetool itself refuses where
// a keyspace would have more copies than nodes are left.

import type { Finding } from '../../errors.ts'
import { ADD_EXEC } from '../../kube/rules.ts'
import { ofMember } from '../of-member.ts'
import type { Leaver, Member, VerifyContext } from '../profile.ts'
import { askMember, hear, type Heard } from './ask.ts'
import { byHand } from './serving.ts'
import { parseCluster, parseStatus, type Replication, type RingRow } from './status.ts'

/** A keyspace with more copies than nodes would be left to hold them. */
export interface TooFew {
  readonly keyspace: string
  readonly copies: number
  readonly left: number
  readonly datacenter: string | undefined
}

export async function mayLeaveRing(
  leavers: readonly Leaver[],
  context: VerifyContext,
): Promise<Finding | undefined> {
  const [first] = leavers
  const others = (first?.others ?? []).filter(
    (other) => !leavers.some((leaver) => leaver.member?.uid === other.uid),
  )
  if (first === undefined) return undefined
  if (!context.reach.may.exec) {
    return {
      code: 'ACCESS_DENIED',
      ...ofMember(first),
      message: `${first.pod} can't be decommissioned: this run may not use exec`,
      fix: ADD_EXEC,
    }
  }
  for (const other of others) {
    const answers = await askMember(other, ['status', 'describecluster'], context)
    if ('trouble' in answers) continue
    const going = await Promise.all(
      leavers.flatMap(({ member }) => (member === undefined ? [] : [whoIs(member, context)])),
    )
    return refusal(
      first,
      other,
      tooFew(
        parseStatus(answers.get('status') ?? ''),
        going,
        parseCluster(answers.get('describecluster') ?? '').keyspaces,
      ),
    )
  }
  // Whoever stays and can't be asked is seen to when its turn comes.
  return undefined
}

async function whoIs(
  member: Member,
  context: VerifyContext,
): Promise<Pick<Heard, 'member' | 'hostId'>> {
  return hear(member, ['info'], new Map(), context)
}

/**
 * Copies by data centre are held against the nodes of that one, others against all nodes. Nodes
 * that have no row have nothing to stream.
 */
function tooFew(
  rows: readonly RingRow[],
  going: readonly Pick<Heard, 'member' | 'hostId'>[],
  keyspaces: readonly Replication[],
): readonly TooFew[] {
  const goes = (row: RingRow): boolean =>
    going.some(({ member, hostId }) =>
      hostId === undefined ? member.ip === row.address : hostId === row.hostId,
    )
  const leaving = rows.filter(goes)
  const left = (datacenter: string | undefined): number =>
    rows.filter((row) => !goes(row) && (datacenter === undefined || row.datacenter === datacenter))
      .length
  return keyspaces.flatMap(({ keyspace, copies }): readonly TooFew[] => {
    if (typeof copies === 'number')
      return leaving.length > 0 && left(undefined) < copies
        ? [{ keyspace, copies, left: left(undefined), datacenter: undefined }]
        : []
    return [...copies].flatMap(([datacenter, count]) =>
      leaving.some((row) => row.datacenter === datacenter) && left(datacenter) < count
        ? [{ keyspace, copies: count, left: left(datacenter), datacenter }]
        : [],
    )
  })
}

function refusal(
  { pod, ordinal }: Leaver,
  by: Member,
  found: readonly TooFew[],
): Finding | undefined {
  const [first] = found
  if (first === undefined) return undefined
  const named = found.map(({ keyspace, copies }) => `${keyspace} (${copies})`).join(', ')
  const where = first.datacenter === undefined ? '' : ` of ${first.datacenter}`
  const alter = found.map(({ keyspace, left, datacenter }) =>
    byHand(
      by,
      `cqlsh -e "ALTER KEYSPACE ${keyspace} WITH replication = {'class': '${datacenter === undefined ? 'SimpleStrategy' : 'NetworkTopologyStrategy'}', '${datacenter ?? 'replication_factor'}': ${left}}"`,
    ),
  )
  return {
    code: 'MEMBERSHIP_CHANGE',
    ...ofMember({ pod, ordinal }),
    message: `${first.left} ${first.left === 1 ? 'node' : 'nodes'}${where} would be left, and these keyspaces have more copies: ${named}; nodetool decommission refuses that`,
    fix: `Keep the members, or lower the replication factor first (with the other data centres as they are, where there are any): ${alter.join('; ')}`,
  }
}
