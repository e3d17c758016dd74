// What a user counts on when nodes are drained without the name of an ensemble: those that are on
// them are still kept in quorum, and where there is none the nodes are drained all the same.

import { describe, expect, jest, test } from '@jest/globals'
import type { Clock } from '../../../src/clock.ts'
import { byRuns, takenTogether, takenWhileOneWasOut } from '../../model/rolls/invariants.ts'
import {
  startCluster,
  type ClusterOptions,
  type SimulatedCluster,
} from '../../support/cluster/cluster.ts'
import { at, parse, text, type Fields, type Json } from '../../support/cluster/json.ts'
import { clusterClock, runHere, startRun, untilHere, type Ended } from '../../support/in-process.ts'
import { nowLine } from '../../../src/report/now.ts'
import { MARK, OTHER, TUTORIAL, wanted, type Inputs } from './drained-ensemble.ts'

jest.setTimeout(120_000)

interface Alone {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  run(inputs: Inputs, name?: string): Promise<Ended>
  readonly cordoned: () => readonly string[]
}

const MYAPP: Fields = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'myapp', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'myapp' } },
    template: {
      metadata: { labels: { app: 'myapp' } },
      spec: { containers: [{ name: 'app', image: 'busybox:1.36' }] },
    },
  },
}
const BUDGET: Fields = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'myapp', namespace: 'default' },
  spec: { minAvailable: 2, selector: { matchLabels: { app: 'myapp' } } },
}

async function withNodes(
  options: ClusterOptions,
  work: (given: Alone) => Promise<void>,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4, ...options })
  try {
    await work({
      cluster,
      clock,
      run: (inputs, name = 'run') =>
        startRun({
          cluster,
          clock,
          name,
          inputs: { operation: 'drain', uncordon: 'after', ...inputs },
        }).ended,
      cordoned: () =>
        cluster.objects
          .list('Node')
          .filter(
            (node) =>
              at(node, 'spec', 'unschedulable') === true ||
              text(node, 'metadata', 'annotations', MARK) !== '',
          )
          .map((node) => text(node, 'metadata', 'name')),
    })
  } finally {
    await cluster.stop()
  }
}

async function startMyapp({ cluster, clock }: Alone): Promise<void> {
  cluster.somebody.apply(MYAPP)
  cluster.somebody.apply(BUDGET)
  await untilHere(
    clock,
    'myapp',
    () =>
      cluster.objects
        .list('Pod', 'default')
        .filter((pod) => text(pod, 'status', 'phase') === 'Running').length === 3,
  )
}

const recorded = ({ cluster }: Alone): Json =>
  parse(
    text(cluster.objects.get('ConfigMap', 'default', 'zk-ensemble.nodes'), 'data', 'record.json'),
  )

describe('nodes without an ensemble', () => {
  test('are drained one after the other by the budgets that are there, and uncordoned; the record is in the namespace', () =>
    withNodes({}, async (given) => {
      await startMyapp(given)
      const ended = await given.run({ nodes: 'node-1\nnode-2\nnode-3\nnode-4' })
      wanted(ended, 'succeeded', '')
      expect(ended.report.drainedNodes.toSorted()).toEqual(['node-1', 'node-2', 'node-3', 'node-4'])
      expect(ended.report).toMatchObject({ name: '', remainingNodes: [], changed: true })
      expect(ended.report.standing).not.toMatch(/member/)
      expect(given.cordoned()).toEqual([])
      expect(recorded(given)).toMatchObject({ maintenance: null, drain: null })
      expect(
        text(
          given.cluster.objects.get('Lease', 'default', 'zk-ensemble.nodes'),
          'spec',
          'holderIdentity',
        ),
      ).toBe('')
    }))

  test('a StatefulSet that is not recognised is named with the way to have its quorum looked at', () =>
    withNodes({}, async (given) => {
      const { cluster, clock } = given
      cluster.somebody.apply({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          serviceName: 'web',
          replicas: 1,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'app', image: 'busybox:1.36' }] },
          },
        },
      })
      const pod = (): Fields | undefined => cluster.objects.get('Pod', 'default', 'web-0')
      await untilHere(clock, 'web', () => text(pod(), 'status', 'phase') === 'Running')
      const ended = await given.run({ nodes: text(pod(), 'spec', 'nodeName') })
      wanted(ended, 'succeeded', '')
      const [note] = ended.report.notes.filter((one) =>
        one.includes('its disruption budget protects'),
      )
      expect(note).toMatch(/^statefulset\/web in default is not known as an ensemble/)
      for (const way of [
        'namespace: default, name: web, profile: custom',
        'write-command, read-command and serves-command',
      ])
        expect(note).toContain(way)
    }))

  test('that stay cordoned are uncordoned by uncordon, asked in the same way', () =>
    withNodes({}, async (given) => {
      await startMyapp(given)
      wanted(await given.run({ nodes: 'node-1', uncordon: 'never' }), 'succeeded', '')
      expect(given.cordoned()).toEqual(['node-1'])
      wanted(
        await given.run({
          operation: 'uncordon',
          nodes: 'node-1',
          'dry-run': 'true',
          uncordon: 'auto',
        }),
        'planned',
        '',
      )
      expect(given.cordoned()).toEqual(['node-1'])
      wanted(
        await given.run({ operation: 'uncordon', nodes: 'node-1', uncordon: 'auto' }),
        'succeeded',
        '',
      )
      expect(given.cordoned()).toEqual([])
    }))

  test.each([9, 14, 20, 30])(
    'that a killed run left at its request %i are uncordoned by the next one, which continues',
    (request) =>
      withNodes({}, async (given) => {
        await startMyapp(given)
        const inputs = { nodes: 'node-1\nnode-2\nnode-3\nnode-4' }
        const started = startRun({
          cluster: given.cluster,
          clock: given.clock,
          name: 'killed',
          inputs: { operation: 'drain', uncordon: 'after', ...inputs },
        })
        started.kill(request)
        await started.ended
        wanted(await given.run(inputs, 'next'), 'succeeded', '')
        expect(given.cordoned()).toEqual([])
        expect(recorded(given)).toMatchObject({ maintenance: null, drain: null })
      }),
  )

  test('are told in the order in which they would be drained by a dry run, which writes nothing', () =>
    withNodes({}, async (given) => {
      await startMyapp(given)
      const from = given.cluster.requests.length
      const ended = await given.run({ nodes: 'node-1\nnode-2', 'dry-run': 'true' })
      wanted(ended, 'planned', '')
      expect(
        given.cluster.requests
          .slice(from)
          .filter(
            ({ by, verb, dryRun, path }) =>
              by === 'run' &&
              !dryRun &&
              !['get', 'list', 'watch'].includes(verb) &&
              !path.startsWith('/apis/authorization.k8s.io/'),
          ),
      ).toEqual([])
      expect(given.cluster.objects.get('Lease', 'default', 'zk-ensemble.nodes')).toBeUndefined()
    }))

  test('that nobody would find by the given name are not drained: a name means an ensemble', () =>
    withNodes({}, async (given) => {
      wanted(await given.run({ nodes: 'node-1', name: 'zk' }), 'refused', 'NOT_FOUND')
      wanted(await given.run({ members: 'zk-0' }), 'refused', 'NOT_FOUND')
      expect(given.cordoned()).toEqual([])
    }))
})

describe('every ensemble that is on the nodes', () => {
  test('keeps its quorum, though no name is given; the leader of the one is not moved before its followers', () =>
    withNodes({}, async (given) => {
      const { cluster, clock } = given
      wanted(
        await runHere({
          cluster,
          clock,
          name: 'deploy',
          inputs: { manifests: 'zk.yaml', verify: 'quick' },
          files: { 'zk.yaml': TUTORIAL },
        }),
        'succeeded',
        '',
      )
      wanted(
        await runHere({
          cluster,
          clock,
          name: 'deploy',
          inputs: { manifests: 'other.yaml', verify: 'quick' },
          files: { 'other.yaml': OTHER },
        }),
        'succeeded',
        '',
      )
      cluster.zookeeper('default', 'zk').put('/orders', 'paid')
      const from = cluster.history.length
      const leader = [0, 1, 2].findIndex(
        (ordinal) => cluster.zookeeper('default', 'zk').mode(ordinal) === 'leader',
      )
      const home = text(cluster.objects.get('Pod', 'default', `zk-${leader}`), 'spec', 'nodeName')
      const ended = await given.run({ nodes: 'node-1\nnode-2\nnode-3\nnode-4' })
      wanted(ended, 'succeeded', '')
      // Whoever reads the page at night is told of the ensembles, though none was named.
      expect(nowLine(ended.report)).toMatch(
        /^every member of (default\/zk, default\/other|default\/other, default\/zk) serves$/,
      )
      expect(
        new Set(
          ended.report.timeline
            .filter(({ event }) => event?.kind === 'evicted')
            .map(({ member }) => member),
        ),
      ).toEqual(
        new Set(['zk', 'other'].flatMap((name) => [0, 1, 2].map((i) => `default/${name}-${i}`))),
      )
      expect(ended.report.drainedNodes.slice(0, 2)).not.toContain(home)
      const befell = [...Map.groupBy(cluster.history.slice(from), ({ set }) => set)]
      expect(befell.map(([set]) => set).toSorted()).toEqual(
        expect.arrayContaining([expect.stringContaining('other'), expect.stringContaining('zk')]),
      )
      for (const [, what] of befell) {
        expect(takenTogether(what, byRuns('run'))).toEqual([])
        expect(takenWhileOneWasOut(what, byRuns('run'), 3)).toEqual([])
      }
      await untilHere(
        clock,
        'both serve',
        () =>
          cluster.zookeeper('default', 'zk').serving().length === 3 &&
          cluster.zookeeper('default', 'other').serving().length === 3,
      )
      expect(cluster.zookeeper('default', 'zk').paths(0)).toContain('/orders')
      expect(given.cordoned()).toEqual([])
    }))

  test('stops the drain while one of its members is out, and nothing is touched', () =>
    withNodes({}, async (given) => {
      const { cluster, clock } = given
      wanted(
        await runHere({
          cluster,
          clock,
          name: 'deploy',
          inputs: { manifests: 'zk.yaml', verify: 'quick' },
          files: { 'zk.yaml': TUTORIAL },
        }),
        'succeeded',
        '',
      )
      wanted(
        await runHere({
          cluster,
          clock,
          name: 'deploy',
          inputs: { manifests: 'other.yaml', verify: 'quick' },
          files: { 'other.yaml': OTHER },
        }),
        'succeeded',
        '',
      )
      cluster.faultMember('default', 'zk', 2, { notServing: true })
      const ended = await given.run({
        nodes: 'node-1\nnode-2\nnode-3\nnode-4',
        timeout: '60s',
        'member-timeout': '30s',
      })
      expect(ended.report).toMatchObject({ result: 'refused', changed: false })
      expect(ended.report.message).toContain('zk-2')
      expect(given.cordoned()).toEqual([])
    }))
})
