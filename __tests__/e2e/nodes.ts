// What tests of maintenance share: ensembles whose pods only their own drains take, a look at
// cordons and records afterwards, and nodes that are always uncordoned.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { act, type Ran } from './action.ts'
import { example, inNamespace, kubectl, read, run } from './cluster.ts'
import type { ActionRun } from '../support/runner.ts'

const MARK = 'zk-ensemble-action/cordon'

/**
 * Name of the label that a test's own pods have: its drains leave all others on the same nodes
 * alone, be they of the cluster or of another test.
 */
const SUITE = 'e2e.zk-ensemble-action/suite'

/**
 * The tutorial's manifest in small, its pods labelled as this suite's; every `from` in it becomes
 * `to`.
 */
export function tutorialFor(
  suite: string,
  ...changes: readonly (readonly [from: string | RegExp, to: string])[]
): string {
  const small = [
    ['cpu: "0.5"', 'cpu: "0.05"'],
    ['memory: "1Gi"', 'memory: 128Mi'],
    ['storage: 10Gi', 'storage: 1Gi'],
    [
      /(template:\n\s+metadata:\n\s+labels:\n)(\s+)app: zk\n/,
      `$1$2app: zk\n$2${SUITE}: ${suite}\n`,
    ],
  ] as const
  return [...small, ...changes].reduce((text, [from, to]) => {
    const next = text.replace(from, to)
    if (next === text) throw new Error(`the manifest has no ${String(from)}`)
    return next
  }, example('zookeeper-tutorial.yaml'))
}

/** Members start side by side: for tests that are not about the start. */
export const SIDE_BY_SIDE = [
  'podManagementPolicy: OrderedReady',
  'podManagementPolicy: Parallel',
] as const

/**
 * An application of the memo's kind: two pods on two nodes, each ready only so many seconds after
 * its start, and a budget that lets one of them be away.
 */
export function slowApplication(suite: string, readyAfter: number): string {
  const labels = `{app: slow, ${SUITE}: ${suite}}`
  return `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: slow}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: slow}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  replicas: 2
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: ${labels}}
    spec:
      terminationGracePeriodSeconds: 1
      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: slow}}}]}}
      containers:
      - {name: app, image: "busybox:1.36", command: [sleep, infinity], readinessProbe: {exec: {command: ["true"]}, initialDelaySeconds: ${readyAfter}, periodSeconds: 1}}
`
}

/** The drain of these nodes for the ensemble of `namespace`, with the suite's own pods only. */
export function drain(
  namespace: string,
  nodes: readonly string[],
  inputs: Readonly<Record<string, string>> = {},
  more: Omit<ActionRun, 'inputs'> = {},
): Promise<Ran> {
  return act(drainInputs(namespace, nodes, inputs), more)
}

export function drainInputs(
  namespace: string,
  nodes: readonly string[],
  inputs: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    operation: 'drain',
    namespace,
    nodes: nodes.join('\n'),
    'pod-selector': `${SUITE}=${namespace}`,
    ...inputs,
  }
}

/** As `inNamespace`; afterwards no node stays cordoned that wasn't before. */
export async function underMaintenance(
  prefix: string,
  test: (namespace: string) => Promise<void>,
): Promise<void> {
  const before = new Set(await cordonedNodes())
  try {
    await inNamespace(prefix, test)
  } finally {
    for (const node of (await cordonedNodes()).filter((name) => !before.has(name))) {
      await kubectl('uncordon', node)
      await kubectl('annotate', 'node', node, `${MARK}-`)
    }
  }
}

const nodeList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        annotations: z.record(z.string(), z.string()).optional(),
      }),
      spec: z.object({ unschedulable: z.boolean().optional() }),
    }),
  ),
})

async function nodes(): Promise<z.infer<typeof nodeList>['items']> {
  return nodeList.parse(JSON.parse(await kubectl('get', 'nodes', '-o', 'json'))).items
}

/** Names of nodes that are cordoned, or carry our mark. */
export async function cordonedNodes(): Promise<readonly string[]> {
  return (await nodes())
    .filter(
      ({ metadata, spec }) =>
        spec.unschedulable === true || metadata.annotations?.[MARK] !== undefined,
    )
    .map(({ metadata }) => metadata.name)
}

/** Whether the node is cordoned, and whether with our mark. */
export async function cordonOf(name: string): Promise<'none' | 'marked' | 'plain'> {
  const node = (await nodes()).find(({ metadata }) => metadata.name === name)
  if (node?.metadata.annotations?.[MARK] !== undefined) return 'marked'
  return node?.spec.unschedulable === true ? 'plain' : 'none'
}

export async function nodeNames(): Promise<readonly string[]> {
  return (await nodes()).map(({ metadata }) => metadata.name)
}

/** Node of each pod with this label, by the pod's name. */
export async function homes(
  namespace: string,
  label = 'app=zk',
): Promise<ReadonlyMap<string, string>> {
  const rows = await read(
    namespace,
    `pods -l ${label}`,
    '{range .items[*]}{.metadata.name}={.spec.nodeName} {end}',
  )
  return new Map(
    rows
      .trim()
      .split(' ')
      .map((row) => [row.slice(0, row.indexOf('=')), row.slice(row.indexOf('=') + 1)]),
  )
}

export async function homeOf(namespace: string, pod: string): Promise<string> {
  return read(namespace, `pod ${pod}`, '{.spec.nodeName}')
}

const recordSchema = z.looseObject({
  underWay: z.unknown(),
  maintenance: z
    .looseObject({
      nodes: z.array(z.looseObject({ name: z.string(), phase: z.string(), cordon: z.string() })),
    })
    .nullish(),
  drain: z.looseObject({ nodes: z.array(z.string()), done: z.array(z.string()) }).nullish(),
})

export async function recordOf(namespace: string): Promise<z.infer<typeof recordSchema>> {
  return recordSchema.parse(
    JSON.parse(await read(namespace, 'configmap zk-ensemble-zk', '{.data.record\\.json}')),
  )
}

export async function holderOf(namespace: string): Promise<string> {
  return read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')
}

/** A znode written through the first member. */
export async function write(namespace: string, value: string): Promise<void> {
  await kubectl(
    'exec',
    '-n',
    namespace,
    'zk-0',
    '--',
    'zkCli.sh',
    'create',
    `/kept-${value}`,
    value,
  )
}

/** Members on which the znode can't be read. */
export async function withoutValue(
  namespace: string,
  value: string,
  replicas = 3,
): Promise<readonly string[]> {
  const members = Array.from({ length: replicas }, (_, ordinal) => `zk-${ordinal}`)
  const found = await Promise.all(
    members.map((member) =>
      run('kubectl', ['exec', '-n', namespace, member, '--', 'zkCli.sh', 'get', `/kept-${value}`]),
    ),
  )
  return members.filter((_, index) => found[index]?.stdout.includes(value) !== true)
}

export interface ReadyWatch {
  /** Ends it; every number of ready replicas that was seen, in order. */
  stop(): Promise<readonly number[]>
}

/** Watches how many replicas of a Deployment or a StatefulSet are ready, from what it has now. */
export function watchReady(namespace: string, what: string): ReadyWatch {
  const child = spawn(
    'kubectl',
    ['get', '-n', namespace, what, '-w', '-o', 'jsonpath={.status.readyReplicas}{"\\n"}'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const seen: number[] = []
  // A number of zero is left out of the status.
  createInterface({ input: child.stdout }).on('line', (line) => seen.push(Number(line)))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  return {
    stop: async () => {
      child.kill()
      await ended
      if (seen.length === 0) throw new Error(`nothing was seen of ${what}`)
      return seen
    },
  }
}
