// A roll that is cancelled: somebody must read out of the closing line alone where it was halted,
// and who still has the revision of before.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, jest, test } from '@jest/globals'
import { startCluster } from '../../../support/cluster/cluster.ts'
import { clusterClock, runHere, startRun, untilHere } from '../../../support/in-process.ts'

jest.setTimeout(60_000)

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')

test('a deploy that is cancelled while its first member is replaced says at which partition it was halted and whom that holds back', async () => {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  try {
    const files = {
      'before.yaml': TUTORIAL,
      'after.yaml': TUTORIAL.replace('--heap=512M', '--heap=480M'),
    }
    await runHere({ cluster, clock, files, inputs: { manifests: 'before.yaml' }, name: 'first' })
    const from = cluster.history.length
    const deploy = startRun({
      cluster,
      clock,
      files,
      inputs: { manifests: 'after.yaml' },
      name: 'deploy',
    })
    await untilHere(clock, 'a member that is replaced', () =>
      cluster.history.slice(from).some(({ what }) => what === 'created'),
    )
    deploy.cancel()
    const { report } = await deploy.ended
    expect(report).toMatchObject({
      result: 'cancelled',
      standing: expect.stringContaining(
        'the roll is halted at partition 2, which is safe: zk-0, zk-1 keep their revision; the next run continues from here',
      ),
    })
    expect(report.message).toContain('at partition 2')
  } finally {
    await cluster.stop()
  }
})
