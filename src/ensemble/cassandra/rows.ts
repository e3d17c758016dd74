// Rows written at QUORUM through each member and read at QUORUM through every other, in one
// keyspace that stays: a keyspace a run would leave a directory and a snapshot on every node.

import type { Finding } from '../../errors.ts'
import type { Cell, CheckResult, Matrix, Member, VerifyContext } from '../profile.ts'
import type { Heard } from './ask.ts'
import { cqlFinding, type Cql, type CqlTrouble } from './cqlsh.ts'
import { KEYSPACE, TABLE, TABLE_CQL, TTL_S } from './keyspace.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'

const REPLICATION = 3

export interface RowsProof {
  readonly check: CheckResult
  readonly matrix: Matrix | undefined
  readonly pairs: string | undefined
}

/** Letters and digits of the run: fit for a text in CQL. */
export function nameOfRun(runId: string): string {
  return runId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(-24)
}

/** Copies by data centre: of the nodes there, in those where this set's own members are. */
export function copiesIn(heard: readonly Heard[]): ReadonlyMap<string, number> {
  const rows = heard[0]?.rows ?? []
  const own = new Set(
    heard.flatMap(
      ({ hostId, rows: seen }) => seen.find((row) => row.hostId === hostId)?.datacenter ?? [],
    ),
  )
  const copies = [...own].map(
    (datacenter) =>
      [
        datacenter,
        Math.min(REPLICATION, rows.filter((row) => row.datacenter === datacenter).length),
      ] as const,
  )
  return new Map(copies.filter(([, count]) => count > 0))
}

export async function proveRows(
  members: readonly Member[],
  level: VerifyLevel,
  copies: ReadonlyMap<string, number>,
  cql: Cql,
  context: VerifyContext,
): Promise<RowsProof> {
  const { clock } = context
  const began = clock.now()
  const name = `${nameOfRun(context.runId)}-${began}`
  const [first] = members
  if (first === undefined)
    return {
      check: {
        name: 'data',
        outcome: 'skipped',
        detail: 'there is no member',
        findings: [],
        ms: 0,
      },
      matrix: undefined,
      pairs: undefined,
    }
  const replication = [...copies]
    .map(([datacenter, count]) => `, '${datacenter.replaceAll("'", "''")}': ${count}`)
    .join('')
  const made = await make(first, replication, cql)
  if (made !== undefined)
    return {
      check: outcome(
        [cqlFinding(first, 'a keyspace could not be made through', made)],
        '',
        clock.now() - began,
      ),
      matrix: undefined,
      pairs: undefined,
    }
  const cells: Cell[][] = members.map((_, row) =>
    members.map((_, column) => (row === column ? { kind: 'self' } : { kind: 'not tried' })),
  )
  const writers = level === 'quick' ? [first] : members
  const valueOf = (member: Member): string => `${name}-from-${member.ordinal}`
  const written = await Promise.all(
    writers.map(async (member) => ({
      member,
      result: await cql(
        member,
        `CONSISTENCY QUORUM; INSERT INTO ${TABLE} (id, value) VALUES ('${valueOf(member)}', '${valueOf(member)}') USING TTL ${TTL_S};`,
      ),
    })),
  )
  const findings: Finding[] = written.flatMap(({ member, result }) =>
    'kind' in result ? [cqlFinding(member, 'a write at QUORUM failed through', result)] : [],
  )
  const readers = members.length === 1 ? members : level === 'quick' ? members.slice(1, 2) : members
  await Promise.all(
    readers.map(async (reader) => {
      const at = clock.now()
      const read = await cql(
        reader,
        `CONSISTENCY QUORUM; SELECT value FROM ${TABLE} WHERE id IN (${writers.map((member) => `'${valueOf(member)}'`).join(', ')});`,
      )
      const missing: string[] = []
      for (const { member, result } of written) {
        const why =
          'kind' in result
            ? `not written: ${result.why}`
            : 'kind' in read
              ? read.why
              : read.lines.includes(valueOf(member))
                ? undefined
                : 'the row is not there'
        const row = cells[members.indexOf(member)]
        if (row !== undefined && member !== reader)
          row[members.indexOf(reader)] =
            why === undefined ? { kind: 'ok', ms: clock.now() - at } : { kind: 'failed', why }
        if (why !== undefined && !('kind' in result)) missing.push(member.pod)
      }
      if (missing.length > 0)
        findings.push(
          cqlFinding(
            reader,
            `what was written through ${missing.join(', ')} was not read at QUORUM through`,
            'kind' in read ? read : { kind: 'failed', why: 'the rows are not there' },
          ),
        )
    }),
  )
  const pairs = cells.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const count = `${pairs.filter((cell) => cell.kind === 'ok').length}/${pairs.length}`
  const good =
    members.length === 1
      ? 'written and read again through the one member'
      : `${count} writes at QUORUM read through another member`
  return {
    check: outcome(findings, good, clock.now() - began),
    matrix:
      level === 'quick' || members.length === 1
        ? undefined
        : { members: members.map(({ pod }) => pod), cells },
    pairs: pairs.length === 0 ? undefined : count,
  }
}

/** A role that may make no keyspaces does where somebody else has made it. */
async function make(
  member: Member,
  replication: string,
  cql: Cql,
): Promise<CqlTrouble | undefined> {
  const made = await cql(
    member,
    `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy'${replication}}; ${TABLE_CQL}`,
  )
  if (!('kind' in made)) return undefined
  if (made.kind !== 'no right') return made
  return 'kind' in (await cql(member, `SELECT value FROM ${TABLE} WHERE id = 'any';`))
    ? made
    : undefined
}

function outcome(findings: readonly Finding[], good: string, ms: number): CheckResult {
  return {
    name: 'data',
    outcome: findings.length === 0 ? 'passed' : 'failed',
    detail: findings[0]?.message ?? good,
    findings,
    ms,
  }
}
