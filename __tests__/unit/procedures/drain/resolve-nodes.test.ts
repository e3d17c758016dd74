// A name that is understood wrongly drains, or frees, a node that nobody meant.

import { describe, expect, test } from '@jest/globals'
import type { Kube, KubeObject, ListOptions } from '../../../../src/kube/kube.ts'
import { resolveNodes } from '../../../../src/procedures/drain/resolve-nodes.ts'
import {
  emptyRecord,
  type MaintenanceNode,
  type StoredRecord,
} from '../../../../src/record/record.ts'
import { never } from '../at-cluster.ts'
import { pod, view } from '../../decide/given.ts'
import { kubeWith } from '../given.ts'

const NODES = ['node-1', 'node-2', 'node-3', 'node-4']
const VIEW = view([
  pod(0, { node: 'node-3' }),
  pod(1, { node: 'node-1' }),
  pod(2, { node: undefined, phase: 'Pending' }),
])

function kube(selected: readonly string[] = [], names: readonly string[] = NODES): Kube {
  const node = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}` },
    spec: {},
    status: {},
  })
  return kubeWith({
    listAs: (_kind, options: ListOptions, view) =>
      Promise.resolve(
        (options.labels === undefined ? names : selected).map((name) => view(node(name))),
      ),
  })
}

function record(...nodes: readonly Pick<MaintenanceNode, 'name' | 'members'>[]): StoredRecord {
  const entries = nodes.map((node): MaintenanceNode => ({
    uid: '',
    phase: 'wait',
    cordon: 'ours',
    placement: 'in-place',
    bootId: '',
    at: '',
    ...node,
  }))
  return {
    record: {
      ...emptyRecord('zk'),
      ...(entries.length === 0 ? {} : { maintenance: { runUrl: '', since: '', nodes: entries } }),
    },
    object: undefined,
  }
}

async function resolved(
  targets: { nodes?: string[]; nodeSelector?: string; members?: string[] },
  more: { kube?: Kube; record?: StoredRecord } = {},
): Promise<string[]> {
  const found = await resolveNodes(
    more.kube ?? kube(),
    { nodes: [], nodeSelector: undefined, members: [], ...targets },
    VIEW,
    more.record ?? record(),
    never,
  )
  return found.map(({ name }) => name)
}

describe('nodes that are found', () => {
  test('by name, in the order in which they were named, each once', async () =>
    expect(await resolved({ nodes: ['node-4', 'node-2', 'node-4'] })).toEqual(['node-4', 'node-2']))
  test('by selector', async () =>
    expect(
      await resolved({ nodeSelector: 'pool=zk' }, { kube: kube(['node-2', 'node-3']) }),
    ).toEqual(['node-2', 'node-3']))
  test('by member: where its pod is', async () =>
    expect(await resolved({ members: ['zk-1', 'zk-0'] })).toEqual(['node-1', 'node-3']))
  test('by ordinal', async () => expect(await resolved({ members: ['0'] })).toEqual(['node-3']))
  test('by all of them: a node that is meant twice is there once, where it was named first', async () =>
    expect(
      await resolved(
        { nodes: ['node-1'], nodeSelector: 'pool=zk', members: ['zk-0', 'zk-1'] },
        { kube: kube(['node-3', 'node-2']) },
      ),
    ).toEqual(['node-1', 'node-3', 'node-2']))
  test.each(['zk-2', '2'])(
    'by member %s, which waits for a node: the last one that it was taken from',
    async (member) =>
      expect(
        await resolved(
          { members: [member] },
          {
            record: record(
              { name: 'node-1', members: ['zk-2'] },
              { name: 'node-2', members: ['zk-2', 'zk-9'] },
            ),
          },
        ),
      ).toEqual(['node-2']),
  )
  test('one that has left the cluster since a run began it is passed over', async () =>
    expect(
      await resolved(
        { nodes: ['node-9', 'node-1'] },
        { record: record({ name: 'node-9', members: [] }) },
      ),
    ).toEqual(['node-1']))
})

describe('what is unknown', () => {
  test.each<[string, Parameters<typeof resolved>[0], RegExp]>([
    [
      'a node',
      { nodes: ['node-1', 'nod-2'] },
      /the cluster has no node nod-2, but node-1, node-2, node-3, node-4/,
    ],
    [
      'a selector that finds nothing',
      { nodeSelector: 'pool=none' },
      /no node has the labels pool=none/,
    ],
    [
      'a member',
      { members: ['zk-5'] },
      /zk has no member zk-5, but zk-0 \(on node-3\), zk-1 \(on node-1\), zk-2/,
    ],
    [
      'where a member was that waits for a node',
      { members: ['zk-2'] },
      /zk-2 is on no node, and the record does not say where it was/,
    ],
  ])('%s is told with what there is', async (_, targets, message) => {
    await expect(resolved(targets)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      outcome: 'refused',
      message: expect.stringMatching(message),
    })
  })

  test('everything at once', async () => {
    const error: unknown = await resolved({ nodes: ['a', 'b'], members: ['c'] }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({
      findings: [{ input: 'nodes' }, { input: 'nodes' }, { input: 'members' }],
    })
  })

  test('of a big cluster only the first names are listed', async () => {
    const names = Array.from({ length: 5000 }, (_, index) => `n${index}`)
    const error: unknown = await resolved({ nodes: ['x'] }, { kube: kube([], names) }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ message: expect.stringMatching(/n19 and 4980 more$/) })
  })
})
