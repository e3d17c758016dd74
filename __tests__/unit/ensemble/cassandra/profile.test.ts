// A Cassandra ring: members' views differ, so every one is asked, and the rows are proven at
// QUORUM.

import { describe, expect, test } from '@jest/globals'
import { cassandraProfile } from '../../../../src/ensemble/cassandra/profile.ts'
import { KEYSPACE } from '../../../../src/ensemble/cassandra/keyspace.ts'
import { nameOfRun } from '../../../../src/ensemble/cassandra/rows.ts'
import {
  parseCluster,
  parseRelease,
  parseStatus,
} from '../../../../src/ensemble/cassandra/status.ts'
import { judgeRace, type RaceAnswer } from '../../../../src/ensemble/cassandra/thorough.ts'
import type { Finding } from '../../../../src/errors.ts'
import type { Reach, Verification, VerifyContext } from '../../../../src/ensemble/profile.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'
import type { VerifyLevel } from '../../../../src/view/profile-name.ts'

const IDS = [
  '11111111-aaaa-4bbb-8ccc-000000000000',
  '22222222-aaaa-4bbb-8ccc-000000000001',
  '33333333-aaaa-4bbb-8ccc-000000000002',
]
/** Of another set. */
const OTHER = '44444444-aaaa-4bbb-8ccc-000000000009'
const SCHEMA = '59adb24e-f3cd-3e02-97f0-5b395827453f'

describe('nodetool', () => {
  test.each([
    [
      'a load of two words',
      'UN  10.244.1.5  83.18 KiB  4  66.2%  11111111-aaaa-4bbb-8ccc-000000000000  rack1',
      { up: 'U', state: 'N', address: '10.244.1.5' },
    ],
    [
      'no load yet',
      'UJ  10.244.1.6  ?  4  ?  11111111-aaaa-4bbb-8ccc-000000000000  rack1',
      { up: 'U', state: 'J', address: '10.244.1.6' },
    ],
    [
      'one token, the column moved',
      'DN  10.244.1.7  1 MiB  33.3%  11111111-AAAA-4bbb-8ccc-000000000000  -9223372036854775808  rack1',
      { up: 'D', state: 'N', address: '10.244.1.7' },
    ],
    [
      'IPv6',
      'UL  fd00::7  1 MiB  4  33.3%  11111111-aaaa-4bbb-8ccc-000000000000  rack1',
      { up: 'U', state: 'L', address: 'fd00::7' },
    ],
  ])('a row with %s', (_, row, expected) => {
    expect(
      parseStatus(
        `Datacenter: dc1\n===============\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address  Load  Tokens  Owns  Host ID  Rack\n${row}\n\nNote: Non-system keyspaces don't have the same replication settings`,
      ),
    ).toEqual([{ ...expected, hostId: IDS[0], datacenter: 'dc1' }])
  })

  test('schema versions and those that cannot be reached', () => {
    expect(
      parseCluster(
        `Cluster Information:\n\tSchema versions:\n\t\t${SCHEMA}: [10.0.0.1, 10.0.0.2]\n\n\t\tUNREACHABLE: [10.0.0.3]\n`,
      ),
    ).toMatchObject({ versions: [SCHEMA], unreachable: ['10.0.0.3'] })
    expect(parseRelease('ReleaseVersion: 5.0.9\n')).toBe('5.0.9')
  })

  test('releases and copies, which need no JVM more and no login', () => {
    const said = parseCluster(
      'Data Centers: \n\tdc1 #Nodes: 3 #Down: 0\n\nDatabase versions:\n\t5.0.9: [10.0.0.1:7000, [fd00::7]:7000]\n\nKeyspaces:\n\tsystem_schema -> Replication class: LocalStrategy {}\n\tsystem_distributed -> Replication class: SimpleStrategy {replication_factor=3}\n\tshop -> Replication class: NetworkTopologyStrategy {dc2=2, dc1=3/1}\n',
    )
    expect(said.versions).toEqual([])
    expect([...said.releases]).toEqual([
      ['10.0.0.1', '5.0.9'],
      ['fd00::7', '5.0.9'],
    ])
    expect(said.keyspaces).toEqual([
      { keyspace: 'system_distributed', copies: 3 },
      {
        keyspace: 'shop',
        copies: new Map([
          ['dc2', 2],
          ['dc1', 3],
        ]),
      },
    ])
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
  /** Rows of another set of the same ring, above. */
  readonly elsewhere?: string
  /** Before Cassandra 4: describecluster tells neither releases nor keyspaces. */
  readonly old?: true
  readonly keyspaces?: readonly string[]
  /** Ordinals whose nodetool isn't there yet. */
  readonly starting?: readonly number[]
  /** How cqlsh ends, by a part of the statement: what it writes to stderr, or what it prints. */
  readonly answers?: (
    pod: string,
    statement: string,
  ) => { readonly stderr: string } | { readonly stdout: string } | undefined
}

interface Seen {
  readonly found: Verification
  readonly statements: readonly string[]
  readonly nodetools: readonly string[]
}

/** As cqlsh shows it. */
function applied(won: boolean): string {
  return won
    ? 'Consistency level set to QUORUM.\n\n [applied]\n-----------\n      True\n\n'
    : 'Consistency level set to QUORUM.\n\n [applied] | id | value\n-----------+----+-------\n     False |  x |   one\n\n'
}

async function verify(
  ring: Ring = {},
  level: VerifyLevel = 'full',
  may: Reach['may'] = { forward: false, exec: true },
): Promise<Seen> {
  const { context, statements, nodetools } = contextOf(ring, may)
  return {
    found: await cassandraProfile().verify(membersOf(3, 'cassandra'), level, context),
    statements,
    nodetools,
  }
}

function contextOf(
  ring: Ring,
  may: Reach['may'] = { forward: false, exec: true },
): {
  readonly context: VerifyContext
  readonly statements: readonly string[]
  readonly nodetools: readonly string[]
} {
  const nodetools: string[] = []
  const statements: string[] = []
  const rows: string[] = []
  const reach: Reach = {
    may,
    open: () => Promise.reject(new Error('Cassandra is reached by exec only')),
    tunnel: () => Promise.reject(new Error('not asked')),
    exec: (member, command) => {
      const said = (
        stdout: string,
        exitCode = 0,
        stderr = '',
      ): Promise<{ exitCode: number; stdout: string; stderr: string }> =>
        Promise.resolve({ exitCode, stdout, stderr })
      if (command[0] === 'sh') {
        if (ring.starting?.includes(member.ordinal) === true)
          return said('', 1, 'error: Server is not initialized yet, cannot run nodetool.\n')
        const states = ring.states?.[member.ordinal] ?? ['UN', 'UN', 'UN']
        const status = states
          .map((state, index) =>
            state === ''
              ? ''
              : `${state}  10.0.0.${index + 1}  80 KiB  4  ?  ${IDS[index] ?? ''}  rack1`,
          )
          .join('\n')
        const answers: Readonly<Record<string, string>> = {
          status: `${ring.elsewhere ?? ''}Datacenter: dc1\n${status}`,
          info: `ID                     : ${ring.hostIds?.[member.ordinal] ?? IDS[member.ordinal] ?? ''}\nGossip active          : ${String(ring.gossipOff?.includes(member.ordinal) !== true)}\nNative Transport active: ${String(ring.clientsOff?.includes(member.ordinal) !== true)}`,
          describecluster: `Cluster Information:\n\tSchema versions:\n\t\t${SCHEMA}: [10.0.0.1]\n${ring.schemas?.[member.ordinal] ?? ''}\n${ring.old === true ? '' : `Database versions:\n\t5.0.9: [10.0.0.1:7000, 10.0.0.2:7000, 10.0.0.3:7000]\n\nKeyspaces:\n${(ring.keyspaces ?? []).map((one) => `\t${one}\n`).join('')}`}`,
          version: 'ReleaseVersion: 3.11.14',
        }
        const questions = [...(command[2] ?? '').matchAll(/^nodetool (\w+)/gm)].map(
          (match) => match[1] ?? '',
        )
        nodetools.push(...questions.map((question) => `${member.pod} ${question}`))
        return said(
          `${questions.map((question) => `--- zk-ensemble-action ${question}\n${answers[question] ?? ''}\n`).join('')}--- zk-ensemble-action end\n`,
        )
      }
      const statement = command.at(-1) ?? ''
      statements.push(`${member.pod}: ${statement}`)
      const answer = ring.answers?.(member.pod, statement)
      if (answer !== undefined)
        return 'stderr' in answer ? said('', 2, answer.stderr) : said(answer.stdout)
      if (statement.includes('IF NOT EXISTS USING'))
        return said(
          applied(!statements.slice(0, -1).some((one) => one.includes('IF NOT EXISTS USING'))),
        )
      if (statement.includes('CONSISTENCY SERIAL'))
        return said('\n value\n-------\n   one\n\n(1 rows)\n')
      if (ring.refuse !== undefined && statement.includes('INSERT'))
        return said('', 2, `<stdin>:1:${ring.refuse}\n`)
      const value = /VALUES \('[^']+', '([^']+)'\)/.exec(statement)?.[1]
      if (value !== undefined) rows.push(value)
      return said(
        statement.includes('SELECT') && ring.blind?.includes(member.ordinal) !== true
          ? `\n value\n-----\n ${rows.join('\n ')}\n\n(${rows.length} rows)\n`
          : '',
      )
    },
  }
  const context: VerifyContext = {
    reach,
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 30_000,
    runId: 'Run-7_of.x',
    say: () => undefined,
    replicas: 3,
    serviceName: 'cassandra',
  }
  return { context, statements, nodetools }
}

test('a sound ring passes with every pair proven at QUORUM, in the one keyspace that stays', async () => {
  const { found, statements } = await verify()
  expect(found).toMatchObject({ findings: [], pairs: '6/6' })
  expect(found.members).toMatchObject(
    [0, 1, 2].map((ordinal) => ({ ordinal, id: IDS[ordinal], role: 'up', version: '5.0.9' })),
  )
  expect(statements[0]).toContain("'dc1': 3")
  expect(
    statements
      .filter((one) => one.includes('INSERT') || one.includes('SELECT'))
      .every((one) => one.includes('CONSISTENCY QUORUM')),
  ).toBe(true)
  // A keyspace a run left a directory and, on a stock server, a snapshot on every node, each night.
  expect(statements.some((one) => one.includes('DROP'))).toBe(false)
  expect(
    statements
      .filter((one) => one.includes('CREATE KEYSPACE'))
      .map((one) => one.includes(`IF NOT EXISTS ${KEYSPACE} `)),
  ).toEqual([true])
  expect(
    statements
      .filter((one) => one.includes('INSERT'))
      .every((one) => one.includes('USING TTL 86400')),
  ).toBe(true)
})

test('quick is one pair', async () => {
  expect((await verify({}, 'quick')).found).toMatchObject({ findings: [], pairs: '1/1' })
})

describe('thorough', () => {
  const more = (found: Verification): readonly string[] =>
    found.checks.slice(2).map(({ name, outcome, detail }) => `${name} ${outcome}: ${detail}`)
  const CAS_TIMEOUT =
    "<stdin>:1:WriteTimeout: Error from server: code=1100 [Coordinator node timed out waiting for replica nodes' responses] message=\"Operation timed out\" info={'consistency': 'SERIAL', 'write_type': 'CAS'}\n"
  const isRace = (statement: string): boolean => statement.includes('IF NOT EXISTS USING')

  test('proves that of two clients one wins, and that every copy takes a write', async () => {
    const { found, statements } = await verify({}, 'thorough')
    expect(found).toMatchObject({ findings: [], pairs: '6/6' })
    expect(more(found)).toEqual([
      'compare-and-set passed: of two clients that asked for the same row, through cassandra-0 and cassandra-1, exactly one got it',
      'all-copies passed: a write at ALL through cassandra-0 was taken by every copy',
    ])
    const races = statements.filter(isRace)
    expect(races.map((one) => one.split(':')[0])).toEqual(['cassandra-0', 'cassandra-1'])
    // Rows go by themselves, and all of them lie in the one keyspace that stays.
    expect(
      statements
        .filter((one) => one.includes('INSERT'))
        .every((one) => one.includes(`${KEYSPACE}.`) && one.includes('USING TTL 86400')),
    ).toBe(true)
  })

  test('with one member both clients go through it', async () => {
    const one = { states: { 0: ['UN'] } }
    const { context, statements } = contextOf(one)
    const found = await cassandraProfile().verify(membersOf(1, 'cassandra'), 'thorough', {
      ...context,
      replicas: 1,
    })
    expect(more(found)[0]).toBe(
      'compare-and-set passed: of two clients that asked for the same row exactly one got it',
    )
    expect(statements.filter(isRace)).toHaveLength(2)
  })

  test('is not tried with a ring that is not whole, and says so', async () => {
    expect(more((await verify({ states: { 0: ['UN', 'UN', 'DN'] } }, 'thorough')).found)).toEqual([
      'compare-and-set skipped: not tried: the members do not form one ring',
      'all-copies skipped: not tried: the members do not form one ring',
    ])
  })

  test.each([
    [
      'both are told that they won',
      (_: string, statement: string) => (isRace(statement) ? { stdout: applied(true) } : undefined),
      'CHECK_FAILED',
      /through cassandra-0 and cassandra-1, both won/,
    ],
    [
      'neither is',
      (_: string, statement: string) =>
        isRace(statement) ? { stdout: applied(false) } : undefined,
      'CHECK_FAILED',
      /none won/,
    ],
    [
      "the winner's row is not there",
      (_: string, statement: string) =>
        statement.includes('SERIAL') ? { stdout: '(0 rows)\n' } : undefined,
      'CHECK_FAILED',
      /a read at SERIAL through cassandra-2 does not show the row/,
    ],
    [
      'nobody was told',
      (_: string, statement: string) => (isRace(statement) ? { stderr: CAS_TIMEOUT } : undefined),
      'CHECK_IMPOSSIBLE',
      /timed out, 2 times: which of them won is unknown/,
    ],
    [
      'a copy is away',
      (_: string, statement: string) =>
        statement.includes('CONSISTENCY ALL')
          ? {
              stderr:
                "<stdin>:1:NoHostAvailable: ('Unable', {<Host>: Unavailable('Error from server: code=1000 [Unavailable exception] message=\"Cannot achieve consistency level ALL\"')})\n",
            }
          : undefined,
      'CHECK_FAILED',
      /a write at ALL failed through cassandra-0 .*every member says that it is up by now/,
    ],
  ] satisfies readonly (readonly [string, NonNullable<Ring['answers']>, string, RegExp])[])(
    'fails when %s',
    async (_, answers, code, message) => {
      const { found } = await verify({ answers }, 'thorough')
      expect(found.findings).toMatchObject([
        {
          code,
          severity: 'error',
          message: expect.stringMatching(message),
          fix: expect.any(String),
        },
      ])
    },
  )

  // A lightweight transaction that timed out may have been done: to call it lost would be to call a
  // sound ring broken.
  test('an answer that timed out is unknown, and a read at SERIAL tells', async () => {
    const { found } = await verify(
      {
        answers: (pod, statement) =>
          isRace(statement)
            ? pod === 'cassandra-0'
              ? { stderr: CAS_TIMEOUT }
              : { stdout: applied(false) }
            : undefined,
      },
      'thorough',
    )
    expect(found.findings).toEqual([])
    expect(more(found)[0]).toContain('one answer timed out; a read at SERIAL told')
  })

  test('says who is away when a copy is', async () => {
    const states: Record<number, readonly string[]> = {}
    const { found } = await verify(
      {
        states,
        answers: (_, statement) => {
          if (!statement.includes('CONSISTENCY ALL')) return undefined
          Object.assign(states, { 0: ['UN', 'UN', 'DN'], 1: ['UN', 'UN', 'DN'] })
          return { stderr: '<stdin>:1:Unavailable: code=1000\n' }
        },
      },
      'thorough',
    )
    expect(found.findings).toMatchObject([
      {
        code: 'CHECK_FAILED',
        ordinal: 2,
        object: 'pod/cassandra-2',
        message: expect.stringContaining('; cassandra-2 does not serve'),
      },
    ])
  })

  test.each([
    [['won', 'lost'], 0, 'proven'],
    [['won', 'unknown'], 0, 'proven'],
    [['won', 'unknown'], 1, { fault: 'another row' }],
    [['lost', 'unknown'], 1, 'proven'],
    [['lost', 'unknown'], 0, { fault: 'another row' }],
    [['lost', 'unknown'], undefined, { fault: 'another row' }],
    [['unknown', 'unknown'], 0, 'unknown'],
    [['unknown', 'unknown'], undefined, 'unknown'],
    [['won', 'won'], 1, { fault: 'both won' }],
    [['lost', 'lost'], 1, { fault: 'none won' }],
  ] satisfies readonly (readonly [readonly RaceAnswer[], number | undefined, unknown])[])(
    '%j with the row of %j is %j',
    (answers, shown, verdict) => {
      expect(judgeRace(answers, shown)).toEqual(verdict)
    },
  )
})

describe('what is refused', () => {
  test.each([
    [
      'one row down, in one view only',
      { states: { 1: ['UN', 'UN', 'DN'] } },
      ['CHECK_FAILED 2'],
      /^cassandra-1 sees cassandra-2 \(ordinal 2, 10\.0\.0\.3\) as DN$/,
    ],
    [
      'one row down in every view: one finding, not three',
      { states: { 0: ['UN', 'UN', 'DN'], 1: ['UN', 'UN', 'DN'] } },
      ['CHECK_FAILED 2'],
      /^cassandra-0 and cassandra-1 see cassandra-2 \(ordinal 2, 10\.0\.0\.3\) as DN$/,
    ],
    [
      'a member that is cut off, whose word on the others does not count',
      { states: { 0: ['UN', 'DN', 'UN'], 1: ['DN', 'UN', 'DN'], 2: ['UN', 'DN', 'UN'] } },
      ['CHECK_FAILED 1'],
      /^cassandra-0 and cassandra-2 see cassandra-1 \(ordinal 1, 10\.0\.0\.2\) as DN$/,
    ],
    [
      'a joining row',
      { states: { 0: ['UN', 'UN', 'UJ'], 1: ['UN', 'UN', 'UJ'], 2: ['UN', 'UN', 'UJ'] } },
      ['CHECK_FAILED 2'],
      /^cassandra-0 and cassandra-1 see cassandra-2 .* as UJ$/,
    ],
    [
      'most rows down',
      { states: { 0: ['UN', 'DN', 'DN'] } },
      ['QUORUM_LOST 1', 'QUORUM_LOST 2'],
      /cassandra-0 sees cassandra-1 .* as DN\ncassandra-0 sees cassandra-2/,
    ],
    [
      'a member that does not know another',
      { states: { 2: ['', 'UN', 'UN'] } },
      ['CHECK_FAILED 2'],
      /cassandra-2 \(ordinal 2\) does not know cassandra-0/,
    ],
    [
      'a member without gossip, with how the others see it',
      {
        gossipOff: [1],
        states: { 0: ['UN', 'DN', 'UN'], 1: ['DN', 'UN', 'DN'], 2: ['UN', 'DN', 'UN'] },
      },
      ['CHECK_FAILED 1'],
      /gossip switched off.*; cassandra-0 and cassandra-2 see it as DN$/,
    ],
    [
      'one that was decommissioned',
      { states: { 0: ['UN', 'UN'], 1: ['UN', 'UN'], 2: ['UN', 'UN'] } },
      ['CHECK_FAILED 2'],
      /cassandra-2 \(ordinal 2\) is not in the ring/,
    ],
    [
      'one that was decommissioned, and so has shut its doors: nobody is told to open them',
      { gossipOff: [2], states: { 0: ['UN', 'UN'], 1: ['UN', 'UN'], 2: ['UN', 'UN'] } },
      ['CHECK_FAILED 2'],
      /cassandra-2 \(ordinal 2\) is not in the ring/,
    ],
    [
      'a host of another set that is down',
      { elsewhere: `Datacenter: dc0\nDN  10.1.0.1  80 KiB  4  ?  ${OTHER}  rack1\n` },
      ['CHECK_FAILED -'],
      /see a host that is no member of this set \(10\.1\.0\.1/,
    ],
    [
      'a member that takes no clients',
      { clientsOff: [1] },
      ['CHECK_FAILED 1'],
      /native transport is switched off/,
    ],
    [
      'two schema versions',
      { schemas: { 0: `\t\t${SCHEMA.replace('59', '60')}: [10.0.0.2]` } },
      ['CHECK_FAILED 0'],
      /2 schema versions/,
    ],
    [
      'one host id twice',
      { hostIds: [IDS[0] ?? '', IDS[1] ?? '', IDS[1] ?? ''] },
      ['IDENTITY_MISMATCH 2'],
      /cassandra-1 and cassandra-2 have the same host id/,
    ],
    [
      'a member whose nodetool does not answer',
      { starting: [2] },
      ['CHECK_FAILED 2'],
      /could not be asked: error: Server is not initialized yet/,
    ],
    [
      'rows that one member does not show',
      { blind: [0] },
      ['CHECK_FAILED 0'],
      /what was written through cassandra-0, cassandra-1, cassandra-2 was not read at QUORUM through cassandra-0/,
    ],
    [
      'writes at QUORUM that fail',
      { refuse: 'NoHostAvailable' },
      ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'CHECK_FAILED 2'],
      /a write at QUORUM failed through/,
    ],
    [
      'writes without a login',
      { refuse: 'Unauthorized: Error from server' },
      ['CHECK_IMPOSSIBLE 0', 'CHECK_IMPOSSIBLE 1', 'CHECK_IMPOSSIBLE 2'],
      /Unauthorized/,
    ],
  ] satisfies readonly (readonly [string, Ring, readonly string[], RegExp])[])(
    '%s',
    async (_, ring, codes, message) => {
      const { found } = await verify(ring)
      expect(found.findings.map((finding) => `${finding.code} ${finding.ordinal ?? '-'}`)).toEqual(
        codes,
      )
      expect(found.findings.map((finding) => finding.message).join('\n')).toMatch(message)
    },
  )

  test('no right to exec: impossible, not passed', async () => {
    const { found, statements } = await verify({}, 'full', { forward: true, exec: false })
    expect(new Set(found.findings.map((finding) => finding.code))).toEqual(
      new Set(['CHECK_IMPOSSIBLE']),
    )
    expect(statements).toEqual([])
  })
})

// A role that may make no keyspaces does where an administrator has made this one.
test('a role that may not make the keyspace writes into one that is there', async () => {
  const answers: Ring['answers'] = (_, statement) =>
    statement.includes('CREATE KEYSPACE')
      ? {
          stderr:
            '<stdin>:1:Unauthorized: Error from server: code=2100 [Unauthorized] message="User checker has no CREATE permission"\n',
        }
      : undefined
  expect((await verify({ answers })).found).toMatchObject({ findings: [], pairs: '6/6' })
  const none: Ring['answers'] = (pod, statement) =>
    answers(pod, statement) ??
    (statement.includes("'any'")
      ? { stderr: '<stdin>:1:InvalidRequest: unconfigured table\n' }
      : undefined)
  expect((await verify({ answers: none })).found.findings).toMatchObject([
    {
      code: 'CHECK_IMPOSSIBLE',
      message: expect.stringContaining('has no right to it'),
      fix: expect.stringContaining(`GRANT MODIFY ON KEYSPACE ${KEYSPACE}`),
    },
  ])
})

describe('a ring of several sets', () => {
  const elsewhere = `Datacenter: dc0\nUN  10.1.0.1  80 KiB  4  ?  ${OTHER}  rack1\n`
  // One a rack or data centre, as operators make them: it could never pass.
  test("passes when it is whole, with copies in the data centre of this set's own members", async () => {
    const { found, statements } = await verify({ elsewhere })
    expect(found).toMatchObject({ findings: [], pairs: '6/6' })
    expect(found.checks[0]?.detail).toBe(
      'all 3 members see 4 hosts up and normal, 1 of them of other sets, one schema',
    )
    expect(statements[0]).toContain("{'class': 'NetworkTopologyStrategy', 'dc1': 3}")
  })
})

describe('what it costs', () => {
  test('a check: the rows and the doors of each, the schema of all by one', async () => {
    const { found, nodetools } = await verify()
    expect(nodetools.filter((one) => !/ (status|info)$/.test(one))).toEqual([
      'cassandra-0 describecluster',
    ])
    expect(nodetools).toHaveLength(7)
    expect(found.members.map(({ version }) => version)).toEqual(['5.0.9', '5.0.9', '5.0.9'])
  })

  test('before Cassandra 4 each is asked for its version', async () => {
    expect((await verify({ old: true })).found.members.map(({ version }) => version)).toEqual([
      '3.11.14',
      '3.11.14',
      '3.11.14',
    ])
  })

  test('which release each runs is asked of one, once a pod, also where nothing is verified: status says it', async () => {
    const { context, nodetools } = contextOf({})
    const profile = cassandraProfile()
    const look = async (of: ReturnType<typeof membersOf>): Promise<readonly unknown[]> => {
      const from = nodetools.length
      const states = await profile.look(of, context)
      return [
        ...states.map(({ version, id }) => `${version ?? '-'} ${String(id)}`),
        ...nodetools.slice(from).filter((one) => one.endsWith('describecluster')),
      ]
    }
    const all = IDS.map((id) => `5.0.9 ${id}`)
    expect(await look(membersOf(3, 'cassandra'))).toEqual([...all, 'cassandra-0 describecluster'])
    expect(await look(membersOf(3, 'cassandra'))).toEqual(all)
    // A pod that was replaced may run another one.
    expect(
      await look(
        membersOf(3, 'cassandra').map((member) =>
          member.ordinal === 2 ? { ...member, uid: 'another' } : member,
        ),
      ),
    ).toEqual([...all, 'cassandra-2 describecluster'])
  })

  // Four JVMs in every member at each look made healthy members miss their probes.
  test('a wait: one nodetool of one member, another one the next time; who has just become Ready is asked who it is once', async () => {
    const { context, nodetools } = contextOf({})
    const profile = cassandraProfile()
    const members = membersOf(3, 'cassandra')
    const starting = members.map((member) =>
      member.ordinal === 2 ? { ...member, ready: false } : member,
    )
    const look = async (of: typeof members, waiting: boolean): Promise<readonly string[]> => {
      const from = nodetools.length
      const states = await profile.look(of, { ...context, waiting })
      return [states.map(({ role }) => role).join(' '), ...nodetools.slice(from)]
    }
    await profile.look(members.slice(0, 2), context)
    expect(await look(starting, true)).toEqual(['up up down', 'cassandra-0 status'])
    expect(await look(starting, true)).toEqual(['up up down', 'cassandra-1 status'])
    expect(await look(members, true)).toEqual([
      'up up up',
      'cassandra-0 status',
      'cassandra-2 info',
    ])
    expect(await look(members, true)).toEqual(['up up up', 'cassandra-0 status'])
    // Before one is taken all are asked, and one of them for the release of who is new.
    expect(await look(members, false)).toHaveLength(8)
  })
})

describe('nodes that may not leave', () => {
  const ask = (
    keyspaces: readonly string[],
    going: readonly number[],
    more: Ring = {},
    may: Reach['may'] = { forward: false, exec: true },
  ): Promise<Finding | undefined> => {
    const members = membersOf(3, 'cassandra')
    const others = members.filter(({ ordinal }) => !going.includes(ordinal))
    return Promise.resolve(
      cassandraProfile().mayLeave?.(
        going.map((ordinal) => ({
          pod: `cassandra-${ordinal}`,
          ordinal,
          member: members[ordinal],
          others,
        })),
        contextOf({ keyspaces, ...more }, may).context,
      ),
    )
  }
  const three = 'system_distributed -> Replication class: SimpleStrategy {replication_factor=3}'
  // Known before, it was found by the decommission itself, after the run had changed something.
  test.each([
    [
      'where a keyspace has more copies than nodes would be left',
      [three],
      [2],
      {},
      /2 nodes would be left.*system_distributed \(3\)/,
    ],
    [
      'nor in one data centre',
      ['shop -> Replication class: NetworkTopologyStrategy {dc0=1, dc1=3}'],
      [2],
      { elsewhere: `Datacenter: dc0\nUN  10.1.0.1  80 KiB  4  ?  ${OTHER}  rack1\n` },
      /2 nodes of dc1 would be left.*shop \(3\)/,
    ],
    [
      'two of them, where one could',
      ['shop -> Replication class: SimpleStrategy {replication_factor=2}'],
      [2, 1],
      {},
      /1 node would be left/,
    ],
  ] satisfies readonly (readonly [string, readonly string[], readonly number[], Ring, RegExp])[])(
    '%s',
    async (_, keyspaces, going, more, message) => {
      expect(await ask(keyspaces, going, more)).toMatchObject({
        code: 'MEMBERSHIP_CHANGE',
        message: expect.stringMatching(message),
        fix: expect.stringContaining('ALTER KEYSPACE'),
      })
    },
  )

  test.each([
    [
      'where the copies fit',
      ['shop -> Replication class: SimpleStrategy {replication_factor=2}'],
      {},
    ],
    [
      'one that is not in the ring: it has nothing to stream',
      [three],
      { states: { 0: ['UN', 'UN'], 1: ['UN', 'UN'], 2: ['UN', 'UN'] } },
    ],
    [
      'where another set holds the copies',
      [three],
      { elsewhere: `UN  10.1.0.1  80 KiB  4  ?  ${OTHER}  rack1\n` },
    ],
    ['where nothing is told of keyspaces: nodetool judges itself', [], { old: true }],
  ] satisfies readonly (readonly [string, readonly string[], Ring])[])(
    'but do %s',
    async (_, keyspaces, more) => {
      expect(await ask(keyspaces, [2], more)).toBeUndefined()
    },
  )

  test('without the right to exec', async () => {
    expect(await ask([], [2], {}, { forward: true, exec: false })).toMatchObject({
      code: 'ACCESS_DENIED',
      fix: expect.stringContaining('pods/exec'),
    })
  })
})

test('rows are named by the run in letters and digits, whatever it is called', () => {
  expect(nameOfRun("1234-'; DROP KEYSPACE x; --")).toMatch(/^[a-z0-9]{1,24}$/)
})

describe('a host that has left the ring', () => {
  // The gossip state of a decommissioned node lives for three days: red all that time, no scale
  // down ever ended.
  test('stays unreachable in describecluster, which is no fault', async () => {
    expect(
      (
        await verify({
          schemas: { 0: '\t\tUNREACHABLE: [10.0.0.4]', 2: '\t\tUNREACHABLE: [10.0.0.4]' },
        })
      ).found,
    ).toMatchObject({ findings: [], pairs: '6/6' })
  })

  test('is not one that has a row and can not be asked for its schema', async () => {
    expect(
      (await verify({ schemas: { 0: '\t\tUNREACHABLE: [10.0.0.3]' } })).found.findings,
    ).toMatchObject([
      {
        code: 'CHECK_FAILED',
        ordinal: 0,
        message: expect.stringContaining('cassandra-2 unreachable'),
      },
    ])
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
    [
      'not whom the others see down, although it calls itself up',
      { states: { 0: ['UN', 'DN', 'UN'], 2: ['UN', 'DN', 'UN'] } },
      ['up', unseen, 'up'],
    ],
    [
      'nor does its word count that those which it can not see are down',
      { states: { 0: ['UN', 'DN', 'UN'], 1: ['DN', 'UN', 'DN'], 2: ['UN', 'DN', 'UN'] } },
      ['up', unseen, 'up'],
    ],
    [
      'not whom one other sees down',
      { states: { 0: ['UN', 'UN', 'DN'] } },
      ['up', 'up', 'not serving: cassandra-0 does not see it as up and normal'],
    ],
    [
      'not one without gossip',
      { gossipOff: [1] },
      ['up', 'not serving: it has its gossip switched off: the others take it for down', 'up'],
    ],
    [
      'not one that no client reaches',
      { clientsOff: [2] },
      ['up', 'up', 'not serving: it takes no clients: its native transport is switched off'],
    ],
    [
      'not one that leaves',
      { states: { 0: ['UN', 'UN', 'UL'], 1: ['UN', 'UN', 'UL'], 2: ['UN', 'UN', 'UL'] } },
      ['up', 'up', 'not serving: it is leaving the ring (UL)'],
    ],
    [
      'not one that has left',
      { states: { 0: ['UN', 'UN'], 1: ['UN', 'UN'], 2: ['UN', 'UN'] } },
      [
        'up',
        'up',
        'not serving: it is not in the ring: it was decommissioned, or has not joined yet',
      ],
    ],
    [
      'the others of one that could not be asked',
      { starting: [0] },
      ['down: error: Server is not initialized yet, cannot run nodetool.', 'up', 'up'],
    ],
  ] satisfies readonly (readonly [string, Ring, readonly string[]])[])(
    '%s',
    async (_, ring, expected) => {
      expect(await look(ring)).toEqual(expected)
    },
  )
})
