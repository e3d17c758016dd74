// A budget that loses its selector protects nobody, and nothing says so until the next maintenance.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, jest, test } from '@jest/globals'
import { connectKube } from '../../../../src/kube/connect.ts'
import { latestVerified, objectsOf, readRecord } from '../../../../src/record/record.ts'
import { startCluster } from '../../../support/cluster/cluster.ts'
import { clusterClock, runHere } from '../../../support/in-process.ts'

jest.setTimeout(60_000)

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
)
  .replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
  .replace('maxUnavailable: 1', 'minAvailable: 2')
const selector = { matchLabels: { app: 'zk' } }

test('a budget by number moves with the members and keeps what else was written in it, in the cluster and in the record', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  try {
    // Without a profile no member is asked or rolled, and without a verified revision the
    // companions are those of the cluster.
    await runHere({
      cluster,
      clock,
      files: { 'zk.yaml': TUTORIAL },
      inputs: { manifests: 'zk.yaml', profile: 'none', verify: 'off' },
      name: 'first',
    })
    const scaled = await runHere({
      cluster,
      clock,
      inputs: { operation: 'scale', name: 'zk', replicas: '4', profile: 'none' },
      name: 'scale',
    })
    expect([
      scaled.report.result,
      ...scaled.report.notes.filter((note) => note.includes('budget')),
    ]).toEqual(['succeeded'])
    expect(cluster.objects.get('PodDisruptionBudget', 'default', 'zk-pdb')?.['spec']).toEqual({
      minAvailable: 3,
      selector,
    })
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
    const objects = objectsOf(stored, latestVerified(stored.record)?.digest ?? '') ?? []
    expect(objects.find((object) => object.kind === 'PodDisruptionBudget')?.['spec']).toMatchObject(
      { minAvailable: 3, selector },
    )
    expect(
      objects.filter((object) => object.kind === 'Service').map((object) => object['spec']),
    ).toEqual([
      expect.objectContaining({ selector: { app: 'zk' } }),
      expect.objectContaining({ selector: { app: 'zk' } }),
    ])
  } finally {
    await cluster.stop()
  }
})

test('members that are added while a changed ConfigMap waits to be read leave the changed one in the record, verified: every member was replaced on the way', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  const withConfig = (level: string): string =>
    `${TUTORIAL.replace('      - name: kubernetes-zookeeper\n', '      - name: kubernetes-zookeeper\n        envFrom:\n        - configMapRef:\n            name: zk-config\n')}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: zk-config\ndata:\n  LOG_LEVEL: ${level}\n`
  try {
    const files = { 'before.yaml': withConfig('info'), 'after.yaml': withConfig('warn') }
    await runHere({ cluster, clock, files, inputs: { manifests: 'before.yaml' }, name: 'first' })
    expect(
      (
        await runHere({
          cluster,
          clock,
          files,
          inputs: { manifests: 'after.yaml' },
          name: 'second',
        })
      ).report.standing,
    ).toContain('have not read a changed ConfigMap yet')
    expect(
      (
        await runHere({
          cluster,
          clock,
          inputs: { operation: 'scale', name: 'zk', replicas: '4' },
          name: 'scale',
        })
      ).report.result,
    ).toBe('succeeded')
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
    const last = latestVerified(stored.record)
    expect(last).toMatchObject({ origin: 'scale' })
    expect(
      objectsOf(stored, last?.digest ?? '')?.find((object) => object.kind === 'ConfigMap')?.[
        'data'
      ],
    ).toEqual({ LOG_LEVEL: 'warn' })
  } finally {
    await cluster.stop()
  }
})
