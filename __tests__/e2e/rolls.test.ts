// Changing a running ensemble: paced by the quorum, rolled back when it is bad, restarted without
// an election too many, and its data read afterwards.

import { describe, expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { runAction } from '../support/runner.ts'
import { act, verdict, type Ran } from './action.ts'
import {
  everything,
  example,
  inNamespace,
  kubeconfig,
  kubectl,
  kubectlApply,
  read,
} from './cluster.ts'

jest.setTimeout(900_000)

const tutorial = example('zookeeper-tutorial.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.05"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('storage: 10Gi', 'storage: 1Gi')
const SMALL = { name: 'zk', cpu: '100m', memory: '256Mi', heap: '64M', storage: '1Gi' }

function changed(from: string | RegExp, to: string): string {
  const text = tutorial.replace(from, to)
  if (text === tutorial) throw new Error(`the manifest has no ${String(from)}`)
  return text
}

const deployOf = (
  namespace: string,
  manifest: string,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Ran> =>
  act({ manifests: 'zk.yaml', namespace, ...inputs }, { files: { 'zk.yaml': manifest } })

/** A znode written through one member and read on all of them. */
async function write(namespace: string, value: string): Promise<void> {
  await kubectl(
    'exec',
    '-n',
    namespace,
    'zk-0',
    '--',
    'zkCli.sh',
    'create',
    `/kept-${value}`,
    value,
  )
}

async function readsEverywhere(namespace: string, value: string, replicas = 3): Promise<void> {
  for (let ordinal = 0; ordinal < replicas; ordinal++)
    expect(
      await kubectl(
        'exec',
        '-n',
        namespace,
        `zk-${ordinal}`,
        '--',
        'zkCli.sh',
        'get',
        `/kept-${value}`,
      ),
    ).toContain(value)
}

const uidsOf = async (namespace: string): Promise<readonly string[]> =>
  (await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')).split(' ')

interface Outage {
  readonly from: number
  readonly to: number
  readonly member: string
}

/**
 * When each member was down, from the report's timeline: from the moment it left until it was
 * available again.
 */
function outages(ran: Ran): readonly Outage[] {
  const open = new Map<string, number>()
  return ran.report.timeline.flatMap((entry): Outage[] => {
    const member = typeof entry['member'] === 'string' ? entry['member'] : undefined
    if (member === undefined) return []
    const at = Date.parse(entry.at)
    if (/^terminating|^missing|^evicted/.test(entry.what) && !open.has(member)) open.set(member, at)
    const from = open.get(member)
    if (!entry.what.startsWith('available') || from === undefined) return []
    open.delete(member)
    return [{ member, from, to: at }]
  })
}

/** Never two at once. */
function expectOneAtATime(ran: Ran, members: number): void {
  const all = outages(ran)
  expect(all).toHaveLength(members)
  for (const one of all)
    for (const other of all)
      if (one !== other) expect(one.from >= other.to || other.from >= one.to).toBe(true)
}

async function expectNothingLeft(namespace: string): Promise<void> {
  expect(await read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')).toBe('')
  expect(
    JSON.parse(await read(namespace, 'configmap zk-ensemble-zk', '{.data.record\\.json}')),
  ).toMatchObject({ underWay: null })
  const partition = await read(
    namespace,
    'statefulset zk',
    '{.spec.updateStrategy.rollingUpdate.partition}',
  )
  expect(['', '0']).toContain(partition)
}

/** The tutorial's ensemble as people made it before, and a value in it. */
async function tutorialBefore(namespace: string): Promise<void> {
  await kubectlApply(namespace, tutorial)
  await kubectl('rollout', 'status', 'statefulset/zk', '-n', namespace, '--timeout=240s')
  expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(/^succeeded /)
  await write(namespace, 'before')
}

// They wait more than they work.
describe('a running ensemble', () => {
  test.concurrent("takes a good change member by member, the tutorial's probes or not", async () => {
    await inNamespace('roll', async (namespace) => {
      await tutorialBefore(namespace)
      const rolled = await deployOf(namespace, changed('cpu: "0.05"', 'cpu: "0.06"'))
      expect(verdict(rolled)).toMatch(/^succeeded /)
      expectOneAtATime(rolled, 3)
      expect(rolled.outputs['acknowledged-writes-lost']).toBe('0')
      expect(Number(rolled.outputs['longest-write-gap-ms'])).toBeGreaterThan(0)
      expect(rolled.lines.join('\n')).toContain(
        'is ended in place, so that another member leads before it is replaced',
      )
      await expectNothingLeft(namespace)
      await readsEverywhere(namespace, 'before')
    })
  })

  test.concurrent('is not split by a change whose members are Ready and never in the quorum: it costs one, which comes back', async () => {
    await inNamespace('split', async (namespace) => {
      await tutorialBefore(namespace)
      const revision = await read(namespace, 'statefulset zk', '{.status.updateRevision}')
      const before = await uidsOf(namespace)
      const split = await deployOf(
        namespace,
        changed('--election_port=3888', '--election_port=3999'),
        { 'member-timeout': '60s' },
      )
      expect(verdict(split)).toMatch(/^undone NOT_READY .*zk-2/)
      expect(split.exitCode).toBe(1)
      expect((await uidsOf(namespace)).filter((uid) => before.includes(uid))).toHaveLength(2)
      expect(split.outputs).toMatchObject({
        'ready-replicas': '3',
        revision,
        'acknowledged-writes-lost': '0',
      })
      await expectNothingLeft(namespace)
      await readsEverywhere(namespace, 'before')
    })
  })

  test.concurrent('is restarted without a change of its template, and keeps its data', async () => {
    await inNamespace('restart', async (namespace) => {
      expect(verdict(await act({ ...SMALL, namespace }))).toMatch(/^succeeded /)
      await write(namespace, 'before')
      const pods = 'pods -l app.kubernetes.io/instance=zk'
      const before = (await read(namespace, pods, '{.items[*].metadata.uid}')).split(' ')
      const revision = await read(namespace, 'statefulset zk', '{.status.updateRevision}')
      const restarted = await act({ operation: 'restart', namespace })
      expect(verdict(restarted)).toMatch(/^succeeded /)
      expectOneAtATime(restarted, 3)
      expect(restarted.outputs).toMatchObject({
        revision,
        'acknowledged-writes-lost': '0',
        pairs: '6/6',
      })
      expect(
        (await read(namespace, pods, '{.items[*].metadata.uid}'))
          .split(' ')
          .filter((uid) => before.includes(uid)),
      ).toEqual([])
      await expectNothingLeft(namespace)
      await readsEverywhere(namespace, 'before')
    })
  })

  test.concurrent('grows from one to three without losing what the one had', async () => {
    await inNamespace('grow', async (namespace) => {
      expect(verdict(await act({ ...SMALL, replicas: '1', namespace }))).toMatch(/^succeeded /)
      await write(namespace, 'first')
      const grown = await act({ operation: 'scale', namespace, replicas: '3' })
      expect(verdict(grown)).toMatch(/^succeeded /)
      expect(grown.outputs).toMatchObject({
        'ready-replicas': '3',
        replicas: '3',
        pairs: '6/6',
        'acknowledged-writes-lost': '0',
      })
      await expectNothingLeft(namespace)
      await readsEverywhere(namespace, 'first')
      expect(verdict(await act({ operation: 'scale', namespace, replicas: '3' }))).toMatch(
        /^unchanged /,
      )
    })
  })

  test.concurrent('somebody else’s kubectl rollout undo left the set stuck on its broken pod: undo frees it, and the next deploy meets no conflict', async () => {
    await inNamespace('stuck', async (namespace) => {
      const first = await deployOf(namespace, tutorial)
      expect(verdict(first)).toMatch(/^succeeded /)
      await write(namespace, 'kept')
      const kept = await deployOf(
        namespace,
        changed('kubernetes-zookeeper:1.0-3.4.10', 'kubernetes-zookeeper:no-such-tag'),
        { 'on-failure': 'keep' },
      )
      expect(verdict(kept)).toMatch(/^failed IMAGE_PULL .*zk-2/)
      expect(
        await read(namespace, 'statefulset zk', '{.spec.updateStrategy.rollingUpdate.partition}'),
      ).toBe('2')
      const before = await uidsOf(namespace)
      await kubectl('rollout', 'undo', 'statefulset/zk', '-n', namespace)

      const none = await act({ operation: 'undo', namespace, 'to-revision': '77' })
      expect(verdict(none)).toMatch(/^refused NOT_FOUND .*no revision 77/)
      const undone = await act({ operation: 'undo', namespace })
      expect(verdict(undone)).toMatch(/^succeeded /)
      expect(undone.outputs).toMatchObject({
        'ready-replicas': '3',
        pairs: '6/6',
        revision: first.outputs['revision'],
      })
      expect((await uidsOf(namespace)).filter((uid) => before.includes(uid))).toHaveLength(2)
      await expectNothingLeft(namespace)
      await readsEverywhere(namespace, 'kept')

      const again = await deployOf(namespace, tutorial)
      expect(verdict(again)).toMatch(/^(unchanged|succeeded) /)
      const alone = await act({ operation: 'undo', namespace })
      expect(verdict(alone)).toMatch(/^refused NOT_FOUND .*no verified revision to roll back to/)
    })
  })
})

// What takes minutes is no part of the core: there it isn't even registered.
const all: (name: string, work: () => Promise<void>) => void = everything
  ? test.concurrent
  : () => undefined

describe('each bad change is rolled back, and the data is there', () => {
  const cases: readonly (readonly [
    string,
    () => string,
    RegExp,
    Readonly<Record<string, string>>,
  ])[] = [
    [
      'a command that ends',
      () => changed(/- "start-zookeeper[^"]*"/, '- "echo out of licenses; exit 7"'),
      /^undone CRASH_LOOP .*zk-2/,
      {},
    ],
    [
      'a flag that the server does not know',
      () => changed('--servers=3', '--nonsense --servers=3'),
      /^undone CRASH_LOOP .*zk-2/,
      {},
    ],
    [
      'a request for processors that no node has',
      () => changed('cpu: "0.05"', 'cpu: "64"'),
      /^undone UNSCHEDULABLE .*zk-2/,
      {},
    ],
    [
      'a split that the controller alone rolled out everywhere',
      () =>
        changed('--servers=3', '--servers=3 --election_port=3999').replace(
          '--election_port=3888',
          '',
        ),
      /^(undone|succeeded) /,
      { pace: 'controller' },
    ],
  ]
  for (const [name, manifest, expected, inputs] of cases) {
    all(name, async () => {
      await inNamespace('bad', async (namespace) => {
        expect(verdict(await deployOf(namespace, tutorial))).toMatch(/^succeeded /)
        await write(namespace, 'safe')
        const ran = await deployOf(namespace, manifest(), { 'member-timeout': '90s', ...inputs })
        expect(verdict(ran)).toMatch(expected)
        expect(ran.outputs['acknowledged-writes-lost']).toBe('0')
        await expectNothingLeft(namespace)
        await readsEverywhere(namespace, 'safe')
      })
    })
  }
})

describe('killed while members are replaced', () => {
  const points: readonly (readonly [string, RegExp])[] = [
    ['before the first member goes', /^::group::Roll, paced/],
    ['while one is away', /^zk-2: terminating/],
    ['in the middle of the roll', /^zk-1: terminating/],
  ]
  for (const [name, killAt] of points) {
    all(`${name}: it halts there, and the next run finishes`, async () => {
      await inNamespace('cut', async (namespace) => {
        expect(verdict(await act({ ...SMALL, namespace }))).toMatch(/^succeeded /)
        const lost = await runAction({
          inputs: { ...SMALL, cpu: '110m', namespace },
          kubeconfig: readFileSync(kubeconfig, 'utf8'),
          killAt,
        })
        expect(lost.signal).toBe('SIGKILL')
        await lost.post()
        // Whatever time passes now, nothing below the partition is touched.
        const held = Number(
          await read(namespace, 'statefulset zk', '{.spec.updateStrategy.rollingUpdate.partition}'),
        )
        expect(held).toBeGreaterThan(0)
        const finished = await act({ ...SMALL, cpu: '110m', namespace })
        expect(verdict(finished)).toMatch(/^succeeded /)
        expect(
          new Set(
            (
              await read(
                namespace,
                'pods -l app.kubernetes.io/instance=zk',
                '{.items[*].spec.containers[0].resources.requests.cpu}',
              )
            ).split(' '),
          ),
        ).toEqual(new Set(['110m']))
        await expectNothingLeft(namespace)
      })
    })
  }

  all('a restart that was killed continues with the members that are left', async () => {
    await inNamespace('again', async (namespace) => {
      expect(verdict(await act({ ...SMALL, namespace }))).toMatch(/^succeeded /)
      const lost = await runAction({
        inputs: { operation: 'restart', namespace },
        kubeconfig: readFileSync(kubeconfig, 'utf8'),
        killAt: /^zk-\d: evicted/,
      })
      expect(lost.signal).toBe('SIGKILL')
      await lost.post()
      const finished = await act({ operation: 'restart', namespace })
      expect(verdict(finished)).toMatch(/^succeeded /)
      expect(finished.lines.join('\n')).toContain('2 of 3 members are left')
      await expectNothingLeft(namespace)
    })
  })
})

all('a set with updateStrategy OnDelete is rolled by evictions, followers first', async () => {
  await inNamespace('ondelete', async (namespace) => {
    const onDelete = changed('type: RollingUpdate', 'type: OnDelete')
    expect(verdict(await deployOf(namespace, onDelete))).toMatch(/^succeeded /)
    await write(namespace, 'here')
    const rolled = await deployOf(namespace, onDelete.replace('cpu: "0.05"', 'cpu: "0.06"'))
    expect(verdict(rolled)).toMatch(/^succeeded /)
    expectOneAtATime(rolled, 3)
    expect(rolled.outputs['acknowledged-writes-lost']).toBe('0')
    await readsEverywhere(namespace, 'here')
  })
})
