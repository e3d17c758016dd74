// A member that runs and is outside of the quorum: status with wait, scale and drain wait for one that
// is on its way, and for none that stays outside.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { startCluster } from '../../support/cluster/cluster.ts'
import { at } from '../../support/cluster/json.ts'
import { clusterClock, runHere, type Ended } from '../../support/in-process.ts'

jest.setTimeout(60_000)

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
const MINUTE = 60_000

/**
 * zk-1 is moved and learns its peers after `rejoinMs`; `beforehand` lies between its move and the
 * run.
 */
async function withOneOutside(
  given: { readonly rejoinMs: number; readonly beforehand: number },
  inputs: Readonly<Record<string, string>>,
): Promise<Ended & { readonly ms: number; readonly replicas: unknown }> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  try {
    const first = await runHere({
      cluster,
      clock,
      files: { 'zk.yaml': TUTORIAL },
      inputs: { manifests: 'zk.yaml' },
      name: 'first',
    })
    expect(first.report.result).toBe('succeeded')
    await clock.sleep(10 * MINUTE)
    cluster.zookeeper('default', 'zk').timing.rejoinMs = given.rejoinMs
    cluster.objects.remove('Pod', 'default', 'zk-1')
    await clock.sleep(given.beforehand)
    const began = clock.now()
    const ended = await runHere({
      cluster,
      clock,
      inputs: { name: 'zk', timeout: '15m', ...inputs },
      name: 'run',
    })
    return {
      ...ended,
      ms: clock.now() - began,
      replicas: at(cluster.objects.get('StatefulSet', 'default', 'zk'), 'spec', 'replicas'),
    }
  } finally {
    await cluster.stop()
  }
}

describe('status with wait', () => {
  const inputs = { operation: 'status', wait: 'true' }

  test('waits for a member that has just moved until it is back in the quorum, and tells so', async () => {
    const ended = await withOneOutside({ rejoinMs: 70_000, beforehand: 20_000 }, inputs)
    expect([ended.report.result, ended.report.code]).toEqual(['succeeded', ''])
    expect(ended.lines.join('\n')).toMatch(/still waiting.*zk-1/)
  })

  test('fails well before its timeout where the member stays outside, and names it', async () => {
    const ended = await withOneOutside({ rejoinMs: 60 * MINUTE, beforehand: 5 * MINUTE }, inputs)
    expect([ended.report.result, ended.exitCode]).toEqual(['failed', 1])
    expect(ended.report.message).toContain('zk-1')
    expect(ended.ms).toBeLessThan(3 * MINUTE)
  })
})

describe('scale', () => {
  const inputs = { operation: 'scale', replicas: '4' }

  test('waits for a member that has just moved, and continues once it serves', async () => {
    const ended = await withOneOutside({ rejoinMs: 70_000, beforehand: 20_000 }, inputs)
    expect([ended.report.result, ended.replicas]).toEqual(['succeeded', 4])
    expect(ended.lines.join('\n')).toMatch(/waiting up to .*: zk-1 does not serve/)
  })

  test('is refused where a member stays outside: nobody joins an ensemble that has lost one already', async () => {
    const ended = await withOneOutside({ rejoinMs: 60 * MINUTE, beforehand: 5 * MINUTE }, inputs)
    expect([ended.report.result, ended.report.code, ended.replicas]).toEqual([
      'refused',
      'NOT_READY',
      3,
    ])
    expect(ended.report.message).toContain('zk-1 does not serve')
    expect(ended.ms).toBeLessThan(3 * MINUTE)
  })
})

describe('a run right after one that was cancelled with a member evicted', () => {
  test.each([
    ['scale', { replicas: '4' }],
    ['drain', { members: 'zk-0', uncordon: 'after' }],
  ])(
    '%s waits for the member that comes meanwhile as for any that has just come',
    async (operation, inputs) => {
      const ended = await withOneOutside(
        { rejoinMs: 60_000, beforehand: 0 },
        { operation, ...inputs },
      )
      expect([ended.report.result, ended.report.message]).toEqual([
        'succeeded',
        ended.report.message,
      ])
      expect(ended.ms).toBeGreaterThan(60_000)
    },
  )

  test.each([
    ['scale', { replicas: '4' }],
    ['drain', { members: 'zk-0', uncordon: 'after' }],
  ])('%s does not wait for ever for one that stays outside', async (operation, inputs) => {
    const ended = await withOneOutside(
      { rejoinMs: 60 * MINUTE, beforehand: 0 },
      { operation, ...inputs },
    )
    expect(ended.report.result).toBe('refused')
    expect(ended.ms).toBeLessThan(3 * MINUTE)
  })
})
