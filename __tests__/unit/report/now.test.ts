// At 3 a.m. one sentence decides whether somebody gets up: a wrong "clients can write" costs an
// outage, a wrong "can't" a night.

import { describe, expect, test } from '@jest/globals'
import { byPod } from '../../../src/ensemble/by-pod.ts'
import type { Role } from '../../../src/ensemble/profile.ts'
import { clientsOf, nowLine, nowSign } from '../../../src/report/now.ts'
import { Recorder } from '../../../src/report/recorder.ts'
import { newReport, type RunReport } from '../../../src/report/run-report.ts'
import { deployed } from './samples.ts'

/** One member for each role; `gone` has no container that runs. */
function given(roles: readonly (Role | 'gone' | undefined)[], more: Partial<RunReport> = {}) {
  const [row] = deployed().members
  if (row === undefined) throw new Error('the sample has members')
  return {
    ...deployed(),
    replicas: roles.length,
    members: roles.map((role, ordinal) => ({
      ...row,
      pod: `zk-${ordinal}`,
      ordinal,
      role: role === 'gone' ? ('follower' as const) : role,
      alive: role !== 'gone',
      askedAt: role === undefined ? undefined : row.askedAt,
    })),
    ...more,
  }
}

/** `voters`: how many the member list of each names. */
function listing(voters: number, roles: readonly Role[]): RunReport {
  const report = given(roles)
  return { ...report, members: report.members.map((row) => ({ ...row, voters })) }
}

/** Three members that were counted by their pods. */
function byReadiness(profile: string): RunReport {
  const report = given(['up', 'up', 'up'], { profile })
  const recorder = new Recorder('verify', { now: () => report.ended, say: () => undefined }, report)
  recorder.heardMembers(
    report.members.map(({ pod, ordinal, node }) =>
      byPod({
        pod,
        ordinal,
        node,
        namespace: 'default',
        uid: pod,
        container: 'c',
        clientPort: 0,
        ready: true,
      }),
    ),
  )
  return recorder.shown
}

describe('the sentence', () => {
  test.each([
    [
      given(['follower', 'leader', 'follower']),
      '✅',
      'clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2)',
    ],
    [
      given(['follower', 'leader', 'gone']),
      '⚠️',
      'clients can read and write: 2 of 3 members serve, leader zk-1; no other may be down (quorum 2)',
    ],
    [
      given(['follower', 'gone', 'gone']),
      '❌',
      "clients can't read or write: 1 of 3 members serves; the quorum needs 2",
    ],
    [
      given(['not serving', 'down', 'down']),
      '❌',
      "clients can't read or write: 0 of 3 members serve; the quorum needs 2",
    ],
    // Whoever leads does so by its own list: after a scale that was cut off those outside have
    // another.
    [
      listing(3, ['follower', 'leader', 'not serving', 'not serving']),
      '⚠️',
      'clients can read and write: 2 of 4 members serve, leader zk-1; no other may be down (quorum 2: its member list names 3)',
    ],
    [
      listing(4, ['follower', 'leader', 'down', 'down']),
      '❌',
      "clients can't read or write: 2 of 4 members serve, leader zk-1; the quorum needs 3",
    ],
    // Two were taken out by hand, and the list still has them.
    [
      listing(5, ['follower', 'leader', 'follower']),
      '✅',
      'clients can read and write: 3 of 3 members serve, leader zk-1; no other may be down (quorum 3: its member list names 5)',
    ],
    // A list that its leading disproves counts for nothing.
    [
      listing(9, ['follower', 'leader', 'follower']),
      '✅',
      'clients can read and write: 3 of 3 members serve, leader zk-1; no other may be down (quorum 3: its member list names 9)',
    ],
    // The longer count holds where both could be true.
    [
      listing(3, ['follower', 'leader', 'follower', 'not serving']),
      '⚠️',
      'clients can read and write: 3 of 4 members serve, leader zk-1; no other may be down (quorum 3)',
    ],
    // An election: enough members answer, and none takes writes.
    [
      given(['follower', 'follower', 'down']),
      '❌',
      "clients can't read or write: 2 of 3 members serve; the quorum needs 2",
    ],
    [
      given(['read-only', 'down', 'down']),
      '❌',
      'clients can read, but not write: 0 of 3 members serve; the quorum needs 2',
    ],
    // That pods are Ready says nothing: nobody was asked.
    [
      given([undefined, undefined, undefined]),
      '⚠️',
      'whether clients can read and write is not known (zk-0, zk-1, zk-2 were not asked); the quorum needs 2',
    ],
    [
      given(['leader', 'unreachable', 'down']),
      '⚠️',
      'whether clients can read and write is not known (zk-1 could not be asked): 1 of 3 members is known to serve, leader zk-0; the quorum needs 2',
    ],
    [
      given(['leader', 'follower', 'unreachable']),
      '⚠️',
      'clients can read and write: 2 of 3 members are known to serve, leader zk-0; zk-2 could not be asked; perhaps no other may be down (quorum 2)',
    ],
    // Too few are left, whatever the one would say.
    [
      given(['leader', 'down', 'down', 'down', 'unreachable']),
      '❌',
      "clients can't read or write: 1 of 5 members is known to serve, leader zk-0; zk-4 could not be asked; the quorum needs 3",
    ],
    [
      given(['standalone']),
      '✅',
      'clients can read and write: 1 of 1 member serves; it must not go down',
    ],
    // Two that lead alone hold two sets of data.
    [
      given(['standalone', 'standalone', 'standalone']),
      '⚠️',
      'whether clients can read and write is not known: 3 of 3 members serve',
    ],
    [
      given(['leader', 'follower', 'follower', 'observer', 'observer']),
      '✅',
      'clients can read and write: 3 of 3 members serve, leader zk-0; 1 more may be down (quorum 2)',
    ],
    [
      given(['up', 'up', 'up'], { profile: 'cassandra' }),
      '✅',
      'clients can read and write: 3 of 3 members serve',
    ],
    [
      given(['up', 'up', 'down'], { profile: 'cassandra' }),
      '⚠️',
      'whether clients can read and write is not known (it depends on the copies of each keyspace): 2 of 3 members serve',
    ],
    [
      given([undefined, undefined], { profile: 'none' }),
      '⚠️',
      "whether clients can read and write is not known (zk-0, zk-1 can't be asked, with profile none)",
    ],
    // As production fills it: a pod that is Ready counts as up, and nobody was asked.
    [
      byReadiness('none'),
      '⚠️',
      "whether clients can read and write is not known (zk-0, zk-1, zk-2 can't be asked, with profile none)",
    ],
    [
      byReadiness('custom'),
      '⚠️',
      'whether clients can read and write is not known (zk-0, zk-1, zk-2 were not asked); the quorum needs 2',
    ],
    [given([]), '❌', 'no client is served: no member is wanted (replicas is 0)'],
  ])('%#', (report, sign, line) => {
    expect(nowLine(report)).toBe(line)
    expect(nowSign(report)).toBe(sign)
  })

  test('a member without a pod counts as one that does not serve', () =>
    expect(nowLine({ ...given(['leader', 'follower']), replicas: 5 })).toBe(
      "clients can't read or write: 2 of 5 members serve, leader zk-0; the quorum needs 3",
    ))

  test('where some pods are not Ready and the others were not asked, nobody is said not to serve', () => {
    const report = given(['up', 'up', 'down'], { profile: 'custom' })
    const members = report.members.map((row) =>
      row.ordinal < 2 ? { ...row, askedAt: undefined } : row,
    )
    expect(nowLine({ ...report, members })).toBe(
      'whether clients can read and write is not known (zk-0, zk-1 were not asked): none of 3 members is known to serve; the quorum needs 2',
    )
  })

  test('a check of a custom ensemble that failed does not tell who serves, and whoever ran its commands was asked', () => {
    const failed = (code: 'CHECK_FAILED' | 'CHECK_IMPOSSIBLE'): RunReport => ({
      ...byReadiness('custom'),
      checks: [
        {
          name: 'data',
          outcome: 'failed',
          detail: 'no',
          ms: 1,
          findings: [{ code, severity: 'error', message: 'no' }],
        },
      ],
    })
    expect(nowLine(failed('CHECK_FAILED'))).toBe(
      'whether clients can read and write is not known (the data check failed; it does not tell whether zk-0, zk-1, zk-2 serve); the quorum needs 2',
    )
    expect(nowLine(failed('CHECK_IMPOSSIBLE'))).toContain('(zk-0, zk-1, zk-2 were not asked)')
  })

  // It said that nothing was known of clients, of an ensemble that had just taken a write.
  test('a quick check of a custom ensemble says what it proved, and what it did not ask', () => {
    const quick = (outcome: 'passed' | 'failed', detail: string): RunReport => ({
      ...byReadiness('custom'),
      verifyLevel: 'quick',
      pairs: outcome === 'passed' ? '2/2' : '1/2',
      checks: [
        {
          name: 'data',
          outcome,
          detail,
          ms: 1,
          findings:
            outcome === 'passed'
              ? []
              : [{ code: 'CHECK_FAILED', severity: 'error', message: detail }],
        },
      ],
    })
    const read = 'what was written through zk-0 was read through every other member'
    expect(nowLine(quick('passed', read))).toBe(
      `${read}; a quick check does not tell whether clients can write through the others; the quorum needs 2`,
    )
    const alone = 'what was written was read again in the one member'
    expect(nowLine({ ...quick('passed', alone), replicas: 1 })).toMatch(alone)
    expect(nowLine(quick('failed', 'no'))).toContain('the data check failed')
  })

  test('how many members there should be is known before the first look: nothing is said of those that nobody saw', () => {
    const report = { ...newReport('deploy', 0), replicas: 3 }
    expect(clientsOf(report)).toBeUndefined()
    expect([nowLine(report), nowSign(report)]).toEqual(['', ''])
  })

  test('what was said a while ago is given with its time', () =>
    expect(nowLine({ ...deployed(), ended: deployed().ended + 60_000 })).toBe(
      'clients can read and write: 3 of 3 members serve, leader zk-1, as they said at 12:00:42 UTC; 1 more may be down (quorum 2)',
    ))

  test('a drain for no ensemble says of each that it met whether every member serves', () => {
    const report = newReport('drain', 0)
    const recorder = new Recorder('drain', { now: () => 0, say: () => undefined }, report)
    recorder.otherStands('shop/zk', true)
    recorder.otherStands('db/cassandra', false)
    expect([nowLine(report), nowSign(report)]).toEqual([
      'not every member of db/cassandra was seen to serve since one was evicted; every member of shop/zk serves',
      '⚠️',
    ])
    recorder.otherStands('db/cassandra', true)
    expect([nowLine(report), nowSign(report)]).toEqual([
      'every member of shop/zk, db/cassandra serves',
      '✅',
    ])
  })

  test('a run that saw no ensemble claims nothing', () => {
    const report = newReport('deploy', 0)
    expect(clientsOf(report)).toBeUndefined()
    expect([nowLine(report), nowSign(report)]).toEqual(['', ''])
  })
})
