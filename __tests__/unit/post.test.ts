// The post step is the last that runs for a killed job: what it leaves cordoned stays so until a
// person looks, and what it takes from a live run breaks that one.

import { describe, expect, test } from '@jest/globals'
import type { CordonMark } from '../../src/decide/drain/cordon.ts'
import { toNode } from '../../src/kube/views/index.ts'
import { post } from '../../src/post.ts'
import { cordonNode, readNode } from '../../src/record/cordon.ts'
import { LOCK_WAIT_MS, readHolder, takeLock } from '../../src/record/lock.ts'
import { HeldRecord } from '../../src/record/held-record.ts'
import { readRecord, type MaintenanceNode, nodesUnderMaintenance } from '../../src/record/record.ts'
import type { PostState } from '../../src/run.ts'
import { at, text } from '../support/cluster/json.ts'
import { atCluster, never, type AtCluster } from './procedures/at-cluster.ts'

const IDENTITY = 'org/repo/7/1/abcd1234'
const LOCK = { namespace: 'default', lease: 'zk-ensemble-zk', identity: IDENTITY }
const MARK: CordonMark = {
  ensemble: 'default/zk',
  identity: IDENTITY,
  runUrl: 'https://ci.example/run/7',
  at: '2026-01-01T00:00:00.000Z',
}

interface Given extends AtCluster {
  readonly lines: string[]
  /** What a run that was killed after these cordons would have saved. */
  readonly state: PostState
  readonly run: (state?: PostState) => Promise<void>
  readonly cordoned: () => string[]
  readonly listed: () => Promise<string[]>
  readonly holder: () => Promise<string>
}

/** A run took the lock, began these nodes and was killed. */
async function afterKill(
  phases: Readonly<Record<string, MaintenanceNode['phase']>>,
  work: (given: Given) => Promise<void>,
  mark: CordonMark = MARK,
): Promise<void> {
  await atCluster(async (given) => {
    const kube = await given.client('killed')
    const { clock, cluster } = given
    const lines: string[] = []
    const say = (line: string): void => void lines.push(line)
    const holder = { repository: 'org/repo', runId: '7', attempt: '1', runUrl: MARK.runUrl }
    await takeLock(
      kube,
      clock,
      {
        namespace: 'default',
        ensemble: 'zk',
        holder,
        identity: IDENTITY,
        waitMs: LOCK_WAIT_MS,
        say,
      },
      never,
    )
    const record = new HeldRecord(
      kube,
      clock,
      { namespace: 'default', name: 'zk', runUrl: MARK.runUrl },
      await readRecord(kube, 'default', 'zk', never),
    )
    for (const [name, phase] of Object.entries(phases)) {
      const object = await readNode(kube, name, never)
      if (object === undefined) throw new Error(`no ${name}`)
      await record.beginNode(
        {
          name,
          uid: toNode(object).uid,
          phase,
          cordon: 'ours',
          placement: 'in-place',
          bootId: '',
          members: [],
        },
        never,
      )
      await cordonNode(kube, toNode(object), mark, never)
    }
    cluster.faults.cutOff('killed')
    const state: PostState = {
      lock: LOCK,
      nodes: Object.keys(phases).map((name) => ({ name, ensemble: 'default/zk' })),
    }
    const looking = await given.client('looking')
    await work({
      ...given,
      lines,
      state,
      run: (saved = state) => post(saved, () => given.client('post'), say),
      cordoned: () =>
        cluster.objects
          .list('Node')
          .filter((node) => at(node, 'spec', 'unschedulable') === true)
          .map((node) => text(node, 'metadata', 'name')),
      listed: async () =>
        nodesUnderMaintenance(await readRecord(looking, 'default', 'zk', never)).map(
          ({ name }) => name,
        ),
      holder: () => readHolder(looking, 'default', LOCK.lease, never),
    })
  })
}

test('uncordons, clears the record and releases the lock of a killed run, and says so; a node that is left cordoned on purpose stays', () =>
  afterKill(
    { 'node-1': 'evict', 'node-2': 'wait', 'node-3': 'handed-over' },
    async ({ run, cordoned, listed, holder, lines }) => {
      await run()
      expect(cordoned()).toEqual(['node-3'])
      expect(await listed()).toEqual(['node-3'])
      expect(await holder()).toBe('')
      expect(
        lines
          .filter((line) => /uncordoned|released/.test(line))
          .map((line) => line.split(' was ')[0]),
      ).toEqual(['Node node-1', 'Node node-2', 'The lock default/zk-ensemble-zk'])
    },
  ))

test('a second time it finds nothing to do and says nothing', () =>
  afterKill({ 'node-1': 'evict' }, async ({ run, cordoned, lines }) => {
    await run()
    const told = lines.length
    await run()
    expect(cordoned()).toEqual([])
    expect(lines).toHaveLength(told)
  }))

test('a run that cordoned nothing costs no look at any node', () =>
  afterKill({}, async ({ run, cluster }) => {
    await run({ lock: LOCK })
    expect(cluster.requests.filter(({ by, kind }) => by === 'post' && kind !== 'Lease')).toEqual([])
  }))

describe('what is not its own any more is not touched', () => {
  test("the lock is another run's: not even a cordon with the own mark is touched", () =>
    afterKill({ 'node-1': 'evict' }, async ({ run, cordoned, cluster, holder, lines }) => {
      cluster.somebody.edit('Lease', 'default', LOCK.lease, {
        spec: { holderIdentity: 'org/repo/8/1/ffff' },
      })
      await run()
      expect(cordoned()).toEqual(['node-1'])
      expect(await holder()).toBe('org/repo/8/1/ffff')
      expect(lines.join()).toContain('are left to it')
    }))

  test('the next run has come and gone and kept the node for itself', () =>
    afterKill(
      { 'node-1': 'evict' },
      async ({ run, cordoned, cluster, lines }) => {
        cluster.somebody.edit('Lease', 'default', LOCK.lease, { spec: { holderIdentity: '' } })
        await run()
        expect(cordoned()).toEqual(['node-1'])
        expect(lines.join()).toContain('not touched')
      },
      { ...MARK, identity: 'org/repo/8/1/ffff' },
    ))

  test('a person has cordoned it', () =>
    afterKill({ 'node-1': 'evict' }, async ({ run, cordoned, cluster, lines }) => {
      cluster.somebody.uncordon('node-1')
      cluster.somebody.cordon('node-1')
      await run()
      expect(cordoned()).toEqual(['node-1'])
      expect(lines.join()).toMatch(/Node node-1 is cordoned by somebody else .*not touched/)
    }))
})

test('the lock was freed and a cordon of its own still stands: removed by its mark', () =>
  afterKill({ 'node-1': 'evict' }, async ({ run, cordoned, cluster }) => {
    cluster.somebody.edit('Lease', 'default', LOCK.lease, { spec: { holderIdentity: '' } })
    await run()
    expect(cordoned()).toEqual([])
  }))

describe('when it can not be done, the command by hand is told', () => {
  test('the right is gone: the other nodes are uncordoned and the lock is released', () =>
    afterKill(
      { 'node-1': 'evict', 'node-2': 'evict' },
      async ({ run, cordoned, cluster, listed, holder, lines }) => {
        cluster.faults.always({ verb: 'patch', kind: 'Node', name: 'node-1', status: 403 })
        await run()
        expect(cordoned()).toEqual(['node-1'])
        expect(await listed()).toEqual(['node-1'])
        expect(await holder()).toBe('')
        expect(lines.join('\n')).toMatch(/Node node-1 is still cordoned.*kubectl uncordon node-1/)
      },
    ))

  test('the record can not be read, so that nobody knows what was left cordoned', () =>
    afterKill({ 'node-1': 'evict' }, async ({ run, cordoned, cluster, holder, lines }) => {
      cluster.somebody.edit('ConfigMap', 'default', 'zk-ensemble-zk', {
        data: { 'record.json': '{' },
      })
      await run()
      expect(cordoned()).toEqual(['node-1'])
      expect(await holder()).toBe('')
      expect(lines.join('\n')).toMatch(/Node node-1 may still be cordoned.*kubectl uncordon node-1/)
    }))

  test('the cluster is away', async () => {
    const lines: string[] = []
    await post(
      { lock: LOCK, nodes: [{ name: 'node-1', ensemble: 'default/zk' }] },
      () => Promise.reject(new Error('no credentials')),
      (line) => void lines.push(line),
    )
    expect(lines.join('\n')).toMatch(/Node node-1 may still be cordoned.*kubectl uncordon node-1/)
    expect(lines.join('\n')).not.toContain('no credentials')
  })
})
