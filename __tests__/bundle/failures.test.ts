// Every way to fail that a user can meet ends with its own code, names the object at fault, spends
// one error annotation, and shows no raw answer of the API.

import { describe, expect, test } from '@jest/globals'
import type { ClusterOptions, SimulatedCluster } from '../support/cluster/cluster.ts'
import type { Finished } from '../support/runner.ts'
import { QUICK, plain, tutorial, verdict, withBundle, writes } from './given.ts'

interface Case {
  readonly code: string
  readonly why: string
  readonly manifest: string | undefined
  readonly inputs?: Readonly<Record<string, string>>
  readonly options?: ClusterOptions
  readonly prepare?: (cluster: SimulatedCluster) => void
  /** In the message of the run. */
  readonly says: RegExp
}

const NONE = { profile: 'none', 'member-timeout': '6s' }

function expectOneError(run: Finished): void {
  const errors = run.annotations.filter((annotation) => annotation.kind === 'error')
  expect(errors).toHaveLength(1)
  expect(run.stderr).toBe('')
  expect(run.summary).toContain(run.outputs['code'] ?? '?')
  const told = [run.outputs['message'] ?? '', ...run.lines, run.summary].join('\n')
  expect(told).not.toMatch(/ApiException|"kind":\s*"Status"|HTTP-Code|\bat .*\.js:\d+/)
}

async function fails(
  { code, manifest, inputs, options, prepare, says }: Case,
  result: 'refused' | 'failed',
): Promise<void> {
  await withBundle(options ?? {}, async ({ cluster, run }) => {
    prepare?.(cluster)
    const done = await run(manifest, { ...NONE, ...inputs })
    expect({ ...verdict(done), message: done.outputs['message'] }).toEqual({
      result,
      code,
      exitCode: 1,
      message: expect.stringMatching(says),
    })
    expectOneError(done)
    if (result === 'refused') expect(writes(cluster)).toEqual([])
  })
}

const claims = (storageClass: string): string => `  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      storageClassName: ${storageClass}
      accessModes: [ReadWriteOnce]
      resources:
        requests:
          storage: 1Gi`

describe('refused before anything is changed', () => {
  test.concurrent('faults of inputs and of manifests come in one message, each with its place, and no request is sent', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run('kind: [', { timeout: '900', 'member-timeout': '5x', replicas: '3' })
      expect(verdict(done)).toEqual({ result: 'refused', code: 'INPUT_INVALID', exitCode: 1 })
      const log = done.lines.join('\n')
      for (const fault of [
        'timeout: 900 has no unit',
        'member-timeout: "5x" is not a duration',
        'replicas',
        'ensemble.yaml:1',
      ])
        expect(log).toContain(fault)
      expect(cluster.requests).toEqual([])
      expectOneError(done)
    }))

  const cases: Case[] = [
    {
      code: 'INPUT_INVALID',
      why: 'a bare number as a duration',
      manifest: plain(),
      inputs: { timeout: '900' },
      says: /timeout/,
    },
    {
      code: 'INPUT_INVALID',
      why: 'an unknown operation',
      manifest: plain(),
      inputs: { operation: 'explode' },
      says: /operation/,
    },
    {
      code: 'MANIFEST_INVALID',
      why: 'YAML that does not parse',
      manifest: 'kind: [',
      says: /ensemble\.yaml/,
    },
    {
      code: 'INPUT_INVALID',
      why: 'two StatefulSets and no name',
      manifest: `${plain()}---\n${plain().replace('name: web', 'name: other')}`,
      says: /web/,
    },
    {
      code: 'LINT_FAILED',
      why: 'a removed API version',
      manifest: `${plain()}---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}\n`,
      says: /policy\/v1beta1/,
    },
    {
      code: 'NOT_FOUND',
      why: 'a namespace that is not there',
      manifest: plain(),
      inputs: { namespace: 'nowhere' },
      says: /nowhere/,
    },
    {
      code: 'ACCESS_DENIED',
      why: 'a verb that is not allowed',
      manifest: plain(),
      says: /statefulsets/,
      prepare: (cluster) => {
        cluster.faults.forbid('patch', 'statefulsets')
      },
    },
    {
      code: 'CONFLICT',
      why: "another manager's field",
      manifest: plain({ replicas: 2 }),
      says: /helm/,
      prepare: (cluster) => {
        cluster.objects.put('ConfigMap', { metadata: { name: 'other', namespace: 'default' } })
        putSet(cluster)
      },
    },
    {
      code: 'IMMUTABLE_FIELD',
      why: 'a field that can not be changed',
      manifest: plain({ spec: '  podManagementPolicy: Parallel' }),
      says: /podManagementPolicy/,
      prepare: (cluster) => putSet(cluster, 'zk-ensemble-action'),
    },
  ]
  test.concurrent.each(cases)('$code: $why', (one) => fails(one, 'refused'))

  test.concurrent('CLUSTER_UNREACHABLE: a server that does not answer', () =>
    withBundle({}, async ({ cluster, run }) => {
      const kubeconfig = cluster.kubeconfig.replace(cluster.url, 'http://127.0.0.1:1')
      const done = await run(plain(), NONE, { kubeconfig })
      expect(verdict(done)).toEqual({ result: 'refused', code: 'CLUSTER_UNREACHABLE', exitCode: 1 })
      expectOneError(done)
    }))

  test.concurrent('MEMBERSHIP_CHANGE: fewer members than there are', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK), { verify: 'quick' })
      const before = writes(cluster).length
      const done = await run(
        tutorial(QUICK, ['replicas: 3', 'replicas: 1'], ['--servers=3', '--servers=1']),
      )
      expect(verdict(done)).toEqual({ result: 'refused', code: 'MEMBERSHIP_CHANGE', exitCode: 1 })
      expect(writes(cluster).slice(before)).toEqual([])
    }))
})

/** A StatefulSet that somebody else made. */
function putSet(cluster: SimulatedCluster, manager = 'helm'): void {
  const selector = { matchLabels: { app: 'web' } }
  const managed = {
    manager,
    operation: 'Apply',
    apiVersion: 'apps/v1',
    time: new Date().toISOString(),
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:spec': {
        'f:replicas': {},
        'f:selector': {},
        'f:serviceName': {},
        'f:template': {
          'f:spec': {
            'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:name': {}, 'f:image': {} } },
          },
        },
      },
    },
  }
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', 'infinity'] }],
    },
  }
  cluster.objects.put('StatefulSet', {
    metadata: { name: 'web', namespace: 'default', managedFields: [managed] },
    spec: { serviceName: 'web', replicas: 1, selector, template },
  })
}

describe('failed, with the pod and the reason', () => {
  const cases: Case[] = [
    {
      code: 'IMAGE_PULL',
      why: 'an image that is not there',
      manifest: plain({ container: '        image: nope:1' }),
      says: /web-0.*nope:1/,
    },
    {
      code: 'IMAGE_PULL',
      why: 'an image name that is none',
      manifest: plain({ container: '        image: "Bad Image"' }),
      says: /web-0.*Bad Image/,
    },
    {
      code: 'CRASH_LOOP',
      why: 'a command that ends',
      manifest: plain({
        container:
          '        image: busybox:1.36\n        command: [sh, -c, "echo no such option; exit 3"]\n        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}',
      }),
      says: /web-0.*\b3\b/,
    },
    {
      code: 'CRASH_LOOP',
      why: 'too little memory',
      manifest: plain({
        container:
          '        image: greedy:1\n        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}',
      }),
      options: { images: { 'greedy:1': { exit: { code: 137, reason: 'OOMKilled' } } } },
      says: /web-0.*(memory|OOMKilled)/,
    },
    {
      code: 'CONFIG_ERROR',
      why: 'a ConfigMap that is missing',
      manifest: plain({
        container:
          '        image: busybox:1.36\n        envFrom: [{configMapRef: {name: nothing}}]',
      }),
      says: /web-0.*nothing/,
    },
    {
      code: 'UNSCHEDULABLE',
      why: 'no node that is large enough',
      manifest: plain({
        container: '        image: busybox:1.36\n        resources: {requests: {cpu: "64"}}',
      }),
      says: /web-0.*cpu/,
    },
    {
      code: 'CLAIM_PENDING',
      why: 'a storage class that is missing',
      manifest: plain({ spec: claims('nonesuch') }),
      says: /nonesuch/,
    },
    {
      code: 'NOT_READY',
      why: 'a probe that never passes',
      manifest: plain({
        container:
          '        image: busybox:1.36\n        command: [sleep, infinity]\n        readinessProbe: {exec: {command: ["false"]}, periodSeconds: 1}',
      }),
      says: /web-0/,
    },
    {
      code: 'CREATE_REJECTED',
      why: 'a quota',
      manifest: plain(),
      says: /exceeded quota: few/,
      prepare: (cluster) => {
        cluster.objects.put('ResourceQuota', {
          metadata: { name: 'few', namespace: 'default' },
          spec: { hard: { pods: '0' } },
        })
      },
    },
  ]
  test.concurrent.each(cases)('$code: $why', (one) =>
    withBundle(one.options ?? {}, async ({ cluster, run }) => {
      one.prepare?.(cluster)
      const done = await run(one.manifest, { ...NONE, ...one.inputs })
      expect({
        result: ['failed', 'refused'].includes(done.outputs['result'] ?? ''),
        code: done.outputs['code'],
        exitCode: done.exitCode,
        message: done.outputs['message'],
      }).toEqual({
        result: true,
        code: one.code,
        exitCode: 1,
        message: expect.stringMatching(one.says),
      })
      expectOneError(done)
    }),
  )
})

describe('an ensemble that is not what its pods look like', () => {
  interface Sick {
    readonly code: string
    readonly why: string
    readonly fault: (cluster: SimulatedCluster) => void
    readonly says: RegExp
  }
  const cases: Sick[] = [
    {
      code: 'QUORUM_LOST',
      why: 'all pods Ready, and no quorum',
      says: /quorum|serv/i,
      fault: (cluster) =>
        [1, 2].forEach((ordinal) =>
          cluster.faultMember('default', 'zk', ordinal, { notServing: true }),
        ),
    },
    {
      code: 'IDENTITY_MISMATCH',
      why: 'two members with one id',
      says: /zk-2|zk-1/,
      fault: (cluster) => cluster.faultMember('default', 'zk', 2, { myid: '2' }),
    },
    {
      code: 'CHECK_FAILED',
      why: 'stale reads',
      says: /zk-0/,
      fault: (cluster) => cluster.faultMember('default', 'zk', 0, { stale: true }),
    },
    {
      code: 'CHECK_IMPOSSIBLE',
      why: 'TLS only',
      says: /TLS/i,
      fault: (cluster) =>
        [0, 1, 2].forEach((ordinal) =>
          cluster.faultMember('default', 'zk', ordinal, { tlsOnly: true }),
        ),
    },
    {
      code: 'CHECK_IMPOSSIBLE',
      why: 'no right to reach the members',
      says: /port-?forward|exec/i,
      fault: (cluster) => {
        cluster.faults.forbid('*', 'pods/portforward')
        cluster.faults.forbid('*', 'pods/exec')
      },
    },
  ]
  test.concurrent.each(cases)(
    '$code: $why',
    ({ code, fault, says }) =>
      withBundle({}, async ({ cluster, run }) => {
        await run(tutorial(QUICK), { verify: 'quick' })
        fault(cluster)
        // Its servers are young by the cluster's clock: as long as that is waited for.
        const done = await run(undefined, {
          operation: 'verify',
          name: 'zk',
          verify: 'full',
          'member-timeout': '5s',
        })
        expect({
          code: done.outputs['code'],
          exitCode: done.exitCode,
          message: done.outputs['message'],
        }).toEqual({ code, exitCode: 1, message: expect.stringMatching(says) })
        expect(done.outputs['result']).not.toBe('succeeded')
        expectOneError(done)
      }),
    90_000,
  )

  test.concurrent('LOCKED: another run is at work, and its page is named', () =>
    withBundle({}, async ({ cluster, run }) => {
      cluster.objects.put('Lease', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name: 'zk-ensemble-zk',
          namespace: 'default',
          annotations: {
            'zk-ensemble-action/run-url': 'https://github.com/example/shop/actions/runs/7',
          },
        },
        spec: {
          holderIdentity: 'example/shop/7/1/abcd',
          leaseDurationSeconds: 60,
          renewTime: '2026-01-01T00:00:00.000000Z',
        },
      })
      const done = await run(tutorial(QUICK), { timeout: '3s' })
      expect(verdict(done)).toEqual({ result: 'refused', code: 'LOCKED', exitCode: 1 })
      expect(done.outputs['message']).toContain('https://github.com/example/shop/actions/runs/7')
      expect(writes(cluster)).toEqual([])
      expectOneError(done)
    }))

  test.concurrent('TIMEOUT: time is over while a member is still coming, and that member is named', () =>
    withBundle({}, async ({ run }) => {
      const done = await run(tutorial(['initialDelaySeconds: 10', 'initialDelaySeconds: 4000']), {
        timeout: '5s',
      })
      expect({ exitCode: done.exitCode, result: done.outputs['result'] }).toEqual({
        exitCode: 1,
        result: 'failed',
      })
      expect(['TIMEOUT', 'NOT_READY']).toContain(done.outputs['code'])
      expect(done.outputs['message']).toContain('zk-0')
      expectOneError(done)
    }))

  test.concurrent('NOT_FOUND: verify of a set that is not there', () =>
    withBundle({}, async ({ run }) => {
      const done = await run(undefined, { operation: 'verify', name: 'nothing' })
      expect(verdict(done)).toEqual({ result: 'refused', code: 'NOT_FOUND', exitCode: 1 })
      expectOneError(done)
    }))
})
