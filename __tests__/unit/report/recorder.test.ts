// The chart and the count of who was restarted go by the value that stands beside a text: a wrong one
// shows a member as well while it is away.

import { expect, test } from '@jest/globals'
import { memberStandings } from '../../../src/decide/members/members.ts'
import { Recorder } from '../../../src/report/recorder.ts'
import type { MemberEvent } from '../../../src/report/run-report.ts'
import type { PodView } from '../../../src/view/workload.ts'
import {
  ended,
  OLD,
  pod,
  set,
  SECOND,
  T0,
  unready,
  unscheduled,
  view,
  waiting,
} from '../decide/given.ts'

const FAULT = (reason: string): MemberEvent => ({ kind: 'fault', reason })
const ON_NODE_1: MemberEvent = { kind: 'ready', node: 'node-1' }
const AWAY: MemberEvent = { kind: 'away' }

const CASES: readonly (readonly [string, PodView | undefined, MemberEvent])[] = [
  ['available', pod(0), ON_NODE_1],
  ['available, and to be replaced', pod(0, { revision: OLD }), ON_NODE_1],
  ['Ready, but not for long enough', pod(0, { readySince: T0 - SECOND }), ON_NODE_1],
  ['no pod', undefined, AWAY],
  ['terminating', pod(0, { deleting: T0 }), AWAY],
  ['waits for a node', unscheduled(0, 'no room'), { kind: 'pending' }],
  ['its image is pulled', unready(0, { state: waiting('ContainerCreating') }), AWAY],
  ['its image fails', unready(0, { state: waiting('ImagePullBackOff') }), FAULT('ErrImagePull')],
  ['it died', unready(0, { state: ended(1), restarts: 1 }), FAULT('exited with 1')],
  // As a hand-over and an eviction end it.
  ['it was told to end', unready(0, { state: ended(143), restarts: 1 }), AWAY],
  [
    'evicted by its node',
    pod(0, { phase: 'Failed', reason: 'Evicted' }),
    FAULT('failed (Evicted)'),
  ],
  ['its gate is closed', pod(0, { ready: false, openGates: ['a: b'] }), AWAY],
]

test.each(CASES)('%s', (_, of, event) => {
  const recorder = new Recorder('deploy', { now: () => T0, say: () => undefined })
  const [member] = memberStandings(
    view(of === undefined ? [] : [of], { set: set({ minReadySeconds: 10 }) }),
    T0,
  )
  if (member === undefined) throw new Error('the set has three members')
  recorder.stood(member, T0)
  expect(recorder.timeline).toEqual([{ at: T0, what: member.text, member: 'zk-0', event }])
})
