// A step that keeps running after its verdict costs the job's six hours: whatever is still open,
// it ends within seconds.

import { createServer, type Socket } from 'node:net'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/clock.ts'
import {
  endJob,
  newJob,
  runAction,
  type ActionRun,
  type Finished,
  type Job,
} from '../support/runner.ts'
import { plain } from './given.ts'

const LONGEST_MS = 5_000

const OPERATIONS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['deploy', { manifests: 'web.yaml', profile: 'none' }],
  ['verify', {}],
  ['undo', {}],
  ['restart', {}],
  ['history', {}],
  ['status', {}],
  ['scale', { replicas: '3' }],
  ['drain', { nodes: 'node-1' }],
  ['uncordon', { nodes: 'node-1' }],
]

function kubeconfig(server: string, script: string): string {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'bash',
    args: ['-c', script],
  }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { exec } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  })
}

/** The run, and how long after its last line the process was gone. */
async function run(
  job: Job,
  more: ActionRun,
): Promise<{ readonly finished: Finished; readonly afterMs: number }> {
  let last = performance.now()
  const finished = await runAction({
    job,
    files: { 'web.yaml': plain() },
    ...more,
    onLine: () => (last = performance.now()),
  })
  return { finished, afterMs: performance.now() - last }
}

/**
 * Resolves when the process of a file has ended: one that outlives the step holds the test for
 * ever.
 */
async function gone(file: string): Promise<void> {
  const stat = `/proc/${readFileSync(file, 'utf8').trim()}/stat`
  while (existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'))) await systemClock.sleep(20)
}

async function inJob(work: (job: Job) => Promise<void>): Promise<void> {
  const job = newJob()
  try {
    await work(job)
  } finally {
    endJob(job)
  }
}

describe('after its verdict the process is gone, and all that it started', () => {
  test.each(OPERATIONS)(
    '%s, cancelled while a credential plugin waits for a person',
    (operation, inputs) =>
      inJob(async (job) => {
        const plugin =
          'echo $$ > "$RUNNER_TEMP/plugin"; setsid bash -c \'echo $$ > "$RUNNER_TEMP/apart"; exec sleep 400\' & echo "To sign in, enter the code ABCD" >&2; exec sleep 400'
        const { finished, afterMs } = await run(job, {
          inputs: { operation, namespace: 'default', name: 'web', ...inputs },
          kubeconfig: kubeconfig('http://127.0.0.1:9', plugin),
          cancelAt: /is waited for/,
        })
        expect(finished.lines.join('\n')).toContain(
          '"bash" is waited for; it says: To sign in, enter the code ABCD',
        )
        expect(finished.outputs['result']).toBe('cancelled')
        expect(finished.exitCode).toBe(1)
        expect(afterMs).toBeLessThan(LONGEST_MS)
        for (const file of ['plugin', 'apart']) await gone(join(job.temp, file))
      }),
  )

  test('verify, whose plugin leaves a child that holds its output open, and whose server never answers', () =>
    inJob(async (job) => {
      const held: Socket[] = []
      const server = createServer((socket) => void held.push(socket))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0
      const plugin = `sleep 400 & echo $! > "$RUNNER_TEMP/left"; echo '{"status":{"token":"a-token"}}'`
      const { finished, afterMs } = await run(job, {
        inputs: { operation: 'verify', namespace: 'default', name: 'web', timeout: '5s' },
        kubeconfig: kubeconfig(`http://127.0.0.1:${port}`, plugin),
      })
      server.close()
      for (const socket of held) socket.destroy()
      expect(finished.exitCode).toBe(1)
      expect(afterMs).toBeLessThan(LONGEST_MS)
      await gone(join(job.temp, 'left'))
    }))

  test('deploy, cancelled while kubectl builds a kustomization', () =>
    inJob(async (job) => {
      const bin = join(job.directory, 'bin')
      mkdirSync(bin)
      writeFileSync(
        join(bin, 'kubectl'),
        '#!/bin/bash\nenv > "$RUNNER_TEMP/env"; echo $$ > "$RUNNER_TEMP/kubectl"; exec sleep 400\n',
      )
      chmodSync(join(bin, 'kubectl'), 0o755)
      const started = runAction({
        job,
        inputs: { manifests: 'k', 'zookeeper-auth': 'super:CANARY-password' },
        files: { 'k/kustomization.yaml': 'resources: [web.yaml]', 'k/web.yaml': plain() },
        env: {
          PATH: `${bin}:${process.env['PATH'] ?? ''}`,
          GITHUB_TOKEN: 'CANARY-token',
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'CANARY-id',
        },
        cancelAt: /Load and lint/,
      })
      const finished = await started
      expect(finished.outputs['result']).toBe('cancelled')
      expect(finished.endedAfterSignalMs).toBeLessThan(LONGEST_MS)
      const env = existsSync(join(job.temp, 'env'))
        ? readFileSync(join(job.temp, 'env'), 'utf8')
        : ''
      expect(env).not.toMatch(/CANARY|GITHUB_|INPUT_/)
      if (existsSync(join(job.temp, 'kubectl'))) await gone(join(job.temp, 'kubectl'))
    }))

  test('a notice beside the credential, a failure, a missing plugin: the cause is told, and the step ends', () =>
    inJob(async (job) => {
      for (const [script, words] of [
        ["echo WARNING; echo '{}'", 'printed no credential'],
        ['echo no credentials found >&2; exit 253', 'failed: no credentials found'],
      ] as const) {
        const { finished, afterMs } = await run(job, {
          inputs: { operation: 'status', namespace: 'default', name: 'web' },
          kubeconfig: kubeconfig('http://127.0.0.1:9', script),
        })
        expect([finished.outputs['code'], finished.outputs['message']]).toEqual([
          'CLUSTER_UNREACHABLE',
          expect.stringContaining(words),
        ])
        expect(afterMs).toBeLessThan(LONGEST_MS)
      }
    }))
})
