// Three rows that say the same of three members hide the one that says something else.

import { expect, test } from '@jest/globals'
import type { Finding } from '../../../src/errors.ts'
import { furtherErrors, proofOf } from '../../../src/report/cause.ts'
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

const pulled = {
  object: 'pod/zk-2',
  container: 'zookeeper',
  reason: 'ErrImagePull',
  message: '',
  exitCode: undefined,
  restarts: 0,
  events: [{ warning: true, reason: 'Failed', message: 'Error: ErrImagePull', count: 1, last: 1 }],
  logs: [],
}

function proofFor(code: Finding['code'], message: string, ...evidence: (typeof pulled)[]): string {
  const finding = { code, severity: 'error', message, object: 'pod/zk-2' } as const
  return proofOf({ ...crashed(), code, findings: [finding], evidence })
}

test('a proof that only repeats the cause is left out', () => {
  const pull = "zk-2: image zookeeper:9 can't be pulled (ErrImagePull): not found"
  expect(proofFor('IMAGE_PULL', pull, pulled)).toBe('')
  const message =
    '0/4 nodes are available: 4 Insufficient cpu. preemption: 0/4 nodes are available: 4 no.'
  const events = [{ warning: true, reason: 'FailedScheduling', message, count: 1, last: 1 }]
  const unplaced = { ...pulled, reason: 'Unschedulable', events }
  const cause = 'zk-2: 0/4 nodes are available: 4 Insufficient cpu.'
  expect(proofFor('UNSCHEDULABLE', cause, unplaced)).toBe('')
})

test('a proof that says more than the cause is told', () => {
  const denied = { warning: true, reason: 'Failed', message: 'no basic auth', count: 1, last: 2 }
  const told = proofFor('IMAGE_PULL', "zk-2: image can't be pulled (ErrImagePull)", {
    ...pulled,
    events: [denied],
  })
  expect(told).toContain('no basic auth')
})

test('what one pod has died of is no proof of what is wrong with another', () =>
  expect(
    proofFor('IDENTITY_MISMATCH', 'zk-2 lacks server.4', { ...pulled, object: 'pod/zk-1' }),
  ).toBe(''))
