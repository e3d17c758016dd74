// A run that is cancelled or killed leaves a state that is named, no lock that stays shut, and
// nothing that the next run can't finish.

import { expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { runAction, type Finished } from '../support/runner.ts'
import { act, verdict } from './action.ts'
import { everything, inNamespace, kubeconfig, read } from './cluster.ts'

jest.setTimeout(600_000)

/** Of the built-in ensemble: three small members. */
const SMALL = { name: 'zk', cpu: '100m', memory: '256Mi', heap: '64M', storage: '1Gi' }
/** Everything is applied, the lock is held, the members are waited for. */
const WAITING = /^::group::Wait for every member/

const holderOf = (namespace: string): Promise<string> =>
  read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')

/** A run whose runner is lost while it waits: there is no report of it. */
function killed(namespace: string): Promise<Finished> {
  return runAction({
    inputs: { ...SMALL, namespace },
    kubeconfig: readFileSync(kubeconfig, 'utf8'),
    killAt: WAITING,
  })
}

test('cancelled and then killed while members are waited for: the state is named, the lock is released, the next run finishes the job', async () => {
  await inNamespace('cancel', async (namespace) => {
    const cancelled = await act({ ...SMALL, namespace }, { cancelAt: /^zk-[012]: / })
    // It ended on the runner's SIGINT, without the SIGTERM (exit code 143) and SIGKILL that would
    // have followed.
    expect({ exitCode: cancelled.exitCode, signal: cancelled.signal }).toEqual({
      exitCode: 1,
      signal: null,
    })
    expect(verdict(cancelled)).toMatch(
      /^cancelled CANCELLED .*was cancelled after something had been changed: the manifests are applied, \d of 3 members are ready/,
    )
    expect(cancelled.outputs).toMatchObject({
      changed: 'true',
      name: 'zk',
      namespace,
      replicas: '3',
    })
    expect(cancelled.summary.split('\n')[0]).toContain('CANCELLED')
    expect(await holderOf(namespace)).toBe('')

    const lost = await killed(namespace)
    expect(lost.signal).toBe('SIGKILL')
    // Set before the wait: later steps of the job find them even now.
    expect(lost.outputs).toMatchObject({ name: 'zk', namespace, replicas: '3' })
    expect(await holderOf(namespace)).toContain(lost.job.runId)
    const post = await lost.post()
    expect(post.exitCode).toBe(0)
    expect(await holderOf(namespace)).toBe('')

    const finished = await act({ ...SMALL, namespace })
    expect(verdict(finished)).toMatch(/^(succeeded|unchanged) /)
    expect(finished.exitCode).toBe(0)
    expect(finished.outputs).toMatchObject({ 'ready-replicas': '3', pairs: '6/6' })
    expect(finished.lines.join('\n')).not.toContain('Waiting for the lock')
    const record: unknown = JSON.parse(
      await read(namespace, 'configmap zk-ensemble-zk', '{.data.record\\.json}'),
    )
    expect(record).toMatchObject({
      underWay: null,
      revisions: [{ controllerRevision: finished.outputs['revision'] }],
    })
  })
})

// What takes minutes is no part of the core: there it isn't even registered.
const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

all(
  'killed without a post step: the next run takes the lock over when nobody renewed it, and finishes',
  async () => {
    await inNamespace('kill', async (namespace) => {
      const lost = await killed(namespace)
      const holder = await holderOf(namespace)
      expect(holder).toContain(lost.job.runId)
      const finished = await act({ ...SMALL, namespace })
      expect(verdict(finished)).toMatch(/^(succeeded|unchanged) /)
      const log = finished.lines.join('\n')
      expect(log).toContain(`/actions/runs/${lost.job.runId}`)
      expect(log).toContain(`The lock of ${holder} was not renewed for`)
      expect(await holderOf(namespace)).toBe('')
    })
  },
)
