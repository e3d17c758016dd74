// An undo that should not have been made rolls a healthy change back, or data with it; one that is
// not made leaves a broken ensemble to the night.

import { describe, expect, test } from '@jest/globals'
import {
  decideUndo,
  isNewerMinor,
  latestToGoBackTo,
  type Failed,
} from '../../../../src/decide/rollout/undo.ts'

const good = {
  digest: 'sha256:good',
  controllerRevision: 'zk-good',
  verifiedAt: '2026-01-01T00:00:00.000Z',
}
const failed: Failed = {
  onFailure: 'undo',
  firstInstall: false,
  changed: true,
  goesOn: false,
  cancelled: false,
  code: 'IMAGE_PULL',
  codes: ['IMAGE_PULL'],
  againstRevision: true,
  inChecks: false,
  digest: 'sha256:bad',
  verified: good,
  standsAlready: false,
  notKept: undefined,
  asksSame: false,
  makesSame: false,
  losses: undefined,
  profile: 'zookeeper',
  members: [{ pod: 'zk-0', version: '3.9.5' }],
  versionBefore: '3.9.4',
}

describe('a failed change is rolled back', () => {
  test.each([
    ['when the pods speak against the new revision', {}],
    ['when the members do', { inChecks: true, againstRevision: false, code: 'IDENTITY_MISMATCH' }],
    [
      'when no node takes a member that asks for more than before',
      { code: 'UNSCHEDULABLE', codes: ['UNSCHEDULABLE'] },
    ],
    [
      'when a member has no node and another one can’t start, which the earlier revision could',
      { code: 'UNSCHEDULABLE', codes: ['UNSCHEDULABLE', 'NOT_READY'], asksSame: true },
    ],
    ['when it crashes on nodes that were as good before', { code: 'CRASH_LOOP', asksSame: true }],
    [
      'when a newer patch of the same minor version has served',
      { members: [{ pod: 'zk-2', version: '3.9.9' }] },
    ],
  ] as const)('%s', (_, more) => {
    expect(decideUndo({ ...failed, ...more })).toEqual({ kind: 'undo', to: good })
  })
})

describe('a failed change is left as it is', () => {
  test.each([
    ['when nothing was changed', { changed: false }, 'nothing was changed'],
    ['when it was asked for', { onFailure: 'keep' }, 'on-failure is keep'],
    ['on a first install', { firstInstall: true }, 'first install'],
    ['after a cancel', { cancelled: true }, 'cancelled'],
    [
      'after a fault of the API or of the action',
      { code: undefined },
      'one of the API or of the action',
    ],
    [
      'when a node or an older revision is at fault',
      { againstRevision: false },
      'not against the new revision',
    ],
    [
      'when time was over without a cause',
      { code: 'TIMEOUT', againstRevision: false },
      'not against the new revision',
    ],
    [
      'when the members could not be asked',
      { inChecks: true, code: 'CHECK_IMPOSSIBLE' },
      'not against the new revision',
    ],
    ['when data is missing', { inChecks: true, code: 'DATA_LOST' }, 'data is missing'],
    [
      'when a member that is taken down would lose its data',
      { losses: 'the claim datadir-zk-1 of zk-1 is being deleted' },
      'takes members down as well, and the claim datadir-zk-1',
    ],
    [
      'without a verified revision',
      { verified: undefined },
      'no revision of this ensemble was ever verified',
    ],
    [
      'when the verified revision is what failed',
      { digest: good.digest },
      'the latest verified revision itself',
    ],
    [
      'when the template did not change: an undo would change nothing, and never end',
      { standsAlready: true },
      'members run revision zk-good, the latest verified one, already',
    ],
    ['when its objects are gone', { notKept: 'its objects were not kept' }, 'were not kept'],
    [
      'when a newer minor version has served',
      { members: [{ pod: 'zk-2', version: '3.10.0' }] },
      'zk-2 has already served version 3.10.0',
    ],
  ] as const)('%s', (_, more, reason) => {
    const decision = decideUndo({ ...failed, ...more })
    expect(decision).toMatchObject({ kind: 'halt', reason: expect.stringContaining(reason) })
  })
})

describe('a failed change that would fail at the earlier revision too is left, and only a fix leads out', () => {
  test.each([
    [
      'when no node takes a member that asks for what it asked before',
      { code: 'UNSCHEDULABLE', codes: ['UNSCHEDULABLE', 'UNSCHEDULABLE'], asksSame: true },
      'revision zk-good, the latest verified one, asks the same of nodes',
    ],
    [
      'when members were added and nothing else was changed: an undo removes none',
      { code: 'CRASH_LOOP', codes: ['CRASH_LOOP'], makesSame: true },
      'makes each member the same way, and an undo removes none',
    ],
  ] as const)('%s', (_, more, reason) => {
    expect(decideUndo({ ...failed, ...more })).toEqual({
      kind: 'halt',
      reason: expect.stringContaining(reason),
      forward: true,
    })
  })

  test.each([
    ['when a node is at fault', { againstRevision: false }],
    ['when it was asked for', { onFailure: 'keep' }],
  ] as const)('also %s', (_, more) => {
    const noNode = { code: 'UNSCHEDULABLE', codes: ['UNSCHEDULABLE'], asksSame: true } as const
    expect(decideUndo({ ...failed, ...noNode, ...more })).toMatchObject({
      kind: 'halt',
      forward: true,
    })
  })

  test.each([
    ['after a cancel', { cancelled: true }],
    ['when nothing was changed', { changed: false }],
    ['when data is missing', { code: 'DATA_LOST' }],
    ['when members would lose data', { losses: 'its claim is being deleted' }],
    ['when the verified revision itself failed', { digest: good.digest }],
    ['after a fault of the API or of the action', { code: undefined }],
  ] as const)('but the same deploy is not told to continue %s', (_, more) => {
    expect(decideUndo({ ...failed, makesSame: true, ...more })).toMatchObject({
      kind: 'halt',
      forward: false,
    })
  })

  test('but where the earlier revision was never verified, the commands that go back by hand are told', () => {
    expect(decideUndo({ ...failed, makesSame: true, verified: undefined })).toMatchObject({
      kind: 'halt',
      forward: false,
    })
  })
})

test.each([
  ['3.9.5', '3.8.4', true],
  ['3.10.0', '3.9.5', true],
  ['4.0.0', '3.9.5', true],
  ['3.9.5', '3.9.4', false],
  ['3.8.4', '3.9.5', false],
  [undefined, '3.9.5', false],
  ['3.9.5', '', false],
] as const)('%s is a newer minor version than %s: %s', (version, before, newer) => {
  expect(isNewerMinor(version, before)).toBe(newer)
})

describe('an undo goes to', () => {
  const at = (name: string, digest = name, verifiedAt = 'then') => ({
    digest,
    controllerRevision: name,
    verifiedAt,
  })

  test('the latest verified one that is not current', () => {
    expect(
      latestToGoBackTo([at('a'), at('b'), at('c')], { updateRevision: 'c', complete: true })
        ?.digest,
    ).toBe('b')
  })

  test('the one that is wanted, as long as a stuck member keeps it from being reached', () => {
    expect(
      latestToGoBackTo([at('a'), at('b')], { updateRevision: 'b', complete: false })?.digest,
    ).toBe('b')
  })

  test('the latest verified one, when what runs was never verified', () => {
    expect(
      latestToGoBackTo([at('a'), at('b')], { updateRevision: 'x', complete: true })?.digest,
    ).toBe('b')
  })

  test('the same template with the companions of before', () => {
    expect(
      latestToGoBackTo([at('a', 'one'), at('a', 'two')], { updateRevision: 'a', complete: true })
        ?.digest,
    ).toBe('one')
  })

  test('nowhere, when the same revision was only scaled since: that is what runs, and an undo changes no number', () => {
    const scaled = { ...at('a', 'four'), origin: 'scale' }
    const wanted = { updateRevision: 'a', complete: true }
    expect(latestToGoBackTo([at('a', 'three'), scaled], wanted)).toBeUndefined()
    expect(latestToGoBackTo([at('o'), at('a', 'three'), scaled], wanted)?.digest).toBe('o')
  })

  test('what the members run, when the ConfigMaps beside the same template were changed since and nobody has read them', () => {
    expect(
      latestToGoBackTo([at('a'), at('b', 'read'), at('b', 'unread', '')], {
        updateRevision: 'b',
        complete: true,
      })?.digest,
    ).toBe('read')
  })

  test('nowhere, when there is one revision only', () => {
    expect(latestToGoBackTo([at('a')], { updateRevision: 'a', complete: true })).toBeUndefined()
    expect(
      latestToGoBackTo([at('a', 'a', '')], { updateRevision: 'b', complete: true }),
    ).toBeUndefined()
  })
})
