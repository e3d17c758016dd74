// A ConfigMap that nobody has read yet may be the fault that brings the next roll down: an undo
// that went "back" to it would restart members into that fault.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { connectKube } from '../../../../src/kube/connect.ts'
import { readRecord } from '../../../../src/record/record.ts'
import { startCluster, type SimulatedCluster } from '../../../support/cluster/cluster.ts'
import { text } from '../../../support/cluster/json.ts'
import {
  clusterClock,
  runHere,
  startRun,
  untilHere,
  type Ended,
  type Started,
} from '../../../support/in-process.ts'

jest.setTimeout(60_000)

const GOOD = readFileSync(
  fileURLToPath(
    new URL('../../../../examples/manifests/zookeeper-configmap.yaml', import.meta.url),
  ),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
const CHANGED = GOOD.replace('snap.retain: "3"', 'snap.retain: "4"')
/** As CHANGED, with an image that does not exist. */
const BAD = CHANGED.replace('kubernetes-zookeeper:1.0-3.4.10', 'kubernetes-zookeeper:nowhere')
/** As CHANGED, with another template. */
const ROLLED = CHANGED.replace(
  'terminationGracePeriodSeconds: 10',
  'terminationGracePeriodSeconds: 11',
).replace('memory: "1Gi"', 'memory: "1100Mi"')
/** As GOOD, with another template that its own partition keeps from every member. */
const HELD = GOOD.replace('memory: "1Gi"', 'memory: "1100Mi"').replace(
  '  template:\n',
  '  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 3}}\n  template:\n',
)
const FILES = {
  'good.yaml': GOOD,
  'changed.yaml': CHANGED,
  'bad.yaml': BAD,
  'rolled.yaml': ROLLED,
  'held.yaml': HELD,
}

interface Given {
  readonly cluster: SimulatedCluster
  /** A deploy of that file, or another operation by its inputs. */
  readonly run: (what: keyof typeof FILES | Readonly<Record<string, string>>) => Promise<Ended>
  readonly start: (file: keyof typeof FILES) => Started
  readonly retained: () => string
  readonly until: (what: string, holds: () => boolean) => Promise<void>
  /** Of each recorded revision, oldest first. */
  readonly verified: () => Promise<readonly boolean[]>
}

/** An ensemble that was deployed and verified with its first ConfigMap. */
async function withEnsemble(work: (given: Given) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  let runs = 0
  const job = (inputs: Readonly<Record<string, string>>) => ({
    cluster,
    clock,
    files: FILES,
    inputs: { 'member-timeout': '60s', ...inputs },
    name: `run-${++runs}`,
  })
  const given: Given = {
    cluster,
    run: (what) =>
      runHere(job(typeof what === 'string' ? { manifests: what } : { name: 'zk', ...what })),
    start: (file) => startRun(job({ manifests: file })),
    retained: () =>
      text(cluster.objects.get('ConfigMap', 'default', 'zk-config'), 'data', 'snap.retain'),
    until: (what, holds) => untilHere(clock, what, holds),
    async verified() {
      const { kube } = await connectKube({
        kubeconfig: cluster.kubeconfigFor('reader'),
        env: {},
        workspace: '/workspace',
        temp: '/temp',
        line: cluster.line,
        clock,
      })
      const { record } = await readRecord(kube, 'default', 'zk', AbortSignal.timeout(10_000))
      kube.close()
      return record.revisions.map(({ verifiedAt }) => verifiedAt !== '')
    },
  }
  try {
    expect((await given.run('good.yaml')).report).toMatchObject({ result: 'succeeded' })
    await work(given)
  } finally {
    await cluster.stop()
  }
}

test('a template that no member runs is not verified: an undo would go to what nobody ever ran', () =>
  withEnsemble(async ({ run, verified }) => {
    const { report } = await run('held.yaml')
    expect(report).toMatchObject({
      result: 'succeeded',
      standing: 'every member is available, at an earlier revision',
    })
    expect(report.notes.join('\n')).toMatch(/No member runs revision zk-\S+ yet/)
    expect(await verified()).toEqual([true])
  }))

describe('a deploy that changes a ConfigMap alone', () => {
  test('succeeds, and says who has not read it and what makes it verified; history does not call it verified', () =>
    withEnsemble(async ({ run, verified }) => {
      const { report } = await run('changed.yaml')
      expect(report).toMatchObject({
        result: 'succeeded',
        standing:
          'every member is available; zk-0, zk-1, zk-2 have not read a changed ConfigMap yet',
      })
      expect(report.notes.join('\n')).toContain(
        'zk-0, zk-1, zk-2 have not started since a ConfigMap of the members was changed: this revision counts as verified once they have (operation: restart)',
      )
      expect(await verified()).toEqual([true, false])
      const history = await run({ operation: 'history' })
      expect(
        history.report.revisions.filter(({ current }) => current).map((row) => row.verified),
      ).toEqual([false])
      expect(history.report.notes.join('\n')).toContain(
        'operation: restart lets every member read them',
      )
    }))

  test('is not verified by the same deploy once more, which restarts nobody', () =>
    withEnsemble(async ({ run, verified }) => {
      await run('changed.yaml')
      expect((await run('changed.yaml')).report).toMatchObject({
        result: 'unchanged',
        standing: expect.stringContaining('have not read a changed ConfigMap yet'),
      })
      expect(await verified()).toEqual([true, false])
    }))

  test('is not what a later bad change goes back to: the ConfigMap that the members run comes back', () =>
    withEnsemble(async ({ run, retained }) => {
      await run('changed.yaml')
      expect((await run('bad.yaml')).report).toMatchObject({ result: 'undone', code: 'IMAGE_PULL' })
      expect(retained()).toBe('3')
    }))

  test('is what an undo rolls back', () =>
    withEnsemble(async ({ run, retained, verified }) => {
      await run('changed.yaml')
      expect((await run({ operation: 'undo' })).report).toMatchObject({ result: 'succeeded' })
      expect(retained()).toBe('3')
      expect((await verified()).at(-1)).toBe(true)
    }))

  test('and is killed before it is recorded, is not verified by the next one either', () =>
    withEnsemble(async ({ start, until, run, retained, verified }) => {
      const killed = start('changed.yaml')
      await until('the ConfigMap to be changed', () => retained() === '4')
      killed.kill()
      await killed.ended.catch(() => undefined)
      expect((await run('changed.yaml')).report).toMatchObject({ result: 'unchanged' })
      expect(await verified()).toEqual([true, false])
    }))

  test('that goes back to the ConfigMap of before is verified: the members run it', () =>
    withEnsemble(async ({ run, verified }) => {
      await run('changed.yaml')
      expect((await run('good.yaml')).report.standing).toBe(
        'every member is available and verified',
      )
      expect((await verified()).at(-1)).toBe(true)
    }))
})

describe('a changed ConfigMap is verified, and what an undo goes back to', () => {
  test('after a restart of every member', () =>
    withEnsemble(async ({ run, retained, verified }) => {
      await run('changed.yaml')
      expect((await run({ operation: 'restart' })).report).toMatchObject({ result: 'succeeded' })
      expect(await verified()).toEqual([true, true])
      expect((await run('bad.yaml')).report).toMatchObject({ result: 'undone' })
      expect(retained()).toBe('4')
    }))

  test('after a roll that replaced every member', () =>
    withEnsemble(async ({ run, retained, verified }) => {
      await run('changed.yaml')
      expect((await run('rolled.yaml')).report).toMatchObject({
        result: 'succeeded',
        standing: 'every member is available and verified',
      })
      expect((await verified()).at(-1)).toBe(true)
      expect((await run('bad.yaml')).report).toMatchObject({ result: 'undone' })
      expect(retained()).toBe('4')
    }))

  test('not after a restart that did not check in full, but by the next deploy that does', () =>
    withEnsemble(async ({ run, verified }) => {
      await run('changed.yaml')
      await run({ operation: 'restart', verify: 'quick' })
      expect(await verified()).toEqual([true, false])
      await run('changed.yaml')
      expect(await verified()).toEqual([true, true])
    }))
})
