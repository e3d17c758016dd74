// Kubernetes calls a member Ready that no client can use: without these a night's alarm is missed,
// or one is raised for nothing.

import { describe, expect, test } from '@jest/globals'
import { judgeServing } from '../../../../src/decide/members/serving.ts'
import type { MemberState, Role } from '../../../../src/ensemble/profile.ts'

function states(...roles: readonly Role[]): MemberState[] {
  return roles.map((role, ordinal) => ({
    pod: `zk-${ordinal}`,
    ordinal,
    id: undefined,
    role,
    version: role === 'unknown' || role === 'down' ? undefined : '3.9.5',
    zxid: undefined,
    trouble: role === 'unknown' ? 'its client port speaks TLS only' : undefined,
  }))
}

const ALL = new Set(['zk-0', 'zk-1', 'zk-2', 'zk-3', 'zk-4'])

function judged(
  roles: readonly Role[],
  ready: ReadonlySet<string> = ALL,
  replicas = roles.length,
): {
  readonly outcome: string
  readonly codes: readonly string[]
  readonly detail: string
  readonly said: string
} {
  const { outcome, findings, detail } = judgeServing(states(...roles), replicas, ready)
  return {
    outcome,
    detail,
    codes: findings.map((finding) => finding.code),
    said: findings.map((finding) => finding.message).join('; '),
  }
}

describe('an ensemble that is complete', () => {
  test.each<[string, readonly Role[]]>([
    ['a leader and its followers', ['follower', 'leader', 'follower']],
    ['observers beside three voters', ['follower', 'leader', 'follower', 'observer', 'observer']],
    ['a single member', ['standalone']],
    ['kinds without a leader', ['up', 'up', 'up']],
  ])('%s', (_, roles) => expect(judged(roles)).toMatchObject({ outcome: 'passed', codes: [] }))

  test('says who leads, so that nobody has to ask', () => {
    expect(judged(['follower', 'leader', 'follower']).detail).toBe(
      'zk-1 leads, 2 follow, version 3.9.5',
    )
  })
})

describe('Ready, and yet not serving', () => {
  test.each([
    [undefined, ['QUORUM_LOST', 'CHECK_FAILED', 'CHECK_FAILED']],
    [4, ['QUORUM_LOST', 'CHECK_FAILED', 'CHECK_FAILED']],
    [3, ['CHECK_FAILED', 'CHECK_FAILED']],
  ])('the leader, whose list names %s, says what its quorum is', (voters, codes) => {
    const mixed = states('follower', 'leader', 'not serving', 'not serving').map((state) =>
      voters === undefined ? state : { ...state, voters },
    )
    const { findings } = judgeServing(mixed, 4, ALL)
    expect(findings.map(({ code }) => code)).toEqual(codes)
  })

  test('one outside of the quorum is named, the quorum is not called lost', () => {
    const { outcome, codes, said } = judged(['not serving', 'leader', 'follower'])
    expect({ outcome, codes }).toEqual({ outcome: 'failed', codes: ['CHECK_FAILED'] })
    expect(said).toBe(
      'zk-0 (ordinal 0) runs but is not in the quorum; that its pod is Ready says nothing about this',
    )
  })

  test('one in an ensemble with a young member is said to be on its way: nobody goes looking for a fault that a cache heals', () => {
    const why = 'some member is younger than the 120 s for which peers may have an old answer'
    const young = judgeServing(states('not serving', 'leader', 'follower'), 3, ALL, why)
    expect(young).toMatchObject({
      outcome: 'failed',
      onTheWay: true,
      findings: [
        {
          message: expect.stringContaining(`it may be on its way: ${why}`),
          fix: expect.stringMatching(/^Look again in two minutes\. /),
          orSet: { input: 'wait', value: 'true' },
        },
      ],
    })
    expect(judgeServing(states('not serving', 'leader', 'follower'), 3, ALL)).toMatchObject({
      onTheWay: false,
      findings: [{ fix: expect.stringMatching(/^If it stays outside/) }],
    })
  })

  test('a majority outside is a lost quorum', () => {
    expect(judged(['not serving', 'not serving', 'read-only'])).toMatchObject({
      outcome: 'failed',
      codes: expect.arrayContaining(['QUORUM_LOST']),
    })
    expect(judged(['down', 'down', 'leader']).said).toContain(
      'no quorum: 1 of 3 voting members serve, 2 are needed',
    )
    // Whoever could not be asked is not called lost.
    expect(judged(['down', 'down', 'down', 'unreachable', 'leader'], ALL, 5).said).toContain(
      'no quorum: 1 of 5 voting members is known to serve, 1 could not be asked, 3 are needed',
    )
  })

  test('of a pod that is not Ready the pod itself tells the cause: only a lost majority is added', () => {
    expect(judged(['follower', 'leader', 'down'], new Set(['zk-0', 'zk-1']))).toMatchObject({
      outcome: 'warned',
      codes: [],
      detail: 'zk-1 leads, 1 follow, zk-2 does not serve, version 3.9.5',
    })
    expect(judged(['follower', 'down', 'down'], new Set(['zk-0'])).codes).toEqual(['QUORUM_LOST'])
  })

  test('a member without a pod counts as one that does not serve', () => {
    expect(judged(['leader', 'follower'], ALL, 3)).toMatchObject({ outcome: 'warned', codes: [] })
    expect(judged(['leader', 'follower'], ALL, 5).codes).toEqual(['QUORUM_LOST'])
  })

  test('two leaders, none at all, and one that keeps data of its own are each told apart', () => {
    expect(judged(['leader', 'leader', 'follower']).said).toContain(
      'zk-0 and zk-1 both say that they lead',
    )
    expect(judged(['follower', 'follower', 'follower']).codes).toEqual(['QUORUM_LOST'])
    expect(judged(['standalone', 'leader', 'follower']).codes).toEqual(['IDENTITY_MISMATCH'])
  })
})

describe('what could not be asked', () => {
  test('is neither success nor failure, with the reason said once for all', () => {
    const { outcome, codes, detail } = judged(['unknown', 'unknown', 'unknown'])
    expect({ outcome, codes }).toEqual({ outcome: 'skipped', codes: [] })
    expect(detail).toBe(
      'the members could not be asked: zk-0, zk-1, zk-2 (its client port speaks TLS only); that a pod is Ready does not mean that it is in the quorum',
    )
  })

  test('may well serve: no quorum is called lost for it', () => {
    expect(judged(['unknown', 'follower', 'unknown'])).toMatchObject({
      outcome: 'warned',
      codes: [],
    })
  })
})

// A nightly look with a misspelt command was green, whatever became of the members.
test('commands that tell nothing of anybody are no success', () => {
  const mute = states('unreachable', 'unreachable', 'up').map((state) =>
    state.role === 'up'
      ? state
      : { ...state, trouble: 'serves-command: exit code 127', advice: 'Run it by hand.' },
  )
  expect(judgeServing(mute, 3, ALL)).toMatchObject({
    outcome: 'failed',
    findings: [
      {
        code: 'CHECK_IMPOSSIBLE',
        message: 'serves-command: exit code 127: it does not tell whether zk-0, zk-1 serve',
        fix: 'Run it by hand.',
      },
    ],
  })
})
