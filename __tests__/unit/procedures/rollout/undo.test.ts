// A budget of three members, brought back for five, would let a majority go at once; one of five,
// brought back for three, would let nobody go.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, jest, test } from '@jest/globals'
import { at } from '../../../support/cluster/json.ts'
import { startCluster } from '../../../support/cluster/cluster.ts'
import { clusterClock, runHere } from '../../../support/in-process.ts'

jest.setTimeout(60_000)

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
)
  .replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
  .replace('maxUnavailable: 1', 'minAvailable: 2')

test('an undo across a scale brings back a budget for the members that are there', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 6 })
  const budget = () => {
    const found = cluster.objects.get('PodDisruptionBudget', 'default', 'zk-pdb')
    return { least: at(found, 'spec', 'minAvailable'), selector: at(found, 'spec', 'selector') }
  }
  const operate = async (name: string, inputs: Readonly<Record<string, string>>): Promise<void> => {
    const { report } = await runHere({
      cluster,
      clock,
      name,
      files: { 'zk.yaml': TUTORIAL },
      inputs,
    })
    expect([report.result, report.message]).toEqual(['succeeded', expect.any(String)])
  }
  const selector = { matchLabels: { app: 'zk' } }
  try {
    await operate('first', { manifests: 'zk.yaml' })
    await operate('up', { operation: 'scale', name: 'zk', replicas: '5' })
    expect(budget()).toEqual({ least: 4, selector })
    await operate('back', { operation: 'undo', name: 'zk' })
    expect(budget()).toEqual({ least: 4, selector })
    await operate('down', { operation: 'scale', name: 'zk', replicas: '3' })
    expect(budget()).toEqual({ least: 2, selector })
  } finally {
    await cluster.stop()
  }
})
