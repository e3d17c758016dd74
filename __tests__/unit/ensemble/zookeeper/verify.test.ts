// The verdict on whole ensembles: what is sound passes with every pair proven, and what only looks
// sound is never called a success.

import { describe, expect, test } from '@jest/globals'
import { abortReason } from '../../../../src/clock.ts'
import type { Code } from '../../../../src/codes.ts'
import type {
  Member,
  Reach,
  Verification,
  VerifyContext,
} from '../../../../src/ensemble/profile.ts'
import { zooKeeperProfile } from '../../../../src/ensemble/zookeeper/profile.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import {
  simulateEnsemble,
  type EnsembleOptions,
  type Faults,
  type MemberSpec,
  type SimulatedEnsemble,
} from '../../../support/cluster/zookeeper.ts'
import { membersOf, reachInto, usualMembers } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'
import type { VerifyLevel } from '../../../../src/view/profile-name.ts'

const CHECK_PATH = '/zk-ensemble-action'
const BEGAN = 1_800_000_000_000
const HOUR = 3_600_000

function started(specs: readonly MemberSpec[], options: EnsembleOptions = {}): SimulatedEnsemble {
  const ensemble = simulateEnsemble(options)
  for (const spec of specs) ensemble.start(spec)
  return ensemble
}

interface Asked {
  readonly level?: VerifyLevel
  readonly replicas?: number
  readonly members?: readonly Member[]
  readonly may?: { readonly forward: boolean; readonly exec: boolean }
  readonly auth?: string
  readonly checkPath?: string
  readonly context?: Partial<VerifyContext>
}

function verify(
  ensemble: SimulatedEnsemble,
  count: number,
  asked: Asked = {},
): Promise<Verification> {
  const context: VerifyContext = {
    reach: reachInto(ensemble, asked.may),
    clock: idleClock(BEGAN),
    signal: new AbortController().signal,
    settleMs: 30_000,
    runId: 'run-7',
    say: () => undefined,
    replicas: asked.replicas ?? count,
    serviceName: 'zk-hs',
    ...asked.context,
  }
  return zooKeeperProfile({ auth: asked.auth, checkPath: asked.checkPath ?? CHECK_PATH }).verify(
    asked.members ?? membersOf(count),
    asked.level ?? 'full',
    context,
  )
}

function errors(verification: Verification): readonly Code[] {
  return [
    ...new Set(
      verification.findings
        .filter((finding) => finding.severity === 'error')
        .map((finding) => finding.code),
    ),
  ]
}

function outcome(verification: Verification, name: string): string | undefined {
  return verification.checks.find((check) => check.name === name)?.outcome
}

function messages(verification: Verification): string {
  return verification.findings.map((finding) => finding.message).join('\n')
}

describe('members with lists of their own, as a scale leaves them that was cut off', () => {
  const shorter = usualMembers(3).slice(0, 2)
  const longer = usualMembers(4).slice(2)

  test('two that serve by the list of three are no lost quorum', async () => {
    const verification = await verify(started([...shorter, ...longer]), 4)
    expect(verification.members.map(({ role, voters }) => [role, voters])).toEqual([
      ['follower', 3],
      ['leader', 3],
      ['not serving', 4],
      ['not serving', 4],
    ])
    expect(errors(verification)).toEqual(['CHECK_FAILED', 'IDENTITY_MISMATCH'])
  })

  test('a look asks the one that leads for its list, and only then', async () => {
    const context = (ensemble: SimulatedEnsemble, replicas: number): VerifyContext => ({
      reach: reachInto(ensemble),
      clock: idleClock(BEGAN),
      signal: new AbortController().signal,
      settleMs: 0,
      runId: 'run-7',
      say: () => undefined,
      replicas,
      serviceName: 'zk-hs',
    })
    const look = async (ensemble: SimulatedEnsemble, count: number) =>
      (
        await zooKeeperProfile({ auth: undefined, checkPath: CHECK_PATH }).look(
          membersOf(count),
          context(ensemble, count),
        )
      ).map(({ voters }) => voters)
    expect(await look(started([...shorter, ...longer]), 4)).toEqual([
      undefined,
      3,
      undefined,
      undefined,
    ])
    expect(await look(started(usualMembers(3)), 3)).toEqual([undefined, undefined, undefined])
  })
})

describe('a sound ensemble', () => {
  test.each([
    [3, '3.4.10', '6/6'],
    [3, '3.9.5', '6/6'],
    [5, '3.9.5', '20/20'],
  ])(
    'of %i members (%s) passes with every pair proven and leaves nothing behind',
    async (count, version, pairs) => {
      const ensemble = started(usualMembers(count, version))
      const found = await verify(ensemble, count)
      expect(found.findings).toEqual([])
      expect(found.pairs).toBe(pairs)
      expect(found.checks.map((check) => [check.name, check.outcome])).toEqual([
        ['quorum', 'passed'],
        ['identity', 'passed'],
        ['data', 'passed'],
      ])
      expect(
        found.members.map((member) => [member.pod, member.id, member.role, member.version]),
      ).toEqual(
        Array.from({ length: count }, (_, ordinal) => [
          `zk-${ordinal}`,
          ordinal + 1,
          ordinal === Math.floor(count / 2) ? 'leader' : 'follower',
          version,
        ]),
      )
      for (let ordinal = 0; ordinal < count; ordinal += 1)
        expect(ensemble.paths(ordinal)).toEqual([CHECK_PATH])
    },
  )

  test('tells by name, line of the member list, user and owner who each member is', async () => {
    const found = await verify(started(usualMembers(3)), 3)
    expect(found.members.map(({ identity }) => identity)).toEqual(
      [0, 1, 2].map((ordinal) => ({
        name: `zk-${ordinal}.zk-hs.test.svc.cluster.local`,
        listed: `server.${ordinal + 1}=zk-${ordinal}.zk-hs.test.svc.cluster.local:2888:3888`,
        user: { uid: 1000, from: 'process' },
        data: 'drwxr-sr-x 1000:1000',
        clientPort: 2181,
      })),
    )
  })

  test('tells whether the data of before is back: of pods that are younger than it, and of none', async () => {
    let now = BEGAN - HOUR
    const ensemble = started(usualMembers(3), { now: () => now })
    const members = membersOf(3).map((member) => ({ ...member, created: BEGAN - 1_000 }))
    const data = (found: Verification): string | undefined =>
      found.checks.find(({ name }) => name === 'data')?.detail
    expect(data(await verify(ensemble, 3, { members }))).toContain(
      `${CHECK_PATH} is new: nothing from before to read back`,
    )
    now = BEGAN
    expect(data(await verify(ensemble, 3, { members }))).toMatch(
      /made 2027-01-15 07:00:00 UTC, is read back and older than every pod$/,
    )
  })

  test('without exec the user is the one that the pod’s spec asks for, and the owner is not looked at', async () => {
    const members = membersOf(3).map((member) => ({ ...member, askedUser: 1000 }))
    const found = await verify(started(usualMembers(3, '3.9.5')), 3, {
      members,
      may: { forward: true, exec: false },
    })
    expect(found.findings).toEqual([])
    expect(found.members[1]?.identity).toEqual({
      name: undefined,
      listed: 'server.2=zk-1.zk-hs.test.svc.cluster.local:2888:3888',
      user: { uid: 1000, from: 'spec' },
      data: undefined,
      clientPort: 2181,
    })
  })

  test.each(['3.4.10', '3.9.5'])(
    'of one member (%s) is written and read again in a new session, and no pairs are claimed',
    async (version) => {
      const ensemble = started(usualMembers(1, version))
      const found = await verify(ensemble, 1)
      expect(found.findings).toEqual([])
      expect(found.pairs).toBeUndefined()
      expect(found.members[0]?.role).toBe('standalone')
      expect(outcome(found, 'data')).toBe('passed')
      expect(ensemble.paths(0)).toEqual([CHECK_PATH])
    },
  )

  test('passes the thorough checks too, and they leave nothing behind', async () => {
    const ensemble = started(usualMembers(3))
    const found = await verify(ensemble, 3, { level: 'thorough' })
    expect(found.findings).toEqual([])
    expect(found.checks.map((check) => check.name)).toEqual([
      'quorum',
      'identity',
      'data',
      'compare-and-set',
      'ephemeral',
      'multi',
    ])
    expect(ensemble.paths(0)).toEqual([CHECK_PATH])
  })

  test('passes the thorough checks with one member only', async () => {
    expect(errors(await verify(started(usualMembers(1)), 1, { level: 'thorough' }))).toEqual([])
  })

  test('is asked with one connection for the quorum and one session a member: more would not fit a slow network', async () => {
    const ensemble = started(usualMembers(3))
    await verify(ensemble, 3)
    expect(ensemble.connections).toBe(6)
  })

  test('is proven by one pair when a quick look is enough', async () => {
    const ensemble = started(usualMembers(3))
    const found = await verify(ensemble, 3, { level: 'quick' })
    expect(found.findings).toEqual([])
    expect(found.pairs).toBe('1/1')
    expect(ensemble.paths(2)).toEqual([CHECK_PATH])
  })

  test('with an offset of its ids, observers and a deep check path passes too', async () => {
    const specs = usualMembers(4).map((spec) => ({
      ...spec,
      myid: spec.ordinal + 101,
      config: spec.config.replaceAll(
        /server\.(\d)=(\S+?);2181/g,
        (_, id: string, rest: string) =>
          `server.${Number(id) + 100}=${rest}${id === '4' ? ':observer' : ''};2181`,
      ),
    }))
    const found = await verify(started(specs), 4, { checkPath: '/a/b/c' })
    expect(found.findings).toEqual([])
    expect(found.members[3]).toMatchObject({ role: 'observer', id: 104 })
    expect(found.pairs).toBe('12/12')
  })

  test('that is still electing gets its time and passes', async () => {
    const clock = idleClock()
    const ensemble = simulateEnsemble({
      after: (ms, act) => void clock.sleep(ms).then(act),
      electionMs: 12_000,
    })
    for (const spec of usualMembers(3)) ensemble.start(spec)
    const said: string[] = []
    const found = await verify(ensemble, 3, { context: { clock, say: (line) => said.push(line) } })
    expect(errors(found)).toEqual([])
    expect(found.pairs).toBe('6/6')
    expect(said.join('\n')).toContain('no quorum: 0 of 3')
  })
})

describe('a member whose server is not there at the first look', () => {
  /** zk-2's server is started as `late` after 5 s and dies again after `livesMs`. */
  async function withLate(late: MemberSpec, livesMs: number): Promise<Verification> {
    const clock = idleClock(BEGAN)
    const ensemble = started(usualMembers(3).slice(0, 2))
    const life = async (): Promise<void> => {
      await clock.sleep(5_000)
      ensemble.start(late)
      await clock.sleep(livesMs)
      ensemble.stop(2)
    }
    const [found] = await Promise.all([verify(ensemble, 3, { context: { clock } }), life()])
    return found
  }
  const third = usualMembers(3)[2] ?? fail()

  test('is waited for and passes', async () => {
    const found = await withLate(third, HOUR)
    expect(found.findings).toEqual([])
    expect(found.pairs).toBe('6/6')
  })

  test('is known by what it said in the seconds that it lived', async () => {
    const found = await withLate({ ...third, myid: 2 }, 3_000)
    expect(errors(found)).toContain('IDENTITY_MISMATCH')
    expect(messages(found)).toMatch(/zk-2.*id 2/)
  })
})

describe('what only looks sound', () => {
  test('Ready pods without a quorum are QUORUM_LOST, although each answers ruok', async () => {
    const ensemble = started(usualMembers(3).slice(0, 1))
    ensemble.start(usualMembers(3)[1] ?? fail())
    ensemble.fault(0, { notServing: true })
    ensemble.start(usualMembers(3)[2] ?? fail())
    ensemble.fault(1, { notServing: true })
    const found = await verify(ensemble, 3)
    expect(errors(found)).toEqual(['CHECK_FAILED', 'QUORUM_LOST'])
    expect(messages(found)).toContain(
      'no quorum: 0 of 3 voting members serve, 2 are needed; zk-0, zk-1, zk-2 do not',
    )
    expect(outcome(found, 'data')).toBe('skipped')
  })

  const cases: readonly (readonly [string, number, Faults, readonly Code[], RegExp])[] = [
    [
      'one member outside the quorum',
      1,
      { notServing: true },
      ['CHECK_FAILED'],
      /zk-1 \(ordinal 1\) runs but is not in the quorum; that its pod is Ready says nothing/,
    ],
    [
      'two members with one id',
      2,
      { myid: '2' },
      ['IDENTITY_MISMATCH'],
      /zk-1 \(ordinal 1\) and zk-2 \(ordinal 2\) have the same id 2/,
    ],
    [
      'a member list that differs on one member',
      0,
      { config: usualMembers(3)[0]?.config.replace('zk-2.zk-hs', 'zk-9.zk-hs') ?? '' },
      ['IDENTITY_MISMATCH'],
      /zk-0 \(ordinal 0\) has another member list than the others: it has server\.3=zk-9/,
    ],
    [
      'a member that runs standalone',
      1,
      { config: 'dataDir=/data\nclientPort=2181\n' },
      ['IDENTITY_MISMATCH'],
      /zk-1 \(ordinal 1\) runs standalone in an ensemble of 3/,
    ],
    [
      'a member that serves stale data',
      0,
      { stale: true },
      ['CHECK_FAILED'],
      /zk-0 \(ordinal 0\) does not show what was written through zk-1, zk-2: stale/,
    ],
    [
      'a member that makes writes and loses the answers',
      1,
      { losesAnswers: true },
      ['CHECK_FAILED'],
      /a write through zk-1 \(ordinal 1\) got no answer: .*whether it was made is unknown/,
    ],
    [
      'a member that takes no session',
      2,
      { refusesSessions: true },
      ['CHECK_FAILED'],
      /zk-2 \(ordinal 2\) says that it serves, but takes no session/,
    ],
    [
      'a member that is read-only',
      0,
      { readOnly: true },
      ['CHECK_FAILED'],
      /zk-0 \(ordinal 0\) is read-only/,
    ],
    [
      'a member that accepts connections and says nothing',
      0,
      { mute: true },
      ['CHECK_FAILED'],
      /zk-0 \(ordinal 0\) could not be asked: it takes connections on its client port, but gives no answer within 5\.0s/,
    ],
    [
      'a member that closes every connection',
      0,
      { silent: true },
      ['CHECK_FAILED'],
      /zk-0 \(ordinal 0\) closes connections to port 2181 without an answer/,
    ],
    [
      'something else on the port',
      0,
      { garbage: 'HTTP/1.1 400 Bad Request\r\n\r\n' },
      ['CHECK_IMPOSSIBLE'],
      /is no ZooKeeper server: HTTP\/1\.1 400 Bad Request/,
    ],
    [
      'a port that speaks TLS only',
      1,
      { tlsOnly: true },
      ['CHECK_IMPOSSIBLE'],
      /zk-1 \(ordinal 1\) speaks TLS only to its clients/,
    ],
    [
      'sessions that must authenticate',
      0,
      { requiresAuth: true },
      ['CHECK_IMPOSSIBLE'],
      /sessions must authenticate/,
    ],
  ]
  test.each(cases)(
    '%s is refused with its own code, and the member is named',
    async (_, ordinal, faults, codes, message) => {
      const ensemble = started(usualMembers(3))
      await verify(ensemble, 3)
      ensemble.fault(ordinal, faults)
      const found = await verify(ensemble, 3)
      expect(errors(found)).toEqual(codes)
      expect(messages(found)).toMatch(message)
      expect(
        found.findings
          .filter((finding) => finding.severity === 'error')
          .every((finding) => (finding.fix ?? '') !== ''),
      ).toBe(true)
    },
  )

  test('members of two versions are refused', async () => {
    const ensemble = started(
      usualMembers(3).map((spec) => (spec.ordinal === 1 ? { ...spec, version: '3.8.4' } : spec)),
    )
    const found = await verify(ensemble, 3)
    expect(errors(found)).toEqual(['CHECK_FAILED'])
    expect(messages(found)).toContain(
      'the members run different versions: zk-0 3.9.5, zk-1 3.8.4, zk-2 3.9.5',
    )
  })

  test('a pod that is missing is told at once: waiting cannot fix what is not there', async () => {
    const clock = idleClock()
    const began = clock.now()
    const found = await verify(started(usualMembers(3)), 3, {
      members: membersOf(2),
      context: { clock },
    })
    expect(errors(found)).toEqual(['CHECK_FAILED'])
    expect(clock.now() - began).toBeLessThan(30_000)
  })

  test('two members with one id, where one of them cannot serve, are not waited for', async () => {
    const clock = idleClock()
    const ensemble = started(usualMembers(3))
    ensemble.fault(2, { myid: '1', notServing: true })
    const began = clock.now()
    const found = await verify(ensemble, 3, { context: { clock } })
    expect(errors(found)).toContain('IDENTITY_MISMATCH')
    expect(clock.now() - began).toBe(0)
  })

  test('members that hold data apart, each standalone, are no ensemble', async () => {
    const found = await verify(
      started(
        usualMembers(1).flatMap((spec) =>
          [0, 1, 2].map((ordinal) => ({
            ...spec,
            ordinal,
            claim: `c${ordinal}`,
            fqdn: `zk-${ordinal}.zk-hs.test.svc.cluster.local`,
            myid: ordinal + 1,
            config: 'dataDir=/data\nclientPort=2181\n',
          })),
        ),
      ),
      3,
    )
    expect(errors(found)).toEqual(['IDENTITY_MISMATCH'])
  })
})

describe('rights', () => {
  test('neither port-forward nor exec: CHECK_IMPOSSIBLE with the rule to add, not a success', async () => {
    const found = await verify(started(usualMembers(3)), 3, {
      may: { forward: false, exec: false },
    })
    expect(errors(found)).toEqual(['CHECK_IMPOSSIBLE'])
    expect(found.findings[0]?.fix).toContain('pods/portforward')
  })

  test.each(['3.4.10', '3.9.5'])(
    'without port-forward everything is proven by exec (%s)',
    async (version) => {
      const ensemble = started(usualMembers(3, version))
      const found = await verify(ensemble, 3, { may: { forward: false, exec: true } })
      expect(found.findings).toEqual([])
      expect(found.pairs).toBe('6/6')
      expect(ensemble.paths(0)).toEqual([CHECK_PATH])
    },
  )

  test('by exec a stale member is found too', async () => {
    const ensemble = started(usualMembers(3))
    ensemble.fault(0, { stale: true })
    const found = await verify(ensemble, 3, { may: { forward: false, exec: true } })
    expect(errors(found)).toEqual(['CHECK_FAILED'])
    expect(messages(found)).toContain(
      'zk-0 (ordinal 0) does not show what was written through zk-1, zk-2',
    )
  })

  test.each(['quick', 'full'] as const)(
    'by exec a port that speaks TLS only is told from the configuration (%s): the member is not called down',
    async (level) => {
      const specs = usualMembers(3).map((spec) => ({
        ...spec,
        config: `${spec.config.replaceAll(';2181', '')}secureClientPort=2181\n`,
      }))
      const ensemble = started(specs)
      for (const { ordinal } of specs) ensemble.fault(ordinal, { tlsOnly: true })
      const found = await verify(ensemble, 3, { level, may: { forward: false, exec: true } })
      expect(errors(found)).toEqual(['CHECK_IMPOSSIBLE'])
      expect(messages(found)).toContain('speaks TLS only to its clients')
    },
  )

  test('by exec the thorough checks are made as well', async () => {
    const found = await verify(started(usualMembers(3)), 3, {
      level: 'thorough',
      may: { forward: false, exec: true },
    })
    expect(errors(found)).toEqual([])
    expect(outcome(found, 'compare-and-set')).toBe('passed')
  })

  describe('client ports bound to the pods’ own addresses, where a port-forward reaches nobody', () => {
    const ALL = new Set([0, 1, 2])
    const verifyBound = (
      ensemble: SimulatedEnsemble,
      may: { readonly forward: boolean; readonly exec: boolean },
      bound = ALL,
    ): Promise<Verification> =>
      verify(ensemble, 3, { context: { reach: reachInto(ensemble, may, bound) } })

    test.each([ALL, new Set([1])])('each is asked from inside its container', async (bound) => {
      const found = await verifyBound(
        started(usualMembers(3)),
        { forward: true, exec: true },
        bound,
      )
      expect(errors(found)).toEqual([])
      expect(found.pairs).toBe('6/6')
    })

    test('without exec that is impossible: a healthy ensemble is never called lost', async () => {
      const found = await verifyBound(started(usualMembers(3)), { forward: true, exec: false })
      expect(errors(found)).toEqual(['CHECK_IMPOSSIBLE'])
      expect(found.members.map(({ role }) => role)).toEqual([
        'unreachable',
        'unreachable',
        'unreachable',
      ])
      expect(found.findings[0]?.fix).toContain('pods/exec')
      expect(messages(found)).not.toMatch(/no quorum|network namespace/)
    })

    test('who listens nowhere, asked from inside, is known not to serve', async () => {
      const ensemble = started(usualMembers(3).slice(0, 1))
      const found = await verifyBound(ensemble, { forward: true, exec: true }, new Set())
      expect(errors(found)).toContain('QUORUM_LOST')
      expect(found.members.map(({ role }) => role)).toEqual(['not serving', 'down', 'down'])
    })
  })

  describe('one way to one member fails, and the other is taken for it alone', () => {
    const broken = (reason: string, status = 0) =>
      new KubeFailure({ status, reason, message: `told: ${reason}`, request: 'portforward' })
    const never = <T>(_: unknown, __: unknown, signal: AbortSignal): Promise<T> =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true }),
      )

    /** `zk-0` by the ways of `other`, the rest as usual. */
    function reachBut(
      ensemble: SimulatedEnsemble,
      other: Partial<Pick<Reach, 'open' | 'tunnel'>>,
    ): Reach {
      const usual = reachInto(ensemble)
      return {
        ...usual,
        open: (member, port, signal) =>
          member.ordinal === 0 && other.open !== undefined
            ? other.open(member, port, signal)
            : usual.open(member, port, signal),
        tunnel: (member, command, signal) =>
          member.ordinal === 0 && other.tunnel !== undefined
            ? other.tunnel(member, command, signal)
            : usual.tunnel(member, command, signal),
      }
    }

    test.each<readonly [string, Reach['open']]>([
      ['forbidden for this pod', () => Promise.reject(broken('Forbidden', 403))],
      ['reset', () => Promise.reject(broken('Unreachable'))],
      ['which the node can’t do', () => Promise.reject(broken('InternalError', 500))],
      ['that never stands', never],
    ])('a port-forward %s', async (_, open) => {
      const ensemble = started(usualMembers(3))
      const found = await verify(ensemble, 3, { context: { reach: reachBut(ensemble, { open }) } })
      expect(errors(found)).toEqual([])
      expect(found.pairs).toBe('6/6')
    })

    const forbidden = (message: string): KubeFailure =>
      new KubeFailure({ status: 403, reason: 'Forbidden', message, request: 'portforward' })
    const noRole = forbidden('User "ci" cannot create resource "pods/exec" in API group ""')
    const denied: Reach['open'] = () => Promise.reject(noRole)
    test.each<readonly [string, Reach['tunnel'], readonly Code[], RegExp, string]>([
      [
        'is forbidden',
        () => Promise.reject(noRole),
        ['CHECK_IMPOSSIBLE'],
        /zk-0 .* could not be asked: this run may not use port-forward; this run may not use exec/,
        'unreachable',
      ],
      [
        'is refused by a webhook',
        () => Promise.reject(forbidden('admission webhook "no-exec" denied the request')),
        ['CHECK_IMPOSSIBLE'],
        /this run may not use port-forward; exec was refused \(admission webhook "no-exec" denied the request\)/,
        'unreachable',
      ],
      [
        'never stands',
        never,
        ['CHECK_IMPOSSIBLE'],
        /zk-0 .* could not be reached, so whether it serves is not known: .*no WebSocket to the pod was open, or nothing came through it, within 20\.0s/,
        'unreachable',
      ],
      [
        'has no tool',
        () => Promise.resolve({ kind: 'ended', exitCode: 127, stderr: '' }),
        ['CHECK_IMPOSSIBLE'],
        /neither bash nor nc is in its container/,
        'unreachable',
      ],
      [
        'finds a listener that takes nobody',
        () => Promise.resolve({ kind: 'ended', exitCode: 4, stderr: '' }),
        ['CHECK_IMPOSSIBLE'],
        /no connection to it could be made/,
        'unreachable',
      ],
      [
        'finds a port for TLS alone',
        () => Promise.resolve({ kind: 'ended', exitCode: 3, stderr: '' }),
        ['CHECK_IMPOSSIBLE'],
        /speaks TLS only/,
        'unknown',
      ],
      [
        'finds a container that does not run',
        () => Promise.reject(broken('NotRunning')),
        ['CHECK_FAILED'],
        /zk-0 .* serves no clients: told: NotRunning/,
        'down',
      ],
      [
        'proves that nothing listens',
        () => Promise.resolve({ kind: 'ended', exitCode: 1, stderr: '' }),
        ['CHECK_FAILED'],
        /zk-0 .* serves no clients: nothing listens/,
        'down',
      ],
    ])('and exec %s', async (_, tunnel, codes, words, role) => {
      const ensemble = started(usualMembers(3))
      const found = await verify(ensemble, 3, {
        context: { reach: reachBut(ensemble, { open: denied, tunnel }) },
      })
      expect(errors(found)).toEqual(codes)
      expect(messages(found)).toMatch(words)
      expect(found.members[0]?.role).toBe(role)
    })
  })

  test('without exec the sessions tell who the members are', async () => {
    const found = await verify(started(usualMembers(3)), 3, { may: { forward: true, exec: false } })
    expect(errors(found)).toEqual([])
    expect(outcome(found, 'identity')).toBe('passed')
    expect(found.members.map((member) => member.id)).toEqual([1, 2, 3])
  })

  test('without exec a 3.4 ensemble, which shows its member lists to nobody, is never called verified', async () => {
    const found = await verify(started(usualMembers(3, '3.4.10')), 3, {
      may: { forward: true, exec: false },
    })
    expect(errors(found)).toEqual(['CHECK_IMPOSSIBLE'])
    expect(found.findings.find(({ code }) => code === 'CHECK_IMPOSSIBLE')?.fix).toContain(
      'pods/exec',
    )
  })

  test.each([
    ['3.4.10 tells its id only', '3.4.10', 'failed'],
    ['3.9 with conf allowed tells all', '3.9.5', 'passed'],
  ])('without exec the word conf is asked: %s', async (_, version, expected) => {
    const specs = usualMembers(3, version).map((spec) => ({
      ...spec,
      config:
        version === '3.4.10' ? spec.config : `${spec.config}4lw.commands.whitelist=srvr,conf\n`,
    }))
    const found = await verify(started(specs), 3, { may: { forward: true, exec: false } })
    expect(outcome(found, 'identity')).toBe(expected)
    expect(found.members.map((member) => member.id)).toEqual([1, 2, 3])
  })

  test('a doubled id is found by the word conf as well', async () => {
    const ensemble = started(usualMembers(3, '3.4.10'))
    ensemble.fault(2, { myid: '2' })
    expect(errors(await verify(ensemble, 3, { may: { forward: true, exec: false } }))).toEqual([
      'IDENTITY_MISMATCH',
    ])
  })

  test.each([
    { forward: true, exec: true },
    { forward: false, exec: true },
  ])(
    'a locked root is CHECK_IMPOSSIBLE with the fix; the ensemble is not called unhealthy (%o)',
    async (may) => {
      const ensemble = started(usualMembers(3))
      ensemble.lock('/', 'admin:s3cret')
      const found = await verify(ensemble, 3, { may })
      expect(errors(found)).toEqual(['CHECK_IMPOSSIBLE'])
      expect(found.findings[0]).toMatchObject({ input: 'check-path' })
      expect(found.findings[0]?.fix).toContain('zookeeper-auth')
    },
  )

  test('a locked root is no obstacle where the check path is there already', async () => {
    const ensemble = started(usualMembers(3))
    ensemble.put(CHECK_PATH, '')
    ensemble.lock('/', 'admin:s3cret')
    expect(errors(await verify(ensemble, 3))).toEqual([])
  })

  test.each([
    { forward: true, exec: true },
    { forward: false, exec: true },
  ])('zookeeper-auth opens a locked root, and the secret is in no text (%o)', async (may) => {
    const ensemble = started(usualMembers(3))
    ensemble.lock('/', 'admin:s3cret')
    const found = await verify(ensemble, 3, { auth: 'admin:s3cret', may })
    expect(errors(found)).toEqual([])
    const wrong = await verify(started(usualMembers(3)), 3, {
      auth: 'admin:s3cret',
      checkPath: '/x',
      may,
    })
    expect(JSON.stringify([found, wrong])).not.toContain('s3cret')
  })
})

describe('what a check leaves', () => {
  const old = String(BEGAN - 2 * HOUR)

  test('leftovers of killed runs are swept, everything else stays', async () => {
    let now = BEGAN - 2 * HOUR
    const ensemble = started(usualMembers(3), { now: () => now })
    for (const path of [
      CHECK_PATH,
      `${CHECK_PATH}/run-${old}-killed`,
      `${CHECK_PATH}/run-${old}-killed/by-0`,
      `${CHECK_PATH}/marker-${old}-waiting`,
      `${CHECK_PATH}/config`,
      `${CHECK_PATH}/run-of-somebody`,
      '/app',
      `/app/run-${old}-x`,
    ])
      ensemble.put(path, '')
    now = BEGAN
    await verify(ensemble, 3)
    expect(ensemble.paths(0)).toEqual(
      [
        '/app',
        `/app/run-${old}-x`,
        CHECK_PATH,
        `${CHECK_PATH}/config`,
        `${CHECK_PATH}/marker-${old}-waiting`,
        `${CHECK_PATH}/run-of-somebody`,
      ].toSorted(),
    )
  })

  test('a node of another run that only looks old, by a wrong clock of its runner, stays', async () => {
    const ensemble = started(usualMembers(3))
    ensemble.put(CHECK_PATH, '')
    ensemble.put(`${CHECK_PATH}/run-${old}-alive`, '')
    await verify(ensemble, 3)
    expect(ensemble.paths(0)).toContain(`${CHECK_PATH}/run-${old}-alive`)
  })

  test('a failed check leaves no node behind', async () => {
    const ensemble = started(usualMembers(3))
    ensemble.fault(1, { losesAnswers: true })
    await verify(ensemble, 3)
    ensemble.fault(1, undefined)
    expect(ensemble.paths(0)).toEqual([CHECK_PATH])
  })

  test('a cancelled check rejects with the cancel and leaves no node behind', async () => {
    const cancel = new AbortController()
    const clock = idleClock()
    const ensemble = started(usualMembers(3), {
      after: (ms, act) => void clock.sleep(ms).then(act),
    })
    ensemble.fault(1, { slowMs: 1_500 })
    const running = verify(ensemble, 3, {
      context: { signal: cancel.signal, clock, say: () => undefined },
    })
    const stopped = expect(running).rejects.toThrow('cancelled by hand')
    for (
      let turn = 0;
      turn < 10_000 && !ensemble.paths(0).some((path) => path.includes('/by-'));
      turn += 1
    )
      await new Promise((resolve) => setImmediate(resolve))
    cancel.abort(new Error('cancelled by hand'))
    await stopped
    expect(ensemble.paths(0)).toEqual([CHECK_PATH])
  })
})

function fail(): never {
  throw new Error('there is no such member')
}
