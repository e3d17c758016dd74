// An eviction that is asked for blindly uses up the budget for two minutes, or takes another pod of the same name; an answer that is misread ends a roll.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import { evictPod } from '../../../src/procedures/evict.ts'

const POD = { name: 'zk-2', namespace: 'shop', uid: 'uid-2' }
const BUDGET = { reason: 'DisruptionBudget', message: 'The disruption budget zk-pdb needs 2 healthy pods and has 2 currently', field: '' }

interface Refusal {
  readonly status: number
  readonly causes?: readonly (typeof BUDGET)[]
  readonly retryAfterSeconds?: number
}

/** What was asked, in order; `dry` and `real` are the refusals of each kind. */
function server(refusals: { readonly dry?: Refusal; readonly real?: Refusal }): { readonly kube: Pick<Kube, 'evict'>; readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    kube: {
      evict(pod, options) {
        const kind = options.dryRun === true ? 'dry' : 'real'
        asked.push(`${kind} ${pod.name} ${pod.uid}`)
        const refusal = refusals[kind]
        return refusal === undefined ? Promise.resolve() : Promise.reject(new KubeFailure({ ...refusal, reason: '', message: 'refused', request: 'evict' }))
      },
    },
  }
}

const signal = new AbortController().signal

test('asks by a dry run first, both times for the pod with this UID', async () => {
  const { kube, asked } = server({})
  expect(await evictPod(kube, POD, {}, signal)).toEqual({ kind: 'told' })
  expect(asked).toEqual(['dry zk-2 uid-2', 'real zk-2 uid-2'])
})

describe('what the dry run refuses is never asked for in earnest', () => {
  test.each<[string, Refusal, object]>([
    ['no budget left', { status: 429, causes: [BUDGET] }, { kind: 'budget', reason: BUDGET.message }],
    ['a budget that was not observed yet', { status: 429, retryAfterSeconds: 10 }, { kind: 'budget', reason: 'refused' }],
    ['the pod is gone', { status: 404 }, { kind: 'gone' }],
    ['another pod has its name', { status: 409 }, { kind: 'gone' }],
  ])('%s', async (_, dry, answer) => {
    const { kube, asked } = server({ dry })
    expect(await evictPod(kube, POD, {}, signal)).toEqual(answer)
    expect(asked).toEqual(['dry zk-2 uid-2'])
  })
})

test('the budget may have gone between the two', async () => {
  const { kube } = server({ real: { status: 429, causes: [BUDGET] } })
  expect(await evictPod(kube, POD, {}, signal)).toEqual({ kind: 'budget', reason: BUDGET.message })
})

test.each([403, 500, 429])('%i without a word of a budget is no answer to wait for', async (status) => {
  const { kube } = server({ dry: { status } })
  await expect(evictPod(kube, POD, {}, signal)).rejects.toMatchObject({ status })
})
