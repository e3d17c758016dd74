// The next node is begun when this one is back: one that is called back too early is the second
// that is down.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import {
  maintain,
  rebootDelayMs,
  rebootOf,
  type Reboot,
} from '../../../../src/procedures/drain/maintenance.ts'
import { Recorder } from '../../../../src/report/recorder.ts'
import type { CommandOutcome, CommandRequest } from '../../../../src/run.ts'
import type { NodeView } from '../../../../src/view/surroundings.ts'
import { ensembleWith, kubeWith } from '../given.ts'
import { idleClock } from '../../../support/idle-clock.ts'

const NODE: NodeView = {
  name: 'node-1',
  uid: 'n1',
  ready: true,
  unschedulable: true,
  labels: {},
  annotations: {},
  taints: [],
  bootId: 'boot-1',
  allocatable: {},
}

interface Seen {
  readonly ready?: boolean
  readonly bootId?: string
  readonly uid?: string
}

/** What each look at the node finds, the last one for ever; a number is an answer that is none. */
async function maintained(
  command: string,
  looks: readonly (Seen | number | undefined)[],
  outcome: CommandOutcome | Error = { kind: 'exited', code: 0, last: '' },
  report: Recorder = new Recorder('drain', { now: () => 0, say: () => undefined }),
): Promise<{
  readonly said: string
  readonly asked: readonly CommandRequest[]
  readonly looked: number
}> {
  const clock = idleClock()
  const asked: CommandRequest[] = []
  const said: string[] = []
  let looked = 0
  const run = {
    clock,
    report,
    command: (request: CommandRequest) => {
      asked.push(request)
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
    },
  }
  const kube = kubeWith({
    get: (): Promise<KubeObject | undefined> => {
      const seen = looks[Math.min(looked++, looks.length - 1)]
      if (typeof seen === 'number')
        return Promise.reject(
          new KubeFailure({ status: seen, reason: '', message: 'away', request: 'get node' }),
        )
      if (seen === undefined) return Promise.resolve(undefined)
      return Promise.resolve({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'node-1', uid: seen.uid ?? 'n1' },
        status: {
          conditions: [{ type: 'Ready', status: seen.ready === false ? 'Unknown' : 'True' }],
          nodeInfo: { bootID: seen.bootId ?? 'boot-1' },
        },
      })
    },
  })
  await maintain(
    ensembleWith({ run, kube }, said),
    { node: NODE, script: command, timeoutMs: 600_000 },
    new AbortController().signal,
  )
  return { said: said.join('\n'), asked, looked }
}

describe('after its maintenance a node', () => {
  test('is back when it is Ready, with the same boot id where no reboot was promised', async () => {
    const { asked, looked } = await maintained('apt-get upgrade', [{}])
    expect(asked).toEqual([
      { script: 'apt-get upgrade', env: { NODE_NAME: 'node-1' }, timeoutMs: 600_000 },
    ])
    expect(looked).toBe(1)
  })

  test('that is to reboot is not back while it is still called Ready with the boot id of before', async () => {
    const { said, looked } = await maintained('ssh "$NODE_NAME" sudo reboot', [
      {},
      {},
      { ready: false },
      500,
      0,
      { ready: false, bootId: 'boot-2' },
      { bootId: 'boot-2' },
    ])
    expect(looked).toBe(7)
    expect(said).toContain('node-1: is Ready again after a reboot')
  })

  test('that reboots only where needed is not called back by a Ready of before its reboot, nor waited for in vain when there is none', async () => {
    const command = 'ssh "$NODE_NAME" "[ ! -f /var/run/reboot-required ] || sudo reboot"'
    const rebooted = await maintained(command, [{}, {}, { ready: false }, { bootId: 'boot-2' }])
    expect(rebooted.looked).toBe(4)
    expect(rebooted.said).toContain('is Ready again after a reboot')
    const stayed = await maintained(command, [{}])
    expect(stayed.looked).toBeGreaterThan(80)
    expect(stayed.said).toContain('node-1: is Ready and was not rebooted')
    // It goes down a minute later, and is called Ready for most of another.
    const late = await maintained('needs-restarting -r || shutdown -r', [
      ...Array.from({ length: 105 }, () => ({})),
      { ready: false },
      { bootId: 'boot-2' },
    ])
    expect(late.said).toContain('is Ready again after a reboot')
  })

  test('is done when it has left the cluster, or was replaced by another of its name', async () => {
    expect((await maintained('reboot', [undefined])).said).toContain('has left the cluster')
    expect((await maintained('reboot', [{ uid: 'n2' }])).said).toContain('has left the cluster')
  })

  test.each<[string, string, readonly (Seen | number)[], CommandOutcome | Error, RegExp]>([
    [
      'whose command fails',
      'x',
      [{}],
      { kind: 'exited', code: 3, last: 'no space\u001B[31m left' },
      /^the maintenance command of node-1 exited with 3$/,
    ],
    [
      'whose command takes too long',
      'x',
      [{}],
      { kind: 'timed-out', last: '' },
      /took longer than 10m00s and was ended with all that it had started/,
    ],
    [
      'whose command can not be started',
      'x',
      [{}],
      new Error('spawn bash ENOENT'),
      /could not be started: spawn bash ENOENT/,
    ],
    [
      'that never reboots',
      'reboot',
      [{}],
      { kind: 'exited', code: 0, last: '' },
      /node-1 is not back after its maintenance: it has not rebooted yet/,
    ],
    [
      'that is never Ready again',
      'x',
      [{ ready: false }],
      { kind: 'exited', code: 0, last: '' },
      /is not back after its maintenance: it is not Ready/,
    ],
    [
      'that can not be read',
      'x',
      [503],
      { kind: 'exited', code: 0, last: '' },
      /is not back after its maintenance: it could not be read/,
    ],
  ])('%s is MAINTENANCE_FAILED', async (_, command, looks, outcome, message) => {
    await expect(maintained(command, looks, outcome)).rejects.toMatchObject({
      code: 'MAINTENANCE_FAILED',
      outcome: 'failed',
      message: expect.stringMatching(message),
    })
  })

  test('leaves the last line of a command that failed as evidence, and out of the message, which goes to chats', async () => {
    const report = new Recorder('drain', { now: () => 0, say: () => undefined })
    const failing = maintained(
      'x',
      [{}],
      { kind: 'exited', code: 3, last: 'no space\u001B[31m left\nthere' },
      report,
    )
    await expect(failing).rejects.toMatchObject({
      message: 'the maintenance command of node-1 exited with 3',
    })
    expect(report.evidence).toEqual([
      expect.objectContaining({
        object: 'node/node-1',
        reason: expect.stringMatching(
          /^last line of the maintenance command: no space[^\u001B\n]* left[^\n]*there$/,
        ),
      }),
    ])
  })

  test('does not call a missing right a node that is away', async () => {
    await expect(maintained('x', [403])).rejects.toMatchObject({ status: 403 })
  })
})

test.each<[string, number]>([
  ['needs-restarting -r || shutdown -r', 60_000],
  ['shutdown -r now', 0],
  ['shutdown -r +5 "patched"', 300_000],
  ['sudo shutdown -fr -q +2', 120_000],
  ['systemd-run --on-active=3 systemctl reboot', 3_000],
  ['systemd-run --on-active="2m" reboot', 120_000],
  ['reboot', 0],
  ['reboot-required && shutdown -r +1; shutdown -r +3', 180_000],
])('%j may take its node down so long after its end: %d ms', (script, delay) => {
  expect(rebootDelayMs(script)).toBe(delay)
})

test.each<[string, Reboot]>([
  ['sudo reboot', 'promised'],
  ['ssh n systemctl reboot', 'promised'],
  ['shutdown -r now', 'promised'],
  ['sudo shutdown -fr +1', 'promised'],
  ['systemctl kexec', 'promised'],
  ['apt-get upgrade\nreboot', 'promised'],
  ["ssh n 'sudo reboot'", 'promised'],
  ['apt-get upgrade', 'none'],
  ['# reboot later', 'none'],
  ['touch /var/run/no-reboot-required', 'none'],
  ['shutdown -h now', 'none'],
  ['test -f /var/run/reboot-required && echo due', 'none'],
  ['test -f /var/run/reboot-required && reboot', 'where needed'],
  ['needs-restarting -r || shutdown -r now', 'where needed'],
])('%j says about a reboot: %s', (script, reboot) => {
  expect(rebootOf(script)).toBe(reboot)
})
