// Rows written at QUORUM through each member and read at QUORUM through every other, in one keyspace that stays: a keyspace a run would leave a directory and a snapshot on every node.

import type { Finding } from '../../errors.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { Cell, CheckResult, Matrix, Member, VerifyContext, VerifyLevel } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'
import type { Heard } from './ask.ts'

/** Python starts slowly in half a core. */
const CQLSH_MS = 90_000
const REPLICATION = 3
/** Made once, never dropped. */
export const KEYSPACE = 'zk_ensemble_action'
const TABLE = `${KEYSPACE}.rows`
/** Rows go by themselves; seconds. */
const TTL_S = 86_400

export interface RowsProof {
  readonly check: CheckResult
  readonly matrix: Matrix | undefined
  readonly pairs: string | undefined
}

/** Letters and digits of the run: fit for a text in CQL. */
export function nameOfRun(runId: string): string {
  return runId.toLowerCase().replaceAll(/[^a-z0-9]/g, '').slice(-24)
}

/** Copies by data centre: of the nodes there, in those where this set's own members are. */
export function copiesIn(heard: readonly Heard[]): ReadonlyMap<string, number> {
  const rows = heard[0]?.rows ?? []
  const own = new Set(heard.flatMap(({ hostId, rows: seen }) => seen.find((row) => row.hostId === hostId)?.datacenter ?? []))
  const copies = [...own].map((datacenter) => [datacenter, Math.min(REPLICATION, rows.filter((row) => row.datacenter === datacenter).length)] as const)
  return new Map(copies.filter(([, count]) => count > 0))
}

export async function proveRows(members: readonly Member[], level: VerifyLevel, copies: ReadonlyMap<string, number>, context: VerifyContext): Promise<RowsProof> {
  const { clock } = context
  const began = clock.now()
  const name = `${nameOfRun(context.runId)}-${began}`
  const [first] = members
  if (first === undefined) return { check: { name: 'data', outcome: 'skipped', detail: 'there is no member', findings: [], ms: 0 }, matrix: undefined, pairs: undefined }
  const replication = [...copies].map(([datacenter, count]) => `, '${datacenter.replaceAll("'", "''")}': ${count}`).join('')
  const made = await cql(first, `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy'${replication}}; CREATE TABLE IF NOT EXISTS ${TABLE} (id text PRIMARY KEY, value text);`, context, context.signal)
  if (typeof made === 'string') return { check: outcome([finding(first, 'a keyspace could not be made through', made)], '', clock.now() - began), matrix: undefined, pairs: undefined }
  const cells: Cell[][] = members.map((_, row) => members.map((_, column) => (row === column ? { kind: 'self' } : { kind: 'not tried' })))
  const writers = level === 'quick' ? [first] : members
  const valueOf = (member: Member): string => `${name}-from-${member.ordinal}`
  const written = await Promise.all(writers.map(async (member) => ({ member, result: await cql(member, `CONSISTENCY QUORUM; INSERT INTO ${TABLE} (id, value) VALUES ('${valueOf(member)}', '${valueOf(member)}') USING TTL ${TTL_S};`, context, context.signal) })))
  const findings: Finding[] = written.flatMap(({ member, result }) => (typeof result === 'string' ? [finding(member, 'a write at QUORUM failed through', result)] : []))
  const readers = members.length === 1 ? members : level === 'quick' ? members.slice(1, 2) : members
  await Promise.all(
    readers.map(async (reader) => {
      const at = clock.now()
      const read = await cql(reader, `CONSISTENCY QUORUM; SELECT value FROM ${TABLE} WHERE id IN (${writers.map((member) => `'${valueOf(member)}'`).join(', ')});`, context, context.signal)
      const lines = typeof read === 'string' ? [] : read.stdout.split(/\r?\n/).map((line) => line.trim())
      const missing: string[] = []
      for (const { member, result } of written) {
        const why = typeof result === 'string' ? `not written: ${result}` : typeof read === 'string' ? read : lines.includes(valueOf(member)) ? undefined : 'the row is not there'
        const row = cells[members.indexOf(member)]
        if (row !== undefined && member !== reader) row[members.indexOf(reader)] = why === undefined ? { kind: 'ok', ms: clock.now() - at } : { kind: 'failed', why }
        if (why !== undefined && typeof result !== 'string') missing.push(member.pod)
      }
      if (missing.length > 0) findings.push(finding(reader, `what was written through ${missing.join(', ')} was not read at QUORUM through`, typeof read === 'string' ? read : 'the rows are not there'))
    }),
  )
  const pairs = cells.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const count = `${pairs.filter((cell) => cell.kind === 'ok').length}/${pairs.length}`
  const good = members.length === 1 ? 'written and read again through the one member' : `${count} writes at QUORUM read through another member`
  return { check: outcome(findings, good, clock.now() - began), matrix: level === 'quick' || members.length === 1 ? undefined : { members: members.map(({ pod }) => pod), cells }, pairs: pairs.length === 0 ? undefined : count }
}

/** The answer, or why there is none; cqlsh ends with 2 for a statement that failed and 1 for no connection. */
async function cql(member: Member, statements: string, context: VerifyContext, signal: AbortSignal): Promise<ExecResult | string> {
  try {
    const result = await context.reach.exec(member, ['cqlsh', '--request-timeout=30', '-e', statements], { timeoutMs: CQLSH_MS }, signal)
    if (result.exitCode === 0) return result
    return (result.stderr.trim().split('\n').at(-1) ?? '').slice(0, 160) || `cqlsh ended with ${result.exitCode}`
  } catch (error) {
    signal.throwIfAborted()
    return whyUnreachable(error, 'exec').why
  }
}

function finding(member: Member, what: string, why: string): Finding {
  const refused = /Unauthorized|AuthenticationFailed|Bad credentials|requires authentication/i.test(why)
  const mend = refused ? 'The check logs in as nobody: give cqlsh its credentials in the container (~/.cassandra/cqlshrc).' : 'Look at the log of this member and at nodetool status.'
  return { code: refused ? 'CHECK_IMPOSSIBLE' : 'CHECK_FAILED', severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}`, message: `${what} ${member.pod} (ordinal ${member.ordinal}): ${why}`, mend, ...(refused ? { orSet: { input: 'verify', value: 'off' } } : {}) }
}

function outcome(findings: readonly Finding[], good: string, ms: number): CheckResult {
  return { name: 'data', outcome: findings.length === 0 ? 'passed' : 'failed', detail: findings[0]?.message ?? good, findings, ms }
}
