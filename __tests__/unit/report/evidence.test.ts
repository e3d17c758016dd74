// Evidence is why people need not run kubectl describe: a lost exit code or a log full of probe
// lines sends them back to it.

import { describe, expect, test } from '@jest/globals'
import { causeLine, withoutNoise } from '../../../src/report/evidence.ts'
import type { Evidence } from '../../../src/report/run-report.ts'

const BARE: Evidence = {
  object: 'pod/zk-2',
  container: undefined,
  reason: 'Unschedulable',
  message: '',
  exitCode: undefined,
  restarts: undefined,
  events: [],
  logs: [],
}

describe('the cause line', () => {
  test('names only what is known', () => expect(causeLine(BARE)).toBe('pod/zk-2: Unschedulable'))

  test('takes the latest event, whatever their order', () => {
    const events = [
      { warning: false, reason: 'New', message: 'second', count: 1, last: 2000 },
      { warning: false, reason: 'Old', message: 'first', count: 9, last: 1000 },
    ]
    expect(causeLine({ ...BARE, container: 'init', exitCode: 0, restarts: 1, events })).toBe(
      'pod/zk-2, container init: Unschedulable, exit code 0, 1 restart; last event: New: second',
    )
  })

  test('that an image was pulled afterwards does not hide what went wrong', () => {
    const events = [
      { warning: true, reason: 'Unhealthy', message: 'probe failed', count: 1, last: 500 },
      { warning: true, reason: 'BackOff', message: 'Back-off restarting', count: 4, last: 1000 },
      {
        warning: false,
        reason: 'Pulled',
        message: 'in 19ms. Image size: 4 bytes.',
        count: 1,
        last: 2000,
      },
    ]
    expect(causeLine({ ...BARE, events })).toBe(
      'pod/zk-2: Unschedulable; last warning: BackOff (4×): Back-off restarting',
    )
  })
})

describe('logs', () => {
  test.each([
    '2026-01-31 12:00:00,1 [myid:1] - INFO  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxnFactory@192] - Accepted socket connection from /127.0.0.1:5000',
    '2026-01-31 12:00:00,1 [myid:1] - INFO  [NIOWorkerThread-1:o.a.z.s.NIOServerCnxn@507] - Processing ruok command from /127.0.0.1:5000',
    '2026-01-31 12:00:00,1 [myid:1] - INFO  [Thread-1:NIOServerCnxn@1044] - Closed socket connection for client /127.0.0.1:5000 (no session established for client)',
    '2026-01-31 12:00:00,1 [myid:] - INFO  [main:o.a.z.s.c.FourLetterCommands@223] - The list of known four letter word commands is : [{1936881266=srvr}]',
  ])('lose a line of a probe: %s', (line) =>
    expect(withoutNoise([line])).toEqual({ lines: [], noise: 1 }),
  )

  test.each([
    'java.net.UnknownHostException: zk-1.zk-hs.default.svc.cluster.local',
    'Cannot open channel to 2 at election address zk-1:3888',
    'Closed socket connection for client /10.0.0.1:5000 which had sessionid 0x1000',
    'Invalid config, exiting abnormally',
  ])('keep what may be the cause: %s', (line) =>
    expect(withoutNoise([line])).toEqual({ lines: [line], noise: 0 }),
  )

  test('a chunk of several lines is taken apart, overlong lines are cut', () => {
    expect(
      withoutNoise(['a\nProcessing srvr command from x\n\n\u001b[33mb', 'c'.repeat(600)], 10),
    ).toEqual({ lines: ['a', 'b', 'ccccccccc…'], noise: 1 })
  })
})
