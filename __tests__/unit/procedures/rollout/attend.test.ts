// The watch over members ends by proof: a crash loop that time removes is lived through, any
// other ends the wait with what the dying server said.

import { describe, expect, test } from '@jest/globals'
import { Deadline } from '../../../../src/clock.ts'
import { EnsembleError } from '../../../../src/errors.ts'
import { attend, type Attended } from '../../../../src/procedures/rollout/attend.ts'
import { Recorder } from '../../../../src/report/recorder.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import { ended, pod, SECOND, T0, unready, view, waiting } from '../../decide/given.ts'
import { followerOf, kubeWith, runWith } from '../given.ts'

/** zk-2 after its n-th death at this second. */
function dead(deaths: number, seconds: number): EnsembleView {
  const end = ended(1, { finished: T0 + seconds * SECOND })
  const state =
    deaths === 1
      ? end
      : waiting(
          'CrashLoopBackOff',
          `back-off ${10 * (deaths - 1)}s restarting failed container=zookeeper pod=zk-2_prod(1)`,
        )
  return view([
    pod(0),
    pod(1),
    unready(2, { state, restarts: deaths - 1, last: end }, { created: T0 - SECOND }),
  ])
}

const GOOD = view([pod(0), pod(1), pod(2)])

/**
 * What the wait came to and after how many seconds: three deaths within 16 s, a good life from the
 * 40th second on; each look at the log gets the next of `logs`, the last one ever after.
 */
async function watched(logs: readonly string[]): Promise<string> {
  const started = T0
  let now = T0
  let read = 0
  const seen = (): EnsembleView => {
    const seconds = (now - started) / SECOND
    return seconds >= 40
      ? GOOD
      : seconds >= 16
        ? dead(3, 16)
        : seconds >= 4
          ? dead(2, 4)
          : dead(1, 2)
  }
  const clock = { now: () => now, sleep: () => Promise.resolve() }
  const ensemble = runWith({}, {})
  const attended: Attended = {
    follower: {
      ...followerOf(GOOD),
      snapshot: seen,
      changed: (ms) => Promise.resolve(void (now += Math.min(ms, SECOND))),
    },
    kube: kubeWith({ logs: () => Promise.resolve(logs[Math.min(read++, logs.length - 1)] ?? '') }),
    run: {
      clock,
      journal: ensemble.run.journal,
      report: new Recorder('deploy', { now: () => T0, say: () => undefined }),
    },
    deadline: new Deadline(clock, 600_000),
    memberTimeoutMs: 300_000,
    logLines: 10,
    before: GOOD,
  }
  try {
    await attend(
      attended,
      {
        generation: () => undefined,
        step: (one) =>
          one.pods === GOOD.pods
            ? { kind: 'done' }
            : { kind: 'waiting', reason: 'zk-2 is not ready' },
      },
      new AbortController().signal,
    )
    return `done at ${(now - started) / SECOND}`
  } catch (error) {
    if (!(error instanceof EnsembleError)) throw error
    return `${error.code} at ${(now - started) / SECOND}: ${error.findings[0]?.message ?? ''}`
  }
}

describe('a crash loop', () => {
  test('whose last words are a name that caches may lack is lived through', async () => {
    expect(await watched(['java.net.SocketException: Unresolved address'])).toBe('done at 40')
  })

  test('whose words come with the next look at its log is lived through as well', async () => {
    expect(await watched(['', 'starting', 'java.net.SocketException: Unresolved address'])).toBe(
      'done at 40',
    )
  })

  test('is lived through as well while the next life has said nothing yet', async () => {
    expect(
      await watched([
        'java.net.SocketException: Unresolved address',
        ...Array.from({ length: 15 }, () => 'starting'),
      ]),
    ).toBe('done at 40')
  })

  test('whose words tell another cause ends the wait at once', async () => {
    expect(await watched(['Permission denied'])).toMatch(
      /^CRASH_LOOP at 16: .*it may not read or write its files/,
    )
  })

  test('that says nothing of use ends the wait after some looks', async () => {
    expect(await watched(['Bye'])).toMatch(/^CRASH_LOOP at 2[0-4]: /)
  })
})

describe('a member that is given half an hour to end', () => {
  const GRACE = 1_800
  /** It is gone after so many seconds, and its successor there 20 s later, or never. */
  async function endsAfter(seconds: number, back: boolean): Promise<string> {
    let now = T0
    const seen = (): EnsembleView => {
      const passed = (now - T0) / SECOND
      if (passed < seconds) return view([pod(0), pod(1), pod(2, { deleting: T0 + GRACE * SECOND })])
      return back && passed >= seconds + 20 ? GOOD : view([pod(0), pod(1)])
    }
    const clock = { now: () => now, sleep: () => Promise.resolve() }
    const {
      run: { journal },
    } = runWith({}, {})
    const attended: Attended = {
      follower: {
        ...followerOf(GOOD),
        snapshot: seen,
        changed: (ms) => Promise.resolve(void (now += Math.min(ms, 10 * SECOND))),
      },
      kube: kubeWith({
        get: () =>
          Promise.resolve({
            apiVersion: 'v1',
            kind: 'Node',
            metadata: { name: 'node-2', uid: 'n' },
            status: { conditions: [{ type: 'Ready', status: 'True' }] },
          }),
      }),
      run: {
        clock,
        journal,
        report: new Recorder('restart', { now: () => T0, say: () => undefined }),
      },
      deadline: new Deadline(clock, 7_200_000),
      memberTimeoutMs: 300_000,
      logLines: 10,
      before: GOOD,
    }
    try {
      await attend(
        attended,
        {
          generation: () => undefined,
          step: (one) =>
            one.pods === GOOD.pods ? { kind: 'done' } : { kind: 'waiting', reason: 'zk-2 is away' },
        },
        new AbortController().signal,
      )
      return `done at ${(now - T0) / SECOND}`
    } catch (error) {
      if (!(error instanceof EnsembleError)) throw error
      return `${error.code} at ${(now - T0) / SECOND}`
    }
  }

  test('may take it, though the time without progress is shorter', async () => {
    expect(await endsAfter(1_500, true)).toBe('done at 1520')
  })

  test('and whoever does not come back afterwards is waited for as long as any other', async () => {
    expect(await endsAfter(1_500, false)).toBe('TIMEOUT at 1790')
  })
})
