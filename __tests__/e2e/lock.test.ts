// Two runs on one ensemble: the second waits for the first, and is told by whom the ensemble is
// held.

import { expect, jest, test } from '@jest/globals'
import { act, verdict } from './action.ts'
import { everything, inNamespace, kubectl, kubectlApply, read } from './cluster.ts'

jest.setTimeout(600_000)

/** Of the built-in ensemble: one small member. */
const ONE = { name: 'zk', replicas: '1', cpu: '100m', memory: '256Mi', heap: '64M', storage: '1Gi' }

test('two runs at once: one makes the ensemble, the other waits for it and finds nothing left to change', async () => {
  await inNamespace('lock', async (namespace) => {
    const runs = await Promise.all([act({ ...ONE, namespace }), act({ ...ONE, namespace })])
    expect(runs.map(verdict).toSorted()).toEqual([
      expect.stringMatching(/^succeeded /),
      expect.stringMatching(/^unchanged /),
    ])
    const [first, second] = runs[0].outputs['result'] === 'succeeded' ? runs : [runs[1], runs[0]]
    expect(second.lines.join('\n')).toContain(
      `Waiting for the lock of another run: https://github.com/example/shop/actions/runs/${first.job.runId}`,
    )
    expect(first.lines.join('\n')).not.toContain('Waiting for the lock')
    expect(second.report.requests['writes'] ?? 0).toBe(0)
    expect(await read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')).toBe('')
  })
})

// What takes minutes is no part of the core: there it isn't even registered.
const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

all(
  'LOCKED: a lock that is kept alive is never taken, and the run that holds it is named',
  async () => {
    await inNamespace('locked', async (namespace) => {
      const url = 'https://github.com/example/shop/actions/runs/42'
      const renew = (): Promise<void> =>
        kubectlApply(
          namespace,
          `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: zk-ensemble-zk
  annotations:
    zk-ensemble-action/run-url: ${url}
spec:
  holderIdentity: example/shop/42/1/abcd
  leaseDurationSeconds: 60
  renewTime: "${new Date().toISOString().replace('Z', '000Z')}"
`,
        )
      await renew()
      const renewals = setInterval(() => void renew().catch(() => undefined), 15_000)
      try {
        const ran = await act({ ...ONE, namespace })
        expect(verdict(ran)).toMatch(/^refused LOCKED /)
        expect(ran.exitCode).toBe(1)
        expect(ran.outputs['message']).toContain(url)
        expect(ran.outputs['changed']).toBe('false')
        expect(await read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')).toBe(
          'example/shop/42/1/abcd',
        )
        expect(
          await kubectl('get', '-n', namespace, 'statefulset,service,configmap', '-o', 'name'),
        ).not.toMatch(/zk/)
      } finally {
        clearInterval(renewals)
      }
    })
  },
)
