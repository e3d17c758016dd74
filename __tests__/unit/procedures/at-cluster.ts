// A simulated cluster and clients of it on one clock, for procedures whose point is what the API
// makes of their writes.

import type { Clock } from '../../../src/clock.ts'
import { connectKube } from '../../../src/kube/connect.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { clusterClock } from '../../support/in-process.ts'

export interface AtCluster {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  /** A client under a name of its own, by which the cluster's log and faults know it. */
  readonly client: (name?: string) => Promise<Kube>
}

export async function atCluster(work: (at: AtCluster) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  const clients: Kube[] = []
  try {
    await work({
      cluster,
      clock,
      async client(name = 'run') {
        const { kube } = await connectKube({
          kubeconfig: cluster.kubeconfigFor(name),
          env: {},
          workspace: '/workspace',
          temp: '/temp',
          line: cluster.line,
          clock,
        })
        clients.push(kube)
        return kube
      },
    })
  } finally {
    for (const kube of clients) kube.close()
    await cluster.stop()
  }
}

export const never = new AbortController().signal
