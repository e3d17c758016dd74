// Whether data from before is back, as far as the check can say it: after a set was deleted and
// recreated on its claims, a check that calls new data old would hide the loss.

import { describe, expect, test } from '@jest/globals'
import { traceWords } from '../../../../../src/ensemble/zookeeper/checks/trace.ts'

const PATH = '/zk-ensemble-action'
const SECOND = 1_000
const MADE = Date.UTC(2026, 10, 28, 21, 3, 11)

describe('what an earlier check left', () => {
  test('older than every pod of today: data outlived them all', () => {
    expect(
      traceWords({ path: PATH, made: MADE, checked: MADE + 60 * SECOND }, [
        MADE + 1_000,
        MADE + 2_000,
      ]),
    ).toBe(`${PATH}, made 2026-11-28 21:03:11 UTC, is read back and older than every pod`)
  })

  test.each([
    ['one pod is older than it', [MADE - 1_000, MADE + 2_000]],
    ['the age of a pod is not known', [undefined, MADE + 2_000]],
    ['no pod is known', []],
  ])('nothing is said of pods where %s', (_, pods) => {
    expect(traceWords({ path: PATH, made: MADE, checked: MADE + 60 * SECOND }, pods)).toBe(
      `${PATH}, made 2026-11-28 21:03:11 UTC, is read back`,
    )
  })

  test.each([
    ['was made by this check', MADE],
    ['is younger than the check, by a clock that was set back', MADE + 60 * SECOND],
    ['has no time', 0],
    ['has a time that is none', Number.NaN],
  ])('a path that %s is called new: nobody takes an empty ensemble for the old one', (_, made) => {
    expect(traceWords({ path: PATH, made, checked: MADE + SECOND }, [MADE + 2 * SECOND])).toBe(
      `${PATH} is new: nothing from before to read back`,
    )
  })
})
