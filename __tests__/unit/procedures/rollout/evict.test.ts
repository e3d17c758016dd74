// An eviction that is asked for blindly uses up the budget for two minutes, or takes another pod of
// the same name; an answer that is misread ends a roll.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube } from '../../../../src/kube/kube.ts'
import { askEviction, evictPod } from '../../../../src/procedures/rollout/evict.ts'

const POD = { name: 'zk-2', namespace: 'shop', uid: 'uid-2' }
const BUDGET = {
  reason: 'DisruptionBudget',
  message: 'The disruption budget zk-pdb needs 2 healthy pods and has 2 currently',
  field: '',
}

interface Refusal {
  readonly status: number
  readonly causes?: readonly (typeof BUDGET)[]
  readonly retryAfterSeconds?: number
  readonly message?: string
}

/** What was asked, in order; `dry` and `real` are the refusals of each kind. */
function server(refusals: { readonly dry?: Refusal; readonly real?: Refusal }): {
  readonly kube: Pick<Kube, 'evict'>
  readonly asked: string[]
} {
  const asked: string[] = []
  return {
    asked,
    kube: {
      evict(pod, options) {
        const kind = options.dryRun === true ? 'dry' : 'real'
        asked.push(`${kind} ${pod.name} ${pod.uid}`)
        const refusal = refusals[kind]
        return refusal === undefined
          ? Promise.resolve()
          : Promise.reject(
              new KubeFailure({ message: 'refused', ...refusal, reason: '', request: 'evict' }),
            )
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
    [
      'no budget left',
      { status: 429, causes: [BUDGET] },
      { kind: 'budget', reason: BUDGET.message },
    ],
    [
      'a budget that was not observed yet',
      {
        status: 429,
        retryAfterSeconds: 10,
        message: 'The disruption budget zk-pdb is still being processed by the server.',
      },
      {
        kind: 'budget',
        reason: 'The disruption budget zk-pdb is still being processed by the server.',
        afterMs: 10_000,
      },
    ],
    [
      'a server that has too much to do',
      { status: 429, retryAfterSeconds: 1 },
      { kind: 'budget', reason: 'the API server has too much to do', afterMs: 1_000 },
    ],
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
  expect(await evictPod(kube, POD, {}, signal)).toMatchObject({
    kind: 'budget',
    reason: BUDGET.message,
  })
})

test.each([403, 500, 429])(
  '%i without a word of a budget is no answer to wait for',
  async (status) => {
    const { kube } = server({ dry: { status } })
    await expect(evictPod(kube, POD, {}, signal)).rejects.toMatchObject({ status })
  },
)

describe('what time may change is told apart', () => {
  test.each<[string, Refusal, object]>([
    [
      'a webhook that denies, whatever its status',
      {
        status: 500,
        message:
          'admission webhook "drain.example.org" denied the request: The pod will be rolled by its operator',
      },
      {
        kind: 'denied',
        reason:
          'the admission webhook drain.example.org denies its eviction: The pod will be rolled by its operator',
      },
    ],
    [
      'a webhook that can not be asked',
      {
        status: 500,
        message:
          'Internal error occurred: failed calling webhook "drain.example.org": no endpoints available',
      },
      {
        kind: 'denied',
        reason:
          "the admission webhook drain.example.org can't be asked about its eviction: no endpoints available",
      },
    ],
    [
      'a webhook that denies as if the pod were gone',
      { status: 404, message: 'admission webhook "drain.example.org" denied the request: no' },
      { kind: 'denied', reason: 'the admission webhook drain.example.org denies its eviction: no' },
    ],
    [
      'a webhook of many words, in one line',
      { status: 429, message: `admission webhook "w" denied the request: a\nb ${'x'.repeat(400)}` },
      {
        kind: 'denied',
        reason: `the admission webhook w denies its eviction: a b ${'x'.repeat(296)}…`,
      },
    ],
    [
      'a budget with too many evictions under way',
      {
        status: 403,
        causes: [{ reason: 'DisruptionBudget', message: 'Too many evictions', field: '' }],
      },
      { kind: 'budget', reason: 'Too many evictions' },
    ],
    [
      'a server with too much to do that says for how long',
      { status: 429, retryAfterSeconds: 7 },
      { kind: 'throttled', reason: 'the API server has too much to do', afterMs: 7_000 },
    ],
    [
      'a namespace that ends',
      {
        status: 403,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: 'namespace shop is being terminated',
            field: '',
          },
        ],
      },
      { kind: 'ending', reason: 'its namespace is being deleted' },
    ],
    [
      'two budgets',
      {
        status: 500,
        message:
          'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      },
      {
        kind: 'budgets',
        reason: 'it has more than one PodDisruptionBudget, which the eviction API does not support',
      },
    ],
    [
      'a server with too much to do',
      { status: 429 },
      { kind: 'throttled', reason: 'the API server has too much to do' },
    ],
    [
      'an answer that never came',
      { status: 0 },
      { kind: 'unanswered', reason: 'the API server did not answer' },
    ],
    [
      'a time-out of the server',
      { status: 504, retryAfterSeconds: 10 },
      { kind: 'unanswered', reason: 'the API server answered 504' },
    ],
  ])('%s', async (_, refusal, answer) => {
    expect(await askEviction(server({ dry: refusal }).kube, POD, {}, signal)).toEqual(answer)
  })

  test('a missing right is no answer to wait for', async () => {
    await expect(
      askEviction(server({ dry: { status: 403 } }).kube, POD, {}, signal),
    ).rejects.toMatchObject({ status: 403 })
  })
})

test('a question changes nothing: the eviction itself is not sent', async () => {
  const { kube, asked } = server({})
  expect(await askEviction(kube, POD, { dryRun: true }, signal)).toEqual({ kind: 'told' })
  expect(asked).toEqual(['dry zk-2 uid-2'])
})
