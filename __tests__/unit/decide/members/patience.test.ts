// How long a member outside of the quorum is waited for: too short fails a sound deploy, too long
// hides one that can never join.

import { describe, expect, test } from '@jest/globals'
import { patienceWith, startsOf } from '../../../../src/decide/members/patience.ts'
import { pod, running, SECOND, T0, unready, view, waiting } from '../given.ts'

const ago = (...seconds: readonly number[]): readonly number[] =>
  seconds.map((one) => T0 - one * SECOND)

describe('the newest server decides', () => {
  test.each([
    [
      'all of them new: caches may say until two minutes after the last start that there is no such member',
      ago(60, 40, 5),
      300,
      115,
    ],
    [
      'an old member may be outside because of a peer that has just moved',
      ago(86_400, 86_400, 20),
      300,
      100,
    ],
    ['old ones have a while for an election', ago(86_400, 86_400, 86_400), 300, 30],
    ['the last seconds of that time are no less than an election takes', ago(119), 300, 30],
    ['never longer than a member may take', ago(5), 60, 60],
    ['nor is an old one', ago(86_400), 10, 10],
    ['a clock of a node that is ahead makes nobody younger than new', ago(-600), 300, 120],
    ['without a pod there is nobody on the way', [], 300, 30],
  ])('%s', (_, starts, memberTimeout, seconds) =>
    expect(patienceWith(starts, T0, memberTimeout * SECOND).ms).toBe(seconds * SECOND),
  )

  test.each([
    ['a server that is started while it is waited for gets its time', ago(86_400, 3), 20, 300, 117],
    ['an old ensemble has its half minute once', ago(86_400), 20, 300, 10],
    ['and no more', ago(86_400), 31, 300, -1],
    ['one that is started again and again, as long as a member may take', ago(1), 290, 300, 10],
  ])('%s', (_, starts, waited, memberTimeout, seconds) =>
    expect(patienceWith(starts, T0, memberTimeout * SECOND, T0 - waited * SECOND).ms).toBe(
      seconds * SECOND,
    ),
  )

  test('says why only where it waits longer than usual', () => {
    expect(patienceWith(ago(12), T0, 300 * SECOND).why).toContain(
      'some member is younger than the 120 s',
    )
    expect(patienceWith(ago(600), T0, 300 * SECOND).why).toBeUndefined()
  })
})

describe('since when a server runs', () => {
  test('is told by its container, which a restart in place makes new', () => {
    const restarted = pod(0, {
      created: T0 - 900 * SECOND,
      containers: [
        {
          name: 'zookeeper',
          image: 'z',
          ready: true,
          restarts: 1,
          ports: [],
          state: { kind: 'running', since: T0 - 3 * SECOND },
          last: undefined,
        },
      ],
    })
    expect(startsOf(view([restarted]), 'zookeeper')).toEqual(ago(3))
  })

  test('not by a container beside it, and by the pod while it does not run', () => {
    expect(startsOf(view([pod(0, { created: T0 - 900 * SECOND })]), 'zookeeper')).toEqual([
      running.kind === 'running' ? running.since : 0,
    ])
    expect(startsOf(view([pod(0, { created: T0 - 900 * SECOND })]), 'exporter')).toEqual(ago(900))
    expect(
      startsOf(
        view([unready(0, { state: waiting('CrashLoopBackOff') }, { created: T0 - 50 * SECOND })]),
        'zookeeper',
      ),
    ).toEqual(ago(50))
  })
})
