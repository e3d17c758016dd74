// Members of Cassandra and of kinds with commands of the user's own that can't be reached: nobody
// knows whether they serve, so none is taken down, and none is called down.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { cassandraImage } from '../../support/cluster/cassandra.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { etcdImage } from '../../support/cluster/etcd.ts'
import type { Fault } from '../../support/cluster/faults.ts'
import { clusterClock, runHere } from '../../support/in-process.ts'

jest.setTimeout(60_000)

function example(name: string): string {
  return readFileSync(
    fileURLToPath(new URL(`../../../examples/manifests/${name}`, import.meta.url)),
    'utf8',
  )
}

const CUSTOM = {
  profile: 'custom',
  'write-command': 'etcdctl put zk-ensemble "$MARKER"',
  'read-command': 'etcdctl get zk-ensemble',
}
const KINDS = [
  {
    name: 'cassandra',
    manifest: 'cassandra.yaml',
    inputs: {},
    images: { 'gcr.io/google-samples/cassandra:v13': cassandraImage() },
  },
  {
    name: 'etcd',
    manifest: 'etcd.yaml',
    inputs: CUSTOM,
    images: { 'registry.k8s.io/etcd:3.6.8-0': etcdImage() },
  },
]
const WAYS: readonly (readonly [string, Fault])[] = [
  ['a gateway that answers with a page', { status: 403, body: '<html>no</html>' }],
  ['a gateway that resets the upgrade', { drop: true }],
  ['a webhook that forbids it', { status: 403 }],
  ['a kubelet that is not reached', { status: 500, body: 'error dialing backend: no route' }],
]

type Kind = (typeof KINDS)[number]
type Asks = (
  name: string,
  inputs: Readonly<Record<string, string>>,
) => Promise<readonly [string, string, number]>

/** Of each run what it came to, with how many pods it evicted or deleted. */
async function deployed(
  { name, manifest, inputs, images }: Kind,
  work: (cluster: SimulatedCluster, ask: Asks) => Promise<void>,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, images, nodes: 4 })
  try {
    const first = await runHere({
      cluster,
      clock,
      name: 'deploy',
      files: { 'm.yaml': example(manifest) },
      inputs: { manifests: 'm.yaml', ...inputs },
    })
    expect(first.report.result).toBe('succeeded')
    await work(cluster, async (by, given) => {
      const { report } = await runHere({
        cluster,
        clock,
        name: by,
        inputs: { name, 'member-timeout': '60s', ...inputs, ...given },
      })
      const taken = cluster.requests.filter(
        (one) =>
          one.by === by &&
          !one.dryRun &&
          (one.verb === 'eviction' || (one.kind === 'Pod' && one.verb === 'delete')),
      )
      return [report.result, report.code, taken.length]
    })
  } finally {
    await cluster.stop()
  }
}

describe.each(KINDS)('$name', (kind) => {
  test.each(WAYS)('behind %s', (_way, fault) =>
    deployed(kind, async (cluster, ask) => {
      cluster.faults.always({ verb: 'exec', ...fault })
      const told = ['failed', 'CHECK_IMPOSSIBLE', 0]
      expect(await ask('restart', { operation: 'restart' })).toEqual(told)
      expect(await ask('verify', { operation: 'verify' })).toEqual(told)
      cluster.faults.clear()
      expect(await ask('again', { operation: 'restart' })).toEqual(['succeeded', '', 3])
    }),
  )

  test('without the right to exec, and with verify off, members count by their pods: each is restarted once', () =>
    deployed(kind, async (cluster, ask) => {
      for (const verb of ['get', 'create']) cluster.faults.forbid(verb, 'pods/exec')
      expect(await ask('restart', { operation: 'restart', verify: 'off' })).toEqual([
        'succeeded',
        '',
        3,
      ])
    }))
})
