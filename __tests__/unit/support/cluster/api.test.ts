// The simulated API server answers as the real one: a test that passes against it must mean
// something about a real cluster.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube } from '../../../../src/kube/kube.ts'
import { items, text } from '../../../support/cluster/json.ts'
import { object, set, signal, until, withCluster } from './given.ts'

async function refusal(work: Promise<unknown>): Promise<{
  status: number
  reason: string
  message: string
  fields: string[]
  causes: string[]
}> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof KubeFailure))
    throw new Error(`expected a KubeFailure, got ${String(error)}`)
  return {
    status: error.status,
    reason: error.reason,
    message: error.message,
    fields: error.causes.map((cause) => cause.field),
    causes: error.causes.map((cause) => cause.message),
  }
}

const config = object('v1', 'ConfigMap', 'settings', { data: { a: '1' } })

describe('objects', () => {
  test('a write with an old resourceVersion is a conflict, so that a lost update would be seen', () =>
    withCluster({}, async (_cluster, kube) => {
      const made = await kube.create(config, signal)
      await kube.replace({ ...made, data: { a: '2' } }, signal)
      expect(await refusal(kube.replace({ ...made, data: { a: '3' } }, signal))).toMatchObject({
        status: 409,
        reason: 'Conflict',
      })
      expect(await refusal(kube.create(config, signal))).toMatchObject({
        status: 409,
        reason: 'AlreadyExists',
        message: expect.stringContaining('configmaps "settings" already exists'),
      })
      expect(
        await kube.get({ ...config, name: 'nothing', namespace: 'default' }, signal),
      ).toBeUndefined()
    }))

  test('a deletion with the wrong UID removes nothing', () =>
    withCluster({}, async (cluster, kube) => {
      await kube.create(config, signal)
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'settings', namespace: 'default' }
      expect(await refusal(kube.delete(ref, { uid: 'another' }, signal))).toMatchObject({
        status: 409,
        message: expect.stringContaining('does not match the UID in record'),
      })
      expect(cluster.objects.get('ConfigMap', 'default', 'settings')).toBeDefined()
      expect(await kube.delete(ref, {}, signal)).toBe(true)
      expect(await kube.delete(ref, {}, signal)).toBe(false)
    }))

  test('lists select by labels and fields', () =>
    withCluster({}, async (_cluster, kube) => {
      for (const [name, tier] of [
        ['one', 'a'],
        ['two', 'b'],
        ['three', 'a'],
      ] as const) {
        await kube.create(
          {
            ...object('v1', 'ConfigMap', name),
            metadata: { name, namespace: 'default', labels: { tier } },
          },
          signal,
        )
      }
      const kind = { apiVersion: 'v1', kind: 'ConfigMap' }
      const names = async (labels: string, fields = ''): Promise<string[]> =>
        (await kube.list(kind, { namespace: 'default', labels, fields }, signal)).items.map(
          (item) => item.metadata.name,
        )
      expect(await names('tier=a')).toEqual(['one', 'three'])
      expect(await names('tier in (a,b),tier!=a')).toEqual(['two'])
      expect(await names('tier', 'metadata.name=one')).toEqual(['one'])
    }))

  test('a watch continues from a version and ends with 410 once that version is forgotten', () =>
    withCluster({}, async (cluster, kube) => {
      const kind = { apiVersion: 'v1', kind: 'ConfigMap' }
      const { resourceVersion } = await kube.list(kind, { namespace: 'default' }, signal)
      const seen: string[] = []
      const watching = kube.watch(
        kind,
        { namespace: 'default', fields: 'metadata.name=settings' },
        resourceVersion,
        (event) => seen.push(event.type),
        signal,
      )
      await kube.create(config, signal)
      await kube.apply({ ...config, data: { a: '1', b: '2' } }, {}, signal)
      await kube.delete(
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'settings', namespace: 'default' },
        {},
        signal,
      )
      await until('three events', () => seen.length === 3)
      cluster.faults.forgetChanges()
      await watching
      expect(seen).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
      await kube.watch(kind, { namespace: 'default' }, resourceVersion, () => undefined, signal)
    }))
})

describe('server-side apply', () => {
  const applied = async (
    kube: Kube,
    data: Record<string, string>,
    force = false,
  ): Promise<{ created: boolean; version: string }> => {
    const { created, object: result } = await kube.apply({ ...config, data }, { force }, signal)
    return { created, version: result.metadata.resourceVersion ?? '' }
  }

  test('tells created, configured and unchanged apart, and drops what is not applied any more', () =>
    withCluster({}, async (cluster, kube) => {
      const first = await applied(kube, { a: '1', b: '2' })
      expect(first.created).toBe(true)
      expect(await applied(kube, { a: '1', b: '2' })).toEqual({
        created: false,
        version: first.version,
      })
      expect((await applied(kube, { a: '1' })).version).not.toBe(first.version)
      expect(cluster.objects.get('ConfigMap', 'default', 'settings')?.['data']).toEqual({ a: '1' })
    }))

  test("another manager's field is a conflict that names manager and field, until it is forced", () =>
    withCluster({}, async (_cluster, kube) => {
      await kube.apply({ ...config, data: { a: '1' } }, { fieldManager: 'helm' }, signal)
      const answer = await refusal(applied(kube, { a: '2' }))
      expect(answer).toMatchObject({
        status: 409,
        fields: ['.data.a'],
        message: 'Apply failed with 1 conflict: conflict with "helm": .data.a',
      })
      expect((await applied(kube, { a: '2' }, true)).created).toBe(false)
    }))

  test('an unchanged StatefulSet, defaulted by the server, is unchanged when it is applied again', () =>
    withCluster({}, async (_cluster, kube) => {
      const claims = {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1.5Gi' } } },
          },
        ],
      }
      const wanted = set({ replicas: 0, spec: claims })
      const { object: made } = await kube.apply(wanted, {}, signal)
      const { object: again } = await kube.apply(wanted, { dryRun: true }, signal)
      expect(again['spec']).toEqual(made['spec'])
      expect(again.metadata.generation).toBe(1)
      expect(again).toMatchObject({
        spec: {
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
          template: { spec: { containers: [{ resources: { requests: { cpu: '100m' } } }] } },
        },
      })
    }))

  test('what kubectl apply made conflicts in the fields that the server has rewritten, and no more once its entry carries our name', () =>
    withCluster({}, async (cluster, kube) => {
      const claims = {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      }
      const wanted = set({
        replicas: 0,
        spec: claims,
        container: { resources: { requests: { cpu: '0.5' } } },
      })
      await fetch(
        `${cluster.url}/apis/apps/v1/namespaces/default/statefulsets?fieldManager=kubectl-client-side-apply`,
        { method: 'POST', body: JSON.stringify(wanted) },
      )
      const answer = await refusal(kube.apply(wanted, {}, signal))
      expect(answer).toMatchObject({
        status: 409,
        fields: expect.arrayContaining([
          '.spec.volumeClaimTemplates',
          '.spec.template.spec.containers[name="c"].resources.requests.cpu',
        ]),
      })
      expect(answer.fields).toHaveLength(2)
      const live = cluster.objects.get('StatefulSet', 'default', 'web')
      const entries = items(live, 'metadata', 'managedFields').map((entry) =>
        typeof entry === 'object' && entry !== null && !Array.isArray(entry)
          ? { ...entry, manager: 'zk-ensemble-action', operation: 'Apply' }
          : entry,
      )
      await kube.patch(
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', namespace: 'default' },
        [{ op: 'replace', path: '/metadata/managedFields', value: entries }],
        signal,
      )
      const { object: taken } = await kube.apply(wanted, {}, signal)
      expect(
        taken.metadata.managedFields?.map((entry) => [entry.manager, entry.operation]),
      ).toEqual([['zk-ensemble-action', 'Apply']])
      expect(taken.metadata.generation).toBe(1)
    }))

  test('a change of an immutable field is refused without naming the field, as the real server does', () =>
    withCluster({}, async (_cluster, kube) => {
      await kube.apply(set({ replicas: 0 }), {}, signal)
      const answer = await refusal(
        kube.apply(set({ replicas: 0, spec: { serviceName: 'other' } }), { dryRun: true }, signal),
      )
      expect(answer).toMatchObject({ status: 422, reason: 'Invalid', fields: ['spec'] })
      expect(answer.message).toContain(
        "updates to statefulset spec for fields other than 'replicas'",
      )
    }))

  test('a dry run changes nothing and wakes no controller', () =>
    withCluster({}, async (cluster, kube) => {
      expect((await kube.apply(set(), { dryRun: true }, signal)).created).toBe(true)
      expect(cluster.objects.get('StatefulSet', 'default', 'web')).toBeUndefined()
      expect(cluster.requests.filter((request) => request.dryRun).length).toBe(1)
    }))
})

describe('access and faults', () => {
  test('what is forbidden is denied in reviews and refused in requests', () =>
    withCluster({}, async (cluster, kube) => {
      cluster.faults.forbid('create', 'pods/portforward')
      const wanted = [
        { verb: 'create', group: '', resource: 'pods/portforward', namespace: 'default' },
        { verb: 'get', group: 'apps', resource: 'statefulsets', namespace: 'default' },
      ]
      expect(await kube.denied(wanted, signal)).toEqual([wanted[0]])
      cluster.faults.forbid('get', 'configmaps')
      const answer = await refusal(
        kube.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'default' }, signal),
      )
      expect(answer).toMatchObject({ status: 403, reason: 'Forbidden' })
      expect(answer.message).toContain('configmaps "x" is forbidden: User')
      expect(answer.message).toContain(
        'cannot get resource "configmaps" in API group "" in the namespace "default"',
      )
    }))

  test('a write whose answer is lost has been done', () =>
    withCluster({}, async (cluster, kube) => {
      cluster.faults.next({ verb: 'create', kind: 'ConfigMap', dropAnswer: true })
      await expect(kube.create(config, signal)).rejects.toBeInstanceOf(KubeFailure)
      expect(cluster.objects.get('ConfigMap', 'default', 'settings')).toBeDefined()
    }))

  test('a throttled or failing read is tried again by the client, and both are in the log', () =>
    withCluster({}, async (cluster, kube) => {
      cluster.faults.next({ verb: 'get', kind: 'Node', status: 429, retryAfterSeconds: 1 })
      cluster.faults.next({ verb: 'get', kind: 'Node', status: 500 })
      expect(
        await kube.get({ apiVersion: 'v1', kind: 'Node', name: 'node-1' }, signal),
      ).toMatchObject({ metadata: { name: 'node-1' } })
      expect(
        cluster.requests
          .filter((request) => request.kind === 'Node')
          .map((request) => request.status),
      ).toEqual([429, 500, 200])
    }))
})

describe('evictions', () => {
  test('a budget is kept to: the first is allowed, the second is told what it waits for', () =>
    withCluster({}, async (cluster, kube) => {
      await kube.apply(
        object('policy/v1', 'PodDisruptionBudget', 'web', {
          spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
        }),
        {},
        signal,
      )
      await kube.apply(set(), {}, signal)
      await until(
        'budget',
        () =>
          text(
            cluster.objects.get('PodDisruptionBudget', 'default', 'web'),
            'status',
            'disruptionsAllowed',
          ) === '1',
      )
      const uid = (name: string): string =>
        text(cluster.objects.get('Pod', 'default', name), 'metadata', 'uid')
      await kube.evict(
        { name: 'web-2', namespace: 'default', uid: uid('web-2') },
        { dryRun: true },
        signal,
      )
      expect(
        await refusal(
          kube.evict(
            { name: 'web-2', namespace: 'default', uid: 'another' },
            { dryRun: true },
            signal,
          ),
        ),
      ).toMatchObject({ status: 409 })
      await kube.evict({ name: 'web-2', namespace: 'default', uid: uid('web-2') }, {}, signal)
      expect(
        await refusal(
          kube.evict({ name: 'web-1', namespace: 'default', uid: uid('web-1') }, {}, signal),
        ),
      ).toMatchObject({
        status: 429,
        causes: [
          expect.stringMatching(
            /^The disruption budget web needs 2 healthy pods and has \d currently$/,
          ),
        ],
      })
    }))

  test('two budgets on a pod are an error of their own', () =>
    withCluster({}, async (cluster, kube) => {
      for (const name of ['one', 'two'])
        await kube.apply(
          object('policy/v1', 'PodDisruptionBudget', name, {
            spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
          }),
          {},
          signal,
        )
      await kube.apply(set({ replicas: 1 }), {}, signal)
      await until(
        'pod',
        () => text(cluster.objects.get('Pod', 'default', 'web-0'), 'status', 'phase') === 'Running',
      )
      const uid = text(cluster.objects.get('Pod', 'default', 'web-0'), 'metadata', 'uid')
      expect(
        await refusal(
          kube.evict({ name: 'web-0', namespace: 'default', uid }, { dryRun: true }, signal),
        ),
      ).toMatchObject({
        status: 500,
        message: expect.stringContaining('more than one PodDisruptionBudget'),
      })
    }))
})
