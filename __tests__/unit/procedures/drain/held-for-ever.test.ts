// What a budget says is read, not tried: a pod that a budget would allow because it isn't Ready
// must not stop a drain, and asking must evict nobody.

import { expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube, KubeObject } from '../../../../src/kube/kube.ts'
import { heldForEver } from '../../../../src/procedures/drain/held-for-ever.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import { nodePod } from '../../decide/drain/given.ts'

const signal = new AbortController().signal

const pod = (name: string, change: Partial<NodePod> = {}): NodePod =>
  nodePod({ name, uid: name, labels: { app: name }, ...change })

function budget(name: string, desired: number): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'shop', uid: name, generation: 1 },
    spec: { selector: { matchLabels: { app: name } }, minAvailable: desired },
    status: {
      observedGeneration: 1,
      currentHealthy: 2,
      desiredHealthy: desired,
      disruptionsAllowed: 2 - desired,
      expectedPods: 2,
    },
  }
}

function failed(status: number, cause?: string): KubeFailure {
  return new KubeFailure({
    status,
    reason: '',
    message: 'refused',
    request: 'x',
    causes: cause === undefined ? [] : [{ reason: cause, message: 'needs 2', field: '' }],
  })
}

function server(
  budgets: readonly KubeObject[] | KubeFailure,
  eviction?: KubeFailure,
): { kube: Pick<Kube, 'list' | 'evict'>; asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    kube: {
      list(_, { namespace }) {
        asked.push(`list ${namespace ?? ''}`)
        return budgets instanceof KubeFailure
          ? Promise.reject(budgets)
          : Promise.resolve({ items: budgets, resourceVersion: '1' })
      },
      evict({ name }, { dryRun }) {
        asked.push(`${dryRun === true ? 'dry' : 'real'} ${name}`)
        return eviction === undefined ? Promise.resolve() : Promise.reject(eviction)
      },
    },
  }
}

test('each namespace is read once, and nobody is asked where the numbers say it', async () => {
  const { kube, asked } = server([budget('open', 1), budget('closed', 2)])
  expect(
    (await heldForEver(kube, [pod('open'), pod('closed'), pod('free')], [], signal)).map(
      ({ pod: { name } }) => name,
    ),
  ).toEqual(['closed'])
  expect(asked).toEqual(['list shop'])
})

test('a pod that is not Ready is asked for by a dry run, and never by more', async () => {
  const lets = server([budget('closed', 2)])
  expect(await heldForEver(lets.kube, [pod('closed', { ready: false })], [], signal)).toEqual([])
  expect(lets.asked).toEqual(['list shop', 'dry closed'])
  const keeps = server([budget('closed', 2)], failed(429, 'DisruptionBudget'))
  expect(
    await heldForEver(keeps.kube, [pod('closed', { ready: false })], [], signal),
  ).toMatchObject([
    { pod: { name: 'closed' }, why: expect.stringContaining('never allows an eviction') },
  ])
})

test('what can not be read is left to the eviction; a server that is away is no answer', async () => {
  expect(await heldForEver(server(failed(403)).kube, [pod('closed')], [], signal)).toEqual([])
  await expect(
    heldForEver(server(failed(503)).kube, [pod('closed')], [], signal),
  ).rejects.toMatchObject({ status: 503 })
})
