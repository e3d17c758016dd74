// Ensembles whose pods are all Ready and that are none: what `verify` must never call a success.

import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { act, verdict, type Ran } from './action.ts'
import { example, inNamespace, kubeconfig, kubectl, kubectlApply, read } from './cluster.ts'
import { asServiceAccount } from './service-account.ts'

jest.setTimeout(600_000)

const tutorial = example('zookeeper-tutorial.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.1"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('--heap=512M', '--heap=64M')
  .replace('storage: 10Gi', 'storage: 1Gi')
  .replace('OrderedReady', 'Parallel')
const LIST = ['0', '1', '2']
  .map((ordinal) => `server.${Number(ordinal) + 1}=zk-${ordinal}.zk-hs:2888:3888;2181`)
  .join(' ')

/** Three members of the official image, each started by `script` with its ordinal in $N. */
function official(script: string): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: zk-hs
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: zk}
  ports: [{name: server, port: 2888}, {name: election, port: 3888}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: zk
spec:
  replicas: 3
  serviceName: zk-hs
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: zk}}
  template:
    metadata:
      labels: {app: zk}
    spec:
      containers:
      - name: zookeeper
        image: zookeeper:3.9
        command: [bash, -c]
        args:
        - |
          N=\${HOSTNAME##*-}
          export ZOO_MY_ID=$((N + 1)) ZOO_SERVERS="${LIST}"
          ${script}
          exec /docker-entrypoint.sh zkServer.sh start-foreground
        env:
        - {name: ZK_SERVER_HEAP, value: "64"}
        ports: [{name: client, containerPort: 2181}, {name: server, containerPort: 2888}, {name: election, containerPort: 3888}]
        resources: {requests: {cpu: 100m, memory: 128Mi}}
        readinessProbe: {tcpSocket: {port: client}, periodSeconds: 2}
`
}

interface Case {
  readonly name: string
  readonly manifest: string
  readonly code: string
  /** All of them in the message. */
  readonly says: readonly RegExp[]
}

const CASES: readonly Case[] = [
  {
    name: 'one member of three is there, and Ready because it says imok',
    manifest: tutorial.replace('replicas: 3', 'replicas: 1'),
    code: 'QUORUM_LOST',
    says: [/no quorum/],
  },
  {
    name: 'two members have one id',
    manifest: official('[ "$N" != 2 ] || ZOO_MY_ID=2'),
    code: 'IDENTITY_MISMATCH',
    says: [/zk-2/, /id 2/],
  },
  {
    name: 'one member has another member list',
    manifest: official(
      '[ "$N" != 2 ] || ZOO_SERVERS=${ZOO_SERVERS/zk-0.zk-hs:2888/zk-0.zk-hs:2889}',
    ),
    code: 'IDENTITY_MISMATCH',
    says: [/zk-2/, /member list/],
  },
  {
    name: 'three members that each run alone',
    manifest: tutorial.replace('--servers=3', '--servers=1'),
    code: 'IDENTITY_MISMATCH',
    says: [/zk-0/, /standalone/],
  },
]

interface Came {
  readonly ran: Ran
  /** The members' Ready conditions when the check began. */
  readonly ready: string
}

async function attempt({ manifest }: Case): Promise<Came> {
  const came: Came[] = []
  await inNamespace('refuse', async (namespace) => {
    await kubectlApply(namespace, manifest)
    await kubectl('rollout', 'status', 'statefulset/zk', '-n', namespace, '--timeout=240s')
    const ready = await read(
      namespace,
      'pods -l app=zk',
      '{.items[*].status.conditions[?(@.type=="Ready")].status}',
    )
    came.push({ ready, ran: await act({ operation: 'verify', namespace }) })
  })
  const [only] = came
  if (only === undefined) throw new Error('nothing came of it')
  return only
}

describe('members that are Ready and yet', () => {
  const came = new Map<string, Promise<Came>>()

  beforeAll(async () => {
    // Two at a time: more servers than the machine bears would fail for want of time.
    for (const pair of [CASES.slice(0, 2), CASES.slice(2)]) {
      for (const one of pair) came.set(one.name, attempt(one))
      await Promise.allSettled(came.values())
    }
  })

  test.each(CASES)('$code: $name', async ({ name, code, says }) => {
    const found = await came.get(name)
    expect(found?.ready).toMatch(/^True( True True)?$/)
    const ran = found?.ran
    if (ran === undefined) throw new Error('it did not run')
    expect(verdict(ran)).toMatch(new RegExp(`^failed ${code} `))
    expect(ran.exitCode).toBe(1)
    for (const text of says) expect(ran.outputs['message']).toMatch(text)
    expect(ran.outputs['changed']).toBe('false')
    expect(ran.summary.split('\n')[0]).toContain('failed')
    expect(ran.annotations.filter(({ kind }) => kind === 'error')).toHaveLength(1)
  })
})

test('CHECK_IMPOSSIBLE: without a way to the members nothing is called a success, and the rule to add is printed', async () => {
  await inNamespace('blind', async (namespace) => {
    await kubectlApply(namespace, tutorial.replace('replicas: 3', 'replicas: 0'))
    const account = asServiceAccount(namespace, readFileSync(kubeconfig, 'utf8'))
    await account.create()
    await account.grant(
      'looks',
      ['statefulsets.apps', 'pods', 'persistentvolumeclaims', 'services'],
      ['get', 'list', 'watch'],
    )
    const ran = await act(
      { operation: 'verify', namespace },
      { kubeconfig: await account.kubeconfig() },
    )
    expect(verdict(ran)).toMatch(/^refused CHECK_IMPOSSIBLE /)
    expect(ran.exitCode).toBe(1)
    const log = ran.lines.join('\n')
    expect(log).toMatch(/kind: Role\b/)
    expect(log).toMatch(/resources: \[pods\/portforward\]\n\s*verbs: \[get, create\]/)
  })
})
