// What a user of the shipped bundle counts on while members are replaced: a bad change is rolled
// back, a roll that is cut off is finished by the next run, and every end says how the ensemble
// stands and what to type.
//
// Long: members are waited for by the real clock.

import { expect, test } from '@jest/globals'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { number, text } from '../support/cluster/json.ts'
import type { Finished } from '../support/runner.ts'
import { QUICK, tutorial, verdict, withBundle, writes, type Given } from './given.ts'

const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'
const NOWHERE = 'registry.k8s.io/kubernetes-zookeeper:nowhere'
const GOOD = tutorial(QUICK)
const BAD = tutorial(QUICK, [IMAGE, NOWHERE])
const CHANGED = tutorial(QUICK, ['--snap_retain_count=3', '--snap_retain_count=4'])
const SOON = { 'member-timeout': '20s' }
/** From the runner's first warning to the end; milliseconds. */
const PROMISED_MS = 5000

/** A verified ensemble with data. */
async function withEnsemble(
  work: (given: Given & { readonly before: string }) => Promise<void>,
): Promise<void> {
  await withBundle({}, async (given) => {
    expect(verdict(await given.run(GOOD))).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
    given.cluster.zookeeper('default', 'zk').put('/orders', 'paid')
    await work({ ...given, before: revisions(given.cluster)[0] ?? '' })
  })
}

function revisions({ objects }: SimulatedCluster): string[] {
  return [0, 1, 2].map((ordinal) =>
    text(
      objects.get('Pod', 'default', `zk-${ordinal}`),
      'metadata',
      'labels',
      'controller-revision-hash',
    ),
  )
}

function uids({ objects }: SimulatedCluster): string[] {
  return [0, 1, 2].map((ordinal) =>
    text(objects.get('Pod', 'default', `zk-${ordinal}`), 'metadata', 'uid'),
  )
}

function partition({ objects }: SimulatedCluster): number {
  return number(objects.get('StatefulSet', 'default', 'zk'), [
    'spec',
    'updateStrategy',
    'rollingUpdate',
    'partition',
  ])
}

function expectDataEverywhere(cluster: SimulatedCluster): void {
  for (const ordinal of [0, 1, 2])
    expect(cluster.zookeeper('default', 'zk').paths(ordinal)).toContain('/orders')
}

/** Nobody is held any more, nor at the revision of before. */
function expectFinished(next: Finished, cluster: SimulatedCluster, before: string): void {
  expect(verdict(next)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
  expect({
    partition: partition(cluster),
    old: revisions(cluster).filter((revision) => revision === before),
  }).toEqual({ partition: 0, old: [] })
  expectDataEverywhere(cluster)
}

/** One annotation for the verdict, and no raw answer of the API anywhere. */
function expectTold(run: Finished, ...words: readonly (string | RegExp)[]): void {
  expect(run.annotations.filter((annotation) => annotation.kind === 'error')).toHaveLength(1)
  expect(run.stderr).toBe('')
  const told = [...run.lines, run.summary].join('\n')
  expect(told).not.toMatch(/ApiException|"kind":\s*"Status"|\bat .*\.js:\d+/)
  for (const word of words) expect(told).toMatch(word)
}

// A leader hands over its leadership when the addresses have been stable for 65 real seconds: the
// tests in which one does come first, and wait at the same time. A `describe` would wait for the
// one before it.
test.concurrent(
  'restart: every member is replaced once, one at a time, and the StatefulSet is not touched',
  () =>
    withEnsemble(async ({ cluster, run, before }) => {
      const old = uids(cluster)
      const [from, happened] = [writes(cluster).length, cluster.history.length]
      const done = await run(undefined, { operation: 'restart', name: 'zk', ...SOON })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ pairs: '6/6', 'acknowledged-writes-lost': '0' })
      expect({
        revisions: revisions(cluster),
        left: uids(cluster).filter((uid) => old.includes(uid)),
      }).toEqual({ revisions: [before, before, before], left: [] })
      const evicted = cluster.history.slice(happened).filter(({ what }) => what === 'deleted')
      expect(
        evicted.map(({ by, verb, serving }) => ({ by, verb, serving: serving.length })),
      ).toEqual([0, 1, 2].map(() => ({ by: 'run', verb: 'eviction', serving: 3 })))
      expect(
        writes(cluster)
          .slice(from)
          .filter((write) => write.includes('StatefulSet')),
      ).toEqual([])
      expectDataEverywhere(cluster)
    }),
  120_000,
)

test.concurrent(
  'a paced roll that is cut off by a cancel: it ends in time, says where the roll stands, holds the rest back, and the next run finishes it',
  () =>
    withEnsemble(async ({ cluster, run, before }) => {
      const cancelled = await run(CHANGED, {}, { cancelAt: /zk-2: its turn/ })
      expect(verdict(cancelled)).toEqual({ result: 'cancelled', code: 'CANCELLED', exitCode: 1 })
      expect(cancelled.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
      expect({ held: partition(cluster) > 0, old: revisions(cluster).slice(0, 2) }).toEqual({
        held: true,
        old: [before, before],
      })
      expect(
        text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity'),
      ).toBe('')
      expectTold(
        cancelled,
        /the roll is halted at partition \d, which is safe: zk-0, zk-1(, zk-2)? keep their revision; the next run continues/,
      )
      const next = await run(CHANGED)
      expectFinished(next, cluster, before)
    }),
  120_000,
)

test.concurrent(
  'a paced roll that is cut off by a kill: the rest stays held, the post step releases the lock, and the next run finishes it',
  () =>
    withEnsemble(async ({ cluster, run, before }) => {
      const killed = await run(CHANGED, {}, { killAt: /zk-1: its turn/ })
      expect(killed.signal).toBe('SIGKILL')
      await killed.post()
      expect({ held: partition(cluster) > 0, last: revisions(cluster)[0] }).toEqual({
        held: true,
        last: before,
      })
      const next = await run(CHANGED)
      expect(next.outputs['acknowledged-writes-lost']).toBe('0')
      expectFinished(next, cluster, before)
    }),
  120_000,
)

test.concurrent(
  'a bad change is rolled back, with the code of what was wrong; kept where that was asked for; then undo frees what is stuck',
  () =>
    withEnsemble(async ({ cluster, run, before }) => {
      const [first, second] = uids(cluster)
      const undone = await run(BAD, SOON)
      expect(verdict(undone)).toEqual({ result: 'undone', code: 'IMAGE_PULL', exitCode: 1 })
      expect(undone.outputs).toMatchObject({
        changed: 'true',
        'ready-replicas': '3',
        pairs: '6/6',
        'acknowledged-writes-lost': '0',
      })
      expect(undone.outputs['message']).toContain(NOWHERE)
      expectTold(undone, `Roll back to revision ${before}`)
      expect({ revisions: revisions(cluster), partition: partition(cluster) }).toEqual({
        revisions: [before, before, before],
        partition: 0,
      })
      expect(uids(cluster).slice(0, 2)).toEqual([first, second])

      const kept = await run(BAD, { ...SOON, 'on-failure': 'keep' })
      expect(verdict(kept)).toEqual({ result: 'failed', code: 'IMAGE_PULL', exitCode: 1 })
      expectTold(
        kept,
        /on-failure is keep/,
        /kubectl -n default rollout undo statefulset\/zk --to-revision=\d+/,
        /kubectl -n default delete pod zk-2/,
      )
      const stuck = revisions(cluster)
      expect(stuck).toEqual([before, before, expect.not.stringMatching(before)])

      const back = await run(undefined, { operation: 'undo', name: 'zk', ...SOON })
      expect(verdict(back)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(back.outputs).toMatchObject({ pairs: '6/6', revision: before })
      expect({ revisions: revisions(cluster), kept: uids(cluster).slice(0, 2) }).toEqual({
        revisions: [before, before, before],
        kept: [first, second],
      })
      expectDataEverywhere(cluster)
    }),
  120_000,
)

test.concurrent(
  'a bad change whose way back fails too is UNDO_FAILED: how it stands and what to type is said, and the next deploy fixes it',
  () =>
    withEnsemble(async ({ cluster, run, before }) => {
      const cordon = (unschedulable: boolean): void =>
        cluster.objects
          .list('Node')
          .forEach((node) => cluster.objects.put('Node', { ...node, spec: { unschedulable } }))
      const failed = await run(
        BAD,
        { 'member-timeout': '8s' },
        {
          onLine: (line) => void (line.includes('::group::Roll back to revision') && cordon(true)),
        },
      )
      expect(verdict(failed)).toEqual({ result: 'failed', code: 'UNDO_FAILED', exitCode: 1 })
      expect(failed.outputs['message']).toMatch(
        /2 of 3 members are ready, the objects of revision \S+ are applied again; .*rolling back to/,
      )
      expectTold(failed, /after the change had failed \(IMAGE_PULL: zk-2/, /kubectl -n default/)
      expect(revisions(cluster).slice(0, 2)).toEqual([before, before])
      cordon(false)
      const next = await run(GOOD)
      expect(next.exitCode).toBe(0)
      expect({ revisions: revisions(cluster), partition: partition(cluster) }).toEqual({
        revisions: [before, before, before],
        partition: 0,
      })
      expectDataEverywhere(cluster)
    }),
  120_000,
)

test.concurrent('a bad change at the first install is left as it is, claims included', () =>
  withBundle({}, async ({ cluster, run }) => {
    const done = await run(BAD, SOON)
    expect(verdict(done)).toEqual({ result: 'failed', code: 'IMAGE_PULL', exitCode: 1 })
    expectTold(done, /first install/)
    expect(writes(cluster).filter((write) => /^(delete|eviction)/.test(write))).toEqual([])
    expect(cluster.objects.list('PersistentVolumeClaim', 'default').length).toBeGreaterThan(0)
    expect(cluster.objects.get('Pod', 'default', 'zk-0')).toBeDefined()
  }))

test.concurrent('undo: with one revision only, or one that is not there, it lists what there is and changes nothing', () =>
  withEnsemble(async ({ cluster, run, before }) => {
    const from = writes(cluster).length
    const only = await run(undefined, { operation: 'undo', name: 'zk' })
    expect(verdict(only)).toEqual({ result: 'refused', code: 'NOT_FOUND', exitCode: 1 })
    expectTold(only, 'no verified revision to roll back to', `1 = ${before}`)
    const unknown = await run(undefined, { operation: 'undo', name: 'zk', 'to-revision': '99' })
    expect(verdict(unknown)).toEqual({ result: 'refused', code: 'NOT_FOUND', exitCode: 1 })
    expectTold(unknown, 'no revision 99', `1 = ${before}`)
    expect(writes(cluster).slice(from)).toEqual([])
  }))

test.concurrent('pace: controller leaves the order of members to the controller', () =>
  withEnsemble(async ({ cluster, run }) => {
    const held: number[] = []
    const done = await run(
      CHANGED,
      { pace: 'controller' },
      { onLine: () => void held.push(partition(cluster)) },
    )
    expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
    expect(Math.max(...held)).toBe(0)
    expect(done.lines.join('\n')).not.toContain('paced by the quorum')
  }))
