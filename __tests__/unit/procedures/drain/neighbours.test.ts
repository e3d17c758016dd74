// Two drains that need each other's ensemble: if both gave up at the same moment, neither night's
// maintenance would be done.

import { expect, test } from '@jest/globals'
import { neighbourLockWaitMs } from '../../../../src/procedures/drain/neighbours.ts'

/**
 * How often a lock is looked at, and how long it takes until the other run is gone; milliseconds.
 */
const APART_MS = 20_000
/** What a dead run's lock lives. */
const DURATION_MS = 60_000

test.each([
  ['a/zk', 'b/zk'],
  ['shop/zk', 'shop/zk-2'],
  ['team/zk', 'team/kafka'],
])(
  'of %s and %s, each waiting for the other, one has the longer patience; a dead one outlasts neither',
  (one, other) => {
    const [here, there] = [neighbourLockWaitMs(one, other), neighbourLockWaitMs(other, one)]
    expect(Math.abs(here - there)).toBeGreaterThanOrEqual(APART_MS)
    expect(Math.min(here, there)).toBeGreaterThan(DURATION_MS)
  },
)
