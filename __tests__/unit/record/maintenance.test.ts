// What a dead drain leaves in the record is all that its successor knows: an entry that is missing
// is a node that stays cordoned for ever.

import { describe, expect, test } from '@jest/globals'
import {
  advanceNode,
  beginNode,
  endNodes,
  nodesUnderMaintenance,
  type NodeBook,
} from '../../../src/record/maintenance.ts'
import {
  emptyRecord,
  readRecord,
  recordName,
  writeRecord,
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

async function withBook(
  work: (
    given: AtCluster & {
      readonly book: NodeBook
      readonly stored: StoredRecord
      readonly read: () => Promise<StoredRecord>
      readonly writes: () => number
    },
  ) => Promise<void>,
): Promise<void> {
  await atCluster(async (given) => {
    const kube = await given.client()
    const stored = await readRecord(kube, 'default', 'zk', never)
    await work({
      ...given,
      book: { kube, clock: given.clock, namespace: 'default', runUrl: 'https://ci.example/run/7' },
      stored,
      read: () => readRecord(kube, 'default', 'zk', never),
      writes: () =>
        given.cluster.requests.filter(({ verb, kind }) => kind === 'ConfigMap' && verb !== 'get')
          .length,
    })
  })
}

describe('nodes in the record', () => {
  test('from the first to the last step, as a later run reads them', () =>
    withBook(async ({ book, stored, read }) => {
      let chain = await beginNode(book, stored, NODE, never)
      chain = await beginNode(
        book,
        chain,
        { ...NODE, name: 'node-2', uid: 'uid-2', members: [] },
        never,
      )
      chain = await advanceNode(book, chain, 'node-1', { phase: 'evict' }, never)
      chain = await advanceNode(book, chain, 'node-2', { cordon: 'theirs' }, never)
      const left = await read()
      expect(left.record.maintenance).toMatchObject({
        runUrl: 'https://ci.example/run/7',
        nodes: [
          { ...NODE, phase: 'evict' },
          { name: 'node-2', cordon: 'theirs', phase: 'cordon' },
        ],
      })
      expect(Date.parse(left.record.maintenance?.since ?? '')).not.toBeNaN()
      chain = await endNodes(book, chain, new Set(['node-1']), never)
      expect(nodesUnderMaintenance(await read()).map(({ name }) => name)).toEqual(['node-2'])
      await endNodes(book, chain, new Set(['node-2', 'node-9']), never)
      expect((await read()).record.maintenance).toBeNull()
    }))

  test('what a dead run had begun is taken over, not doubled', () =>
    withBook(async ({ book, stored, read }) => {
      const dead = await beginNode(
        { ...book, runUrl: 'https://ci.example/run/6' },
        stored,
        { ...NODE, phase: 'evict' },
        never,
      )
      await beginNode(book, dead, { ...NODE, phase: 'wait' }, never)
      expect((await read()).record.maintenance).toMatchObject({
        runUrl: 'https://ci.example/run/7',
        nodes: [{ name: 'node-1', phase: 'wait' }],
      })
    }))

  test('nothing is written where nothing changes', () =>
    withBook(async ({ book, stored, writes }) => {
      const chain = await beginNode(book, stored, NODE, never)
      const before = writes()
      expect(
        await advanceNode(book, chain, 'node-1', { phase: 'cordon', cordon: 'ours' }, never),
      ).toBe(chain)
      expect(await advanceNode(book, chain, 'node-9', { phase: 'evict' }, never)).toBe(chain)
      expect(await endNodes(book, chain, new Set(['node-9']), never)).toBe(chain)
      expect(writes()).toBe(before)
    }))

  test('what else the record says stays', () =>
    withBook(async ({ book, stored, read }) => {
      const underWay = {
        operation: 'restart',
        digest: '',
        previous: 'zk-1',
        runUrl: '',
        since: '',
        pods: ['a'],
      }
      const written = await writeRecord(
        book.kube,
        'default',
        stored,
        { ...stored.record, underWay },
        {},
        never,
      )
      await endNodes(book, await beginNode(book, written, NODE, never), new Set(['node-1']), never)
      expect((await read()).record).toMatchObject({ underWay })
    }))
})

describe('another run that wrote meanwhile', () => {
  test.each(['begin', 'advance', 'end'] as const)(
    'ends this one at the next %s: LOCKED, and nothing is written',
    (act) =>
      withBook(async ({ book, stored, cluster }) => {
        const chain = await beginNode(book, stored, NODE, never)
        cluster.somebody.edit('ConfigMap', 'default', recordName('zk'), {
          metadata: { annotations: { theirs: 'yes' } },
        })
        const before = text(
          cluster.objects.get('ConfigMap', 'default', recordName('zk')),
          'metadata',
          'resourceVersion',
        )
        const acts = {
          begin: () => beginNode(book, chain, { ...NODE, name: 'node-2' }, never),
          advance: () => advanceNode(book, chain, 'node-1', { phase: 'evict' }, never),
          end: () => endNodes(book, chain, new Set(['node-1']), never),
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
    withBook(async ({ book, stored }) => {
      await beginNode(book, stored, NODE, never)
      await expect(beginNode(book, stored, NODE, never)).rejects.toMatchObject({ code: 'LOCKED' })
    }))
})

test('a record of an earlier version, which knows of no nodes, can be read and gets them', () =>
  withBook(async ({ book, cluster, read }) => {
    cluster.objects.put('ConfigMap', {
      apiVersion: 'v1',
      metadata: { name: recordName('zk'), namespace: 'default' },
      data: { 'record.json': JSON.stringify(emptyRecord('zk')) },
    })
    const old = await read()
    expect(nodesUnderMaintenance(old)).toEqual([])
    await beginNode(book, old, NODE, never)
    expect(nodesUnderMaintenance(await read())).toHaveLength(1)
    expect(at(cluster.objects.get('ConfigMap', 'default', recordName('zk')), 'data')).toBeDefined()
  }))

test('a phase that this version does not know is not guessed at', () =>
  withBook(async ({ cluster, read }) => {
    const maintenance = { runUrl: '', since: '', nodes: [{ ...NODE, phase: 'reboot', at: '' }] }
    cluster.objects.put('ConfigMap', {
      apiVersion: 'v1',
      metadata: { name: recordName('zk'), namespace: 'default' },
      data: { 'record.json': JSON.stringify({ ...emptyRecord('zk'), maintenance }) },
    })
    await expect(read()).rejects.toMatchObject({ code: 'CONFLICT' })
  }))
