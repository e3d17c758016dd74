// Two members of five on one node that only this node takes back, one of them the leader: they go together, and neither may wait for the other to come back first.

import { expect, jest, test } from '@jest/globals'
import { startCluster } from '../../support/cluster/cluster.ts'
import { at, text } from '../../support/cluster/json.ts'
import { clusterClock, runHere, startRun, untilHere } from '../../support/in-process.ts'
import { TUTORIAL, wanted } from './drained-ensemble.ts'

jest.setTimeout(120_000)

/** Any node takes two, and the budget spares two. */
const FIVE = TUTORIAL.replace('replicas: 3', 'replicas: 5').replace('--servers=3', '--servers=5').replace('maxUnavailable: 1', 'maxUnavailable: 2').replace(/ {6}affinity:[\s\S]*?(?= {6}containers:)/, '')
const ORDINALS = [0, 1, 2, 3, 4]

test('the leader hands over to the other one that goes: it is evicted as it is, and both come back', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  try {
    wanted(await runHere({ cluster, clock, name: 'deploy', inputs: { manifests: 'zk.yaml', verify: 'quick' }, files: { 'zk.yaml': FIVE } }), 'succeeded', '')
    const zk = cluster.zookeeper('default', 'zk')
    const nodes = cluster.objects.list('Node').map((node) => text(node, 'metadata', 'name'))
    const nodeOf = (ordinal: number): string => text(cluster.objects.get('Pod', 'default', `zk-${ordinal}`), 'spec', 'nodeName')
    const whole = async (): Promise<void> => {
      await clock.sleep(10_000)
      await untilHere(clock, 'every member serving', () => zk.serving().length === ORDINALS.length)
    }
    const move = async (ordinal: number, to: string): Promise<void> => {
      const away = nodes.filter((node) => node !== to)
      for (const node of away) cluster.somebody.cordon(node)
      cluster.somebody.evict('default', `zk-${ordinal}`)
      await whole()
      for (const node of away) cluster.somebody.uncordon(node)
    }
    // The members with the highest ids share a node, so that one's hand-over makes the other the leader.
    const node = nodeOf(4)
    await move(0, nodeOf(1))
    if (nodeOf(3) !== node) await move(3, node)
    const leader = (): number => ORDINALS.find((ordinal) => zk.mode(ordinal) === 'leader') ?? -1
    while (leader() !== 4) {
      cluster.crash('default', `zk-${leader()}`)
      await whole()
      await clock.sleep(60_000)
    }
    expect(ORDINALS.filter((ordinal) => nodeOf(ordinal) === node)).toEqual([3, 4])
    for (const other of nodes) if (other !== node) cluster.somebody.cordon(other)
    const ended = await startRun({ cluster, clock, name: 'run', inputs: { operation: 'drain', name: 'zk', nodes: node, placement: 'in-place', uncordon: 'after', timeout: '5m' } }).ended
    wanted(ended, 'succeeded', '')
    expect(zk.serving()).toEqual(ORDINALS)
    expect(at(cluster.objects.get('Node', '', node), 'spec', 'unschedulable')).not.toBe(true)
    expect(cluster.requests.filter(({ by, verb, dryRun }) => by === 'run' && verb === 'eviction' && !dryRun).map(({ name }) => name).toSorted()).toEqual(expect.arrayContaining(['zk-3', 'zk-4']))
  } finally {
    await cluster.stop()
  }
})
