// A roll that takes a member while another is outside of the quorum stops every write; one that
// waits for nothing never ends.

import { describe, expect, test } from '@jest/globals'
import {
  excusedNewcomers,
  heldPartition,
  membersNow,
  nextStep,
  type MemberNow,
  type RollSituation,
  type RollStep,
  type Way,
} from '../../../../src/decide/rollout/roll.ts'
import type { Role } from '../../../../src/ensemble/profile.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import type { PodView } from '../../../../src/view/workload.ts'
import { NEW, OLD, pod, SECOND, set, T0, unready, unscheduled, view, waiting } from '../given.ts'

const MINUTES_AGO = T0 - 600 * SECOND

function membersOf(
  seen: EnsembleView,
  roles: readonly (Role | undefined)[],
  addressSince = MINUTES_AGO,
): readonly MemberNow[] {
  const asked = new Map(
    seen.pods.flatMap((one) =>
      roles[one.ordinal ?? 0] === undefined
        ? []
        : [[one.uid, roles[one.ordinal ?? 0] ?? 'unknown'] as const],
    ),
  )
  return membersNow(seen, T0, asked, new Map(seen.pods.map((one) => [one.uid, addressSince])))
}

const halfway = set({
  strategy: { type: 'RollingUpdate', partition: 3 },
  status: { currentRevision: OLD },
})
const old = [
  pod(0, { revision: OLD }),
  pod(1, { revision: OLD }),
  pod(2, { revision: OLD }),
] as const

const MOVE = { kind: 'move', reason: 'the member list names the pods' } as const
const STAY = { kind: 'stay', reason: 'the member list names a Service for each member' } as const

interface Given {
  readonly pods: readonly PodView[]
  readonly roles: readonly (Role | undefined)[]
  readonly way?: Way
  readonly more?: Partial<RollSituation>
  readonly addressSince?: number
}

function stepOf({
  pods,
  roles,
  way = { kind: 'partition', stands: 3, own: 0 },
  more = {},
  addressSince,
}: Given): RollStep {
  const seen = view(pods, {
    set: {
      ...halfway,
      strategy:
        way.kind === 'partition'
          ? { type: 'RollingUpdate', partition: way.stands }
          : { type: 'OnDelete' },
    },
  })
  return nextStep({
    set: seen.set ?? halfway,
    members: membersOf(seen, roles, addressSince),
    way,
    excused: new Set(),
    told: new Set(),
    outsideSince: new Map(),
    served: new Set(),
    handedOver: new Map(),
    canStepDown: true,
    addresses: MOVE,
    now: T0,
    ...more,
  })
}

function short(step: RollStep): string {
  return 'member' in step ? `${step.kind} ${step.member.pod}` : step.kind
}

describe('a paced roll by the partition', () => {
  test('takes the highest member of the older revision while every other one serves', () => {
    expect(short(stepOf({ pods: old, roles: ['leader', 'follower', 'follower'] }))).toBe(
      'take zk-2',
    )
  })

  test('waits for a member that is Ready and not in the quorum, and says so', () => {
    const step = stepOf({
      pods: [old[0], old[1], pod(2)],
      roles: ['follower', 'leader', 'not serving'],
      way: { kind: 'partition', stands: 2, own: 0 },
    })
    expect(step).toMatchObject({ kind: 'wait', outside: [{ pod: 'zk-2' }] })
    expect(step.kind === 'wait' ? step.reason : '').toContain(
      'zk-2 is available, but does not serve yet',
    )
  })

  test.each([
    ['is gone', [old[0], old[1]]],
    ['has no node', [old[0], old[1], unscheduled(2, '0/4 nodes are available')]],
    ['is created', [old[0], old[1], unready(2, { state: waiting('ContainerCreating') })]],
    ['ends', [old[0], old[1], pod(2, { deleting: T0 })]],
  ])('touches nobody while a member %s', (_, pods) => {
    expect(
      stepOf({ pods, roles: ['follower', 'leader'], way: { kind: 'partition', stands: 2, own: 0 } })
        .kind,
    ).toBe('wait')
  })

  test('lets the controller act before it lowers the partition again', () => {
    expect(
      stepOf({
        pods: old,
        roles: ['leader', 'follower', 'follower'],
        way: { kind: 'partition', stands: 2, own: 0 },
      }),
    ).toMatchObject({
      kind: 'wait',
      reason: 'zk-2 waits for the StatefulSet controller to replace it',
    })
  })

  test('stops at the partition that the manifest wants', () => {
    expect(
      stepOf({
        pods: [old[0], pod(1), pod(2)],
        roles: ['leader', 'follower', 'follower'],
        way: { kind: 'partition', stands: 1, own: 1 },
      }).kind,
    ).toBe('done')
  })

  test('takes a member that could not be asked at its pod', () => {
    expect(short(stepOf({ pods: old, roles: ['unknown', 'unknown', 'unknown'] }))).toBe('take zk-2')
  })
})

describe('a leader', () => {
  const leads = ['follower', 'follower', 'leader'] as const

  test('hands over leadership before it is replaced', () => {
    expect(short(stepOf({ pods: old, roles: leads }))).toBe('hand-over zk-2')
  })

  test('does not hand over leadership where the only other one that stays is no majority without it', () => {
    expect(
      short(
        stepOf({
          pods: old,
          roles: ['follower', 'leader', 'follower'],
          way: { kind: 'evict', left: new Set([old[1].uid]) },
          more: { excused: new Set([2]) },
        }),
      ),
    ).toBe('take zk-1')
  })

  test('hands over leadership only once the others know every new address', () => {
    const step = stepOf({ pods: old, roles: leads, addressSince: T0 - 10 * SECOND })
    expect(step).toMatchObject({ kind: 'wait', lookAgainAt: T0 + 55 * SECOND })
  })

  test('goes at once, and as it is, where every address stays: waiting would be for nothing, and its server would be down twice', () => {
    expect(
      short(
        stepOf({ pods: old, roles: leads, addressSince: T0 - SECOND, more: { addresses: STAY } }),
      ),
    ).toBe('take zk-2')
  })

  test('settles where nobody can say whether addresses stay, and says which list it is', () => {
    const step = stepOf({
      pods: old,
      roles: leads,
      addressSince: T0 - 10 * SECOND,
      more: { addresses: { kind: 'unknown', reason: 'the servers read a zoo.cfg of their own' } },
    })
    expect(step).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('(the servers read a zoo.cfg of their own)'),
      lookAgainAt: T0 + 55 * SECOND,
    })
  })

  test('is replaced as a follower, although its restarted container has not stood for long', () => {
    const restarted = pod(2, { revision: OLD, ready: false })
    const step = stepOf({
      pods: [old[0], old[1], restarted],
      roles: ['follower', 'leader', 'follower'],
      more: { handedOver: new Map([[restarted.uid, { times: 1, at: T0 - 5 * SECOND }]]) },
    })
    expect(short(step)).toBe('take zk-2')
  })

  test('that does not serve again yet is waited for, not freed', () => {
    const restarted = pod(2, { revision: OLD, ready: false })
    expect(
      stepOf({
        pods: [old[0], old[1], restarted],
        roles: ['follower', 'leader', 'down'],
        more: { handedOver: new Map([[restarted.uid, { times: 1, at: T0 - 5 * SECOND }]]) },
      }).kind,
    ).toBe('wait')
  })

  test('that was told a moment ago is not told again before its process has ended', () => {
    expect(
      stepOf({
        pods: old,
        roles: leads,
        more: { handedOver: new Map([[old[2].uid, { times: 1, at: T0 - SECOND }]]) },
      }),
    ).toMatchObject({ kind: 'wait', lookAgainAt: T0 + 14 * SECOND })
  })

  test('that can not follow the new one, which its own list does not have, is replaced all the same', () => {
    const restarted = pod(2, { revision: OLD, ready: false })
    const given = (
      seconds: number,
      stands = 3,
      roles: readonly Role[] = ['follower', 'leader', 'not serving'],
    ): RollStep =>
      stepOf({
        pods: [old[0], old[1], restarted],
        roles,
        way: { kind: 'partition', stands, own: 0 },
        more: {
          handedOver: new Map([[restarted.uid, { times: 1, at: T0 - seconds * SECOND }]]),
          outsideSince: new Map([[restarted.uid, T0 - seconds * SECOND]]),
        },
      })
    expect(given(14)).toMatchObject({ kind: 'wait', lookAgainAt: T0 + SECOND })
    expect(short(given(15))).toBe('take zk-2')
    expect(short(given(15, 2))).toBe('free zk-2')
    expect(given(15, 3, ['follower', 'follower', 'not serving']).kind).toBe('wait')
  })

  test('that is elected again and again is replaced as it is', () => {
    expect(
      short(
        stepOf({
          pods: old,
          roles: leads,
          more: { handedOver: new Map([[old[2].uid, { times: 2, at: T0 - 60 * SECOND }]]) },
        }),
      ),
    ).toBe('take zk-2')
  })

  test.each([
    ['without the right to exec', { canStepDown: false }, old, leads],
    ['of two members', {}, [old[0], old[1]], ['follower', 'leader'] as const],
  ] as const)('%s is replaced as it is', (_, more, pods, roles) => {
    const seen = view([...pods], { set: { ...halfway, replicas: pods.length } })
    const step = nextStep({
      set: seen.set ?? halfway,
      members: membersOf(seen, roles),
      way: { kind: 'partition', stands: 3, own: 0 },
      excused: new Set(),
      told: new Set(),
      outsideSince: new Map(),
      served: new Set(),
      handedOver: new Map(),
      canStepDown: true,
      addresses: MOVE,
      now: T0,
      ...more,
    })
    expect(short(step)).toBe(`take zk-${pods.length - 1}`)
  })
})

describe('a member list that changes', () => {
  const four = [
    pod(0),
    pod(1),
    pod(2, { revision: OLD, ready: false }),
    pod(3, { revision: OLD }),
  ] as const
  const ago = (seconds: number, ...pods: readonly PodView[]): ReadonlyMap<string, number> =>
    new Map(pods.map((one) => [one.uid, T0 - seconds * SECOND]))

  function given(
    pods: readonly PodView[],
    roles: readonly Role[],
    left: readonly PodView[],
    more: Partial<RollSituation>,
  ): RollStep {
    const seen = view(pods, {
      set: { ...halfway, replicas: pods.length, strategy: { type: 'OnDelete' } },
    })
    return nextStep({
      set: seen.set ?? halfway,
      members: membersOf(seen, roles),
      way: { kind: 'evict', left: new Set(left.map((one) => one.uid)) },
      excused: new Set(),
      told: new Set(),
      outsideSince: new Map(),
      served: new Set(),
      handedOver: new Map(),
      canStepDown: true,
      addresses: MOVE,
      now: T0,
      listChanges: true,
      ...more,
    })
  }

  test('leaves the leader of before and the one that goes outside of the new quorum: the leader is replaced next, at once', () => {
    const handedOver = new Map([[four[2].uid, { times: 1, at: T0 - 20 * SECOND }]])
    expect(
      given(four, ['follower', 'leader', 'not serving', 'not serving'], [four[2]], {
        goes: 3,
        handedOver,
        outsideSince: ago(20, four[2], four[3]),
      }),
    ).toMatchObject({ kind: 'free', member: { pod: 'zk-2' } })
    // It had time to end, start again and find the new leader, had its list had that one.
    expect(
      given(four, ['follower', 'leader', 'not serving', 'not serving'], [four[2]], {
        goes: 3,
        handedOver,
        outsideSince: ago(7, four[2], four[3]),
      }),
    ).toMatchObject({ kind: 'free', member: { pod: 'zk-2' } })
    expect(
      given(four, ['follower', 'leader', 'not serving', 'not serving'], [four[2]], {
        goes: 3,
        handedOver,
        outsideSince: ago(5, four[2], four[3]),
      }).kind,
    ).toBe('wait')
    // Without a new leader it is the only one that could still lead.
    expect(
      given(four, ['not serving', 'not serving', 'not serving', 'not serving'], [four[2]], {
        goes: 3,
        handedOver,
        outsideSince: ago(20, ...four),
      }).kind,
    ).toBe('wait')
  })

  test('is done when everybody that stays serves, wherever the one that goes is', () => {
    const there = [pod(0), pod(1), pod(2), pod(3, { revision: OLD })]
    expect(
      given(there, ['follower', 'leader', 'follower', 'not serving'], [], { goes: 3 }).kind,
    ).toBe('done')
    expect(given(there, ['follower', 'leader', 'follower', 'not serving'], [], {}).kind).toBe(
      'wait',
    )
  })

  test('never replaces the one that goes: it would come back without itself in its list', () => {
    const there = [pod(0), pod(1, { revision: OLD }), pod(2), pod(3, { revision: OLD })] as const
    const step = given(there, ['follower', 'leader', 'follower', 'not serving'], [there[1]], {
      goes: 3,
      outsideSince: ago(600, there[3]),
    })
    expect(short(step)).toBe('free zk-1')
  })

  test('gives one that stays outside although all have the same list one new start, and then waits', () => {
    const there = [pod(0), pod(1), pod(2)] as const
    const roles: readonly Role[] = ['follower', 'leader', 'not serving']
    expect(given(there, roles, [], { outsideSince: ago(60, there[2]) }).kind).toBe('wait')
    expect(given(there, roles, [], { outsideSince: ago(119, there[2]) }).kind).toBe('wait')
    expect(
      given(there, roles, [], { outsideSince: ago(61, there[2]), addresses: STAY }),
    ).toMatchObject({ kind: 'free', renews: true, member: { pod: 'zk-2' } })
    expect(given(there, roles, [], { outsideSince: ago(121, there[2]) })).toMatchObject({
      kind: 'free',
      renews: true,
      member: { pod: 'zk-2' },
    })
    expect(
      given(there, roles, [], { outsideSince: ago(121, there[2]), renewed: new Set([2]) }).kind,
    ).toBe('wait')
    expect(
      given(there, roles, [], { outsideSince: ago(121, there[2]), listChanges: false }).kind,
    ).toBe('wait')
  })

  test('brings one to it at once that is outside since the others lead with the new list: its own can not have that leader, and its turn is next', () => {
    const there = [pod(0, { revision: OLD }), pod(1), pod(2)] as const
    expect(
      given(there, ['not serving', 'follower', 'leader'], [there[0]], {
        outsideSince: ago(1, there[0]),
        addresses: STAY,
      }),
    ).toMatchObject({ kind: 'free', member: { pod: 'zk-0' } })
    // While nobody leads it may be the one that the others wait for.
    expect(
      given(there, ['not serving', 'not serving', 'not serving'], [there[0]], {
        outsideSince: ago(1, ...there),
        addresses: STAY,
      }).kind,
    ).toBe('wait')
    // The others are back first.
    expect(
      given(
        [there[0], pod(1, { ready: false }), there[2]],
        ['not serving', 'follower', 'leader'],
        [there[0]],
        { outsideSince: ago(1, there[0]), addresses: STAY },
      ).kind,
    ).toBe('wait')
  })

  test('brings the next one to the list although another waits outside for it', () => {
    const there = [pod(0), pod(1, { revision: OLD }), pod(2), pod(3), pod(4)] as const
    const roles: readonly Role[] = ['follower', 'not serving', 'not serving', 'leader', 'follower']
    expect(
      given(there, roles, [there[1]], { outsideSince: ago(121, there[1], there[2]) }),
    ).toMatchObject({ kind: 'free', member: { pod: 'zk-1' } })
  })
})

describe('a member that does not serve', () => {
  const stuck = unready(2, { state: waiting('ImagePullBackOff', 'x') }, { revision: 'zk-bad' })

  test('and is stuck on another revision is freed', () => {
    expect(
      short(
        stepOf({
          pods: [pod(0), pod(1), stuck],
          roles: ['leader', 'follower'],
          way: { kind: 'partition', stands: 2, own: 0 },
        }),
      ),
    ).toBe('free zk-2')
  })

  test('is seen to before any member that serves, the lowest first and one at a time', () => {
    const both = [
      pod(0, { revision: OLD }),
      unready(1, { state: waiting('CrashLoopBackOff') }, { revision: 'zk-bad' }),
      stuck,
    ]
    expect(short(stepOf({ pods: both, roles: ['not serving'] }))).toBe('free zk-1')
    expect(
      stepOf({
        pods: [
          pod(0, { revision: OLD }),
          unready(1, { state: waiting('ContainerCreating') }),
          stuck,
        ],
        roles: ['follower'],
      }).kind,
    ).toBe('wait')
  })

  test('but runs gets time to come back into the quorum', () => {
    const outside = pod(0, { revision: OLD })
    const given = {
      pods: [outside, old[1], old[2]],
      roles: ['not serving', 'leader', 'follower'],
    } as const
    expect(stepOf(given).kind).toBe('wait')
    expect(
      short(
        stepOf({ ...given, more: { outsideSince: new Map([[outside.uid, T0 - 121 * SECOND]]) } }),
      ),
    ).toBe('reach-down zk-0')
  })

  test('but did a moment ago gets time to come back: its container restarts in place while another one is being replaced', () => {
    const crashed = unready(
      0,
      { state: waiting('CrashLoopBackOff'), restarts: 1 },
      { revision: OLD },
    )
    const given = {
      pods: [crashed, old[1]],
      roles: [undefined, 'not serving'],
      way: { kind: 'partition', stands: 2, own: 0 },
    } as const
    const served = new Set([0, 1, 2])
    expect(short(stepOf(given))).toBe('reach-down zk-0')
    expect(stepOf({ ...given, more: { served } })).toMatchObject({
      kind: 'wait',
      reason: 'zk-0 served until a moment ago: it may come back by itself',
      lookAgainAt: T0 + 120 * SECOND,
    })
    expect(
      short(
        stepOf({
          ...given,
          more: { served, outsideSince: new Map([[crashed.uid, T0 - 121 * SECOND]]) },
        }),
      ),
    ).toBe('reach-down zk-0')
  })

  test('and was evicted is not told again, and nobody else is', () => {
    expect(
      stepOf({
        pods: [pod(0), pod(1), stuck],
        roles: ['leader', 'follower'],
        way: { kind: 'partition', stands: 2, own: 0 },
        more: { told: new Set([stuck.uid]) },
      }),
    ).toMatchObject({ kind: 'wait', reason: 'zk-2 is about to be replaced' })
  })

  test('and is Ready at another revision is left to the controller where the partition lets it go', () => {
    expect(
      stepOf({
        pods: [pod(0), pod(1), pod(2, { revision: 'zk-bad' })],
        roles: ['leader', 'follower', 'not serving'],
        way: { kind: 'partition', stands: 2, own: 0 },
      }),
    ).toMatchObject({
      kind: 'wait',
      reason: 'zk-2 does not serve, and the StatefulSet controller replaces it',
    })
  })
})

describe('a broken member below serving ones, under Parallel', () => {
  const parallel = (pods: readonly PodView[], roles: readonly (Role | undefined)[]): RollStep => {
    const seen = view(pods, {
      set: { ...halfway, replicas: pods.length, podManagement: 'Parallel' },
    })
    return nextStep({
      set: seen.set ?? halfway,
      members: membersOf(seen, roles),
      way: { kind: 'partition', stands: pods.length, own: 0 },
      excused: new Set(),
      told: new Set(),
      outsideSince: new Map(),
      served: new Set(),
      handedOver: new Map(),
      canStepDown: true,
      addresses: MOVE,
      now: T0,
    })
  }
  const crashing = unready(
    0,
    { state: waiting('CrashLoopBackOff'), restarts: 4 },
    { revision: OLD },
  )

  test('is never reached through the quorum: the controller would take the highest at once', () => {
    const step = parallel([crashing, old[1], old[2]], [undefined, 'leader', 'follower'])
    expect(step).toMatchObject({
      kind: 'wait',
      outside: [{ pod: 'zk-0' }],
      unreached: { pod: 'zk-0' },
    })
    expect(step.kind === 'wait' ? step.reason : '').toContain(
      'only after zk-1 and zk-2, which hold the quorum',
    )
  })

  test('has its turn last where the quorum bears two', () => {
    const five = [crashing, old[1], old[2], pod(3, { revision: OLD }), pod(4, { revision: OLD })]
    expect(short(parallel(five, [undefined, 'leader', 'follower', 'follower', 'follower']))).toBe(
      'take zk-4',
    )
    expect(
      parallel(
        [
          crashing,
          old[1],
          old[2],
          pod(3, { revision: OLD }),
          unready(4, { state: waiting('ContainerCreating') }),
        ],
        [undefined, 'leader', 'follower', 'follower'],
      ).kind,
    ).toBe('wait')
  })

  test('is replaced at once where no serving member of the older revision is above it', () => {
    expect(short(parallel([crashing, pod(1), pod(2)], [undefined, 'leader', 'follower']))).toBe(
      'reach-down zk-0',
    )
  })
})

describe('a newcomer that can only serve once the member before it knows it', () => {
  const alone = pod(0, { revision: OLD })
  const since = (seconds: number) =>
    unready(1, { state: { kind: 'running', since: T0 - seconds * SECOND } })
  const growing = (
    newcomer: PodView,
    stands: number,
    way: Way = { kind: 'partition', stands, own: 0 },
    roles: readonly (Role | undefined)[] = ['standalone', 'not serving'],
  ): RollStep => {
    const seen = view([alone, newcomer], {
      set: {
        ...halfway,
        replicas: 2,
        podManagement: 'Parallel',
        strategy: { type: 'RollingUpdate', partition: stands },
      },
    })
    return nextStep({
      set: seen.set ?? halfway,
      members: membersOf(seen, roles),
      way,
      excused: new Set([1]),
      told: new Set(),
      outsideSince: new Map(),
      served: new Set(),
      handedOver: new Map(),
      canStepDown: true,
      addresses: MOVE,
      now: T0,
    })
  }

  test('does not hold up that member once its server has stood for a moment', () => {
    expect(short(growing(since(11), 1))).toBe('take zk-0')
    expect(growing(since(9), 1)).toMatchObject({ kind: 'wait', lookAgainAt: T0 + SECOND })
  })

  test('that dies at its start costs the only serving member nothing', () => {
    expect(growing(unready(1, { state: waiting('CrashLoopBackOff') }), 1).kind).toBe('wait')
    expect(growing(unscheduled(1, '0/4 nodes are available'), 1).kind).toBe('wait')
  })

  test('uses up what may be away: the controller replaces nobody, so that member is evicted', () => {
    expect(growing(since(11), 0)).toMatchObject({
      kind: 'free',
      member: { pod: 'zk-0' },
      why: 'zk-1 can only serve once zk-0 knows it',
    })
    expect(short(growing(since(11), 0, { kind: 'evict', left: new Set([alone.uid]) }))).toBe(
      'free zk-0',
    )
  })

  test('and is Ready all the same leaves it to the controller', () => {
    expect(growing(pod(1), 0).kind).toBe('wait')
  })

  test.each<[string, readonly Role[], number, readonly number[]]>([
    ['the second of one that runs alone', ['standalone'], 2, [1]],
    ['the second, met again after a run that was cut off', ['standalone', 'not serving'], 2, [1]],
    ['the second where nobody can be asked', ['unknown'], 2, [1]],
    ['nobody among two that know each other', ['leader', 'follower'], 2, []],
    ['nobody where two can not be asked', ['unknown', 'unknown'], 2, []],
    ['not the third', ['leader', 'follower'], 3, []],
  ])('is %s', (_, roles, wanted, excused) => {
    const seen = view(
      roles.map((_role, ordinal) => pod(ordinal)),
      { set: { ...halfway, replicas: roles.length } },
    )
    expect([...excusedNewcomers(membersOf(seen, roles), 0, wanted)]).toEqual(excused)
  })
})

describe('a roll by evictions', () => {
  const evicting = (left: readonly PodView[]): Way => ({
    kind: 'evict',
    left: new Set(left.map((one) => one.uid)),
  })

  test('takes the lowest follower first and the leader last', () => {
    expect(
      short(stepOf({ pods: old, roles: ['leader', 'follower', 'follower'], way: evicting(old) })),
    ).toBe('take zk-1')
    expect(
      short(
        stepOf({
          pods: [old[0], pod(1), pod(2)],
          roles: ['leader', 'follower', 'follower'],
          way: evicting([old[0]]),
        }),
      ),
    ).toBe('hand-over zk-0')
  })

  test('is done when nobody is left and everyone serves', () => {
    expect(
      stepOf({
        pods: [pod(0), pod(1), pod(2)],
        roles: ['leader', 'follower', 'follower'],
        way: evicting([]),
      }).kind,
    ).toBe('done')
    expect(
      stepOf({
        pods: [pod(0), pod(1), pod(2)],
        roles: ['leader', 'follower', 'not serving'],
        way: evicting([]),
      }).kind,
    ).toBe('wait')
  })
})

describe('the partition to begin with', () => {
  const at = (
    pods: readonly PodView[],
    roles: readonly (Role | undefined)[],
    target?: string,
    own = 0,
  ): number => heldPartition(membersOf(view(pods, { set: halfway }), roles), 0, own, target)

  test('holds every serving member', () => {
    expect(at(old, ['leader', 'follower', 'follower'])).toBe(3)
  })

  test('lets go at once what does not serve at the top', () => {
    expect(
      at(
        [old[0], old[1], unready(2, { state: waiting('CrashLoopBackOff') })],
        ['leader', 'follower'],
      ),
    ).toBe(2)
  })

  test('holds nobody where nobody serves', () => {
    expect(at(old, ['not serving', 'not serving', 'down'])).toBe(0)
  })

  test('does not hold who has the wanted revision already', () => {
    expect(at([old[0], pod(1), pod(2)], ['leader', 'follower', 'follower'], NEW)).toBe(1)
  })

  test("is never below the manifest's own", () => {
    expect(at([pod(0), pod(1), pod(2)], ['leader', 'follower', 'follower'], NEW, 2)).toBe(2)
  })
})

test('who waits for a member that could not be reached says why it could not', () => {
  const pods = [pod(0), pod(1), pod(2)]
  const roles = ['unreachable', 'unreachable', 'unreachable'] as const
  const members = membersOf(view(pods, { set: halfway }), roles).map((member) => ({
    ...member,
    trouble: 'port-forward failed (a gateway answered 403)',
  }))
  expect(stepOf({ pods, roles, more: { members } })).toMatchObject({
    kind: 'wait',
    reason: expect.stringMatching(
      /^zk-\d is Ready, but could not be reached: port-forward failed \(a gateway answered 403\); whether it serves is not known/,
    ),
    outside: [{ pod: 'zk-0' }, { pod: 'zk-1' }, { pod: 'zk-2' }],
  })
})
