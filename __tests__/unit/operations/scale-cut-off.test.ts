// A scale down whose runner is lost while the first member has the shorter list: the members that
// still know the longer one need the vote of the member that goes.

import { expect, jest, test } from '@jest/globals'
import { byRuns, takenWhileOneWasOut } from '../../model/rolls/invariants.ts'
import { startCluster } from '../../support/cluster/cluster.ts'
import { clusterClock, runHere, startRun } from '../../support/in-process.ts'
import { TUTORIAL } from './drained-ensemble.ts'

jest.setTimeout(120_000)

const FOUR = TUTORIAL.replace('replicas: 3', 'replicas: 4').replace('--servers=3', '--servers=4')

test('who goes stays until every other has the shorter list, also in the run that continues', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  const scale = { operation: 'scale', name: 'zk', replicas: '3' }
  try {
    const files = { 'four.yaml': FOUR }
    const first = await runHere({
      cluster,
      clock,
      files,
      name: 'deploy',
      inputs: { manifests: 'four.yaml' },
    })
    expect(first.report.result).toBe('succeeded')
    const started = startRun({
      cluster,
      clock,
      inputs: scale,
      name: 'killed',
      onLine: (line) => void (line.includes('zk-0: evicted') && started.kill()),
    })
    await started.ended
    const killedAt = cluster.history.length
    const inputs = { operation: 'status', name: 'zk' }
    const status = (await runHere({ cluster, clock, inputs, name: 'status' })).report
    expect(status.findings.map(({ fix = '' }) => fix).join('\n')).toContain(
      'run operation: scale again, with replicas: 3',
    )
    const asked = { operation: 'verify', name: 'zk' }
    const verified = (await runHere({ cluster, clock, inputs: asked, name: 'verify' })).report
    expect([verified.code, verified.findings[0]?.message, verified.findings[0]?.fix]).toEqual([
      'IDENTITY_MISMATCH',
      expect.stringMatching(/ a scale of zk was begun .* has not ended$/),
      expect.stringContaining('run operation: scale again, with replicas: 3'),
    ])
    // It would be refused.
    expect(status.undoTo).toBeUndefined()
    const { report, lines } = await runHere({ cluster, clock, inputs: scale, name: 'continues' })
    expect([report.result, report.code, report.readyReplicas]).toEqual(['succeeded', '', 3])
    expect(lines.join('\n')).toContain('Plan the steps: 4 → 3: zk-3 goes')
    const later = cluster.history.slice(killedAt)
    expect(takenWhileOneWasOut(later, byRuns('continues'), 4)).toEqual([])
  } finally {
    await cluster.stop()
  }
})
