// What the tests of the simulated cluster share: a cluster for a test, our own client on it, and
// small manifests.

import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../../src/clock.ts'
import { connectKube } from '../../../../src/kube/connect.ts'
import type { Kube, KubeObject } from '../../../../src/kube/kube.ts'
import type { ClusterOptions, SimulatedCluster } from '../../../support/cluster/cluster.ts'
import { startCluster } from '../../../support/cluster/cluster.ts'
import type { Fields, Json } from '../../../support/cluster/json.ts'
import { at, number } from '../../../support/cluster/json.ts'

export const { signal } = new AbortController()

export async function withCluster(
  options: ClusterOptions,
  work: (cluster: SimulatedCluster, kube: Kube) => Promise<void>,
): Promise<void> {
  const cluster = await startCluster({ speed: 100, ...options })
  const { kube } = await connectKube({
    kubeconfig: cluster.kubeconfig,
    env: {},
    workspace: '/nowhere',
    temp: '/nowhere',
    clock: systemClock,
  })
  try {
    await work(cluster, kube)
  } finally {
    kube.close()
    await cluster.stop()
  }
}

/** Resolves when it holds; the test's own time limit ends a wait in vain. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`)
    await delay(5)
  }
}

export interface SetOptions {
  readonly name?: string
  readonly replicas?: number
  readonly image?: string
  readonly command?: readonly string[]
  readonly spec?: Fields
  readonly pod?: Fields
  readonly container?: Fields
}

/** A StatefulSet of containers that sleep. */
export function set(options: SetOptions = {}): KubeObject {
  const name = options.name ?? 'web'
  const container = {
    name: 'c',
    image: options.image ?? 'busybox:1.36',
    command: [...(options.command ?? ['sleep', 'infinity'])],
    resources: { requests: { cpu: '0.1' } },
    ...options.container,
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default' },
    spec: {
      serviceName: name,
      replicas: options.replicas ?? 3,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [container], ...options.pod },
      },
      ...options.spec,
    },
  }
}

export function object(
  apiVersion: string,
  kind: string,
  name: string,
  rest: Readonly<Record<string, unknown>> = {},
): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: 'default' }, ...rest }
}

export function statusOf(cluster: SimulatedCluster, name = 'web'): Fields {
  const found: Json | undefined = at(cluster.objects.get('StatefulSet', 'default', name), 'status')
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? found : {}
}

export async function available(cluster: SimulatedCluster, count = 3, name = 'web'): Promise<void> {
  await until(`${count} members of ${name} available and updated`, () => {
    const status = statusOf(cluster, name)
    const settled =
      status['currentRevision'] === status['updateRevision'] &&
      number(cluster.objects.get('StatefulSet', 'default', name), ['metadata', 'generation']) ===
        status['observedGeneration']
    return (
      settled &&
      status['availableReplicas'] === count &&
      number(status, ['updatedReplicas']) === count
    )
  })
}
