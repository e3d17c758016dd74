// status with wait: a roll that is under way is waited for, and one that nobody continues is not
// waited for until the timeout.

import { describe, expect, test } from '@jest/globals'
import type { ServingVerdict } from '../../../src/decide/members/serving.ts'
import {
  judgeWait,
  NOTHING_SEEN,
  type Seen,
  type WaitVerdict,
} from '../../../src/decide/status-wait.ts'
import { NEW, OLD, pod, SECOND, set, T0, view } from './given.ts'

const whole: ServingVerdict = {
  outcome: 'passed',
  detail: 'zk-1 leads, 2 follow',
  findings: [],
  onTheWay: false,
}
const outside: ServingVerdict = {
  outcome: 'failed',
  detail: 'zk-2 does not serve',
  findings: [{ code: 'QUORUM_LOST', severity: 'error', message: 'zk-2 does not serve' }],
  onTheWay: false,
}
/** Its partition is higher than the manifest's own. */
const halted = view([pod(0, { revision: OLD }), pod(1), pod(2)], {
  set: set({
    strategy: { type: 'RollingUpdate', partition: 1 },
    status: { currentRevision: OLD, updateRevision: NEW },
  }),
})

type Look = Omit<Partial<Seen>, 'background'> & {
  readonly alive?: boolean
  readonly renewed?: number
}

/** Looks one after the other, a second of the clock each unless it says its own. */
function judged(...looks: readonly Look[]): WaitVerdict {
  let lasting = NOTHING_SEEN
  let last: WaitVerdict | undefined
  for (const [index, { alive, renewed, ...look }] of looks.entries()) {
    last = judgeWait(
      {
        now: T0 + index * SECOND,
        view: view([pod(0), pod(1), pod(2)]),
        serving: whole,
        background: { unfinished: undefined, alive, renewed, ownPartition: 0 },
        ...look,
      },
      lasting,
    )
    lasting = last.lasting
  }
  if (last === undefined) throw new Error('nobody looked')
  return last
}

describe('members', () => {
  test('that all serve end the wait', () => {
    expect(judged({})).toMatchObject({ over: true, text: 'zk-1 leads, 2 follow', halted: false })
  })

  test('that stay outside for longer than an election takes end it; those that came back meanwhile do not', () => {
    const late = T0 + 31 * SECOND
    expect(judged({ serving: outside }).over).toBe(false)
    expect(judged({ serving: outside }, { serving: outside, now: late }).over).toBe(true)
    expect(judged({ serving: outside }, {}, { serving: outside, now: late }).over).toBe(false)
  })

  test('that are on their way, or under a run that lives, are waited for', () => {
    const late = T0 + 31 * SECOND
    const young = { ...outside, onTheWay: true }
    expect(judged({ serving: young }, { serving: young, now: late }).over).toBe(false)
    expect(
      judged({ serving: outside, alive: true }, { serving: outside, alive: true, now: late }).over,
    ).toBe(false)
  })
})

describe('a halted roll', () => {
  test('is waited for while its run may live, though all members serve', () => {
    expect(judged({ view: halted, alive: true, renewed: 1 })).toMatchObject({
      over: false,
      halted: true,
      text: expect.stringContaining('partition 1 keeps zk-0'),
    })
  })

  test('whose run is gone ends the wait at once', () => {
    expect(judged({ view: halted, alive: false }).over).toBe(true)
  })

  test('whose lock is not renewed for 75 seconds is that of a dead run; a renewal begins the time again', () => {
    const first = { view: halted, alive: true, renewed: 1 }
    expect(judged(first, { ...first, now: T0 + 74 * SECOND }).over).toBe(false)
    expect(judged(first, { ...first, now: T0 + 75 * SECOND }).over).toBe(true)
    expect(
      judged(
        first,
        { ...first, renewed: 2, now: T0 + 60 * SECOND },
        { ...first, renewed: 2, now: T0 + 80 * SECOND },
      ).over,
    ).toBe(false)
  })
})
