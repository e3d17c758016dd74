// The matrix says which member loses whose writes: a pair that was not tried counts neither as good
// nor as bad, and an ensemble of one has no pair.

import { expect, test } from '@jest/globals'
import { cellsOf, countPairs, readCell } from '../../../src/ensemble/pairs.ts'
import { membersOf } from '../../support/cluster/zookeeper-usual.ts'

test('a row is a writer, a column a reader, and nobody is his own reader', () => {
  const cells = cellsOf(membersOf(3), (writer, reader) =>
    writer.ordinal === 0
      ? readCell(reader.ordinal === 2 ? 'the row is not there' : undefined, 7)
      : undefined,
  )
  expect(cells).toEqual([
    [{ kind: 'self' }, { kind: 'ok', ms: 7 }, { kind: 'failed', why: 'the row is not there' }],
    [{ kind: 'not tried' }, { kind: 'self' }, { kind: 'not tried' }],
    [{ kind: 'not tried' }, { kind: 'not tried' }, { kind: 'self' }],
  ])
  expect(countPairs(cells)).toBe('1/2')
})

test('an ensemble of one has no pair', () => {
  expect(countPairs(cellsOf(membersOf(1), () => readCell(undefined, 1)))).toBeUndefined()
})
