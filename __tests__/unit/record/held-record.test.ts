// What a dead drain leaves in the record is all that its successor knows: an entry that is missing
// is a node that stays cordoned for ever.

import { describe, expect, test } from '@jest/globals'
import { HeldRecord } from '../../../src/record/held-record.ts'
import {
  emptyRecord,
  nodesUnderMaintenance,
  readRecord,
  recordName,
  type MaintenanceNode,
  type StoredRecord,
} from '../../../src/record/record.ts'
import { at, text } from '../../support/cluster/json.ts'
import { atCluster, never, type AtCluster } from '../procedures/at-cluster.ts'

const NODE: Omit<MaintenanceNode, 'at'> = {
  name: 'node-1',
  uid: 'uid-1',
  phase: 'cordon',
  cordon: 'ours',
  placement: 'in-place',
  bootId: 'boot-1',
  members: ['zk-0'],
}

async function withRecord(
  work: (
    given: AtCluster & {
      /** The record as one run holds it, who has read it now. */
      readonly hold: (run?: string) => Promise<HeldRecord>
      readonly read: () => Promise<StoredRecord>
      readonly writes: () => number
    },
  ) => Promise<void>,
): Promise<void> {
  await atCluster(async (given) => {
    const kube = await given.client()
    const read = (): Promise<StoredRecord> => readRecord(kube, 'default', 'zk', never)
    await work({
      ...given,
      hold: async (run = '7') =>
        new HeldRecord(
          kube,
          given.clock,
          {
            namespace: 'default',
            name: 'zk',
            runUrl: `https://ci.example/run/${run}`,
          },
          await read(),
        ),
      read,
      writes: () =>
        given.cluster.requests.filter(({ verb, kind }) => kind === 'ConfigMap' && verb !== 'get')
          .length,
    })
  })
}

describe('nodes in the record', () => {
  test('from the first to the last step, as a later run reads them', () =>
    withRecord(async ({ hold, read }) => {
      const record = await hold()
      await record.beginNode(NODE, never)
      await record.beginNode({ ...NODE, name: 'node-2', uid: 'uid-2', members: [] }, never)
      await record.advanceNode('node-1', { phase: 'evict' }, never)
      await record.advanceNode('node-2', { cordon: 'theirs' }, never)
      const left = await read()
      expect(left.record.maintenance).toMatchObject({
        runUrl: 'https://ci.example/run/7',
        nodes: [
          { ...NODE, phase: 'evict' },
          { name: 'node-2', cordon: 'theirs', phase: 'cordon' },
        ],
      })
      expect(Date.parse(left.record.maintenance?.since ?? '')).not.toBeNaN()
      await record.endNodes(new Set(['node-1']), never)
      expect(nodesUnderMaintenance(await read()).map(({ name }) => name)).toEqual(['node-2'])
      await record.endNodes(new Set(['node-2', 'node-9']), never)
      expect((await read()).record.maintenance).toBeNull()
    }))

  test('what a dead run had begun is taken over, not doubled', () =>
    withRecord(async ({ hold, read }) => {
      await (await hold('6')).beginNode({ ...NODE, phase: 'evict' }, never)
      await (await hold()).beginNode({ ...NODE, phase: 'wait' }, never)
      expect((await read()).record.maintenance).toMatchObject({
        runUrl: 'https://ci.example/run/7',
        nodes: [{ name: 'node-1', phase: 'wait' }],
      })
    }))

  test('nothing is written where nothing changes', () =>
    withRecord(async ({ hold, writes }) => {
      const record = await hold()
      await record.beginNode(NODE, never)
      const before = writes()
      await record.advanceNode('node-1', { phase: 'cordon', cordon: 'ours' }, never)
      await record.advanceNode('node-9', { phase: 'evict' }, never)
      await record.endNodes(new Set(['node-9']), never)
      await record.nodeDrained('uid-1', never)
      await record.endDrain(never)
      await record.end(never)
      await record.made([], never)
      expect(writes()).toBe(before)
    }))

  test('what else the record says stays', () =>
    withRecord(async ({ hold, read }) => {
      const record = await hold()
      const underWay = { operation: 'restart', digest: '', previous: 'zk-1', pods: ['a'] }
      await record.begin(underWay, never)
      await record.beginNode(NODE, never)
      await record.endNodes(new Set(['node-1']), never)
      expect((await read()).record).toMatchObject({ underWay })
    }))
})

describe('another run that wrote meanwhile', () => {
  test.each(['begin', 'advance', 'end'] as const)(
    'ends this one at the next %s: LOCKED, and nothing is written',
    (act) =>
      withRecord(async ({ hold, cluster }) => {
        const record = await hold()
        await record.beginNode(NODE, never)
        cluster.somebody.edit('ConfigMap', 'default', recordName('zk'), {
          metadata: { annotations: { theirs: 'yes' } },
        })
        const before = text(
          cluster.objects.get('ConfigMap', 'default', recordName('zk')),
          'metadata',
          'resourceVersion',
        )
        const acts = {
          begin: () => record.beginNode({ ...NODE, name: 'node-2' }, never),
          advance: () => record.advanceNode('node-1', { phase: 'evict' }, never),
          end: () => record.endNodes(new Set(['node-1']), never),
        }
        await expect(acts[act]()).rejects.toMatchObject({ code: 'LOCKED' })
        expect(
          text(
            cluster.objects.get('ConfigMap', 'default', recordName('zk')),
            'metadata',
            'resourceVersion',
          ),
        ).toBe(before)
      }),
  )

  test('who makes the first record at the same moment', () =>
    withRecord(async ({ hold }) => {
      const [one, other] = [await hold(), await hold()]
      await one.beginNode(NODE, never)
      await expect(other.beginNode(NODE, never)).rejects.toMatchObject({ code: 'LOCKED' })
    }))
})

test('a record of an earlier version, which knows of no nodes, can be read and gets them', () =>
  withRecord(async ({ hold, cluster, read }) => {
    cluster.objects.put('ConfigMap', {
      apiVersion: 'v1',
      metadata: { name: recordName('zk'), namespace: 'default' },
      data: { 'record.json': JSON.stringify(emptyRecord('zk')) },
    })
    const old = await hold()
    expect(nodesUnderMaintenance(old.stored)).toEqual([])
    await old.beginNode(NODE, never)
    expect(nodesUnderMaintenance(await read())).toHaveLength(1)
    expect(at(cluster.objects.get('ConfigMap', 'default', recordName('zk')), 'data')).toBeDefined()
  }))

test('a phase that this version does not know is not guessed at', () =>
  withRecord(async ({ cluster, read }) => {
    const maintenance = { runUrl: '', since: '', nodes: [{ ...NODE, phase: 'reboot', at: '' }] }
    cluster.objects.put('ConfigMap', {
      apiVersion: 'v1',
      metadata: { name: recordName('zk'), namespace: 'default' },
      data: { 'record.json': JSON.stringify({ ...emptyRecord('zk'), maintenance }) },
    })
    await expect(read()).rejects.toMatchObject({ code: 'CONFLICT' })
  }))
