// A Cassandra ring: members' views differ, so every one is asked, and the rows are proven at QUORUM.

import { describe, expect, test } from '@jest/globals'
import { cassandraProfile } from '../../../src/ensemble/cassandra/profile.ts'
import { KEYSPACE, nameOfRun } from '../../../src/ensemble/cassandra/rows.ts'
import { parseRelease, parseSchema, parseStatus } from '../../../src/ensemble/cassandra/status.ts'
import type { Reach, Verification, VerifyContext, VerifyLevel } from '../../../src/ensemble/profile.ts'
import { membersOf } from '../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../support/idle-clock.ts'

const IDS = ['11111111-aaaa-4bbb-8ccc-000000000000', '22222222-aaaa-4bbb-8ccc-000000000001', '33333333-aaaa-4bbb-8ccc-000000000002']
const SCHEMA = '59adb24e-f3cd-3e02-97f0-5b395827453f'

describe('nodetool', () => {
  test.each([
    ['a load of two words', 'UN  10.244.1.5  83.18 KiB  4  66.2%  11111111-aaaa-4bbb-8ccc-000000000000  rack1', { up: 'U', state: 'N', address: '10.244.1.5' }],
    ['no load yet', 'UJ  10.244.1.6  ?  4  ?  11111111-aaaa-4bbb-8ccc-000000000000  rack1', { up: 'U', state: 'J', address: '10.244.1.6' }],
    ['one token, the column moved', 'DN  10.244.1.7  1 MiB  33.3%  11111111-AAAA-4bbb-8ccc-000000000000  -9223372036854775808  rack1', { up: 'D', state: 'N', address: '10.244.1.7' }],
    ['IPv6', 'UL  fd00::7  1 MiB  4  33.3%  11111111-aaaa-4bbb-8ccc-000000000000  rack1', { up: 'U', state: 'L', address: 'fd00::7' }],
  ])('a row with %s', (_, row, expected) => {
    expect(parseStatus(`Datacenter: dc1\n===============\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address  Load  Tokens  Owns  Host ID  Rack\n${row}\n\nNote: Non-system keyspaces don't have the same replication settings`)).toEqual([{ ...expected, hostId: IDS[0], datacenter: 'dc1' }])
  })

  test('schema versions and those that cannot be reached', () => {
    expect(parseSchema(`Cluster Information:\n\tSchema versions:\n\t\t${SCHEMA}: [10.0.0.1, 10.0.0.2]\n\n\t\tUNREACHABLE: [10.0.0.3]\n`)).toEqual({ versions: [SCHEMA], unreachable: ['10.0.0.3'] })
    expect(parseRelease('ReleaseVersion: 5.0.9\n')).toBe('5.0.9')
  })
})

interface Ring {
  readonly states?: Readonly<Record<number, readonly string[]>>
  readonly hostIds?: readonly string[]
  readonly schemas?: Readonly<Record<number, string>>
  readonly blind?: readonly number[]
  readonly refuse?: string
  /** Ordinals whose gossip or native transport is switched off. */
  readonly gossipOff?: readonly number[]
  readonly clientsOff?: readonly number[]
  /** Ordinals whose nodetool isn't there yet. */
  readonly starting?: readonly number[]
}

interface Seen {
  readonly found: Verification
  readonly statements: readonly string[]
}

async function verify(ring: Ring = {}, level: VerifyLevel = 'full', may: Reach['may'] = { forward: false, exec: true }): Promise<Seen> {
  const { context, statements } = contextOf(ring, may)
  return { found: await cassandraProfile().verify(membersOf(3, 'cassandra'), level, context), statements }
}

function contextOf(ring: Ring, may: Reach['may'] = { forward: false, exec: true }): { readonly context: VerifyContext; readonly statements: readonly string[] } {
  const statements: string[] = []
  const rows: string[] = []
  const reach: Reach = {
    may,
    open: () => Promise.reject(new Error('Cassandra is reached by exec only')),
    exec: (member, command) => {
      const said = (stdout: string, exitCode = 0, stderr = ''): Promise<{ exitCode: number; stdout: string; stderr: string }> => Promise.resolve({ exitCode, stdout, stderr })
      if (command[0] === 'sh') {
        if (ring.starting?.includes(member.ordinal) === true) return said('', 1, 'error: Server is not initialized yet, cannot run nodetool.\n')
        const states = ring.states?.[member.ordinal] ?? ['UN', 'UN', 'UN']
        const status = states.map((state, index) => (state === '' ? '' : `${state}  10.0.0.${index + 1}  80 KiB  4  ?  ${IDS[index] ?? ''}  rack1`)).join('\n')
        return said(`Datacenter: dc1\n${status}\n--- zk-ensemble-action describecluster\n\t\t${SCHEMA}: [10.0.0.1]\n${ring.schemas?.[member.ordinal] ?? ''}\n--- zk-ensemble-action info\nID                     : ${ring.hostIds?.[member.ordinal] ?? IDS[member.ordinal] ?? ''}\nGossip active          : ${String(ring.gossipOff?.includes(member.ordinal) !== true)}\nNative Transport active: ${String(ring.clientsOff?.includes(member.ordinal) !== true)}\n--- zk-ensemble-action version\nReleaseVersion: 5.0.9\n--- zk-ensemble-action end\n`)
      }
      const statement = command.at(-1) ?? ''
      statements.push(`${member.pod}: ${statement}`)
      if (ring.refuse !== undefined && statement.includes('INSERT')) return said('', 2, `<stdin>:1:${ring.refuse}\n`)
      const value = /VALUES \('[^']+', '([^']+)'\)/.exec(statement)?.[1]
      if (value !== undefined) rows.push(value)
      return said(statement.includes('SELECT') && ring.blind?.includes(member.ordinal) !== true ? `\n value\n-----\n ${rows.join('\n ')}\n\n(${rows.length} rows)\n` : '')
    },
  }
  const context: VerifyContext = { reach, clock: idleClock(), signal: new AbortController().signal, settleMs: 30_000, runId: 'Run-7_of.x', say: () => undefined, replicas: 3, serviceName: 'cassandra' }
  return { context, statements }
}

test('a sound ring passes with every pair proven at QUORUM, in the one keyspace that stays', async () => {
  const { found, statements } = await verify()
  expect(found).toMatchObject({ findings: [], pairs: '6/6' })
  expect(found.members).toMatchObject([0, 1, 2].map((ordinal) => ({ ordinal, id: IDS[ordinal], role: 'up', version: '5.0.9' })))
  expect(statements[0]).toContain("'dc1': 3")
  expect(statements.filter((one) => one.includes('INSERT') || one.includes('SELECT')).every((one) => one.includes('CONSISTENCY QUORUM'))).toBe(true)
  // A keyspace a run left a directory and, on a stock server, a snapshot on every node, each night.
  expect(statements.some((one) => one.includes('DROP'))).toBe(false)
  expect(statements.filter((one) => one.includes('CREATE KEYSPACE')).map((one) => one.includes(`IF NOT EXISTS ${KEYSPACE} `))).toEqual([true])
  expect(statements.filter((one) => one.includes('INSERT')).every((one) => one.includes('USING TTL 86400'))).toBe(true)
})

test('quick is one pair', async () => {
  expect((await verify({}, 'quick')).found).toMatchObject({ findings: [], pairs: '1/1' })
})

describe('what is refused', () => {
  test.each([
    ['one row down, in one view only', { states: { 1: ['UN', 'UN', 'DN'] } }, ['CHECK_FAILED 1'], /cassandra-1 \(ordinal 1\) sees cassandra-2 \(10\.0\.0\.3\) as DN/],
    ['a joining row', { states: { 0: ['UN', 'UN', 'UJ'], 1: ['UN', 'UN', 'UJ'], 2: ['UN', 'UN', 'UJ'] } }, ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'CHECK_FAILED 2'], /as UJ/],
    ['most rows down', { states: { 0: ['UN', 'DN', 'DN'] } }, ['QUORUM_LOST 0'], /as DN, cassandra-2 \(10\.0\.0\.3\) as DN/],
    ['a member that does not know another', { states: { 2: ['', 'UN', 'UN'] } }, ['CHECK_FAILED 2'], /cassandra-2 \(ordinal 2\) does not know the host 11111111/],
    ['a member without gossip', { gossipOff: [1] }, ['CHECK_FAILED 1'], /gossip switched off/],
    ['a member that takes no clients', { clientsOff: [1] }, ['CHECK_FAILED 1'], /native transport is switched off/],
    ['two schema versions', { schemas: { 0: `\t\t${SCHEMA.replace('59', '60')}: [10.0.0.2]` } }, ['CHECK_FAILED 0'], /2 schema versions/],
    ['one host id twice', { hostIds: [IDS[0] ?? '', IDS[1] ?? '', IDS[1] ?? ''] }, ['IDENTITY_MISMATCH 2'], /cassandra-1 and cassandra-2 have the same host id/],
    ['a member whose nodetool does not answer', { starting: [2] }, ['CHECK_FAILED 2'], /could not be asked: error: Server is not initialized yet/],
    ['rows that one member does not show', { blind: [0] }, ['CHECK_FAILED 0'], /what was written through cassandra-0, cassandra-1, cassandra-2 was not read at QUORUM through cassandra-0/],
    ['writes at QUORUM that fail', { refuse: 'NoHostAvailable' }, ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'CHECK_FAILED 2'], /a write at QUORUM failed through/],
    ['writes without a login', { refuse: 'Unauthorized: Error from server' }, ['CHECK_IMPOSSIBLE 0', 'CHECK_IMPOSSIBLE 1', 'CHECK_IMPOSSIBLE 2'], /Unauthorized/],
  ] satisfies readonly (readonly [string, Ring, readonly string[], RegExp])[])('%s', async (_, ring, codes, message) => {
    const { found } = await verify(ring)
    expect(found.findings.map((finding) => `${finding.code} ${finding.ordinal ?? '-'}`)).toEqual(codes)
    expect(found.findings.map((finding) => finding.message).join('\n')).toMatch(message)
  })

  test('no right to exec: impossible, not passed', async () => {
    const { found, statements } = await verify({}, 'full', { forward: true, exec: false })
    expect(new Set(found.findings.map((finding) => finding.code))).toEqual(new Set(['CHECK_IMPOSSIBLE']))
    expect(statements).toEqual([])
  })
})

test('rows are named by the run in letters and digits, whatever it is called', () => {
  expect(nameOfRun("1234-'; DROP KEYSPACE x; --")).toMatch(/^[a-z0-9]{1,24}$/)
})

describe('a host that has left the ring', () => {
  // The gossip state of a decommissioned node lives for three days: red all that time, no scale down ever ended.
  test('stays unreachable in describecluster, which is no fault', async () => {
    expect((await verify({ schemas: { 0: '\t\tUNREACHABLE: [10.0.0.4]', 2: '\t\tUNREACHABLE: [10.0.0.4]' } })).found).toMatchObject({ findings: [], pairs: '6/6' })
  })

  test('is not one that has a row and can not be asked for its schema', async () => {
    expect((await verify({ schemas: { 0: '\t\tUNREACHABLE: [10.0.0.3]' } })).found.findings).toMatchObject([{ code: 'CHECK_FAILED', ordinal: 0, message: expect.stringContaining('10.0.0.3 unreachable') }])
  })
})

describe('who serves, said by the others too', () => {
  const look = async (ring: Ring): Promise<readonly string[]> => {
    const states = await cassandraProfile().look(membersOf(3, 'cassandra'), contextOf(ring).context)
    return states.map(({ role, trouble }) => (trouble === undefined ? role : `${role}: ${trouble}`))
  }
  const unseen = 'not serving: cassandra-0 and cassandra-2 do not see it as up and normal'

  // A restart took a second member while this one was cut off and called itself up.
  test.each([
    ['all of them', {}, ['up', 'up', 'up']],
    ['not whom the others see down, although it calls itself up', { states: { 0: ['UN', 'DN', 'UN'], 2: ['UN', 'DN', 'UN'] } }, ['up', unseen, 'up']],
    ['nor does its word count that those which it can not see are down', { states: { 0: ['UN', 'DN', 'UN'], 1: ['DN', 'UN', 'DN'], 2: ['UN', 'DN', 'UN'] } }, ['up', unseen, 'up']],
    ['not whom one other sees down', { states: { 0: ['UN', 'UN', 'DN'] } }, ['up', 'up', 'not serving: cassandra-0 does not see it as up and normal']],
    ['not one without gossip', { gossipOff: [1] }, ['up', 'not serving: it has its gossip switched off: the others take it for down', 'up']],
    ['not one that no client reaches', { clientsOff: [2] }, ['up', 'up', 'not serving: it takes no clients: its native transport is switched off']],
    ['not one that leaves', { states: { 0: ['UN', 'UN', 'UL'], 1: ['UN', 'UN', 'UL'], 2: ['UN', 'UN', 'UL'] } }, ['up', 'up', 'not serving: it is leaving the ring (UL)']],
    ['not one that has left', { states: { 0: ['UN', 'UN'], 1: ['UN', 'UN'], 2: ['UN', 'UN'] } }, ['up', 'up', 'not serving: it is not in the ring: it was decommissioned, or has not joined yet']],
    ['the others of one that could not be asked', { starting: [0] }, ['down: error: Server is not initialized yet, cannot run nodetool.', 'up', 'up']],
  ] satisfies readonly (readonly [string, Ring, readonly string[]])[])('%s', async (_, ring, expected) => {
    expect(await look(ring)).toEqual(expected)
  })
})
