// A drain that evicts two pods of one budget at once, or hangs on one of them without a word, stops
// what others run on the node.

import { describe, expect, test } from '@jest/globals'
import { Deadline } from '../../../../src/clock.ts'
import type { Kube } from '../../../../src/kube/kube.ts'
import { placedPodReader } from '../../../../src/kube/views/index.ts'
import { evictPods } from '../../../../src/procedures/drain/evict-pods.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import type { SimulatedCluster } from '../../../support/cluster/cluster.ts'
import type { Fields } from '../../../support/cluster/json.ts'
import { at, put, text } from '../../../support/cluster/json.ts'
import { isDeleting, isReady, nameOf } from '../../../support/cluster/store.ts'
import { untilHere } from '../../../support/in-process.ts'
import { atCluster, never, type AtCluster } from '../at-cluster.ts'
import { ensembleWith } from '../given.ts'

const NODE = 'node-1'
const POLICY = 'policy/v1'

interface App {
  readonly replicas?: number
  /** Seconds from its start until a pod is Ready. */
  readonly slow?: number
  readonly spec?: Fields
}

/** A Deployment in `default` whose pods all stand on the node, which takes no new ones. */
async function onNode(
  { cluster, clock }: AtCluster,
  apps: Readonly<Record<string, App>>,
): Promise<void> {
  const others = cluster.objects
    .list('Node')
    .map(nameOf)
    .filter((name) => name !== NODE)
  for (const name of others) cluster.somebody.cordon(name)
  for (const [name, { replicas = 2, slow = 0, spec = {} }] of Object.entries(apps)) {
    const container = {
      name: 'c',
      image: 'busybox:1.36',
      command: ['sleep', 'infinity'],
      readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: slow },
    }
    cluster.objects.put('Deployment', {
      apiVersion: 'apps/v1',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { terminationGracePeriodSeconds: 1, containers: [container], ...spec },
        },
      },
    })
  }
  const wanted = Object.values(apps).reduce((sum, { replicas = 2 }) => sum + replicas, 0)
  await untilHere(
    clock,
    'the pods are Ready',
    () => podsOf(cluster).filter(isReady).length === wanted,
  )
  for (const name of others) cluster.somebody.uncordon(name)
  cluster.somebody.cordon(NODE)
}

function budget({ objects }: SimulatedCluster, name: string, app: string, spec: Fields): void {
  objects.put('PodDisruptionBudget', {
    apiVersion: POLICY,
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: { app } }, ...spec },
  })
}

async function counted({ cluster, clock }: AtCluster): Promise<void> {
  await untilHere(clock, 'the budgets are counted', () =>
    cluster.objects
      .list('PodDisruptionBudget')
      .every((one) => at(one, 'status', 'observedGeneration') !== undefined),
  )
}

function podsOf(
  { objects }: SimulatedCluster,
  app?: string,
): ReturnType<SimulatedCluster['objects']['list']> {
  return objects
    .list('Pod', 'default')
    .filter((pod) => app === undefined || text(pod, 'metadata', 'labels', 'app') === app)
}

interface Outcome {
  /** Names of the pods, in the order in which they were evicted. */
  readonly evicted: readonly string[]
  readonly said: readonly string[]
  readonly failed: unknown
}

async function podsOn(kube: Kube): Promise<readonly NodePod[]> {
  return (
    await kube.list({ apiVersion: 'v1', kind: 'Pod' }, { fields: `spec.nodeName=${NODE}` }, never)
  ).items.map(placedPodReader())
}

async function run(
  { clock }: AtCluster,
  kube: Kube,
  more: {
    readonly pods?: readonly NodePod[]
    readonly minutes?: number
    readonly signal?: AbortSignal
    readonly onEvicted?: (pod: NodePod) => void
    readonly onLine?: (line: string) => void
  } = {},
): Promise<Outcome> {
  const [evicted, said]: [string[], string[]] = [[], []]
  let failed: unknown
  try {
    await evictPods(
      ensembleWith({
        kube,
        run: { clock },
        deadline: new Deadline(clock, (more.minutes ?? 10) * 60_000),
        journal: {
          info(line) {
            said.push(line)
            more.onLine?.(line)
          },
        },
      }),
      {
        node: NODE,
        pods: more.pods ?? (await podsOn(kube)),
        gracePeriodSeconds: undefined,
        onEvicted(pod) {
          evicted.push(pod.name)
          more.onEvicted?.(pod)
        },
      },
      more.signal ?? never,
    )
  } catch (error) {
    failed = error
  }
  return { evicted, said, failed }
}

function evictions({ requests }: SimulatedCluster, pod?: string): readonly string[] {
  return requests
    .filter(({ verb, name }) => verb === 'eviction' && (pod === undefined || name === pod))
    .map(({ dryRun }) => (dryRun ? 'dry' : 'real'))
}

const denial = (message: string): Fields => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code: 500,
  reason: 'InternalError',
  message,
})

describe('two pods of one budget that start slowly', () => {
  test('go one at a time: the second when the replacement of the first is Ready elsewhere, and nothing is asked in vain', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { slow: 30 } })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      const serving: number[] = []
      const { evicted, said, failed } = await run(here, await here.client(), {
        onEvicted: () =>
          serving.push(podsOf(cluster).filter((pod) => isReady(pod) && !isDeleting(pod)).length),
      })
      expect(failed).toBeUndefined()
      expect(evicted).toHaveLength(2)
      expect(serving).toEqual([1, 1])
      expect(evictions(cluster)).toEqual(['dry', 'real', 'dry', 'real'])
      expect(podsOf(cluster).map((pod) => text(pod, 'spec', 'nodeName'))).not.toContain(NODE)
      const told = said.filter((line) =>
        line.includes(
          'poddisruptionbudget/web allows no eviction now: 1 healthy of 2, 1 must stay, 0 may go; it waits for',
        ),
      )
      expect(told[0]).toContain(`default/${evicted[1] ?? ''} waits`)
      expect(said.every((line) => !line.includes('1 may go'))).toBe(true)
    }))

  test('the budget is watched, not asked for again and again', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { slow: 30 } })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      const kube = await here.client()
      const pods = await podsOn(kube)
      const lists = (): number =>
        cluster.requests.filter(
          ({ verb, kind }) => verb === 'list' && kind === 'PodDisruptionBudget',
        ).length
      expect(await run(here, kube, { pods })).toMatchObject({ failed: undefined })
      expect(lists()).toBe(1)
    }))

  test.each(['dropWatches', 'forgetChanges'] as const)(
    '%s in the middle does not lose the second one',
    (fault) =>
      atCluster(async (here) => {
        const { cluster } = here
        await onNode(here, { web: { slow: 30 } })
        budget(cluster, 'web', 'web', { maxUnavailable: 1 })
        await counted(here)
        const { evicted, failed } = await run(here, await here.client(), {
          onEvicted: () => cluster.faults[fault](),
        })
        expect({ failed, evicted: evicted.length }).toEqual({ failed: undefined, evicted: 2 })
      }),
  )

  test('what a budget waits for is told once, however often the cluster writes the same numbers again', () =>
    atCluster(async (here) => {
      const { cluster, clock } = here
      await onNode(here, { web: {} })
      budget(cluster, 'web', 'web', { minAvailable: 2 })
      await counted(here)
      const kube = await here.client()
      const touch = (times: number): void => {
        cluster.objects.edit('PodDisruptionBudget', 'default', 'web', (draft) =>
          put(draft, ['metadata', 'annotations'], { touched: String(times) }),
        )
        if (times > 0) void clock.sleep(times % 2 === 0 ? 1 : 2_000).then(() => touch(times - 1))
      }
      touch(20)
      const { said } = await run(here, kube, { minutes: 1 })
      expect(said.filter((line) => !line.startsWith('still waiting'))).toEqual([
        expect.stringContaining('2 healthy of 2, 2 must stay, 0 may go'),
      ])
    }))

  test('where budgets may not be read, the answers to the evictions alone keep them apart', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { slow: 10 } })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      for (const verb of ['list', 'watch']) cluster.faults.forbid(verb, 'poddisruptionbudgets')
      const serving: number[] = []
      const { evicted, said, failed } = await run(here, await here.client(), {
        onEvicted: () =>
          serving.push(podsOf(cluster).filter((pod) => isReady(pod) && !isDeleting(pod)).length),
      })
      expect({ failed, evicted: evicted.length, serving }).toEqual({
        failed: undefined,
        evicted: 2,
        serving: [1, 1],
      })
      expect(said.join('\n')).toContain(
        'waits: The disruption budget web needs 1 healthy pods and has 1 currently',
      )
    }))

  test('at the deadline the failure names pod, budget, arithmetic and whom it waits for at that time', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: {} })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      // Replacements find no node.
      for (const name of ['node-2', 'node-3', 'node-4']) cluster.somebody.cordon(name)
      const { evicted, failed } = await run(here, await here.client(), { minutes: 2 })
      const left = podsOf(cluster).find((pod) => text(pod, 'spec', 'nodeName') === NODE)
      const pending = podsOf(cluster).find((pod) => text(pod, 'spec', 'nodeName') === '')
      expect(evicted).toHaveLength(1)
      expect(failed).toMatchObject({
        code: 'DRAIN_BLOCKED',
        findings: [
          {
            object: `node/${NODE}`,
            fix: expect.stringContaining('Fix the pods that the budget waits for'),
          },
        ],
      })
      expect(failed).toMatchObject({
        message: `${NODE} could not be emptied in time: default/${nameOf(left ?? {})}: poddisruptionbudget/web allows no eviction now: 1 healthy of 2, 1 must stay, 0 may go; it waits for ${nameOf(pending ?? {})} (without a node)`,
      })
    }))
})

describe('what a budget can not allow', () => {
  test('a budget that allows nobody is not asked at all, and says why in the end', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: {} })
      budget(cluster, 'web', 'web', { minAvailable: 2 })
      await counted(here)
      const { evicted, said, failed } = await run(here, await here.client(), { minutes: 3 })
      expect(evicted).toEqual([])
      expect(evictions(cluster)).toEqual([])
      expect(failed).toMatchObject({
        code: 'DRAIN_BLOCKED',
        message: expect.stringContaining('2 healthy of 2, 2 must stay, 0 may go'),
      })
      expect(said.filter((line) => !line.startsWith('still waiting'))).toHaveLength(1)
    }))

  test('a pod with two budgets ends it at once, both named', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      for (const name of ['one', 'two']) budget(cluster, name, 'web', { maxUnavailable: 1 })
      await counted(here)
      const { evicted, failed } = await run(here, await here.client())
      expect(evicted).toEqual([])
      expect(failed).toMatchObject({
        code: 'DRAIN_BLOCKED',
        message: expect.stringMatching(/more than one PodDisruptionBudget.*: one, two$/),
      })
    }))

  test('a pod that is not Ready goes where the budget says so, although it allows none', () =>
    atCluster(async (here) => {
      const { cluster, clock } = here
      await onNode(here, { web: {} })
      for (const pod of podsOf(cluster))
        cluster.objects.edit('Pod', 'default', nameOf(pod), (draft) =>
          put(draft, ['status', 'conditions'], [{ type: 'Ready', status: 'False' }]),
        )
      budget(cluster, 'web', 'web', {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      })
      await counted(here)
      await untilHere(
        clock,
        'none allowed',
        () =>
          at(
            cluster.objects.get('PodDisruptionBudget', 'default', 'web'),
            'status',
            'disruptionsAllowed',
          ) === 0,
      )
      expect(await run(here, await here.client())).toMatchObject({
        failed: undefined,
        evicted: { length: 2 },
      })
    }))
})

describe('what else an eviction is answered', () => {
  test('a webhook that denies is asked again until it lets the pod go, with its name and words; the others go meanwhile', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { kafka: { replicas: 1 }, web: { replicas: 1 } })
      const kafka = nameOf(podsOf(cluster, 'kafka')[0] ?? {})
      const web = nameOf(podsOf(cluster, 'web')[0] ?? {})
      cluster.faults.next({
        verb: 'eviction',
        name: kafka,
        times: 3,
        status: 500,
        body: denial(
          'admission webhook "drain-cleaner.example" denied the request: The pod will be rolled by its operator',
        ),
      })
      const { evicted, said, failed } = await run(here, await here.client())
      expect({ evicted, failed }).toEqual({ evicted: [web, kafka], failed: undefined })
      expect(said.filter((line) => line.includes('drain-cleaner.example'))).toEqual([
        `${NODE}: default/${kafka} waits: the admission webhook drain-cleaner.example denies its eviction: The pod will be rolled by its operator`,
      ])
    }))

  test('a webhook that denies for ever is named in the failure', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { kafka: { replicas: 1 } })
      cluster.faults.always({
        verb: 'eviction',
        status: 500,
        body: denial(
          'Internal error occurred: failed calling webhook "gate.example": no endpoints available for service "gate"',
        ),
      })
      const { evicted, failed } = await run(here, await here.client(), { minutes: 1 })
      expect(evicted).toEqual([])
      expect(failed).toMatchObject({
        code: 'DRAIN_BLOCKED',
        message: expect.stringContaining(
          'the admission webhook gate.example can\'t be asked about its eviction: no endpoints available for service "gate"',
        ),
      })
    }))

  test('an answer that takes long about one pod holds up no other', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { slow: { replicas: 1 }, web: { replicas: 3 } })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      const slow = nameOf(podsOf(cluster, 'slow')[0] ?? {})
      cluster.faults.next({ verb: 'eviction', name: slow, delayMs: 25_000 })
      const { evicted, failed } = await run(here, await here.client())
      expect(failed).toBeUndefined()
      expect(evicted.at(-1)).toBe(slow)
      expect(evicted).toHaveLength(4)
    }))

  test('throttling is waited out', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      cluster.faults.next({ verb: 'eviction', status: 429, retryAfterSeconds: 45 })
      const { evicted, said, failed } = await run(here, await here.client())
      expect({ failed, evicted: evicted.length }).toEqual({ failed: undefined, evicted: 1 })
      expect(said[0]).toContain('the API server has too much to do')
    }))

  test('a lost answer is no second eviction: the pod that went is seen to have gone', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      // The dry run is answered, the eviction isn't.
      cluster.faults.next({ verb: 'eviction', delayMs: 1 })
      cluster.faults.next({ verb: 'eviction', dropAnswer: true })
      expect(await run(here, await here.client())).toMatchObject({ failed: undefined })
      expect(podsOf(cluster).map((pod) => text(pod, 'spec', 'nodeName'))).not.toContain(NODE)
      expect(evictions(cluster).filter((kind) => kind === 'real')).toHaveLength(1)
    }))

  test('in a namespace that is being deleted the pod goes by itself', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      const kube = await here.client()
      const pods = await podsOn(kube)
      const terminating = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        code: 403,
        reason: 'Forbidden',
        message: 'forbidden',
        details: {
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: 'namespace default is being terminated',
              field: 'metadata.namespace',
            },
          ],
        },
      }
      cluster.faults.always({ verb: 'eviction', status: 403, body: terminating })
      const { evicted, failed } = await run(here, kube, {
        pods,
        onLine: () => cluster.somebody.delete('Pod', 'default', pods[0]?.name ?? ''),
      })
      expect({ evicted, failed }).toEqual({ evicted: [], failed: undefined })
    }))

  test('without the right nothing is waited for', () =>
    atCluster(async (here) => {
      await onNode(here, { web: {} })
      here.cluster.faults.forbid('create', 'pods/eviction')
      const { evicted, failed } = await run(here, await here.client())
      expect(evicted).toEqual([])
      expect(failed).toMatchObject({ status: 403 })
    }))
})

describe('when it is over', () => {
  test('a pod that came back under its name is another one, and is not touched', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      const kube = await here.client()
      const [pod] = await podsOn(kube)
      if (pod === undefined) throw new Error('no pod')
      expect(await run(here, kube, { pods: [{ ...pod, uid: 'of-before' }] })).toMatchObject({
        failed: undefined,
        evicted: [],
      })
      expect(evictions(cluster)).toEqual([])
    }))

  test('a pod that was evicted and does not end is named as that', () =>
    atCluster(async (here) => {
      const { cluster } = here
      await onNode(here, { web: { replicas: 1 } })
      const name = nameOf(podsOf(cluster)[0] ?? {})
      cluster.objects.edit('Pod', 'default', name, (draft) =>
        put(draft, ['metadata', 'finalizers'], ['example/held']),
      )
      const { evicted, failed } = await run(here, await here.client(), { minutes: 2 })
      expect(evicted).toEqual([name])
      expect(failed).toMatchObject({
        code: 'DRAIN_BLOCKED',
        message: expect.stringContaining(`default/${name} was evicted`),
        findings: [{ fix: expect.stringContaining('finalizers') }],
      })
    }))

  test('a cancel ends the wait, and nobody is evicted after it', () =>
    atCluster(async (here) => {
      const { cluster, clock } = here
      await onNode(here, { web: { slow: 30 } })
      budget(cluster, 'web', 'web', { maxUnavailable: 1 })
      await counted(here)
      const stop = new AbortController()
      const { evicted, failed } = await run(here, await here.client(), {
        signal: stop.signal,
        onEvicted: () => stop.abort(new Error('cancelled')),
      })
      expect(failed).toMatchObject({ message: 'cancelled' })
      await clock.sleep(120_000)
      expect(evicted).toHaveLength(1)
      expect(evictions(cluster).filter((kind) => kind === 'real')).toHaveLength(1)
      expect(cluster.watches()).toBe(0)
    }))
})
