// Every answer to an eviction as the real server gives it: a simulated one that were kinder would
// hide what ends a drain.

import { describe, expect, test } from '@jest/globals'
import { atCluster, type AtCluster } from '../../procedures/at-cluster.ts'
import { deniedBy, throttled } from '../../../support/cluster/faults.ts'
import { at, parse, put, text, type Fields } from '../../../support/cluster/json.ts'
import { untilHere } from '../../../support/in-process.ts'

interface Answer {
  readonly status: number
  readonly message: string
  readonly causes: readonly string[]
  readonly retryAfter: string | null
}

interface Pods extends AtCluster {
  /** Asks as a client does; a dry run unless it is said otherwise. */
  readonly ask: (
    pod: string,
    options?: { readonly real?: boolean; readonly uid?: string; readonly namespace?: string },
  ) => Promise<Answer>
  readonly uid: (pod: string) => string
  readonly allowed: () => string
}

async function withPods(minAvailable: number, work: (pods: Pods) => Promise<void>): Promise<void> {
  await atCluster(async (here) => {
    const { cluster, clock } = here
    const pod = (name: string): Fields => cluster.objects.get('Pod', 'default', name) ?? {}
    cluster.objects.put('StatefulSet', {
      apiVersion: 'apps/v1',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        serviceName: 'web',
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', 'infinity'] }],
          },
        },
      },
    })
    cluster.objects.put('PodDisruptionBudget', {
      apiVersion: 'policy/v1',
      metadata: { name: 'web', namespace: 'default' },
      spec: { minAvailable, selector: { matchLabels: { app: 'web' } } },
    })
    const allowed = (): string =>
      text(
        cluster.objects.get('PodDisruptionBudget', 'default', 'web'),
        'status',
        'disruptionsAllowed',
      )
    await untilHere(
      clock,
      'the budget',
      () =>
        text(
          cluster.objects.get('PodDisruptionBudget', 'default', 'web'),
          'status',
          'currentHealthy',
        ) === '3',
    )
    await work({
      ...here,
      allowed,
      uid: (name) => text(pod(name), 'metadata', 'uid'),
      async ask(name, { real = false, uid, namespace = 'default' } = {}) {
        const deleteOptions = uid === undefined ? {} : { deleteOptions: { preconditions: { uid } } }
        const response = await fetch(
          `${cluster.url}/api/v1/namespaces/${namespace}/pods/${name}/eviction${real ? '' : '?dryRun=All'}`,
          {
            method: 'POST',
            headers: {
              'content-type': 'application/json',
              authorization: 'Bearer simulated-token-asks',
            },
            body: JSON.stringify({
              apiVersion: 'policy/v1',
              kind: 'Eviction',
              metadata: { name, namespace },
              ...deleteOptions,
            }),
          },
        )
        const told = parse(await response.text())
        const causes = at(told, 'details', 'causes')
        return {
          status: response.status,
          message: text(told, 'message'),
          causes: Array.isArray(causes)
            ? causes.map((cause) => `${text(cause, 'reason')}: ${text(cause, 'message')}`)
            : [],
          retryAfter: response.headers.get('retry-after'),
        }
      },
    })
  })
}

const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
/** A dry run answers as the eviction would. */
const BOTH = [
  ['a dry run', false],
  ['an eviction', true],
] as const

describe('an eviction that the budget allows', () => {
  test('is answered 201 by a dry run too, which changes nothing', () =>
    withPods(2, async ({ ask, cluster, uid, allowed }) => {
      const before = [
        uid('web-0'),
        cluster.objects.list('Pod').map((pod) => text(pod, 'metadata', 'resourceVersion')),
        allowed(),
      ]
      expect(await ask('web-0', { uid: uid('web-0') })).toMatchObject({ status: 201 })
      expect([
        uid('web-0'),
        cluster.objects.list('Pod').map((pod) => text(pod, 'metadata', 'resourceVersion')),
        allowed(),
      ]).toEqual(before)
      expect(await ask('web-0', { real: true, uid: uid('web-0') })).toMatchObject({ status: 201 })
      expect(
        text(cluster.objects.get('Pod', 'default', 'web-0'), 'metadata', 'deletionTimestamp'),
      ).not.toBe('')
      expect(await ask('web-0', { real: true, uid: uid('web-0') })).toMatchObject({ status: 201 })
      expect(await ask('web-1')).toMatchObject({ status: 429 })
    }))

  test.each(BOTH)('%s of a pod that is gone is answered 404', (_name, real) =>
    withPods(2, async ({ ask }) => {
      expect(await ask('web-9', { real })).toMatchObject({
        status: 404,
        message: 'pods "web-9" not found',
      })
    }),
  )

  test('of another pod of the same name is answered 409, and a real one uses up the budget for two minutes', () =>
    withPods(2, async ({ ask, uid, allowed, cluster, clock }) => {
      const wrong = '11111111-1111-4111-8111-111111111111'
      const words = `Operation cannot be fulfilled on Pod "web-0": the UID in the precondition (${wrong}) does not match the UID in record (${uid('web-0')}). The object might have been deleted and then recreated`
      expect(await ask('web-0', { uid: wrong })).toMatchObject({ status: 409, message: words })
      expect(allowed()).toBe('1')
      expect(await ask('web-0', { real: true, uid: wrong })).toMatchObject({
        status: 409,
        message: words,
      })
      expect(allowed()).toBe('0')
      const used = clock.now()
      expect(await ask('web-0', { uid: wrong })).toMatchObject({ status: 429 })
      await untilHere(clock, 'the budget again', () => allowed() === '1')
      expect(clock.now() - used).toBeGreaterThan(110_000)
      expect(
        text(cluster.objects.get('Pod', 'default', 'web-0'), 'metadata', 'deletionTimestamp'),
      ).toBe('')
    }))
})

describe('an eviction that is refused', () => {
  test.each(BOTH)('%s against the budget is answered 429 with its arithmetic', (_name, real) =>
    withPods(3, async ({ ask, cluster }) => {
      expect(await ask('web-0', { real })).toEqual({
        status: 429,
        message: REFUSED,
        causes: [
          'DisruptionBudget: The disruption budget web needs 3 healthy pods and has 3 currently',
        ],
        retryAfter: null,
      })
      expect(
        text(cluster.objects.get('Pod', 'default', 'web-0'), 'metadata', 'deletionTimestamp'),
      ).toBe('')
    }),
  )

  test.each(BOTH)(
    '%s against a budget that was changed a moment ago is to be asked again after ten seconds',
    (_name, real) =>
      withPods(2, async ({ ask, cluster }) => {
        cluster.faults.holdBudgets(true)
        cluster.objects.edit('PodDisruptionBudget', 'default', 'web', (draft) =>
          put(draft, ['spec', 'minAvailable'], 1),
        )
        expect(await ask('web-0', { real })).toEqual({
          status: 429,
          message: REFUSED,
          causes: [
            'DisruptionBudget: The disruption budget web is still being processed by the server.',
          ],
          retryAfter: '10',
        })
      }),
  )

  test.each(BOTH)('%s of a pod with two budgets is answered 500', (_name, real) =>
    withPods(2, async ({ ask, cluster }) => {
      cluster.objects.put('PodDisruptionBudget', {
        apiVersion: 'policy/v1',
        metadata: { name: 'other', namespace: 'default' },
        spec: { minAvailable: 0, selector: { matchLabels: { app: 'web' } } },
      })
      expect(await ask('web-0', { real })).toMatchObject({
        status: 500,
        message:
          'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
        causes: [],
      })
    }),
  )

  test.each(BOTH)('%s in a namespace that ends is answered 403 with its cause', (_name, real) =>
    withPods(2, async ({ ask, cluster }) => {
      cluster.objects.put('Namespace', { metadata: { name: 'ending' } })
      cluster.objects.put('Pod', {
        apiVersion: 'v1',
        metadata: { name: 'last', namespace: 'ending', finalizers: ['example.org/keep'] },
        spec: { containers: [{ name: 'c', image: 'busybox:1.36' }] },
      })
      cluster.somebody.delete('Namespace', '', 'ending')
      expect(await ask('last', { real, namespace: 'ending' })).toMatchObject({
        status: 403,
        causes: ['NamespaceTerminating: namespace ending is being terminated'],
      })
    }),
  )

  test.each(BOTH)('%s without the right to it is answered 403 without a cause', (_name, real) =>
    withPods(2, async ({ ask, cluster }) => {
      cluster.faults.forbid('create', 'pods/eviction')
      const answer = await ask('web-0', { real })
      expect(answer).toMatchObject({ status: 403, causes: [] })
      expect(answer.message).toMatch(
        /^pods "web-0" is forbidden: User ".+" cannot create resource "pods\/eviction" in API group "" in the namespace "default"$/,
      )
    }),
  )

  test.each(BOTH)(
    '%s on order: a webhook that denies, and a server that throttles without a cause',
    (_name, real) =>
      withPods(2, async ({ ask, cluster, allowed }) => {
        cluster.faults.next(deniedBy('deny.example.org', 'not today'))
        expect(await ask('web-0', { real })).toEqual({
          status: 500,
          message: 'admission webhook "deny.example.org" denied the request: not today',
          causes: [],
          retryAfter: null,
        })
        cluster.faults.next(deniedBy('deny.example.org', 'not today', 403))
        expect(await ask('web-0', { real })).toMatchObject({
          status: 403,
          message: 'admission webhook "deny.example.org" denied the request: not today',
          causes: [],
        })
        cluster.faults.next(throttled(3))
        expect(await ask('web-0', { real })).toMatchObject({
          status: 429,
          causes: [],
          retryAfter: '3',
        })
        expect(allowed()).toBe('1')
      }),
  )
})
