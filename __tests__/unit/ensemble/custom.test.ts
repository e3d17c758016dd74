// The user's own commands: a read that doesn't print what was written is a failure, whatever its exit code says.

import { describe, expect, test } from '@jest/globals'
import { chooseProfile } from '../../../src/ensemble/choose.ts'
import type { Reach, Verification, VerifyContext, VerifyLevel } from '../../../src/ensemble/profile.ts'
import type { ExecResult } from '../../../src/kube/kube.ts'
import { membersOf } from '../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../support/idle-clock.ts'

type Answer = (ordinal: number, command: string, marker: string) => Partial<ExecResult>

async function verify(answer: Answer, level: VerifyLevel = 'full', count = 3, may: Reach['may'] = { forward: false, exec: true }): Promise<Verification> {
  const reach: Reach = {
    may,
    open: () => Promise.reject(new Error('a custom ensemble is reached by exec only')),
    exec: (member, command) => Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...answer(member.ordinal, command[4] ?? '', command[1]?.replace('MARKER=', '') ?? '') }),
  }
  const context: VerifyContext = { reach, clock: idleClock(), signal: new AbortController().signal, settleMs: 30_000, runId: 'run 7', say: () => undefined, replicas: count, serviceName: 'db' }
  const profile = await chooseProfile('custom', { auth: undefined, checkPath: '/x', writeCommand: 'put', readCommand: 'get' })
  return profile.verify(membersOf(count, 'db'), level, context)
}

/** A store that all members share; `broken` ordinals read nothing of it. */
function store(broken: readonly number[] = []): Answer {
  const written: string[] = []
  return (ordinal, command, marker) => {
    if (command === 'put') written.push(marker)
    return command === 'put' || broken.includes(ordinal) ? {} : { stdout: `${written.join('\n')}\n` }
  }
}

test('a write through every member is read through every other', async () => {
  expect(await verify(store())).toMatchObject({ findings: [], pairs: '6/6', checks: [{ name: 'data', outcome: 'passed' }] })
})

test('quick is one write, read through the others', async () => {
  expect(await verify(store(), 'quick')).toMatchObject({ findings: [], pairs: '2/2', matrix: undefined })
})

test('one member alone writes and reads', async () => {
  expect(await verify(store(), 'full', 1)).toMatchObject({ findings: [], pairs: undefined, checks: [{ outcome: 'passed' }] })
  expect((await verify(store([0]), 'full', 1)).findings).toMatchObject([{ code: 'CHECK_FAILED', ordinal: 0 }])
})

describe('failures name the member and what it said', () => {
  test('a read that ends with 0 and prints something else', async () => {
    const found = await verify(store([1]))
    expect(found.pairs).toBe('4/6')
    expect(found.findings.map((finding) => finding.message)).toEqual([0, 2].map((writer) => `read-command in db-1 (ordinal 1) does not print what was written through db-${writer}: it prints something else`))
  })

  test('a write that fails', async () => {
    const working = store()
    const found = await verify((ordinal, command, marker) => (ordinal === 2 && command === 'put' ? { exitCode: 3, stderr: 'disk full\n' } : working(ordinal, command, marker)))
    expect(found.findings).toMatchObject([{ code: 'CHECK_FAILED', ordinal: 2, message: 'write-command failed in db-2 (ordinal 2): exit code 3 (disk full)' }])
    expect(found.pairs).toBe('4/6')
  })

  test('without the right to exec nothing is proven', async () => {
    expect(await verify(store(), 'full', 3, { forward: true, exec: false })).toMatchObject({ pairs: undefined, findings: [{ code: 'CHECK_IMPOSSIBLE', severity: 'error' }] })
  })
})

test('the marker is fit for a shell, whatever the run is called', async () => {
  const markers: string[] = []
  await verify((_, command, marker) => {
    if (command === 'put') markers.push(marker)
    return { stdout: marker }
  })
  expect(markers).toEqual(['run-7-from-0', 'run-7-from-1', 'run-7-from-2'])
})

test('without commands the run is refused before anything is asked', async () => {
  const profile = await chooseProfile('custom', { auth: undefined, checkPath: '/x', writeCommand: 'put', readCommand: undefined })
  const context: VerifyContext = { reach: { may: { forward: true, exec: true }, open: () => Promise.reject(new Error('asked')), exec: () => Promise.reject(new Error('asked')) }, clock: idleClock(), signal: new AbortController().signal, settleMs: 1, runId: 'r', say: () => undefined, replicas: 1, serviceName: 'db' }
  await expect(profile.verify(membersOf(1), 'full', context)).rejects.toMatchObject({ code: 'INPUT_INVALID', findings: [{ input: 'read-command' }] })
})

test('the profile none says what it did not check', async () => {
  const profile = await chooseProfile('none', { auth: undefined, checkPath: '/x', writeCommand: undefined, readCommand: undefined })
  const context: VerifyContext = { reach: { may: { forward: true, exec: true }, open: () => Promise.reject(new Error('asked')), exec: () => Promise.reject(new Error('asked')) }, clock: idleClock(), signal: new AbortController().signal, settleMs: 1, runId: 'r', say: () => undefined, replicas: 1, serviceName: 'db' }
  expect(await profile.verify(membersOf(2), 'full', context)).toMatchObject({ findings: [], checks: [{ outcome: 'skipped' }], members: [{ role: 'up' }, { role: 'up' }] })
})
