// A check that found something and is called passed is a wrong success.

import { expect, test } from '@jest/globals'
import { checkFrom } from '../../../src/ensemble/check-result.ts'
import type { Finding } from '../../../src/errors.ts'

test('one finding fails the check, and the first of several is its line', () => {
  const finding: Finding = {
    code: 'CHECK_FAILED',
    severity: 'error',
    message: 'zk-1 does not show it',
    fix: 'Look at its log.',
  }
  const other = { ...finding, message: 'zk-2 does not show it' }
  expect(checkFrom('data', [], 'all is there', 5)).toEqual({
    name: 'data',
    outcome: 'passed',
    detail: 'all is there',
    findings: [],
    ms: 5,
  })
  expect(checkFrom('data', [finding, other], 'all is there', 5)).toMatchObject({
    outcome: 'failed',
    detail: 'zk-1 does not show it',
    findings: [finding, other],
  })
})
