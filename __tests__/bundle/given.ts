// What the tests of the shipped bundle share: a simulated cluster and a job for a test, and the
// tutorial's manifest with changes.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ClusterOptions, SimulatedCluster } from '../support/cluster/cluster.ts'
import { startCluster } from '../support/cluster/cluster.ts'
import type { ActionRun, Finished, Job } from '../support/runner.ts'
import { endJob, newJob, runAction } from '../support/runner.ts'

const EXAMPLES = fileURLToPath(new URL('../../examples/manifests/', import.meta.url))

export function example(name: string): string {
  return readFileSync(`${EXAMPLES}${name}`, 'utf8')
}

/** The tutorial's manifest; each pair replaces a text in it that must be there. */
export function tutorial(...changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the tutorial's manifest has no ${from}`)
    return text.replaceAll(from, to)
  }, example('zookeeper-tutorial.yaml'))
}

/**
 * Ready some seconds earlier than with the tutorial's probe: for tests that are about something
 * else.
 */
export const QUICK = ['initialDelaySeconds: 10', 'initialDelaySeconds: 1'] as const

/** A variable more in the first container that has some, so that members roll. */
export function withVariable(manifest: string): string {
  const [line, pad = ''] = /^( +)env:\n/m.exec(manifest) ?? []
  if (line === undefined) throw new Error('the manifest has no env')
  return manifest.replace(line, `${line}${pad}- name: ONE_MORE\n${pad}  value: "1"\n`)
}

/** A StatefulSet that isn't an ensemble: what is about pods alone needs no more. */
export function plain(
  more: {
    readonly container?: string
    readonly spec?: string
    readonly pod?: string
    readonly replicas?: number
  } = {},
): string {
  return `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: web
spec:
  serviceName: web
  replicas: ${more.replicas ?? 1}
${more.spec ?? ''}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
${more.pod ?? ''}
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
${more.container ?? '        image: busybox:1.36\n        command: [sleep, infinity]'}
`
}

export interface Given {
  readonly cluster: SimulatedCluster
  readonly job: Job
  /** One run of the action, with `manifest` as its manifests input. */
  readonly run: (
    manifest: string | undefined,
    inputs?: Readonly<Record<string, string>>,
    more?: Partial<ActionRun>,
  ) => Promise<Finished>
}

export async function withBundle(
  options: ClusterOptions,
  work: (given: Given) => Promise<void>,
): Promise<void> {
  const cluster = await startCluster({ speed: 50, ...options })
  const job = newJob()
  try {
    await work({
      cluster,
      job,
      run: (manifest, inputs = {}, more = {}) =>
        runAction({
          inputs: { ...(manifest === undefined ? {} : { manifests: 'ensemble.yaml' }), ...inputs },
          files: manifest === undefined ? {} : { 'ensemble.yaml': manifest },
          kubeconfig: cluster.kubeconfig,
          job,
          warm: true,
          ...more,
        }),
    })
  } finally {
    endJob(job)
    await cluster.stop()
  }
}

/**
 * Result, code and exit code of a run; its whole log when they were asked for and differ is in the
 * message of the failure.
 */
export function verdict(run: Finished): { result: string; code: string; exitCode: number | null } {
  return {
    result: run.outputs['result'] ?? '',
    code: run.outputs['code'] ?? '',
    exitCode: run.exitCode,
  }
}

export function writes(cluster: SimulatedCluster): string[] {
  return cluster.requests
    .filter(
      (request) =>
        ['create', 'update', 'patch', 'apply', 'delete', 'eviction'].includes(request.verb) &&
        request.kind !== '' &&
        request.kind !== 'Lease' &&
        !request.dryRun,
    )
    .map((request) => `${request.verb} ${request.kind} ${request.name}`.trim())
}
