// A chart that GitHub can't parse is a red box at the top of the page: names keep clear of what its
// grammar obeys, and there are never more bars than can be drawn.

import { describe, expect, test } from '@jest/globals'
import { ganttOf } from '../../../src/report/gantt.ts'
import type { MemberEvent } from '../../../src/report/run-report.ts'
import { deployed, drained, drainFailed, HOSTILE } from './samples.ts'

const AT = deployed().started
/** The text is never drawn by: it may say anything. */
const seen = (member: string, seconds: number, event: MemberEvent) => ({
  at: AT + seconds * 1000,
  member,
  what: 'available (failed: by its words) on node-9',
  event,
})
const on = (node: string): MemberEvent => ({ kind: 'ready', node })
const AWAY = { kind: 'away' } as const

/** A roll in which zk-2 did not come back at first. */
function rolled() {
  return {
    ...deployed(),
    ended: AT + 60_000,
    writeGaps: [{ from: AT + 3000, ms: 2400 }],
    timeline: [
      seen('zk-1', 1, on('node-1')),
      seen('zk-2', 1, on('node-2')),
      seen('zk-2', 3, AWAY),
      seen('zk-2', 5, AWAY),
      seen('zk-2', 6, AWAY),
      seen('zk-2', 8, { kind: 'fault', reason: 'ErrImagePull' }),
      seen('zk-2', 20, { kind: 'evicted' }),
      seen('zk-2', 22, AWAY),
      seen('zk-2', 40, on('node-3')),
    ],
  }
}

const bars = (chart: string | undefined): string[] =>
  (chart ?? '').split('\n').filter((line) => /^ {2}section | :/.test(line) && !/Format/.test(line))

describe('a roll', () => {
  test('shows who was away when, what was wrong, and when nobody could write', () => {
    expect(bars(ganttOf(rolled()))).toEqual([
      '  section clients',
      '  no write 2.4s :crit, 2026-01-31 12:00:03, 2s',
      '  section zk-1',
      '  on node-1 :done, 2026-01-31 12:00:00, 60s',
      '  section zk-2',
      '  · :done, 2026-01-31 12:00:00, 3s',
      '  away :active, 2026-01-31 12:00:03, 5s',
      '  ErrImagePull :crit, 2026-01-31 12:00:08, 12s',
      '  to node-3, 20.0s :active, 2026-01-31 12:00:20, 20s',
      '  on node-3 :done, 2026-01-31 12:00:40, 20s',
    ])
  })

  test('one that keeps ending has one trouble, told once, and no words stand on others', () => {
    const fault = (reason: string): MemberEvent => ({ kind: 'fault', reason })
    const report = {
      ...rolled(),
      timeline: [
        seen('zk-2', 1, on('node-2')),
        seen('zk-2', 20, { kind: 'hand-over' }),
        seen('zk-2', 21, AWAY),
        seen('zk-2', 25, fault('exited with 1')),
        seen('zk-2', 26, AWAY),
        seen('zk-2', 27, fault('exited with 1')),
        seen('zk-2', 28, fault('CrashLoopBackOff')),
        seen('zk-2', 43, AWAY),
        seen('zk-2', 44, fault('exited with 1')),
        seen('zk-2', 45, { kind: 'evicted' }),
        seen('zk-2', 46, AWAY),
        seen('zk-2', 52, on('node-2')),
      ],
    }
    expect(bars(ganttOf(report)).slice(3)).toEqual([
      '  on node-2 :done, 2026-01-31 12:00:00, 20s',
      // Five seconds have no room for 'hands over leadership'.
      '  away :active, 2026-01-31 12:00:20, 5s',
      '  exited with 1, CrashLoopBackOff :crit, 2026-01-31 12:00:25, 20s',
      '  away 7.0s :active, 2026-01-31 12:00:45, 7s',
      '  on node-2 :done, 2026-01-31 12:00:52, 8s',
    ])
    const short = (ended: number) => bars(ganttOf({ ...report, ended: AT + ended * 1000 }))[5]
    expect(short(120)).toBe('  exited with 1 :crit, 2026-01-31 12:00:25, 20s')
    expect(short(600)).toBe('  · :crit, 2026-01-31 12:00:25, 20s')
  })

  test('who waits for a node and then starts is not said to wait all the time', () => {
    const timeline = [
      seen('zk-2', 1, on('node-2')),
      seen('zk-2', 3, { kind: 'pending' }),
      seen('zk-2', 4, AWAY),
      seen('zk-2', 40, on('node-2')),
    ]
    expect(bars(ganttOf({ ...rolled(), timeline }))[4]).toBe(
      '  away 37.0s :active, 2026-01-31 12:00:03, 37s',
    )
  })

  test('a member that comes starts; one that moves is told where to, if not how long it took', () => {
    const timeline = [
      seen('zk-2', 1, on('node-2')),
      seen('zk-2', 3, AWAY),
      seen('zk-2', 10, on('node-3')),
      seen('zk-3', 3, { kind: 'pending' }),
      seen('zk-3', 4, AWAY),
      seen('zk-3', 40, on('node-4')),
    ]
    const chart = bars(ganttOf({ ...rolled(), timeline }))
    expect(chart[4]).toBe('  to node-3 :active, 2026-01-31 12:00:03, 7s')
    expect(chart[7]).toBe('  starts 37.0s :active, 2026-01-31 12:00:03, 37s')
  })

  test('a first install replaces nobody, and has no chart', () =>
    expect(
      ganttOf({
        ...deployed(),
        timeline: [seen('zk-0', 1, AWAY), seen('zk-0', 9, on('node-1'))],
      }),
    ).toBeUndefined())
})

test('members of others that stayed have no lane, and a long name stands on no bar', () => {
  const timeline = [
    seen('zk-2', 1, on('node-2')),
    seen('zk-2', 3, AWAY),
    seen('zk-2', 40, on('node-3')),
    seen('warehouse-production/zookeeper-0', 1, on('node-1')),
    seen('warehouse-production/zookeeper-1', 1, on('node-2')),
    seen('warehouse-production/zookeeper-1', 4, AWAY),
    seen('warehouse-production/zookeeper-1', 30, on('node-4')),
  ]
  const chart = ganttOf({ ...rolled(), timeline }) ?? ''
  expect(chart).not.toContain('zookeeper-0')
  expect(chart).toMatch(/section zk-2\n[^]*section warehouse-production\/zookeeper-1/)
  expect(chart).toContain('leftPadding: 224,')
  expect(ganttOf(rolled())).toContain('leftPadding: 90,')
})

test('a drain shows when each node took no pods', () =>
  expect(bars(ganttOf(drained())).slice(-6)).toEqual([
    '  section node-0',
    '  cordoned 33.4s :2026-01-31 12:00:00, 33s',
    '  section node-1',
    '  cordoned 33.4s :2026-01-31 12:01:20, 33s',
    '  section node-2',
    '  cordoned 33.4s :2026-01-31 12:02:40, 33s',
  ]))

test('work on a node that did not end is marked', () =>
  expect(ganttOf(drainFailed())).toMatch(/maintenance [^\n]+ :crit, /))

test('no name of the cluster is obeyed: neither colon nor comment nor fence', () => {
  const report = rolled()
  const chart = ganttOf({
    ...report,
    timeline: report.timeline.map((entry) => ({
      ...entry,
      member: `${HOSTILE}%%{init: {}}%%\`\`\`;#`,
    })),
  })
  const names = (chart ?? '')
    .split('\n')
    .filter((line) => line.startsWith('  section '))
    .map((line) => line.slice(10))
  expect(names.join('')).not.toMatch(/[:;#%`<>{}[\]|\n]/)
  expect(chart?.match(/```/g)).toHaveLength(2)
})

test('of very many bars those of members that moved are drawn; of too many none', () => {
  const report = rolled()
  const still = Array.from({ length: 80 }, (_, at) => seen(`zk-1${at}`, 1, on('node-1')))
  expect(ganttOf({ ...report, timeline: [...report.timeline, ...still] })).toContain('section zk-2')
  expect(ganttOf({ ...report, timeline: [...report.timeline, ...still] })).not.toContain('zk-179')
  const many = Array.from({ length: 40 }, (_, at) => [
    seen(`zk-${at}`, 1, on('node-1')),
    seen(`zk-${at}`, 10, AWAY),
  ]).flat()
  expect(ganttOf({ ...report, timeline: many })).toBeUndefined()
})
