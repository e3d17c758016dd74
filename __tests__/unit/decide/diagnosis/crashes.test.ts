// Members of an ensemble may die until their peers appear; a member that nobody can heal must end
// the deploy in seconds, not at its timeout.

import { describe, expect, test } from '@jest/globals'
import {
  diagnose,
  memoryOfWait,
  type Diagnosis,
} from '../../../../src/decide/diagnosis/diagnose.ts'
import { deathsByBackOff } from '../../../../src/decide/diagnosis/crash-history.ts'
import { exitText } from '../../../../src/decide/diagnosis/crashes.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import type { ContainerView, PodView } from '../../../../src/view/workload.ts'
import {
  container,
  ended,
  OLD,
  pod,
  podEvent,
  SECOND,
  set,
  T0,
  unready,
  unscheduled,
  view,
  waiting,
} from '../given.ts'

type Look = readonly [seconds: number, view: EnsembleView]

function last(looks: readonly Look[]): readonly Diagnosis[] {
  return looks.reduce<ReturnType<typeof diagnose>>(
    (before, [seconds, seen]) => diagnose(seen, T0 + seconds * SECOND, before.memory),
    { findings: [], memory: memoryOfWait() },
  ).findings
}

function classes(looks: readonly Look[]): readonly string[] {
  return looks.map(
    (_, index) =>
      last(looks.slice(0, index + 1)).find((finding) => finding.code === 'CRASH_LOOP')?.class ??
      'none',
  )
}

/** The container after its n-th death at this second. */
function dead(
  deaths: number,
  seconds: number,
  code = 1,
  more: Partial<ContainerView> = {},
): Partial<ContainerView> {
  const backOff = ['', '', '10s', '20s', '40s', '1m20s', '2m40s', '5m0s'][deaths] ?? '5m0s'
  const end = ended(code, { finished: T0 + seconds * SECOND })
  return deaths === 1
    ? { state: end, restarts: 0, ...more }
    : {
        state: waiting(
          'CrashLoopBackOff',
          `back-off ${backOff} restarting failed container=zookeeper pod=zk-2_prod(1)`,
        ),
        restarts: deaths - 1,
        last: end,
        ...more,
      }
}

function alive(deaths: number, since: number, seconds: number, code = 1): Partial<ContainerView> {
  return {
    state: { kind: 'running', since: T0 + since * SECOND },
    restarts: deaths,
    last: ended(code, { finished: T0 + seconds * SECOND }),
  }
}

const fresh: Partial<PodView> = { created: T0 - SECOND, readySince: T0 }
function third(one: Partial<ContainerView>): EnsembleView {
  return view([pod(0), pod(1), unready(2, one, fresh)])
}

describe('a crash loop', () => {
  test('ends the wait at the third death with one exit code, when all earlier members are available', () => {
    const looks: readonly Look[] = [
      [0, third({})],
      [2, third(dead(1, 2))],
      [4, third(dead(2, 4))],
      [14, third(alive(2, 14, 4))],
      [16, third(dead(3, 16))],
    ]
    expect(classes(looks)).toEqual(['none', 'graced', 'graced', 'graced', 'terminal'])
    expect(last(looks)[0]).toMatchObject({
      ordinal: 2,
      container: 'zookeeper',
      reason: 'CrashLoopBackOff',
      againstRevision: true,
      message: 'zk-2, container zookeeper: exit code 1, 3 times in 14.0s',
    })
  })

  test('of a server that can not listen at its own name is lived through for as long as caches may lack the name', () => {
    const looks: readonly Look[] = [
      [2, third(dead(1, 2, 14))],
      [4, third(dead(2, 4, 14))],
      [16, third(dead(3, 16, 14))],
      [40, third(dead(4, 40, 14))],
    ]
    expect(classes(looks)).toEqual(['graced', 'graced', 'graced', 'graced'])
    expect(classes([...looks, [130, third(dead(5, 100, 14))]]).at(-1)).toBe('terminal')
  })

  test("is known from the kubelet's back-off also to a run that comes late", () => {
    expect(
      last([
        [0, view([pod(0), pod(1), unready(2, dead(6, -10), { created: T0 - 3600 * SECOND })])],
      ])[0]?.class,
    ).toBe('terminal')
  })

  test('with changing exit codes gets a fourth chance', () => {
    const looks: readonly Look[] = [
      [2, third(dead(1, 2, 1))],
      [4, third(dead(2, 4, 1))],
      [16, third(dead(3, 16, 143))],
      [40, third(dead(4, 40, 1))],
    ]
    expect(classes(looks)).toEqual(['graced', 'graced', 'graced', 'terminal'])
  })

  test('is not judged while the container runs: this life may be the good one', () => {
    expect(
      classes([
        [2, third(dead(1, 2))],
        [4, third(dead(2, 4))],
        [16, third(dead(3, 16))],
        [60, third(alive(4, 58, 56))],
      ]).at(-1),
    ).toBe('graced')
    expect(
      classes([
        [2, third(dead(1, 2))],
        [4, third(dead(2, 4))],
        [120, third(alive(2, 14, 4))],
      ]).at(-1),
    ).toBe('none')
  })

  test('of members that die until their peers appear is lived through', () => {
    const parallel = set({ podManagement: 'Parallel' })
    const both = (seconds: number, deaths: number) =>
      [
        seconds,
        view(
          [
            unready(0, dead(deaths, seconds), fresh),
            unscheduled(1, '', { unscheduled: undefined }),
            pod(2),
          ],
          { set: parallel },
        ),
      ] as const
    expect(
      classes([both(2, 1), both(4, 2), both(16, 3), both(40, 4), both(85, 5), both(170, 6)]),
    ).not.toContain('terminal')
  })

  test('of a member whose earlier peer is not available is lived through under OrderedReady', () => {
    const joining = (seconds: number, deaths: number) =>
      [
        seconds,
        view([unready(0, {}, { revision: OLD }), unready(1, dead(deaths, seconds, 3), fresh)]),
      ] as const
    expect(
      classes([joining(2, 1), joining(4, 2), joining(16, 3), joining(40, 4), joining(85, 5)]),
    ).not.toContain('terminal')
  })

  test('of all members at once ends at the fourth death: they wait for nobody but each other', () => {
    const parallel = set({ podManagement: 'Parallel' })
    const all = (seconds: number, deaths: number) =>
      [
        seconds,
        view(
          [0, 1, 2].map((ordinal) => unready(ordinal, dead(deaths, seconds), fresh)),
          { set: parallel },
        ),
      ] as const
    expect(classes([all(2, 1), all(4, 2), all(16, 3), all(40, 4)])).toEqual([
      'graced',
      'graced',
      'graced',
      'terminal',
    ])
    expect(last([all(2, 1), all(4, 2), all(16, 3), all(40, 4)])[0]?.ordinal).toBe(0)
  })

  test('of the first member is not excused by members that OrderedReady has not made yet', () => {
    const first = (seconds: number, deaths: number) =>
      [seconds, view([unready(0, dead(deaths, seconds), fresh)])] as const
    expect(classes([first(2, 1), first(4, 2), first(16, 3)]).at(-1)).toBe('terminal')
  })

  test('long ago does not count', () => {
    const old = { restarts: 7, last: ended(143, { finished: T0 - 86_400 * SECOND }) }
    const veteran = view([pod(0), pod(1), unready(2, old, { created: T0 - 30 * 86_400 * SECOND })])
    const dies = view([
      pod(0),
      pod(1),
      unready(
        2,
        { restarts: 7, state: ended(137, { finished: T0 + 5 * SECOND }), last: old.last },
        { created: T0 - 30 * 86_400 * SECOND },
      ),
    ])
    expect(
      classes([
        [0, veteran],
        [5, dies],
      ]),
    ).toEqual(['none', 'graced'])
  })

  test('that was overcome is forgotten', () => {
    const works = view([
      pod(0),
      pod(1),
      pod(2, {
        readySince: T0 + 20 * SECOND,
        containers: [container({ restarts: 3, last: ended(1) })],
      }),
    ])
    const again = third(dead(4, 200))
    const looks: readonly Look[] = [
      [2, third(dead(1, 2))],
      [4, third(dead(2, 4))],
      [30, works],
      [150, works],
      [
        200,
        {
          ...again,
          pods: [
            pod(0),
            pod(1),
            unready(2, { state: ended(1, { finished: T0 + 200 * SECOND }), restarts: 3 }, fresh),
          ],
        },
      ],
    ]
    expect(last(looks)[0]?.message).toContain('exit code 1, once')
  })

  test('of an init container is named as such', () => {
    const init = (seconds: number, deaths: number) =>
      [
        seconds,
        view([
          pod(0),
          pod(1),
          unready(
            2,
            { state: waiting('PodInitializing') },
            {
              ...fresh,
              initContainers: [
                container({ name: 'prep', ready: false, ...dead(deaths, seconds, 3) }),
              ],
            },
          ),
        ]),
      ] as const
    const looks = [init(2, 1), init(4, 2), init(16, 3)]
    expect(last(looks)).toMatchObject([
      {
        class: 'terminal',
        container: 'prep',
        message: expect.stringContaining('zk-2, init container prep: exit code 3, 3 times'),
      },
    ])
  })

  test('does not take an init container that has done its work for a death', () => {
    expect(
      last([
        [
          0,
          view([
            pod(0),
            pod(1),
            unready(
              2,
              { state: waiting('PodInitializing') },
              {
                ...fresh,
                initContainers: [container({ name: 'prep', ready: true, state: ended(0) })],
              },
            ),
          ]),
        ],
      ]),
    ).toEqual([])
  })
})

describe('what killed it', () => {
  test('memory, with the limit', () => {
    const oom = (deaths: number, seconds: number, limit: number | undefined) =>
      third({
        ...dead(deaths, seconds, 137),
        ...(deaths === 1
          ? { state: ended(137, { reason: 'OOMKilled' }) }
          : { last: ended(137, { reason: 'OOMKilled' }) }),
        memoryLimit: limit,
      })
    const limit = 512 * 2 ** 20
    expect(
      classes([
        [0, oom(1, 0, limit)],
        [4, oom(2, 4, limit)],
        [16, oom(3, 16, limit)],
      ]),
    ).toEqual(['graced', 'graced', 'terminal'])
    expect(last([[16, oom(3, 16, limit)]])[0]).toMatchObject({
      reason: 'OOMKilled',
      message: expect.stringMatching(
        /killed for lack of memory \(OOMKilled\), 3 times in .*; its limit is 512Mi$/,
      ),
      againstRevision: true,
    })
    expect(last([[16, oom(3, 16, undefined)]])[0]?.againstRevision).toBe(false)
  })

  test.each(['liveness', 'startup'] as const)('its %s probe, with what the probe said', (kind) => {
    const capital = kind === 'liveness' ? 'Liveness' : 'Startup'
    const events = [
      podEvent(2, 'Unhealthy', `${capital} probe failed: connection refused\n`, { count: 5 }),
      podEvent(2, 'Killing', `Container zookeeper failed ${kind} probe, will be restarted`, {
        type: 'Normal',
      }),
    ]
    const found = last([
      [2, { ...third(dead(1, 2, 137)), events }],
      [4, { ...third(dead(2, 4, 137)), events }],
      [16, { ...third(dead(3, 16, 137)), events }],
    ])
    expect(found[0]).toMatchObject({
      class: 'graced',
      reason: `${capital}ProbeFailed`,
      message: expect.stringContaining(
        `killed by its ${kind} probe (exit code 137), 3 times in 14.0s; last event Unhealthy: ${capital} probe failed: connection refused`,
      ),
    })
  })

  test.each([
    [0, 'a server must keep running'],
    [126, 'not executable'],
    [127, 'command not found'],
    [137, 'SIGKILL'],
    [139, 'SIGSEGV'],
    [143, 'SIGTERM'],
    [132, 'signal 4'],
    [255, 'exit code 255'],
    [1, 'exit code 1'],
  ])('exit code %i in words', (code, words) => {
    expect(exitText(code)).toContain(words)
  })

  test('its own last words, where the container leaves them', () => {
    const seen = third({
      ...dead(3, 16),
      last: ended(1, { message: 'Invalid config, exiting abnormally\n', finished: T0 }),
    })
    expect(last([[16, seen]])[0]?.message).toContain(': Invalid config, exiting abnormally')
  })
})

test.each([
  ['10s', 2],
  ['20s', 3],
  ['40s', 4],
  ['1m20s', 5],
  ['2m40s', 6],
  ['5m0s', 6],
  ['1s', 1],
])('a back-off of %s tells of %i deaths at least', (backOff, deaths) => {
  expect(
    deathsByBackOff(
      container({
        state: waiting(
          'CrashLoopBackOff',
          `back-off ${backOff} restarting failed container=zk pod=zk-0_prod(1)`,
        ),
      }),
    ),
  ).toBe(deaths)
})
