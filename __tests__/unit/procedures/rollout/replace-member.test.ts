// How one member is taken down: past the budget only where the pod serves nobody, never another pod
// of its name, and never without a word.

import { describe, expect, test } from '@jest/globals'
import { membersNow, type MemberNow } from '../../../../src/decide/rollout/roll.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube } from '../../../../src/kube/kube.ts'
import type { Rights } from '../../../../src/procedures/open/access.ts'
import type { ReachableEnsemble } from '../../../../src/procedures/open/ensemble.ts'
import {
  freeMember,
  stepDown,
  takeByEviction,
} from '../../../../src/procedures/rollout/replace-member.ts'
import { pod, T0, view } from '../../decide/given.ts'
import { ALL_RIGHTS, kubeWith, runWith } from '../given.ts'

const signal = new AbortController().signal

function memberOf(ordinal: number): MemberNow {
  const found = membersNow(view([0, 1, 2].map((one) => pod(one))), T0, new Map(), new Map()).find(
    (member) => member.ordinal === ordinal,
  )
  if (found === undefined) throw new Error(`no member ${ordinal}`)
  return found
}

function answer(status: number, budget = false): KubeFailure {
  return new KubeFailure({
    status,
    reason: '',
    message: 'refused',
    request: 'evict',
    causes: budget
      ? [
          {
            reason: 'DisruptionBudget',
            message: 'needs 2 healthy pods and has 2 currently',
            field: '',
          },
        ]
      : [],
  })
}

/** An ensemble, and what was done to pods; `rights` are all but those that are removed. */
function meansWith(
  kube: Partial<Kube>,
  rights: Partial<Rights> = {},
): { readonly means: ReachableEnsemble; readonly deleted: string[] } {
  const deleted: string[] = []
  const all: Partial<Kube> = {
    evict: () => Promise.resolve(),
    delete: ({ name }, { uid }) => {
      deleted.push(`${name} ${uid ?? ''}`)
      return Promise.resolve(true)
    },
  }
  return {
    deleted,
    means: {
      ...runWith({}, { kube: kubeWith({ ...all, ...kube }) }),
      rights: { ...ALL_RIGHTS, ...rights },
    },
  }
}

describe('a member that serves', () => {
  test('is evicted and counts as told', async () => {
    const { means } = meansWith({})
    const told = new Set<string>()
    expect(await takeByEviction(means, memberOf(1), told, signal)).toBeUndefined()
    expect({ told: [...told], changed: means.run.report.changed }).toEqual({
      told: ['uid-1'],
      changed: true,
    })
  })

  test('is never deleted past the budget: what it says is the reason to wait', async () => {
    const { means, deleted } = meansWith({ evict: () => Promise.reject(answer(429, true)) })
    const told = new Set<string>()
    expect(await takeByEviction(means, memberOf(1), told, signal)).toBe(
      'zk-1 waits for the budget: needs 2 healthy pods and has 2 currently',
    )
    expect({ told: [...told], deleted, changed: means.run.report.changed }).toEqual({
      told: [],
      deleted: [],
      changed: false,
    })
  })
})

describe('a member that serves nobody', () => {
  test('is deleted where the budget refuses its eviction, by its UID', async () => {
    const { means, deleted } = meansWith({ evict: () => Promise.reject(answer(429, true)) })
    const told = new Set<string>()
    await freeMember(means, memberOf(2), 'it is stuck', told, signal)
    expect({ deleted, told: [...told] }).toEqual({ deleted: ['zk-2 uid-2'], told: ['uid-2'] })
  })

  test('is deleted where evictions are not allowed', async () => {
    const { means, deleted } = meansWith({}, { evict: false })
    await freeMember(means, memberOf(2), 'it is stuck', new Set(), signal)
    expect(deleted).toEqual(['zk-2 uid-2'])
  })

  test('and has been replaced by another pod of its name meanwhile is not touched', async () => {
    const { means } = meansWith({ delete: () => Promise.reject(answer(409)) }, { evict: false })
    await expect(
      freeMember(means, memberOf(2), 'it is stuck', new Set(), signal),
    ).resolves.toBeUndefined()
  })

  test.each<[string, Partial<Rights>, Partial<Kube>, RegExp]>([
    ['neither right', { evict: false, deletePods: false }, {}, /may neither evict nor delete pods/],
    [
      'no right to go past the budget',
      { deletePods: false },
      { evict: () => Promise.reject(answer(429, true)) },
      /its eviction is refused \(needs 2 healthy pods/,
    ],
  ])('with %s the command to type is told', async (_, rights, kube, words) => {
    const { means, deleted } = meansWith(kube, rights)
    await expect(
      freeMember(means, memberOf(2), 'it is stuck', new Set(), signal),
    ).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringMatching(words),
      findings: [
        expect.objectContaining({
          fix: expect.stringContaining('kubectl -n prod delete pod zk-2'),
        }),
      ],
    })
    expect(deleted).toEqual([])
  })
})

describe('a leader', () => {
  test('that can not be told to step down is replaced as it is, and the report says what that may have cost', async () => {
    const ensemble = runWith({
      stepDown: () => Promise.reject(new Error('no shell in the container')),
    })
    await stepDown(ensemble, memberOf(0), 3, 'at once', signal)
    expect(ensemble.run.report.notes).toEqual([
      expect.stringContaining(
        'zk-0 could not hand over its leadership before it was replaced (no shell in the container)',
      ),
    ])
  })

  test('is not replaced once the run was cancelled', async () => {
    const cancelled = AbortSignal.abort(new Error('cancelled'))
    const ensemble = runWith({ stepDown: () => Promise.reject(new Error('closed')) })
    await expect(stepDown(ensemble, memberOf(0), 3, 'at once', cancelled)).rejects.toThrow(
      'cancelled',
    )
    expect(ensemble.run.report.notes).toEqual([])
  })
})
