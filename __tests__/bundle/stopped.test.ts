// A runner that stands still (a suspended machine, SIGSTOP) longer than its lock lasts: another run
// takes over, and the first one, awake again, touches nothing more.
//
// Long: a lock has to expire, by the real clock.

import { describe, expect, test } from '@jest/globals'
import { text } from '../support/cluster/json.ts'
import { endJob, newJob } from '../support/runner.ts'
import { plain, verdict, withBundle } from './given.ts'

describe('SIGSTOP', () => {
  test(
    'longer than the lock lasts, awake while the other is at work: nobody is evicted twice, and it ends as one that lost its lock',
    () =>
      withBundle({ nodes: 4 }, async ({ cluster, run }) => {
        expect(verdict(await run(plain({ replicas: 3 }), { profile: 'none' })).result).toBe(
          'succeeded',
        )
        const [one, two] = [newJob(), newJob()] as const
        let awake = (): void => undefined
        let stopped: (() => void) | undefined
        const asleep = new Promise<void>((resolve) => (stopped = resolve))
        try {
          let halt = (): void => undefined
          const first = run(
            undefined,
            { operation: 'restart', name: 'web', profile: 'none' },
            {
              job: one,
              kubeconfig: cluster.kubeconfigFor('first'),
              onStart(child) {
                halt = () => void child.kill('SIGSTOP')
                awake = () => void child.kill('SIGCONT')
              },
              onLine(line) {
                if (!line.includes('web-0: evicted')) return
                halt()
                stopped?.()
              },
            },
          )
          await asleep
          const second = await run(
            undefined,
            { operation: 'restart', name: 'web', profile: 'none' },
            {
              job: two,
              kubeconfig: cluster.kubeconfigFor('second'),
              onLine: (line) => void (line.includes('web-1: evicted') && awake()),
            },
          )
          awake()
          const ended = await first
          expect(second.lines.join('\n')).toContain('was not renewed for 60 s: taking it over')
          expect(verdict(second)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
          expect(verdict(ended)).toMatchObject({ result: 'failed', exitCode: 1 })
          // The other's lock is seen, unless the connections of before the sleep are all that
          // answers.
          expect(ended.outputs['message']).toMatch(
            /the lock was taken over by another run|the lock could not be renewed for 60 s/,
          )
          const evictions = cluster.requests
            .filter(({ verb, dryRun, status }) => status < 300 && verb === 'eviction' && !dryRun)
            .map(({ by, name }) => `${by} ${name}`)
          expect(evictions.filter((one) => one.startsWith('first'))).toEqual(['first web-0'])
          expect([evictions.length, new Set(evictions.map((one) => one.split(' ')[1]))]).toEqual([
            3,
            new Set(['web-0', 'web-1', 'web-2']),
          ])
          expect(
            text(
              cluster.objects.get('Lease', 'default', 'zk-ensemble-web'),
              'spec',
              'holderIdentity',
            ),
          ).toBe('')
        } finally {
          awake()
          for (const job of [one, two]) endJob(job)
        }
      }),
    180_000,
  )
})
