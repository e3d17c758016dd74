// A drain that hangs on a budget without saying on whose account is waited out in vain; one that
// says it with every write of the cluster buries it.

import { expect, test } from '@jest/globals'
import type { Kube, ListResult } from '../../../../src/kube/kube.ts'
import {
  createBudgetWords,
  type BudgetWords,
} from '../../../../src/procedures/drain/budget-words.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import type { BudgetView } from '../../../../src/view/surroundings.ts'
import { budgetView, nodePod } from '../../decide/drain/given.ts'
import { ensembleWith, kubeWith } from '../given.ts'
import { idleClock } from '../../../support/idle-clock.ts'

const POD = nodePod()
const CLOSED = budgetView({ healthy: 1, allowed: 0 })
const WORDS =
  'node-1: shop/web-1 waits: poddisruptionbudget/web allows no eviction now: 1 healthy of 2, 1 must stay, 0 may go'

function given(
  list: Kube['list'],
  signal = new AbortController().signal,
): { readonly words: BudgetWords; readonly said: string[] } {
  const said: string[] = []
  return {
    said,
    words: createBudgetWords(
      ensembleWith({ kube: kubeWith({ list }), run: { clock: idleClock() } }, said),
      'node-1',
      signal,
    ),
  }
}

function listOf(...names: readonly string[]): ListResult {
  return {
    resourceVersion: '1',
    items: names.map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'shop',
        uid: name,
        labels: { app: 'web' },
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      spec: { containers: [{ name: 'c', image: 'i' }] },
      status: { phase: 'Pending', conditions: [] },
    })),
  }
}

const held = (budget: BudgetView): ReadonlyMap<BudgetView, readonly NodePod[]> =>
  new Map([[budget, [POD]]])

test('the same numbers written again while the pods are being read do not swallow the line', async () => {
  let answer: (list: ListResult) => void = () => undefined
  const { words, said } = given(() => new Promise((resolve) => (answer = resolve)))
  words.tell(held(CLOSED))
  await Promise.resolve()
  words.tell(held({ ...CLOSED }))
  answer(listOf('web-2'))
  await words.ended()
  expect(said).toEqual([`${WORDS}; it waits for web-2 (not scheduled yet)`])
})

test('other numbers are told again, and those that they overtook are not', async () => {
  const answers: ((list: ListResult) => void)[] = []
  const { words, said } = given(() => new Promise((resolve) => answers.push(resolve)))
  words.tell(held({ ...CLOSED, healthy: 2 }))
  await Promise.resolve()
  words.tell(held(CLOSED))
  answers[0]?.(listOf())
  while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve))
  answers[1]?.(listOf())
  await words.ended()
  expect(said).toEqual([WORDS])
})

test('many pods that are missing are counted, not all named', async () => {
  const { words } = given(() => Promise.resolve(listOf('a', 'b', 'c', 'd', 'e', 'f', 'g')))
  expect((await words.inFull(held(CLOSED))).get('u')).toMatch(
    /it waits for a \(.*, e \(not scheduled yet\) and 2 more$/,
  )
})

test('pods that can not be read, or not in time, leave the arithmetic', async () => {
  const reason = WORDS.replace('node-1: shop/web-1 waits: ', '')
  expect(
    (await given(() => Promise.reject(new Error('403'))).words.inFull(held(CLOSED))).get('u'),
  ).toBe(reason)
  const silent: Kube['list'] = (_kind, _options, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))
  expect((await given(silent).words.inFull(held(CLOSED))).get('u')).toBe(reason)
})

test('a budget that is not counted yet, or counts nobody, says that instead of numbers', async () => {
  const { words } = given(() => Promise.resolve(listOf()))
  expect((await words.inFull(held({ ...CLOSED, generation: 2 }))).get('u')).toBe(
    'poddisruptionbudget/web was not processed by the cluster yet',
  )
  expect((await words.inFull(held({ ...CLOSED, expected: 0 }))).get('u')).toContain(
    'expects no pod',
  )
})
