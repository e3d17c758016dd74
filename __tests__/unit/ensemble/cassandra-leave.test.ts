// A node whose pod is deleted before it has left the ring takes its copies of the data with it.

import { describe, expect, test } from '@jest/globals'
import { leaveRing } from '../../../src/ensemble/cassandra/leave.ts'
import type { Reach, VerifyContext } from '../../../src/ensemble/profile.ts'
import { membersOf } from '../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../support/idle-clock.ts'

interface Given {
  /** What each look at the mode finds; the last one stays. `broken`: the exec fails. */
  readonly modes: readonly string[]
  readonly decommission?: 'done' | 'broken' | { readonly refused: string }
}

async function leave({ modes, decommission = 'done' }: Given): Promise<readonly string[]> {
  const commands: string[] = []
  const left = [...modes]
  const reach: Reach = {
    may: { forward: false, exec: true },
    open: () => Promise.reject(new Error('Cassandra is reached by exec only')),
    exec: (_, command) => {
      commands.push(command.join(' '))
      if (command.includes('decommission')) {
        if (decommission === 'broken') return Promise.reject(new Error('the stream broke'))
        return Promise.resolve(decommission === 'done' ? { exitCode: 0, stdout: '', stderr: '' } : { exitCode: 2, stdout: '', stderr: `error: ${decommission.refused}\n-- StackTrace --\n` })
      }
      const mode = left.length > 1 ? (left.shift() ?? '') : (left[0] ?? '')
      return mode === 'broken' ? Promise.reject(new Error('the stream broke')) : Promise.resolve({ exitCode: 0, stdout: `Mode: ${mode}\nNot sending any streams.\n`, stderr: '' })
    },
  }
  const [member] = membersOf(3).slice(2)
  if (member === undefined) throw new Error('no member')
  const context: VerifyContext = { reach, clock: idleClock(), signal: new AbortController().signal, settleMs: 0, runId: 'r', say: () => undefined, replicas: 3, serviceName: 'cassandra' }
  await leaveRing(member, context)
  return commands
}

describe('a node leaves the ring', () => {
  test('by a decommission that is waited for', async () => {
    expect(await leave({ modes: ['NORMAL', 'LEAVING', 'DECOMMISSIONED'] })).toEqual(['nodetool netstats', 'nodetool decommission', 'nodetool netstats', 'nodetool netstats'])
  })

  test('also when the stream of the command breaks meanwhile', async () => {
    expect(await leave({ modes: ['NORMAL', 'LEAVING', 'broken', 'DECOMMISSIONED'], decommission: 'broken' })).toHaveLength(5)
  })

  test('once: what an earlier run began is gone on with, what it ended is not done again', async () => {
    expect(await leave({ modes: ['LEAVING', 'DECOMMISSIONED'] })).not.toContain('nodetool decommission')
    expect(await leave({ modes: ['DECOMMISSIONED'] })).toEqual(['nodetool netstats'])
  })

  test.each([
    ['when nodetool refuses', { modes: ['NORMAL'], decommission: { refused: 'Not enough live nodes to maintain replication factor' } }, 'Not enough live nodes to maintain replication factor'],
    ['when it is back to NORMAL', { modes: ['NORMAL', 'LEAVING', 'NORMAL'] }, 'it is back to NORMAL'],
  ] as const)('or stays, and that is said, %s', async (_, given, why) => {
    await expect(leave(given)).rejects.toMatchObject({ code: 'CHECK_FAILED', message: expect.stringContaining(why) })
  })
})
