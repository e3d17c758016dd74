// How long a node was away is what people plan their window by: a phase counted twice, or one that
// never ended, makes the plan wrong.

import { expect, test } from '@jest/globals'
import { beginPhase, endPhase, secondsByPhase } from '../../../src/report/node-phases.ts'
import type { NodeRow } from '../../../src/report/run-report.ts'

function row(): NodeRow {
  return {
    node: 'node-1',
    outcome: 'under way',
    placement: '',
    members: [],
    cordon: 'none',
    phases: [],
    pods: [],
    note: '',
  }
}

test('the seconds of one kind are added up, the total also counts what lies between', () => {
  const node = row()
  for (const [phase, from, to] of [
    ['evict', 1000, 2500],
    ['wait', 3000, 5000],
    ['evict', 6000, 7250],
  ] as const) {
    beginPhase(node, phase, from)
    endPhase(node, to)
  }
  expect(secondsByPhase(node)).toEqual({ evict: 2.75, wait: 2, total: 6.25 })
})

test('a phase that still runs has no seconds yet, and the next end is its own', () => {
  const node = row()
  beginPhase(node, 'gates', 0)
  endPhase(node, 100)
  beginPhase(node, 'maintenance', 200)
  expect(secondsByPhase(node)).toEqual({ gates: 0.1, total: 0.1 })
  endPhase(node, 1200)
  expect(secondsByPhase(node)).toEqual({ gates: 0.1, maintenance: 1, total: 1.2 })
})

test('an end without a beginning changes nothing, a clock that is set back makes no negative time', () => {
  const node = row()
  endPhase(node, 50)
  expect(secondsByPhase(node)).toEqual({})
  beginPhase(node, 'cordon', 1000)
  endPhase(node, 400)
  expect(secondsByPhase(node)).toEqual({ cordon: 0, total: 0 })
})
