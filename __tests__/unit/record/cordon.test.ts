// Cordon and mark are one write, or a run that dies between them leaves a node that nobody
// uncordons; a cordon of somebody else is never touched.

import { describe, expect, test } from '@jest/globals'
import { CORDON_ANNOTATION, type CordonMark } from '../../../src/decide/drain/cordon.ts'
import { cordonNode, readNode, uncordonByHand, uncordonNode } from '../../../src/record/cordon.ts'
import { toNode } from '../../../src/kube/views/index.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import type { NodeView } from '../../../src/view/surroundings.ts'
import type { SimulatedCluster } from '../../support/cluster/cluster.ts'
import { at, text } from '../../support/cluster/json.ts'
import { atCluster, never } from '../procedures/at-cluster.ts'

const MARK: CordonMark = {
  ensemble: 'shop/zk',
  identity: 'org/repo/7/1/abcd1234',
  runUrl: 'https://ci.example/run/7',
  at: '2026-01-01T00:00:00.000Z',
}
const OURS = { ensemble: 'shop/zk' }

async function viewOf(kube: Kube, name: string): Promise<NodeView> {
  const object = await readNode(kube, name, never)
  if (object === undefined) throw new Error(`no node ${name}`)
  return toNode(object)
}

function state(
  { objects }: SimulatedCluster,
  name: string,
): { cordoned: boolean; marked: boolean } {
  const node = objects.get('Node', '', name)
  return {
    cordoned: at(node, 'spec', 'unschedulable') === true,
    marked: text(node, 'metadata', 'annotations', CORDON_ANNOTATION) !== '',
  }
}

function patches({ requests }: SimulatedCluster): number {
  return requests.filter(({ verb, kind }) => verb === 'patch' && kind === 'Node').length
}

describe('cordoning', () => {
  test('sets field and mark in one request; a second time it asks for nothing', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      expect(await cordonNode(kube, node, MARK, never)).toMatchObject({
        kind: 'ours',
        node: { name: 'node-1', unschedulable: true },
      })
      expect(state(cluster, 'node-1')).toEqual({ cordoned: true, marked: true })
      expect(patches(cluster)).toBe(1)
      expect(await cordonNode(kube, node, MARK, never)).toMatchObject({ kind: 'ours' })
      expect(patches(cluster)).toBe(1)
    }))

  test('leaves other annotations as they are', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      cluster.somebody.edit('Node', '', 'node-1', { metadata: { annotations: { theirs: 'kept' } } })
      await cordonNode(kube, await viewOf(kube, 'node-1'), MARK, never)
      expect(
        text(cluster.objects.get('Node', '', 'node-1'), 'metadata', 'annotations', 'theirs'),
      ).toBe('kept')
      await uncordonNode(kube, 'node-1', OURS, never)
      expect(at(cluster.objects.get('Node', '', 'node-1'), 'metadata', 'annotations')).toEqual({
        theirs: 'kept',
      })
    }))

  test("a cordon of a person's is not touched, without a mark of ours", () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      cluster.somebody.cordon('node-1')
      expect(await cordonNode(kube, await viewOf(kube, 'node-1'), MARK, never)).toMatchObject({
        kind: 'theirs',
        mark: undefined,
      })
      expect(state(cluster, 'node-1')).toEqual({ cordoned: true, marked: false })
      expect(patches(cluster)).toBe(0)
    }))

  test('somebody who cordons between the look and the patch keeps the cordon', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      let looks = 0
      const raced: Kube = {
        ...kube,
        async get(ref, signal) {
          const found = await kube.get(ref, signal)
          if (looks++ === 0) cluster.somebody.cordon('node-1')
          return found
        },
      }
      expect(await cordonNode(raced, node, MARK, never)).toMatchObject({ kind: 'theirs' })
      expect(state(cluster, 'node-1')).toEqual({ cordoned: true, marked: false })
    }))

  test('another write to the node costs one more look and nothing else', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      let looks = 0
      const raced: Kube = {
        ...kube,
        async get(ref, signal) {
          const found = await kube.get(ref, signal)
          if (looks++ < 3)
            cluster.somebody.edit('Node', '', 'node-1', {
              metadata: { labels: { look: String(looks) } },
            })
          return found
        },
      }
      expect(await cordonNode(raced, node, MARK, never)).toMatchObject({ kind: 'ours' })
      expect(text(cluster.objects.get('Node', '', 'node-1'), 'metadata', 'labels', 'look')).toBe(
        '3',
      )
    }))

  test('an answer that is lost is looked up, not taken for a refusal', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      cluster.faults.next({ verb: 'patch', kind: 'Node', dropAnswer: true })
      expect(await cordonNode(kube, node, MARK, never)).toMatchObject({ kind: 'ours' })
      cluster.faults.next({ verb: 'patch', kind: 'Node', dropAnswer: true })
      expect(await uncordonNode(kube, 'node-1', OURS, never)).toMatchObject({
        kind: 'uncordoned',
        was: 'ours',
      })
      expect(state(cluster, 'node-1')).toEqual({ cordoned: false, marked: false })
    }))

  test("another ensemble's cordon is not joined, and whose it is is told", () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      await cordonNode(kube, node, { ...MARK, ensemble: 'shop/other' }, never)
      expect(await cordonNode(kube, node, MARK, never)).toMatchObject({
        kind: 'theirs',
        mark: { ensemble: 'shop/other', runUrl: MARK.runUrl },
      })
      expect(patches(cluster)).toBe(1)
    }))

  test('the cordon of a dead run of the same ensemble becomes ours, so that the dead one can not remove it', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      const dead = { ...MARK, identity: 'org/repo/6/1/0000' }
      await cordonNode(kube, node, dead, never)
      expect(await cordonNode(kube, node, MARK, never)).toMatchObject({ kind: 'ours' })
      expect(
        await uncordonNode(kube, 'node-1', { ...OURS, identity: dead.identity }, never),
      ).toMatchObject({ kind: 'not ours', mark: { identity: MARK.identity } })
      expect(state(cluster, 'node-1').cordoned).toBe(true)
    }))

  test('a node that is gone, or that another machine stands for, is gone', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      expect(await cordonNode(kube, { ...node, uid: 'of-before' }, MARK, never)).toEqual({
        kind: 'gone',
      })
      expect(await uncordonNode(kube, 'node-1', { ...OURS, uid: 'of-before' }, never)).toEqual({
        kind: 'gone',
      })
      cluster.objects.remove('Node', '', 'node-1')
      expect(await cordonNode(kube, node, MARK, never)).toEqual({ kind: 'gone' })
      expect(await uncordonNode(kube, 'node-1', OURS, never)).toEqual({ kind: 'gone' })
      expect(patches(cluster)).toBe(0)
    }))

  test('without the right it fails with what was refused', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      cluster.faults.forbid('patch', 'nodes')
      await expect(cordonNode(kube, node, MARK, never)).rejects.toMatchObject({ status: 403 })
    }))
})

describe('uncordoning', () => {
  test("removes our cordon with its mark, and nobody else's", () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      for (const name of ['node-1', 'node-2'])
        await cordonNode(
          kube,
          await viewOf(kube, name),
          name === 'node-1' ? MARK : { ...MARK, ensemble: 'shop/other' },
          never,
        )
      cluster.somebody.cordon('node-3')
      expect(await uncordonNode(kube, 'node-1', OURS, never)).toMatchObject({
        kind: 'uncordoned',
        was: 'ours',
        node: { unschedulable: false },
      })
      expect(await uncordonNode(kube, 'node-2', OURS, never)).toMatchObject({
        kind: 'not ours',
        mark: { ensemble: 'shop/other' },
      })
      expect(await uncordonNode(kube, 'node-3', OURS, never)).toMatchObject({
        kind: 'not ours',
        mark: undefined,
      })
      expect(await uncordonNode(kube, 'node-4', OURS, never)).toMatchObject({
        kind: 'not cordoned',
      })
      expect(['node-1', 'node-2', 'node-3', 'node-4'].map((name) => state(cluster, name))).toEqual([
        { cordoned: false, marked: false },
        { cordoned: true, marked: true },
        { cordoned: true, marked: false },
        { cordoned: false, marked: false },
      ])
    }))

  test('with any it takes those too', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      await cordonNode(
        kube,
        await viewOf(kube, 'node-2'),
        { ...MARK, ensemble: 'shop/other' },
        never,
      )
      cluster.somebody.cordon('node-3')
      for (const name of ['node-2', 'node-3'])
        expect(await uncordonNode(kube, name, { ...OURS, any: true }, never)).toMatchObject({
          kind: 'uncordoned',
          was: 'theirs',
        })
      expect(['node-2', 'node-3'].map((name) => state(cluster, name))).toEqual([
        { cordoned: false, marked: false },
        { cordoned: false, marked: false },
      ])
    }))

  test('a node that was uncordoned by hand loses the mark; cordoned by hand again, it is no longer ours', () =>
    atCluster(async ({ cluster, client }) => {
      const kube = await client()
      const node = await viewOf(kube, 'node-1')
      await cordonNode(kube, node, MARK, never)
      cluster.somebody.uncordon('node-1')
      expect(state(cluster, 'node-1')).toEqual({ cordoned: false, marked: true })
      cluster.somebody.cordon('node-1')
      expect(await uncordonNode(kube, 'node-1', OURS, never)).toMatchObject({
        kind: 'not ours',
        by: expect.stringContaining('kubectl'),
      })
      cluster.somebody.uncordon('node-1')
      expect(await uncordonNode(kube, 'node-1', OURS, never)).toMatchObject({
        kind: 'not cordoned',
      })
      expect(state(cluster, 'node-1')).toEqual({ cordoned: false, marked: false })
    }))
})

test('the commands by hand take a name as one word', () =>
  expect(uncordonByHand('a b')).toEqual([
    "kubectl uncordon 'a b'",
    "kubectl annotate node 'a b' zk-ensemble-action/cordon-",
  ]))
