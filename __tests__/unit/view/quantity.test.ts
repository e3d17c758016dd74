// A wrong factor here would compare a heap with another memory than the cluster gives.

import { expect, test } from '@jest/globals'
import { quantityOf } from '../../../src/view/quantity.ts'

test.each([
  ['1', 1],
  ['0.5', 0.5],
  ['.5', 0.5],
  ['500m', 0.5],
  ['1k', 1000],
  ['1Ki', 1024],
  ['1M', 1e6],
  ['1Mi', 1_048_576],
  ['1.5Gi', 1_610_612_736],
  ['2G', 2e9],
  ['1Ti', 1_099_511_627_776],
  ['1e3', 1000],
  ['12E2', 1200],
  ['100n', 1e-7],
])('%s is %d', (text, value) => {
  expect(quantityOf(text)).toBeCloseTo(value, 9)
})

test.each(['', 'Gi', '1 Gi', '1gi', '1KI', '1.2.3', '0x10', '1GiB', 'NaN', 'Infinity'])(
  '%j is no quantity',
  (text) => {
    expect(quantityOf(text)).toBeUndefined()
  },
)
