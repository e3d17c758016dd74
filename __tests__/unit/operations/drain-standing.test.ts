// What a drain says of its nodes in the end is how they stand: a user who is told that a node is
// cordoned, or uncordoned, continues by that.

import { describe, expect, jest, test } from '@jest/globals'
import type { Run } from '../../../src/run.ts'
import { at, isFields, text } from '../../support/cluster/json.ts'
import { runHere } from '../../support/in-process.ts'
import {
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

/** Nodes of the two members that follow. */
function followersOf(given: Given): readonly [string, string] {
  const [one = '', other = ''] = MEMBERS.filter((pod) => pod !== leaderOf(given)).map(given.nodeOf)
  return [one, other]
}

/** A node without a member. */
function emptyNode({ cluster, nodeOf }: Given): string {
  const homes = MEMBERS.map(nodeOf)
  return (
    cluster.objects
      .list('Node')
      .map((node) => text(node, 'metadata', 'name'))
      .find((name) => !homes.includes(name)) ?? ''
  )
}

describe('a drain that ends early', () => {
  test('says that the nodes which it had drained before stay cordoned, and not that every cordon was removed', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const [first, second] = followersOf(given)
      const ended = await given.start(
        { nodes: `${first}\n${second}` },
        {
          onLine: (line) =>
            line === `${second}: cordoned` ? given.cluster.somebody.uncordon(second) : undefined,
        },
      ).ended
      wanted(ended, 'failed', 'CONFLICT')
      expect(given.cordoned()).toEqual([first])
      expect(ended.report.standing).toContain(`${first} was drained and stays cordoned`)
      expect(ended.report.message).toContain(`${first} was drained and stays cordoned`)
    }))

  test('with uncordon: never, before the record keeps its cordon, removes it and says so', () =>
    withEnsemble({ nodes: 5 }, async (given) => {
      const [node] = followersOf(given)
      const run = given.start(
        { nodes: node, uncordon: 'never' },
        { onLine: (line) => (line === `${node}: cordoned` ? run.cancel() : undefined) },
      )
      const { report } = await run.ended
      expect(report.code).toBe('CANCELLED')
      expect(given.cordoned()).toEqual([])
      expect(report.standing).toBe('our cordons were removed')
      expect([report.byHand, report.notes]).toEqual([[], []])
    }))

  test('with uncordon: never and a member that finds no node, does not promise that its node is uncordoned', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const [node] = followersOf(given)
      const spare = emptyNode(given)
      const ended = await given.start(
        { nodes: node, uncordon: 'never' },
        {
          onLine: (line) =>
            line === `${node}: cordoned` ? given.cluster.somebody.cordon(spare) : undefined,
        },
      ).ended
      wanted(ended, 'failed', 'UNSCHEDULABLE')
      const fixes = ended.report.findings.map(({ fix }) => fix ?? '').join('\n')
      expect(fixes).toContain(`${node} stays cordoned: uncordon it`)
      expect(fixes).not.toContain('is uncordoned')
    }))
})

test('a node whose cordon, of somebody else, is removed meanwhile gets no maintenance: it takes pods again', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const node = emptyNode(given)
    given.cluster.somebody.cordon(node)
    let ran = 0
    const ended = await given.start(
      { nodes: node, 'maintenance-command': 'reboot' },
      {
        command: (...asked) => {
          ran += 1
          return fine(...asked)
        },
        onLine: (line) =>
          line === `${node}: was cordoned before, and stays so`
            ? given.cluster.somebody.uncordon(node)
            : undefined,
      },
    ).ended
    wanted(ended, 'failed', 'CONFLICT')
    expect(ran).toBe(0)
    expect(ended.report.drainedNodes).toEqual([])
  }))

test('in place, a node that takes pods only a while after it was uncordoned is waited for: it is no member without a place', () =>
  withEnsemble({ nodes: 3 }, async (given) => {
    const { cluster, clock } = given
    const [node] = followersOf(given)
    const taint = (taints: readonly { readonly key: string; readonly effect: string }[]): void => {
      cluster.objects.edit(
        'Node',
        '',
        node,
        (draft) =>
          void (draft['spec'] = {
            ...(isFields(draft['spec']) ? draft['spec'] : {}),
            taints: taints.map((one) => ({ ...one })),
          }),
      )
    }
    const ended = await given.start(
      { nodes: node, 'maintenance-command': 'patch' },
      {
        command: (...asked) => {
          taint([{ key: 'node.cilium.io/agent-not-ready', effect: 'NoSchedule' }])
          void clock.sleep(40_000).then(() => taint([]))
          return fine(...asked)
        },
      },
    ).ended
    wanted(ended, 'succeeded', '')
    settled(given)
  }))

test('a node that was to stay cordoned and was uncordoned during its maintenance is not said to be cordoned', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const [node] = followersOf(given)
    const ended = await given.start(
      { nodes: node, uncordon: 'never', 'maintenance-command': 'patch' },
      {
        command: (...asked) => {
          given.cluster.somebody.uncordon(node)
          return fine(...asked)
        },
      },
    ).ended
    wanted(ended, 'succeeded', '')
    expect(at(given.cluster.objects.get('Node', '', node), 'spec', 'unschedulable')).not.toBe(true)
    expect(ended.report.nodes[0]).toMatchObject({ outcome: 'drained', cordon: 'none' })
    expect(ended.report.standing).toContain('none is cordoned any more')
    expect(at(given.record(), 'maintenance') ?? null).toBeNull()
  }))

test('a node that left the cluster with its member: done only once that member serves elsewhere, also with verify: off', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const leader = leaderOf(given)
    const node = given.nodeOf(leader)
    const ended = await given.start(
      { nodes: node, verify: 'off' },
      {
        onLine: (line) => {
          if (!line.includes('its server is ended in place')) return
          given.cluster.objects.remove('Node', '', node)
          given.cluster.objects.remove('Pod', 'default', leader)
        },
      },
    ).ended
    wanted(ended, 'succeeded', '')
    expect(ended.report.standing).toContain('every member serves')
    expect(given.cluster.zookeeper('default', 'zk').serving()).toHaveLength(3)
  }))

test('a node that leaves the cluster once its member was evicted is not said to stay cordoned', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const [node] = followersOf(given)
    const ended = await given.start(
      { nodes: node },
      {
        onLine: (line) =>
          /default\/zk-\d evicted/.test(line) ? given.cluster.nodes.remove(node) : undefined,
      },
    ).ended
    wanted(ended, 'succeeded', '')
    expect(ended.report.nodes[0]).toMatchObject({
      outcome: 'drained',
      cordon: 'none',
      note: 'before it left the cluster',
    })
    expect(ended.report.standing).not.toContain('stays cordoned')
    settled(given)
  }))

test('a leader that can not be told to hand over leadership goes as it is, and that is said', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    for (const verb of ['get', 'create']) given.cluster.faults.forbid(verb, 'pods/exec')
    const leader = leaderOf(given)
    const ended = await given.start({
      nodes: given.nodeOf(leader),
      uncordon: 'after',
      verify: 'quick',
    }).ended
    wanted(ended, 'succeeded', '')
    expect(ended.report.notes).toContainEqual(
      expect.stringContaining(
        `${leader} leads, and goes without handing over its leadership: that needs the right to exec`,
      ),
    )
    settled(given)
  }))

test('a member that pod-selector leaves on its node is not said to go elsewhere', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const [node] = followersOf(given)
    const ended = await given.start({ nodes: node, 'pod-selector': 'app=other', uncordon: 'after' })
      .ended
    wanted(ended, 'succeeded', '')
    expect(ended.lines.join('\n')).toContain('stays on it (pod-selector); 0 pods to evict')
    expect(ended.report.notes).toContainEqual(
      expect.stringMatching(
        new RegExp(`^${node}: zk-\\d stays on it, since pod-selector leaves it out\\.$`),
      ),
    )
    const patched = await given.start(
      { nodes: node, 'pod-selector': 'app=other', 'maintenance-command': 'patch' },
      { command: () => Promise.resolve({ kind: 'exited', code: 0, last: '' }) },
    ).ended
    wanted(patched, 'succeeded', '')
    expect(patched.lines.join('\n')).toMatch(
      /warning: .*zk-\d stays on it, since pod-selector leaves it out: the maintenance command runs under a member that serves/,
    )
  }))

test('refused after it has uncordoned what a dead run left, it does not say that nothing was changed', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const { cluster, clock } = given
    const [first, second] = followersOf(given)
    const dead = given.start(
      { nodes: first },
      {
        name: 'second',
        onLine: (line) => (line === `${first}: cordoned` ? dead.kill(1) : undefined),
      },
    )
    await dead.ended
    expect(given.cordoned()).toEqual([first])
    cluster.objects.remove('PodDisruptionBudget', 'default', 'zk-pdb')
    await clock.sleep(60_000)
    const { report } = await given.start({ nodes: second }).ended
    expect([report.changed, report.code]).toEqual([true, 'DRAIN_REFUSED'])
    expect(report.standing).toBe(
      `${first} was left cordoned by a run that died and is uncordoned now; no other node was touched`,
    )
    expect(given.cordoned()).toEqual([])
  }))

test("cancelled, it uncordons its node before another ensemble's lock: a cluster that is slow leaves no time for one after the other", () =>
  withEnsemble({ nodes: 4 }, async (given) => {
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
    const node =
      MEMBERS.map(nodeOf).find((home) =>
        MEMBERS.some((pod) => nodeOf(pod.replace('zk', 'other')) === home),
      ) ?? ''
    const run = given.start(
      { nodes: node },
      {
        onLine: (line) => {
          if (line !== `${node}: cordoned`) return
          cluster.faults.always({
            by: 'run',
            kind: 'Lease',
            name: 'zk-ensemble-other',
            delayMs: 500,
          })
          run.cancel()
        },
      },
    )
    expect((await run.ended).report.code).toBe('CANCELLED')
    const asked = cluster.requests
      .filter(
        ({ by, kind, name, verb }) =>
          by === 'run' &&
          verb !== 'get' &&
          ((kind === 'Node' && name === node) ||
            (kind === 'Lease' && name === 'zk-ensemble-other')),
      )
      .map(({ kind }) => kind)
    expect(asked.at(-1)).toBe('Lease')
    expect(asked.at(-2)).toBe('Node')
    expect(
      text(cluster.objects.get('Lease', 'default', 'zk-ensemble-other'), 'spec', 'holderIdentity'),
    ).toBe('')
    expect(given.cordoned()).toEqual([])
  }))

test('an uncordon that is cancelled while it waits for members says which nodes it has uncordoned', () =>
  withEnsemble({ nodes: 5 }, async (given) => {
    const [node] = followersOf(given)
    wanted(await given.drain({ nodes: node }), 'succeeded', '')
    const run = given.start(
      { operation: 'uncordon', nodes: node },
      { onLine: (line) => (line === `${node}: uncordoned` ? run.cancel() : undefined) },
    )
    const { report } = await run.ended
    expect([report.code, report.changed]).toEqual(['CANCELLED', true])
    expect(report.standing).toContain(`${node} uncordoned`)
  }))

test('a node that stays cordoned comes back by the name of the member that was drained from it, wherever that one is now', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const node = given.nodeOf('zk-1')
    wanted(await given.drain({ nodes: node }), 'succeeded', '')
    expect([given.cordoned(), given.nodeOf('zk-1') === node]).toEqual([[node], false])
    wanted(
      await given.start({ operation: 'uncordon', members: 'zk-1' }, { name: 'second' }).ended,
      'succeeded',
      '',
    )
    settled(given)
    await whole(given)
  }))

test('a refusal for the sake of another ensemble on the node says which one: members have the same names everywhere', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock, nodeOf, drain } = given
    const one = OTHER.replace('replicas: 3', 'replicas: 1').replace('--servers=3', '--servers=1')
    wanted(
      await runHere({
        cluster,
        clock,
        name: 'deploy',
        inputs: { manifests: 'other.yaml', verify: 'quick' },
        files: { 'other.yaml': one },
      }),
      'succeeded',
      '',
    )
    const ended = await drain({ nodes: nodeOf('other-0') })
    wanted(ended, 'refused', 'DRAIN_REFUSED')
    expect(ended.report.message).toMatch(
      /was not touched: another ensemble on it, default\/other, can't lose its member now: without other-0 only 0 of 1 voting members are left/,
    )
    settled(given)
  }))
