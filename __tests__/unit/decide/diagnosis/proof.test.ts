// What is shown as proof: of the right objects, and of the life that ended, not of the next one.

import { describe, expect, test } from '@jest/globals'
import { diagnose, memoryOfWait } from '../../../../src/decide/diagnosis/diagnose.ts'
import { eventsAbout, logsToRead, objectsToProve } from '../../../../src/decide/diagnosis/proof.ts'
import { container, ended, pod, podEvent, running, T0, unready, view, waiting } from '../given.ts'

describe('objects', () => {
  test('those at fault, else the pods that are not Ready, and of many members no more than five', () => {
    const pulls = unready(1, { state: waiting('ImagePullBackOff') })
    const at = view([pod(0), pulls, pod(2, { ready: false })])
    const faults = diagnose(at, T0, memoryOfWait()).findings.filter(
      ({ object }) => object === 'pod/zk-1',
    )
    expect(faults).not.toHaveLength(0)
    expect(objectsToProve(at, faults)).toEqual(['pod/zk-1'])
    expect(objectsToProve(at, [])).toEqual(['pod/zk-1', 'pod/zk-2'])
    const many = view([0, 1, 2, 3, 4, 5, 6].map((ordinal) => pod(ordinal, { ready: false })))
    expect(objectsToProve(many, [])).toHaveLength(5)
  })
})

test('of many events the last eight are shown, oldest first', () => {
  const events = Array.from({ length: 10 }, (_, index) =>
    podEvent(0, 'BackOff', `number ${index}`, { last: T0 - index }),
  )
  expect(eventsAbout(view([pod(0)], { events }), 'pod/zk-0').map(({ message }) => message)).toEqual(
    [7, 6, 5, 4, 3, 2, 1, 0].map((index) => `number ${index}`),
  )
})

describe('logs', () => {
  test.each([
    [
      'that waits to be started again: of the life that just ended',
      waiting('CrashLoopBackOff'),
      3,
      false,
    ],
    ['that runs again: of the life before', running, 3, true],
    ['that runs for the first time: of this one', running, 0, false],
  ])('a container %s', (_, state, restarts, previous) => {
    expect(
      logsToRead(
        unready(0, { state, restarts, last: restarts > 0 ? ended(7) : undefined }),
        undefined,
      ),
    ).toEqual([{ container: 'zookeeper', previous }])
  })

  test('one that never started has none, and one that is Ready only where it is at fault', () => {
    expect(logsToRead(unready(0, { state: waiting('ImagePullBackOff') }), undefined)).toEqual([])
    expect(logsToRead(pod(0), undefined)).toEqual([])
    expect(logsToRead(pod(0), 'zookeeper')).toEqual([{ container: 'zookeeper', previous: false }])
    const beside = pod(0, {
      containers: [container(), container({ name: 'exporter', ready: false })],
    })
    expect(logsToRead(beside, undefined)).toEqual([{ container: 'exporter', previous: false }])
  })
})
