// A node that is rebooted while a volume is still attached keeps the volume from its pod's new node
// for minutes.

import { expect, test } from '@jest/globals'
import { Deadline } from '../../../../src/clock.ts'
import { awaitDetached } from '../../../../src/procedures/drain/volumes.ts'
import type { SimulatedCluster } from '../../../support/cluster/cluster.ts'
import { atCluster, never, type AtCluster } from '../at-cluster.ts'
import { ensembleWith, kubeWith } from '../given.ts'

function attach({ objects }: SimulatedCluster, name: string, volume: string, node: string): void {
  objects.put('VolumeAttachment', {
    apiVersion: 'storage.k8s.io/v1',
    metadata: { name },
    spec: { attacher: 'csi.example', nodeName: node, source: { persistentVolumeName: volume } },
    status: { attached: true },
  })
}

async function wait(
  { clock, client }: AtCluster,
  volumes: readonly string[],
  minutes = 10,
): Promise<readonly string[]> {
  const said: string[] = []
  await awaitDetached(
    ensembleWith(
      {
        kube: await client(),
        run: { clock },
        deadline: new Deadline(clock, minutes * 60_000),
      },
      said,
    ),
    { node: 'node-1', volumes: new Set(volumes), stands: () => Promise.resolve() },
    never,
  )
  return said
}

test('waits for the volumes of the pods that have gone, on this node alone', () =>
  atCluster(async (here) => {
    const { cluster, clock } = here
    attach(cluster, 'ours', 'pv-1', 'node-1')
    attach(cluster, 'of-others', 'pv-2', 'node-1')
    attach(cluster, 'elsewhere', 'pv-1', 'node-2')
    let detached = false
    void clock.sleep(20_000).then(() => {
      detached = true
      cluster.objects.remove('VolumeAttachment', '', 'ours')
    })
    expect(await wait(here, ['pv-1'])).toEqual(['node-1: waits until pv-1 is detached'])
    expect(detached).toBe(true)
  }))

test('the list of all, long in a large cluster, is read once', () =>
  atCluster(async ({ cluster, clock, client }) => {
    attach(cluster, 'ours', 'pv-1', 'node-1')
    const kube = await client()
    const asked: (string | undefined)[] = []
    const counted = kubeWith({
      listAs(kind, options, view, signal) {
        asked.push(options.fields)
        if (asked.length === 4) cluster.objects.remove('VolumeAttachment', '', 'ours')
        return kube.listAs(kind, options, view, signal)
      },
    })
    await awaitDetached(
      ensembleWith({ kube: counted, run: { clock }, deadline: new Deadline(clock, 60_000) }),
      { node: 'node-1', volumes: new Set(['pv-1']), stands: () => Promise.resolve() },
      never,
    )
    expect(asked).toEqual([
      undefined,
      'metadata.name=ours',
      'metadata.name=ours',
      'metadata.name=ours',
    ])
  }))

test('pods without volumes need no look', () =>
  atCluster(async (here) => {
    expect(await wait(here, [])).toEqual([])
    expect(here.cluster.requests).toEqual([])
  }))

test('at the deadline the volume is named, and what helps', () =>
  atCluster(async (here) => {
    attach(here.cluster, 'ours', 'pv-1', 'node-1')
    await expect(wait(here, ['pv-1', 'pv-3'], 1)).rejects.toMatchObject({
      code: 'DRAIN_BLOCKED',
      message: expect.stringContaining('pv-1 is still attached to node-1'),
      findings: [{ fix: expect.stringContaining('out-of-service') }],
    })
  }))

test('without the right to look nothing is waited for, and that is said', () =>
  atCluster(async (here) => {
    attach(here.cluster, 'ours', 'pv-1', 'node-1')
    here.cluster.faults.forbid('list', 'volumeattachments')
    expect(await wait(here, ['pv-1'])).toEqual([
      expect.stringContaining('volumeattachments [list]'),
    ])
  }))

test('a server that is busy for a minute costs that minute, not the drain', () =>
  atCluster(async (here) => {
    const { cluster, clock } = here
    attach(cluster, 'ours', 'pv-1', 'node-1')
    void clock.sleep(60_000).then(() => {
      cluster.objects.remove('VolumeAttachment', '', 'ours')
      cluster.faults.clear()
    })
    cluster.faults.always({ verb: 'list', kind: 'VolumeAttachment', status: 503 })
    await wait(here, ['pv-1'])
    expect(cluster.objects.list('VolumeAttachment')).toEqual([])
  }))
