// Two members of five on one node that only this node takes, one of them the leader: they go
// together, and neither may wait for the other to come back first.
// And two of another ensemble's of which only one is tied to the node: the budget for one is not
// used up by that one until the deadline.

import { expect, jest, test } from '@jest/globals'
import { startCluster } from '../../support/cluster/cluster.ts'
import { at, put, text } from '../../support/cluster/json.ts'
import { clusterClock, runHere, startRun, untilHere } from '../../support/in-process.ts'
import { OTHER, TUTORIAL, wanted } from './drained-ensemble.ts'

jest.setTimeout(120_000)

/** Any node takes two, and the budget spares two. */
const FIVE = TUTORIAL.replace('replicas: 3', 'replicas: 5')
  .replace('--servers=3', '--servers=5')
  .replace('maxUnavailable: 1', 'maxUnavailable: 2')
  .replace(/ {6}affinity:[\s\S]*?(?= {6}containers:)/, '')
const ORDINALS = [0, 1, 2, 3, 4]

test('the leader hands over leadership to the other one that goes: it is evicted as it is, and both come back', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  try {
    wanted(
      await runHere({
        cluster,
        clock,
        name: 'deploy',
        inputs: { manifests: 'zk.yaml', verify: 'quick' },
        files: { 'zk.yaml': FIVE },
      }),
      'succeeded',
      '',
    )
    const zk = cluster.zookeeper('default', 'zk')
    const nodes = cluster.objects.list('Node').map((node) => text(node, 'metadata', 'name'))
    const nodeOf = (ordinal: number): string =>
      text(cluster.objects.get('Pod', 'default', `zk-${ordinal}`), 'spec', 'nodeName')
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
    // The members with the highest ids share a node, so that one's hand-over makes the other the
    // leader.
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
    const ended = await startRun({
      cluster,
      clock,
      name: 'run',
      inputs: {
        operation: 'drain',
        name: 'zk',
        nodes: node,
        placement: 'in-place',
        uncordon: 'after',
        timeout: '5m',
      },
    }).ended
    wanted(ended, 'succeeded', '')
    expect(zk.serving()).toEqual(ORDINALS)
    expect(at(cluster.objects.get('Node', '', node), 'spec', 'unschedulable')).not.toBe(true)
    expect(
      cluster.requests
        .filter(({ by, verb, dryRun }) => by === 'run' && verb === 'eviction' && !dryRun)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(expect.arrayContaining(['zk-3', 'zk-4']))
  } finally {
    await cluster.stop()
  }
})

test('of another ensemble, one tied to the node and one free, with a budget for one: the free one goes first, and the tied one once that is back', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 5 })
  try {
    wanted(
      await runHere({
        cluster,
        clock,
        name: 'deploy',
        inputs: { manifests: 'zk.yaml', verify: 'quick' },
        files: { 'zk.yaml': TUTORIAL },
      }),
      'succeeded',
      '',
    )
    const others = OTHER.replace('replicas: 3', 'replicas: 5')
      .replace('--servers=3', '--servers=5')
      .replace(/ {6}affinity:[\s\S]*?(?= {6}containers:)/, '')
    wanted(
      await runHere({
        cluster,
        clock,
        name: 'deploy',
        inputs: { manifests: 'other.yaml', verify: 'quick' },
        files: { 'other.yaml': others },
      }),
      'succeeded',
      '',
    )
    const other = cluster.zookeeper('default', 'other')
    const nodeOf = (pod: string): string =>
      text(cluster.objects.get('Pod', 'default', pod), 'spec', 'nodeName')
    const [tied = 0, free = 0] = ORDINALS.filter((ordinal) => other.mode(ordinal) !== 'leader')
    const node =
      ['zk-0', 'zk-1', 'zk-2'].map(nodeOf).find((name) => name === nodeOf(`other-${tied}`)) ??
      nodeOf('zk-0')
    for (const ordinal of ORDINALS) {
      const comes = ordinal === tied || ordinal === free
      if (comes === (nodeOf(`other-${ordinal}`) === node)) continue
      const shut = cluster.objects
        .list('Node')
        .map((one) => text(one, 'metadata', 'name'))
        .filter((name) => (name === node) !== comes)
      for (const name of shut) cluster.somebody.cordon(name)
      cluster.somebody.evict('default', `other-${ordinal}`)
      await clock.sleep(10_000)
      await untilHere(
        clock,
        'every member serving',
        () => other.serving().length === ORDINALS.length,
      )
      for (const name of shut) cluster.somebody.uncordon(name)
    }
    const volume = text(
      cluster.objects.get('PersistentVolumeClaim', 'default', `datadir-other-${tied}`),
      'spec',
      'volumeName',
    )
    cluster.objects.edit('PersistentVolume', '', volume, (draft) =>
      put(draft, ['spec', 'nodeAffinity'], {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }],
            },
          ],
        },
      }),
    )
    const ended = await startRun({
      cluster,
      clock,
      name: 'run',
      inputs: { operation: 'drain', name: 'zk', nodes: node, uncordon: 'after', timeout: '5m' },
    }).ended
    wanted(ended, 'succeeded', '')
    expect(other.serving()).toEqual(ORDINALS)
    expect(
      cluster.requests
        .filter(
          ({ by, verb, dryRun, name }) =>
            by === 'run' && verb === 'eviction' && !dryRun && name.startsWith('other'),
        )
        .map(({ name }) => name),
    ).toEqual([`other-${free}`, `other-${tied}`])
    expect([nodeOf(`other-${tied}`), nodeOf(`other-${free}`) === node]).toEqual([node, false])
  } finally {
    await cluster.stop()
  }
})
