// What is asked of an ensemble after a roll, and when: right after it an election may be under way,
// and whoever is asked then says nothing of the data.

import { describe, expect, test } from '@jest/globals'
import type { CheckResult, Profile, Verification } from '../../../../src/ensemble/profile.ts'
import { EnsembleError, type Finding } from '../../../../src/errors.ts'
import { outcomeOf, verifyEnsemble } from '../../../../src/procedures/verify/verify-ensemble.ts'
import { Recorder } from '../../../../src/report/recorder.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import { container, pod, SECOND, T0, view } from '../../decide/given.ts'
import type { ReachableEnsemble } from '../../../../src/procedures/open/ensemble.ts'
import { ALL_RIGHTS } from '../given.ts'

const VIEW = { set: undefined, pods: [], claims: [], events: [] }
const QUORUM: CheckResult = {
  name: 'quorum',
  outcome: 'passed',
  detail: 'zk-1 leads, 2 follow',
  findings: [],
  ms: 1,
}
const DURABILITY: CheckResult = {
  name: 'durability',
  outcome: 'passed',
  detail: 'what was acknowledged before is there',
  findings: [],
  ms: 1,
}

function runOf(quorum: CheckResult, done: string[]): ReachableEnsemble {
  const unused = (): never => {
    throw new Error('not asked for by these checks')
  }
  const profile: Profile = {
    name: 'zookeeper',
    look: () => Promise.resolve([]),
    async verify(): Promise<Verification> {
      await Promise.resolve()
      done.push('settled')
      return {
        members: [],
        checks: [quorum],
        matrix: undefined,
        pairs: undefined,
        findings: quorum.findings,
      }
    },
  }
  return {
    kube: {
      context: '',
      namespace: '',
      server: '',
      requests: { reads: 0, writes: 0, dryRuns: 0, watches: 0, streams: 0, lease: 0 },
      credentialsEnd: undefined,
      get: unused,
      list: unused,
      listAs: unused,
      watch: unused,
      apply: unused,
      create: unused,
      createDry: unused,
      replace: unused,
      patch: unused,
      patchDry: unused,
      delete: unused,
      evict: unused,
      logs: unused,
      forward: unused,
      tunnel: unused,
      exec: unused,
      denied: unused,
      kinds: unused,
      time: unused,
      close: () => undefined,
    },
    run: {
      clock: { now: () => 0, sleep: () => Promise.resolve() },
      journal: {
        phase: (_title, work) => work(() => undefined),
        info: () => undefined,
        warning: () => undefined,
        notice: () => undefined,
        debug: () => undefined,
        verdict: () => undefined,
      },
      report: new Recorder('deploy', { now: () => 0, say: () => undefined }),
      runId: '1',
    },
    profile,
    rights: ALL_RIGHTS,
    reach: { may: { forward: true, exec: true }, open: unused, tunnel: unused, exec: unused },
    target: {
      name: 'zk',
      namespace: 'shop',
      container: 'zk',
      clientPort: 2181,
      headlessService: 'zk-hs',
      clientService: undefined,
      requiresDistinctNodes: true,
      memberServices: [],
      listedServices: new Map(),
    },
    memberTimeoutMs: 300_000,
    logLines: 25,
    nodes: undefined,
  }
}

describe('the data written before a roll', () => {
  test('is looked for once the ensemble has settled: before that, a sound deploy would fail on an election', async () => {
    const done: string[] = []
    const ensemble = runOf(QUORUM, done)
    await verifyEnsemble(
      ensemble,
      VIEW,
      'quick',
      () => {
        done.push('marker')
        return Promise.resolve([DURABILITY])
      },
      new AbortController().signal,
    )
    expect(done).toEqual(['settled', 'marker'])
    expect(ensemble.run.report.checks.map((check) => check.name)).toEqual(['quorum', 'durability'])
  })

  test('is not looked for without a quorum: the verdict stays the lost quorum', async () => {
    const done: string[] = []
    const lost: CheckResult = {
      ...QUORUM,
      outcome: 'failed',
      findings: [{ code: 'QUORUM_LOST', severity: 'error', message: 'no quorum' }],
    }
    await expect(
      verifyEnsemble(
        runOf(lost, done),
        VIEW,
        'quick',
        () => {
          done.push('marker')
          return Promise.resolve([DURABILITY])
        },
        new AbortController().signal,
      ),
    ).rejects.toMatchObject({ code: 'QUORUM_LOST' })
    expect(done).toEqual(['settled'])
  })
})

test('endpoints that were read before the last member was Ready are read again: a sound deploy would fail after a long election', async () => {
  let now = 0
  let reads = 0
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'zk-cs-1' },
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: 'zk-0' },
      },
    ],
  }
  const ensemble = runOf(QUORUM, [])
  const elected: ReachableEnsemble = {
    ...ensemble,
    run: { ...ensemble.run, clock: { now: () => now, sleep: () => Promise.resolve() } },
    kube: {
      ...ensemble.kube,
      list: () => Promise.resolve({ items: reads++ === 0 ? [] : [slice], resourceVersion: '1' }),
    },
    target: { ...ensemble.target, clientService: 'zk-cs' },
    profile: {
      ...ensemble.profile,
      verify: () => {
        now += 15_000
        return Promise.resolve({
          members: [
            {
              pod: 'zk-0',
              ordinal: 0,
              role: 'standalone',
              id: 1,
              version: '3.9.5',
              zxid: '0x1',
              trouble: undefined,
            },
          ],
          checks: [QUORUM],
          matrix: undefined,
          pairs: undefined,
          findings: [],
        })
      },
    },
  }
  await verifyEnsemble(
    elected,
    VIEW,
    'full',
    () => Promise.resolve([]),
    new AbortController().signal,
  )
  expect(elected.run.report.checks.find(({ name }) => name === 'service')).toMatchObject({
    outcome: 'passed',
    detail: 'zk-cs has 1 of 1 serving members',
  })
})

/** zk-2 is Ready and outside of the quorum, so the client service sends clients to it. */
function outside(
  settled: (ms: number) => void,
  startedAgo: number,
  memberTimeoutMs = 300_000,
): { readonly ensemble: ReachableEnsemble; readonly view: EnsembleView } {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'zk-cs-1' },
    endpoints: [0, 1, 2].map((ordinal) => ({
      addresses: [`10.0.0.${ordinal}`],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', name: `zk-${ordinal}` },
    })),
  }
  let now = T0
  const ensemble = runOf(
    {
      ...QUORUM,
      outcome: 'failed',
      findings: [
        {
          code: 'CHECK_FAILED',
          severity: 'error',
          ordinal: 2,
          object: 'pod/zk-2',
          message: 'zk-2 (ordinal 2) runs but is not in the quorum',
        },
      ],
    },
    [],
  )
  const server = container({ state: { kind: 'running', since: T0 - startedAgo * SECOND } })
  return {
    view: view([
      pod(0, { claims: [] }),
      pod(1, { claims: [] }),
      pod(2, { claims: [], containers: [server] }),
    ]),
    ensemble: {
      ...ensemble,
      memberTimeoutMs,
      run: {
        ...ensemble.run,
        clock: { now: () => now, sleep: (ms) => ((now += ms), Promise.resolve()) },
      },
      kube: {
        ...ensemble.kube,
        list: ({ kind }) =>
          Promise.resolve({ items: kind === 'EndpointSlice' ? [slice] : [], resourceVersion: '1' }),
      },
      target: { ...ensemble.target, container: 'zookeeper', clientService: 'zk-cs' },
      profile: {
        ...ensemble.profile,
        verify: async (members, level, context) => {
          settled(context.settleMs)
          const roles = ['leader', 'follower', 'not serving'] as const
          return {
            ...(await ensemble.profile.verify(members, level, context)),
            members: roles.map((role, ordinal) => ({
              pod: `zk-${ordinal}`,
              ordinal,
              role,
              id: undefined,
              version: '3.9.5',
              zxid: undefined,
              trouble: undefined,
            })),
          }
        },
      },
    },
  }
}

describe('a member outside of the quorum', () => {
  test('is the cause, not the service that follows its readiness: whoever fixes the service fixes nothing', async () => {
    const { ensemble, view: seen } = outside(() => undefined, 600)
    await expect(
      verifyEnsemble(
        ensemble,
        seen,
        'full',
        () => Promise.resolve([]),
        new AbortController().signal,
      ),
    ).rejects.toMatchObject({
      code: 'CHECK_FAILED',
      message: 'zk-2 (ordinal 2) runs but is not in the quorum',
    })
    expect(ensemble.run.report.checks.find(({ name }) => name === 'service')).toMatchObject({
      outcome: 'warned',
    })
  })

  test.each([
    ['that is as young as caches are old is waited for', 10, 300_000, 110],
    ['that is old may be outside because of a younger peer', 600, 300_000, 60],
    ['is never waited for longer than member-timeout', 10, 20_000, 20],
  ])('%s', async (_, startedAgo, memberTimeout, seconds) => {
    let given = 0
    const { ensemble, view: seen } = outside((ms) => (given = ms), startedAgo, memberTimeout)
    await verifyEnsemble(
      ensemble,
      seen,
      'quick',
      () => Promise.resolve([]),
      new AbortController().signal,
    ).catch(() => undefined)
    // The other two were started a minute ago.
    expect(given).toBe(seconds * SECOND)
  })
})

test('of equal codes the member comes first that has the lowest ordinal, and what is nobody\u2019s in the order of the checks', () => {
  const fault = (message: string, ordinal?: number): Finding => ({
    code: 'CHECK_FAILED',
    severity: 'error',
    message,
    ...(ordinal === undefined ? {} : { ordinal }),
  })
  expect(
    new EnsembleError('failed', [fault('zk-2', 2), fault('the service'), fault('zk-1', 1)]).message,
  ).toBe('zk-1')
  expect(new EnsembleError('failed', [fault('the service'), fault('zk-2', 2)]).message).toBe(
    'the service',
  )
})

test('a check that was left out is named where the checks are summed up: nobody takes it for one that passed', () => {
  const skipped: CheckResult = {
    name: 'data',
    outcome: 'skipped',
    detail: 'nothing was checked beyond the pods',
    findings: [],
    ms: 0,
  }
  expect(outcomeOf({ checks: [QUORUM], pairs: '6/6' })).toBe(
    'all checks passed, 6/6 write-then-read pairs',
  )
  expect(outcomeOf({ checks: [QUORUM, skipped], pairs: '' })).toBe(
    'nothing found wrong; not checked: data',
  )
  const warned: CheckResult = { ...skipped, name: 'placement', outcome: 'warned' }
  expect(outcomeOf({ checks: [QUORUM, warned], pairs: '6/6' })).toBe(
    'no check failed; warned: placement, 6/6 write-then-read pairs',
  )
  expect(outcomeOf({ checks: [QUORUM, skipped, warned], pairs: '' })).toBe(
    'no check failed; not checked: data; warned: placement',
  )
})

test('a warning of a check is told in the log with what it warns of', async () => {
  const warned: CheckResult = {
    name: 'quorum',
    outcome: 'warned',
    detail: 'zk-1 leads',
    findings: [
      { code: 'CHECK_FAILED', severity: 'warning', message: 'zone a holds zk-0 and zk-1' },
    ],
    ms: 1,
  }
  const told: string[] = []
  const ensemble = runOf(warned, [])
  await verifyEnsemble(
    {
      ...ensemble,
      run: {
        ...ensemble.run,
        journal: { ...ensemble.run.journal, info: (line) => void told.push(line) },
      },
    },
    VIEW,
    'quick',
    () => Promise.resolve([]),
    new AbortController().signal,
  )
  expect(told).toEqual(['quorum: warned – zk-1 leads; zone a holds zk-0 and zk-1'])
})
