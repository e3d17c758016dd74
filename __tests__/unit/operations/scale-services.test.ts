// Members that are named by Services: a newcomer whose Service isn't there never joins, one that is
// deleted too early or that was somebody else's removes a name.

import { expect, jest, test } from '@jest/globals'
import { connectKube } from '../../../src/kube/connect.ts'
import {
  latestVerified,
  objectsOf,
  readRecord,
  type StoredRecord,
} from '../../../src/record/record.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { clusterClock, runHere, type Ended } from '../../support/in-process.ts'

jest.setTimeout(120_000)

interface Given {
  readonly cluster: SimulatedCluster
  readonly deploy: (replicas: number, more?: Readonly<Record<string, string>>) => Promise<Ended>
  readonly scale: (replicas: number) => Promise<Ended>
  readonly record: () => Promise<StoredRecord>
}

async function withBuiltIn(work: (given: Given) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 3 })
  let run = 0
  const next = (): string => `run-${++run}`
  try {
    await work({
      cluster,
      deploy: (replicas, more = {}) =>
        runHere({
          cluster,
          clock,
          inputs: { replicas: String(replicas), namespace: 'default', ...more },
          name: next(),
        }),
      scale: (replicas) =>
        runHere({
          cluster,
          clock,
          inputs: { operation: 'scale', name: 'zk', replicas: String(replicas) },
          name: next(),
        }),
      record: async () => {
        const { kube } = await connectKube({
          kubeconfig: cluster.kubeconfigFor('reader'),
          env: {},
          workspace: '/workspace',
          temp: '/temp',
          line: cluster.line,
          clock,
        })
        const stored = await readRecord(kube, 'default', 'zk', AbortSignal.timeout(10_000))
        kube.close()
        return stored
      },
    })
  } finally {
    await cluster.stop()
  }
}

const members = ({ cluster }: Given): readonly string[] =>
  [0, 1, 2]
    .map((ordinal) => `zk-${ordinal}`)
    .filter((name) => cluster.objects.get('Service', 'default', name) !== undefined)
const madeServices = ({ record }: StoredRecord): readonly string[] =>
  record.made
    .filter(({ kind, name }) => kind === 'Service' && /-\d$/.test(name))
    .map(({ name }) => name)
    .toSorted()

test('Services come with members and go with them, the connection string and the record say so', () =>
  withBuiltIn(async (given) => {
    const first = await given.deploy(1)
    expect([first.report.result, first.report.connectionString]).toEqual([
      'succeeded',
      'zk-0.default.svc:2181',
    ])
    const up = await given.scale(2)
    expect([up.report.result, up.report.connectionString]).toEqual([
      'succeeded',
      'zk-0.default.svc:2181,zk-1.default.svc:2181',
    ])
    expect(members(given)).toEqual(['zk-0', 'zk-1'])
    expect(given.cluster.objects.get('Service', 'default', 'zk-1')?.['spec']).toMatchObject({
      selector: { 'statefulset.kubernetes.io/pod-name': 'zk-1' },
      publishNotReadyAddresses: true,
    })
    const stored = await given.record()
    expect(madeServices(stored)).toEqual(['zk-0', 'zk-1'])
    const kept = objectsOf(stored, latestVerified(stored.record)?.digest ?? '') ?? []
    expect(
      kept
        .filter(({ kind }) => kind === 'Service')
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    ).toEqual(['zk-0', 'zk-1', 'zk-client', 'zk-headless'])

    const down = await given.scale(1)
    expect([down.report.result, down.report.connectionString]).toEqual([
      'succeeded',
      'zk-0.default.svc:2181',
    ])
    expect(members(given)).toEqual(['zk-0'])
    expect(madeServices(await given.record())).toEqual(['zk-0'])
    // The same number of members by a deploy finds all as it is.
    expect((await given.deploy(1)).report.result).toBe('unchanged')
  }))

test('a deploy with more members makes their Services first, and a scale down deletes those alone that were made here', () =>
  withBuiltIn(async (given) => {
    await given.deploy(1)
    expect((await given.deploy(2)).report.result).toBe('succeeded')
    expect(madeServices(await given.record())).toEqual(['zk-0', 'zk-1'])
    // Somebody recreated it: it is theirs.
    const own = given.cluster.objects.get('Service', 'default', 'zk-1')
    given.cluster.objects.remove('Service', 'default', 'zk-1')
    given.cluster.objects.put('Service', {
      apiVersion: 'v1',
      metadata: { name: 'zk-1', namespace: 'default' },
      spec: own?.['spec'] ?? {},
    })
    const down = await given.scale(1)
    expect(down.report.result).toBe('succeeded')
    expect(members(given)).toEqual(['zk-0', 'zk-1'])
    expect(down.report.notes.join('\n')).toContain(
      'service/zk-1 stays: it was not made by this action',
    )
  }))

test('a name that is taken by a Service of something else is refused before anything is changed', () =>
  withBuiltIn(async (given) => {
    await given.deploy(1)
    given.cluster.objects.put('Service', {
      apiVersion: 'v1',
      metadata: { name: 'zk-1', namespace: 'default' },
      spec: { selector: { app: 'shop' }, ports: [{ port: 80 }] },
    })
    const ended = await given.scale(2)
    expect([ended.report.result, ended.report.code, ended.report.changed]).toEqual([
      'refused',
      'MEMBERSHIP_CHANGE',
      false,
    ])
    expect(ended.report.findings[0]?.message).toContain(
      'names Service zk-1 for zk-1, and it does not select this pod alone',
    )
  }))
