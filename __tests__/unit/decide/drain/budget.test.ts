// A budget that is misread lets two members go down at once, or holds a roll for ever.

import { expect, test } from '@jest/globals'
import { judgeBudgets } from '../../../../src/decide/drain/budget.ts'
import type { BudgetView } from '../../../../src/view/surroundings.ts'

const budget: BudgetView = {
  name: 'zk-pdb',
  uid: 'u',
  selector: undefined,
  minAvailable: undefined,
  maxUnavailable: 1,
  generation: 1,
  observedGeneration: 1,
  healthy: 3,
  desired: 2,
  allowed: 1,
  expected: 3,
}

test.each([
  ['no budget at all', [], 'allows'],
  ['one that has room', [budget], 'allows'],
  ['one whose pods are not healthy now', [{ ...budget, healthy: 2, allowed: 0 }], 'waits'],
  ['one that the cluster has not processed', [{ ...budget, generation: 2 }], 'waits'],
  ['one that wants every member', [{ ...budget, desired: 3, allowed: 0 }], 'never'],
  [
    'a second one without room',
    [budget, { ...budget, name: 'other', allowed: 0, healthy: 2 }],
    'waits',
  ],
] as const)('%s: %s', (_, budgets, kind) => {
  expect(judgeBudgets(budgets).kind).toBe(kind)
})

test('says the arithmetic', () => {
  expect(judgeBudgets([{ ...budget, healthy: 2, allowed: 0 }])).toEqual({
    kind: 'waits',
    reason:
      'poddisruptionbudget/zk-pdb allows no eviction now: 2 healthy of 3, 2 must stay, 0 may go',
  })
})
