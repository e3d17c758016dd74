// Inputs are the first thing that a user gets wrong: each fault must be told before anything is
// sent, with all the others, and with what to write instead.

import { describe, expect, test } from '@jest/globals'
import { EnsembleError, type Finding } from '../../../src/errors.ts'
import { parseInputs } from '../../support/parse-inputs.ts'

function env(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([id, value]) => [`INPUT_${id.toUpperCase()}`, value]),
  )
}

function faultsOf(values: Readonly<Record<string, string>>): readonly Finding[] {
  try {
    parseInputs(env(values))
  } catch (error) {
    if (!(error instanceof EnsembleError)) throw error
    expect(error.outcome).toBe('refused')
    expect(error.code).toBe('INPUT_INVALID')
    return error.findings.filter((finding) => finding.severity === 'error')
  }
  return []
}

function inputsAtFault(values: Readonly<Record<string, string>>): readonly (string | undefined)[] {
  return faultsOf(values).map((finding) => finding.input)
}

describe('what is read', () => {
  test('nothing at all is a deploy of the built-in ensemble with the documented defaults', () => {
    const inputs = parseInputs({})
    expect(inputs).toMatchObject({
      operation: 'deploy',
      manifests: [],
      profile: 'auto',
      timeoutMs: 900_000,
      memberTimeoutMs: 300_000,
      verify: 'full',
      pace: 'quorum',
      onFailure: 'undo',
      checkPath: '/zk-ensemble-action',
      logLines: 25,
      dryRun: false,
      ignoreDaemonsets: true,
    })
    expect(inputs).toMatchObject({
      name: undefined,
      namespace: undefined,
      replicas: undefined,
      image: undefined,
      ttlMs: undefined,
      kubeconfig: undefined,
    })
    expect(inputs.given.size).toBe(0)
    expect(inputs.warnings).toEqual([])
  })

  test('sources are one a line, without the blanks that YAML leaves', () => {
    expect(parseInputs(env({ manifests: '  k8s/\n\n   \n extra.yaml \n' })).manifests).toEqual([
      'k8s/',
      'extra.yaml',
    ])
  })

  test('an input counts as given only when it differs from the default', () => {
    expect([
      ...parseInputs(env({ timeout: '15m', verify: 'quick', name: '  ', namespace: 'prod' })).given,
    ]).toEqual(['namespace', 'verify'])
  })

  test('dashes stay in the names of the environment, as the runner sets them', () => {
    const inputs = parseInputs({
      'INPUT_CREATE-NAMESPACE': 'True',
      INPUT_NAMESPACE: 'preview-7',
      INPUT_TTL: '72h',
    })
    expect(inputs).toMatchObject({ createNamespace: true, ttlMs: 259_200_000 })
  })

  test.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1500ms', 1500],
    ['1.5h', 5_400_000],
    ['2m0.5s', 120_500],
  ])('timeout %s is %d ms', (text, ms) => {
    expect(parseInputs(env({ timeout: text })).timeoutMs).toBe(ms)
  })

  test.each([
    ['512M', 512],
    ['512Mi', 512],
    ['1g', 1024],
  ])('heap %s is %d MiB, however Java or Kubernetes would write it', (text, mib) => {
    expect(parseInputs(env({ heap: text })).heap).toBe(mib)
  })
})

describe('what is refused', () => {
  test.each([
    ['operation', 'scael', /one of deploy, verify/],
    ['timeout', '10', /10s for seconds or 10m for minutes/],
    ['timeout', '2d', /48h/],
    ['timeout', '-5m', /with a unit/],
    ['timeout', '0s', /from 1s to 24h/],
    ['timeout', '10 m', /with a unit/],
    ['timeout', 'soon', /with a unit/],
    ['member-timeout', '5', /5s for seconds/],
    ['dry-run', 'yes', /true or false/],
    ['verify', 'FULL', /one of quick, full/],
    ['name', 'Zk_0', /lower-case/],
    ['name', 'a'.repeat(254), /at most 253/],
    ['namespace', 'team.prod', /lower-case/],
    ['replicas', '0', /from 1 to 50/],
    ['replicas', '3.0', /from 1 to 50/],
    ['image', 'zookeeper 3.9', /zookeeper:3.9/],
    ['memory', '512m', /512Mi/],
    ['memory', '1024', /unit/],
    ['storage', '10 Gi', /10Gi/],
    ['storage', '-1Gi', /10Gi/],
    ['cpu', '1Gi', /500m/],
    ['cpu', 'half', /500m/],
    ['heap', '512', /512M/],
    ['log-lines', '-1', /from 0/],
    ['check-path', 'zk', /\/zk-ensemble-action/],
    ['check-path', '/', /\/zk-ensemble-action/],
    ['check-path', '/a//b', /\/zk-ensemble-action/],
    ['check-path', '/a/../b', /\/zk-ensemble-action/],
    ['check-path', '/zookeeper/quota', /\/zk-ensemble-action/],
  ])('%s: %s', (input, value, fix) => {
    const [fault] = faultsOf({ [input]: value })
    expect(fault).toMatchObject({ input, code: 'INPUT_INVALID' })
    expect(fault?.message).toMatch(new RegExp(`^${input}: `))
    expect(fault?.fix).toMatch(fix)
  })

  test('all faults of a run come in one answer, the rules between inputs among them', () => {
    expect(
      new Set(
        inputsAtFault({
          timeout: '10',
          'create-namespace': 'true',
          namespace: 'default',
          ttl: '3',
          replicas: 'three',
          manifests: 'k8s',
          image: '-',
          storage: '10Gi',
        }),
      ),
    ).toEqual(new Set(['create-namespace', 'image', 'replicas', 'storage', 'timeout', 'ttl']))
  })

  test('an input at fault is not blamed on another: a bad namespace is no missing one', () => {
    expect(inputsAtFault({ 'create-namespace': 'true', namespace: 'NO' })).toEqual(['namespace'])
  })

  test.each([
    ['namespace', `preview-${'x'.repeat(80)}`, /for instance (preview-x{48}-[0-9a-f]{6})$/],
    ['namespace', 'feature/Login_Page', /for instance (feature-login-page)$/],
    ['name', `zk-${'x'.repeat(60)}`, /for instance (zk-zk-x{27}-[0-9a-f]{6})$/],
  ])(
    'a name that Kubernetes would not take is answered with one that would do: %s %s',
    (input, value, words) => {
      const [fault] = faultsOf({ [input]: value })
      expect(fault?.fix).toMatch(words)
      expect(faultsOf({ [input]: words.exec(fault?.fix ?? '')?.[1] ?? '' })).toEqual([])
    },
  )

  test.each([
    ['zookeeper-auth', 'hunter2'],
    ['zookeeper-auth', 'user: hunter2'],
    ['cassandra-auth', 'hunter2'],
    ['cassandra-auth', 'user: hunter2'],
    ['zookeeper-auth', 'secret/_hunter2'],
    ['zookeeper-auth', 'secret/hunter2/password'],
  ])('no message repeats a secret: %s', (input, value) => {
    const faults = faultsOf({ [input]: value })
    expect(faults).toHaveLength(1)
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })

  test.each(['status', 'verify', 'history'])(
    'a dry run of %s, which changes nothing anyhow, is refused',
    (operation) => {
      expect(inputsAtFault({ operation, 'dry-run': 'true' })).toEqual(['dry-run'])
    },
  )
})

describe('inputs that only make sense together', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['a namespace to make needs a name', { 'create-namespace': 'true' }, ['create-namespace']],
    ['which the manifests may give', { 'create-namespace': 'true', manifests: 'k8s' }, []],
    [
      "the cluster's own namespaces are never made",
      { 'create-namespace': 'true', namespace: 'kube-system' },
      ['create-namespace'],
    ],
    ['a ttl belongs to a namespace that is made', { ttl: '72h', namespace: 'a' }, ['ttl']],
    [
      'given manifests are not overridden by ensemble inputs',
      { manifests: 'k8s', replicas: '5', memory: '2Gi' },
      ['replicas', 'memory'],
    ],
    ['the image alone may be', { manifests: 'k8s', image: 'zookeeper:3.9.5' }, []],
    ['there is no built-in Cassandra', { profile: 'cassandra' }, ['profile']],
    [
      'a custom ensemble is checked by commands',
      { profile: 'custom', manifests: 'k8s', 'write-command': 'put' },
      ['read-command'],
    ],
    ['or not at all', { profile: 'custom', manifests: 'k8s', verify: 'off' }, []],
    ['a heap that fills the memory would be killed', { heap: '2G', memory: '2Gi' }, ['heap']],
    ['one that leaves room is fine', { heap: '1G', memory: '2Gi' }, []],
    ['services of the built-in ensemble need a DNS label', { name: '3zk' }, ['name']],
    ['a StatefulSet of given manifests may be called so', { name: '3zk', manifests: 'k8s' }, []],
    [
      'a verify that checks nothing is a mistake',
      { operation: 'verify', verify: 'off' },
      ['verify'],
    ],
    ['a drain without nodes drains nothing', { operation: 'drain' }, ['nodes']],
    ['a cleanup needs to be told where', { operation: 'cleanup', name: 'zk' }, ['namespace']],
    [
      'a sweep takes no single one',
      { operation: 'cleanup', sweep: 'true', namespace: 'preview-7', name: 'zk' },
      ['namespace', 'name'],
    ],
    ['a scale needs a number', { operation: 'scale' }, ['replicas']],
    [
      'a number that can not be read is one fault',
      { operation: 'scale', replicas: '0' },
      ['replicas'],
    ],
  ])('%s', (_why, values, expected) => {
    expect(inputsAtFault(values)).toEqual(expected)
  })

  test('an even number of members is a warning: it works, and tolerates no more failures', () => {
    expect(parseInputs(env({ replicas: '4' })).warnings).toMatchObject([
      { input: 'replicas', severity: 'warning', fix: 'use 3 or 5' },
    ])
  })

  test('an input that has no effect is a warning', () => {
    expect(
      parseInputs(
        env({ operation: 'verify', manifests: 'k8s', 'on-failure': 'keep' }),
      ).warnings.map((finding) => finding.input),
    ).toEqual(['manifests', 'on-failure'])
  })

  test.each(['cleanup', 'drain', 'scale', 'undo'])(
    'for %s it is a refusal: who gives it believes in an effect',
    (operation) => {
      expect(inputsAtFault({ operation, 'on-failure': 'keep' })).toContain('on-failure')
    },
  )

  test('a member-timeout beyond the timeout is told', () => {
    expect(parseInputs(env({ 'member-timeout': '30m' })).warnings).toMatchObject([
      { input: 'member-timeout' },
    ])
  })

  test('commands without the custom profile are told', () => {
    expect(parseInputs(env({ 'write-command': 'put' })).warnings).toMatchObject([
      { input: 'write-command', message: expect.stringContaining('profile: auto') },
    ])
  })
})
