// A node whose pod is deleted before it has left the ring takes its copies of the data with it.

import { describe, expect, test } from '@jest/globals'
import { leaveRing } from '../../../../src/ensemble/cassandra/leave.ts'
import type { Reach, VerifyContext } from '../../../../src/ensemble/profile.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'

interface Given {
  /** What each look at the mode finds; the last one stays. `broken`: the exec fails. */
  readonly modes: readonly string[]
  /** What those that stay see. */
  readonly rows?: readonly string[]
  /** Without a pod. */
  readonly gone?: true
  /** Its pod is not Ready. */
  readonly unready?: true
  readonly decommission?: 'done' | 'broken' | { readonly refused: string }
}

async function leave({
  modes,
  decommission = 'done',
  rows = [],
  gone,
  unready,
}: Given): Promise<readonly string[]> {
  const commands: string[] = []
  const left = [...modes]
  const reach: Reach = {
    may: { forward: false, exec: true },
    open: () => Promise.reject(new Error('Cassandra is reached by exec only')),
    tunnel: () => Promise.reject(new Error('not asked')),
    exec: (asked, command) => {
      commands.push(command[0] === 'sh' ? 'rows' : command.join(' '))
      if (command[0] === 'sh') {
        const status = rows
          .map(
            (state, at) =>
              `${state}  10.0.0.${at + 1}  80 KiB  4  ?  11111111-aaaa-4bbb-8ccc-00000000000${at}  rack1`,
          )
          .join('\n')
        return Promise.resolve({
          exitCode: 0,
          stdout: `--- zk-ensemble-action status\n${status}\n--- zk-ensemble-action info\nID : 11111111-aaaa-4bbb-8ccc-00000000000${asked.ordinal}\n--- zk-ensemble-action end\n`,
          stderr: '',
        })
      }
      if (command.includes('decommission')) {
        if (decommission === 'broken') return Promise.reject(new Error('the stream broke'))
        return Promise.resolve(
          decommission === 'done'
            ? { exitCode: 0, stdout: '', stderr: '' }
            : {
                exitCode: 2,
                stdout: '',
                stderr: `error: ${decommission.refused}\n-- StackTrace --\n`,
              },
        )
      }
      const mode = left.length > 1 ? (left.shift() ?? '') : (left[0] ?? '')
      return mode === 'broken'
        ? Promise.reject(new Error('the stream broke'))
        : Promise.resolve({
            exitCode: 0,
            stdout: `Mode: ${mode}\nNot sending any streams.\n`,
            stderr: '',
          })
    },
  }
  const members = membersOf(3, 'cassandra').map((one) => ({
    ...one,
    ip: `10.0.0.${one.ordinal + 1}`,
    ready: one.ordinal !== 2 || unready !== true,
  }))
  const [member] = members.slice(2)
  if (member === undefined) throw new Error('no member')
  const context: VerifyContext = {
    reach,
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 0,
    runId: 'r',
    say: () => undefined,
    replicas: 3,
    serviceName: 'cassandra',
  }
  await leaveRing(
    {
      pod: member.pod,
      ordinal: 2,
      member: gone === true ? undefined : member,
      others: members.slice(0, 2),
    },
    context,
  )
  return commands
}

describe('a node leaves the ring', () => {
  test('by a decommission that is waited for', async () => {
    expect(await leave({ modes: ['NORMAL', 'LEAVING', 'DECOMMISSIONED'] })).toEqual([
      'nodetool netstats',
      'nodetool decommission',
      'nodetool netstats',
      'nodetool netstats',
    ])
  })

  test('also when the stream of the command breaks meanwhile', async () => {
    expect(
      await leave({
        modes: ['NORMAL', 'LEAVING', 'broken', 'DECOMMISSIONED'],
        decommission: 'broken',
      }),
    ).toHaveLength(5)
  })

  test('once: what an earlier run began is continued, what it ended is not done again', async () => {
    expect(await leave({ modes: ['LEAVING', 'DECOMMISSIONED'] })).not.toContain(
      'nodetool decommission',
    )
    expect(await leave({ modes: ['DECOMMISSIONED'] })).toEqual(['nodetool netstats'])
  })

  test.each([
    [
      'when nodetool refuses',
      {
        modes: ['NORMAL'],
        decommission: { refused: 'Not enough live nodes to maintain replication factor' },
      },
      'Not enough live nodes to maintain replication factor',
    ],
    [
      'when it is back to NORMAL',
      { modes: ['NORMAL', 'LEAVING', 'NORMAL'] },
      'it is back to NORMAL',
    ],
  ] as const)('or stays, and that is said, %s', async (_, given, why) => {
    await expect(leave(given)).rejects.toMatchObject({
      code: 'CHECK_FAILED',
      message: expect.stringContaining(why),
    })
  })
})

describe('one that can not speak is judged by those that stay', () => {
  // It waited for an hour without a word, and a member without a pod was taken from the ring
  // unasked.
  test.each([
    ['a newcomer that never joined goes at once', { modes: ['broken'], rows: ['UN', 'UN'] }],
    ['one without a pod and without a row too', { modes: [], gone: true, rows: ['UN', 'UN'] }],
    [
      'a newcomer that never joined, in a ring with a host of another set',
      { modes: ['broken'], rows: ['UN', 'UN', '', 'UN'], unready: true },
    ],
    [
      'one without a pod, in a ring with a host of another set',
      { modes: [], gone: true, rows: ['UN', 'UN', '', 'UN'] },
    ],
    ['one that fell silent when it had left', { modes: ['LEAVING', 'broken'], rows: ['UN', 'UN'] }],
  ] satisfies readonly (readonly [string, Given])[])('%s', async (_, given) => {
    expect((await leave(given)).at(-1)).toBe('rows')
  })

  test.each([
    [
      'one that is down keeps its row',
      { modes: ['broken'], rows: ['UN', 'UN', 'DN'] },
      /row DN of 10\.0\.0\.3/,
    ],
    [
      'one without a pod as well',
      { modes: [], gone: true, rows: ['UN', 'UN', 'DN'] },
      /row DN of 10\.0\.0\.3/,
    ],
    [
      'one that is up and only can not be asked',
      { modes: ['broken'], rows: ['UN', 'UN', 'UN'] },
      /3 rows for 2 members that stay/,
    ],
    [
      'one whose pod is not Ready and whose address has a row',
      { modes: ['broken'], rows: ['UN', 'UN', 'UN', 'UN'], unready: true },
      /4 rows for 2 members that stay/,
    ],
    [
      'and nothing is known where nobody answers',
      { modes: ['broken'], rows: [] },
      /neither can a member that stays/,
    ],
  ] satisfies readonly (readonly [string, Given, RegExp])[])(
    '%s: refused',
    async (_, given, why) => {
      await expect(leave(given)).rejects.toMatchObject({
        code: 'CHECK_FAILED',
        message: expect.stringMatching(why),
      })
    },
  )
})
