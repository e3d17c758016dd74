// A change that finds no node for a member, where the revision before would find none either: an undo
// would evict the member once more, wait another minute, and hide the cause behind UNDO_FAILED.

import { expect, test } from '@jest/globals'
import { byRuns, takenTogether } from '../../model/rolls/invariants.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { fields, text } from '../../support/cluster/json.ts'
import { clusterClock, runHere, untilHere, type Ended } from '../../support/in-process.ts'
import { TUTORIAL } from './drained-ensemble.ts'

const CHANGED = TUTORIAL.replace(
  '  template:\n    metadata:\n',
  '  template:\n    metadata:\n      annotations:\n        change: second\n',
)
const FIVE = TUTORIAL.replace('replicas: 3', 'replicas: 5').replace('--servers=3', '--servers=5')
const FIVE_CHANGED = CHANGED.replace('replicas: 3', 'replicas: 5').replace(
  '--servers=3',
  '--servers=5',
)
const FILES = {
  'before.yaml': TUTORIAL,
  'changed.yaml': CHANGED,
  'five.yaml': FIVE,
  'five-changed.yaml': FIVE_CHANGED,
}
const FORWARD =
  'Bring a node back, or add one that fits. Then deploy again: it continues from here.'

interface Given {
  readonly cluster: SimulatedCluster
  readonly deploy: (manifests: string, inputs?: Readonly<Record<string, string>>) => Promise<Ended>
  readonly operate: (operation: string, inputs?: Readonly<Record<string, string>>) => Promise<Ended>
  /** More nodes are there from now on, and this pod has found one. */
  readonly addNodes: (pod: string) => Promise<void>
}

/** Three members on three nodes; two more nodes come when they are asked for. */
async function onThreeNodes(work: (given: Given) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 5 })
  const later = ['node-4', 'node-5'].map((name) => {
    const status = fields(cluster.objects.get('Node', '', name), 'status')
    cluster.objects.remove('Node', '', name)
    return { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {}, status }
  })
  const deploy: Given['deploy'] = (manifests, inputs = {}) =>
    runHere({ cluster, clock, files: FILES, name: manifests, inputs: { manifests, ...inputs } })
  try {
    expect((await deploy('before.yaml')).report.result).toBe('succeeded')
    await work({
      cluster,
      deploy,
      operate: (operation, inputs = {}) =>
        runHere({ cluster, clock, name: operation, inputs: { operation, name: 'zk', ...inputs } }),
      addNodes: async (pod) => {
        for (const node of later) cluster.objects.put('Node', node)
        await untilHere(
          clock,
          `a node for ${pod}`,
          () => text(cluster.objects.get('Pod', 'default', pod), 'spec', 'nodeName') !== '',
        )
      },
    })
    expect(takenTogether(cluster.history, byRuns(...Object.keys(FILES), 'scale'))).toEqual([])
  } finally {
    await cluster.stop()
  }
}

function verdict({ report }: Ended): readonly unknown[] {
  return [report.result, report.code, report.findings[0]?.message]
}

test('a roll whose member finds no node halts with that, and continues once there is one', async () => {
  await onThreeNodes(async ({ cluster, deploy, addNodes }) => {
    cluster.nodes.remove('node-3')
    const failed = await deploy('changed.yaml')
    expect(verdict(failed)).toEqual([
      'failed',
      'UNSCHEDULABLE',
      "zk-2: 0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
    ])
    const { report } = failed
    expect(report.findings[0]?.fix).toBe(FORWARD)
    expect(report.notes).toEqual([
      expect.stringMatching(
        /^Nothing was rolled back: revision zk-\S+, the latest verified one, asks the same of nodes: an undo would wait for a node as well\.$/,
      ),
    ])
    // Neither an undo nor a rollback by hand would help.
    expect([report.undoTo, report.byHand]).toEqual([undefined, []])
    expect(report.message).toContain('2 of 3 members serve')
    const again = await deploy('changed.yaml')
    expect(verdict(again).slice(0, 2)).toEqual(['failed', 'UNSCHEDULABLE'])
    await addNodes('zk-2')
    const { report: last } = await deploy('changed.yaml')
    expect([last.result, last.code, last.readyReplicas]).toEqual(['succeeded', '', 3])
  })
})

test('with on-failure: keep the fix is the same, and no undo is told that could not help', async () => {
  await onThreeNodes(async ({ cluster, deploy }) => {
    cluster.nodes.remove('node-3')
    const { report } = await deploy('changed.yaml', { 'on-failure': 'keep' })
    expect([report.result, report.code, report.undoTo, report.byHand]).toEqual([
      'failed',
      'UNSCHEDULABLE',
      undefined,
      [],
    ])
    expect(report.findings[0]?.fix).toMatch(/^Bring a node back/)
    expect(report.notes).toEqual(['Nothing was rolled back: on-failure is keep.'])
  })
})

test('a deploy that grows where no node is left keeps what it reached, and continues once there is one', async () => {
  await onThreeNodes(async ({ cluster, deploy, addNodes }) => {
    const failed = await deploy('five.yaml')
    expect(verdict(failed)).toEqual([
      'failed',
      'UNSCHEDULABLE',
      "zk-3: 0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
    ])
    const { report } = failed
    expect(report.notes).toEqual([
      expect.stringMatching(
        /^Nothing was rolled back: revision zk-\S+, the latest verified one, makes each member the same way, and an undo removes none\.$/,
      ),
    ])
    expect([report.undoTo, report.byHand]).toEqual([undefined, []])
    expect(report.message).toContain('3 of 4 members serve')
    expect(cluster.zookeeper('default', 'zk').serving()).toHaveLength(3)
    await addNodes('zk-3')
    const { report: last } = await deploy('five.yaml')
    expect([last.result, last.code, last.readyReplicas]).toEqual(['succeeded', '', 5])
  })
})

test('a deploy that grows while a node is cordoned is told the same, and no undo by hand that would bring the shorter list', async () => {
  await onThreeNodes(async ({ cluster, deploy }) => {
    cluster.somebody.cordon('node-3')
    const { report } = await deploy('five.yaml')
    expect([report.code, report.findings[0]?.fix, report.byHand]).toEqual([
      'UNSCHEDULABLE',
      `${FORWARD} Or give it up with operation: scale, replicas: 3.`,
      [],
    ])
    expect(report.notes).toEqual([
      'Nothing was rolled back: the evidence is not against the new revision.',
    ])
  })
})

// Before, nothing but a new node led out: scale and undo were refused, the earlier manifest too.
test('a deploy that grows where no node is left is given up with a scale to the number before', async () => {
  await onThreeNodes(async ({ cluster, deploy, operate }) => {
    const failed = await deploy('five.yaml')
    const wayOut = `${FORWARD} Or give it up with operation: scale, replicas: 3.`
    expect(failed.report.findings[0]?.fix).toBe(wayOut)
    // A run that changes nothing more forgets nothing.
    expect((await deploy('five.yaml')).report.findings[0]?.fix).toBe(wayOut)

    const undone = (await operate('undo')).report
    expect([undone.result, undone.code, undone.changed]).toEqual(['refused', 'CONFLICT', false])
    expect(undone.findings[0]?.fix).toMatch(
      /^Finish it first: run the deploy again, or remove the members that it made with operation: scale, replicas: 3/,
    )
    const fewer = (await operate('scale', { replicas: '2' })).report
    expect([fewer.result, fewer.code]).toEqual(['refused', 'CONFLICT'])

    const { report } = await operate('scale', { replicas: '3' })
    expect([report.result, report.code, report.readyReplicas]).toEqual(['succeeded', '', 3])
    expect(cluster.zookeeper('default', 'zk').serving()).toHaveLength(3)
    const { report: before } = await deploy('before.yaml')
    expect([before.result, before.readyReplicas]).toEqual(['unchanged', 3])
  })
})

test('is not given up while a member that stays does not serve', async () => {
  await onThreeNodes(async ({ cluster, deploy, operate }) => {
    await deploy('five.yaml')
    cluster.nodes.remove('node-2')
    const { report } = await operate('scale', { replicas: '3' })
    expect([report.result, report.code, report.changed]).toEqual(['refused', 'NOT_READY', false])
  })
})

test('and a deploy that changes the members as well is no growth: it is finished or rolled back', async () => {
  await onThreeNodes(async ({ deploy, operate }) => {
    const { report } = await deploy('five-changed.yaml', { 'on-failure': 'keep' })
    expect(report.findings[0]?.fix).not.toContain('scale')
    const scaled = (await operate('scale', { replicas: '3' })).report
    expect([scaled.result, scaled.code]).toEqual(['refused', 'CONFLICT'])
  })
})
