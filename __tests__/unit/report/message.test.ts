// The message goes to chats: it must say what happened in one line and carry nothing that an API
// server answered.

import { describe, expect, test } from '@jest/globals'
import { CODES, codeRow } from '../../../src/codes.ts'
import { messageFor } from '../../../src/report/message.ts'
import { crashed, deployed, drained, drainFailed, hostile, refusedByLint } from './samples.ts'

test('the full stop of a cluster’s sentence is no end of the line', () => {
  const findings = crashed().findings.map((one) => ({ ...one, message: '4 Insufficient cpu.' }))
  expect(messageFor({ ...crashed(), findings })).toContain('4 Insufficient cpu; clients')
})

describe('one line for each result', () => {
  test.each([
    [
      deployed(),
      'deploy of zk in shop succeeded in 42.1s; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 6/6 pairs read back',
    ],
    [
      { ...deployed(), result: 'unchanged' as const },
      'deploy of zk in shop: nothing to change; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 6/6 pairs read back',
    ],
    [
      { ...deployed(), result: 'planned' as const },
      'deploy of zk in shop: planned, nothing was changed; 1 object would change',
    ],
    [
      { ...deployed(), operation: 'undo' },
      'undo of zk in shop succeeded, back at revision zk-6d5f, in 42.1s; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 6/6 pairs read back',
    ],
    [
      crashed(),
      "deploy of zk in shop failed (CRASH_LOOP): container zookeeper of zk-1 has ended 4 times, the last time with exit code 1; clients can't read or write: 1 of 3 members serves; the quorum needs 2",
    ],
    [
      { ...crashed(), result: 'undone' as const },
      "deploy of zk in shop failed (CRASH_LOOP) and was rolled back: container zookeeper of zk-1 has ended 4 times, the last time with exit code 1; clients can't read or write: 1 of 3 members serves; the quorum needs 2",
    ],
    [
      refusedByLint(),
      'deploy of zk refused (LINT_FAILED), nothing was changed: k8s/zk.yaml:31: the budget allows all three members to be evicted at once',
    ],
    [
      {
        ...crashed(),
        result: 'cancelled' as const,
        code: 'CANCELLED' as const,
        standing: 'the manifests are applied, 2 of 3 members are ready',
      },
      "deploy of zk in shop was cancelled after something had been changed: the manifests are applied, 2 of 3 members are ready; clients can't read or write: 1 of 3 members serves; the quorum needs 2",
    ],
    [
      drained(),
      'drain of zk in shop: 3 of 3 nodes drained in 4m10s; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); longest time without a write 1.2s, no acknowledged write was lost; 6/6 pairs read back',
    ],
    [
      drainFailed(),
      'drain of zk in shop failed (MAINTENANCE_FAILED): the maintenance command of node-2 exited with 7; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 2 of 3 nodes drained; not drained: node-2; our cordons were removed',
    ],
    [
      {
        ...drainFailed(),
        code: 'UNSCHEDULABLE' as const,
        findings: [
          {
            code: 'UNSCHEDULABLE' as const,
            severity: 'error' as const,
            message: 'zk-2 found no node after it was evicted',
            object: 'pod/zk-2',
          },
        ],
      },
      'drain of zk in shop failed (UNSCHEDULABLE): at node-2: zk-2 found no node after it was evicted; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 2 of 3 nodes drained; not drained: node-2; our cordons were removed',
    ],
    [
      {
        ...drained(),
        result: 'planned' as const,
        standing: 'nothing was changed; node-0, then node-2 would be drained',
      },
      'drain of zk in shop: planned, nothing was changed; node-0, then node-2 would be drained',
    ],
    [
      {
        ...drainFailed(),
        result: 'cancelled' as const,
        code: 'CANCELLED' as const,
        standing: 'our cordons were removed',
        standingFirst: 'our cordons were removed',
      },
      'drain of zk in shop was cancelled after something had been changed: our cordons were removed; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); not drained: node-2',
    ],
    [
      {
        ...drained(),
        operation: 'uncordon',
        drainedNodes: [],
        nodes: drained().nodes.map((row, index) => ({
          ...row,
          outcome: index === 0 ? ('skipped' as const) : ('uncordoned' as const),
        })),
        longestWriteGapMs: undefined,
      },
      'uncordon of zk in shop: 2 of 3 nodes uncordoned in 4m10s; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2); 6/6 pairs read back',
    ],
    [
      { ...deployed(), result: 'cancelled' as const, changed: false },
      'deploy of zk in shop was cancelled before anything was changed; clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2)',
    ],
  ])('%#', (report, message) => expect(messageFor(report)).toBe(message))
})

test.each([
  'HTTP-Code: 403\nMessage: Unknown API Status Code!\nBody: "{\\"kind\\":\\"Status\\"}"\nHeaders: {"audit-id":"x"}',
  '{"kind": "Status", "code": 500}',
  'TypeError at run (file:///dist/index.js:1:2345)',
])('a raw answer is replaced by what the code means: %j', (raw) => {
  const message = messageFor({
    ...crashed(),
    findings: [{ code: 'CRASH_LOOP', severity: 'error', message: raw, object: 'pod/zk-1' }],
  })
  expect(message).toBe(
    "deploy of zk in shop failed (CRASH_LOOP): pod/zk-1: a container keeps ending; clients can't read or write: 1 of 3 members serves; the quorum needs 2",
  )
})

test('a fault of ours says nothing of what was thrown', () => {
  const message = messageFor({
    ...crashed(),
    code: 'INTERNAL',
    findings: [{ code: 'INTERNAL', severity: 'error', message: 'secret password is hunter2' }],
  })
  expect(message).toMatch(
    /^deploy of zk in shop failed \(INTERNAL\): a fault in the action itself; /,
  )
  expect(message).not.toContain('hunter2')
})

test.each(CODES)('%s has a meaning of its own', (code) => {
  expect(codeRow(code).meaning).toMatch(/^[a-z].{8,60}[^.]$/)
  expect(CODES.filter((other) => codeRow(other).meaning === codeRow(code).meaning)).toEqual([code])
})

test('however long the reason of a drain is, which nodes remain and whether our cordons were removed is not cut off', () => {
  const message = messageFor({
    ...drainFailed(),
    findings: [
      {
        code: 'MAINTENANCE_FAILED',
        severity: 'error',
        message: 'the command of node-2 failed '.repeat(30),
        object: 'node/node-2',
      },
    ],
  })
  expect(message).toMatch(/; 2 of 3 nodes drained; not drained: node-2; our cordons were removed$/)
})

test('a drain that is refused has done nothing that would have to be told: its reason keeps the room', () => {
  const reason = `node-2 was not touched: default/alone: ${'x'.repeat(120)} the end`
  expect(
    messageFor({
      ...drainFailed(),
      result: 'refused',
      code: 'DRAIN_REFUSED',
      findings: [
        { code: 'DRAIN_REFUSED', severity: 'error', message: reason, object: 'node/node-2' },
      ],
    }),
  ).toContain('the end')
})

test('hostile text stays one line within the length of a chat line', () => {
  const message = messageFor(hostile())
  expect(message.split(/[\n\r\u2028]/)).toHaveLength(1)
  expect(message.length).toBeLessThanOrEqual(400)
})
