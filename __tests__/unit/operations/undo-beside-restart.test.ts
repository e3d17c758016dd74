// A rollback after somebody's `kubectl rollout restart`, whose annotation stays: what comes back is
// a new revision for members that never left the old one, and they are replaced one by one too.

import { expect, test } from '@jest/globals'
import { byRuns, takenWhileOneWasOut } from '../../model/rolls/invariants.ts'
import { startCluster } from '../../support/cluster/cluster.ts'
import { fields } from '../../support/cluster/json.ts'
import { clusterClock, runHere } from '../../support/in-process.ts'
import { TUTORIAL } from './drained-ensemble.ts'

const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'
const RESTARTED = 'kubectl.kubernetes.io/restartedAt'

test('no member goes before the last one serves again', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  try {
    const files = {
      'good.yaml': TUTORIAL,
      'bad.yaml': TUTORIAL.replace(IMAGE, 'registry.k8s.io/kubernetes-zookeeper:nowhere'),
    }
    await runHere({ cluster, clock, files, name: 'good', inputs: { manifests: 'good.yaml' } })
    const from = cluster.history.length
    let restarted = false
    const { report } = await runHere({
      cluster,
      clock,
      files,
      name: 'bad',
      inputs: { manifests: 'bad.yaml' },
      onLine: (line) => {
        if (restarted || !line.includes('ErrImagePull')) return
        restarted = true
        cluster.somebody.rolloutRestart('default', 'zk')
      },
    })
    expect([report.result, report.code, report.readyReplicas]).toEqual(['undone', 'IMAGE_PULL', 3])
    const set = cluster.objects.get('StatefulSet', 'default', 'zk')
    const annotations = fields(set, 'spec', 'template', 'metadata', 'annotations')
    expect(Object.keys(annotations)).toContain(RESTARTED)
    expect(takenWhileOneWasOut(cluster.history.slice(from), byRuns('bad'), 3)).toEqual([])
  } finally {
    await cluster.stop()
  }
})
