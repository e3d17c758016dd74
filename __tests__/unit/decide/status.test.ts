// What status answers at night: whether somebody has to get up, and what to type then.

import { describe, expect, test } from '@jest/globals'
import type { Scaling } from '../../../src/decide/during-scale.ts'
import { diagnose, memoryOfWait } from '../../../src/decide/diagnosis/diagnose.ts'
import { judgeRollout } from '../../../src/decide/rollout/rollout.ts'
import type { ServingVerdict } from '../../../src/decide/members/serving.ts'
import { heldRoll, judgeStatus, progressLine, type Background } from '../../../src/decide/status.ts'
import type { Finding } from '../../../src/errors.ts'
import type { EnsembleView } from '../../../src/view/surroundings.ts'
import { ended, NEW, OLD, pod, set, T0, unready, view, waiting } from './given.ts'

const SERVING: ServingVerdict = {
  outcome: 'passed',
  detail: 'zk-1 leads, 2 follow',
  findings: [],
  onTheWay: false,
}
const NOTHING_KNOWN: Background = {
  unfinished: undefined,
  alive: undefined,
  ownPartition: undefined,
}

function judged(
  seen: EnsembleView,
  more: {
    readonly serving?: ServingVerdict
    readonly background?: Background
    readonly now?: number
    readonly losses?: readonly Finding[]
    readonly scale?: Scaling
  } = {},
): readonly Finding[] {
  const now = more.now ?? T0
  return judgeStatus({
    now,
    view: seen,
    verdict: judgeRollout(seen, now, {}),
    diagnoses: diagnose(seen, now, memoryOfWait()).findings,
    serving: more.serving ?? SERVING,
    background: more.background ?? NOTHING_KNOWN,
    losses: more.losses ?? [],
    scale: more.scale,
  })
}

const rolling = { status: { currentRevision: OLD, updateRevision: NEW, updated: 1 } }
const old = (ordinal: number): ReturnType<typeof pod> => pod(ordinal, { revision: OLD })

describe('one look', () => {
  test('at an ensemble that is done and serves finds nothing', () => {
    expect(judged(view([pod(0), pod(1), pod(2)]))).toEqual([])
  })

  test('at a healthy roll says that it is not done, how far it is and who is next', () => {
    const [first, ...rest] = judged(view([old(0), old(1), pod(2)], { set: set(rolling) }))
    expect(rest).toEqual([])
    expect(first).toMatchObject({
      code: 'NOT_READY',
      severity: 'error',
      fix: 'Look again in a minute.',
      orSet: { input: 'wait', value: 'true' },
    })
    expect(first?.message).toBe(
      `the roll is under way: 1 of 3 members is at the wanted revision ${NEW}; zk-1 is available on node-2 at another revision ${OLD}, to be replaced (1 of 3 members done)`,
    )
  })

  test('at a member that is coming up leads with the roll, not with the member', () => {
    const [first] = judged(
      view([old(0), old(1), unready(2, { state: { kind: 'running', since: T0 - 20_000 } })], {
        set: set(rolling),
      }),
    )
    expect(first?.message).toBe(
      `the roll is under way: 1 of 3 members is at the wanted revision ${NEW}; zk-2, container zookeeper: runs, but is not Ready, for 30.0s`,
    )
  })

  test('at a server that was restarted once in place, as a leader is that hands over leadership, calls it no crash loop', () => {
    const restarted = unready(
      1,
      { restarts: 1, state: { kind: 'running', since: T0 - 2_000 }, last: ended(143) },
      { revision: OLD },
    )
    const [first] = judged(
      view([old(0), restarted, pod(2)], {
        set: set({ ...rolling, strategy: { type: 'RollingUpdate', partition: 2 } }),
      }),
    )
    expect(first).toMatchObject({
      code: 'NOT_READY',
      message: expect.stringMatching(
        /^the roll is under way: 1 of 3 members is at the wanted revision/,
      ),
    })
  })

  test('at a fault leads with the fault and its code', () => {
    const [first] = judged(
      view(
        [
          old(0),
          old(1),
          unready(2, {
            state: waiting('ImagePullBackOff', 'Back-off pulling image "zookeeper:nope"'),
          }),
        ],
        { set: set(rolling) },
      ),
    )
    expect(first?.code).toBe('IMAGE_PULL')
    expect(first?.message).toMatch(
      /^zk-2, container zookeeper: image .*; 1 of 3 members is at the wanted revision/,
    )
  })

  test('at the state that a rollout undo leaves stuck tells which pod to delete', () => {
    const stuck = unready(2, { state: waiting('ImagePullBackOff') }, { revision: 'zk-bad' })
    const [first] = judged(view([pod(0), pod(1), stuck]))
    expect(first).toMatchObject({
      code: 'NOT_READY',
      object: 'pod/zk-2',
      fix: expect.stringContaining('kubectl -n prod delete pod zk-2'),
    })
  })

  test('before the controller has seen the change says so instead of judging the revision before', () => {
    const [first] = judged(view([pod(0), pod(1), pod(2)], { set: set({ generation: 3 }) }))
    expect(first?.message).toContain('has not seen generation 3')
  })
})

describe('a member that is Ready and not in the quorum', () => {
  const outside: ServingVerdict = {
    outcome: 'failed',
    detail: '',
    findings: [
      { code: 'CHECK_FAILED', severity: 'error', message: 'zk-0 runs but is not in the quorum' },
    ],
    onTheWay: false,
  }

  test('is a failure when the roll is done', () => {
    expect(judged(view([pod(0), pod(1), pod(2)]), { serving: outside })).toEqual(outside.findings)
  })

  test('while the roll is under way is expected: the roll is the answer, the member a warning', () => {
    const findings = judged(view([old(0), old(1), pod(2)], { set: set(rolling) }), {
      serving: outside,
    })
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['NOT_READY', 'error'],
      ['CHECK_FAILED', 'warning'],
    ])
  })

  test('a lost quorum stays an error also during a roll', () => {
    const lost: ServingVerdict = {
      outcome: 'failed',
      detail: '',
      findings: [{ code: 'QUORUM_LOST', severity: 'error', message: 'no quorum' }],
      onTheWay: false,
    }
    expect(
      judged(view([old(0), old(1), pod(2)], { set: set(rolling) }), { serving: lost }),
    ).toContainEqual(lost.findings[0])
  })
})

describe('a roll that the strategy holds', () => {
  const partitioned = view([old(0), old(1), pod(2)], {
    set: set({ ...rolling, strategy: { type: 'RollingUpdate', partition: 2 } }),
  })
  const byHand = view([old(0), old(1), pod(2)], {
    set: set({ ...rolling, strategy: { type: 'OnDelete' } }),
  })

  test('is named with the partition and the members below it', () => {
    expect(heldRoll(partitioned)).toEqual({
      keeps: `partition 2 keeps zk-0 and zk-1 at revision ${OLD}`,
      text: `partition 2 keeps zk-0 and zk-1 at revision ${OLD}; 1 of 3 members is at the wanted revision ${NEW}`,
    })
    expect(heldRoll(byHand)?.text).toContain('updateStrategy OnDelete leaves zk-0 and zk-1')
    expect(heldRoll(view([pod(0), pod(1), pod(2)]))).toBeUndefined()
  })

  test('counts the partition from the first ordinal', () => {
    const shifted = view([pod(5, { revision: OLD }), pod(6)], {
      set: set({
        ...rolling,
        start: 5,
        replicas: 2,
        strategy: { type: 'RollingUpdate', partition: 1 },
      }),
    })
    expect(heldRoll(shifted)?.keeps).toBe(`partition 1 keeps zk-5 at revision ${OLD}`)
  })

  test.each<[string, EnsembleView, Background]>([
    [
      'a change of ours was begun and did not end',
      partitioned,
      { unfinished: 'deploy was begun', alive: false, ownPartition: undefined },
    ],
    [
      'the partition is higher than the manifest of the last verified revision has it',
      partitioned,
      { unfinished: undefined, alive: undefined, ownPartition: 0 },
    ],
    [
      'a roll by evictions was begun and did not end',
      byHand,
      { unfinished: 'deploy was begun', alive: false, ownPartition: undefined },
    ],
  ])('is a halt, and no success, where %s', (_, seen, background) => {
    const [first, ...rest] = judged(seen, { background })
    expect(rest).toEqual([])
    expect(first).toMatchObject({
      code: 'NOT_READY',
      severity: 'error',
      message: expect.stringMatching(/^the roll is halted: /),
      fix: expect.stringContaining('Run the deploy again'),
    })
  })

  test('by a run that is at work is no halt, and not done either', () => {
    const [first] = judged(partitioned, {
      background: { unfinished: 'deploy was begun', alive: true, ownPartition: undefined },
    })
    expect(first).toMatchObject({
      code: 'NOT_READY',
      message: expect.stringMatching(/^the roll continues step by step: partition 2 keeps/),
      orSet: { input: 'wait', value: 'true' },
    })
  })

  test.each<[string, Background]>([
    [
      'the manifest itself asks for it (a canary)',
      { unfinished: undefined, alive: undefined, ownPartition: 2 },
    ],
    ['nothing is known of it', NOTHING_KNOWN],
  ])('is no failure where %s', (_, background) => {
    expect(judged(partitioned, { background })).toEqual([])
    expect(judged(byHand, { background })).toEqual([])
  })
})

describe('the line of how far it has come agrees with the verdict', () => {
  const line = (seen: EnsembleView, background: Background = NOTHING_KNOWN): string =>
    progressLine({
      view: seen,
      verdict: judgeRollout(seen, T0, {}),
      diagnoses: diagnose(seen, T0, memoryOfWait()).findings,
      background,
    })
  const held = view([old(0), old(1), pod(2)], {
    set: set({ ...rolling, strategy: { type: 'RollingUpdate', partition: 2 } }),
  })
  const starting = unready(2, { state: { kind: 'running', since: T0 - 20_000 } })
  const pulling = unready(2, {
    state: waiting('ImagePullBackOff', 'Back-off pulling image "zookeeper:nope"'),
  })
  const cutOff: Background = {
    unfinished: 'deploy was begun',
    alive: false,
    ownPartition: undefined,
  }

  test.each<[string, EnsembleView, Background, RegExp]>([
    [
      'a healthy roll is under way',
      view([old(0), old(1), pod(2)], { set: set(rolling) }),
      NOTHING_KNOWN,
      /^the roll is under way: 1 of 3 members is/,
    ],
    [
      'a roll whose member is only starting is under way',
      view([old(0), old(1), starting], { set: set(rolling) }),
      NOTHING_KNOWN,
      /^the roll is under way: 1 of 3/,
    ],
    [
      'a roll with a member that cannot come up is not under way',
      view([old(0), old(1), pulling], { set: set(rolling) }),
      NOTHING_KNOWN,
      /^the roll is held up: 1 of 3/,
    ],
    [
      'what a rollout undo leaves stuck is not under way',
      view([
        pod(0),
        pod(1),
        unready(2, { state: waiting('ImagePullBackOff') }, { revision: 'zk-bad' }),
      ]),
      NOTHING_KNOWN,
      /^the roll is held up: 2 of 3/,
    ],
    [
      'a roll by hand is done with its last member, although the controller never says so',
      view([pod(0), pod(1), pod(2)], { set: set({ ...rolling, strategy: { type: 'OnDelete' } }) }),
      NOTHING_KNOWN,
      /^3 of 3 members are available$/,
    ],
    ['a roll that nobody continues is halted', held, cutOff, /^the roll is halted: 1 of 3/],
    [
      'a roll that its run continues is under way',
      held,
      { ...cutOff, alive: true },
      /^the roll is under way: 1 of 3/,
    ],
    [
      'a canary is no roll under way',
      held,
      { unfinished: undefined, alive: undefined, ownPartition: 2 },
      /^a part of the members is held back: 1 of 3/,
    ],
    [
      'what is done counts who is available',
      view([pod(0), pod(1), pod(2)]),
      NOTHING_KNOWN,
      /^3 of 3 members are available$/,
    ],
  ])('%s', (_, seen, background, words) => {
    expect(line(seen, background)).toMatch(words)
  })

  test('a halted roll whose last member is still starting is halted in every error that is told of it', () => {
    const seen = view([old(0), old(1), starting], {
      set: set({ ...rolling, strategy: { type: 'RollingUpdate', partition: 2 } }),
    })
    const messages = judged(seen, { background: cutOff })
      .filter(({ severity }) => severity === 'error')
      .map(({ message }) => message)
    expect(messages[0]).toMatch(/^the roll is halted: /)
    expect(messages.join(' ')).not.toContain('under way')
    expect(messages.join(' ').match(/members is at the wanted revision/g)).toHaveLength(1)
  })
})

describe('a scale that was cut off', () => {
  const scale = {
    words: 'a scale of zk was begun and has not ended',
    ways: 'Scale to 2 again.',
    end: 'Finish it first: Scale to 2 again.',
  }
  const left = view([
    pod(0),
    pod(1),
    unready(2, { state: { kind: 'running', since: T0 - 20_000 } }),
  ])
  const background = { unfinished: 'scale was begun', alive: false, ownPartition: undefined }

  test('comes before what a member that has left lacks: no waiting brings that one back', () => {
    expect(judged(left, { background, scale })[0]).toMatchObject({
      code: 'NOT_READY',
      message: scale.words,
      fix: scale.end,
    })
  })

  test('is told once: that it holds the roll as well is no fault of its own', () => {
    const held = view([old(0), ...left.pods.slice(1)], {
      set: set({ ...rolling, strategy: { type: 'OnDelete' } }),
    })
    const messages = judged(held, { background, scale }).map(({ message }) => message)
    expect(messages).toContain(scale.words)
    expect(messages.join('\n')).not.toContain('OnDelete')
    expect(
      judged(held, { background })
        .map(({ message }) => message)
        .join('\n'),
    ).toContain('OnDelete')
  })

  test('may continue, where its run shows signs of life', () => {
    expect(judged(left, { background: { ...background, alive: true }, scale })[0]).toMatchObject({
      message: scale.words,
      fix: expect.stringMatching(/^Look again in a minute\. If .* was killed: Scale to 2 again\.$/),
      orSet: { input: 'wait' },
    })
  })

  test('is no fault of an ensemble whose members all serve', () => {
    expect(judged(view([pod(0), pod(1), pod(2)]), { background, scale })).toEqual([])
  })
})
