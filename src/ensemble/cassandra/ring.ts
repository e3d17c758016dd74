// The check `quorum` of a ring, from what every member says of it: all up and normal, everywhere the
// same hosts, one schema.

import { majority } from '../../majority.ts'
import type { Finding } from '../../errors.ts'
import { ofMember } from '../of-member.ts'
import { execFix } from '../unreachable.ts'
import type { Member } from '../profile.ts'
import type { Heard } from './ask.ts'
import { byHand, credible, doorTrouble, namesOf } from './serving.ts'
import type { ClusterSaid, RingRow } from './status.ts'

export interface RingVerdict {
  readonly findings: readonly Finding[]
  readonly canHeal: boolean
  readonly detail: string
}

/** What one member said of the schema of all. */
export interface SchemaHeard {
  readonly by: Member
  readonly said: ClusterSaid
}

/**
 * `schema`: undefined where nobody was asked, since there is a fault already. A ring may have more
 * hosts than this set has members: other racks and data centres are sets of their own.
 */
export function judgeRing(
  heard: readonly Heard[],
  replicas: number,
  schema: SchemaHeard | undefined,
): RingVerdict {
  const asked = heard.filter(({ trouble }) => trouble === undefined)
  const everyone = new Set(asked.flatMap(({ rows }) => rows.map((row) => row.hostId)))
  const few: readonly Finding[] =
    heard.length >= replicas
      ? []
      : [
          {
            code: 'CHECK_FAILED',
            severity: 'error',
            message: `${heard.length} of ${replicas} members have a pod`,
            fix: 'Wait for the StatefulSet to make the others, or see why it does not.',
          },
        ]
  const downs = downRows(heard)
  const identities = ownIds(asked)
  const found = [
    ...few,
    ...silent(heard, downs),
    ...shut(asked, downs, everyone),
    ...downs.flatMap((down) => (explained(down, heard) ? [] : [downFinding(down, asked)])),
    ...strangers(heard, everyone),
    ...schemaFindings(asked, schema),
    ...identities,
  ]
  const findings: readonly Finding[] =
    found.length > 0 || everyone.size >= replicas
      ? found
      : [
          {
            code: 'CHECK_FAILED',
            severity: 'error',
            message: `the ring has ${everyone.size} hosts, the set ${replicas} members`,
            fix: 'A host that is gone needs nodetool removenode; one that joins needs time.',
          },
        ]
  const others = everyone.size - asked.length
  const hosts =
    others > 0
      ? `${everyone.size} hosts up and normal, ${others} of them of other sets`
      : `${everyone.size} hosts up and normal`
  return {
    findings,
    canHeal: identities.length === 0 && !heard.some(({ silence }) => silence?.denied),
    detail: findings[0]?.message ?? `all ${heard.length} members see ${hosts}, one schema`,
  }
}

/** A host that is not up and normal, with the members that say so. */
interface Down {
  readonly row: RingRow
  readonly own: Heard | undefined
  readonly viewers: readonly Member[]
}

/**
 * One for each host, however many members see it so; whom most others call down is not believed
 * about the others.
 */
function downRows(heard: readonly Heard[]): readonly Down[] {
  const believed = credible(heard)
  const seen = believed.flatMap(({ member, rows }) =>
    rows.filter((row) => row.up !== 'U' || row.state !== 'N').map((row) => ({ member, row })),
  )
  return [...Map.groupBy(seen, ({ row }) => row.hostId).values()].flatMap((group) => {
    const [first] = group
    return first === undefined
      ? []
      : [
          {
            row: first.row,
            own: ownerOf(first.row, heard),
            viewers: group.map(({ member }) => member),
          },
        ]
  })
}

/**
 * The member whose host this is: by its host id, and where it never said one, by its pod's address.
 */
function ownerOf(row: RingRow, heard: readonly Heard[]): Heard | undefined {
  return (
    heard.find((one) => one.hostId === row.hostId) ??
    heard.find((one) => one.hostId === undefined && one.member.ip === row.address)
  )
}

/** Said with what the member itself lacks. */
function explained({ own }: Down, heard: readonly Heard[]): boolean {
  return (
    own !== undefined &&
    heard.includes(own) &&
    (own.trouble !== undefined || doorTrouble(own.doors) !== undefined)
  )
}

function seenAs(member: Member, downs: readonly Down[]): string {
  const down = downs.find(({ own }) => own?.member === member)
  return down === undefined
    ? ''
    : `; ${namesOf(down.viewers)} ${down.viewers.length === 1 ? 'sees' : 'see'} it as ${down.row.up}${down.row.state}`
}

function silent(heard: readonly Heard[], downs: readonly Down[]): readonly Finding[] {
  return heard.flatMap(({ member, silence }): readonly Finding[] =>
    silence === undefined
      ? []
      : [
          {
            ...ofMember(member),
            code:
              silence.role === 'down' || silence.hangs === true
                ? 'CHECK_FAILED'
                : 'CHECK_IMPOSSIBLE',
            message: `${member.pod} (ordinal ${member.ordinal}) could not be asked: ${silence.trouble}${seenAs(member, downs)}`,
            fix: fixOf(member, silence),
          },
        ],
  )
}

function fixOf(member: Member, silence: NonNullable<Heard['silence']>): string {
  if (silence.denied || silence.blocked === true || silence.role === 'unreachable')
    return execFix(member, silence)
  return `See kubectl -n ${member.namespace} logs ${member.pod} -c ${member.container}`
}

function shut(
  asked: readonly Heard[],
  downs: readonly Down[],
  everyone: ReadonlySet<string>,
): readonly Finding[] {
  return asked.flatMap(({ member, doors, hostId }): readonly Finding[] => {
    const door = doorTrouble(doors)
    // One that has left the ring has shut its doors for good: what is said of it is that it left.
    const left = hostId !== undefined && !everyone.has(hostId)
    return door === undefined || left
      ? []
      : [
          {
            ...ofMember(member),
            code: 'CHECK_FAILED',
            message: `${member.pod} (ordinal ${member.ordinal}) ${door.what}${seenAs(member, downs)}`,
            fix: `Open it: ${byHand(member, door.command)}`,
          },
        ]
  })
}

function downFinding({ row, own, viewers }: Down, asked: readonly Heard[]): Finding {
  const name =
    own === undefined
      ? `a host that is no member of this set (${row.address}, host id ${row.hostId})`
      : `${own.member.pod} (ordinal ${own.member.ordinal}, ${row.address})`
  const lost = credible(asked).some(
    ({ rows }) =>
      rows.filter((one) => one.up === 'U' && one.state === 'N').length < majority(rows.length),
  )
  return {
    ...(own === undefined ? { severity: 'error' as const } : ofMember(own.member)),
    code: lost ? 'QUORUM_LOST' : 'CHECK_FAILED',
    message: `${namesOf(viewers)} ${viewers.length === 1 ? 'sees' : 'see'} ${name} as ${row.up}${row.state}`,
    fix: 'Every row of nodetool status must be UN: let a joining or leaving member finish, bring back one that is down, remove one that is gone (nodetool removenode).',
  }
}

/** Members that have no row where all others have one, and rows that a member lacks. */
function strangers(heard: readonly Heard[], everyone: ReadonlySet<string>): readonly Finding[] {
  return heard
    .filter(({ trouble }) => trouble === undefined)
    .flatMap(({ member, rows, hostId }): readonly Finding[] => {
      if (hostId !== undefined && !everyone.has(hostId))
        return [
          {
            ...ofMember(member),
            code: 'CHECK_FAILED',
            message: `${member.pod} (ordinal ${member.ordinal}) is not in the ring: it was decommissioned, or has not joined yet`,
            fix: `${byHand(member, 'nodetool netstats')} says its mode; a joining one needs time.`,
          },
        ]
      const lacking = [...everyone].filter((id) => !rows.some((row) => row.hostId === id))
      if (lacking.length === 0) return []
      const names = lacking.map(
        (id) => heard.find((one) => one.hostId === id)?.member.pod ?? `the host ${id}`,
      )
      return [
        {
          ...ofMember(member),
          code: 'CHECK_FAILED',
          message: `${member.pod} (ordinal ${member.ordinal}) does not know ${names.join(', ')}`,
          fix: 'Compare nodetool status of the members: the ring is split.',
        },
      ]
    })
}

/**
 * A host that has left the ring stays `UNREACHABLE` in describecluster for three days: only who has
 * a row anywhere counts.
 */
function schemaFindings(
  asked: readonly Heard[],
  schema: SchemaHeard | undefined,
): readonly Finding[] {
  if (schema === undefined) return []
  const { by, said } = schema
  const rows = asked.flatMap((one) => one.rows)
  const unreachable = [...new Set(said.unreachable)].flatMap(
    (address) => rows.find((row) => row.address === address) ?? [],
  )
  if (said.versions.length <= 1 && unreachable.length === 0) return []
  const names = unreachable.map((row) => ownerOf(row, asked)?.member.pod ?? row.address)
  return [
    {
      ...ofMember(by),
      code: 'CHECK_FAILED',
      message: `${by.pod} (ordinal ${by.ordinal}) sees ${names.length > 0 ? `${names.join(', ')} unreachable` : `${said.versions.length} schema versions`}`,
      fix: `Compare them: ${byHand(by, 'nodetool describecluster')}`,
    },
  ]
}

function ownIds(asked: readonly Heard[]): readonly Finding[] {
  const byId = Map.groupBy(
    asked.filter(({ hostId }) => hostId !== undefined),
    ({ hostId }) => hostId ?? '',
  )
  return [...byId].flatMap(([id, group]) => {
    const last = group.at(-1)
    if (group.length < 2 || last === undefined) return []
    return [
      {
        ...ofMember(last.member),
        code: 'IDENTITY_MISMATCH',
        message: `${namesOf(group.map(({ member }) => member))} have the same host id ${id}`,
        fix: 'Two members must never share a volume’s identity: compare their claims.',
      } satisfies Finding,
    ]
  })
}
