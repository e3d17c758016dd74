// A run that fails or is cancelled must leave no node cordoned: a member without its node costs the
// quorum its slack until somebody notices.

import { describe, expect, test } from '@jest/globals'
import type { CordonMark } from '../../../src/decide/drain/cordon.ts'
import { failure } from '../../../src/errors.ts'
import { toNode } from '../../../src/kube/views/index.ts'
import { cordonNode, readNode } from '../../../src/record/cordon.ts'
import { uncordonLeft, type Uncordoned } from '../../../src/record/uncordon-left.ts'
import { HeldRecord } from '../../../src/record/held-record.ts'
import {
  readRecord,
  recordName,
  type MaintenanceNode,
  nodesUnderMaintenance,
} from '../../../src/record/record.ts'
import { Recorder } from '../../../src/report/recorder.ts'
import { at, text } from '../../support/cluster/json.ts'
import { atCluster, never, type AtCluster } from '../procedures/at-cluster.ts'

const MARK: CordonMark = {
  ensemble: 'default/zk',
  identity: 'org/repo/7/1/abcd1234',
  runUrl: 'https://ci.example/run/7',
  at: '2026-01-01T00:00:00.000Z',
}

interface Given extends AtCluster {
  readonly record: HeldRecord
  readonly report: Recorder
  readonly uncordon: (lost?: AbortSignal, except?: ReadonlySet<string>) => Promise<Uncordoned>
  readonly lines: string[]
  /** Cordons as a drain does, record first, and returns the record. */
  readonly begin: (
    name: string,
    more?: Partial<MaintenanceNode>,
    mark?: CordonMark,
  ) => Promise<void>
  readonly cordoned: () => string[]
  readonly listed: () => Promise<string[]>
}

async function withNodes(work: (given: Given) => Promise<void>): Promise<void> {
  await atCluster(async (given) => {
    const kube = await given.client()
    const lines: string[] = []
    const say = (line: string): void => void lines.push(line)
    const record = new HeldRecord(
      kube,
      given.clock,
      { namespace: 'default', name: 'zk', runUrl: MARK.runUrl },
      await readRecord(kube, 'default', 'zk', never),
    )
    const report = new Recorder('drain', { now: () => given.clock.now(), say })
    await work({
      ...given,
      record,
      report,
      uncordon: (lost, except) =>
        uncordonLeft(record, report, { info: say, warning: say }, lost, except),
      lines,
      async begin(name, more = {}, mark = MARK) {
        const object = await readNode(kube, name, never)
        if (object === undefined) throw new Error(`no ${name}`)
        const node = toNode(object)
        await record.beginNode(
          {
            name,
            uid: node.uid,
            phase: 'cordon',
            cordon: 'ours',
            placement: 'in-place',
            bootId: '',
            members: [],
            ...more,
          },
          never,
        )
        if (more.cordon === 'theirs') given.cluster.somebody.cordon(name)
        else await cordonNode(kube, node, mark, never)
      },
      cordoned: () =>
        given.cluster.objects
          .list('Node')
          .filter((node) => at(node, 'spec', 'unschedulable') === true)
          .map((node) => text(node, 'metadata', 'name')),
      listed: async () =>
        nodesUnderMaintenance(await readRecord(kube, 'default', 'zk', never)).map(
          ({ name }) => name,
        ),
    })
  })
}

test('every cordon of ours goes, and its entry with it; one that was left on purpose and one of somebody else stay', () =>
  withNodes(async ({ uncordon, report, record, begin, cordoned, listed, lines }) => {
    await begin('node-1', { phase: 'evict' })
    await begin('node-2', { phase: 'maintenance' })
    await begin('node-3', { phase: 'handed-over' })
    await begin('node-4', { cordon: 'theirs' })
    const given = await uncordon()
    expect(given).toMatchObject({ done: ['node-1', 'node-2', 'node-4'], left: [] })
    expect(cordoned()).toEqual(['node-3', 'node-4'])
    expect(await listed()).toEqual(['node-3'])
    expect(nodesUnderMaintenance(record.stored).map(({ name }) => name)).toEqual(['node-3'])
    expect(lines).toEqual(
      expect.arrayContaining([
        'node-1: uncordoned',
        'node-2: uncordoned',
        'node-4: carries no cordon of ours, left as it is',
      ]),
    )
    expect(report).toMatchObject({ changed: true, byHand: [] })
  }))

test('a second time there is nothing to do, and nothing is asked for', () =>
  withNodes(async ({ uncordon, begin, cluster }) => {
    await begin('node-1')
    await uncordon()
    const before = cluster.requests.length
    expect(await uncordon()).toMatchObject({ done: [], left: [] })
    expect(cluster.requests).toHaveLength(before)
  }))

test('what was recorded and not yet cordoned, what somebody uncordoned, and what has left the cluster needs no more than the record', () =>
  withNodes(async ({ uncordon, record, begin, cluster, listed, lines }) => {
    await begin('node-1')
    await begin('node-2')
    await record.beginNode(
      {
        name: 'node-3',
        uid: text(cluster.objects.get('Node', '', 'node-3'), 'metadata', 'uid'),
        phase: 'cordon',
        cordon: 'ours',
        placement: 'in-place',
        bootId: '',
        members: [],
      },
      never,
    )
    cluster.somebody.uncordon('node-1')
    cluster.objects.remove('Node', '', 'node-2')
    expect(await uncordon()).toMatchObject({
      done: ['node-1', 'node-2', 'node-3'],
      left: [],
    })
    expect(await listed()).toEqual([])
    expect(lines).toContain('node-2: is gone')
  }))

test("another ensemble's run has cordoned it since: left to that one", () =>
  withNodes(async ({ uncordon, begin, cordoned, listed, lines }) => {
    await begin('node-1', {}, { ...MARK, ensemble: 'default/other' })
    expect(await uncordon()).toMatchObject({ done: ['node-1'], left: [] })
    expect(cordoned()).toEqual(['node-1'])
    expect(await listed()).toEqual([])
    expect(lines.join()).toContain('default/other')
  }))

test('nodes that are seen to elsewhere are left out', () =>
  withNodes(async ({ uncordon, begin, cordoned, listed }) => {
    await begin('node-1')
    await begin('node-2')
    expect(await uncordon(undefined, new Set(['node-1']))).toMatchObject({
      done: ['node-2'],
      left: [],
    })
    expect(cordoned()).toEqual(['node-1'])
    expect(await listed()).toEqual(['node-1'])
  }))

describe('when it can not be done', () => {
  test('one node that is refused costs the others nothing: it is told with the commands, and stays in the record', () =>
    withNodes(async ({ uncordon, report, begin, cluster, cordoned, listed, lines }) => {
      await begin('node-1')
      await begin('node-2')
      cluster.faults.always({ verb: 'patch', kind: 'Node', name: 'node-1', status: 403 })
      expect(await uncordon()).toMatchObject({
        done: ['node-2'],
        left: ['node-1'],
      })
      expect(cordoned()).toEqual(['node-1'])
      expect(await listed()).toEqual(['node-1'])
      expect(report.byHand).toEqual([
        'kubectl uncordon node-1',
        'kubectl annotate node node-1 zk-ensemble-action/cordon-',
      ])
      expect(lines.join()).toContain('answer 403 Forbidden')
    }))

  test('an API that does not answer ends the attempt, so that a cancel is not outlasted; the commands are told', () =>
    withNodes(async ({ uncordon, report, begin, cluster, lines }) => {
      await begin('node-1')
      await begin('node-2')
      cluster.faults.pause()
      const given = await uncordon()
      cluster.faults.resume()
      expect(given).toMatchObject({ done: [], left: ['node-1', 'node-2'] })
      expect(report.byHand).toHaveLength(4)
      expect(lines.join('\n')).toMatch(
        /node-1 is still cordoned by us[^]*node-2 is still cordoned by us/,
      )
    }))

  test('a lost lock: another run answers for the nodes, and nothing is asked for any more', () =>
    withNodes(async ({ uncordon, report, begin, cluster, cordoned, lines }) => {
      await begin('node-1')
      const before = cluster.requests.length
      expect(
        await uncordon(AbortSignal.abort(failure('failed', 'LOCKED', 'taken over'))),
      ).toMatchObject({ done: [], left: ['node-1'] })
      expect(cordoned()).toEqual(['node-1'])
      expect(cluster.requests).toHaveLength(before)
      expect(report.byHand).toEqual([])
      expect(lines.join()).toContain('is left to that run')
    }))

  test('a lock that was not renewed for too long: it is said that the cordon stays, who removes it, and how to do it by hand', () =>
    withNodes(async ({ uncordon, report, begin, cordoned, lines }) => {
      await begin('node-1')
      expect(
        await uncordon(AbortSignal.abort(failure('failed', 'CLUSTER_UNREACHABLE', 'no answer'))),
      ).toMatchObject({ done: [], left: ['node-1'] })
      expect(cordoned()).toEqual(['node-1'])
      expect(lines.join()).toMatch(
        /may be another run's by now.*the post step or the next run removes it/,
      )
      expect(report.byHand).toEqual(expect.arrayContaining(['kubectl uncordon node-1']))
    }))

  test('a record that another run has written keeps its entries; the nodes are free all the same', () =>
    withNodes(async ({ uncordon, begin, cluster, cordoned, listed, lines }) => {
      await begin('node-1')
      cluster.somebody.edit('ConfigMap', 'default', recordName('zk'), {
        metadata: { annotations: { theirs: 'yes' } },
      })
      expect(await uncordon()).toMatchObject({ done: ['node-1'], left: [] })
      expect(cordoned()).toEqual([])
      expect(await listed()).toEqual(['node-1'])
      expect(lines.join()).toContain('The record still lists node-1')
    }))
})
