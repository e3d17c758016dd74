// A maintenance command that outlives its time-out reboots the next node too; one that can command
// the runner, or reads its tokens, is a way in.

import { afterAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../../src/clock.ts'
import { runScript, scriptEnv } from '../../../src/github/maintenance-command.ts'
import { createVoice } from '../../../src/github/voice.ts'
import type { CommandOutcome } from '../../../src/run.ts'

const temp = mkdtempSync(join(tmpdir(), 'zk-command-'))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

interface Ran {
  readonly outcome: CommandOutcome
  readonly lines: readonly string[]
}

async function ran(
  script: string,
  more: {
    readonly timeoutMs?: number
    readonly signal?: AbortSignal
    readonly onLine?: (line: string) => void
    readonly env?: Readonly<Record<string, string>>
    readonly clock?: Clock
  } = {},
): Promise<Ran> {
  const lines: string[] = []
  const write = (line: string): void => {
    lines.push(line.replace(/\n$/, ''))
    more.onLine?.(line)
  }
  const place = {
    env: { PATH: process.env['PATH'], HOME: temp, ...more.env },
    workspace: temp,
    temp,
    clock: more.clock ?? systemClock,
    voice: createVoice(write),
  }
  const outcome = await runScript(
    place,
    { script, env: { NODE_NAME: 'node-1' }, timeoutMs: more.timeoutMs ?? 60_000 },
    more.signal ?? new AbortController().signal,
  )
  return { outcome, lines }
}

/** What the script printed, without the lines that switch commands off and on. */
function printed({ lines }: Ran): readonly string[] {
  expect(lines[0]).toMatch(/^::stop-commands::[0-9a-f-]{36}$/)
  expect(lines.at(-1)).toBe(`::${lines[0]?.slice('::stop-commands::'.length) ?? ''}::`)
  return lines.slice(1, -1)
}

/**
 * Resolves when the process has ended; one that nobody has collected yet has ended too. A test that
 * waits here for ever has found one that outlives its group.
 */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
      if (
        existsSync(`/proc/${pid}/stat`) &&
        /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      )
        return
    } catch {
      return
    }
    await systemClock.sleep(10)
  }
}

/** A wait of a minute or more is over at once when `now` resolves. */
function hurried(now: Promise<void>): Clock {
  return {
    now: () => systemClock.now(),
    sleep: (ms, signal) =>
      ms >= 60_000
        ? Promise.race([now, systemClock.sleep(ms, signal)])
        : systemClock.sleep(Math.min(ms, 200), signal),
  }
}

describe('a maintenance command', () => {
  test('runs in bash with the name of its node, and its output is seen line by line', async () => {
    const found = await ran('echo "patching $NODE_NAME"; printf "a\\rb\\n" >&2; printf "no end"')
    expect(found.outcome).toMatchObject({ kind: 'exited', code: 0 })
    expect(printed(found).toSorted()).toEqual(['a', 'b', 'no end', 'patching node-1'])
  })

  test('ends with the first thing that fails, also in a pipe, and at a variable that is not set', async () => {
    expect((await ran('false | cat\necho reached')).outcome).toMatchObject({
      kind: 'exited',
      code: 1,
    })
    expect((await ran('echo "$NO_SUCH_THING"\necho reached')).outcome).toMatchObject({
      kind: 'exited',
      code: 1,
    })
    const told = await ran('echo about to fail; exit 7')
    expect(told.outcome).toEqual({ kind: 'exited', code: 7, last: 'about to fail' })
  })

  test('leaves no file behind, and nobody else could have read it', async () => {
    const found = await ran('stat -c %a "$0"')
    expect(printed(found)).toEqual(['600'])
    expect(readdirSync(temp)).toEqual([])
  })

  test('can not command the runner, whatever it prints', async () => {
    const found = await ran('echo "::add-path::/evil"; echo "::set-output name=a::b"')
    const [first] = found.lines
    const token = first?.slice('::stop-commands::'.length) ?? ''
    // Nobody in between can end the silence: the token is not foreseeable, and is struck out should
    // it be printed.
    expect(token).toHaveLength(36)
    expect(printed(found)).toEqual(['::add-path::/evil', '::set-output name=a::b'])
  })

  test('can not end that silence with the token itself, however it is written', async () => {
    const file = join(temp, 'token')
    const script = `while [ ! -s ${file} ]; do sleep 0.02; done\ntoken=$(cat ${file})\necho "::$token::"; echo "::\${token^^}::"; echo "::add-path::/evil"`
    const found = await ran(script, {
      onLine: (line) =>
        line.startsWith('::stop-commands::')
          ? writeFileSync(file, line.trim().slice('::stop-commands::'.length))
          : undefined,
    })
    rmSync(file)
    expect(printed(found)).toEqual(['::***::', '::***::', '::add-path::/evil'])
  })

  test('prints characters and lines whole, however they arrive', async () => {
    const found = await ran(
      `printf '\\xc3'; sleep 0.1; printf '\\xa9t\\xe2\\x82'; sleep 0.1; printf '\\xac\\r'; sleep 0.1; printf '\\nnext\\n'`,
    )
    expect(printed(found)).toEqual(['ét€', 'next'])
  })

  test('has an empty input: what asks a question gets no answer and does not hang', async () => {
    expect((await ran('read -r answer || echo none')).lines).toContain('none')
  })

  test('that takes too long is ended with all that it has started, also what ignores the first signal', async () => {
    let started: () => void = () => undefined
    const running = new Promise<void>((resolve) => (started = resolve))
    let pids: readonly number[] = []
    const onLine = (line: string): void => {
      const found = /^pids (\d+) (\d+)/.exec(line)
      if (found === null) return
      pids = [Number(found[1]), Number(found[2])]
      started()
    }
    const script =
      '(trap "" TERM; while :; do sleep 0.1; done) &\nchild=$!\necho "pids $$ $child"\nwait'
    const found = await ran(script, { timeoutMs: 60_000, onLine, clock: hurried(running) })
    expect(found.outcome.kind).toBe('timed-out')
    expect(pids).toHaveLength(2)
    await Promise.all(pids.map(gone))
  })

  test.each([
    ['at its end', 'exit 0', 'exited'],
    ['at its time-out', 'wait; sleep 300', 'timed-out'],
  ])(
    'has nothing left %s that has left its process group, as a daemon does: it would work on a node that is uncordoned',
    async (_, end, kind) => {
      let started: () => void = () => undefined
      const running = new Promise<void>((resolve) => (started = resolve))
      const script = `setsid bash -c 'echo "pid $$"; exec sleep 300' & while [ ! -e ${temp}/up ]; do sleep 0.02; done; ${end}`
      const onLine = (line: string): void => {
        if (!line.startsWith('pid ')) return
        writeFileSync(join(temp, 'up'), '')
        started()
      }
      const found = await ran(script, {
        onLine,
        clock: kind === 'timed-out' ? hurried(running) : systemClock,
      })
      rmSync(join(temp, 'up'))
      expect(found.outcome.kind).toBe(kind)
      await gone(Number(/pid (\d+)/.exec(found.lines.join('\n'))?.[1]))
    },
  )

  test('is ended by a cancel', async () => {
    const cancel = new AbortController()
    const found = await ran(
      'trap "echo cleaning up; exit 1" TERM\necho started\nwhile :; do sleep 0.05; done',
      {
        signal: cancel.signal,
        onLine: (line) => (line.startsWith('started') ? cancel.abort() : undefined),
      },
    )
    expect(found.outcome.kind).toBe('cancelled')
    expect(found.lines).toContain('cleaning up')
  })

  test('gives its children time to end well, too, when it is cancelled', async () => {
    const cancel = new AbortController()
    const script =
      '(trap "sleep 0.2; echo child has cleaned up; exit" TERM; echo started; while :; do sleep 0.05; done) &\nwait'
    const found = await ran(script, {
      signal: cancel.signal,
      onLine: (line) => (line.startsWith('started') ? cancel.abort() : undefined),
    })
    expect(found.outcome.kind).toBe('cancelled')
    expect(found.lines).toContain('child has cleaned up')
  })

  test('does not hang on what it leaves running in the background', async () => {
    const found = await ran('sleep 300 &\necho "left $!"', {
      clock: hurried(new Promise(() => undefined)),
    })
    expect(found.outcome).toMatchObject({ kind: 'exited', code: 0 })
    const pid = Number(/left (\d+)/.exec(found.lines.join('\n'))?.[1])
    await gone(pid)
  })

  test('sees neither inputs nor tokens nor the files by which a step commands the runner', () => {
    const env = {
      PATH: '/bin',
      MY_OWN: 'kept',
      GITHUB_SHA: 'abc',
      RUNNER_TEMP: '/t',
      'INPUT_ZOOKEEPER-AUTH': 'user:secret',
      INPUT_KUBECONFIG: 'secret',
      STATE_lock: 'x',
      ACTIONS_RUNTIME_TOKEN: 'secret',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
      GITHUB_TOKEN: 'secret',
      GITHUB_ENV: '/f',
      GITHUB_PATH: '/f',
      GITHUB_OUTPUT: '/f',
      GITHUB_STATE: '/f',
      GITHUB_STEP_SUMMARY: '/f',
      ZK_ENSEMBLE_STEP: 'post',
      EMPTY: undefined,
    }
    expect(scriptEnv(env, { NODE_NAME: 'node-1' })).toEqual({
      PATH: '/bin',
      MY_OWN: 'kept',
      GITHUB_SHA: 'abc',
      RUNNER_TEMP: '/t',
      NODE_NAME: 'node-1',
    })
  })

  test('is given just that environment', async () => {
    const found = await ran(
      'env | grep -c secret || true; echo "${MY_OWN-} ${GITHUB_OUTPUT-none}"',
      {
        env: {
          MY_OWN: 'kept',
          ACTIONS_RUNTIME_TOKEN: 'secret',
          GITHUB_TOKEN: 'secret',
          INPUT_KUBECONFIG: 'secret',
          GITHUB_OUTPUT: '/f',
        },
      },
    )
    expect(printed(found)).toEqual(['0', 'kept none'])
  })

  test('has what looks like a secret struck out of its last line, which goes into a report that nobody masks', async () => {
    const env = {
      DB_PASSWORD: 'correct horse',
      NODE_SSH_KEY: '-----BEGIN-----\nbase64base64\n-----END-----',
      'INPUT_ZOOKEEPER-AUTH': 'user:pass',
      MODE: 'fast',
      AUTH: 'no',
    }
    const found = await ran(
      'echo "fast: no login with $DB_PASSWORD, base64base64 or user:pass"; exit 1',
      { env },
    )
    expect(found.outcome.last).toBe('fast: no login with ***, *** or ***')
  })

  test('that dies by a signal says by which', async () => {
    expect((await ran('kill -SEGV $$')).outcome).toMatchObject({ kind: 'exited', code: 139 })
  })

  test.each([
    ['ends at once, as by a second cancel', 'process.exit(143)', 143, ''],
    ['is killed', "process.kill(process.pid, 'SIGKILL')", null, ''],
    [
      'is killed, with what has left its group',
      "process.kill(process.pid, 'SIGKILL')",
      null,
      'setsid ',
    ],
  ])('does not outlive the step when that %s', async (_, end, exitCode, apart) => {
    const source = (path: string): string =>
      JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
    const program = `
      const [{ runScript }, { createVoice }, { systemClock }] = await Promise.all([import(${source('github/maintenance-command.ts')}), import(${source('github/voice.ts')}), import(${source('clock.ts')})])
      const voice = createVoice((line) => { process.stdout.write(line); if (line.startsWith('pid ')) setImmediate(() => ${end}) })
      await runScript({ env: process.env, workspace: ${JSON.stringify(temp)}, temp: ${JSON.stringify(temp)}, clock: systemClock, voice }, { script: '${apart}sleep 300 & echo "pid $!"; wait', env: {}, timeoutMs: 60000 }, new AbortController().signal)`
    const { stdout, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program],
      { encoding: 'utf8' },
    )
    expect(status).toBe(exitCode)
    await gone(Number(/^pid (\d+)$/m.exec(stdout)?.[1]))
    expect(readdirSync(temp)).toEqual([])
  })

  test('rejects where there is no bash', async () => {
    await expect(ran('true', { env: { PATH: join(temp, 'nowhere') } })).rejects.toThrow(/ENOENT/)
  })
})
