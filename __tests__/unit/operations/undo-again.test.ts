// An undo that was cut off is continued by the next one: it must not turn round and bring back
// what was being deleted.

import { expect, test } from '@jest/globals'
import { text } from '../../support/cluster/json.ts'
import { startCluster } from '../../support/cluster/cluster.ts'
import { clusterClock, runHere, startRun } from '../../support/in-process.ts'
import { TUTORIAL } from './drained-ensemble.ts'

test('the undo after one that was killed continues to the same revision', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  try {
    const files = {
      'before.yaml': TUTORIAL,
      'after.yaml': TUTORIAL.replace(
        '  template:\n    metadata:\n',
        '  template:\n    metadata:\n      annotations:\n        change: second\n',
      ),
    }
    const wanted = (): string =>
      text(cluster.objects.get('StatefulSet', 'default', 'zk'), 'status', 'updateRevision')
    await runHere({ cluster, clock, files, name: 'first', inputs: { manifests: 'before.yaml' } })
    const first = wanted()
    await runHere({ cluster, clock, files, name: 'second', inputs: { manifests: 'after.yaml' } })
    expect(wanted()).not.toBe(first)
    const undo = { operation: 'undo', name: 'zk' }
    const killed = startRun({
      cluster,
      clock,
      name: 'killed',
      inputs: undo,
      onLine: (line) => (line.includes('is back as it was at') ? killed.kill() : undefined),
    })
    await killed.ended
    const between = await runHere({
      cluster,
      clock,
      name: 'between',
      inputs: { operation: 'restart', name: 'zk' },
    })
    expect([between.report.result, between.report.code, between.report.message]).toEqual([
      'refused',
      'CONFLICT',
      expect.stringMatching(/: an undo of zk was begun at .* and has not ended/),
    ])
    expect(between.report.findings[0]?.fix).toMatch(
      /^Finish it first: operation: undo continues it, and with to-revision it goes to another revision/,
    )
    const { report } = await runHere({ cluster, clock, name: 'again', inputs: undo })
    expect([report.result, report.revision]).toEqual(['succeeded', first])
  } finally {
    await cluster.stop()
  }
})
