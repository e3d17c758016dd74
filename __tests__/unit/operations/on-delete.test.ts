// A StatefulSet that is to wait for deletions, while somebody has written a partition into it by
// hand: the server refuses OnDelete beside it, and no apply of ours alone removes it.

import { expect, test } from '@jest/globals'
import { at } from '../../support/cluster/json.ts'
import { runHere, startRun, type Ended } from '../../support/in-process.ts'
import { TUTORIAL, wanted, withEnsemble, type Given } from './drained-ensemble.ts'

const ON_DELETE = TUTORIAL.replace('type: RollingUpdate', 'type: OnDelete')
const CHANGED = TUTORIAL.replace('--snap_retain_count=3', '--snap_retain_count=4')

function run(
  { cluster, clock }: Given,
  inputs: Readonly<Record<string, string>>,
  manifest = ON_DELETE,
): Promise<Ended> {
  return runHere({
    cluster,
    clock,
    name: 'run',
    inputs: inputs['operation'] === undefined ? { manifests: 'zk.yaml', ...inputs } : inputs,
    files: { 'zk.yaml': manifest },
  })
}

const strategy = ({ cluster }: Given): unknown =>
  at(cluster.objects.get('StatefulSet', 'default', 'zk'), 'spec', 'updateStrategy')

function partitionByHand({ cluster }: Given, partition: number): void {
  cluster.somebody.edit('StatefulSet', 'default', 'zk', {
    spec: { updateStrategy: { rollingUpdate: { partition } } },
  })
}

test('a partition by hand is named, with what it is; force-conflicts takes it', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    partitionByHand(given, 1)
    const refused = await run(given, {})
    wanted(refused, 'refused', 'CONFLICT')
    expect(refused.report.message).toContain(
      'kubectl edit (field manager kubectl-edit) set .spec.updateStrategy.rollingUpdate.partition (1 there, nothing wanted); OnDelete does not go with it',
    )
    expect(refused.report.findings[0]?.fix).toContain('force-conflicts: true')
    expect(strategy(given)).toEqual({ type: 'RollingUpdate', rollingUpdate: { partition: 1 } })

    wanted(await run(given, { 'force-conflicts': 'true' }), 'succeeded', '')
    expect(strategy(given)).toEqual({ type: 'OnDelete' })
    wanted(await run(given, {}, TUTORIAL), 'succeeded', '')
    expect(strategy(given)).toEqual({ type: 'RollingUpdate' })
  }))

test('the partition of a roll that was killed goes with it, and the members are evicted', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock } = given
    const killed = startRun({
      cluster,
      clock,
      name: 'run',
      inputs: { manifests: 'zk.yaml' },
      files: { 'zk.yaml': CHANGED },
      onLine: (line) => (line.includes('zk-1: its turn') ? killed.kill() : undefined),
    })
    await killed.ended
    expect(
      at(
        cluster.objects.get('StatefulSet', 'default', 'zk'),
        'spec',
        'updateStrategy',
        'rollingUpdate',
        'partition',
      ),
    ).toBeGreaterThan(0)
    const next = await runHere({
      cluster,
      clock,
      name: 'second',
      inputs: { manifests: 'zk.yaml' },
      files: { 'zk.yaml': CHANGED.replace('type: RollingUpdate', 'type: OnDelete') },
    })
    wanted(next, 'succeeded', '')
    expect(strategy(given)).toEqual({ type: 'OnDelete' })
  }))

test('a scale takes a partition that somebody has set back by hand, and leaves none', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    partitionByHand(given, 0)
    wanted(await run(given, { operation: 'scale', name: 'zk', replicas: '4' }), 'succeeded', '')
    expect(given.cluster.zookeeper('default', 'zk').serving()).toEqual([0, 1, 2, 3])
    expect(strategy(given)).toEqual({ type: 'RollingUpdate' })
  }))
