// Nodes are emptied under a quorum on a real cluster: what the tutorial's drains and the memo's
// should have been, and what a refused, failed, cancelled or killed one leaves behind.
// No test here is concurrent: each cordons nodes that the others need.

import { describe, expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { runAction } from '../support/runner.ts'
import { act, verdict, type Ran } from './action.ts'
import {
  everything,
  kubeconfig,
  kubectl,
  kubectlApply,
  lab,
  read,
  run,
  switchLab,
} from './cluster.ts'
import {
  cordonedNodes,
  cordonOf,
  drain,
  drainInputs,
  holderOf,
  homeOf,
  homes,
  nodeNames,
  recordOf,
  SIDE_BY_SIDE,
  slowApplication,
  tutorialFor,
  underMaintenance,
  watchReady,
  withoutValue,
  write,
} from './nodes.ts'

jest.setTimeout(1_200_000)

const rolledOut = (namespace: string, what: string): Promise<string> =>
  kubectl('rollout', 'status', what, '-n', namespace, '--timeout=240s')

/** Three members as `kubectl apply` makes them, in quorum, and a value on all of them. */
async function ensembleOf(namespace: string, manifest: string): Promise<void> {
  await kubectlApply(namespace, manifest)
  await rolledOut(namespace, 'statefulset/zk')
  expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(/^succeeded /)
  await write(namespace, 'before')
}

const quickly = (namespace: string, ...changes: Parameters<typeof tutorialFor>[1][]): string =>
  tutorialFor(namespace, SIDE_BY_SIDE, ...changes)

/** The members' nodes, the leader's last. */
async function theirNodes(namespace: string): Promise<readonly [string, string, string]> {
  const [home, looked] = await Promise.all([
    homes(namespace),
    act({ operation: 'verify', namespace, verify: 'quick' }),
  ])
  const leader = home.get(looked.outputs['leader'] ?? '')
  const [first, second] = [...home.values()].filter((node) => node !== leader)
  if (first === undefined || second === undefined || leader === undefined)
    throw new Error(
      `three members on three nodes, one of which leads: ${JSON.stringify([...home])}`,
    )
  return [first, second, leader]
}

/** Seconds by phase, by node. */
const nodeTimes = z.record(z.string(), z.record(z.string(), z.number()))

const linesOf = (text: string | undefined): readonly string[] =>
  (text ?? '').split('\n').filter((line) => line !== '')

/**
 * Every member serves and has what was written before; nobody's node is cordoned, marked or under
 * maintenance for it; its lock is free.
 */
async function expectWhole(namespace: string): Promise<void> {
  expect(await cordonedNodes()).toEqual([])
  const record = await recordOf(namespace)
  expect({
    underWay: record.underWay,
    maintenance: record.maintenance ?? null,
    drain: record.drain ?? null,
  }).toEqual({ underWay: null, maintenance: null, drain: null })
  expect(await holderOf(namespace)).toBe('')
  expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(/^succeeded /)
  expect(await withoutValue(namespace, 'before')).toEqual([])
}

test("the tutorial's second half: the nodes of all three members are drained in one run, and the quorum holds throughout", async () => {
  await underMaintenance('drain', async (namespace) => {
    await ensembleOf(namespace, tutorialFor(namespace))
    const [first, second, leaders] = await theirNodes(namespace)
    const before = await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')
    const ready = watchReady(namespace, 'statefulset/zk')
    // Named first, drained last.
    const ran = await drain(namespace, [leaders, first, second], { uncordon: 'after' })
    const seen = await ready.stop()
    expect(verdict(ran)).toMatch(/^succeeded /)
    expect(ran.exitCode).toBe(0)
    expect(ran.outputs).toMatchObject({
      changed: 'true',
      'ready-replicas': '3',
      'acknowledged-writes-lost': '0',
      pairs: '6/6',
      'remaining-nodes': '',
    })
    expect(linesOf(ran.outputs['drained-nodes'])).toEqual([first, second, leaders])
    expect(Number(ran.outputs['longest-write-gap-ms'])).toBeGreaterThan(0)
    expect(Math.min(...seen)).toBe(2)
    // The leadership moved once, and only for the leader's node.
    const times = nodeTimes.parse(JSON.parse(ran.outputs['node-times'] ?? ''))
    expect(Object.keys(times).toSorted()).toEqual([first, second, leaders].toSorted())
    for (const node of [first, second, leaders])
      expect(Object.keys(times[node] ?? {})).toEqual(
        expect.arrayContaining(['gates', 'cordon', 'evict', 'wait', 'uncordon', 'total']),
      )
    expect(
      Object.entries(times)
        .filter(([, phases]) => 'hand-over' in phases)
        .map(([node]) => node),
    ).toEqual([leaders])
    const after = (await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')).split(' ')
    expect(after.filter((uid) => before.includes(uid))).toEqual([])
    expect(new Set((await homes(namespace)).values()).size).toBe(3)
    await expectWhole(namespace)
  })
})

test('what can not go well is refused before a node is touched', async () => {
  await underMaintenance('nodrain', async (namespace) => {
    const places = (await nodeNames()).slice(0, 3)
    // A member for each of three nodes, and no other node takes one.
    const bound = [
      '      affinity:\n',
      `      affinity:
        nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${places.join(', ')}]}]}]}}\n`,
    ] as const
    await kubectlApply(namespace, tutorialFor(namespace, SIDE_BY_SIDE, bound))
    await rolledOut(namespace, 'statefulset/zk')
    const before = await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')
    const [node = ''] = places

    const unknown = await drain(namespace, [node, 'no-such-node'])
    expect(verdict(unknown)).toMatch(/^refused NOT_FOUND .*no-such-node/)
    const unplaced = await drain(namespace, [node], { placement: 'elsewhere', uncordon: 'after' })
    expect(verdict(unplaced)).toMatch(/^refused DRAIN_REFUSED .*zk-\d: only its own node takes it/)
    // Without the node uncordoned its member could not come back at all.
    expect(verdict(await drain(namespace, [node]))).toMatch(/^refused DRAIN_REFUSED /)
    const planned = await drain(namespace, [node], { uncordon: 'after', 'dry-run': 'true' })
    expect(verdict(planned)).toMatch(/^planned /)
    await kubectl(
      'patch',
      'poddisruptionbudget',
      'zk-pdb',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"spec":{"maxUnavailable":0}}',
    )
    const never = await drain(namespace, [node], { uncordon: 'after' })
    expect(verdict(never)).toMatch(/^refused DRAIN_REFUSED .*zk-pdb never allows an eviction/)
    for (const ran of [unknown, unplaced, planned, never])
      expect(ran.outputs).toMatchObject({ changed: 'false', 'drained-nodes': '' })
    for (const ran of [unplaced, planned, never]) expect(ran.outputs['remaining-nodes']).toBe(node)

    await kubectl(
      'patch',
      'poddisruptionbudget',
      'zk-pdb',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"spec":{"maxUnavailable":1}}',
    )
    await kubectl('scale', 'statefulset/zk', '-n', namespace, '--replicas=1')
    await kubectl('wait', '-n', namespace, '--for=delete', 'pod/zk-1', 'pod/zk-2', '--timeout=120s')
    const alone = await drain(namespace, [await homeOf(namespace, 'zk-0')], { uncordon: 'after' })
    expect(verdict(alone)).toMatch(/^refused DRAIN_REFUSED /)

    expect(await cordonedNodes()).toEqual([])
    // Not even a record was begun.
    expect(
      await kubectl(
        'get',
        'configmap',
        'zk-ensemble-zk',
        '-n',
        namespace,
        '--ignore-not-found',
        '-o',
        'name',
      ),
    ).toBe('')
    expect(await holderOf(namespace)).toBe('')
    expect(before).toContain(await read(namespace, 'pod zk-0', '{.metadata.uid}'))
  })
})

// What takes minutes is no part of the core: there it isn't even registered.
const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

describe('volumes that are tied to their node', () => {
  const tied = ['accessModes:', 'storageClassName: local\n      accessModes:'] as const

  all('each node is maintained once, in place, its member back before the next', async () => {
    await underMaintenance('inplace', async (namespace) => {
      await ensembleOf(namespace, quickly(namespace, tied))
      const nodes = await theirNodes(namespace)
      const before = await homes(namespace)
      const ready = watchReady(namespace, 'statefulset/zk')
      const ran = await drain(namespace, nodes, {
        'maintenance-command':
          'echo "$NODE_NAME" >> maintained\necho "::error::no command of the runner"\necho "done with $NODE_NAME"',
      })
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(linesOf(readFileSync(join(ran.job.workspace, 'maintained'), 'utf8'))).toEqual(nodes)
      expect(ran.annotations.filter(({ kind }) => kind === 'error')).toEqual([])
      expect(linesOf(ran.outputs['drained-nodes'])).toEqual(nodes)
      expect(ran.outputs).toMatchObject({
        'remaining-nodes': '',
        'acknowledged-writes-lost': '0',
        pairs: '6/6',
      })
      expect(Math.min(...(await ready.stop()))).toBe(2)
      expect(await homes(namespace)).toEqual(before)
      await expectWhole(namespace)
    })
  })

  all(
    'a maintenance command that fails ends it there: the node is uncordoned, its member comes back, and the others were not touched',
    async () => {
      await underMaintenance('badnode', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace, tied))
        const [first, second, leaders] = await theirNodes(namespace)
        const command = `echo "$NODE_NAME" >> maintained\nif [ "$NODE_NAME" = ${second} ]; then echo 'the disk is full'; exit 3; fi`
        const ran = await drain(namespace, [first, second, leaders], {
          'maintenance-command': command,
        })
        expect(verdict(ran)).toMatch(
          new RegExp(`^failed MAINTENANCE_FAILED .*${second}.*exited with 3`),
        )
        expect(ran.exitCode).toBe(1)
        expect(linesOf(ran.outputs['drained-nodes'])).toEqual([first])
        expect(linesOf(ran.outputs['remaining-nodes'])).toEqual([second, leaders])
        expect(ran.outputs['ready-replicas']).toBe('3')
        expect(await cordonedNodes()).toEqual([])
        expect((await recordOf(namespace)).maintenance ?? null).toBeNull()

        // The same step again continues where it failed, once the command does what it should.
        const again = await drain(
          namespace,
          [first, second, leaders],
          { 'maintenance-command': command },
          { job: ran.job },
        )
        expect(verdict(again)).toMatch(/^failed MAINTENANCE_FAILED /)
        expect(linesOf(readFileSync(join(ran.job.workspace, 'maintained'), 'utf8'))).toEqual([
          first,
          second,
          second,
        ])
        expect(await cordonedNodes()).toEqual([])
        expect(await withoutValue(namespace, 'before')).toEqual([])
      })
    },
  )
})

describe('an application that takes 20 s to be ready, with a budget of one', () => {
  all(
    "is never down while its two nodes are drained in one run, though it is nobody's member",
    async () => {
      await underMaintenance('slow', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        await kubectlApply(namespace, slowApplication(namespace, 20))
        await rolledOut(namespace, 'deployment/slow')
        const nodes = [...(await homes(namespace, 'app=slow')).values()]
        expect(nodes).toHaveLength(2)
        const before = (
          await read(namespace, 'pods -l app=slow', '{.items[*].metadata.uid}')
        ).split(' ')
        const [members, ready] = [
          watchReady(namespace, 'statefulset/zk'),
          watchReady(namespace, 'deployment/slow'),
        ]
        const ran = await drain(namespace, nodes, { uncordon: 'after' })
        expect(verdict(ran)).toMatch(/^succeeded /)
        expect(linesOf(ran.outputs['drained-nodes']).toSorted()).toEqual(nodes.toSorted())
        expect(Math.min(...(await ready.stop()))).toBeGreaterThan(0)
        expect(Math.min(...(await members.stop()))).toBeGreaterThanOrEqual(2)
        const after = (await read(namespace, 'pods -l app=slow', '{.items[*].metadata.uid}')).split(
          ' ',
        )
        expect(after.filter((uid) => before.includes(uid))).toEqual([])
        await expectWhole(namespace)
      })
    },
  )

  all('is never down while two runs of two ensembles drain its two nodes at once', async () => {
    await underMaintenance('one', async (one) => {
      await underMaintenance('two', async (two) => {
        // The pods of both are the drains' to take, and each ensemble is co-located with the other.
        await Promise.all([ensembleOf(one, quickly(one)), ensembleOf(two, quickly(one))])
        await kubectlApply(one, slowApplication(one, 20))
        await rolledOut(one, 'deployment/slow')
        const [here = '', there = ''] = [...(await homes(one, 'app=slow')).values()]
        const selector = drainInputs(one, [])['pod-selector'] ?? ''
        const watches = [
          watchReady(one, 'deployment/slow'),
          watchReady(one, 'statefulset/zk'),
          watchReady(two, 'statefulset/zk'),
        ]
        const runs = [
          (): Promise<Ran> => drain(one, [here], { uncordon: 'after' }),
          (): Promise<Ran> => drain(two, [there], { uncordon: 'after', 'pod-selector': selector }),
        ]
        const ran = await Promise.all(runs.map((start) => start()))
        // Where each needs the other's lock one steps back before it has touched anything, is told
        // for whom, and does its node afterwards.
        for (const each of ran)
          expect(verdict(each)).toMatch(/^succeeded |^refused LOCKED .*\/actions\/runs\//)
        expect(ran.map((each) => each.outputs['result'])).toContain('succeeded')
        for (const [index, start] of runs.entries())
          if (ran[index]?.outputs['code'] === 'LOCKED')
            expect(verdict(await start())).toMatch(/^succeeded /)
        const [application = [], first = [], second = []] = await Promise.all(
          watches.map((watch) => watch.stop()),
        )
        expect(Math.min(...application)).toBe(1)
        expect(Math.min(...first, ...second)).toBeGreaterThanOrEqual(2)
        await expectWhole(one)
        await expectWhole(two)
      })
    })
  })
})

describe('nodes that are drained without the name of an ensemble', () => {
  const recorded = async (namespace: string): Promise<unknown> =>
    JSON.parse(await read(namespace, 'configmap zk-ensemble.nodes', '{.data.record\\.json}'))
  const alone = async (namespace: string): Promise<readonly [string, string]> => {
    await kubectlApply(namespace, slowApplication(namespace, 20))
    await rolledOut(namespace, 'deployment/slow')
    const [here = '', there = ''] = [...(await homes(namespace, 'app=slow')).values()]
    return [here, there]
  }

  all(
    'the application that takes 20 s is never down, in one run, and in two at once of which one waits for the other',
    async () => {
      await underMaintenance('alone', async (namespace) => {
        const nodes = await alone(namespace)
        const planned = await drain(namespace, nodes, { 'dry-run': 'true' })
        expect(verdict(planned)).toMatch(/^planned /)
        expect(await read(namespace, 'leases', '{.items[*].metadata.name}')).toBe('')
        const ready = watchReady(namespace, 'deployment/slow')
        const ran = await drain(namespace, nodes, { uncordon: 'after' })
        expect(verdict(ran)).toMatch(/^succeeded /)
        expect(linesOf(ran.outputs['drained-nodes']).toSorted()).toEqual(nodes.toSorted())
        const [here = '', there = ''] = [...(await homes(namespace, 'app=slow')).values()]
        const both = await Promise.all([
          drain(namespace, [here], { uncordon: 'after' }),
          drain(namespace, [there], { uncordon: 'after' }),
        ])
        for (const each of both) expect(verdict(each)).toMatch(/^succeeded /)
        expect(Math.min(...(await ready.stop()))).toBe(1)
        expect(await cordonedNodes()).toEqual([])
        expect(await recorded(namespace)).toMatchObject({ maintenance: null, drain: null })
        expect(await read(namespace, 'lease zk-ensemble.nodes', '{.spec.holderIdentity}')).toBe('')
      })
    },
  )

  all(
    'an ensemble of another namespace that is on them keeps its quorum, its data, and its leader until its followers have moved',
    async () => {
      await underMaintenance('found', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        await underMaintenance('alone', async (other) => {
          await alone(other)
          const nodes = await theirNodes(namespace)
          const [members, application] = [
            watchReady(namespace, 'statefulset/zk'),
            watchReady(other, 'deployment/slow'),
          ]
          const ran = await drain(other, await nodeNames(), {
            uncordon: 'after',
            'pod-selector': `e2e.zk-ensemble-action/suite in (${namespace}, ${other})`,
          })
          expect(verdict(ran)).toMatch(/^succeeded /)
          const order = linesOf(ran.outputs['drained-nodes'])
          expect(
            nodes.slice(0, 2).every((node) => order.indexOf(node) < order.indexOf(nodes[2])),
          ).toBe(true)
          expect(Math.min(...(await members.stop()))).toBe(2)
          expect(Math.min(...(await application.stop()))).toBe(1)
          expect(await cordonedNodes()).toEqual([])
          expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(/^succeeded /)
          expect(await withoutValue(namespace, 'before')).toEqual([])
        })
      })
    },
  )
})

describe('nodes that stay cordoned', () => {
  all(
    "a node is left cordoned for steps of the user's own: no other is drained until it was uncordoned",
    async () => {
      await underMaintenance('handed', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        const [first, second] = await theirNodes(namespace)
        const ran = await drain(namespace, [first])
        expect(verdict(ran)).toMatch(/^succeeded /)
        expect(ran.outputs['drained-nodes']).toBe(first)
        expect(await cordonOf(first)).toBe('marked')
        expect((await recordOf(namespace)).maintenance?.nodes).toMatchObject([
          { name: first, phase: 'handed-over', cordon: 'ours' },
        ])
        // The end of the job uncordons nothing that was left cordoned on purpose.
        expect((await ran.post()).exitCode).toBe(0)
        expect(await cordonOf(first)).toBe('marked')

        const other = await drain(namespace, [second])
        expect(verdict(other)).toMatch(new RegExp(`^refused DRAIN_REFUSED .*${first}`))
        expect(await cordonOf(second)).toBe('none')
        const given = await act({ operation: 'uncordon', namespace, nodes: first })
        expect(verdict(given)).toMatch(/^succeeded /)
        await expectWhole(namespace)
        expect(verdict(await drain(namespace, [second], { uncordon: 'after' }))).toMatch(
          /^succeeded /,
        )
        await expectWhole(namespace)
      })
    },
  )

  all("somebody else's cordon stays as it is, and is removed only when that is said", async () => {
    await underMaintenance('theirs', async (namespace) => {
      await ensembleOf(namespace, quickly(namespace))
      const [first] = await theirNodes(namespace)
      await kubectl('cordon', first)
      const ran = await drain(namespace, [first], { uncordon: 'after' })
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect([...(await homes(namespace)).values()]).not.toContain(first)
      expect(await cordonOf(first)).toBe('plain')
      const refused = await act({ operation: 'uncordon', namespace, nodes: first })
      expect(verdict(refused)).toMatch(new RegExp(`^refused DRAIN_REFUSED .*${first}`))
      expect(await cordonOf(first)).toBe('plain')
      expect(
        verdict(
          await act({ operation: 'uncordon', namespace, nodes: first, 'any-cordon': 'true' }),
        ),
      ).toMatch(/^succeeded /)
      await expectWhole(namespace)
    })
  })
})

describe('a run that is lost in the middle', () => {
  const command = 'echo "busy with $NODE_NAME"\nsleep 4\necho "$NODE_NAME" >> maintained'
  const points: readonly (readonly [
    name: string,
    at: (first: string, second: string) => RegExp,
    inputs: Readonly<Record<string, string>>,
    post: boolean,
  ])[] = [
    [
      'once the second node is cordoned',
      (_, second) => new RegExp(`^${second}: cordoned`),
      { uncordon: 'after' },
      true,
    ],
    [
      'once the first member is evicted',
      (first) => new RegExp(`^${first}: .* evicted`),
      { uncordon: 'after' },
      false,
    ],
    [
      'while the first member is on its way',
      () => /^zk-\d: running on .* not Ready/,
      { uncordon: 'after' },
      true,
    ],
    [
      'while the second node is maintained',
      (_, second) => new RegExp(`^busy with ${second}`),
      { 'maintenance-command': command },
      false,
    ],
  ]
  for (const [name, at, inputs, post] of points) {
    all(
      `${name}: the same drain again ends well, does nothing twice that was done, and loses nothing`,
      async () => {
        await underMaintenance('lost', async (namespace) => {
          await ensembleOf(namespace, quickly(namespace))
          const [first, second] = await theirNodes(namespace)
          const lost = await runAction({
            inputs: drainInputs(namespace, [first, second], inputs),
            kubeconfig: readFileSync(kubeconfig, 'utf8'),
            killAt: at(first, second),
          })
          expect(lost.signal).toBe('SIGKILL')
          const done = linesOf(lost.outputs['drained-nodes'])
          if (post) {
            expect((await lost.post()).exitCode).toBe(0)
            expect(await cordonedNodes()).toEqual([])
            expect(await holderOf(namespace)).toBe('')
          }
          const ran = await drain(namespace, [first, second], inputs, { job: lost.job })
          expect(verdict(ran)).toMatch(/^succeeded /)
          const log = ran.lines.join('\n')
          for (const node of done) expect(log).not.toContain(`Drain ${node}`)
          if (done.length > 0) expect(log).toContain(`Continuing the drain that was begun at`)
          expect(linesOf(ran.outputs['drained-nodes']).toSorted()).toEqual(
            [first, second].toSorted(),
          )
          expect(ran.outputs).toMatchObject({
            'remaining-nodes': '',
            'acknowledged-writes-lost': '0',
          })
          await expectWhole(namespace)
        })
      },
    )
  }

  all(
    'cancelled while a member is away, and while a command runs: the cordons are removed before it ends, the command ends with it',
    async () => {
      await underMaintenance('cancel', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        const [first, second] = await theirNodes(namespace)
        const evicted = await drain(
          namespace,
          [first, second],
          { uncordon: 'after' },
          { cancelAt: new RegExp(`^${first}: .* evicted`) },
        )
        expect({ exitCode: evicted.exitCode, signal: evicted.signal }).toEqual({
          exitCode: 1,
          signal: null,
        })
        expect(await cordonedNodes()).toEqual([])
        expect(await holderOf(namespace)).toBe('')
        expect(verdict(evicted)).toMatch(/^cancelled CANCELLED /)
        expect(linesOf(evicted.outputs['remaining-nodes'])).toEqual([first, second])

        // It waits for the member that the cancelled one had evicted.
        const inputs = {
          'maintenance-command':
            'echo "busy with $NODE_NAME"\nsleep 20\necho "$NODE_NAME" >> maintained',
        }
        const busy = await drain(namespace, [first], inputs, {
          cancelAt: new RegExp(`^busy with ${first}`),
        })
        expect({ exitCode: busy.exitCode, signal: busy.signal }).toEqual({
          exitCode: 1,
          signal: null,
        })
        expect(await cordonedNodes()).toEqual([])
        expect(verdict(busy)).toMatch(/^cancelled CANCELLED /)
        expect(
          verdict(await drain(namespace, [second], { uncordon: 'after' }, { job: busy.job })),
        ).toMatch(/^succeeded /)
        expect((await run('cat', [join(busy.job.workspace, 'maintained')])).stdout).toBe('')
        await expectWhole(namespace)
      })
    },
  )
})

describe('what happens to other members meanwhile', () => {
  all('one that crashes while another is away comes back, and the drain continues', async () => {
    await underMaintenance('crash', async (namespace) => {
      await ensembleOf(namespace, quickly(namespace))
      const [first, second] = await theirNodes(namespace)
      const victim = [...(await homes(namespace))].find(([, node]) => node === second)?.[0] ?? ''
      let crash: Promise<unknown> | undefined
      const ran = await drain(
        namespace,
        [first, second],
        { uncordon: 'after' },
        {
          onLine: (line) => {
            if (line.startsWith(`${first}: `) && line.endsWith(' evicted'))
              crash ??= run('kubectl', [
                'exec',
                '-n',
                namespace,
                victim,
                '--',
                'sh',
                '-c',
                'kill 1',
              ])
          },
        },
      )
      expect(crash).toBeDefined()
      await crash
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(ran.outputs['acknowledged-writes-lost']).toBe('0')
      await expectWhole(namespace)
    })
  })

  all(
    'two runs for one ensemble: the second waits for the first, and then does its node',
    async () => {
      await underMaintenance('both', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        const [first, second] = await theirNodes(namespace)
        const ready = watchReady(namespace, 'statefulset/zk')
        const ran = await Promise.all([
          drain(namespace, [first], { uncordon: 'after' }),
          drain(namespace, [second], { uncordon: 'after' }),
        ])
        expect(ran.map(verdict)).toEqual([
          expect.stringMatching(/^succeeded /),
          expect.stringMatching(/^succeeded /),
        ])
        expect(
          ran.filter(({ lines }) =>
            lines.join('\n').includes('Waiting for the lock of another run'),
          ),
        ).toHaveLength(1)
        expect(Math.min(...(await ready.stop()))).toBe(2)
        await expectWhole(namespace)
      })
    },
  )

  // The lab's program switches the power of a node and stops the API server; on somebody's own
  // cluster nothing can.
  const onLab = lab === undefined ? () => undefined : all
  const numberOf = (node: string): string => node.replace(/^\D*/, '')

  onLab(
    'an API server that stands still for a while in the middle of a drain costs the time and nothing else',
    async () => {
      await underMaintenance('pause', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        const [first, second] = await theirNodes(namespace)
        const switched: Promise<void>[] = []
        try {
          const ran = await drain(
            namespace,
            [first, second],
            { uncordon: 'after' },
            {
              onLine: (line) => {
                if (line.startsWith(`${first}: `) && line.endsWith(' evicted'))
                  switched.push(switchLab('pause', 'apiserver'))
                if (line.includes('The lock could not be renewed'))
                  switched.push(switchLab('resume', 'apiserver'))
              },
            },
          )
          await Promise.all(switched)
          expect(switched).toHaveLength(2)
          expect(verdict(ran)).toMatch(/^succeeded /)
          expect(ran.outputs['acknowledged-writes-lost']).toBe('0')
        } finally {
          await switchLab('resume', 'apiserver')
        }
        await expectWhole(namespace)
      })
    },
  )

  onLab(
    "another member's node loses its power: no second member is taken, the end has a name, and once the power is back the drain ends well",
    async () => {
      await underMaintenance('power', async (namespace) => {
        await ensembleOf(namespace, quickly(namespace))
        const [first, second, leaders] = await theirNodes(namespace)
        let cut: Promise<void> | undefined
        try {
          const ran = await drain(
            namespace,
            [first, leaders],
            { uncordon: 'after', 'member-timeout': '90s' },
            {
              onLine: (line) => {
                if (line.startsWith(`${first}: `) && line.endsWith(' evicted'))
                  cut ??= switchLab('cut', numberOf(second))
              },
            },
          )
          expect(cut).toBeDefined()
          await cut
          expect(ran.outputs['result']).toBe('failed')
          expect(ran.outputs['code']).toMatch(
            /^(NOT_READY|QUORUM_LOST|UNSCHEDULABLE|DRAIN_REFUSED|DRAIN_BLOCKED|TIMEOUT)$/,
          )
          expect(ran.lines.filter((line) => line.endsWith(' evicted'))).toHaveLength(1)
          expect(linesOf(ran.outputs['remaining-nodes'])).toContain(leaders)
          expect(await cordonedNodes()).toEqual([])
        } finally {
          await cut
          await switchLab('boot', numberOf(second))
        }
        await kubectl('wait', `node/${second}`, '--for=condition=Ready', '--timeout=120s')
        await rolledOut(namespace, 'statefulset/zk')
        const ran = await drain(namespace, [first, leaders], { uncordon: 'after' })
        expect(verdict(ran)).toMatch(/^succeeded /)
        expect(ran.outputs['acknowledged-writes-lost']).toBe('0')
        await expectWhole(namespace)
      })
    },
  )
})
