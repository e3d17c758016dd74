// The check `data`: rows written at QUORUM through each member and read at QUORUM through every
// other, in one keyspace that stays (one for each run would leave a directory and a snapshot on
// every node).

import type { Clock } from '../../clock.ts'
import type { Finding } from '../../errors.ts'
import type { CheckResult, Matrix, Member, VerifyContext } from '../profile.ts'
import type { Heard } from './ask.ts'
import { cqlFinding, type Cql, type CqlAnswer, type CqlTrouble } from './cqlsh.ts'
import { KEYSPACE, TABLE, TABLE_CQL, TTL_S } from './keyspace.ts'
import { checkFrom } from '../check-result.ts'
import { cellsOf, countPairs, readCell } from '../pairs.ts'
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
  const [first] = members
  if (first === undefined)
    return unproven({
      name: 'data',
      outcome: 'skipped',
      detail: 'there is no member',
      findings: [],
      ms: 0,
    })
  const refused = await makeTable(first, copies, cql)
  if (refused !== undefined) {
    const finding = cqlFinding(first, 'a keyspace could not be made through', refused)
    return unproven(checkFrom('data', [finding], '', clock.now() - began))
  }
  const name = `${nameOfRun(context.runId)}-${began}`
  const written = await Promise.all(
    (level === 'quick' ? [first] : members).map((member) => writeRow(member, name, cql)),
  )
  const readers = members.length === 1 ? members : level === 'quick' ? members.slice(1, 2) : members
  const read = await Promise.all(readers.map((reader) => readRows(reader, written, cql, clock)))
  const cells = cellsOf(members, (writer, reader) => {
    const row = written.find(({ member }) => member === writer)
    const by = read.find((one) => one.reader === reader)
    return row && by && readCell(whyNotRead(row, by.result), by.ms)
  })
  const pairs = countPairs(cells)
  const good =
    members.length === 1
      ? 'written and read again through the one member'
      : `${pairs ?? '0/0'} writes at QUORUM read through another member`
  const findings = [...written.flatMap(notWritten), ...read.flatMap((one) => notRead(one, written))]
  return {
    check: checkFrom('data', findings, good, clock.now() - began),
    matrix:
      level === 'quick' || members.length === 1
        ? undefined
        : { members: members.map(({ pod }) => pod), cells },
    pairs,
  }
}

function unproven(check: CheckResult): RowsProof {
  return { check, matrix: undefined, pairs: undefined }
}

/** What came of the write through one member. */
interface Written {
  readonly member: Member
  readonly value: string
  readonly result: CqlAnswer
}

async function writeRow(member: Member, name: string, cql: Cql): Promise<Written> {
  const value = `${name}-from-${member.ordinal}`
  const result = await cql(
    member,
    `CONSISTENCY QUORUM; INSERT INTO ${TABLE} (id, value) VALUES ('${value}', '${value}') USING TTL ${TTL_S};`,
  )
  return { member, value, result }
}

/** What came of the read of all rows through one member. */
interface Read {
  readonly reader: Member
  readonly result: CqlAnswer
  readonly ms: number
}

async function readRows(
  reader: Member,
  written: readonly Written[],
  cql: Cql,
  clock: Clock,
): Promise<Read> {
  const began = clock.now()
  const result = await cql(
    reader,
    `CONSISTENCY QUORUM; SELECT value FROM ${TABLE} WHERE id IN (${written.map(({ value }) => `'${value}'`).join(', ')});`,
  )
  return { reader, result, ms: clock.now() - began }
}

/** Why a row was not read; undefined where it was. */
function whyNotRead({ value, result }: Written, read: CqlAnswer): string | undefined {
  if ('kind' in result) return `not written: ${result.why}`
  if ('kind' in read) return read.why
  return read.lines.includes(value) ? undefined : 'the row is not there'
}

function notWritten({ member, result }: Written): readonly Finding[] {
  return 'kind' in result ? [cqlFinding(member, 'a write at QUORUM failed through', result)] : []
}

/** A row that was not written is told of its writer, not of those who could not read it. */
function notRead({ reader, result }: Read, written: readonly Written[]): readonly Finding[] {
  const missing = written.filter(
    (row) => !('kind' in row.result) && whyNotRead(row, result) !== undefined,
  )
  if (missing.length === 0) return []
  const from = missing.map(({ member }) => member.pod).join(', ')
  return [
    cqlFinding(
      reader,
      `what was written through ${from} was not read at QUORUM through`,
      'kind' in result ? result : { kind: 'failed', why: 'the rows are not there' },
    ),
  ]
}

/** A role that may make no keyspaces does where somebody else has made it. */
async function makeTable(
  member: Member,
  copies: ReadonlyMap<string, number>,
  cql: Cql,
): Promise<CqlTrouble | undefined> {
  const replication = [...copies]
    .map(([datacenter, count]) => `, '${datacenter.replaceAll("'", "''")}': ${count}`)
    .join('')
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
