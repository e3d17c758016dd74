// The next node is taken when these say that every member is back: a member that is Ready and
// outside the quorum would cost the quorum then.

import { describe, expect, test } from '@jest/globals'
import type { Role } from '../../../../src/ensemble/profile.ts'
import { membersNow } from '../../../../src/decide/rollout/roll.ts'
import { servingInWords, whoIsMissing } from '../../../../src/procedures/rollout/await-serving.ts'
import type { PodView } from '../../../../src/view/workload.ts'
import { OLD, pod, set, T0, view } from '../../decide/given.ts'

const ROLES: Readonly<Record<number, Role>> = { 0: 'follower', 1: 'follower', 2: 'leader' }

function missing(
  pods: readonly PodView[],
  roles: Readonly<Record<number, Role>> = ROLES,
): ReturnType<typeof whoIsMissing> {
  return whoIsMissing(
    membersNow(
      view(pods),
      T0,
      new Map(
        pods.flatMap((one) =>
          one.ordinal === undefined || roles[one.ordinal] === undefined
            ? []
            : [[one.uid, roles[one.ordinal] ?? 'unknown'] as const],
        ),
      ),
      new Map(),
    ),
  )
}

describe('every member is back', () => {
  test('when all are available and serve', () =>
    expect(missing([pod(0), pod(1), pod(2)])).toBeUndefined())
  test('when nobody can be asked and all are available', () =>
    expect(missing([pod(0), pod(1), pod(2)], {})).toBeUndefined())
  test('when one is of an older revision: a roll is not the business of a node', () =>
    expect(missing([pod(0, { revision: OLD }), pod(1), pod(2)])).toBeUndefined())
})

describe('what is missing is named', () => {
  test.each<[string, readonly PodView[], Readonly<Record<number, Role>>, RegExp]>([
    ['a pod', [pod(0), pod(1)], ROLES, /^zk-2 is missing/],
    [
      'a node for it',
      [pod(0), pod(1), pod(2, { node: undefined, phase: 'Pending', ready: false })],
      ROLES,
      /^zk-2 is pending: waits for a node/,
    ],
    [
      'its readiness',
      [pod(0), pod(1, { ready: false }), pod(2)],
      ROLES,
      /^zk-1 is running on \S+, not Ready/,
    ],
    [
      'the quorum',
      [pod(0), pod(1), pod(2)],
      { ...ROLES, 1: 'not serving' },
      /^zk-1 is Ready, but does not serve yet/,
    ],
    [
      'the quorum of two',
      [pod(0), pod(1), pod(2)],
      { 0: 'read-only', 1: 'down', 2: 'leader' },
      /^zk-0, zk-1 are Ready, but do not serve yet/,
    ],
    [
      'the end of one that goes',
      [pod(0), pod(1), pod(2, { deleting: T0 })],
      ROLES,
      /^zk-2 is terminating/,
    ],
    [
      'the end of one too many',
      [pod(0), pod(1), pod(2), pod(3)],
      { ...ROLES, 3: 'follower' },
      /^zk-3 is too many/,
    ],
  ])('%s', (_, pods, roles, reason) => expect(missing(pods, roles)?.reason).toMatch(reason))
})

test('one member is told as one', () =>
  expect(servingInWords({ view: view([pod(0)], { set: set({ replicas: 1 }) }), ms: 1200 })).toBe(
    '1 of 1 member is available and serves, after 1.2s',
  ))
