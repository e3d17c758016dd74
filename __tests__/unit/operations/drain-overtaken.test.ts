// Somebody else scales, rolls or deletes the set while one of its nodes is drained: who may go was
// judged by another ensemble, and none of it may cost a second member.

import { expect, jest, test } from '@jest/globals'
import { nextLines } from '../../../src/report/next.ts'
import type { SimulatedCluster } from '../../support/cluster/cluster.ts'
import { settled, wanted, withEnsemble } from './drained-ensemble.ts'

jest.setTimeout(120_000)

const HANDS: readonly (readonly [string, (cluster: SimulatedCluster) => void, string])[] = [
  // The two that are left are of three: without another one nobody is in the quorum.
  [
    'scaled down',
    ({ somebody }) => somebody.scale('default', 'zk', 2),
    'statefulset/zk was scaled from 3 to 2 by somebody else',
  ],
  [
    'scaled up by members that never start',
    ({ somebody }) => somebody.scale('default', 'zk', 5),
    'statefulset/zk was scaled from 3 to 5 by somebody else',
  ],
  // The controller takes the next one down as soon as this one is Ready, whatever the budget says.
  [
    'given an image that is not there',
    ({ somebody }) => somebody.setImage('default', 'zk', 'nowhere:1'),
    'a rollout of zk was begun by somebody else',
  ],
]

test.each(HANDS)(
  '%s right after the cordon: no member is evicted, the node is uncordoned at once, and no other is begun',
  (_, act, words) =>
    withEnsemble({ nodes: 6 }, async (given) => {
      const { cluster, nodeOf } = given
      const node = nodeOf('zk-0')
      let left = ''
      const ended = await given.start(
        { nodes: `${node}\n${nodeOf('zk-1')}`, uncordon: 'after' },
        {
          onLine: (line) => {
            if (line === `${node}: cordoned`) act(cluster)
            if (line.includes('uncordoned')) left = line
          },
        },
      ).ended
      wanted(ended, 'failed', 'CONFLICT')
      expect(ended.report.message).toContain(words)
      expect(given.touched('run').filter((line) => line.includes('eviction'))).toEqual([])
      expect(left).toContain(node)
      expect(ended.report.drainedNodes).toEqual([])
      // Said twice it reads as if it took two drains.
      expect(
        nextLines(ended.report)
          .join(' ')
          .match(/drain again|again/g),
      ).toEqual(['drain again'])
      expect(given.cordoned()).toEqual([])
    }),
)

test('deleted once a member was evicted: nobody is missing of what is gone, and that is no success', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const ended = await given.start(
      { nodes: given.nodeOf('zk-0'), uncordon: 'after', verify: 'off' },
      {
        onLine: (line) => {
          if (line.endsWith('default/zk-0 evicted'))
            given.cluster.somebody.delete('StatefulSet', 'default', 'zk')
        },
      },
    ).ended
    wanted(ended, 'failed', 'CONFLICT')
    expect(ended.report.message).toContain('statefulset/zk was deleted by somebody else')
    expect(given.cordoned()).toEqual([])
  }))

test('changed in what moves nobody: the drain continues', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const node = given.nodeOf('zk-0')
    const ended = await given.start(
      { nodes: node, uncordon: 'after' },
      {
        onLine: (line) => {
          if (line === `${node}: cordoned`)
            given.cluster.somebody.edit('StatefulSet', 'default', 'zk', {
              spec: { minReadySeconds: 1 },
            })
        },
      },
    ).ended
    wanted(ended, 'succeeded', '')
    settled(given)
  }))
