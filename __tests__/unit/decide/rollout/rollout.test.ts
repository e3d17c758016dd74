// A deploy that ends too early says "done" of an ensemble that isn't; one that ends too late burns
// the workflow's time.

import { describe, expect, test } from '@jest/globals'
import {
  judgeRollout,
  progressKey,
  type RolloutVerdict,
} from '../../../../src/decide/rollout/rollout.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import {
  container,
  ended,
  NEW,
  OLD,
  pod,
  SECOND,
  set,
  T0,
  unready,
  unscheduled,
  view,
  waiting,
} from '../given.ts'

const three = [pod(0), pod(1), pod(2)]

function judge(seen: EnsembleView, goal: { generation?: number } = {}): RolloutVerdict {
  return judgeRollout(seen, T0, goal)
}

function states(verdict: RolloutVerdict): readonly string[] {
  return verdict.members.map((member) => `${member.pod} ${member.state}`)
}

describe('a rollout is done', () => {
  const rows: readonly (readonly [string, EnsembleView])[] = [
    ['with every member at the update revision, Ready and available', view(three)],
    ['with ordinals that begin at 5', view([pod(5), pod(6), pod(7)], { set: set({ start: 5 }) })],
    ['with minReadySeconds over for each pod', view(three, { set: set({ minReadySeconds: 60 }) })],
    [
      'at the partition, with lower members at the current revision',
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), pod(2)], {
        set: set({
          strategy: { type: 'RollingUpdate', partition: 2 },
          status: { currentRevision: OLD },
        }),
      }),
    ],
    [
      'below the partition also at the update revision',
      view(three, {
        set: set({
          strategy: { type: 'RollingUpdate', partition: 2 },
          status: { currentRevision: OLD },
        }),
      }),
    ],
    [
      'with a partition counted from the first ordinal',
      view([pod(5, { revision: OLD }), pod(6)], {
        set: set({
          start: 5,
          replicas: 2,
          strategy: { type: 'RollingUpdate', partition: 1 },
          status: { currentRevision: OLD },
        }),
      }),
    ],
    [
      'under OnDelete at any revision',
      view([pod(0, { revision: OLD }), pod(1), pod(2)], {
        set: set({ strategy: { type: 'OnDelete' }, status: { currentRevision: OLD } }),
      }),
    ],
    ['with no member wanted and none there', view([], { set: set({ replicas: 0 }) })],
    [
      'beside a pod that only carries the same label',
      view([
        ...three,
        pod(9, {
          name: 'zk-debug',
          ordinal: undefined,
          owner: { kind: 'ReplicaSet', name: 'debug', uid: 'other' },
          ready: false,
        }),
      ]),
    ],
  ]
  test.each(rows)('%s', (_, seen) => {
    expect(judge(seen).kind).toBe('done')
  })

  test('under OnDelete says which pods a person must still delete', () => {
    const verdict = judge(
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), pod(2)], {
        set: set({ strategy: { type: 'OnDelete' } }),
      }),
    )
    expect(verdict.leftToDelete).toEqual(['zk-0', 'zk-1'])
    expect(verdict).toMatchObject({
      kind: 'done',
      note: expect.stringContaining('zk-0, zk-1 stay at another revision until deleted'),
    })
  })

  test('at a partition says who stays behind', () => {
    const verdict = judge(
      view([pod(0, { revision: OLD }), pod(1), pod(2)], {
        set: set({
          strategy: { type: 'RollingUpdate', partition: 1 },
          status: { currentRevision: OLD },
        }),
      }),
    )
    expect(verdict).toMatchObject({
      kind: 'done',
      note: `partition 1: zk-0 stays at revision ${OLD}`,
    })
  })

  test('names strangers with the same label', () => {
    const verdict = judge(
      view([...three, pod(9, { name: 'zk-debug', ordinal: undefined, owner: undefined })]),
    )
    expect(verdict.strangers).toEqual(['zk-debug'])
  })
})

describe('a rollout waits', () => {
  const rows: readonly (readonly [string, EnsembleView, string])[] = [
    ['for a set that is not there', view([], { set: undefined }), 'not there'],
    [
      'for a set that is being deleted',
      view(three, { set: set({ deleting: true }) }),
      'being deleted',
    ],
    [
      'for the controller to see the new generation',
      view(three, { set: set({ generation: 3, observedGeneration: 2 }) }),
      'generation 3',
    ],
    [
      'for a member that was never made',
      view([pod(0), pod(2)]),
      'zk-1 is missing (2 of 3 members done)',
    ],
    [
      'for a node',
      view([pod(0), pod(1), unscheduled(2, '0/4 nodes are available')]),
      'zk-2 is pending: waits for a node',
    ],
    [
      'for containers',
      view([pod(0), pod(1), unready(2, { state: waiting('ContainerCreating') })]),
      'zk-2 is creating on node-3',
    ],
    [
      'and names what holds a container',
      view([pod(0), pod(1), unready(2, { state: waiting('ImagePullBackOff', 'x') })]),
      'zookeeper: ErrImagePull',
    ],
    [
      'for a member that runs but is not Ready',
      view([pod(0), unready(1, {}), pod(2)]),
      'zk-1 is running on node-2, not Ready',
    ],
    [
      'for a readiness gate',
      view([pod(0), pod(1, { ready: false, openGates: ['example.com/in-quorum'] }), pod(2)]),
      'readiness gate example.com/in-quorum',
    ],
    [
      'for other revisions to be replaced, the highest ordinal first',
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), pod(2)]),
      `zk-1 is available on node-2 at another revision ${OLD}, to be replaced`,
    ],
    [
      'in an undo for the newer revision to be replaced, without calling it the old one',
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), pod(2)], {
        set: set({ status: { currentRevision: OLD, updateRevision: OLD } }),
      }),
      `zk-2 is available on node-3 at another revision ${NEW}, to be replaced`,
    ],
    [
      'in an undo for a member of the newer revision that does not come up',
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), unready(2, {})], {
        set: set({ status: { currentRevision: OLD, updateRevision: OLD } }),
      }),
      `zk-2 is running on node-3, not Ready, at another revision ${NEW}`,
    ],
    [
      'for a member that is down before one that waits for its turn',
      view([pod(0, { revision: OLD }), unready(1, {}), pod(2)]),
      'zk-1 is running',
    ],
    [
      'for a terminating member',
      view([pod(0), pod(1, { deleting: T0 + 30 * SECOND }), pod(2)]),
      'zk-1 is terminating on node-2',
    ],
    [
      'for a Ready member that is terminating, whatever its probe says',
      view([pod(0, { deleting: T0 }), pod(1), pod(2)]),
      'zk-0 is terminating',
    ],
    [
      'for a failed pod to be replaced',
      view([pod(0), pod(1, { phase: 'Failed', reason: 'Evicted', ready: false }), pod(2)]),
      'zk-1 is failed (Evicted)',
    ],
    ['for a pod that is too many', view([...three, pod(3)]), 'zk-3 is too many'],
    [
      'for a pod below the first ordinal',
      view([pod(0), pod(1), pod(2)], { set: set({ start: 1, replicas: 2 }) }),
      'zk-0 is too many',
    ],
    [
      'below the partition for a pod at neither revision',
      view([pod(0, { revision: 'zk-third' }), pod(1), pod(2)], {
        set: set({ strategy: { type: 'RollingUpdate', partition: 1 } }),
      }),
      'the partition keeps it there',
    ],
    [
      'for a name that somebody else holds',
      view([pod(0), pod(1, { owner: { kind: 'ReplicaSet', name: 'mine', uid: 'other' } }), pod(2)]),
      'a pod of that name belongs to replicaset/mine',
    ],
  ]
  test.each(rows)('%s', (_, seen, reason) => {
    const verdict = judge(seen)
    expect(verdict.kind).toBe('waiting')
    expect(verdict.kind === 'waiting' ? verdict.reason : '').toContain(reason)
  })

  test('for the generation that was applied, also when the list is older than the apply', () => {
    expect(judge(view(three), { generation: 3 }).kind).toBe('waiting')
    expect(judge(view(three), { generation: 2 }).kind).toBe('done')
  })

  test('for minReadySeconds of each pod, and says when to look again', () => {
    const pods = [pod(0), pod(1), pod(2, { readySince: T0 - 10 * SECOND })]
    const seen = view(pods, { set: set({ minReadySeconds: 30 }) })
    expect(judge(seen)).toMatchObject({ kind: 'waiting', lookAgainAt: T0 + 20 * SECOND })
    expect(states(judge(seen))[2]).toBe('zk-2 ready-not-yet-available')
    expect(judgeRollout(seen, T0 + 20 * SECOND, {}).kind).toBe('done')
  })

  test('ten seconds for a container that has just died and is Ready again, as it is at once without a readiness probe', () => {
    const reborn = pod(2, {
      readySince: T0 - 2 * SECOND,
      containers: [
        container({
          restarts: 3,
          last: ended(1),
          state: { kind: 'running', since: T0 - 2 * SECOND },
        }),
      ],
    })
    expect(judge(view([pod(0), pod(1), reborn]))).toMatchObject({
      kind: 'waiting',
      reason: expect.stringContaining('restarted just now'),
      lookAgainAt: T0 + 8 * SECOND,
    })
    expect(judgeRollout(view([pod(0), pod(1), reborn]), T0 + 8 * SECOND, {}).kind).toBe('done')
  })

  test('with a line per member that does not change while nothing happens', () => {
    const seen = view([pod(0), pod(1), pod(2, { readySince: T0 })], {
      set: set({ minReadySeconds: 30 }),
    })
    const texts = [T0, T0 + 5 * SECOND, T0 + 29 * SECOND].map(
      (now) => judgeRollout(seen, now, {}).members[2]?.text,
    )
    expect(new Set(texts).size).toBe(1)
  })

  test('with one line for an image that fails and its back-off', () => {
    const texts = ['ErrImagePull', 'ImagePullBackOff'].map(
      (reason) => judge(view([unready(0, { state: waiting(reason) })])).members[0]?.text,
    )
    expect(texts[0]).toBe(texts[1])
  })
})

describe('progress', () => {
  function keys(...views: readonly EnsembleView[]): readonly string[] {
    return views.reduce<readonly string[]>(
      (done, seen) => [...done, progressKey(seen, done.at(-1) ?? '')],
      [],
    )
  }

  test('is a member that comes up step by step', () => {
    const steps = [
      view([]),
      view([unscheduled(0, 'x')]),
      view([unready(0, { state: waiting('ContainerCreating') })]),
      view([unready(0, {})]),
      view([pod(0)]),
      view([pod(0), unscheduled(1, 'x')]),
    ]
    expect(new Set(keys(...steps)).size).toBe(steps.length)
  })

  test('is not a crash loop that goes round: member-timeout would never end it', () => {
    const up = view([unready(0, { restarts: 1 })])
    const down = view([
      unready(0, { state: waiting('CrashLoopBackOff'), restarts: 1, last: ended(1) }),
    ])
    const again = view([unready(0, { state: ended(1), restarts: 2, last: ended(1) })])
    const all = keys(up, down, again, up, down)
    expect(new Set(all).size).toBe(1)
  })

  test('is not a pod that is lost and made again at the same revision', () => {
    const gone = keys(
      view([pod(0)]),
      view([pod(0, { deleting: T0 })]),
      view([]),
      view([pod(0, { uid: 'second' })]),
      view([pod(0, { uid: 'second', deleting: T0 })]),
    )
    expect(gone[4]).toBe(gone[1])
  })

  test('is a member at a new revision, a generation that was seen, and a pod too many that has gone', () => {
    const before = [pod(0, { revision: OLD })]
    const [a, b] = keys(view(before), view([pod(0)]))
    expect(b).not.toBe(a)
    const [c, d] = keys(view(before), view(before, { set: set({ observedGeneration: 3 }) }))
    expect(d).not.toBe(c)
    const [e, f] = keys(view([...three, pod(3)]), view(three))
    expect(f).not.toBe(e)
  })

  test('is an init container that has done its work', () => {
    const init = (state: Parameters<typeof container>[0]) =>
      view([
        unready(
          0,
          { state: waiting('PodInitializing') },
          { initContainers: [container({ name: 'prep', ready: false, ...state })] },
        ),
      ])
    const [a, b] = keys(init({}), init({ state: ended(0), ready: true }))
    expect(b).not.toBe(a)
  })
})
