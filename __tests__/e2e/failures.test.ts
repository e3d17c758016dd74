// Each way in which a deploy fails on a real cluster: named with its own code, pod and reason, and
// long before the time that it was given is over.

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from './action.ts'
import { example, inNamespace, kubeconfig, kubectl, kubectlApply } from './cluster.ts'
import { asServiceAccount, documentedRole } from './service-account.ts'

jest.setTimeout(600_000)

const TIMEOUT_MS = 540_000
const TIMEOUT = `${TIMEOUT_MS / 60_000}m`

/** The tutorial's ensemble, small enough that many fit; each case breaks one thing in it. */
const small = example('zookeeper-tutorial.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.05"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('storage: 10Gi', 'storage: 1Gi')
const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'
/** Nothing of it runs: for what is judged before a pod is looked at. */
const idle = broken('cpu: "0.05"', 'cpu: "64"')

function broken(from: string | RegExp, to: string): string {
  const text = small.replace(from, to)
  if (text === small) throw new Error(`the manifest has no ${String(from)}`)
  return text
}

/** The server's command line replaced by a shell's. */
function commanded(script: string): string {
  return broken(/- "start-zookeeper[^"]*"/, `- ${JSON.stringify(script)}`)
}

interface Case {
  readonly name: string
  readonly manifest: string
  readonly prepare?: (namespace: string) => Promise<unknown>
  readonly inputs?: Readonly<Record<string, string>>
  /** With the documented Role alone, which may not try a pod beforehand. */
  readonly withRole?: true
  readonly result?: 'refused'
  readonly code: string
  /** All of them in the message. */
  readonly says: readonly RegExp[]
  /** Object and reason of the evidence; absent for what is refused. */
  readonly evidence?: {
    readonly object: string
    readonly reason: RegExp
    readonly told: 'events' | 'log'
    readonly text: RegExp
  }
}

const CASES: readonly Case[] = [
  {
    name: 'an image that is not in the registry',
    manifest: broken(IMAGE, 'registry.k8s.io/kubernetes-zookeeper:no-such-tag'),
    code: 'IMAGE_PULL',
    says: [/zk-0/, /no-such-tag/],
    evidence: {
      object: 'pod/zk-0',
      reason: /ErrImagePull|ImagePullBackOff/,
      told: 'events',
      text: /no-such-tag/,
    },
  },
  {
    name: 'an image name that is none',
    manifest: broken(IMAGE, 'registry.k8s.io/Kubernetes-ZooKeeper:1.0'),
    code: 'IMAGE_PULL',
    says: [/zk-0/, /Kubernetes-ZooKeeper/],
    evidence: {
      object: 'pod/zk-0',
      reason: /InvalidImageName/,
      told: 'events',
      text: /Kubernetes-ZooKeeper/,
    },
  },
  {
    name: 'a command that ends',
    manifest: commanded('echo no license found >&2; exit 7'),
    code: 'CRASH_LOOP',
    says: [/zk-0/, /7/],
    evidence: { object: 'pod/zk-0', reason: /./, told: 'log', text: /no license found/ },
  },
  {
    name: 'a ConfigMap that is not there',
    manifest: broken(
      '        ports:\n        - containerPort',
      '        envFrom:\n        - configMapRef:\n            name: zk-settings\n        ports:\n        - containerPort',
    ),
    code: 'CONFIG_ERROR',
    says: [/zk-0/, /zk-settings/],
    evidence: {
      object: 'pod/zk-0',
      reason: /CreateContainerConfigError/,
      told: 'events',
      text: /zk-settings/,
    },
  },
  {
    name: 'a request for processors that no node has',
    manifest: idle,
    code: 'UNSCHEDULABLE',
    says: [/zk-0/, /cpu/i],
    evidence: {
      object: 'pod/zk-0',
      reason: /Unschedulable|FailedScheduling/,
      told: 'events',
      text: /Insufficient cpu/,
    },
  },
  {
    name: 'a storage class that is not there',
    manifest: broken('      accessModes', '      storageClassName: premium\n      accessModes'),
    result: 'refused',
    code: 'CLAIM_PENDING',
    says: [/premium/, /standard/],
  },
  {
    name: 'claims left over with another class or size',
    manifest: broken('      accessModes', '      storageClassName: standard\n      accessModes'),
    result: 'refused',
    code: 'CLAIM_PENDING',
    says: [/datadir-zk-0/, /local/],
    prepare: (namespace) =>
      kubectlApply(
        namespace,
        `${claim('datadir-zk-0', 'local', '1Gi')}---\n${claim('datadir-zk-1', 'standard', '512Mi')}`,
      ),
  },
  {
    name: 'a quota that leaves no room for a pod, tried beforehand',
    manifest: small,
    result: 'refused',
    code: 'CREATE_REJECTED',
    says: [/zk/, /quota/, /no-pods/],
    prepare: (namespace) => kubectl('create', 'quota', 'no-pods', '-n', namespace, '--hard=pods=0'),
  },
  {
    name: 'a quota that leaves no room for a pod',
    withRole: true,
    manifest: small,
    code: 'CREATE_REJECTED',
    says: [/zk-0/, /quota/],
    prepare: (namespace) => kubectl('create', 'quota', 'no-pods', '-n', namespace, '--hard=pods=0'),
    evidence: {
      object: 'pod/zk-0',
      reason: /ExceededQuota/,
      told: 'events',
      text: /exceeded quota: no-pods/,
    },
  },
  {
    name: 'a namespace that enforces restricted pods, tried beforehand',
    manifest: small,
    result: 'refused',
    code: 'CREATE_REJECTED',
    says: [/zk/, /restricted/],
    prepare: (namespace) =>
      kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted'),
  },
  {
    name: 'a namespace that enforces restricted pods',
    withRole: true,
    manifest: small,
    code: 'CREATE_REJECTED',
    says: [/zk-0/, /restricted/],
    prepare: (namespace) =>
      kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted'),
    evidence: {
      object: 'pod/zk-0',
      reason: /PodSecurity/,
      told: 'events',
      text: /violates PodSecurity/,
    },
  },
  {
    name: 'less memory than the server takes',
    manifest: commanded('exec tail /dev/zero').replace(
      'memory: 128Mi',
      'memory: 48Mi\n          limits:\n            memory: 48Mi',
    ),
    code: 'CRASH_LOOP',
    says: [/zk-0/, /memory/],
    evidence: { object: 'pod/zk-0', reason: /OOMKilled/, told: 'events', text: /./ },
  },
  {
    name: 'a field that can not be changed',
    manifest: idle.replace('podManagementPolicy: OrderedReady', 'podManagementPolicy: Parallel'),
    result: 'refused',
    code: 'IMMUTABLE_FIELD',
    says: [/podManagementPolicy/],
    prepare: (namespace) => kubectlApply(namespace, idle),
  },
  {
    name: 'fewer members than run',
    manifest: idle.replace('replicas: 3', 'replicas: 1').replace('--servers=3', '--servers=1'),
    result: 'refused',
    code: 'MEMBERSHIP_CHANGE',
    says: [/3/, /removes no member/],
    prepare: (namespace) => kubectlApply(namespace, idle),
  },
  {
    name: 'a probe that never passes',
    manifest: broken('- "zookeeper-ready 2181"', '- "echo nobody is home; exit 1"'),
    inputs: { 'member-timeout': '25s' },
    code: 'NOT_READY',
    says: [/zk-0/],
    evidence: { object: 'pod/zk-0', reason: /./, told: 'events', text: /nobody is home/ },
  },
]

function claim(name: string, storageClass: string, size: string): string {
  return `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: ${name}\n  labels:\n    app: zk\nspec:\n  storageClassName: ${storageClass}\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: ${size}\n`
}

interface Came {
  readonly ran: Ran
  readonly tookMs: number
  /** What is in the namespace afterwards. */
  readonly there: string
}

async function attempt({ manifest, prepare, inputs, withRole }: Case): Promise<Came> {
  const came: Came[] = []
  await inNamespace('fail', async (namespace) => {
    await prepare?.(namespace)
    if (withRole === true) await kubectlApply(namespace, documentedRole(namespace))
    const theirs =
      withRole === true
        ? {
            kubeconfig: await asServiceAccount(
              namespace,
              readFileSync(kubeconfig, 'utf8'),
            ).kubeconfig(),
          }
        : {}
    const began = performance.now()
    const ran = await act(
      { manifests: 'zk.yaml', namespace, timeout: TIMEOUT, ...inputs },
      { files: { 'zk.yaml': manifest }, ...theirs },
    )
    if (withRole === true)
      await kubectl(
        'delete',
        'clusterrole,clusterrolebinding',
        `${namespace}-look`,
        `${namespace}-maintenance`,
        '--ignore-not-found',
      )
    came.push({
      ran,
      tookMs: performance.now() - began,
      there: await kubectl(
        'get',
        '-n',
        namespace,
        'statefulset,service,pdb,configmap',
        '-o',
        'name',
      ),
    })
  })
  const [only] = came
  if (only === undefined) throw new Error('nothing came of it')
  return only
}

describe('a deploy that can not succeed', () => {
  const came = new Map<string, Promise<Came>>()

  beforeAll(async () => {
    for (const one of CASES) came.set(one.name, attempt(one))
    await Promise.allSettled(came.values())
  })

  test.each(CASES)('$code: $name', async ({ name, result, code, says, evidence, prepare }) => {
    const found = await came.get(name)
    if (found === undefined) throw new Error('it did not run')
    const { ran, tookMs, there } = found
    expect(`${verdict(ran)}\n${ran.stderr}`).toMatch(new RegExp(`^${result ?? 'failed'} ${code} `))
    expect(ran.exitCode).toBe(1)
    for (const text of says) expect(ran.outputs['message']).toMatch(text)
    const errors = ran.annotations.filter(({ kind }) => kind === 'error')
    expect(errors).toHaveLength(1)
    expect(errors[0]?.title).toContain(code)
    expect(ran.summary.split('\n')[0]).toContain(code)
    expect(ran.lines.join('\n')).not.toMatch(/HTTP-Code|ApiException|"kind":\s*"Status"/)
    // It was seen, not waited for.
    expect(tookMs).toBeLessThan(TIMEOUT_MS / 2)

    if (result === 'refused') {
      expect(ran.outputs['changed']).toBe('false')
      expect(ran.report.requests['writes'] ?? 0).toBe(0)
      if (prepare === undefined || code === 'CLAIM_PENDING')
        expect(there).not.toMatch(/statefulset|service\/zk|poddisruptionbudget/)
    }
    if (evidence === undefined) return
    const shown = ran.report.evidence.find(({ object }) => object === evidence.object)
    expect(shown?.reason).toMatch(evidence.reason)
    if (evidence.told === 'log')
      expect(shown?.logs.flatMap(({ lines }) => lines).join('\n')).toMatch(evidence.text)
    else expect(JSON.stringify(shown?.['events'])).toMatch(evidence.text)
  })

  test('both claims of an earlier installation are named, each with its difference', async () => {
    const found = await came.get('claims left over with another class or size')
    const told = found?.ran.report.findings
      .filter(({ code, severity }) => code === 'CLAIM_PENDING' && severity === 'error')
      .map(({ message }) => message)
    expect(told).toEqual([
      expect.stringMatching(/datadir-zk-0.*"local".*"standard"/),
      expect.stringMatching(/datadir-zk-1.*512Mi.*1Gi/),
    ])
  })

  test('LINT_FAILED: a manifest that would lose data is refused on its line, and no request is sent', async () => {
    const manifest = small.replace('policy/v1', 'policy/v1beta1')
    const ran = await act(
      { manifests: 'zk.yaml', namespace: 'default' },
      { files: { 'zk.yaml': manifest } },
    )
    expect(verdict(ran)).toMatch(/^refused LINT_FAILED /)
    expect(ran.exitCode).toBe(1)
    expect(ran.outputs['message']).toMatch(/policy\/v1beta1/)
    expect(Object.values(ran.report.requests).reduce((sum, count) => sum + count, 0)).toBe(0)
    const line = manifest.slice(0, manifest.indexOf('policy/v1beta1')).split('\n').length
    expect(ran.annotations.filter(({ kind }) => kind === 'error')).toEqual([
      expect.objectContaining({ file: 'zk.yaml', line }),
    ])
  })
})
