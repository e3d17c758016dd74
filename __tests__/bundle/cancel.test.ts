// A cancelled run ends within seconds and names the state it leaves; a killed one leaves nothing
// shut, and the next run continues.

import { describe, expect, test } from '@jest/globals'
import { text } from '../support/cluster/json.ts'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

/** The runner's first warning to the end: 7.5 s; the promise is 5. */
const PROMISED_MS = 5000

const PHASES: { phase: string; at: RegExp; speed: number }[] = [
  { phase: 'preflight', at: /^::group::Preflight/, speed: 50 },
  { phase: 'the apply', at: /service\/zk-hs created/, speed: 50 },
  { phase: 'the wait for members', at: /zk-0: (creating|running)/, speed: 2 },
  { phase: 'the checks', at: /^::group::Verify/, speed: 50 },
]

describe('SIGINT', () => {
  test.each(PHASES)(
    'during $phase: cancelled, the lock released, and what stands is said',
    ({ at, speed }) =>
      withBundle({ speed }, async ({ cluster, run }) => {
        const done = await run(tutorial(QUICK), {}, { cancelAt: at })
        expect(verdict(done)).toEqual({ result: 'cancelled', code: 'CANCELLED', exitCode: 1 })
        expect(done.signal).toBeNull()
        expect(done.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
        expect(done.outputs['message']).toMatch(/cancelled/i)
        expect(done.summary).toContain('CANCELLED')
        expect(
          text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity'),
        ).toBe('')
        cluster.faults.clear()
        if (speed < 10) return
        const next = await run(tutorial(QUICK))
        expect(next.exitCode).toBe(0)
        expect(next.outputs['pairs']).toBe('6/6')
      }),
    90_000,
  )

  test('while the API server does not answer: still within the time', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run(
        tutorial(QUICK),
        {},
        {
          cancelAt: /service\/zk-hs created/,
          onLine(line) {
            if (line.includes('service/zk-hs created')) cluster.faults.pause()
          },
        },
      )
      expect(verdict(done)).toEqual({ result: 'cancelled', code: 'CANCELLED', exitCode: 1 })
      expect(done.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
    }))
})

describe('SIGKILL', () => {
  test(
    'during the apply: outputs were set, the post step releases the lock, the next run finishes the deploy',
    () =>
      withBundle({}, async ({ cluster, run }) => {
        // Else it may have applied the rest before the signal arrives.
        cluster.faults.always({ verb: 'apply', kind: 'StatefulSet', dryRun: false, drop: true })
        const killed = await run(tutorial(QUICK), {}, { killAt: /service\/zk-cs created/ })
        cluster.faults.clear()
        expect(killed.signal).toBe('SIGKILL')
        expect(killed.outputs).toMatchObject({ name: 'zk', namespace: 'default' })
        const holder = (): string =>
          text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity')
        expect(holder()).toContain('example/shop')
        const post = await killed.post()
        expect(post.exitCode).toBe(0)
        expect(holder()).toBe('')
        const next = await run(tutorial(QUICK))
        expect(verdict(next)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
        expect(next.outputs['pairs']).toBe('6/6')
      }),
    90_000,
  )

  test("the post step leaves another run's lock alone", () =>
    withBundle({}, async ({ cluster, run }) => {
      const killed = await run(tutorial(QUICK), {}, { killAt: /service\/zk-cs created/ })
      cluster.objects.edit('Lease', 'default', 'zk-ensemble-zk', (lease) => {
        lease['spec'] = {
          holderIdentity: 'example/shop/9/1/ffff',
          leaseDurationSeconds: 60,
          renewTime: new Date().toISOString().replace('Z', '000Z'),
        }
      })
      const post = await killed.post()
      expect(post.exitCode).toBe(0)
      expect(
        text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity'),
      ).toBe('example/shop/9/1/ffff')
    }))

  test(
    'during the checks: what the check wrote is swept by the next run',
    () =>
      withBundle({}, async ({ cluster, run }) => {
        const killed = await run(tutorial(QUICK), {}, { killAt: /^::group::Verify/ })
        expect(killed.signal).toBe('SIGKILL')
        await killed.post()
        const next = await run(tutorial(QUICK))
        expect(next.exitCode).toBe(0)
        expect(cluster.zookeeper('default', 'zk').paths(0)).toEqual(['/zk-ensemble-action'])
      }),
    90_000,
  )
})
