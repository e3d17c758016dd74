// A scale down whose run is lost, and with it members that come back with the shorter list: those
// who know that list are too few to join, and the others too few to lose one.

import { expect, jest, test } from '@jest/globals'
import { byRuns, servedByNobody, takenWhileOneWasOut } from '../../model/rolls/invariants.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { clusterClock, runHere, startRun, type Ended } from '../../support/in-process.ts'
import { TUTORIAL, wanted } from './drained-ensemble.ts'

jest.setTimeout(120_000)

const FIVE = TUTORIAL.replace('replicas: 3', 'replicas: 5').replace('--servers=3', '--servers=5')
/** An election; milliseconds. */
const GAP_MS = 15_000

interface Place {
  readonly cluster: SimulatedCluster
  readonly next: (replicas: number, inputs?: Readonly<Record<string, string>>) => Promise<Ended>
}

/** The run was killed when the set had the list of four, and nobody else yet; then these are lost. */
async function withLost(
  pods: readonly string[],
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 5 })
  const scale = { operation: 'scale', name: 'zk' }
  try {
    const files = { 'five.yaml': FIVE }
    await runHere({ cluster, clock, files, name: 'deploy', inputs: { manifests: 'five.yaml' } })
    const started = startRun({
      cluster,
      clock,
      inputs: { ...scale, replicas: '3' },
      name: 'killed',
      onLine: (line) => void (line.includes('members are replaced one by one') && started.kill()),
    })
    await started.ended
    for (const pod of pods) cluster.somebody.delete('Pod', 'default', pod)
    await clock.sleep(180_000)
    await work({
      cluster,
      next: (replicas, inputs = {}) =>
        runHere({
          cluster,
          clock,
          inputs: { ...scale, replicas: String(replicas), ...inputs },
          name: 'next',
        }),
    })
  } finally {
    await cluster.stop()
  }
}

test.each([
  { lost: ['zk-0', 'zk-1'], goals: [3, 5] },
  { lost: ['zk-2', 'zk-3'], goals: [3] },
  { lost: ['zk-0'], goals: [3] },
])('$lost lost: the next run continues, or turns round: $goals', async ({ lost, goals }) => {
  for (const goal of goals)
    await withLost(lost, async ({ cluster, next }) => {
      const from = cluster.history.length
      const ended = await next(goal)
      wanted(ended, 'succeeded', '')
      const history = cluster.history.slice(from)
      expect(cluster.zookeeper('default', 'zk').serving()).toHaveLength(goal)
      expect([
        ...servedByNobody(history, GAP_MS),
        ...takenWhileOneWasOut(history, byRuns('next'), 4),
      ]).toEqual([])
    })
})

test('what it waits for in vain ends with the ways that lead on', () =>
  withLost(['zk-0'], async ({ cluster, next }) => {
    cluster.faultMember('default', 'zk', 1, { notServing: true })
    const ended = await next(3, { 'member-timeout': '1m' })
    expect(ended.report.code).toBe('TIMEOUT')
    expect(ended.report.message).toContain('must serve before zk-4 goes')
    expect(ended.report.waysOn).toEqual([
      'Then run operation: scale, replicas: 3 again: it continues from here.',
      'Or give it up with operation: scale, replicas: 5.',
    ])
  }))

test('lost at a hand-over of leadership: those with the shorter list serve, who has the longer one joins with theirs', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  const scale = { operation: 'scale', name: 'zk', replicas: '3' }
  try {
    const files = {
      'four.yaml': TUTORIAL.replace('replicas: 3', 'replicas: 4').replace(
        '--servers=3',
        '--servers=4',
      ),
    }
    await runHere({ cluster, clock, files, name: 'deploy', inputs: { manifests: 'four.yaml' } })
    const started = startRun({
      cluster,
      clock,
      inputs: scale,
      name: 'killed',
      onLine: (line) => void (/zk-2: leads; its server is ended/.test(line) && started.kill(2)),
    })
    await started.ended
    await clock.sleep(180_000)
    const members = cluster.zookeeper('default', 'zk')
    expect(members.serving()).toEqual([0, 1])
    const from = cluster.history.length
    wanted(await runHere({ cluster, clock, inputs: scale, name: 'next' }), 'succeeded', '')
    expect(members.serving()).toEqual([0, 1, 2])
    expect(servedByNobody(cluster.history.slice(from), 0)).toEqual([])
  } finally {
    await cluster.stop()
  }
})
