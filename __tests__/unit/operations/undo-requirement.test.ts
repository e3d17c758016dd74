// A change that can't be placed is rolled back, and what the change asked for is not asked of the
// revision before: else a rollback that went well would be told as one that failed.

import { expect, test } from '@jest/globals'
import { startCluster } from '../../support/cluster/cluster.ts'
import { clusterClock, runHere } from '../../support/in-process.ts'
import { TUTORIAL } from './drained-ensemble.ts'

test('members that shared nodes before a change that forbids it are rolled back, and verified', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 2 })
  try {
    const anywhere = TUTORIAL.replace(/^ {6}affinity:\n(?: {8}.*\n)+/m, '')
    expect(anywhere).not.toContain('podAntiAffinity')
    const files = { 'before.yaml': anywhere, 'after.yaml': TUTORIAL }
    const before = await runHere({
      cluster,
      clock,
      files,
      name: 'first',
      inputs: { manifests: 'before.yaml' },
    })
    expect(before.report.result).toBe('succeeded')
    const { report } = await runHere({
      cluster,
      clock,
      files,
      name: 'second',
      inputs: { manifests: 'after.yaml' },
    })
    expect([report.result, report.code, report.message]).toEqual([
      'undone',
      'UNSCHEDULABLE',
      expect.stringContaining('3 of 3 members serve'),
    ])
  } finally {
    await cluster.stop()
  }
})
