// The checks' login to a Cassandra ring: a password on a command line, in a file that stays or in a
// message is everybody's.

import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cqlFinding,
  cqlThrough,
  troubleOf,
  WITH_LOGIN,
  type CqlTrouble,
} from '../../../../src/ensemble/cassandra/cqlsh.ts'
import type { Login, Member, VerifyContext } from '../../../../src/ensemble/profile.ts'
import type { ExecResult } from '../../../../src/kube/kube.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'
import { scratch } from '../../../support/scratch.ts'

const LOGIN: Login = { user: 'checker', password: 'pa%s\\s"$(w)`rd' }
const member: Member = membersOf(1, 'cassandra')[0] ?? fail()

function fail(): never {
  throw new Error('no member')
}

interface Call {
  readonly command: readonly string[]
  readonly stdin: string | undefined
}

async function say(
  result: ExecResult,
  login: Login | undefined,
): Promise<{
  readonly answer: Awaited<ReturnType<ReturnType<typeof cqlThrough>>>
  readonly calls: readonly Call[]
}> {
  const calls: Call[] = []
  const reach: VerifyContext['reach'] = {
    may: { forward: false, exec: true },
    open: () => Promise.reject(new Error('not asked')),
    tunnel: () => Promise.reject(new Error('not asked')),
    exec: (_, command, { stdin }) => {
      calls.push({ command, stdin })
      return Promise.resolve(result)
    },
  }
  const context: VerifyContext = {
    reach,
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 0,
    runId: 'x',
    say: () => undefined,
    replicas: 1,
    serviceName: 'cassandra',
  }
  return { answer: await cqlThrough(context, login)(member, 'SELECT 1;'), calls }
}

test('goes by stdin, and is in no word of the command', async () => {
  const { calls } = await say({ exitCode: 0, stdout: '', stderr: '' }, LOGIN)
  expect(calls[0]?.stdin).toBe(`${LOGIN.user}\n${LOGIN.password}\n`)
  expect(calls[0]?.command.join(' ')).not.toContain(LOGIN.password)
  expect(calls[0]?.command.slice(3)).toEqual(['cqlsh', '--request-timeout=30', '-e', 'SELECT 1;'])
})

test('without one cqlsh is run as it is', async () => {
  const { calls } = await say({ exitCode: 0, stdout: '', stderr: '' }, undefined)
  expect(calls).toEqual([
    { command: ['cqlsh', '--request-timeout=30', '-e', 'SELECT 1;'], stdin: undefined },
  ])
})

test('a message that quotes the password is told without it', async () => {
  const { answer } = await say(
    { exitCode: 1, stdout: '', stderr: `Connection error: refused ${LOGIN.password} of checker\n` },
    LOGIN,
  )
  expect(answer).toEqual({ kind: 'failed', why: 'Connection error: refused *** of checker' })
})

describe('in the container', () => {
  /** Runs the script as a member's shell does, with a cqlsh that shows what it was given. */
  const run = (
    own: string | undefined,
  ): { readonly stdout: string; readonly left: readonly string[] } => {
    const home = scratch('zk-login')
    const [bin, temp] = [join(home, 'bin'), join(home, 'tmp')]
    for (const path of [bin, temp, join(home, '.cassandra')]) mkdirSync(path)
    if (own !== undefined) writeFileSync(join(home, '.cassandra', 'cqlshrc'), own)
    writeFileSync(
      join(bin, 'cqlsh'),
      '#!/bin/sh\nfile="${1#--cqlshrc=}"\nstat -c %a "$file"\ncat "$file"\nshift\nprintf "arguments: %s\\n" "$*"\n[ -z "$(cat)" ] && echo "no stdin"\nexit 2\n',
    )
    chmodSync(join(bin, 'cqlsh'), 0o755)
    const before = shared()
    const ended = spawnSync('sh', ['-c', WITH_LOGIN, 'cqlsh', '-e', 'SELECT 1;'], {
      input: `${LOGIN.user}\n${LOGIN.password}\nmore`,
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home, TMPDIR: temp },
      encoding: 'utf8',
    })
    expect(ended.stderr).toBe('')
    expect(ended.status).toBe(2)
    return {
      stdout: ended.stdout,
      left: [...readdirSync(temp), ...shared().filter((name) => !before.includes(name))],
    }
  }

  test('it lies in a file of its user alone, word by word, and is gone afterwards', () => {
    const { stdout, left } = run(undefined)
    expect(stdout).toBe(
      `600\n[authentication]\nusername = ${LOGIN.user}\npassword = ${LOGIN.password}\narguments: -e SELECT 1;\nno stdin\n`,
    )
    expect(left).toEqual([])
  })

  // A ring that takes clients by TLS alone is told so there.
  test('the own settings of its cqlsh count, but for their login', () => {
    const { stdout } = run(
      '[connection]\nssl = true\n[authentication]\nusername = old\npassword = older\n[ssl]\nvalidate = false',
    )
    expect(stdout).toContain(
      `600\n[connection]\nssl = true\n[ssl]\nvalidate = false\n[authentication]\nusername = ${LOGIN.user}\n`,
    )
    expect(stdout).not.toContain('old')
  })
})

function shared(): readonly string[] {
  try {
    return readdirSync('/dev/shm').filter((name) => name.startsWith('zk-'))
  } catch {
    return []
  }
}

describe('what cqlsh says, told apart', () => {
  test.each([
    [
      'no login',
      "Connection error: ('Unable to connect to any servers', {'127.0.0.1:9042': AuthenticationFailed('Remote end requires authentication.')})",
      'CHECK_IMPOSSIBLE',
      /the ring asks for a login$/,
    ],
    [
      'bad login',
      "Connection error: ('Unable to connect to any servers', {'127.0.0.1:9042': AuthenticationFailed('Failed to authenticate to 127.0.0.1:9042: Error from server: code=0100 [Bad credentials] message=\"Provided username checker and/or password are incorrect\"')})",
      'CHECK_IMPOSSIBLE',
      /does not take this login$/,
    ],
    [
      'no right',
      '<stdin>:1:Unauthorized: Error from server: code=2100 [Unauthorized] message="User checker has no CREATE permission on <all keyspaces> or any of its parents"',
      'CHECK_IMPOSSIBLE',
      /has no right to it: User checker has no CREATE permission on <all keyspaces> or any of its parents$/,
    ],
    [
      'unavailable',
      "<stdin>:1:NoHostAvailable: ('Unable', {<Host>: Unavailable('Error from server: code=1000 [Unavailable exception] message=\"Cannot achieve consistency level ALL\"')})",
      'CHECK_FAILED',
      /: Cannot achieve consistency level ALL$/,
    ],
    [
      'unknown',
      "<stdin>:1:OperationTimedOut: errors={'127.0.0.1:9042': 'Client request timeout. See Session.execute[_async](timeout)'}, last_host=127.0.0.1:9042",
      'CHECK_FAILED',
      /OperationTimedOut/,
    ],
    [
      'unknown',
      '<stdin>:1:CASWriteUnknown: Error from server: code=1700 [Unknown]',
      'CHECK_FAILED',
      /CASWriteUnknown/,
    ],
    [
      'failed',
      "Connection error: ('Unable to connect to any servers', {'127.0.0.1:9042': ConnectionRefusedError(111, 'Tried connecting')})",
      'CHECK_FAILED',
      /Unable to connect/,
    ],
    ['failed', '', 'CHECK_FAILED', /cqlsh ended with 1/],
  ] satisfies readonly (readonly [CqlTrouble['kind'], string, string, RegExp])[])(
    '%s',
    (kind, stderr, code, message) => {
      const trouble = troubleOf(
        1,
        `Notice: Credentials in the cqlshrc file is deprecated and will be ignored in the future.\n${stderr}\n`.replace(
          /^Notice.*\n\n$/,
          '',
        ),
      )
      expect(trouble.kind).toBe(kind)
      expect(cqlFinding(member, 'a write at QUORUM failed through', trouble)).toMatchObject({
        code,
        message: expect.stringMatching(message),
        ...(code === 'CHECK_IMPOSSIBLE'
          ? { input: 'cassandra-auth', orSet: { input: 'verify', value: 'off' } }
          : {}),
      })
    },
  )
})
