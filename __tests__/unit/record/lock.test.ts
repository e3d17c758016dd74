// Two runs that both believe to hold the lock take down two members at once; clocks of runners
// differ, by hours at times, and must decide nothing.

import { describe, expect, test } from '@jest/globals'
import type { Clock } from '../../../src/clock.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import {
  freeLease,
  LOCK_WAIT_MS,
  newIdentity,
  readHolder,
  takeLock,
  underLock,
  type Lock,
} from '../../../src/record/lock.ts'
import { atCluster, never } from '../procedures/at-cluster.ts'

const LEASE = { namespace: 'default', name: 'zk-ensemble-zk' }

interface Run {
  readonly identity: string
  readonly said: string[]
  readonly take: () => Promise<Lock>
}

function runOf(kube: Kube, clock: Clock, runId: string): Run {
  const holder = {
    repository: 'org/repo',
    runId,
    attempt: '1',
    runUrl: `https://ci.example/run/${runId}`,
  }
  const identity = newIdentity(holder)
  const said: string[] = []
  const request = {
    namespace: LEASE.namespace,
    ensemble: 'zk',
    holder,
    identity,
    waitMs: LOCK_WAIT_MS,
    say: (line: string): void => void said.push(line),
  }
  return { identity, said, take: () => takeLock(kube, clock, request, never) }
}

/** A runner whose clock is wrong by so much. */
function skewed(clock: Clock, ms: number): Clock {
  return { now: () => clock.now() + ms, sleep: (wait, signal) => clock.sleep(wait, signal) }
}

const HOUR = 3_600_000

describe('runs that race', () => {
  test.each([2, 5])(
    'of %i at the same moment one gets it; the others are told whose it is',
    (count) =>
      atCluster(async ({ client, clock }) => {
        const runs = await Promise.all(
          Array.from({ length: count }, async (_, index) =>
            runOf(await client(`run-${index}`), clock, String(index)),
          ),
        )
        const ended = await Promise.allSettled(runs.map((run) => run.take()))
        const won = ended.flatMap((one, index) =>
          one.status === 'fulfilled' ? [{ lock: one.value, index }] : [],
        )
        expect(won).toHaveLength(1)
        for (const one of ended)
          if (one.status === 'rejected')
            expect(one.reason).toMatchObject({
              code: 'LOCKED',
              outcome: 'refused',
              message: expect.stringContaining(
                `https://ci.example/run/${won[0]?.index ?? 'nobody'}`,
              ),
            })
        await won[0]?.lock.release(never)
      }),
  )

  test('the one that waits gets it when the other is done', () =>
    atCluster(async ({ client, clock }) => {
      const [first, second] = [
        runOf(await client('a'), clock, '1'),
        runOf(await client('b'), clock, '2'),
      ]
      const held = await first.take()
      const waiting = second.take()
      await clock.sleep(30_000)
      await held.release(never)
      const lock = await waiting
      expect(lock.identity).toBe(second.identity)
      expect(held.lost.aborted).toBe(false)
      await lock.release(never)
    }))
})

describe('clocks that differ', () => {
  test.each([
    ['an hour ahead', HOUR],
    ['an hour behind', -HOUR],
    ['years behind', -90_000 * HOUR],
  ])('a live lock is kept although its clock is %s', (_, skew) =>
    atCluster(async ({ client, clock }) => {
      const [holder, other] = [
        runOf(await client('a'), skewed(clock, skew), '1'),
        runOf(await client('b'), clock, '2'),
      ]
      const held = await holder.take()
      await expect(other.take()).rejects.toMatchObject({ code: 'LOCKED' })
      expect(held.lost.aborted).toBe(false)
      expect(await readHolder(await client('c'), LEASE.namespace, LEASE.name, never)).toBe(
        holder.identity,
      )
      await held.release(never)
    }),
  )

  test.each([
    ['an hour ahead', HOUR],
    ['an hour behind', -HOUR],
  ])(
    'the lock of a dead run is taken over, not before its whole duration was seen, although its clock was %s',
    (_, skew) =>
      atCluster(async ({ client, clock, cluster }) => {
        const [dead, next] = [
          runOf(await client('a'), skewed(clock, skew), '1'),
          runOf(await client('b'), clock, '2'),
        ]
        await dead.take()
        cluster.faults.cutOff('a')
        const from = clock.now()
        const lock = await next.take()
        expect(clock.now() - from).toBeGreaterThanOrEqual(60_000)
        expect(lock.identity).toBe(next.identity)
        expect(next.said.join()).toContain('was not renewed for 60 s')
        await lock.release(never)
      }),
  )
})

describe('who lost it', () => {
  test('hears of it, and does not free what is no longer its own', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const [first, second] = [
        runOf(await client('a'), clock, '1'),
        runOf(await client('b'), clock, '2'),
      ]
      const held = await first.take()
      // Its renewals are refused for a while, as when its network is cut; then it is back.
      cluster.faults.always({ by: 'a', verb: 'update', kind: 'Lease', status: 500 })
      const taken = await second.take()
      cluster.faults.clear()
      await clock.sleep(20_000)
      expect(held.lost.aborted).toBe(true)
      expect(held.lost.reason).toMatchObject({ code: 'LOCKED' })
      await held.release(never)
      expect(await readHolder(await client('c'), LEASE.namespace, LEASE.name, never)).toBe(
        second.identity,
      )
      expect(await freeLease(await client('c'), LEASE, first.identity, never)).toBe(false)
      await taken.release(never)
      expect(await readHolder(await client('c'), LEASE.namespace, LEASE.name, never)).toBe('')
    }))

  test('hears that for some time nothing is known, and continues when the API server answers again before the lock is over', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const run = runOf(await client('a'), clock, '1')
      const held = await run.take()
      cluster.faults.always({ by: 'a', verb: 'update', kind: 'Lease', status: 503 })
      await clock.sleep(40_000)
      expect(run.said.join('\n')).toMatch(
        /could not be renewed for [\d.]+s: .*What this run reports about the cluster may be that old/,
      )
      cluster.faults.clear()
      await clock.sleep(20_000)
      expect(run.said.at(-1)).toMatch(/^The lock is renewed again, after [\d.]+s/)
      expect(held.lost.aborted).toBe(false)
      await held.release(never)
    }))

  test('hears of it once another may take it, although neither the renewal nor the look at whose it is was answered', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const held = await runOf(await client('a'), clock, '1').take()
      cluster.faults.always({ by: 'a', verb: 'update', kind: 'Lease', status: 409 })
      cluster.faults.always({ by: 'a', verb: 'get', kind: 'Lease', status: 503 })
      await clock.sleep(45_000)
      expect([held.lost.aborted, held.held()]).toEqual([false, true])
      await clock.sleep(45_000)
      expect(held.held()).toBe(false)
      expect(held.lost.reason).toMatchObject({
        code: 'CLUSTER_UNREACHABLE',
        message: expect.stringContaining('could not be renewed for 60 s'),
      })
    }))

  test('without any Lease nobody holds it', () =>
    atCluster(async ({ client }) =>
      expect(await readHolder(await client(), 'default', 'zk-ensemble-none', never)).toBe(''),
    ))
})

describe('a process that stood still', () => {
  /** Its timers have not run, and the time has gone by. */
  function stopped(clock: Clock): Clock & { wake(afterMs: number): void } {
    let ahead = 0
    return {
      now: () => clock.now() + ahead,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      wake: (afterMs) => void (ahead += afterMs),
    }
  }
  const POD = { name: 'zk-0', namespace: 'default', uid: 'u' }
  const ACTS: readonly (readonly [string, (kube: Kube) => Promise<unknown>])[] = [
    ['an eviction', (kube) => kube.evict(POD, {}, never)],
    [
      'a deletion',
      (kube) => kube.delete({ apiVersion: 'v1', kind: 'Pod', ...POD }, { uid: 'u' }, never),
    ],
    [
      'an apply',
      (kube) =>
        kube.apply(
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } },
          {},
          never,
        ),
    ],
    ['a program in a member', (kube) => kube.exec(POD, 'zookeeper', ['true'], {}, never)],
  ]

  test.each(ACTS)(
    'longer than its lock lasts, whose lock another took: %s is not sent',
    (_name, act) =>
      atCluster(async ({ client, clock, cluster }) => {
        const own = stopped(clock)
        const kube = await client('a')
        const lock = await runOf(kube, own, '1').take()
        const acts = (): number =>
          cluster.requests.filter(
            ({ by, kind, dryRun, verb }) =>
              by === 'a' && kind !== 'Lease' && !dryRun && verb !== 'get',
          ).length
        own.wake(70_000)
        cluster.somebody.edit('Lease', 'default', LEASE.name, {
          spec: { holderIdentity: 'org/repo/2/1/other' },
        })
        expect(lock.held()).toBe(false)
        await expect(act(underLock(kube, lock))).rejects.toMatchObject({ code: 'LOCKED' })
        expect(acts()).toBe(0)
        await lock.release(never)
      }),
  )

  test('whose lock nobody took renews it first, and continues', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const own = stopped(clock)
      const kube = await client('a')
      const lock = await runOf(kube, own, '1').take()
      own.wake(70_000)
      const from = cluster.requests.length
      await underLock(kube, lock).apply(
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } },
        {},
        never,
      )
      expect(cluster.requests.slice(from).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
        'update Lease',
        'apply ConfigMap',
      ])
      await lock.release(never)
    }))
})

describe('a Lease is text from the cluster', () => {
  test('one that is never to be written ends after the two minutes as LOCKED, and says why', () =>
    atCluster(async ({ client, clock, cluster }) => {
      cluster.faults.always({ verb: 'create', kind: 'Lease', status: 409 })
      const run = runOf(await client('a'), clock, '1')
      const began = clock.now()
      await expect(run.take()).rejects.toMatchObject({
        code: 'LOCKED',
        message: expect.stringContaining('nobody holds it'),
      })
      expect(clock.now() - began).toBeLessThan(LOCK_WAIT_MS + 10_000)
    }))

  test('a holder that can not be read holds it until the Lease has not changed for a minute', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const first = runOf(await client('a'), clock, '1')
      await (await first.take()).release(never)
      cluster.somebody.edit('Lease', 'default', LEASE.name, { spec: { holderIdentity: 5 } })
      const began = clock.now()
      const second = runOf(await client('b'), clock, '2')
      const lock = await second.take()
      expect(clock.now() - began).toBeGreaterThanOrEqual(60_000)
      await lock.release(never)
    }))

  test('a holder of any length is shown in short', () =>
    atCluster(async ({ client, clock, cluster }) => {
      const kube = await client('a')
      const other = await runOf(kube, clock, '1').take()
      cluster.somebody.edit('Lease', 'default', LEASE.name, {
        metadata: { annotations: { 'zk-ensemble-action/run-url': 'x'.repeat(200_000) } },
      })
      const run = runOf(await client('b'), clock, '2')
      await expect(run.take()).rejects.toMatchObject({ code: 'LOCKED' })
      expect(Math.max(...run.said.map((line) => line.length))).toBeLessThan(1000)
      await other.release(never)
    }))
})
