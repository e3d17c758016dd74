// What a user counts on when nodes are drained: never a second member away, nothing touched before
// all was judged, our cordons removed on every path and nobody else's ever.

import { describe, expect, jest, test } from '@jest/globals'
import type { Run } from '../../../src/run.ts'
import type { ClusterOptions } from '../../support/cluster/cluster.ts'
import { at, text, type Fields } from '../../support/cluster/json.ts'
import { runHere, type Started } from '../../support/in-process.ts'
import {
  ALL,
  MARK,
  MEMBERS,
  OTHER,
  settled,
  TUTORIAL,
  wanted,
  whole,
  withEnsemble,
  type Given,
  type Inputs,
} from './drained-ensemble.ts'

jest.setTimeout(120_000)

describe('the nodes of all members', () => {
  test("are drained one after the other, the leader's last, and uncordoned; nothing is lost", () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      given.cluster.zookeeper('default', 'zk').put('/orders', 'paid')
      const homes = MEMBERS.map(given.nodeOf)
      const leader = MEMBERS.findIndex(
        (_, ordinal) => given.cluster.zookeeper('default', 'zk').mode(ordinal) === 'leader',
      )
      const ended = await given.drain({ members: ALL, uncordon: 'after' })
      wanted(ended, 'succeeded', '')
      expect(ended.report.drainedNodes.toSorted()).toEqual(homes.toSorted())
      expect(ended.report.drainedNodes.at(-1)).toBe(homes[leader])
      expect(ended.report).toMatchObject({
        remainingNodes: [],
        acknowledgedWritesLost: 0,
        readyReplicas: 3,
      })
      expect(
        ended.report.nodes.map(({ outcome, placement, cordon, members }) => [
          outcome,
          placement,
          cordon,
          members.length,
        ]),
      ).toEqual(homes.map(() => ['drained', 'elsewhere', 'none', 1]))
      for (const row of ended.report.nodes)
        expect(row.phases.map(({ phase }) => phase)).toEqual(
          row.node === homes[leader]
            ? ['gates', 'hand-over', 'cordon', 'evict', 'wait', 'uncordon']
            : ['gates', 'cordon', 'evict', 'wait', 'uncordon'],
        )
      expect(
        MEMBERS.map((_, ordinal) =>
          given.cluster.zookeeper('default', 'zk').paths(ordinal).includes('/orders'),
        ),
      ).toEqual([true, true, true])
      settled(given)
    }))

  test('stay cordoned without a word of uncordon, are no longer done by the next, and come back by uncordon', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const node = given.nodeOf('zk-0')
      wanted(await given.drain({ nodes: node }), 'succeeded', '')
      expect(given.cordoned()).toEqual([node])
      const other = given.nodeOf('zk-2')
      const next = await given.drain({ nodes: other }, 'second')
      wanted(next, 'refused', 'DRAIN_REFUSED')
      expect(next.report.message).toContain(`${node} was drained and not uncordoned yet`)
      expect(given.touched('second')).toEqual([])
      wanted(await given.drain({ operation: 'uncordon', nodes: node }), 'succeeded', '')
      wanted(
        await given.drain({ nodes: given.nodeOf('zk-2'), uncordon: 'after' }, 'second'),
        'succeeded',
        '',
      )
      settled(given)
    }))

  test('that only the members themselves can come back to are done in place, each with its command while it is empty', () =>
    withEnsemble({ nodes: 3 }, async (given) => {
      const done: string[] = []
      const command: Run['command'] = ({ env }) => {
        const node = env['NODE_NAME'] ?? ''
        done.push(
          `${node}: ${given.cluster.objects.list('Pod', 'default').filter((pod) => text(pod, 'spec', 'nodeName') === node).length} pods, ${given.cluster.zookeeper('default', 'zk').serving().length} serve`,
        )
        return Promise.resolve({ kind: 'exited', code: 0, last: '' })
      }
      const ended = await given.start({ members: ALL, 'maintenance-command': 'patch' }, { command })
        .ended
      wanted(ended, 'succeeded', '')
      expect(done).toEqual(ended.report.drainedNodes.map((node) => `${node}: 0 pods, 2 serve`))
      expect(ended.report.nodes.map(({ placement }) => placement)).toEqual([
        'in-place',
        'in-place',
        'in-place',
      ])
      settled(given)
    }))

  test('a command that fails stops the plan: its node is uncordoned, the others are not touched', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const ran: string[] = []
      const command: Run['command'] = ({ env }) => {
        ran.push(env['NODE_NAME'] ?? '')
        return Promise.resolve({
          kind: 'exited',
          code: ran.length === 2 ? 5 : 0,
          last: 'no space left',
        })
      }
      const ended = await given.start({ members: ALL, 'maintenance-command': 'patch' }, { command })
        .ended
      wanted(ended, 'failed', 'MAINTENANCE_FAILED')
      expect(ended.report.message).toContain(`${ran[1] ?? ''} exited with 5`)
      // A chat gets our words alone; what the script printed stands where the run's page shows it.
      expect(ended.report.message).not.toContain('no space left')
      expect(ended.report.evidence.map(({ object, reason }) => `${object}: ${reason}`)).toEqual([
        `node/${ran[1] ?? ''}: last line of the maintenance command: no space left`,
      ])
      expect(ended.report.drainedNodes).toEqual([ran[0]])
      expect(ended.report.remainingNodes.toSorted()).toEqual(
        ended.report.nodes
          .map(({ node }) => node)
          .filter((node) => node !== ran[0])
          .toSorted(),
      )
      expect(given.cordoned()).toEqual([])
      await whole(given)
    }))
})

const never: readonly (readonly [string, string])[] = [['maxUnavailable: 1', 'maxUnavailable: 0']]

describe('nothing is touched', () => {
  test.each<
    [string, ClusterOptions, readonly (readonly [string, string])[], Inputs, string, RegExp]
  >([
    [
      'where a member fits nowhere else and may not come back',
      { nodes: 3 },
      [],
      { members: ALL, placement: 'elsewhere', uncordon: 'after' },
      'DRAIN_REFUSED',
      /only its own node takes it, once that is uncordoned: node-/,
    ],
    [
      'where it could only come back to a node that stays cordoned',
      { nodes: 3 },
      [],
      { members: 'zk-1' },
      'DRAIN_REFUSED',
      /only its own node takes it/,
    ],
    [
      'by a budget that never allows an eviction',
      { nodes: 4 },
      never,
      { members: 'zk-1' },
      'DRAIN_REFUSED',
      /never allows an eviction/,
    ],
    [
      'for a node that is not there',
      { nodes: 4 },
      [],
      { nodes: 'node-9' },
      'NOT_FOUND',
      /no node node-9/,
    ],
    [
      'for a member that is not there',
      { nodes: 4 },
      [],
      { members: 'zk-7' },
      'NOT_FOUND',
      /no member zk-7/,
    ],
    [
      'of an ensemble of one',
      { nodes: 4 },
      [
        ['replicas: 3', 'replicas: 1'],
        ['--servers=3', '--servers=1'],
      ],
      { members: 'zk-0' },
      'DRAIN_REFUSED',
      /only 0 of 1 voting members are left/,
    ],
  ])('%s', (_, options, changes, inputs, code, message) =>
    withEnsemble(
      options,
      async (given) => {
        const ended = await given.drain(inputs)
        wanted(ended, 'refused', code)
        expect(ended.report.message).toMatch(message)
        expect(given.touched('run')).toEqual([])
        expect(given.cordoned()).toEqual([])
        expect(ended.report.changed).toBe(false)
      },
      changes.reduce((manifest, [from, to]) => manifest.replaceAll(from, to), TUTORIAL),
    ),
  )

  test('for a pod whose data would go with it, and what is asked of it is said', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      given.cluster.objects.put('Pod', bystander(given.nodeOf('zk-1'), { emptyDir: {} }))
      const ended = await given.drain({ members: 'zk-1' })
      wanted(ended, 'refused', 'DRAIN_REFUSED')
      expect(ended.report.message).toContain(
        'default/alone: Pods with local storage (use delete-emptydir-data to override); Pods that declare no controller (use evict-unmanaged to override)',
      )
      expect(given.touched('run')).toEqual([])
      wanted(
        await given.drain({
          members: 'zk-1',
          'delete-emptydir-data': 'true',
          'evict-unmanaged': 'true',
          uncordon: 'after',
        }),
        'succeeded',
        '',
      )
      expect(given.cluster.objects.get('Pod', 'default', 'alone')).toBeUndefined()
      settled(given)
    }))

  test('while a member is outside of the quorum, whatever its probe says', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      given.cluster.faultMember('default', 'zk', 2, { notServing: true })
      const ended = await given.drain({ members: 'zk-0' })
      wanted(ended, 'refused', 'DRAIN_REFUSED')
      expect(ended.report.message).toContain('zk-2 is available, but does not serve')
      expect(given.touched('run')).toEqual([])
    }))

  test('by a dry run, which says what would be done and in what order', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const ended = await given.drain({ members: ALL, uncordon: 'after', 'dry-run': 'true' })
      const order = /; (.*) would be drained$/.exec(ended.report.standing)?.[1]?.split(', then ')
      expect(ended.report.nodes.map(({ node }) => node)).toEqual(order)
      expect(ended.report.remainingNodes).toEqual(order)
      wanted(ended, 'planned', '')
      expect(given.touched('run')).toEqual([])
      expect(ended.report.remainingNodes).toHaveLength(3)
      settled(given)
    }))
})

describe('another ensemble on the node', () => {
  async function withTwo(work: (given: Given) => Promise<void>): Promise<void> {
    await withEnsemble({ nodes: 4 }, async (given) => {
      const { cluster, clock } = given
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
      await work(given)
    })
  }

  test('has the same gates: while one of its members is outside of the quorum the node is not touched', () =>
    withTwo(async (given) => {
      const taken = given.nodeOf('zk-0')
      const theirs = ['other-0', 'other-1', 'other-2'].findIndex(
        (pod) => given.nodeOf(pod) !== taken,
      )
      given.cluster.faultMember('default', 'other', theirs, { notServing: true })
      const ended = await given.drain({ nodes: taken, uncordon: 'after' })
      // Where none of its members stands on the node it is not co-located.
      const there = ['other-0', 'other-1', 'other-2'].some((pod) => given.nodeOf(pod) === taken)
      wanted(ended, there ? 'refused' : 'succeeded', there ? 'DRAIN_REFUSED' : '')
      if (there)
        expect(ended.report.message).toContain(`other-${theirs} is available, but does not serve`)
      expect(there).toBe(true)
      expect(given.touched('run')).toEqual([])
    }))

  test('hands over its leadership and is whole again before the next node', () =>
    withTwo(async (given) => {
      const ended = await given.drain({ members: ALL, uncordon: 'after' })
      wanted(ended, 'succeeded', '')
      expect(given.cluster.zookeeper('default', 'other').serving()).toEqual([0, 1, 2])
      expect(ended.lines.join('\n')).toMatch(
        /default\/other: other-\d: leads; its server is ended in place/,
      )
      settled(given)
    }))
})

describe('what others do to a node', () => {
  test('cordoned before, it is drained and stays cordoned', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const node = given.nodeOf('zk-0')
      given.cluster.somebody.cordon(node)
      wanted(await given.drain({ nodes: node, uncordon: 'after' }), 'succeeded', '')
      expect(given.cordoned()).toEqual([node])
      expect(
        text(given.cluster.objects.get('Node', '', node), 'metadata', 'annotations', MARK),
      ).toBe('')
      expect(at(given.record(), 'maintenance') ?? null).toBeNull()
    }))

  test('uncordoned meanwhile, it is not called drained', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const node = given.nodeOf('zk-0')
      const ended = await given.start(
        { nodes: node, uncordon: 'after' },
        {
          onLine: (line) =>
            line.includes('zk-0 evicted') ? given.cluster.somebody.uncordon(node) : undefined,
        },
      ).ended
      wanted(ended, 'failed', 'CONFLICT')
      expect(ended.report.message).toContain(
        `somebody else uncordoned ${node} while it was drained`,
      )
      expect(ended.report.drainedNodes).toEqual([])
      await whole(given)
      expect(given.cordoned()).toEqual([])
    }))

  test('gone meanwhile, it counts as done', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const free = given.cluster.objects
        .list('Node')
        .map((node) => text(node, 'metadata', 'name'))
        .filter((name) => !MEMBERS.map(given.nodeOf).includes(name))
      const [first, second] = free
      const ended = await given.start(
        { nodes: `${first ?? ''}\n${second ?? ''}`, uncordon: 'after' },
        {
          onLine: (line) =>
            line.includes(`${first ?? ''}: cordoned`)
              ? given.cluster.objects.remove('Node', '', second ?? '')
              : undefined,
        },
      ).ended
      wanted(ended, 'succeeded', '')
      expect(ended.report.drainedNodes).toEqual([first, second])
      expect(ended.report.nodes.map(({ outcome }) => outcome)).toEqual(['drained', 'gone'])
    }))

  test('removed as a place after the eviction, the node is uncordoned at once, and the member comes back to it', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const node = given.nodeOf('zk-0')
      const free =
        given.cluster.objects
          .list('Node')
          .map((one) => text(one, 'metadata', 'name'))
          .find((name) => !MEMBERS.map(given.nodeOf).includes(name)) ?? ''
      const began = given.clock.now()
      const ended = await given.start(
        { nodes: node, uncordon: 'after' },
        {
          onLine: (line) =>
            line.includes(`${node}: cordoned`) ? given.cluster.somebody.cordon(free) : undefined,
        },
      ).ended
      wanted(ended, 'failed', 'UNSCHEDULABLE')
      expect(given.clock.now() - began).toBeLessThan(60_000)
      expect(ended.report.standing).toContain('3 of 3 members are available and serve')
      expect(given.nodeOf('zk-0')).toBe(node)
      // Theirs is not touched.
      expect(given.cordoned()).toEqual([free])
    }))
})

describe('a run that ends early', () => {
  test.each(['Judge every node', 'cordoned', 'zk-0: creating', 'its server is ended', 'Verify'])(
    'by a cancel at "%s" leaves no cordon, and the next one reaches the end',
    (line) =>
      withEnsemble({ nodes: 4 }, async (given) => {
        const started: Started = given.start(
          { members: ALL, uncordon: 'after' },
          { onLine: (said) => (said.includes(line) ? started.cancel() : undefined) },
        )
        const ended = await started.ended
        wanted(ended, 'cancelled', 'CANCELLED')
        expect(given.cordoned()).toEqual([])
        const next = await given.drain({ members: ALL, uncordon: 'after' }, 'second')
        // At the end nothing is left to drain, but to look.
        wanted(next, line === 'Verify' ? 'unchanged' : 'succeeded', '')
        expect(next.report.pairs).toBe('6/6')
        settled(given)
        await whole(given)
      }),
  )

  test.each([12, 28, 44, 60, 90, 130])(
    'by a kill at its request %i: the next one uncordons what it left, continues, and reaches the end',
    (request) =>
      withEnsemble({ nodes: 4 }, async (given) => {
        const started = given.start({ members: ALL, uncordon: 'after' })
        started.kill(request)
        await started.ended
        wanted(await given.drain({ members: ALL, uncordon: 'after' }, 'second'), 'succeeded', '')
        settled(given)
        await whole(given)
      }),
  )

  test('what a killed one has done is not done again', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      // By members, who are elsewhere by then: their nodes of before are meant.
      const inputs = { members: ALL, uncordon: 'after' }
      const started: Started = given.start(inputs, {
        onLine: (line) => (line.includes('Drain node-3') ? started.kill(4) : undefined),
      })
      await started.ended
      const first =
        MEMBERS.map((_, index) => `node-${index + 1}`).find((node) =>
          given.touched('run').some((line) => line === `run patch ${node}`),
        ) ?? ''
      const ended = await given.drain(inputs, 'second')
      wanted(ended, 'succeeded', '')
      expect(ended.lines.join('\n')).toMatch(
        new RegExp(`Continuing the drain that was begun at .*: ${first} is done, 2 left`),
      )
      expect(ended.report.drainedNodes).toHaveLength(3)
      expect(given.touched('second').filter((line) => line.endsWith(` ${first}`))).toEqual([])
      settled(given)
    }))

  test('two at once never work on one ensemble: the second waits for the lock and then finds what there is to do', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const one = given.start({ nodes: given.nodeOf('zk-0'), uncordon: 'after' })
      const two = given.start(
        { nodes: given.nodeOf('zk-2'), uncordon: 'after' },
        { name: 'second' },
      )
      const ended = await Promise.all([one.ended, two.ended])
      for (const { report } of ended)
        expect([report.result, report.code]).toEqual(['succeeded', ''])
      settled(given)
    }))
})

/** A pod of nobody's on a node. */
function bystander(node: string, volume: Fields): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'alone', namespace: 'default', labels: { app: 'alone' } },
    spec: {
      nodeName: node,
      containers: [{ name: 'c', image: 'busybox:1.36' }],
      volumes: [{ name: 'scratch', ...volume }],
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }
}
