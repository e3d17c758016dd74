// A credential plugin or kubectl that keeps the step running, or that reads the step's secrets,
// costs a job's six hours or a cluster.

import { afterAll, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../../src/clock.ts'
import { programEnv } from '../../../src/github/child-env.ts'
import { programs } from '../../../src/github/program.ts'
import type { ProgramOutcome, ProgramRequest } from '../../../src/program.ts'

const directory = mkdtempSync(join(tmpdir(), 'zk-program-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const never = new AbortController().signal

function ran(
  script: string,
  more: Partial<ProgramRequest> = {},
  clock: Clock = systemClock,
  signal = never,
): Promise<ProgramOutcome> {
  return programs({ env: { PATH: process.env['PATH'] }, directory, clock })(
    {
      command: 'bash',
      args: ['-c', script],
      needs: 'little',
      env: {},
      timeoutMs: 60_000,
      longest: 1_000_000,
      ...more,
    },
    signal,
  )
}

async function gone(pid: number): Promise<void> {
  while (
    existsSync(`/proc/${pid}/stat`) &&
    !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  )
    await systemClock.sleep(10)
}

async function pidIn(file: string): Promise<number> {
  for (;;) {
    const text = existsSync(join(directory, file))
      ? readFileSync(join(directory, file), 'utf8').trim()
      : ''
    if (text !== '') return Number(text)
    await systemClock.sleep(10)
  }
}

/** Time that stands until `now` resolves, and is over then. */
function until(now: Promise<unknown>): Clock {
  return {
    now: () => systemClock.now(),
    sleep: (ms, signal) =>
      ms >= 60_000
        ? Promise.race([now.then(() => undefined), systemClock.sleep(ms, signal)])
        : systemClock.sleep(Math.min(ms, 200), signal),
  }
}

describe('a program that is run for what it prints', () => {
  test('gives its output and its exit code', async () => {
    expect(await ran('echo out; echo err >&2; exit 3')).toEqual({
      kind: 'exited',
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('that is not there rejects with ENOENT', async () => {
    await expect(ran('', { command: 'no-such-program' })).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('that waits for ever is ended at its limit with all that it has started, also what left its group and what ignores the first signal', async () => {
    const both = Promise.all([pidIn('a'), pidIn('b')])
    const found = await ran(
      `trap '' TERM; echo $$ > a; setsid bash -c 'echo $$ > b; exec sleep 300' & echo "open this page" >&2; while :; do sleep 0.1; done`,
      {},
      until(both),
    )
    expect(found).toEqual({ kind: 'timed-out', stderr: 'open this page\n' })
    for (const pid of await both) await gone(pid)
  })

  test('that is done leaves nothing running, and is not waited for by what holds its output open', async () => {
    expect(
      await ran('sleep 300 & echo $! > c; echo done', {}, until(new Promise(() => undefined))),
    ).toMatchObject({ kind: 'exited', code: 0, stdout: 'done\n' })
    await gone(await pidIn('c'))
  })

  test('that prints without end is ended', async () => {
    expect((await ran('yes', { longest: 100_000 })).kind).toBe('too-long')
    const { stderr } = await ran('yes >&2 & sleep 0.3; kill $!; exit 1')
    expect(stderr.length).toBeLessThanOrEqual(16_384)
  })

  test('says while it is waited for what it asks, so that a person sees the prompt', async () => {
    const said: string[] = []
    await ran(
      'echo "To sign in, enter the code ABCD" >&2; sleep 1',
      { onWait: (stderr) => said.push(stderr.trim()) },
      until(new Promise(() => undefined)),
    )
    expect(said).toEqual(['To sign in, enter the code ABCD'])
  })

  test('ends with a cancel', async () => {
    const cancel = new AbortController()
    const running = ran('echo $$ > d; exec sleep 300', {}, systemClock, cancel.signal)
    const pid = await pidIn('d')
    cancel.abort(new Error('cancelled by the user'))
    await expect(running).rejects.toThrow('cancelled by the user')
    await gone(pid)
  })
})

describe('the environment of a program', () => {
  const step = {
    PATH: '/bin',
    HOME: '/root',
    LANG: 'C',
    https_proxy: 'http://proxy',
    NO_PROXY: 'a',
    KUBECONFIG: '/k',
    RUNNER_TEMP: '/t',
    RUNNER_TRACKING_ID: 'x',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    GOOGLE_APPLICATION_CREDENTIALS: '/g',
    CLOUDSDK_CORE_PROJECT: 'p',
    AZURE_FEDERATED_TOKEN_FILE: '/f',
    ARM_CLIENT_ID: 'c',
    'INPUT_ZOOKEEPER-AUTH': 'canary',
    INPUT_KUBECONFIG: 'canary',
    STATE_x: 'canary',
    GITHUB_TOKEN: 'canary',
    GH_TOKEN: 'canary',
    NPM_TOKEN: 'canary',
    DB_PASSWORD: 'canary',
    ACTIONS_RUNTIME_TOKEN: 'canary',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary',
    ACTIONS_ID_TOKEN_REQUEST_URL: 'canary',
    GITHUB_ENV: 'canary',
    GITHUB_OUTPUT: 'canary',
    GITHUB_PATH: 'canary',
    GITHUB_STATE: 'canary',
    GITHUB_STEP_SUMMARY: 'canary',
    NODE_OPTIONS: 'canary',
    LD_PRELOAD: 'canary',
    EMPTY: undefined,
  }
  const asked = { command: 'aws', args: ['eks', 'get-token'], env: { AWS_PROFILE: 'prod' } }

  test('kubectl gets neither inputs nor tokens nor command files, and no cloud', () => {
    expect(programEnv(step, { ...asked, needs: 'little', env: {} })).toEqual({
      PATH: '/bin',
      HOME: '/root',
      LANG: 'C',
      https_proxy: 'http://proxy',
      NO_PROXY: 'a',
      KUBECONFIG: '/k',
      RUNNER_TEMP: '/t',
      RUNNER_TRACKING_ID: 'x',
    })
  })

  test('a credential plugin gets what its cloud goes by, and its own', () => {
    const found = programEnv(step, { ...asked, needs: 'cloud' })
    expect(Object.values(found)).not.toContain('canary')
    expect(Object.keys(found)).toEqual(
      expect.arrayContaining([
        'AWS_SECRET_ACCESS_KEY',
        'GOOGLE_APPLICATION_CREDENTIALS',
        'CLOUDSDK_CORE_PROJECT',
        'AZURE_FEDERATED_TOKEN_FILE',
        'ARM_CLIENT_ID',
        'AWS_PROFILE',
      ]),
    )
  })

  test.each<[string, readonly string[], Record<string, string>, boolean]>([
    ['kubelogin', ['get-token', '--login', 'workloadidentity'], {}, true],
    ['/opt/bin/kubelogin', ['get-token', '--login=workloadidentity'], {}, true],
    ['kubelogin', ['get-token'], { AAD_LOGIN_METHOD: 'workloadidentity' }, true],
    ['kubelogin', ['get-token', '--login', 'spn'], {}, false],
    ['sh', ['-c', 'x', 'workloadidentity'], {}, false],
  ])('%s %j %j asks GitHub for a token to sign in with: %s', (command, args, env, signsIn) => {
    expect(
      'ACTIONS_ID_TOKEN_REQUEST_TOKEN' in programEnv(step, { command, args, env, needs: 'cloud' }),
    ).toBe(signsIn)
    expect(
      'ACTIONS_RUNTIME_TOKEN' in programEnv(step, { command, args, env, needs: 'cloud' }),
    ).toBe(false)
  })
})
