// A member that is taken down while its claim is being deleted comes back empty, and its volume is
// gone: three of three were lost to one restart so.

import { describe, expect, test } from '@jest/globals'
import {
  dataAtRisk,
  deletedWhenScaled,
  onlyInPod,
  type Kept,
} from '../../../../src/decide/rollout/keep-data.ts'
import type { KeptVolume } from '../../../../src/view/surroundings.ts'
import { claim, container, pod, set, unscheduled, waiting } from '../given.ts'

const three = [pod(0), pod(1), pod(2)]
const bound = [claim(0), claim(1), claim(2)]

function volumes(...changed: readonly (KeptVolume | string)[]): Kept['volumes'] {
  const whole = [0, 1, 2].map((ordinal): KeptVolume => ({
    name: `pvc-${ordinal}`,
    phase: 'Bound',
    deleting: false,
    reclaimPolicy: 'Delete',
  }))
  return new Map(
    [...whole, ...changed].map((one): [string, KeptVolume | 'gone'] =>
      typeof one === 'string' ? [one, 'gone'] : [one.name, one],
    ),
  )
}

function found(kept: Partial<Kept>): readonly string[] {
  return dataAtRisk({ set: set(), pods: three, claims: bound, volumes: volumes(), ...kept }).map(
    ({ code, ordinal, message }) => `${code} ${ordinal ?? -1}: ${message}`,
  )
}

describe('members keep their data', () => {
  test.each<[string, Partial<Kept>]>([
    ['while every claim is bound to a volume that stays', {}],
    ['when volumes may not be read: what is not known is not called lost', { volumes: new Map() }],
    [
      'when a claim that no member uses is being deleted',
      {
        claims: [
          ...bound,
          claim(3, { deleting: true }),
          claim(0, { name: 'other', deleting: true }),
        ],
      },
    ],
    [
      'when a claim waits for its first pod',
      {
        pods: [pod(0), pod(1)],
        claims: [claim(0), claim(1), claim(2, { phase: 'Pending', volume: undefined })],
      },
    ],
    [
      'when a member that never ran has no claim yet',
      { pods: [pod(0), pod(1), unscheduled(2, 'x')], claims: [claim(0), claim(1)] },
    ],
    [
      'when their claims belong to the set, which is there',
      {
        claims: bound.map((one) => ({
          ...one,
          owners: [{ kind: 'StatefulSet', name: 'zk', uid: 'set-uid' }],
        })),
      },
    ],
    [
      'without claims',
      {
        set: set({ claimTemplates: [] }),
        pods: three.map((one) => ({ ...one, claims: [] })),
        claims: [],
      },
    ],
    [
      'of the one whose claim was to be deleted there is nothing to keep',
      { claims: [claim(0), claim(1), claim(2, { deleting: true })], spent: new Set([2]) },
    ],
  ])('%s', (_, kept) => {
    expect(found(kept)).toEqual([])
  })
})

describe('members would lose data', () => {
  test.each<[string, Partial<Kept>, RegExp]>([
    [
      'when a claim is being deleted',
      { claims: [claim(0), claim(1, { deleting: true }), claim(2)] },
      /^CLAIM_PENDING 1: the claim datadir-zk-1 of zk-1 is being deleted: it goes with the pod, and the reclaim policy Delete then deletes the volume$/,
    ],
    [
      'when all are',
      { claims: bound.map((one) => ({ ...one, deleting: true })) },
      /^CLAIM_PENDING 0: the claims datadir-zk-0, datadir-zk-1 and datadir-zk-2 of zk-0, zk-1 and zk-2 are being deleted: they go with the pod/,
    ],
    [
      'when the volume stays, but the member comes back empty',
      {
        claims: [claim(0, { deleting: true }), claim(1), claim(2)],
        volumes: volumes({
          name: 'pvc-0',
          phase: 'Bound',
          deleting: false,
          reclaimPolicy: 'Retain',
        }),
      },
      /is being deleted: it goes with the pod$/,
    ],
    [
      'when a claim is Lost',
      { claims: [claim(0), claim(1), claim(2, { phase: 'Lost' })] },
      /^CLAIM_PENDING 2: the claim datadir-zk-2 of zk-2 is Lost: it has no volume any more \(pvc-2\)$/,
    ],
    [
      'when a claim is gone under a running pod',
      { claims: [claim(0), claim(2)] },
      /datadir-zk-1 of zk-1 is not there any more, while the pod still uses it/,
    ],
    [
      'when a claim belongs to the pod',
      {
        claims: [
          claim(0, { owners: [{ kind: 'Pod', name: 'zk-0', uid: 'uid-0' }] }),
          claim(1),
          claim(2),
        ],
      },
      /belongs to a pod \(ownerReferences\): it is deleted when it goes/,
    ],
    [
      'when its volume is being deleted',
      {
        volumes: volumes({
          name: 'pvc-1',
          phase: 'Bound',
          deleting: true,
          reclaimPolicy: 'Retain',
        }),
      },
      /the volume pvc-1 of the claim datadir-zk-1 is being deleted/,
    ],
    [
      'when its volume was released',
      {
        volumes: volumes({
          name: 'pvc-1',
          phase: 'Released',
          deleting: false,
          reclaimPolicy: 'Retain',
        }),
      },
      /the claim datadir-zk-1 is Bound, but the volume pvc-1 is gone/,
    ],
    [
      'when reclaiming its volume failed',
      {
        volumes: volumes({
          name: 'pvc-1',
          phase: 'Failed',
          deleting: false,
          reclaimPolicy: 'Delete',
        }),
      },
      /the volume pvc-1 is gone, or released/,
    ],
    ['when its volume is not there', { volumes: volumes('pvc-2') }, /the volume pvc-2 is gone/],
    [
      'when a claim that the template names by itself is being deleted',
      {
        pods: [pod(0, { claims: ['shared'] }), pod(1), pod(2)],
        claims: [...bound, claim(0, { name: 'shared', uid: 'shared', deleting: true })],
      },
      /the claim shared of zk-0/,
    ],
    [
      'when one that goes for good keeps its claim, but another is being deleted',
      {
        claims: [claim(0, { deleting: true }), claim(1), claim(2, { deleting: true })],
        spent: new Set([2]),
      },
      /^CLAIM_PENDING 0: the claim datadir-zk-0 of zk-0/,
    ],
  ])('%s', (_, kept, text) => {
    expect(found(kept)).toEqual([expect.stringMatching(text)])
  })

  test('and each finding says how the data is kept, a single member by a backup', () => {
    const claims = [claim(0, { deleting: true })]
    const [several] = dataAtRisk({
      set: set(),
      pods: three,
      claims: [...claims, claim(1), claim(2)],
      volumes: volumes(),
    })
    expect(several?.fix).toContain(
      `kubectl patch pv pvc-0 -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`,
    )
    expect(several?.fix).toContain('kubectl -n prod delete pod zk-0')
    const [single] = dataAtRisk({
      set: set({ replicas: 1 }),
      pods: [pod(0)],
      claims,
      volumes: volumes(),
    })
    expect(single?.fix).toContain('Back its data up before its pod goes')
    expect(single?.fix).not.toContain('delete pod')
  })
})

describe('data that is in the pod alone', () => {
  const bare = pod(0, { claims: [], storage: 'pod' })

  test.each([
    ['stays with the others, while one serves', { pod: bare, othersServe: true, replicas: 3 }],
    [
      'is not lost where a volume of another kind may hold it',
      { pod: { ...bare, storage: 'elsewhere' as const }, othersServe: false, replicas: 1 },
    ],
    [
      'is none where the member never ran',
      {
        pod: { ...bare, containers: [container({ ready: false, state: waiting('ErrImagePull') })] },
        othersServe: false,
        replicas: 1,
      },
    ],
  ])('%s', (_, goer) => {
    expect(onlyInPod(goer)).toBeUndefined()
  })

  test.each([
    [
      'is lost with the only member',
      { pod: bare, othersServe: false, replicas: 1 },
      'it is the only member',
    ],
    [
      'is lost with a member while no other serves',
      { pod: bare, othersServe: false, replicas: 3 },
      'no other member serves',
    ],
  ])('%s', (_, goer, why) => {
    expect(onlyInPod(goer)).toMatchObject({
      code: 'PROTECTED',
      ordinal: 0,
      message: expect.stringContaining(why),
    })
  })
})

describe('claims that the set itself deletes when it is scaled down', () => {
  const deletes = { whenScaled: 'Delete', whenDeleted: 'Retain' } as const

  test('are named, with both ways on', () => {
    expect(deletedWhenScaled(set({ retention: deletes }), 1, false)).toMatchObject({
      code: 'PROTECTED',
      input: 'delete-claims',
      message: expect.stringContaining(
        'would delete datadir-zk-1 and datadir-zk-2 with the data on them',
      ),
      fix: expect.stringContaining('"whenScaled":"Retain"'),
      orSet: { input: 'delete-claims', value: 'true', why: 'if the data may go' },
    })
  })

  test.each([
    ['when they were to be deleted', set({ retention: deletes }), 2, true],
    ['when they stay', set(), 2, false],
    [
      'when only a deletion of the set takes them',
      set({ retention: { whenScaled: 'Retain', whenDeleted: 'Delete' } }),
      2,
      false,
    ],
    ['when no member goes', set({ retention: deletes }), 3, false],
    ['when there are none', set({ retention: deletes, claimTemplates: [] }), 2, false],
  ])('are no matter %s', (_, one, to, asked) => {
    expect(deletedWhenScaled(one, to, asked)).toBeUndefined()
  })
})
