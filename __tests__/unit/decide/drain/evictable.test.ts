// A drain that asks again and again is slow and throttled; one that asks for two where the budget
// allows one uses it up for others.

import { describe, expect, test } from '@jest/globals'
import {
  askNow,
  budgetsOf,
  type Taken,
  type Waiting,
} from '../../../../src/decide/drain/evictable.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import type { BudgetView } from '../../../../src/view/surroundings.ts'
import { budgetView, nodePod } from './given.ts'

const budget = (change: Partial<BudgetView> = {}): BudgetView =>
  budgetView({ healthy: 3, desired: 2, expected: 3, ...change })

function waiting(
  name: string,
  change: Partial<NodePod> = {},
  more: Partial<Waiting> = {},
): Waiting {
  return {
    pod: nodePod({ name, uid: name, ...change }),
    refusedBy: undefined,
    notBefore: 0,
    ...more,
  }
}

function asked(
  pods: readonly Waiting[],
  budgets: readonly BudgetView[],
  now = 100,
  taken: readonly Taken[] = [],
): string {
  return askNow(pods, taken, new Map([['shop', budgets]]), now)
    .map(({ name }) => name)
    .join(' ')
}

describe('who is asked to go', () => {
  test('as many as the budget allows', () => {
    const three = [waiting('a'), waiting('b'), waiting('c')]
    expect(asked(three, [budget()])).toBe('a')
    expect(asked(three, [budget({ allowed: 2 })])).toBe('a b')
    expect(asked(three, [budget({ allowed: 0 })])).toBe('')
    expect(asked(three, [])).toBe('a b c')
  })

  test('nobody again that the budget refused, until it has changed, though the numbers are the same again', () => {
    const seen = budget()
    const refused = [waiting('a', {}, { refusedBy: seen, notBefore: 5000 })]
    expect(asked(refused, [seen])).toBe('')
    expect(asked(refused, [budget({ healthy: 2, allowed: 0 })])).toBe('')
    expect(asked(refused, [budget()])).toBe('a')
    expect(asked(refused, [seen], 5000)).toBe('a')
  })

  test('nobody for what another is being asked under, or was told under, before the budget shows it', () => {
    const seen = budget()
    const other = waiting('b').pod
    expect(asked([waiting('a')], [seen], 100, [{ pod: other, toldUnder: undefined }])).toBe('')
    expect(asked([waiting('a')], [seen], 100, [{ pod: other, toldUnder: seen }])).toBe('')
    expect(asked([waiting('a')], [budget()], 100, [{ pod: other, toldUnder: seen }])).toBe('a')
    expect(
      asked([waiting('a')], [budget({ allowed: 2 })], 100, [{ pod: other, toldUnder: undefined }]),
    ).toBe('a')
  })

  test('nobody while the budget was changed and the cluster has not counted yet', () => {
    expect(asked([waiting('a')], [budget({ generation: 2 })])).toBe('')
  })

  test('those that no budget protects at once: finished, without a node yet, on their way out', () => {
    expect(
      asked(
        [
          waiting('a', { phase: 'Succeeded' }),
          waiting('b', { phase: 'Pending' }),
          waiting('c', { deleting: 1 }),
          waiting('d'),
        ],
        [budget({ allowed: 0 })],
      ),
    ).toBe('a b c')
  })

  test('one that is not Ready, which its budget may allow all the same, once for each state of it', () => {
    const closed = budget({ allowed: 0, healthy: 2 })
    const broken = { ready: false }
    expect(asked([waiting('a', broken)], [closed])).toBe('a')
    expect(asked([waiting('a', broken, { refusedBy: closed, notBefore: 5000 })], [closed])).toBe('')
    expect(
      asked(
        [waiting('a', broken, { refusedBy: closed, notBefore: 5000 })],
        [budget({ allowed: 0, healthy: 1 })],
      ),
    ).toBe('a')
  })

  test('one that is not Ready takes nothing from the others', () => {
    expect(asked([waiting('a', { ready: false }), waiting('b')], [budget()])).toBe('a b')
  })

  test('nobody before the time that the server gave', () => {
    expect(asked([waiting('a', {}, { notBefore: 200 })], [budget()])).toBe('')
    expect(asked([waiting('a', {}, { notBefore: 200 })], [budget()], 200)).toBe('a')
  })

  test('one with two budgets, for the answer that names the fault', () => {
    expect(asked([waiting('a')], [budget(), budget({ uid: 'c', allowed: 0 })])).toBe('a')
  })

  test('by the budgets of its own namespace that select it', () => {
    const there = new Map([
      [
        'shop',
        [
          budget(),
          budget({ name: 'none', selector: undefined }),
          budget({
            name: 'other',
            selector: { matchLabels: { app: 'api' }, matchExpressions: [] },
          }),
        ],
      ],
      ['bank', [budget({ name: 'bank' })]],
    ])
    expect(budgetsOf(waiting('a').pod, there).map(({ name }) => name)).toEqual(['web'])
  })
})
