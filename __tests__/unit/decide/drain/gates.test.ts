// A gate that lets a drain pass while a member is outside of the quorum takes the second one down.

import { describe, expect, test } from '@jest/globals'
import type { BudgetVerdict } from '../../../../src/decide/drain/budget.ts'
import { gates, membersOn, type Standing } from '../../../../src/decide/drain/gates.ts'
import { membersNow } from '../../../../src/decide/rollout/roll.ts'
import type { Role } from '../../../../src/ensemble/profile.ts'
import type { NodeView } from '../../../../src/view/surroundings.ts'
import type { PodView } from '../../../../src/view/workload.ts'
import { OLD, pod, set, T0, unready, unscheduled, view, waiting, type SetChange } from '../given.ts'

const three = [pod(0), pod(1), pod(2)] as const
const LED: readonly Role[] = ['follower', 'leader', 'follower']

interface Given {
  readonly pods?: readonly PodView[]
  readonly roles?: readonly (Role | undefined)[]
  readonly change?: SetChange
  readonly more?: Partial<Standing>
}

function standing({ pods = three, roles = LED, change = {}, more = {} }: Given): Standing {
  const seen = view(pods, { set: set(change) })
  const asked = new Map(
    pods.flatMap((one) => {
      const role = roles[one.ordinal ?? 0]
      return role === undefined ? [] : [[one.uid, role] as const]
    }),
  )
  return {
    view: seen,
    members: membersNow(seen, T0, asked, new Map()),
    elects: true,
    nodes: undefined,
    budgets: { names: ['zk-pdb'], verdict: { kind: 'allows' } },
    underWay: undefined,
    losses: [],
    ...more,
  }
}

function found(given: Given, node = 'node-1'): readonly string[] {
  return gates(standing(given), node).map(
    (obstacle) => `${obstacle.passes ? 'passes' : 'stays'}: ${obstacle.what}`,
  )
}

function node(name: string, ready = true): NodeView {
  return {
    name,
    uid: name,
    ready,
    unschedulable: false,
    labels: {},
    annotations: {},
    taints: [],
    bootId: undefined,
    allocatable: {},
  }
}

const never: BudgetVerdict = {
  kind: 'never',
  reason:
    'poddisruptionbudget/zk-pdb never allows an eviction: 3 healthy of 3, 3 must stay, 0 may go',
}
const later: BudgetVerdict = {
  kind: 'waits',
  reason:
    'poddisruptionbudget/zk-pdb allows no eviction now: 2 healthy of 3, 2 must stay, 0 may go',
}

describe('the gates', () => {
  test('let a node pass whose ensemble is complete', () => {
    expect(found({})).toEqual([])
  })

  test.each<[string, Given, RegExp]>([
    [
      'a member that is Ready and outside of the quorum',
      { roles: ['follower', 'leader', 'not serving'] },
      /^passes: zk-2 is available, but does not serve \(not serving\)/,
    ],
    [
      'a member that waits for a node',
      { pods: [pod(0), pod(1), unscheduled(2, 'x')] },
      /^passes: zk-2 is pending/,
    ],
    [
      'a member on its way out',
      { pods: [pod(0), pod(1), pod(2, { deleting: T0 })] },
      /^passes: zk-2 is terminating/,
    ],
    ['a member that is missing', { pods: [pod(0), pod(1)] }, /^passes: zk-2 is missing/],
    [
      'a member that can not start',
      { pods: [pod(0), pod(1), unready(2, { state: waiting('ImagePullBackOff') })] },
      /^passes: zk-2 is /,
    ],
    ['an election', { roles: ['follower', 'follower', 'follower'] }, /^passes: no member leads/],
    [
      'two leaders',
      { roles: ['leader', 'leader', 'follower'] },
      /^passes: zk-0 and zk-1 all say that they lead/,
    ],
    [
      'members that can not be asked',
      { roles: ['unknown', 'leader', undefined] },
      /^passes: zk-0, zk-2 could not be asked who leads/,
    ],
    [
      'a change that was begun',
      {
        more: {
          underWay: { words: 'a deploy of zk was begun and has not ended', end: 'deploy again' },
        },
      },
      /^stays: a deploy of zk was begun/,
    ],
    [
      'a change that the controller has not seen',
      { change: { generation: 3 } },
      /^passes: the StatefulSet controller has not seen/,
    ],
    [
      'members of two revisions',
      {
        pods: [pod(0, { revision: OLD }), pod(1), pod(2)],
        change: { status: { currentRevision: OLD } },
      },
      /^stays: a rollout of zk is under way/,
    ],
    [
      'a member that would come back at another revision',
      {
        pods: [pod(0, { revision: OLD }), pod(1), pod(2)],
        change: { strategy: { type: 'OnDelete' } },
      },
      /^stays: zk-0 would come back at another revision/,
    ],
    [
      'no budget',
      { more: { budgets: { names: [], verdict: { kind: 'allows' } } } },
      /^stays: no disruption budget selects the members/,
    ],
    [
      'two budgets',
      { more: { budgets: { names: ['a', 'b'], verdict: { kind: 'allows' } } } },
      /^stays: the members have 2 disruption budgets \(a, b\)/,
    ],
    [
      'a budget that never allows an eviction',
      { more: { budgets: { names: ['zk-pdb'], verdict: never } } },
      /^stays: poddisruptionbudget\/zk-pdb never allows an eviction/,
    ],
    [
      'a budget that allows no eviction now',
      { more: { budgets: { names: ['zk-pdb'], verdict: later } } },
      /^passes: poddisruptionbudget\/zk-pdb allows no eviction now/,
    ],
    [
      "another member's node that is not Ready",
      {
        more: {
          nodes: [
            node('node-1', false),
            node('node-2', false),
            node('node-3'),
            node('node-9', false),
          ],
        },
      },
      /^passes: node node-2 with zk-1 is not Ready/,
    ],
    ['a set that is gone', { change: { deleting: true } }, /^stays: statefulset\/zk is not there/],
  ])('hold a node for %s', (_, given, expected) => {
    const all = found(given)
    expect(all).toHaveLength(1)
    expect(all[0]).toMatch(expected)
  })

  test('name what ends a change that was begun: of a scale that is no undo, which is refused', () => {
    const end = 'run operation: scale again, with replicas: 3'
    const underWay = { words: 'a scale of zk was begun and has not ended', end }
    expect(gates(standing({ more: { underWay } }), 'node-1')[0]).toMatchObject({ fix: end })
  })

  test('count votes, not pods: two of three on one node, or one of two, leave no quorum', () => {
    const together = [pod(0), pod(1, { node: 'node-1' }), pod(2)]
    expect(found({ pods: together })).toEqual([
      expect.stringMatching(
        /^stays: without zk-0 and zk-1 only 1 of 3 voting members are left, and the quorum needs 2/,
      ),
    ])
    expect(
      found({ pods: [pod(0), pod(1)], roles: ['follower', 'leader'], change: { replicas: 2 } }),
    ).toEqual([expect.stringMatching(/^stays: without zk-0 only 1 of 2/)])
    expect(found({ pods: [pod(0)], roles: ['standalone'], change: { replicas: 1 } })).toEqual([
      expect.stringMatching(/^stays: without zk-0 only 0 of 1/),
    ])
  })

  test('let an observer go, which has no vote, and count none of it for the others', () => {
    const four = [pod(0), pod(1), pod(2), pod(3)]
    const roles: readonly Role[] = ['follower', 'leader', 'follower', 'observer']
    expect(found({ pods: four, roles, change: { replicas: 4 } }, 'node-4')).toEqual([])
    expect(found({ pods: four, roles, change: { replicas: 4 } }, 'node-1')).toEqual([])
  })

  test('let a member go that may stay below a partition', () => {
    expect(
      found({
        pods: [pod(0, { revision: OLD }), pod(1), pod(2)],
        change: {
          strategy: { type: 'RollingUpdate', partition: 1 },
          status: { currentRevision: OLD },
        },
      }),
    ).toEqual([])
  })

  test('of a node without a member ask nothing of the budget', () => {
    expect(membersOn(view(three), 'node-9')).toEqual([])
    expect(
      found({ more: { budgets: { names: [], verdict: { kind: 'allows' } } } }, 'node-9'),
    ).toEqual([])
    expect(found({ roles: ['follower', 'leader', 'not serving'] }, 'node-9')).toHaveLength(1)
  })
})

describe('of a member on the node itself that does not serve', () => {
  const down = {
    pods: [pod(0, { ready: false, readySince: undefined }), pod(1), pod(2)],
    roles: [undefined, 'leader', 'follower'],
  } satisfies Given
  const fixOf = (given: Given, name = 'node-1'): string =>
    gates(standing(given), name)[0]?.fix ?? ''

  test('it is said how it gets off by hand, and of a node that is down how that is told', () => {
    expect(fixOf(down)).toMatch(
      /^It serves nobody.*kubectl cordon node-1 && kubectl delete pod zk-0 -n/,
    )
    expect(
      fixOf({ ...down, more: { nodes: [node('node-1', false), node('node-2'), node('node-3')] } }),
    ).toMatch(/^node-1 itself is not Ready.*out-of-service=nodeshutdown:NoExecute/)
  })

  test('nothing of the kind is said where it, or another one, would be missed', () => {
    expect(fixOf({ ...down, roles: ['follower', 'leader', 'follower'] })).toMatch(
      /^operation: status/,
    )
    expect(fixOf({ ...down, roles: [undefined, 'leader', 'not serving'] })).toMatch(
      /^operation: status/,
    )
    expect(fixOf(down, 'node-2')).toMatch(/^operation: status/)
  })
})
