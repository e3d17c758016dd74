// The verdict on a ring from what every member says of it: all up and normal, everywhere the same hosts, one schema.

import type { Finding } from '../../errors.ts'
import type { Member } from '../profile.ts'
import { doorTrouble, namesOf } from './serving.ts'
import type { Doors, RingRow, SchemaVersions } from './status.ts'

/** What one member said; `trouble` when it could not be asked. */
export interface Heard {
  readonly member: Member
  readonly rows: readonly RingRow[]
  readonly schema: SchemaVersions | undefined
  readonly release: string | undefined
  /** What it says of its own doors; undefined where it was not asked. */
  readonly doors: Doors | undefined
  /** Its own host id. */
  readonly hostId: string | undefined
  readonly trouble: string | undefined
  /** For want of a right, which no waiting mends. */
  readonly denied: boolean
}

export interface RingVerdict {
  readonly findings: readonly Finding[]
  readonly canHeal: boolean
  readonly detail: string
}

export function judgeRing(heard: readonly Heard[], replicas: number): RingVerdict {
  const findings: Finding[] = []
  const about = (member: Member): Pick<Finding, 'severity' | 'ordinal' | 'object'> => ({ severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}` })
  if (heard.length < replicas) findings.push({ code: 'CHECK_FAILED', severity: 'error', message: `${heard.length} of ${replicas} members have a pod`, mend: 'Wait for the StatefulSet to make the others, or see why it does not.' })
  for (const { member, trouble, denied } of heard) {
    if (trouble === undefined) continue
    findings.push({ ...about(member), code: denied ? 'CHECK_IMPOSSIBLE' : 'CHECK_FAILED', message: `${member.pod} (ordinal ${member.ordinal}) could not be asked: ${trouble}`, mend: denied ? 'Add pods/exec [get, create] to the Role of this workflow.' : `See kubectl -n ${member.namespace} logs ${member.pod} -c ${member.container}` })
  }
  const asked = heard.filter(({ trouble }) => trouble === undefined)
  const everyone = new Set(asked.flatMap(({ rows }) => rows.map((row) => row.hostId)))
  // A host that has left the ring stays `UNREACHABLE` in describecluster for three days: only who has a row anywhere counts.
  const addresses = new Set(asked.flatMap(({ rows }) => rows.map((row) => row.address)))
  for (const { member, rows, schema, doors } of asked) {
    const shut = doorTrouble(doors)
    if (shut !== undefined) findings.push({ ...about(member), code: 'CHECK_FAILED', message: `${member.pod} (ordinal ${member.ordinal}) ${shut.what}`, mend: `Open it: kubectl -n ${member.namespace} exec ${member.pod} -c ${member.container} -- ${shut.command}` })
    const bad = rows.filter((row) => row.up !== 'U' || row.state !== 'N')
    if (bad.length > 0) findings.push({ ...about(member), code: rows.length - bad.length < Math.floor(rows.length / 2) + 1 ? 'QUORUM_LOST' : 'CHECK_FAILED', message: `${member.pod} (ordinal ${member.ordinal}) sees ${bad.map((row) => `${nameOf(row, asked)} as ${row.up}${row.state}`).join(', ')}`, mend: 'Every row of nodetool status must be UN: let a joining or leaving member finish, bring back one that is down, remove one that is gone (nodetool removenode).' })
    const lacking = [...everyone].filter((id) => !rows.some((row) => row.hostId === id))
    if (lacking.length > 0) findings.push({ ...about(member), code: 'CHECK_FAILED', message: `${member.pod} (ordinal ${member.ordinal}) does not know ${lacking.length === 1 ? 'the host' : 'the hosts'} ${lacking.join(', ')}`, mend: 'Compare nodetool status of the members: the ring is split.' })
    const unreachable = (schema?.unreachable ?? []).filter((address) => addresses.has(address))
    if (schema !== undefined && (schema.versions.length > 1 || unreachable.length > 0)) {
      findings.push({ ...about(member), code: 'CHECK_FAILED', message: `${member.pod} (ordinal ${member.ordinal}) sees ${unreachable.length > 0 ? `${unreachable.join(', ')} unreachable` : `${schema.versions.length} schema versions`}`, mend: 'Compare nodetool describecluster of the members.' })
    }
  }
  const identities = ownIds(asked)
  findings.push(...identities)
  if (findings.length === 0 && everyone.size !== replicas) findings.push({ code: 'CHECK_FAILED', severity: 'error', message: `the ring has ${everyone.size} hosts, the set ${replicas} members`, mend: 'A host that is gone needs nodetool removenode; one that joins needs time.' })
  const canHeal = identities.length === 0 && !heard.some((one) => one.denied)
  return { findings, canHeal, detail: findings[0]?.message ?? `all ${heard.length} members see ${everyone.size} hosts up and normal, one schema` }
}

/** The pod where a member has this host id, with the address by which it is known. */
function nameOf(row: RingRow, asked: readonly Heard[]): string {
  const pods = asked.filter((one) => one.hostId === row.hostId).map((one) => one.member)
  return pods.length === 0 ? row.address : `${namesOf(pods)} (${row.address})`
}

function ownIds(asked: readonly Heard[]): readonly Finding[] {
  const byId = Map.groupBy(asked.filter(({ hostId }) => hostId !== undefined), ({ hostId }) => hostId ?? '')
  return [...byId].flatMap(([id, group]) => {
    const last = group.at(-1)
    if (group.length < 2 || last === undefined) return []
    return [{ code: 'IDENTITY_MISMATCH', severity: 'error', ordinal: last.member.ordinal, object: `pod/${last.member.pod}`, message: `${group.map(({ member }) => member.pod).join(' and ')} have the same host id ${id}`, mend: 'Two members must never share a volume’s identity: compare their claims.' } satisfies Finding]
  })
}
