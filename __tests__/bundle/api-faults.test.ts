// A dropped watch, a 410, a 429, a 5xx, a lost answer or a slow API server changes nothing but the
// time.

import { describe, expect, test } from '@jest/globals'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { text } from '../support/cluster/json.ts'
import { QUICK, plain, tutorial, verdict, withBundle } from './given.ts'

const SUCCEEDED = { result: 'succeeded', code: '', exitCode: 0 }

describe('deploy still succeeds', () => {
  const cases: {
    name: string
    speed?: number
    prepare: (cluster: SimulatedCluster) => void
    during?: (cluster: SimulatedCluster) => void
  }[] = [
    {
      name: 'when reads are throttled and answered 500 and 503',
      prepare: ({ faults }) => {
        faults.next({ verb: 'get', status: 429, retryAfterSeconds: 1 })
        faults.next({ verb: 'list', kind: 'Pod', status: 500 })
        faults.next({ verb: 'list', kind: 'StatefulSet', status: 503 })
        faults.next({ verb: 'apply', kind: 'Service', status: 500 })
      },
    },
    {
      name: 'when connections break before an answer',
      prepare: ({ faults }) => {
        faults.next({ verb: 'list', kind: 'Node', drop: true })
        faults.next({ verb: 'apply', kind: 'StatefulSet', dropAnswer: true })
        faults.next({ verb: 'watch', kind: 'Pod', drop: true })
      },
    },
    {
      name: 'when all watches are cut, again and again',
      speed: 6,
      prepare: () => undefined,
      during: (cluster) => cluster.faults.dropWatches(),
    },
    {
      name: 'when watches are answered 410',
      speed: 6,
      prepare: () => undefined,
      during: (cluster) => cluster.faults.forgetChanges(),
    },
    {
      name: 'when every answer is slow',
      prepare: (cluster) => cluster.faults.always({ delayMs: 150 }),
    },
    {
      name: 'when port-forwards break',
      prepare: ({ faults }) => faults.next({ verb: 'portforward', drop: true }),
    },
  ]
  test.concurrent.each(cases)('$name', ({ prepare, during, speed }) =>
    withBundle({ speed: speed ?? 50 }, async ({ cluster, run }) => {
      prepare(cluster)
      const disturb = during === undefined ? undefined : setInterval(() => during(cluster), 300)
      const done = await run(
        tutorial(QUICK),
        {},
        { onLine: (line) => void (line.includes('zk-2: creating') && clearInterval(disturb)) },
      )
      clearInterval(disturb)
      expect({ ...verdict(done), message: done.outputs['message'] }).toEqual({
        ...SUCCEEDED,
        message: expect.any(String),
      })
      expect(done.outputs['pairs']).toBe('6/6')
      expect(done.stderr).toBe('')
    }),
  )

  test.concurrent('when the API server stands still for some seconds', () =>
    withBundle({}, async ({ cluster, run }) => {
      let paused = false
      const done = await run(
        plain({ replicas: 2 }),
        { profile: 'none' },
        {
          onLine(line) {
            if (paused || !line.includes('Wait for every member')) return
            paused = true
            cluster.faults.pause()
            setTimeout(() => cluster.faults.resume(), 3000)
          },
        },
      )
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(paused).toBe(true)
    }))
})

describe('an end that is named', () => {
  test.concurrent(
    'a token that expires meanwhile is ACCESS_DENIED or CLUSTER_UNREACHABLE, never a raw answer, and what stands is said',
    () =>
      withBundle({}, async ({ cluster, run }) => {
        const done = await run(
          plain({ replicas: 3 }),
          { profile: 'none' },
          {
            onLine(line) {
              if (line.includes('statefulset/web created')) cluster.faults.expireToken()
            },
          },
        )
        expect(done.exitCode).toBe(1)
        expect(['ACCESS_DENIED', 'CLUSTER_UNREACHABLE']).toContain(done.outputs['code'])
        expect(done.outputs).toMatchObject({ result: 'failed', changed: 'true' })
        expect(done.lines.join('\n')).not.toContain('"kind":"Status"')
        // The set that was applied is left as it is.
        expect(text(cluster.objects.get('StatefulSet', 'default', 'web'), 'metadata', 'name')).toBe(
          'web',
        )
      }),
    90_000,
  )

  test.concurrent('the time limit is a TIMEOUT only where nothing better is known', () =>
    withBundle({ speed: 0.2 }, async ({ run }) => {
      const done = await run(plain({ replicas: 3 }), { profile: 'none', timeout: '5s' })
      expect({
        code: done.outputs['code'],
        result: done.outputs['result'],
        exitCode: done.exitCode,
      }).toEqual({
        code: expect.stringMatching(/^(TIMEOUT|NOT_READY)$/),
        result: 'failed',
        exitCode: 1,
      })
      expect(done.lines.join('\n')).toMatch(/web-0/)
    }))
})
