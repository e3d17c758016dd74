// Pods of Deployments are what a drain mostly evicts: they are replaced at once, elsewhere, and are
// Ready a while later; and how a client reads long lists of them.

import { describe, expect, test } from '@jest/globals'
import { atCluster, never } from '../../procedures/at-cluster.ts'
import { isDeleting, isReady } from '../../../support/cluster/store.ts'
import { text, type Fields } from '../../../support/cluster/json.ts'
import { untilHere } from '../../../support/in-process.ts'

function web(replicas: number, readyAfterSeconds: number): Fields {
  const container: Fields = {
    name: 'c',
    image: 'busybox:1.36',
    command: ['sleep', 'infinity'],
    readinessProbe: {
      exec: { command: ['true'] },
      initialDelaySeconds: readyAfterSeconds,
      periodSeconds: 1,
    },
  }
  return {
    apiVersion: 'apps/v1',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } },
    },
  }
}

describe('a Deployment', () => {
  test('has a pod that goes replaced at once, by one of another name that is Ready only later; its budget allows nothing until then', () =>
    atCluster(async ({ cluster, clock }) => {
      const ready = (): number =>
        cluster.objects.list('Pod', 'default').filter((pod) => isReady(pod) && !isDeleting(pod))
          .length
      const allowed = (): string =>
        text(
          cluster.objects.get('PodDisruptionBudget', 'default', 'web'),
          'status',
          'disruptionsAllowed',
        )
      cluster.objects.put('Deployment', web(2, 20))
      cluster.objects.put('PodDisruptionBudget', {
        apiVersion: 'policy/v1',
        metadata: { name: 'web', namespace: 'default' },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
      })
      await untilHere(
        clock,
        'two Ready pods and their budget',
        () => ready() === 2 && allowed() === '1',
      )
      const names = cluster.objects
        .list('Pod', 'default')
        .map((pod) => text(pod, 'metadata', 'name'))
      cluster.somebody.evict('default', names[0] ?? '')
      expect(() => cluster.somebody.evict('default', names[1] ?? '')).toThrow(
        "Cannot evict pod as it would violate the pod's disruption budget.",
      )
      await untilHere(clock, 'the replacement', () =>
        cluster.objects
          .list('Pod', 'default')
          .some((pod) => !names.includes(text(pod, 'metadata', 'name'))),
      )
      expect({ ready: ready(), allowed: allowed() }).toEqual({ ready: 1, allowed: '0' })
      await untilHere(clock, 'two Ready pods', () => ready() === 2 && allowed() === '1')
      expect(
        cluster.objects
          .list('Pod', 'default')
          .map((pod) => text(pod, 'metadata', 'ownerReferences', 0, 'kind')),
      ).toEqual(['ReplicaSet', 'ReplicaSet'])
    }))
})

describe('the pods of the cluster', () => {
  test('are listed across namespaces page by page, and by node and by name', () =>
    atCluster(async ({ cluster, client }) => {
      for (let count = 0; count < 620; count++) {
        cluster.objects.put('Pod', {
          apiVersion: 'v1',
          metadata: {
            name: `pod-${count}`,
            namespace: count % 2 === 0 ? 'default' : 'kube-system',
          },
          spec: {
            nodeName: count % 10 === 0 ? 'node-1' : 'node-2',
            containers: [{ name: 'c', image: 'nowhere' }],
          },
        })
      }
      const kube = await client('reads')
      const names = async (fields?: string): Promise<readonly string[]> =>
        kube.listAs(
          { apiVersion: 'v1', kind: 'Pod' },
          fields === undefined ? {} : { fields },
          (pod) => pod.metadata.name,
          never,
        )
      const all = await names()
      expect([all.length, new Set(all).size]).toEqual([620, 620])
      expect(
        cluster.requests.filter(
          ({ by, verb, kind }) => by === 'reads' && verb === 'list' && kind === 'Pod',
        ).length,
      ).toBeGreaterThan(1)
      expect(await names('spec.nodeName=node-1')).toHaveLength(62)
      expect(await names('metadata.name=pod-17')).toEqual(['pod-17'])
    }))

  test("are watched by node: a pod of another node is nobody's news, one that goes is", () =>
    atCluster(async ({ cluster, clock, client }) => {
      const kube = await client()
      const seen: string[] = []
      const done = new AbortController()
      const watching = kube
        .watch(
          { apiVersion: 'v1', kind: 'Pod' },
          { fields: 'spec.nodeName=node-1' },
          (await kube.list({ apiVersion: 'v1', kind: 'Pod' }, {}, never)).resourceVersion,
          ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
          done.signal,
        )
        .catch(() => undefined)
      for (const [name, nodeName] of [
        ['near', 'node-1'],
        ['far', 'node-2'],
      ] as const)
        cluster.objects.put('Pod', {
          apiVersion: 'v1',
          metadata: { name, namespace: 'default' },
          spec: {
            nodeName,
            containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', 'infinity'] }],
          },
        })
      await untilHere(clock, 'a Ready pod', () =>
        isReady(cluster.objects.get('Pod', 'default', 'near') ?? {}),
      )
      cluster.somebody.delete('Pod', 'default', 'far')
      cluster.somebody.delete('Pod', 'default', 'near')
      await untilHere(clock, 'the end of the pod', () => seen.includes('DELETED near'))
      done.abort()
      await watching
      expect(seen[0]).toBe('ADDED near')
      expect(seen.filter((line) => line.endsWith('far'))).toEqual([])
    }))
})
