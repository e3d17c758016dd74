// The simulated controllers do what real ones were seen to do: the counters and the order that a
// rollout is judged by.

import { describe, expect, test } from '@jest/globals'
import { at, items, text, type Fields } from '../../../support/cluster/json.ts'
import type { SimulatedCluster } from '../../../support/cluster/cluster.ts'
import type { ClusterOptions } from '../../../support/cluster/cluster.ts'
import type { SetOptions } from './given.ts'
import { available, object, set, signal, statusOf, until, withCluster } from './given.ts'

function pod(
  cluster: SimulatedCluster,
  name: string,
): ReturnType<SimulatedCluster['objects']['get']> {
  return cluster.objects.get('Pod', 'default', name)
}

function revision(cluster: SimulatedCluster, name: string): string {
  return text(pod(cluster, name), 'metadata', 'labels', 'controller-revision-hash')
}

const changed = (value: string): { container: { env: { name: string; value: string }[] } } => ({
  container: { env: [{ name: 'X', value }] },
})

describe('StatefulSet', () => {
  test('members come in order, each when the one before is Ready, and all count as updated and current', () =>
    withCluster({}, async (cluster, kube) => {
      const order: string[] = []
      const { resourceVersion } = await kube.list(
        { apiVersion: 'v1', kind: 'Pod' },
        { namespace: 'default' },
        signal,
      )
      const done = new AbortController()
      const watching = kube
        .watch(
          { apiVersion: 'v1', kind: 'Pod' },
          { namespace: 'default' },
          resourceVersion,
          (event) => event.type === 'ADDED' && order.push(event.object.metadata.name),
          done.signal,
        )
        .catch(() => undefined)
      await kube.apply(set(), {}, signal)
      await available(cluster)
      done.abort()
      await watching
      expect(order).toEqual(['web-0', 'web-1', 'web-2'])
      expect(statusOf(cluster)).toMatchObject({
        observedGeneration: 1,
        replicas: 3,
        readyReplicas: 3,
        currentReplicas: 3,
        updatedReplicas: 3,
        availableReplicas: 3,
        collisionCount: 0,
      })
    }))

  describe('made again over the pods that it had', () => {
    const claims = (...names: readonly string[]): Fields[] =>
      names.map((name) => ({
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      }))
    const uids = (cluster: SimulatedCluster): string[] =>
      ['web-0', 'web-1', 'web-2'].map((name) => text(pod(cluster, name), 'metadata', 'uid'))

    /** Three members that were left by their set, which is there again as `made` says. */
    const madeAgain = (
      first: SetOptions,
      made: SetOptions,
      work: (cluster: SimulatedCluster, before: readonly string[]) => Promise<void>,
    ): Promise<void> =>
      withCluster({}, async (cluster, kube) => {
        await kube.apply(set(first), {}, signal)
        await available(cluster)
        const before = uids(cluster)
        cluster.somebody.orphan('StatefulSet', 'default', 'web')
        expect(items(pod(cluster, 'web-0'), 'metadata', 'ownerReferences')).toEqual([])
        await kube.apply(set(made), {}, signal)
        await work(cluster, before)
      })

    test('it adopts them with the revision that they run, and replaces none', () =>
      madeAgain({}, {}, async (cluster, before) => {
        await available(cluster)
        expect(uids(cluster)).toEqual(before)
        expect(text(statusOf(cluster), 'updateRevision')).toBe(revision(cluster, 'web-0'))
        expect(cluster.objects.list('ControllerRevision', 'default')).toHaveLength(1)
      }))

    test('with another template it replaces them by itself, the highest ordinal first', () =>
      madeAgain({}, changed('1'), async (cluster, before) => {
        await until('every member replaced', () =>
          uids(cluster).every((uid) => !before.includes(uid)),
        )
        const gone = cluster.history.filter(({ what }) => what === 'deleted')
        expect(gone.map(({ ordinal, by }) => [ordinal, by])).toEqual(
          [2, 1, 0].map((ordinal) => [ordinal, 'statefulset-controller']),
        )
      }))

    test('a pod of other labels stays whose it is, and its name is taken', () =>
      madeAgain(
        {},
        {
          spec: {
            selector: { matchLabels: { app: 'web', tier: 'new' } },
            template: {
              metadata: { labels: { app: 'web', tier: 'new' } },
              spec: { containers: [{ name: 'c', image: 'busybox:1.36' }] },
            },
          },
        },
        async (cluster, before) => {
          await until('it was seen', () => statusOf(cluster)['observedGeneration'] === 1)
          expect([uids(cluster), statusOf(cluster)['replicas']]).toEqual([before, 0])
        },
      ))

    test('with one more claim template it can do nothing for the lowest, and so for none', () =>
      madeAgain(
        { spec: { volumeClaimTemplates: claims('data') } },
        { ...changed('1'), spec: { volumeClaimTemplates: claims('data', 'log') } },
        async (cluster, before) => {
          await until('it is refused', () =>
            cluster.objects
              .list('Event', 'default')
              .some((event) => text(event, 'reason') === 'FailedUpdate'),
          )
          cluster.somebody.delete('Pod', 'default', 'web-2')
          await until('web-2 gone', () => pod(cluster, 'web-2') === undefined)
          expect(uids(cluster)).toEqual([...before.slice(0, 2), ''])
          cluster.somebody.delete('Pod', 'default', 'web-0')
          await until('web-0 back', () => !['', before[0]].includes(uids(cluster)[0]))
          expect(pod(cluster, 'web-2')).toBeUndefined()
        },
      ))
  })

  test('a roll goes from the highest ordinal down and stops at the partition', () =>
    withCluster({}, async (cluster, kube) => {
      await kube.apply(set(), {}, signal)
      await available(cluster)
      const before = revision(cluster, 'web-0')
      await kube.apply(
        set({
          ...changed('1'),
          spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
        }),
        {},
        signal,
      )
      await until(
        'web-2 updated',
        () => revision(cluster, 'web-2') !== before && statusOf(cluster)['availableReplicas'] === 3,
      )
      expect([revision(cluster, 'web-0'), revision(cluster, 'web-1')]).toEqual([before, before])
      expect(statusOf(cluster)).toMatchObject({
        currentReplicas: 2,
        updatedReplicas: 1,
        currentRevision: before,
      })
      await kube.apply(
        set({
          ...changed('1'),
          spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } },
        }),
        {},
        signal,
      )
      await available(cluster)
      expect(revision(cluster, 'web-0')).not.toBe(before)
    }))

  test('under OrderedReady a bad revision stays stuck when the template is restored, until the pod is deleted; revisions are renumbered', () =>
    withCluster({}, async (cluster, kube) => {
      // Without a probe the bad one would be Ready for moments, and the next one taken in one of
      // them.
      const probed = { container: { readinessProbe: { exec: { command: ['true'] } } } }
      await kube.apply(set(probed), {}, signal)
      await available(cluster)
      const good = revision(cluster, 'web-2')
      await kube.apply(set({ ...probed, command: ['false'] }), {}, signal)
      await until(
        'web-2 crashing',
        () =>
          text(
            pod(cluster, 'web-2'),
            'status',
            'containerStatuses',
            0,
            'state',
            'waiting',
            'reason',
          ) === 'CrashLoopBackOff',
      )
      const bad = revision(cluster, 'web-2')
      await kube.apply(set(probed), {}, signal)
      await until(
        'restored template observed, the others Ready',
        () =>
          statusOf(cluster)['updateRevision'] === good && statusOf(cluster)['readyReplicas'] === 2,
      )
      expect(statusOf(cluster)).toMatchObject({ currentRevision: good, updatedReplicas: 2 })
      expect(revision(cluster, 'web-2')).toBe(bad)
      const revisions = cluster.objects
        .list('ControllerRevision', 'default')
        .map((entry) => [entry.metadata['name'], entry['revision']])
      expect(Object.fromEntries(revisions)).toEqual({ [good]: 3, [bad]: 2 })
      await kube.delete(
        { apiVersion: 'v1', kind: 'Pod', name: 'web-2', namespace: 'default' },
        {},
        signal,
      )
      await available(cluster)
      expect(revision(cluster, 'web-2')).toBe(good)
    }))

  test('under OnDelete nothing rolls by itself, a lost member comes back at the new revision, and current stays behind', () =>
    withCluster({}, async (cluster, kube) => {
      const strategy = { spec: { updateStrategy: { type: 'OnDelete' } } }
      await kube.apply(set(strategy), {}, signal)
      await available(cluster)
      const before = revision(cluster, 'web-1')
      await kube.apply(set({ ...changed('1'), ...strategy }), {}, signal)
      await until('new revision observed', () => statusOf(cluster)['updateRevision'] !== before)
      await kube.delete(
        { apiVersion: 'v1', kind: 'Pod', name: 'web-1', namespace: 'default' },
        {},
        signal,
      )
      await until(
        'web-1 back',
        () =>
          revision(cluster, 'web-1') === statusOf(cluster)['updateRevision'] &&
          statusOf(cluster)['availableReplicas'] === 3,
      )
      expect(statusOf(cluster)).toMatchObject({
        currentRevision: before,
        currentReplicas: 2,
        updatedReplicas: 1,
      })
    }))

  test('fewer replicas: the highest ordinal goes, its claim stays', () =>
    withCluster({}, async (cluster, kube) => {
      const claims = {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      }
      await kube.apply(set({ spec: claims }), {}, signal)
      await available(cluster)
      await kube.apply(set({ replicas: 2, spec: claims }), {}, signal)
      await until(
        'web-2 gone',
        () => pod(cluster, 'web-2') === undefined && statusOf(cluster)['replicas'] === 2,
      )
      expect(
        cluster.objects
          .list('PersistentVolumeClaim', 'default')
          .map((claim) => [claim.metadata['name'], text(claim, 'status', 'phase')]),
      ).toEqual([
        ['data-web-0', 'Bound'],
        ['data-web-1', 'Bound'],
        ['data-web-2', 'Bound'],
      ])
    }))

  test('a quota that refuses a pod is an event on the set', () =>
    withCluster({}, async (cluster, kube) => {
      cluster.objects.put('ResourceQuota', {
        metadata: { name: 'few', namespace: 'default' },
        spec: { hard: { pods: '1' } },
      })
      await kube.apply(set({ replicas: 2 }), {}, signal)
      await until('refusal', () =>
        cluster.objects
          .list('Event', 'default')
          .some((event) => event['reason'] === 'FailedCreate'),
      )
      const event = cluster.objects
        .list('Event', 'default')
        .find((entry) => entry['reason'] === 'FailedCreate')
      expect(event).toMatchObject({
        type: 'Warning',
        involvedObject: { kind: 'StatefulSet', name: 'web' },
      })
      expect(text(event, 'message')).toContain(
        'pods "web-1" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
      )
    }))
})

describe('what keeps a pod from running', () => {
  const cases: {
    name: string
    options: SetOptions
    cluster?: ClusterOptions
    reason: string
    message: string
  }[] = [
    {
      name: 'an image that is not there',
      options: { image: 'nope:1' },
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "nope:1": ErrImagePull: rpc error: code = NotFound',
    },
    {
      name: 'an image name that is none',
      options: { image: 'Bad Image' },
      reason: 'InvalidImageName',
      message: "couldn't parse image name",
    },
    {
      name: 'a command that ends',
      options: { command: ['sh', '-c', 'echo boom; exit 3'] },
      reason: 'CrashLoopBackOff',
      message: 'back-off',
    },
    {
      name: 'a ConfigMap that is missing',
      options: { container: { envFrom: [{ configMapRef: { name: 'nothing' } }] } },
      reason: 'CreateContainerConfigError',
      message: 'configmap "nothing" not found',
    },
    {
      name: 'a key that is missing',
      options: {
        container: {
          env: [
            { name: 'A', valueFrom: { configMapKeyRef: { name: 'kube-root-ca.crt', key: 'no' } } },
          ],
        },
      },
      reason: 'CreateContainerConfigError',
      message: "couldn't find key no in ConfigMap default/kube-root-ca.crt",
    },
  ]
  test.each(cases)(
    '$name is told in the container status',
    async ({ options, reason, message }) => {
      await withCluster({}, async (cluster, kube) => {
        await kube.apply(set({ replicas: 1, ...options }), {}, signal)
        const waiting = (): ReturnType<typeof at> =>
          at(pod(cluster, 'web-0'), 'status', 'containerStatuses', 0, 'state', 'waiting')
        await until(reason, () => text(waiting(), 'reason') === reason)
        expect(text(waiting(), 'message')).toContain(message)
      })
    },
  )

  test('a container that ran out of memory says so in its last state, and its log can still be read', () =>
    withCluster(
      { images: { 'greedy:1': { exit: { code: 137, reason: 'OOMKilled', log: 'one\ntwo\n' } } } },
      async (cluster, kube) => {
        await kube.apply(set({ replicas: 1, image: 'greedy:1' }), {}, signal)
        await until(
          'OOMKilled',
          () =>
            text(
              pod(cluster, 'web-0'),
              'status',
              'containerStatuses',
              0,
              'lastState',
              'terminated',
              'reason',
            ) === 'OOMKilled',
        )
        expect(
          at(
            pod(cluster, 'web-0'),
            'status',
            'containerStatuses',
            0,
            'lastState',
            'terminated',
            'exitCode',
          ),
        ).toBe(137)
        expect(
          await kube.logs(
            { name: 'web-0', namespace: 'default' },
            'c',
            { lines: 1, previous: true },
            signal,
          ),
        ).toBe('two\n')
      },
    ))

  test('too few nodes for the anti-affinity leave the last member Pending, with the count of nodes and the reason', () =>
    withCluster({ nodes: 2 }, async (cluster, kube) => {
      const affinity = {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              labelSelector: { matchLabels: { app: 'web' } },
              topologyKey: 'kubernetes.io/hostname',
            },
          ],
        },
      }
      await kube.apply(set({ pod: { affinity } }), {}, signal)
      await until(
        'web-2 unschedulable',
        () =>
          text(items(pod(cluster, 'web-2'), 'status', 'conditions')[0], 'reason') ===
          'Unschedulable',
      )
      const condition = items(pod(cluster, 'web-2'), 'status', 'conditions')[0]
      expect(text(condition, 'message')).toBe(
        "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
      )
      cluster.objects.put('Node', {
        metadata: { name: 'node-9', labels: { 'kubernetes.io/hostname': 'node-9' } },
        status: { allocatable: { cpu: '2', memory: '8Gi' } },
      })
      await available(cluster)
      expect(text(pod(cluster, 'web-2'), 'spec', 'nodeName')).toBe('node-9')
    }))

  test('a storage class that is missing keeps claim and pod Pending, and the event names it', () =>
    withCluster({}, async (cluster, kube) => {
      const claims = {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              storageClassName: 'nonesuch',
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: '1Gi' } },
            },
          },
        ],
      }
      await kube.apply(set({ spec: claims }), {}, signal)
      await until('event', () =>
        cluster.objects
          .list('Event', 'default')
          .some((event) => event['reason'] === 'ProvisioningFailed'),
      )
      expect(
        text(
          cluster.objects
            .list('Event', 'default')
            .find((event) => event['reason'] === 'ProvisioningFailed'),
          'message',
        ),
      ).toBe('storageclass.storage.k8s.io "nonesuch" not found')
      expect(
        text(
          cluster.objects.get('PersistentVolumeClaim', 'default', 'data-web-0'),
          'status',
          'phase',
        ),
      ).toBe('Pending')
    }))
})

describe('housekeeping', () => {
  test('endpoints hold the members that are Ready, and all of them where the service publishes them before', () =>
    withCluster({}, async (cluster, kube) => {
      const service = (name: string, more: Record<string, unknown>): ReturnType<typeof object> =>
        object('v1', 'Service', name, {
          spec: { selector: { app: 'web' }, ports: [{ port: 80, name: 'http' }], ...more },
        })
      await kube.apply(service('plain', {}), {}, signal)
      await kube.apply(
        service('early', { clusterIP: 'None', publishNotReadyAddresses: true }),
        {},
        signal,
      )
      await kube.apply(
        set({ replicas: 1, container: { readinessProbe: { exec: { command: ['false'] } } } }),
        {},
        signal,
      )
      await until(
        'slices',
        () =>
          cluster.objects
            .list('EndpointSlice', 'default')
            .filter((slice) => items(slice, 'endpoints').length === 1).length === 2,
      )
      const ready = Object.fromEntries(
        cluster.objects
          .list('EndpointSlice', 'default')
          .map((slice) => [
            text(slice, 'metadata', 'labels', 'kubernetes.io/service-name'),
            at(slice, 'endpoints', 0, 'conditions', 'ready'),
          ]),
      )
      expect(ready).toEqual({ plain: false, early: true })
    }))

  test('a deleted set takes its pods and revisions along, a deleted namespace everything in it', () =>
    withCluster({}, async (cluster, kube) => {
      await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, signal)
      const wanted = { ...set(), metadata: { name: 'web', namespace: 'shop' } }
      await kube.apply(wanted, {}, signal)
      await until('running', () => cluster.objects.list('Pod', 'shop').length > 0)
      await kube.delete(
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', namespace: 'shop' },
        {},
        signal,
      )
      await until(
        'pods gone',
        () =>
          cluster.objects.list('Pod', 'shop').length === 0 &&
          cluster.objects.list('ControllerRevision', 'shop').length === 0,
      )
      await kube.delete({ apiVersion: 'v1', kind: 'Namespace', name: 'shop' }, {}, signal)
      await until(
        'namespace gone',
        () => cluster.objects.get('Namespace', '', 'shop') === undefined,
      )
    }))
})
