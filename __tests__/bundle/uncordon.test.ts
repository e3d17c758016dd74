// What a user of the shipped bundle counts on when nodes are uncordoned: our cordons and no others,
// the member in the quorum, and nothing left by a run that is cut off.

import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { at, text } from '../support/cluster/json.ts'
import { QUICK, tutorial, verdict, withBundle, writes, type Given } from './given.ts'

const MARK = 'zk-ensemble-action/cordon'
const RECORD = 'zk-ensemble-zk'
/** From the runner's first warning to the end; milliseconds. */
const PROMISED_MS = 5000

/** Three members on three nodes: none can go elsewhere. */
async function withEnsemble(work: (given: Given) => Promise<void>): Promise<void> {
  await withBundle({ nodes: 3 }, async (given) => {
    expect(verdict(await given.run(tutorial(QUICK), { verify: 'quick' }))).toEqual({
      result: 'succeeded',
      code: '',
      exitCode: 0,
    })
    await work(given)
  })
}

function nodeOf({ objects }: SimulatedCluster, pod: string): string {
  return text(objects.get('Pod', 'default', pod), 'spec', 'nodeName')
}

function holder({ objects }: SimulatedCluster): string {
  return text(objects.get('Lease', 'default', RECORD), 'spec', 'holderIdentity')
}

function standing(
  { objects }: SimulatedCluster,
  node: string,
): { cordoned: boolean; marked: boolean } {
  const found = objects.get('Node', '', node)
  return {
    cordoned: at(found, 'spec', 'unschedulable') === true,
    marked: text(found, 'metadata', 'annotations', MARK) !== '',
  }
}

/** The node as a drain leaves it: cordoned with our mark, in the record, its member evicted. */
function leave(
  cluster: SimulatedCluster,
  pod: string,
  phase: string,
  identity = 'example/shop/1/1/dead',
): string {
  const node = nodeOf(cluster, pod)
  const uid = text(cluster.objects.get('Node', '', node), 'metadata', 'uid')
  const mark = {
    ensemble: 'default/zk',
    identity,
    runUrl: 'https://github.com/example/shop/actions/runs/1',
    at: '2026-01-01T00:00:00.000Z',
  }
  cluster.somebody.edit('ConfigMap', 'default', RECORD, {
    data: {
      'record.json': JSON.stringify({
        ...record(cluster),
        maintenance: {
          runUrl: mark.runUrl,
          since: mark.at,
          nodes: [
            {
              name: node,
              uid,
              phase,
              cordon: 'ours',
              placement: 'in-place',
              bootId: '',
              members: [pod],
              at: mark.at,
            },
          ],
        },
      }),
    },
  })
  cluster.objects.edit('Node', '', node, (draft) => {
    draft['spec'] = { unschedulable: true }
    draft.metadata['annotations'] = { [MARK]: JSON.stringify(mark) }
  })
  cluster.somebody.delete('Pod', 'default', pod)
  return node
}

function record({ objects }: SimulatedCluster): Record<string, unknown> {
  return z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(text(objects.get('ConfigMap', 'default', RECORD), 'data', 'record.json')))
}

test.concurrent(
  "a node that was left cordoned comes back by its member's name; a dry run before says so and writes nothing; afterwards there is nothing to do",
  () =>
    withEnsemble(async ({ cluster, run }) => {
      const node = leave(cluster, 'zk-1', 'handed-over')
      const before = writes(cluster).length
      const planned = await run(undefined, {
        operation: 'uncordon',
        name: 'zk',
        members: 'zk-1',
        'dry-run': 'true',
      })
      expect(verdict(planned)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(planned.lines.join('\n')).toContain(`${node}: would be uncordoned`)
      expect(writes(cluster)).toHaveLength(before)
      expect(standing(cluster, node)).toEqual({ cordoned: true, marked: true })

      const done = await run(undefined, { operation: 'uncordon', name: 'zk', members: 'zk-1' })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({
        changed: 'true',
        'ready-replicas': '3',
        'remaining-nodes': '',
      })
      expect(done.outputs['members']).toContain(`"node":"${node}"`)
      expect(done.stderr).toBe('')
      expect(standing(cluster, node)).toEqual({ cordoned: false, marked: false })
      expect(record(cluster)['maintenance']).toBeNull()
      expect(holder(cluster)).toBe('')

      const again = await run(undefined, { operation: 'uncordon', name: 'zk', nodes: node })
      expect(verdict(again)).toEqual({ result: 'unchanged', code: '', exitCode: 0 })
    }),
  120_000,
)

test.concurrent(
  "somebody else's cordon is refused, told, and not touched; any-cordon takes it; an unknown node is told with what there is",
  () =>
    withEnsemble(async ({ cluster, run }) => {
      cluster.somebody.cordon('node-2')
      const before = writes(cluster).length
      const refused = await run(undefined, { operation: 'uncordon', name: 'zk', nodes: 'node-2' })
      expect(verdict(refused)).toEqual({ result: 'refused', code: 'DRAIN_REFUSED', exitCode: 1 })
      expect(refused.outputs['message']).toMatch(
        /node-2 is cordoned by somebody else \(field manager kubectl\)/,
      )
      expect(refused.annotations.filter(({ kind }) => kind === 'error')).toHaveLength(1)
      const unknown = await run(undefined, { operation: 'uncordon', name: 'zk', nodes: 'node-7' })
      expect(verdict(unknown)).toEqual({ result: 'refused', code: 'NOT_FOUND', exitCode: 1 })
      expect(unknown.outputs['message']).toMatch(/no node node-7, but node-1, node-2, node-3/)
      expect(writes(cluster)).toHaveLength(before)
      expect(standing(cluster, 'node-2').cordoned).toBe(true)
      const taken = await run(undefined, {
        operation: 'uncordon',
        name: 'zk',
        nodes: 'node-2',
        'any-cordon': 'true',
      })
      expect(verdict(taken)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(standing(cluster, 'node-2').cordoned).toBe(false)
    }),
  120_000,
)

describe('a run that is cut off', () => {
  test.concurrent(
    'by a cancel while it waits: the node is uncordoned, the lock released, and the next run waits on',
    () =>
      withEnsemble(async ({ cluster, run }) => {
        const node = leave(cluster, 'zk-1', 'handed-over')
        // Of the cluster's time, which runs faster: some seconds.
        cluster.zookeeper('default', 'zk').timing.rejoinMs = 300_000
        const cancelled = await run(
          undefined,
          { operation: 'uncordon', name: 'zk', nodes: node },
          { cancelAt: /zk-1: (creating|running|available)/ },
        )
        expect(verdict(cancelled)).toEqual({ result: 'cancelled', code: 'CANCELLED', exitCode: 1 })
        expect(cancelled.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
        expect(cancelled.outputs['message']).toContain(`${node} uncordoned`)
        expect(standing(cluster, node)).toEqual({ cordoned: false, marked: false })
        expect(holder(cluster)).toBe('')
        const next = await run(undefined, { operation: 'uncordon', name: 'zk', nodes: node })
        expect(verdict(next)).toEqual({ result: 'unchanged', code: '', exitCode: 0 })
        expect(next.outputs['ready-replicas']).toBe('3')
      }),
    120_000,
  )

  test.concurrent(
    'by a kill: the post step releases the lock and removes the cordons that were made under it, and leaves one that was to stay',
    () =>
      withEnsemble(async ({ cluster, run }) => {
        const killed = await run(
          undefined,
          { operation: 'uncordon', name: 'zk', nodes: 'node-1' },
          { killAt: /^::group::Wait/ },
        )
        expect(killed.signal).toBe('SIGKILL')
        const identity = holder(cluster)
        expect(identity).toContain('example/shop')
        // As a drain would have left it, killed at the same place.
        const node = leave(cluster, 'zk-1', 'wait', identity)
        const state = {
          version: 1,
          lock: { namespace: 'default', lease: RECORD, identity },
          nodes: [{ name: node, ensemble: 'default/zk' }],
        }
        const post = await killed.post({ env: { 'STATE_zk-ensemble': JSON.stringify(state) } })
        expect(post.exitCode).toBe(0)
        expect(post.lines.join('\n')).toContain(
          `Node ${node} was left cordoned by a killed step and was uncordoned.`,
        )
        expect(standing(cluster, node)).toEqual({ cordoned: false, marked: false })
        expect(record(cluster)['maintenance']).toBeNull()
        expect(holder(cluster)).toBe('')

        const kept = leave(cluster, 'zk-2', 'handed-over', identity)
        const second = await killed.post({
          env: {
            'STATE_zk-ensemble': JSON.stringify({
              ...state,
              nodes: [{ name: kept, ensemble: 'default/zk' }],
            }),
          },
        })
        expect(second.exitCode).toBe(0)
        expect(standing(cluster, kept)).toEqual({ cordoned: true, marked: true })
      }),
    120_000,
  )
})
