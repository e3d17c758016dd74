// When the number of members is not changed: two changes of a member list at once, or members that
// keep the old list, can split an ensemble.

import { expect, test } from '@jest/globals'
import {
  apart,
  evenVoters,
  leftForGood,
  unsound,
  whyNotScaled,
  type ScaleGround,
} from '../../../src/decide/scale-refusals.ts'
import { set } from './given.ts'

const deploy = { operation: 'deploy', words: 'a deploy of zk was begun', end: 'Finish it first.' }
const scale = { ...deploy, operation: 'scale' }

function code(ground: Partial<ScaleGround>): string | undefined {
  return whyNotScaled({
    set: set(),
    underWay: undefined,
    partition: 0,
    unfinished: false,
    target: 3,
    ...ground,
  })?.code
}

test.each<[string, Partial<ScaleGround>, string | undefined]>([
  ['nothing stands against a set that is as it should be', {}, undefined],
  ['a change of another kind is ended first', { underWay: deploy }, 'CONFLICT'],
  ['a scale that was cut off continues', { underWay: scale }, undefined],
  ['and so it does over its own half-done roll', { underWay: scale, unfinished: true }, undefined],
  [
    'what a deploy has begun to make may be removed',
    { underWay: { ...deploy, from: 3 }, set: set({ replicas: 5 }), unfinished: true },
    undefined,
  ],
  [
    'but not more than that',
    { underWay: { ...deploy, from: 3 }, set: set({ replicas: 5 }), target: 2 },
    'CONFLICT',
  ],
  [
    'nor more made than it began to',
    { underWay: { ...deploy, from: 3 }, set: set({ replicas: 5 }), target: 6 },
    'CONFLICT',
  ],
  [
    "members below the set's own partition never get the new list",
    { partition: 1 },
    'MEMBERSHIP_CHANGE',
  ],
  [
    'that holds for a scale that was cut off too',
    { underWay: scale, partition: 1 },
    'MEMBERSHIP_CHANGE',
  ],
  ['OnDelete has no partition', { partition: undefined }, undefined],
  ["somebody else's roll is finished first", { unfinished: true }, 'NOT_READY'],
  [
    'of several the change under way is named',
    { underWay: deploy, partition: 1, unfinished: true },
    'CONFLICT',
  ],
])('%s', (_, ground, expected) => {
  expect(code(ground)).toBe(expected)
})

test('members that could not be reached are not called down: what this run lacks is asked for', () => {
  const down = unsound('zk', { away: ['zk-2'], unreached: undefined })
  expect(down).toMatchObject({
    code: 'NOT_READY',
    message: expect.stringMatching(/^zk-2 does not serve:/),
  })
  const unreached = unsound('zk', { away: ['zk-0', 'zk-1'], unreached: 'no port-forward' })
  expect(unreached).toMatchObject({
    code: 'CHECK_IMPOSSIBLE',
    message: expect.stringMatching(/^zk-0, zk-1 could not be reached.*\(no port-forward\):/),
  })
})

test('a set and a list that are apart are brought together by a command', () => {
  expect(apart(set({ replicas: 5 }), 3)).toMatchObject({
    message: expect.stringContaining('has 5 replicas, but its member list names 3'),
    fix: expect.stringContaining('kubectl -n prod scale statefulset/zk --replicas=3'),
  })
})

test('an even number is a warning where members vote, and none of a ring, which its page shows with four', () => {
  expect(evenVoters('zookeeper', 4)).toMatchObject({ severity: 'warning', fix: 'use 3 or 5' })
  expect(evenVoters('zookeeper', 3)).toBeUndefined()
  expect(evenVoters('cassandra', 4)).toBeUndefined()
})

// Half an hour of waiting, as its page advises, for a node that has streamed its data away.
test('a node that a scale made leave is not waited for: it is removed first', () => {
  const ring = { name: 'db', start: 0, replicas: 4 }
  const cutOff = { begun: 3, target: 4, away: ['db-3'] }
  expect(leftForGood(ring, cutOff)).toMatchObject({
    code: 'MEMBERSHIP_CHANGE',
    message: expect.stringMatching(/^db-3 does not serve, and was to leave the ring/),
    fix: expect.stringContaining('replicas: 3 and delete-claims: true first'),
  })
  expect(leftForGood(ring, { ...cutOff, target: 3 })).toBeUndefined()
  // It was never told, or refused to leave: it serves.
  expect(leftForGood(ring, { ...cutOff, away: [] })).toBeUndefined()
  expect(leftForGood(ring, { ...cutOff, away: ['db-1'] })).toBeUndefined()
})
