// A drain that begins although a budget can never let a pod go leaves a node cordoned until its
// timeout, for nothing.

import { expect, test } from '@jest/globals'
import { gateOf, tooManyTogether } from '../../../../src/decide/drain/budget-gate.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import type { BudgetView } from '../../../../src/view/surroundings.ts'
import { budgetView, nodePod } from './given.ts'

const POD = nodePod()
const BUDGET = budgetView()
const CLOSED: BudgetView = { ...BUDGET, desired: 2, allowed: 0 }

test.each<[string, Partial<NodePod>, readonly BudgetView[], string]>([
  ['without a budget', {}, [], 'allows'],
  ['whose budget has room', {}, [BUDGET], 'allows'],
  ['whose budget has none now', {}, [{ ...BUDGET, healthy: 1, allowed: 0 }], 'waits'],
  ['whose budget was changed and not counted yet', {}, [{ ...CLOSED, generation: 2 }], 'waits'],
  ['whose budget wants every pod', {}, [CLOSED], 'never'],
  ['with two budgets', {}, [BUDGET, { ...BUDGET, name: 'other', uid: 'c' }], 'never'],
  [
    'that another budget selects',
    {},
    [
      BUDGET,
      { ...CLOSED, uid: 'c', selector: { matchLabels: { app: 'api' }, matchExpressions: [] } },
    ],
    'allows',
  ],
  ['that is not Ready, under a budget that wants every pod', { ready: false }, [CLOSED], 'ask'],
  ['that has ended', { phase: 'Succeeded' }, [CLOSED], 'allows'],
  ['that has not started', { phase: 'Pending' }, [CLOSED, BUDGET], 'allows'],
  ['that is on its way out', { deleting: 1 }, [CLOSED], 'allows'],
])('a pod %s: %s', (_, change, budgets, kind) => {
  expect(
    gateOf(
      { ...POD, ...change },
      new Map([
        ['shop', budgets],
        ['bank', [CLOSED, CLOSED]],
      ]),
    ).kind,
  ).toBe(kind)
})

test('says what to change', () => {
  expect(gateOf(POD, new Map([['shop', [CLOSED]]]))).toEqual({
    kind: 'never',
    reason:
      'poddisruptionbudget/web never allows an eviction: 2 healthy of 2, 2 must stay, 0 may go',
    fix: 'Let poddisruptionbudget/web in shop allow one eviction (maxUnavailable: 1, or a lower minAvailable), or give the workload one more replica first.',
  })
  expect(
    gateOf(POD, new Map([['shop', [BUDGET, { ...BUDGET, name: 'other', uid: 'c' }]]])),
  ).toMatchObject({
    reason:
      'it has 2 disruption budgets (web, other), and the eviction API takes no pod with more than one',
    fix: expect.stringContaining('kubectl -n shop delete poddisruptionbudget other'),
  })
})

test('two members that only their node takes are refused under a budget that never spares two: the second would wait for the first until the deadline', () => {
  const pods = [POD, { ...POD, name: 'web-2', uid: 'v' }]
  const among = (budget: BudgetView): readonly string[] =>
    tooManyTogether(pods, new Map([['shop', [budget]]])).map(({ why }) => why)
  expect(among({ ...BUDGET, expected: 5, desired: 4 })).toEqual(
    Array.from(
      { length: 2 },
      () =>
        'web-1 and web-2 would be away together, since they can only come back to this node, and poddisruptionbudget/web never allows more than 1',
    ),
  )
  expect(among({ ...BUDGET, expected: 5, desired: 3 })).toEqual([])
  expect(tooManyTogether(pods.slice(1), new Map([['shop', [CLOSED]]]))).toEqual([])
  expect(tooManyTogether(pods, new Map())).toEqual([])
})
