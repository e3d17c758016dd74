// Ending a leader's server process: the one process and no other, and never a claim that it was
// told when it wasn't.

import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { EnsembleError } from '../../../../src/errors.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { ExecResult } from '../../../../src/kube/kube.ts'
import type { VerifyContext } from '../../../../src/ensemble/profile.ts'
import { stepDown, stepDownCommand, TOLD } from '../../../../src/ensemble/zookeeper/step-down.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'
import { scratch } from '../../../support/scratch.ts'

const SERVER = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

function context(
  exec: () => Promise<ExecResult>,
  may = true,
  signal = new AbortController().signal,
): VerifyContext {
  return {
    reach: {
      may: { forward: true, exec: may },
      open: () => Promise.reject(new Error('no')),
      tunnel: () => Promise.reject(new Error('no')),
      exec,
    },
    clock: idleClock(),
    signal,
    settleMs: 0,
    runId: 'r',
    say: () => undefined,
    replicas: 3,
    serviceName: 'zk-hs',
  }
}

async function outcome(exec: () => Promise<ExecResult>, may = true): Promise<unknown> {
  const [member] = membersOf(1)
  if (member === undefined) throw new Error('no member')
  return stepDown(member, context(exec, may)).then(
    () => 'told',
    (error: unknown) => error,
  )
}

function exitCodeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : error
}

/**
 * The script over a folder that stands for /proc, with a `kill` that only writes down: whatever
 * runs on this machine is out of its reach.
 */
async function runOver(
  processes: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly stdout: string; readonly code: unknown; readonly kills: readonly string[] }> {
  const folder = scratch('step-down')
  for (const [pid, args] of Object.entries(processes)) {
    await mkdir(join(folder, pid))
    await writeFile(join(folder, pid, 'cmdline'), args.map((arg) => `${arg}\0`).join(''))
  }
  const script = stepDownCommand()[2]?.replaceAll('/proc/', `${folder}/`) ?? ''
  if (script.includes('/proc')) throw new Error('the script would look at real processes')
  const log = join(folder, 'kills')
  await writeFile(log, '')
  const end = await promisify(execFile)('sh', [
    '-c',
    `kill() { printf '%s\\n' "$*" >>'${log}'; }\n${script.replace('exit 0', 'wait; exit 0')}`,
  ]).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: unknown) => ({ stdout: '', code: exitCodeOf(error) }),
  )
  return { ...end, kills: (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '') }
}

test.each([
  [
    'as PID 1',
    {
      1: ['/opt/java/bin/java', '-cp', '/lib/*', SERVER, '/conf/zoo.cfg'],
      90: ['sh', '-c', `x ${SERVER} y`, 'mark'],
    },
    1,
  ],
  [
    'as the child of an entry point that names it too',
    {
      1: ['sh', 'start', SERVER],
      8: ['/bin/sh', '-c', `java ${SERVER}`],
      17: ['java', '-Xmx64m', SERVER, '/conf/zoo.cfg'],
      30: ['java', 'org.apache.zookeeper.ZooKeeperMain'],
    },
    17,
  ],
  [
    'alone',
    { 12: ['java', 'org.apache.zookeeper.server.ZooKeeperServerMain', '/conf/zoo.cfg'] },
    12,
  ],
])('the server is told to end, and nothing else: %s', async (_, processes, pid) => {
  expect(await runOver(processes)).toEqual({
    stdout: `${TOLD} ${pid}\n`,
    code: 0,
    kills: [`-0 ${pid}`, `-TERM ${pid}`],
  })
})

test('where no server runs nothing is ended', async () => {
  expect(
    await runOver({
      1: ['sh', 'start', SERVER],
      5: ['java', 'com.example.Main', `a ${SERVER}`],
      6: ['java', `${SERVER}Fake`],
    }),
  ).toEqual({ stdout: '', code: 3, kills: [] })
})

test('a member that was told is a success', async () => {
  expect(
    await outcome(() => Promise.resolve({ exitCode: 0, stdout: `${TOLD} 1\n`, stderr: '' })),
  ).toBe('told')
  // The container ended before the script did.
  expect(
    await outcome(() => Promise.resolve({ exitCode: 137, stdout: `${TOLD} 1\n`, stderr: '' })),
  ).toBe('told')
})

test.each([
  [
    'no server',
    () => Promise.resolve({ exitCode: 3, stdout: '', stderr: '' }),
    true,
    'no ZooKeeper server runs in its container',
  ],
  [
    'another user',
    () => Promise.resolve({ exitCode: 4, stdout: '', stderr: '' }),
    true,
    'the server runs as a user whose processes',
  ],
  [
    'no tr',
    () => Promise.resolve({ exitCode: 127, stdout: '', stderr: 'sh: tr: not found' }),
    true,
    'no usable shell (exit code 127)',
  ],
  [
    'a broken connection',
    () =>
      Promise.reject(
        new KubeFailure({
          status: 0,
          reason: 'Unreachable',
          message: 'the connection closed (1006)',
          request: 'exec',
        }),
      ),
    true,
    'exec failed (the connection closed (1006))',
  ],
  [
    'no right, told by the server',
    () =>
      Promise.reject(
        new KubeFailure({
          status: 403,
          reason: 'Forbidden',
          message: 'pods "zk-0" is forbidden: User "ci" cannot create resource "pods/exec"',
          request: 'exec',
        }),
      ),
    true,
    'this run may not use exec',
  ],
  [
    'no right, known before',
    () => Promise.reject(new Error('asked all the same')),
    false,
    'this run may not use exec',
  ],
])('%s is no success, and what was lacking is said', async (_, exec, may, why) => {
  const error = await outcome(exec, may)
  expect(error).toBeInstanceOf(EnsembleError)
  expect(error).toMatchObject({
    code: 'CHECK_IMPOSSIBLE',
    outcome: 'failed',
    findings: [{ ordinal: 0, object: 'pod/zk-0' }],
  })
  expect(String(error)).toContain(why)
})

test('an abort keeps its own reason', async () => {
  const aborted = new AbortController()
  const reason = new Error('cancelled')
  const [member] = membersOf(1)
  if (member === undefined) throw new Error('no member')
  const exec = (): Promise<ExecResult> => {
    aborted.abort(reason)
    return Promise.reject(reason)
  }
  await expect(stepDown(member, context(exec, true, aborted.signal))).rejects.toBe(reason)
})
