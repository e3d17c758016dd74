// Two members added at once can form a majority without the data; a member that goes while another
// is outside costs the quorum.

import { describe, expect, test } from '@jest/globals'
import { membersNow, type RollSituation } from '../../../src/decide/rollout/roll.ts'
import {
  harmfulClaims,
  leaveStep,
  planScale,
  serveAlone,
  strandedBy,
  withAwaited,
  type ScaleSituation,
} from '../../../src/decide/scale.ts'
import type { Role } from '../../../src/ensemble/profile.ts'
import type { PodView } from '../../../src/view/workload.ts'
import { pod, SECOND, set, T0, view } from './given.ts'

const STAY = { kind: 'stay', reason: 'the member list names a Service for each member' } as const

function plan(
  more: Partial<ScaleSituation> & Pick<ScaleSituation, 'target'>,
): readonly string[] | undefined {
  const listed = more.listed ?? more.replicas ?? 3
  return planScale({
    name: 'zk',
    start: 0,
    replicas: listed,
    listed,
    unfinished: false,
    voting: true,
    ...more,
  })?.map((step) => `${step.kind} ${step.count}${step.outage === undefined ? '' : ' (outage)'}`)
}

describe('the way to another number of members', () => {
  test.each<
    [
      string,
      Partial<ScaleSituation> & Pick<ScaleSituation, 'target'>,
      readonly string[] | undefined,
    ]
  >([
    ['up, one by one', { target: 5 }, ['add 4', 'add 5']],
    [
      'from one, with what it costs',
      { replicas: 1, target: 3 },
      ['add 2 (outage)', 'add 3 (outage)'],
    ],
    ['down, one by one', { replicas: 6, target: 4 }, ['remove 5', 'remove 4']],
    ['down to one, with what it costs', { target: 1 }, ['remove 2 (outage)', 'remove 1 (outage)']],
    ['none where it is reached', { target: 3 }, []],
    [
      'finished first when it was cut off',
      { replicas: 4, unfinished: true, target: 5 },
      ['finish 4', 'add 5'],
    ],
    [
      'finished when it was cut off at the last step',
      { replicas: 5, unfinished: true, target: 5 },
      ['finish 5'],
    ],
    [
      'turned round at once when it was cut off',
      { replicas: 6, unfinished: true, target: 5 },
      ['remove 5'],
    ],
    [
      'down through four, which costs nothing while the one that goes still votes',
      { replicas: 5, target: 2 },
      ['remove 4', 'remove 3', 'remove 2 (outage)'],
    ],
    [
      'finished first where some still know the list of five: three more of them are needed than stay',
      { replicas: 4, unfinished: true, known: [5, 4], target: 3 },
      ['finish 4', 'remove 3'],
    ],
    [
      'finished first where it can not be known what they know',
      { replicas: 4, unfinished: true, known: 'unknown', target: 3 },
      ['finish 4', 'remove 3'],
    ],
    [
      'turned round at once where nobody knows more than four',
      { replicas: 4, unfinished: true, known: [3, 4], target: 3 },
      ['remove 3'],
    ],
    [
      'finished first although somebody else added a pod',
      { replicas: 5, listed: 4, unfinished: true, known: [3, 4], target: 5 },
      ['finish 4', 'add 5'],
    ],
    [
      'finished with what that costs',
      { replicas: 2, unfinished: true, known: [3, 2], target: 2 },
      ['finish 2 (outage)'],
    ],
    [
      'not held up by lists where nobody votes',
      { replicas: 4, unfinished: true, known: [6], voting: false, target: 3 },
      ['remove 3'],
    ],
    [
      'from what the list names, when somebody else added one pod',
      { replicas: 4, listed: 3, target: 5 },
      ['add 4', 'add 5'],
    ],
    [
      'from what the list names, when somebody else took one pod',
      { replicas: 2, listed: 3, target: 1 },
      ['remove 2 (outage)', 'remove 1 (outage)'],
    ],
    [
      // The members that still know the list of four need the vote of the fourth.
      'continued where one was about to go, who goes last',
      { replicas: 4, listed: 3, target: 3 },
      ['remove 3'],
    ],
    [
      'back to the list, when somebody else took one pod',
      { replicas: 2, listed: 3, target: 3 },
      ['restore 3'],
    ],
    [
      'continued and on',
      { replicas: 4, listed: 3, target: 1 },
      ['remove 3', 'remove 2 (outage)', 'remove 1 (outage)'],
    ],
    ['refused where the list is two away', { replicas: 5, listed: 3, target: 5 }, undefined],
    [
      'without talk of a quorum where nobody votes',
      { replicas: 1, target: 3, voting: false },
      ['add 2', 'add 3'],
    ],
  ])('is %s', (_, given, steps) => {
    expect(plan(given)).toEqual(steps)
  })

  test('names the member that comes or goes, from the first ordinal on', () => {
    expect(
      planScale({
        name: 'zk',
        start: 5,
        replicas: 3,
        listed: 3,
        unfinished: false,
        target: 4,
        voting: true,
      }),
    ).toMatchObject([{ ordinal: 8, words: '3 → 4: zk-8 comes' }])
    expect(
      planScale({
        name: 'zk',
        start: 5,
        replicas: 3,
        listed: 3,
        unfinished: false,
        target: 2,
        voting: true,
      }),
    ).toMatchObject([{ ordinal: 7, words: '3 → 2: zk-7 goes' }])
  })
})

describe('members that should serve and do not', () => {
  const steps = (target: number) =>
    planScale({
      name: 'c',
      start: 0,
      replicas: 4,
      listed: 4,
      unfinished: false,
      target,
      voting: false,
    }) ?? []
  const kinds = (target: number, away: readonly string[], begun: boolean): readonly string[] =>
    withAwaited(steps(target), { away, count: 4, begun }).map(
      ({ kind, count }) => `${kind} ${count}`,
    )
  // "4 of 4 members are there already" was said of one that had just been made, and the check that
  // followed failed.
  test.each([
    ['are waited for where that is all there is to do', 4, ['c-3'], false, ['await 4']],
    ['and after a run that was cut off', 4, ['c-3'], true, ['await 4']],
    ['before another one comes', 5, ['c-3'], true, ['await 4', 'add 5']],
    ['not before one goes, which may be the one', 3, ['c-3'], true, ['remove 3']],
    ['where nothing was begun the change is refused', 5, ['c-1'], false, ['add 5']],
    ['where all serve nothing is waited for', 4, [], true, []],
  ] as const)('%s', (_, target, away, begun, expected) =>
    expect(kinds(target, away, begun)).toEqual(expected),
  )
})

describe('members that came back with the shorter list', () => {
  test.each([
    ['two of four are no majority of it with the others', ['zk-0', 'zk-1'], ['zk-0', 'zk-1'], true],
    ['one joins the three others', ['zk-0'], ['zk-0'], false],
    ['one with the longer list may come back by itself', ['zk-0', 'zk-1'], ['zk-0'], false],
    ['all serve', [], ['zk-0', 'zk-1'], false],
    ['where none serves it is not the list', ['0', '1', '2', '3'], ['0', '1', '2', '3'], false],
  ])('%s', (_, away, shorter, stranded) =>
    expect(strandedBy({ listed: 4, away, shorter: new Set(shorter) })).toEqual(
      stranded ? away : [],
    ),
  )

  test.each([
    [3, ['finish 5', 'remove 4', 'remove 3']],
    [4, ['finish 5', 'remove 4']],
    [5, ['finish 5']],
    [6, ['finish 5', 'add 6']],
  ])('get the longer one first, on the way to %i', (target, steps) =>
    expect(plan({ replicas: 5, listed: 4, stranded: ['zk-0', 'zk-1'], target })).toEqual(steps),
  )
})

// "4 → 3", cut off once two had the list of three, and turned round: the new run waited for members
// that could not join, and to give those two the longer list again would have ended their majority.
describe('members with the shorter list that serve without the others', () => {
  test.each([
    ['two of three, and the third can not join them', 3, ['zk-2'], ['zk-0', 'zk-1'], true],
    ['three of four: with three of five the fourth joins', 4, ['zk-3'], ['0', '1', '2'], false],
    ['all serve', 3, [], ['zk-0', 'zk-1'], false],
    ['who is outside has it', 3, ['zk-1'], ['zk-0', 'zk-1'], false],
    ['no majority of it', 3, ['zk-1', 'zk-2'], ['zk-0'], false],
    ['one serves that does not have it', 3, ['zk-2'], ['zk-0'], false],
  ])('%s', (_, listed, away, shorter, alone) =>
    expect(serveAlone({ listed, away, shorter: new Set(shorter) })).toBe(alone),
  )

  test.each([
    [3, ['remove 3']],
    [4, ['remove 3', 'add 4']],
    [5, ['remove 3', 'add 4', 'add 5']],
  ])('the one that was to go goes first, on the way to %i', (target, steps) =>
    expect(plan({ replicas: 4, listed: 3, alone: true, target })).toEqual(steps),
  )
})

const MOVE = { kind: 'move', reason: 'the member list names the pods' } as const

describe('a member goes', () => {
  const ask = (
    roles: readonly Role[],
    more: Partial<RollSituation> & { readonly pods?: readonly PodView[] } = {},
  ): ReturnType<typeof leaveStep> => {
    const pods = more.pods ?? roles.map((_role, ordinal) => pod(ordinal))
    const shown = view(pods, { set: set({ replicas: roles.length }) })
    const members = membersNow(
      shown,
      T0,
      new Map(pods.map((one, index) => [one.uid, roles[index] ?? 'unknown'])),
      new Map(pods.map((one) => [one.uid, T0 - 600 * SECOND])),
    )
    return leaveStep(
      {
        set: set({ replicas: roles.length }),
        members,
        excused: new Set(),
        told: new Set(),
        outsideSince: new Map(),
        served: new Set(),
        handedOver: new Map(),
        canStepDown: true,
        addresses: MOVE,
        now: T0,
        ...more,
      },
      roles.length - 1,
    )
  }

  test('when every other one serves', () => {
    expect(ask(['leader', 'follower', 'follower', 'follower']).kind).toBe('leave')
  })

  test.each([
    ['is outside', ['leader', 'not serving', 'follower', 'follower']],
    ['is not reached', ['leader', 'down', 'follower', 'follower']],
  ] as const)('not while another one %s', (_, roles) => {
    expect(ask(roles)).toMatchObject({ kind: 'wait', reason: 'zk-1 must serve before zk-3 goes' })
  })

  test('after it has handed over leadership', () => {
    expect(ask(['follower', 'follower', 'follower', 'leader'])).toMatchObject({
      kind: 'hand-over',
      member: { pod: 'zk-3' },
    })
  })

  test('while one is outside whose list lacks it: it leads, and can not be followed', () => {
    const roles = ['follower', 'not serving', 'follower', 'leader'] as const
    const [, outside] = roles.map((_role, ordinal) => pod(ordinal))
    const without = new Set([outside?.uid ?? ''])
    expect(ask(roles, { without })).toMatchObject({ kind: 'hand-over', member: { pod: 'zk-3' } })
    // What keeps another one outside is not known.
    expect(ask(['not serving', 'not serving', 'follower', 'leader'], { without }).kind).toBe('wait')
    expect(ask(roles).kind).toBe('wait')
  })

  test('while those who serve have the list without it, and who is outside has not', () => {
    const roles = ['follower', 'leader', 'not serving', 'not serving'] as const
    const without = new Set([0, 1].map((ordinal) => pod(ordinal).uid))
    expect(ask(roles, { without })).toEqual({ kind: 'leave', unneeded: true })
    // With the same list it may yet join.
    const all = new Set([0, 1, 2].map((ordinal) => pod(ordinal).uid))
    expect(ask(roles, { without: all }).kind).toBe('wait')
    expect(ask(roles).kind).toBe('wait')
    // It may lead.
    expect(ask([...roles.slice(0, 3), 'unreachable'], { without }).kind).toBe('wait')
  })

  test('after another one leads, where addresses stay too: with the list without it nobody could follow it', () => {
    const roles = ['follower', 'follower', 'follower', 'leader'] as const
    expect(ask(roles, { goes: 3, addresses: STAY })).toMatchObject({
      kind: 'hand-over',
      member: { pod: 'zk-3' },
    })
    expect(ask(roles, { goes: 3, addresses: STAY, canStepDown: false })).toMatchObject({
      kind: 'free',
      member: { pod: 'zk-3' },
      renews: true,
    })
    // Once is enough: it may be elected again and again.
    expect(
      ask(roles, { goes: 3, addresses: STAY, canStepDown: false, renewed: new Set([3]) }).kind,
    ).toBe('leave')
  })

  test('as it is where its leading can not be given to anybody', () => {
    expect(ask(['follower', 'leader']).kind).toBe('leave')
    expect(ask(['follower', 'follower', 'leader'], { canStepDown: false }).kind).toBe('leave')
  })

  test('at once when it does not serve', () => {
    expect(ask(['leader', 'follower', 'follower', 'not serving']).kind).toBe('leave')
  })

  test('also when its pod is not there', () => {
    expect(
      ask(['leader', 'follower', 'follower', 'follower'], { pods: [pod(0), pod(1), pod(2)] }).kind,
    ).toBe('leave')
  })
})

/** Two majorities, each by its own list, that share no member can both decide. */
function overlap(a: number, b: number): boolean {
  return Math.floor(a / 2) + 1 + Math.floor(b / 2) + 1 > Math.max(a, b)
}

describe('cut off anywhere and continued, to the same number or another,', () => {
  const sizes = [1, 2, 3, 4, 5, 6, 7]
  /**
   * What the cluster shows when a step was begun from a list of `from` and cut off: the members of
   * before know that one.
   */
  const cut = (from: number, count: number, target: number): ScaleSituation => ({
    name: 'zk',
    start: 0,
    replicas: count,
    listed: count,
    unfinished: true,
    known: [from, count],
    target,
    voting: true,
  })
  const cases = sizes.flatMap((from) =>
    [from - 1, from + 1]
      .filter((count) => sizes.includes(count))
      .map((count) => [from, count] as const),
  )

  test.each(cases)(
    'from %i to %i: majorities of all lists that are known at once share a member, and the target is reached',
    (from, count) => {
      for (const target of sizes) {
        let known: readonly number[] = [from, count]
        let reached = count
        for (const step of planScale(cut(from, count, target)) ?? []) {
          const together = [...known, step.count]
          for (const a of together)
            for (const b of together)
              expect([from, count, target, a, b, overlap(a, b)]).toEqual([
                from,
                count,
                target,
                a,
                b,
                true,
              ])
          known = [step.count]
          reached = step.count
        }
        expect(reached).toBe(target)
        expect(known).toEqual([target])
      }
    },
  )

  test('two steps at once would not', () => {
    expect([overlap(1, 3), overlap(3, 5), overlap(5, 3)]).toEqual([false, false, false])
  })
})

describe('claims of an earlier installation', () => {
  const third = [{ uid: 'c' }]
  // A new Cassandra member crash-looped on the data of the one that had been decommissioned.
  test.each([
    ['keep a new Cassandra member from joining', 'cassandra', third, [], ['c']],
    ['serve a ZooKeeper member again', 'zookeeper', third, [], []],
    ['of the second ZooKeeper member may win over the first', 'zookeeper', third, third, ['c']],
    ['are data like any other for pods', 'none', third, third, []],
  ] as const)('%s', (_, profile, old, second, expected) => {
    expect(harmfulClaims(profile, old, second).map(({ uid }) => uid)).toEqual(expected)
  })
})
