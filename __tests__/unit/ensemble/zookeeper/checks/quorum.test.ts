// The quorum's verdict by tables: Ready pods prove nothing, and a look that could not be made
// proves nothing either way.

import { describe, expect, test } from '@jest/globals'
import { troubleOf, type Look } from '../../../../../src/ensemble/zookeeper/checks/looked.ts'
import { judgeQuorum } from '../../../../../src/ensemble/zookeeper/checks/quorum.ts'
import { majority } from '../../../../../src/majority.ts'
import { membersOf } from '../../../../support/cluster/zookeeper-usual.ts'

type Short = Look | 'L' | 'F' | 'O' | 'S' | '-'

function look(short: Short): Look {
  switch (short) {
    case 'L':
      return serving('leader')
    case 'F':
      return serving('follower')
    case 'O':
      return serving('observer')
    case 'S':
      return serving('standalone')
    case '-':
      return { kind: 'not serving' }
    default:
      return short
  }
}

function serving(
  role: 'leader' | 'follower' | 'observer' | 'standalone',
  zxid = 0x200000001n,
  version = '3.9.5',
): Look {
  return { kind: 'serving', role, version, zxid, nodes: 5 }
}

const DENIED: Look = { kind: 'unreachable', why: 'this run may not use port-forward', denied: true }
const DOWN: Look = { kind: 'closed', why: 'nothing listens' }
const UNREACHED: Look = { kind: 'unreachable', why: 'the port-forward broke', denied: false }

function judge(
  looks: readonly Short[],
  replicas = looks.length,
): { readonly codes: readonly string[]; readonly canHeal: boolean; readonly detail: string } {
  const members = membersOf(looks.length)
  const verdict = judgeQuorum(
    members.flatMap((member, index) => {
      const one = looks[index]
      return one === undefined ? [] : [{ member, look: look(one) }]
    }),
    replicas,
  )
  return {
    codes: verdict.findings.map((finding) => `${finding.code} ${finding.ordinal ?? '-'}`),
    canHeal: verdict.canHeal,
    detail: verdict.detail,
  }
}

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [7, 4],
])('of %i voters %i are a majority', (voters, needed) => {
  expect(majority(voters)).toBe(needed)
})

describe('sound', () => {
  test.each([
    [['F', 'F', 'L'], 'zk-2 leads, 2 follow, version 3.9.5'],
    [['L', 'F', 'F', 'F', 'F'], 'zk-0 leads, 4 follow, version 3.9.5'],
    [['F', 'L', 'F', 'O'], 'zk-1 leads, 2 follow, 1 observe, version 3.9.5'],
    [['S'], 'zk-0 serves on its own, version 3.9.5'],
    [['L'], 'zk-0 leads, 0 follow, version 3.9.5'],
  ] satisfies readonly (readonly [readonly Short[], string])[])('%j', (looks, detail) => {
    expect(judge(looks)).toEqual({ codes: [], canHeal: true, detail })
  })

  test('a follower that is still in the epoch before the election is usual until the next write', () => {
    expect(
      judge([
        serving('follower', 0x1000000ffn),
        serving('leader', 0x200000000n),
        serving('follower', 0n),
      ]).codes,
    ).toEqual([])
  })
})

describe('wrong', () => {
  test.each([
    [
      'nobody serves',
      ['-', '-', '-'],
      ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'CHECK_FAILED 2', 'QUORUM_LOST 0'],
      true,
    ],
    ['one of three serves nothing', ['F', '-', 'L'], ['CHECK_FAILED 1'], true],
    [
      'a minority that says it follows',
      ['-', '-', 'F'],
      ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'QUORUM_LOST 0'],
      true,
    ],
    ['nobody leads', ['F', 'F', 'F'], ['QUORUM_LOST -'], true],
    ['two lead', ['L', 'F', 'L'], ['CHECK_FAILED 0'], true],
    ['one is down', [DOWN, 'F', 'L'], ['CHECK_FAILED 0'], true],
    [
      'two are down',
      [DOWN, DOWN, 'L'],
      ['CHECK_FAILED 0', 'CHECK_FAILED 1', 'QUORUM_LOST 0'],
      true,
    ],
    ['one could not be reached: it may serve', [UNREACHED, 'F', 'L'], ['CHECK_IMPOSSIBLE 0'], true],
    [
      'one takes connections and answers nothing: it was asked',
      [{ ...UNREACHED, mute: true }, 'F', 'L'],
      ['CHECK_FAILED 0'],
      true,
    ],
    [
      'none could be reached: not called lost',
      [UNREACHED, UNREACHED, UNREACHED],
      ['CHECK_IMPOSSIBLE 0', 'CHECK_IMPOSSIBLE 1', 'CHECK_IMPOSSIBLE 2'],
      true,
    ],
    [
      'two could not be reached, the third has no quorum',
      [UNREACHED, UNREACHED, '-'],
      ['CHECK_IMPOSSIBLE 0', 'CHECK_IMPOSSIBLE 1', 'CHECK_FAILED 2'],
      true,
    ],
    ['one stands alone', ['F', 'S', 'L'], ['IDENTITY_MISMATCH 1'], false],
    [
      'all stand alone',
      ['S', 'S', 'S'],
      ['IDENTITY_MISMATCH 0', 'IDENTITY_MISMATCH 1', 'IDENTITY_MISMATCH 2'],
      false,
    ],
    [
      'none may be asked: not called lost',
      [DENIED, DENIED, DENIED],
      ['CHECK_IMPOSSIBLE 0', 'CHECK_IMPOSSIBLE 1', 'CHECK_IMPOSSIBLE 2'],
      false,
    ],
    [
      'one speaks TLS only: it may be the leader',
      ['F', { kind: 'tls' }, 'F'],
      ['CHECK_IMPOSSIBLE 1'],
      false,
    ],
    ['one does not allow srvr', ['F', { kind: 'not allowed' }, 'L'], ['CHECK_IMPOSSIBLE 1'], false],
    [
      'one is something else',
      [{ kind: 'garbage', text: 'x' }, 'F', 'L'],
      ['CHECK_IMPOSSIBLE 0'],
      false,
    ],
    ['one closes connections', ['F', 'L', { kind: 'silent' }], ['CHECK_FAILED 2'], true],
    [
      'one is read-only',
      ['F', 'L', { kind: 'read-only', version: '3.9.5' }],
      ['CHECK_FAILED 2'],
      true,
    ],
    [
      'observers do not make a quorum',
      ['L', '-', '-', 'O', 'O'],
      ['CHECK_FAILED 1', 'CHECK_FAILED 2', 'QUORUM_LOST 1'],
      true,
    ],
    [
      'versions differ',
      [serving('follower', 1n, '3.8.4'), serving('leader', 1n), serving('follower', 1n)],
      ['CHECK_FAILED 1'],
      false,
    ],
    [
      'a follower of a later epoch',
      [serving('follower', 0x900000000n), 'L', 'F'],
      ['CHECK_FAILED 0'],
      true,
    ],
  ] satisfies readonly (readonly [string, readonly Short[], readonly string[], boolean])[])(
    '%s',
    (_, looks, codes, canHeal) => {
      expect(judge(looks)).toMatchObject({ codes, canHeal })
    },
  )

  test.each([
    [2, 3, ['CHECK_FAILED -']],
    [1, 3, ['QUORUM_LOST -', 'QUORUM_LOST -']],
  ])('%i of %i pods is not whole', (there, replicas, codes) => {
    expect(judge(there === 2 ? ['L', 'F'] : ['L'], replicas).codes).toEqual(codes)
  })

  test.each([
    ['may not exec', { ...UNREACHED, lacks: 'exec' }, 'resources: [pods/exec]'],
    ['may exec', UNREACHED, 'kubectl -n test describe pod zk-0'],
    ['may reach nobody', DENIED, 'resources: [pods/portforward]'],
  ] satisfies readonly (readonly [string, Look, string])[])(
    'who %s is told what gives another way',
    (_, look, fix) => {
      const [member] = membersOf(1)
      expect(member && troubleOf({ member, look })[0]?.finding.fix).toContain(fix)
    },
  )

  test('every finding names the pod, its ordinal and a fix', () => {
    const members = membersOf(3)
    const { findings } = judgeQuorum(
      members.map((member) => ({ member, look: DOWN })),
      3,
    )
    for (const finding of findings.filter((one) => one.object !== undefined)) {
      expect(finding.message).toMatch(/^zk-\d \(ordinal \d\)/)
      expect(finding.fix).not.toBe('')
    }
  })
})
