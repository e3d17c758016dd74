// A run that forgets what a dead one did drains everything twice; one that believes too much calls a
// node empty that members run on.

import { describe, expect, test } from '@jest/globals'
import {
  isContinued,
  isDone,
  type BegunDrain,
  type DoneBefore,
} from '../../../../src/decide/drain/continued.ts'

describe('a drain that was broken off', () => {
  const NOW = Date.UTC(2026, 10, 23, 3)
  const plan: BegunDrain = { digest: 'd', since: new Date(NOW - 3_600_000).toISOString() }

  test('is continued when the same is asked for', () => {
    expect(isContinued(plan, 'd', NOW)).toBe(true)
  })

  test.each<[string, BegunDrain | undefined, string]>([
    ['another request', plan, 'e'],
    [
      'the same a week later',
      { ...plan, since: new Date(NOW - 7 * 86_400_000).toISOString() },
      'd',
    ],
    ['a record with a time that is none', { ...plan, since: 'yesterday' }, 'd'],
    ['nothing that was begun', undefined, 'd'],
  ])('is begun again for %s', (_, before, digest) => {
    expect(isContinued(before, digest, NOW)).toBe(false)
  })
})

describe('a node', () => {
  const before: DoneBefore = {
    done: ['uid-1'],
    kept: new Set(['node-2']),
    isUncordoned: false,
    commands: false,
  }
  const node = (ordinal: number, unschedulable = true): Parameters<typeof isDone>[0] => ({
    name: `node-${ordinal}`,
    uid: `uid-${ordinal}`,
    unschedulable,
  })

  test.each<[string, Parameters<typeof isDone>[0], Partial<DoneBefore>]>([
    ['that was drained before and is still cordoned', node(1), {}],
    ['that was drained and uncordoned before', node(1, false), { isUncordoned: true }],
    ['that was left cordoned on purpose', node(2), {}],
  ])('%s is done', (_, one, more) => {
    expect(isDone(one, { ...before, ...more })).toBe(true)
  })

  test.each<[string, Parameters<typeof isDone>[0], Partial<DoneBefore>]>([
    ['that was recreated under its name', { ...node(1), uid: 'another' }, {}],
    ['that was to stay cordoned, and that somebody has uncordoned', node(1, false), {}],
    ['that was left cordoned and has had no command', node(2), { commands: true }],
    ['that was left cordoned and is to be uncordoned', node(2), { isUncordoned: true }],
    ['that nobody has begun', node(3), {}],
  ])('%s is not', (_, one, more) => {
    expect(isDone(one, { ...before, ...more })).toBe(false)
  })
})
