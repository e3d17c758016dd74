// What somebody reads at night after a scale that failed: how many members there are, and whether
// the way back is open.

import { expect, test } from '@jest/globals'
import type { ScaleStep } from '../../../src/decide/scale.ts'
import { scaleLeft } from '../../../src/decide/scale-left.ts'

function step(kind: ScaleStep['kind'], count: number, words: string): ScaleStep {
  return { kind, count, ordinal: undefined, words, outage: undefined }
}

const zookeeper = { replicas: 4, target: 5, profile: 'zookeeper' } as const
const cassandra = { replicas: 4, target: 3, profile: 'cassandra' } as const

test('a newcomer that did not come can be undone by scaling back to those before it', () => {
  const left = scaleLeft(
    [step('add', 4, '3 → 4: zk-3 comes'), step('add', 5, '4 → 5: zk-4 comes')],
    zookeeper,
  )
  expect(left.reached).toBe(3)
  expect(left.words).toBe('Left to do: 3 → 4: zk-3 comes; 4 → 5: zk-4 comes.')
  expect(left.waysOn).toEqual([
    'Then run operation: scale, replicas: 5 again: it continues from here.',
    'Or give it up with operation: scale, replicas: 3.',
  ])
})

test('a node that has begun to leave the ring does not come back: no way back is offered', () => {
  const left = scaleLeft([step('remove', 3, '4 → 3: cas-3 goes')], cassandra)
  expect(left.reached).toBe(4)
  expect(left.waysOn).toHaveLength(1)
})

test('a member of a voting ensemble that did not go can stay', () => {
  const going = step('remove', 3, '4 → 3: zk-3 goes')
  expect(scaleLeft([going], { ...zookeeper, target: 3 }).waysOn.at(-1)).toContain('replicas: 4')
})

test.each(['finish', 'restore', 'await'] as const)(
  'before %s there are as many members as the set makes',
  (kind) => {
    expect(scaleLeft([step(kind, 3, 'first this')], zookeeper).reached).toBe(4)
  },
)

test('who only waited has nothing to undo', () => {
  expect(scaleLeft([step('await', 4, 'wait for zk-2')], zookeeper).waysOn).toHaveLength(1)
})

test('who waits in vain on the way back is told where it was begun to go', () => {
  const waits = [step('await', 4, 'wait for zk-2')] as const
  expect(scaleLeft(waits, { ...zookeeper, target: 4, begun: 3 }).waysOn).toEqual([
    'Then run operation: scale, replicas: 4 again: it continues from here.',
    'Or run operation: scale, replicas: 3, as it was begun.',
  ])
  expect(scaleLeft(waits, { ...zookeeper, target: 4, begun: 4 }).waysOn).toHaveLength(1)
})
