// A runner that stands still (a suspended machine, SIGSTOP) longer than its lock lasts: another run takes over, and the first one, awake again, touches nothing more.

import { describe, expect, test } from '@jest/globals'
import { text } from '../support/cluster/json.ts'
import { endJob, newJob } from '../support/runner.ts'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

describe('SIGSTOP', () => {
  test('longer than the lock lasts, awake while the other is at work: nobody is evicted twice, and it ends as one that lost its lock', () =>
    withBundle({ nodes: 4 }, async ({ cluster, run }) => {
      expect(verdict(await run(tutorial(QUICK))).result).toBe('succeeded')
      const [one, two] = [newJob(), newJob()] as const
      let awake = (): void => undefined
      let stopped: (() => void) | undefined
      const asleep = new Promise<void>((resolve) => (stopped = resolve))
      try {
        let halt = (): void => undefined
        const first = run(undefined, { operation: 'restart', name: 'zk' }, {
          job: one, kubeconfig: cluster.kubeconfigFor('first'),
          onStart(child) {
            halt = () => void child.kill('SIGSTOP')
            awake = () => void child.kill('SIGCONT')
          },
          onLine(line) {
            if (!line.includes('zk-0: evicted')) return
            halt()
            stopped?.()
          },
        })
        await asleep
        const second = await run(undefined, { operation: 'restart', name: 'zk' }, { job: two, kubeconfig: cluster.kubeconfigFor('second'), onLine: (line) => void (line.includes('zk-1: evicted') && awake()) })
        awake()
        const ended = await first
        expect(second.lines.join('\n')).toContain('has shown no sign of life for 60 s: taking it over')
        expect(verdict(second)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
        expect(verdict(ended)).toMatchObject({ result: 'failed', exitCode: 1 })
        // The other's lock is seen, unless the connections of before the sleep are all that answers.
        expect(ended.outputs['message']).toMatch(/the lock was taken over by another run|the lock could not be renewed for 60 s/)
        const evictions = cluster.requests.filter(({ verb, dryRun }) => verb === 'eviction' && !dryRun).map(({ by, name }) => `${by} ${name}`)
        expect(evictions.filter((one) => one.startsWith('first'))).toEqual(['first zk-0'])
        expect([evictions.length, new Set(evictions.map((one) => one.split(' ')[1]))]).toEqual([3, new Set(['zk-0', 'zk-1', 'zk-2'])])
        expect(cluster.zookeeper('default', 'zk').serving()).toHaveLength(3)
        expect(text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity')).toBe('')
      } finally {
        awake()
        for (const job of [one, two]) endJob(job)
      }
    }), 240_000)
})
