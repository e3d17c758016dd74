// status with wait: it must not call a roll done that is halted, must not end while somebody
// continues it, and must not wait for a run that is dead.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { startCluster } from '../../../support/cluster/cluster.ts'
import {
  clusterClock,
  runHere,
  startRun,
  untilHere,
  type Ended,
  type Started,
} from '../../../support/in-process.ts'

jest.setTimeout(60_000)

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')

/**
 * A deploy that is replacing its first member, and what `status` with `wait` says that begins then;
 * `meanwhile` may end the deploy.
 */
async function waitBeside(
  meanwhile: (deploy: Started) => void,
): Promise<{ readonly status: Ended; readonly deploy: Ended }> {
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
    meanwhile(deploy)
    const status = await runHere({
      cluster,
      clock,
      inputs: { operation: 'status', name: 'zk', wait: 'true', timeout: '15m' },
      name: 'status',
    })
    return { status, deploy: await deploy.ended }
  } finally {
    await cluster.stop()
  }
}

describe('a roll that another run is pacing', () => {
  test('is waited for: the halts between two members are no end', async () => {
    const { status, deploy } = await waitBeside(() => undefined)
    expect([deploy.report.result, `${status.report.result} ${status.report.code}`.trim()]).toEqual([
      'succeeded',
      'succeeded',
    ])
    expect(status.lines.join('\n')).toContain('still waiting')
    expect(new Set(status.report.members.map(({ revision }) => revision)).size).toBe(1)
  })

  test('and that was killed is not waited for till the timeout: it is named as halted, with what continues it', async () => {
    const { status } = await waitBeside((deploy) => deploy.kill())
    expect(status).toMatchObject({ exitCode: 1, report: { result: 'failed', code: 'NOT_READY' } })
    expect(status.report.message).toMatch(/partition \d keeps zk-0/)
    expect(status.lines.join('\n')).not.toContain('the timeout is over')
  })

  test('and that was cancelled, so that its lock is free, is told at once', async () => {
    const { status } = await waitBeside((deploy) => deploy.cancel())
    expect(status).toMatchObject({ exitCode: 1, report: { result: 'failed' } })
    expect(status.report.findings.map(({ message }) => message).join('\n')).toMatch(
      /partition \d keeps zk-0/,
    )
    expect(status.lines.join('\n')).not.toContain('the timeout is over')
  })
})
