// Whoever compares member lists by hand while a scale has not ended loses the night: the lists differ
// because of it.

import { expect, test } from '@jest/globals'
import { duringScale, type Scaling } from '../../../src/decide/during-scale.ts'
import type { Finding } from '../../../src/errors.ts'

const SCALE: Scaling = {
  words: 'a scale of zk was begun and has not ended',
  ways: 'run it again',
  end: 'Run operation: scale again, with replicas: 3.',
}
const OUTSIDE: Finding = {
  code: 'CHECK_FAILED',
  severity: 'error',
  message: 'zk-2 (ordinal 2) runs but is not in the quorum',
  fix: 'Compare its member list.',
  doubts: 'member list',
}

test.each<[string, Finding]>([
  ['a member that runs and is outside', OUTSIDE],
  [
    'a list that differs',
    {
      code: 'IDENTITY_MISMATCH',
      severity: 'error',
      message: 'the lists differ',
      fix: 'Compare them.',
    },
  ],
])('%s is explained by it, and what ends it is the fix', (_, finding) => {
  expect(duringScale(finding, SCALE, false)).toMatchObject({
    code: finding.code,
    message: `${finding.message}: ${SCALE.words}`,
    fix: SCALE.end,
  })
})

test('what it does not explain keeps its own fix', () => {
  const other: Finding = {
    code: 'CHECK_FAILED',
    severity: 'error',
    message: 'no answer',
    fix: 'Ask.',
  }
  expect(duringScale(other, SCALE, false)).toBe(other)
})

test('one whose run is alive is waited for', () => {
  expect(duringScale(OUTSIDE, SCALE, true).fix).toBe(
    'Verify again once it has ended. If the run that holds the lock was killed: run it again',
  )
})
