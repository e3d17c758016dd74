// The input lint is the way out of a wrong finding: it must let that pass, and nothing that costs
// data.

import { expect, test } from '@jest/globals'
import type { Finding } from '../../../src/errors.ts'
import { atLintLevel } from '../../../src/manifests/lint-level.ts'
import { edited, load } from './given.ts'

const found: readonly Finding[] = [
  { code: 'LINT_FAILED', severity: 'error', message: 'two budgets' },
  { code: 'LINT_FAILED', severity: 'error', message: 'another ensemble', always: true },
  { code: 'LINT_FAILED', severity: 'warning', message: 'no probe' },
  { code: 'LINT_FAILED', severity: 'notice', message: 'members move' },
  { code: 'MANIFEST_INVALID', severity: 'error', message: 'no object' },
]

test('a wrong finding of the lint must not lock anybody out at night, and what joins another ensemble is refused all the same', () => {
  expect(
    atLintLevel(found, 'warn').map(({ severity, message }) => `${severity}: ${message}`),
  ).toEqual([
    'warning: two budgets (an error that lint: warn lets pass)',
    'error: another ensemble',
    'warning: no probe',
    'notice: members move',
    'error: no object',
  ])
})

test('without the input every error stops the run', () => {
  expect(atLintLevel(found, 'error')).toEqual(found)
})

test('a deploy with lint: warn loads manifests that the lint refuses', async () => {
  const text = edited([
    '- {name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2',
    '- {name: ZOO_SERVERS, value: server.2',
  ])
  expect((await load(text)).error?.code).toBe('LINT_FAILED')
  const { error, findings } = await load(text, { lint: 'warn' })
  expect(error).toBeUndefined()
  expect(findings.map(({ severity, message }) => ({ severity, message }))).toContainEqual({
    severity: 'warning',
    message: 'ZOO_SERVERS names 2 members, the set has 3 (an error that lint: warn lets pass)',
  })
})
