// What is said of the data after a change: a lost write that is not told is the worst that can
// happen, and a broken ensemble must still be fixable.

import { describe, expect, test } from '@jest/globals'
import type { CheckResult, Profile, WitnessReport } from '../../../../src/ensemble/profile.ts'
import { watchData } from '../../../../src/procedures/verify/data-watch.ts'
import { pod, view } from '../../decide/given.ts'
import { followerOf, runWith } from '../given.ts'

const signal = new AbortController().signal
const VIEW = view([pod(0), pod(1), pod(2)])
const THERE: CheckResult = {
  name: 'durability',
  outcome: 'passed',
  detail: 'there',
  findings: [],
  ms: 1,
}
const WELL: WitnessReport = {
  acknowledged: 40,
  unknown: 0,
  lost: 0,
  longestGapMs: 850.4,
  gaps: [],
  unmeasuredMs: 0,
  stillMs: 0,
}

function watching(
  seen: Partial<WitnessReport>,
  profile: Partial<Profile> = {},
): { readonly profile: Partial<Profile>; readonly done: string[] } {
  const done: string[] = []
  return {
    done,
    profile: {
      writeMarker: () => Promise.resolve('marker-1'),
      readMarker: (_members, marker) => {
        done.push(`read ${marker}`)
        return Promise.resolve(THERE)
      },
      removeMarker: (_members, marker) => {
        done.push(`removed ${marker}`)
        return Promise.resolve()
      },
      witness: () =>
        Promise.resolve({
          leave: (uid) => {
            done.push(`left ${uid}`)
            return Promise.resolve()
          },
          stop: () => {
            done.push('stopped')
            return Promise.resolve({ ...WELL, ...seen })
          },
        }),
      ...profile,
    },
  }
}

describe('at the end of a change', () => {
  test('the marker is read and removed, the writer ends, and both figures are in the report', async () => {
    const { profile, done } = watching({})
    const ensemble = runWith(profile)
    const checks = await (await watchData(ensemble, followerOf(VIEW), signal)).finish(VIEW, signal)
    expect(checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'durability passed',
      'availability passed',
    ])
    expect(done).toEqual(['read marker-1', 'removed marker-1', 'stopped'])
    expect(ensemble.run.report).toMatchObject({ longestWriteGapMs: 850, acknowledgedWritesLost: 0 })
  })

  // The log said that data was watched, and the outputs stayed empty without a word.
  test.each([
    [
      'cassandra',
      [
        'Whether clients could write meanwhile was not measured: profile cassandra has no writer of its own, so longest-write-gap-ms and acknowledged-writes-lost stay empty.',
      ],
    ],
    ['none', []],
  ] as const)(
    'profile %s watches nothing, and says so where somebody expects it',
    async (name, notes) => {
      const ensemble = runWith({ name })
      const watch = await watchData(ensemble, followerOf(VIEW), signal)
      expect(await watch.finish(VIEW, signal)).toEqual([])
      expect([watch.watches, ensemble.run.report.notes]).toEqual([false, notes])
    },
  )

  test('a lost write is DATA_LOST', async () => {
    const ensemble = runWith(watching({ lost: 2 }).profile)
    const checks = await (await watchData(ensemble, followerOf(VIEW), signal)).finish(VIEW, signal)
    expect(checks[1]).toMatchObject({
      outcome: 'failed',
      findings: [
        {
          code: 'DATA_LOST',
          severity: 'error',
          message: '2 acknowledged writes are not there any more',
        },
      ],
    })
    expect(ensemble.run.report.acknowledgedWritesLost).toBe(2)
  })

  test.each<[string, Partial<WitnessReport>, string, RegExp]>([
    [
      'a write without an answer is unknown, not lost',
      { unknown: 3 },
      'passed',
      /none lost.*3 without an answer/,
    ],
    [
      'time without a tunnel is not a gap',
      { unmeasuredMs: 5000 },
      'passed',
      /without a tunnel to any member, not measured/,
    ],
    [
      'nobody could be asked afterwards',
      { lost: undefined },
      'skipped',
      /nobody could be asked afterwards whether any was lost/,
    ],
    ['nothing was ever acknowledged', { acknowledged: 0 }, 'skipped', /^not measured/],
  ])('%s', async (_, seen, outcome, detail) => {
    const checks = await (
      await watchData(runWith(watching(seen).profile), followerOf(VIEW), signal)
    ).finish(VIEW, signal)
    expect(checks[1]).toMatchObject({
      outcome,
      detail: expect.stringMatching(detail),
      findings: [],
    })
  })
})

describe('onto an ensemble where nobody can be written to', () => {
  const { profile } = watching({}, { writeMarker: () => Promise.reject(new Error('no quorum')) })

  test('a fix continues, and the report says that nothing was checked', async () => {
    const ensemble = runWith(profile)
    const checks = await (await watchData(ensemble, followerOf(VIEW), signal)).finish(VIEW, signal)
    expect(checks.map(({ name }) => name)).toEqual(['availability'])
    expect(ensemble.run.report.notes).toEqual([
      expect.stringContaining('No marker could be written before the change'),
    ])
  })

  test('but not for a run that was cancelled', async () => {
    await expect(
      watchData(runWith(profile), followerOf(VIEW), AbortSignal.abort(new Error('cancelled'))),
    ).rejects.toThrow('cancelled')
  })
})

describe('after a failure', () => {
  test('what was measured is told once, and what was written is removed', async () => {
    const { profile, done } = watching({})
    const lines: string[] = []
    const ensemble = runWith(profile, {}, lines)
    const watch = await watchData(ensemble, followerOf(VIEW), signal)
    await watch.abandon()
    await watch.abandon()
    expect(done.filter((one) => one === 'stopped')).toHaveLength(1)
    expect(done).toContain('removed marker-1')
    expect(lines.filter((line) => line.startsWith('availability:'))).toEqual([
      'availability: 40 writes acknowledged, none lost, longest time without one 850ms',
    ])
    expect(ensemble.run.report.longestWriteGapMs).toBe(850)
  })

  test('an ensemble that answers nobody does not hide the failure', async () => {
    const { profile } = watching(
      {},
      {
        removeMarker: () => Promise.reject(new Error('closed')),
        witness: () =>
          Promise.resolve({
            leave: () => Promise.resolve(),
            stop: () => Promise.reject(new Error('closed')),
          }),
      },
    )
    await expect(
      (await watchData(runWith(profile), followerOf(VIEW), signal)).abandon(),
    ).resolves.toBeUndefined()
  })
})
