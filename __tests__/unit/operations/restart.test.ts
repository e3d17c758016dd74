// A restart that was cut off: the next one says what is left to do, and does that and no more.

import { describe, expect, test } from '@jest/globals'
import { put } from '../../support/cluster/json.ts'
import { untilHere } from '../../support/in-process.ts'
import { settled, TUTORIAL, wanted, whole, withEnsemble } from './drained-ensemble.ts'

const RESTART = { operation: 'restart' }

test('a member that was evicted before the run died is not left to be restarted: it is waited for', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock } = given
    const held = (finalizers: readonly string[]): void => {
      cluster.objects.edit('Pod', 'default', 'zk-0', (pod) =>
        put(pod, ['metadata', 'finalizers'], [...finalizers]),
      )
    }
    held(['example.com/held'])
    const killed = given.start(RESTART, {
      onLine: (line) => (line.startsWith('zk-0: evicted') ? killed.kill() : undefined),
    })
    await killed.ended
    const lines: string[] = []
    const next = given.start(RESTART, { name: 'second', onLine: (line) => void lines.push(line) })
    await untilHere(clock, 'the second one at work', () =>
      lines.some((line) => line.includes('Restart, followers first')),
    )
    held([])
    const ended = await next.ended
    wanted(ended, 'succeeded', '')
    expect(ended.lines.join('\n')).toMatch(
      /Continuing the restart that was begun at .*: 2 of 3 members are left\./,
    )
    expect(
      given
        .touched('run', 'second')
        .filter((line) => line.includes('eviction'))
        .toSorted(),
    ).toEqual(['run eviction zk-0', 'second eviction zk-1', 'second eviction zk-2'])
    settled(given)
    await whole(given)
  }))

test('a restart that its budget never lets begin leaves nothing behind that stands against what comes next', () =>
  withEnsemble(
    { nodes: 4 },
    async (given) => {
      const ended = await given.start({ ...RESTART, 'member-timeout': '30s' }).ended
      wanted(ended, 'failed', 'TIMEOUT')
      expect(ended.report).toMatchObject({
        changed: false,
        standing: 'no member was restarted yet',
      })
      expect(given.touched('run').filter((line) => line.includes('delete'))).toEqual([])
      settled(given)
      await whole(given)
    },
    TUTORIAL.replace('maxUnavailable: 1', 'maxUnavailable: 0'),
  ))

test('who went away by other hands is not said to be restarted', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const run = given.start(RESTART, {
      onLine: (line) =>
        line.includes('zk-0: evicted')
          ? given.cluster.somebody.delete('Pod', 'default', 'zk-2')
          : undefined,
    })
    const ended = await run.ended
    wanted(ended, 'succeeded', '')
    expect(ended.lines.join('\n')).toMatch(
      /2 of 3 members restarted, each back before the next; replaced by somebody else: zk-2/,
    )
  }))

test('a set that was deleted and recreated under its name meanwhile is another one: no success, and nobody of it is evicted', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock } = given
    const set = structuredClone(cluster.objects.get('StatefulSet', 'default', 'zk'))
    let went = false
    const run = given.start(RESTART, {
      onLine: (line) => {
        if (went || !line.includes('zk-0: evicted')) return
        went = true
        cluster.somebody.delete('StatefulSet', 'default', 'zk')
        for (const ordinal of [0, 1, 2])
          if (cluster.objects.get('Pod', 'default', `zk-${ordinal}`) !== undefined)
            cluster.somebody.delete('Pod', 'default', `zk-${ordinal}`)
      },
    })
    await untilHere(
      clock,
      'the set is gone',
      () => went && cluster.objects.get('StatefulSet', 'default', 'zk') === undefined,
    )
    cluster.somebody.apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'zk', namespace: 'default' },
      spec: set?.['spec'] ?? {},
    })
    const ended = await run.ended
    wanted(ended, 'failed', 'CONFLICT')
    expect(ended.report.message).toContain('another one was made under its name')
    expect(ended.report.standing).toBe('zk-0 was evicted; the restart did not end')
    expect(given.touched('run').filter((line) => line.includes('eviction'))).toEqual([
      'run eviction zk-0',
    ])
  }))

describe('where no member can be reached nobody is evicted, and it is said that nothing is known of them', () => {
  test.each([
    [
      'a gateway that answers the upgrade with a page of its own',
      { status: 403, body: '<html>no</html>' },
      'answered 403 instead of opening a WebSocket',
    ],
    ['a gateway that resets the upgrade', { drop: true }, 'broke before a WebSocket was open'],
  ])('%s', (_name, fault, why) =>
    withEnsemble({ nodes: 4 }, async (given) => {
      for (const verb of ['exec', 'portforward']) given.cluster.faults.always({ verb, ...fault })
      const ended = await given.start({ ...RESTART, 'member-timeout': '30s' }).ended
      given.cluster.faults.clear()
      wanted(ended, 'failed', 'CHECK_IMPOSSIBLE')
      expect(ended.report.message).toContain('could not be reached')
      expect(ended.report.message).toContain(why)
      expect(ended.report.findings[0]?.fix).toContain('pods/exec')
      expect(given.touched('run').filter((line) => /delete|evict/.test(line))).toEqual([])
      settled(given)
      await whole(given)
    }),
  )
})
