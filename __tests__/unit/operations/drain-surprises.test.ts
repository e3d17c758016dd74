// What happens to an ensemble and its nodes by other hands while a drain is under way, or was
// between two of them: none of it may cost a second member, or make a success of what is none.

import { describe, expect, jest, test } from '@jest/globals'
import type { Run } from '../../../src/run.ts'
import { byRuns, takenWhileOneWasOut } from '../../model/rolls/invariants.ts'
import { at, isFields, parse, text, type Fields } from '../../support/cluster/json.ts'
import { runHere, type Started } from '../../support/in-process.ts'
import {
  ALL,
  MEMBERS,
  OTHER,
  settled,
  wanted,
  whole,
  withEnsemble,
  type Given,
} from './drained-ensemble.ts'

jest.setTimeout(120_000)

const fine: Run['command'] = () => Promise.resolve({ kind: 'exited', code: 0, last: '' })

function leaderOf({ cluster }: Given): string {
  return `zk-${MEMBERS.findIndex((_, ordinal) => cluster.zookeeper('default', 'zk').mode(ordinal) === 'leader')}`
}

/** Two members that follow. */
function followersOf(given: Given): readonly [string, string] {
  const [one = '', other = ''] = MEMBERS.filter((pod) => pod !== leaderOf(given))
  return [one, other]
}

/** The volume of this pod's claim is on its node alone from now on. */
function tie({ cluster, nodeOf }: Given, pod: string): void {
  const volume = text(
    cluster.objects.get('PersistentVolumeClaim', 'default', `datadir-${pod}`),
    'spec',
    'volumeName',
  )
  cluster.objects.edit('PersistentVolume', '', volume, (draft) => {
    draft['spec'] = {
      ...(isFields(draft['spec']) ? draft['spec'] : {}),
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeOf(pod)] },
              ],
            },
          ],
        },
      },
    }
  })
}

function stray(name: string, node: string, more: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name }, ...more },
    spec: { nodeName: node, containers: [{ name: 'c', image: 'busybox:1.36' }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }
}

/** A second ensemble, one member of it on the node of one of ours: that node and that member. */
async function withOther(given: Given): Promise<{ readonly node: string; readonly pod: string }> {
  const { cluster, clock, nodeOf } = given
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
  const others = MEMBERS.map((pod) => pod.replace('zk', 'other'))
  const pod = others.find((other) => MEMBERS.map(nodeOf).includes(nodeOf(other)))
  if (pod === undefined) throw new Error('no node has members of both')
  return { node: nodeOf(pod), pod }
}

describe('another member goes away by other hands', () => {
  test('right after the cordon: ours stays until it is back in the quorum, not until its probe says so', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const [mine, theirs] = followersOf(given)
      const node = given.nodeOf(mine)
      const seen: string[] = []
      const ended = await given.start(
        { nodes: node, uncordon: 'after' },
        {
          onLine: (line) => {
            if (line === `${node}: cordoned`) given.cluster.somebody.evict('default', theirs)
            seen.push(line)
          },
        },
      ).ended
      wanted(ended, 'succeeded', '')
      expect(seen.join('\n')).toMatch(new RegExp(`${mine} waits: .*${theirs}`))
      expect(takenWhileOneWasOut(given.cluster.history, byRuns('run'), 3)).toEqual([])
      settled(given)
    }))

  test('while a slow pod of the node is waited for, in place: ours stays until it is back', () =>
    withEnsemble({ nodes: 3 }, async (given) => {
      const { cluster, clock } = given
      const [mine, theirs] = followersOf(given)
      const node = given.nodeOf(mine)
      cluster.objects.put('Pod', stray('slow', node, { finalizers: ['example.com/wait'] }))
      let begun = false
      const ended = await given.start(
        { nodes: node, 'maintenance-command': 'patch', 'evict-unmanaged': 'true' },
        {
          command: fine,
          onLine: (line) => {
            if (begun || !line.includes('default/slow evicted')) return
            begun = true
            cluster.somebody.evict('default', theirs)
            void clock.sleep(500).then(() => {
              cluster.objects.edit(
                'Pod',
                'default',
                'slow',
                (pod) =>
                  void (pod['metadata'] = {
                    ...(isFields(pod['metadata']) ? pod['metadata'] : {}),
                    finalizers: [],
                  }),
              )
              cluster.objects.remove('Pod', 'default', 'slow')
            })
          },
        },
      ).ended
      wanted(ended, 'succeeded', '')
      expect(begun).toBe(true)
      settled(given)
    }))
})

describe('a node that was left cordoned on purpose', () => {
  test('and uncordoned by hand since is drained again: its member may be there', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const { cluster, clock, nodeOf } = given
      const node = nodeOf('zk-0')
      wanted(await given.drain({ nodes: node }), 'succeeded', '')
      cluster.somebody.uncordon(node)
      const elsewhere = nodeOf('zk-0')
      cluster.somebody.cordon(elsewhere)
      cluster.somebody.evict('default', 'zk-0')
      await clock.sleep(60_000)
      await whole(given)
      cluster.somebody.uncordon(elsewhere)
      expect(nodeOf('zk-0')).toBe(node)
      wanted(await given.drain({ nodes: node }, 'second'), 'succeeded', '')
      expect(nodeOf('zk-0')).not.toBe(node)
      expect(given.cordoned()).toEqual([node])
      // Uncordoned by hand once more it holds up no other drain.
      cluster.somebody.uncordon(node)
      wanted(
        await given.drain({ nodes: nodeOf('zk-1'), uncordon: 'after' }, 'second'),
        'succeeded',
        '',
      )
    }))

  test('gets the command that a later drain asks for, and is uncordoned then', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const node = given.nodeOf('zk-0')
      wanted(await given.drain({ nodes: node }), 'succeeded', '')
      const ran: string[] = []
      const command: Run['command'] = ({ env }) => {
        ran.push(env['NODE_NAME'] ?? '')
        return Promise.resolve({ kind: 'exited', code: 0, last: '' })
      }
      wanted(
        await given.start(
          { nodes: node, 'maintenance-command': 'patch' },
          { name: 'second', command },
        ).ended,
        'succeeded',
        '',
      )
      expect(ran).toEqual([node])
      settled(given)
    }))
})

describe('a pod that is bound to the node while its leader hands over leadership', () => {
  const late = async (
    given: Given,
    inputs: Readonly<Record<string, string>>,
  ): Promise<{ readonly ended: Awaited<Started['ended']>; readonly seen: readonly string[] }> => {
    const node = given.nodeOf(leaderOf(given))
    let seen: readonly string[] = []
    const ended = await given.start(
      { nodes: node, 'maintenance-command': 'patch', ...inputs },
      {
        onLine: (line) => {
          if (line.includes('its server is ended in place'))
            given.cluster.objects.put('Pod', stray('late', node))
        },
        command: () => {
          seen = given.cluster.objects
            .list('Pod', 'default')
            .filter((pod) => text(pod, 'spec', 'nodeName') === node)
            .map((pod) => text(pod, 'metadata', 'name'))
          return Promise.resolve({ kind: 'exited', code: 0, last: '' })
        },
      },
    ).ended
    return { ended, seen }
  }

  test('is evicted as well before the maintenance', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const { ended, seen } = await late(given, { 'evict-unmanaged': 'true' })
      wanted(ended, 'succeeded', '')
      expect(seen).toEqual([])
      expect(ended.lines.join('\n')).toContain('default/late evicted')
      settled(given)
    }))

  test('ends it where the flags keep that pod: no member was evicted, and the node is uncordoned', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const { ended } = await late(given, {})
      wanted(ended, 'failed', 'DRAIN_REFUSED')
      expect(ended.report.message).toContain('default/late')
      expect(given.touched('run').filter((line) => line.includes('eviction'))).toEqual([])
      expect(given.cordoned()).toEqual([])
    }))
})

describe('another ensemble on the node', () => {
  test('whose lock is taken over meanwhile keeps its member', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const { cluster, clock } = given
      const { node, pod } = await withOther(given)
      const budget = (maxUnavailable: number): void =>
        cluster.somebody.edit('PodDisruptionBudget', 'default', 'other-pdb', {
          spec: { maxUnavailable },
        })
      let taken = false
      const ended = await given.start(
        { nodes: node, uncordon: 'after' },
        {
          onLine: (line) => {
            if (taken || !line.includes(`${node}: cordoned`)) return
            taken = true
            budget(0)
            cluster.objects.edit(
              'Lease',
              'default',
              'zk-ensemble-other',
              (lease) =>
                void (lease['spec'] = {
                  ...(isFields(lease['spec']) ? lease['spec'] : {}),
                  holderIdentity: 'shop/deploy/1/x',
                }),
            )
            void clock.sleep(60_000).then(() => budget(1))
          },
        },
      ).ended
      wanted(ended, 'failed', 'LOCKED')
      expect(ended.report.message).toContain('zk-ensemble-other')
      expect(given.touched('run').filter((line) => line.endsWith(`eviction ${pod}`))).toEqual([])
      expect(given.cordoned()).toEqual([])
    }))

  test('has a member that only a node which somebody else cordoned takes: refused before anything is touched', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const { node, pod } = await withOther(given)
      tie(given, pod)
      given.cluster.somebody.cordon(node)
      const ended = await given.drain({ nodes: node, uncordon: 'after' })
      wanted(ended, 'refused', 'DRAIN_REFUSED')
      expect(ended.report.message).toContain(pod)
      expect(given.touched('run')).toEqual([])
    }))
})

test("in place, with the leader's node cordoned by somebody else: refused before the first node, not at the last", () =>
  withEnsemble({ nodes: 3 }, async (given) => {
    const leader = leaderOf(given)
    given.cluster.somebody.cordon(given.nodeOf(leader))
    const ended = await given.start(
      { members: ALL, 'maintenance-command': 'patch' },
      { command: fine },
    ).ended
    wanted(ended, 'refused', 'DRAIN_REFUSED')
    expect(given.touched('run')).toEqual([])
    expect(leaderOf(given)).toBe(leader)
  }))

test('a cordon that an earlier run left (uncordon: never) is still ours for the next one that is cancelled in its hand-over, and is removed', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const { cluster, clock, cordoned } = given
    const node = given.nodeOf('zk-2')
    const budget = (maxUnavailable: number): void =>
      cluster.somebody.edit('PodDisruptionBudget', 'default', 'zk-pdb', {
        spec: { maxUnavailable },
      })
    const kept: Started = given.start(
      { nodes: node, uncordon: 'never' },
      {
        onLine: (line) => {
          if (line.includes(`${node}: cordoned`)) budget(0)
          if (line.includes('zk-2 waits')) kept.cancel()
        },
      },
    )
    wanted(await kept.ended, 'cancelled', 'CANCELLED')
    expect(cordoned()).toEqual([node])
    budget(1)
    while (leaderOf(given) !== 'zk-2') {
      cluster.crash('default', leaderOf(given))
      await clock.sleep(100_000)
    }
    const next: Started = given.start(
      { nodes: node, uncordon: 'after' },
      {
        name: 'second',
        onLine: (line) => (line.includes('ended in place') ? next.cancel() : undefined),
      },
    )
    const ended = await next.ended
    wanted(ended, 'cancelled', 'CANCELLED')
    expect(cordoned()).toEqual([])
    expect(at(given.record(), 'maintenance') ?? null).toBeNull()
    expect(ended.report).toMatchObject({ changed: true })
  }))

test('somebody who cordons the node again meanwhile keeps his cordon, and the verdict says so', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const node = given.nodeOf('zk-0')
    const ended = await given.start(
      { nodes: node, 'maintenance-command': 'patch' },
      {
        command: () => {
          given.cluster.somebody.uncordon(node)
          given.cluster.somebody.cordon(node)
          return Promise.resolve({ kind: 'exited', code: 0, last: '' })
        },
      },
    ).ended
    wanted(ended, 'succeeded', '')
    expect(at(given.cluster.objects.get('Node', '', node), 'spec', 'unschedulable')).toBe(true)
    expect(ended.report.standing).toContain(`but for ${node}: cordoned by somebody else`)
    expect(ended.report.nodes[0]).toMatchObject({ cordon: 'theirs' })
  }))

test("last night's plan that failed is not continued tonight: every node gets its patches", () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const ran: string[] = []
    let failing = true
    const command: Run['command'] = ({ env }) => {
      ran.push(env['NODE_NAME'] ?? '')
      return Promise.resolve({
        kind: 'exited',
        code: failing && ran.length === 2 ? 1 : 0,
        last: '',
      })
    }
    const nightly = { 'node-selector': 'kubernetes.io/os=linux', 'maintenance-command': 'patch' }
    wanted(await given.start(nightly, { command }).ended, 'failed', 'MAINTENANCE_FAILED')
    failing = false
    ran.length = 0
    given.cluster.objects.edit('ConfigMap', 'default', 'zk-ensemble-zk', (map) => {
      const since = Date.parse(text(given.record(), 'drain', 'since'))
      map['data'] = {
        'record.json': JSON.stringify(
          parse(
            JSON.stringify(given.record()).replace(
              text(given.record(), 'drain', 'since'),
              new Date(since - 23.9 * 3_600_000).toISOString(),
            ),
          ),
        ),
      }
    })
    wanted(await given.start(nightly, { name: 'second', command }).ended, 'succeeded', '')
    expect(ran).toHaveLength(4)
  }))
