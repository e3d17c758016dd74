// Three rows that say the same of three members hide the one that says something else.

import { expect, test } from '@jest/globals'
import type { Finding } from '../../../src/errors.ts'
import { furtherErrors } from '../../../src/report/cause.ts'
import { crashed } from './samples.ts'

function outside(ordinal: number, more: Partial<Finding> = {}): Finding {
  return {
    code: 'CHECK_FAILED',
    severity: 'error',
    message: `zk-${ordinal} (ordinal ${ordinal}) runs but is not in the quorum`,
    fix: 'Compare the member lists.',
    object: `pod/zk-${ordinal}`,
    ordinal,
    ...more,
  }
}

const told = (...findings: readonly Finding[]) =>
  furtherErrors({ ...crashed(), findings: [...findings] }).map(
    ({ object, message }) => `${object ?? ''}: ${message}`,
  )

test('what is found of several members alike is said once, with all their names', () =>
  expect(told(outside(0), outside(1), outside(11))).toEqual([
    'pod/zk-0, pod/zk-1, pod/zk-11: zk-0 (ordinal 0) runs but is not in the quorum; the same is true of zk-1, zk-11',
  ]))

test('what differs in a word, in the fix, in the place or in the code stays apart', () =>
  expect(
    told(
      outside(0),
      outside(1, { message: 'zk-1 (ordinal 1) does not answer' }),
      outside(2, { fix: 'Look at its log.' }),
      outside(3, { place: { file: 'k8s/zk.yaml', line: 3 } }),
      outside(4, { code: 'NOT_READY' }),
      outside(5, { object: 'node/zk-5' }),
    ),
  ).toHaveLength(6))

test('of very many the first are named, and how many more there are', () =>
  expect(told(...Array.from({ length: 40 }, (_, ordinal) => outside(ordinal))).join()).toMatch(
    /^pod\/zk-0, .* and 30 more: .* and 29 more$/,
  ))

test('errors of no object are told each', () =>
  expect(
    told(
      { code: 'INPUT_INVALID', severity: 'error', message: 'name is wrong' },
      { code: 'INPUT_INVALID', severity: 'error', message: 'timeout is wrong' },
    ),
  ).toHaveLength(2))
