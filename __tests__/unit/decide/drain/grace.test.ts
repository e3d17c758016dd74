// A drain that gives up while a member still ends properly leaves its node half done: that is said
// before.

import { expect, test } from '@jest/globals'
import { graceBeyond } from '../../../../src/decide/drain/grace.ts'

const MINUTE = 60_000

test.each([
  [
    'the 30 minutes of the Cassandra tutorial in the 15 of timeout',
    1800,
    15 * MINUTE,
    /up to 30m.*after 15m/,
  ],
  ['as long as the node has', 900, 15 * MINUTE, /up to 15m/],
])('%s', (_, grace, timeout, text) => {
  expect(graceBeyond(grace, timeout)).toMatch(text)
})

test.each([
  ['shorter', 60, 15 * MINUTE],
  ['none said: 30 s', undefined, MINUTE],
  ['with a timeout that fits', 1800, 45 * MINUTE],
])('nothing is said where it fits: %s', (_, grace, timeout) => {
  expect(graceBeyond(grace, timeout)).toBeUndefined()
})
