// The user's own commands: a read that doesn't print what was written is a failure, whatever its
// exit code says.

import { describe, expect, test } from '@jest/globals'
import { chooseProfile } from '../../../../src/ensemble/choose.ts'
import type { Reach, Verification, VerifyContext } from '../../../../src/ensemble/profile.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { ExecResult } from '../../../../src/kube/kube.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'
import type { VerifyLevel } from '../../../../src/view/profile-name.ts'

type Answer = (ordinal: number, command: string, marker: string) => Partial<ExecResult>

async function verify(
  answer: Answer,
  level: VerifyLevel = 'full',
  count = 3,
  may: Reach['may'] = { forward: false, exec: true },
): Promise<Verification> {
  const profile = await chooseProfile('custom', {
    checkPath: '/x',
    writeCommand: 'put',
    readCommand: 'get',
    servesCommand: undefined,
  })
  return profile.verify(membersOf(count, 'db'), level, contextOf(answer, count, may))
}

function contextOf(
  answer: Answer,
  count = 3,
  may: Reach['may'] = { forward: false, exec: true },
): VerifyContext {
  const reach: Reach = {
    may,
    open: () => Promise.reject(new Error('a custom ensemble is reached by exec only')),
    tunnel: () => Promise.reject(new Error('not asked')),
    exec: async (member, command) =>
      Promise.resolve({
        exitCode: 0,
        stdout: '',
        stderr: '',
        ...answer(member.ordinal, command[4] ?? '', command[1]?.replace('MARKER=', '') ?? ''),
      }),
  }
  return {
    reach,
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 30_000,
    runId: 'run 7',
    say: () => undefined,
    replicas: count,
    serviceName: 'db',
  }
}

/** A store that all members share; `broken` ordinals read nothing of it. */
function store(broken: readonly number[] = []): Answer {
  const written: string[] = []
  return (ordinal, command, marker) => {
    if (command === 'put') written.push(marker)
    return command === 'put' || broken.includes(ordinal)
      ? {}
      : { stdout: `${written.join('\n')}\n` }
  }
}

test('a write through every member is read through every other', async () => {
  expect(await verify(store())).toMatchObject({
    findings: [],
    pairs: '6/6',
    checks: [{ name: 'data', outcome: 'passed' }],
  })
})

test('quick is one write, read through the others', async () => {
  expect(await verify(store(), 'quick')).toMatchObject({
    findings: [],
    pairs: '2/2',
    matrix: undefined,
  })
})

test('one member alone writes and reads', async () => {
  expect(await verify(store(), 'full', 1)).toMatchObject({
    findings: [],
    pairs: undefined,
    checks: [{ outcome: 'passed' }],
  })
  expect((await verify(store([0]), 'full', 1)).findings).toMatchObject([
    { code: 'CHECK_FAILED', ordinal: 0 },
  ])
})

describe('failures name the member and what it said', () => {
  test('a read that ends with 0 and prints something else', async () => {
    const found = await verify(store([1]))
    expect(found.pairs).toBe('4/6')
    expect(found.findings.map((finding) => finding.message)).toEqual(
      [0, 2].map(
        (writer) =>
          `read-command in db-1 (ordinal 1) does not print what was written through db-${writer}: it prints something else`,
      ),
    )
  })

  test('a write that fails', async () => {
    const working = store()
    const found = await verify((ordinal, command, marker) =>
      ordinal === 2 && command === 'put'
        ? { exitCode: 3, stderr: 'disk full\n' }
        : working(ordinal, command, marker),
    )
    expect(found.findings).toMatchObject([
      {
        code: 'CHECK_FAILED',
        ordinal: 2,
        message: 'write-command failed in db-2 (ordinal 2): exit code 3 (disk full)',
      },
    ])
    expect(found.pairs).toBe('4/6')
  })

  test('without the right to exec nothing is proven', async () => {
    expect(await verify(store(), 'full', 3, { forward: true, exec: false })).toMatchObject({
      pairs: undefined,
      findings: [{ code: 'CHECK_IMPOSSIBLE', severity: 'error' }],
    })
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
  const profile = await chooseProfile('custom', {
    checkPath: '/x',
    writeCommand: 'put',
    readCommand: undefined,
    servesCommand: undefined,
  })
  const context: VerifyContext = {
    reach: {
      may: { forward: true, exec: true },
      open: () => Promise.reject(new Error('asked')),
      tunnel: () => Promise.reject(new Error('asked')),
      exec: () => Promise.reject(new Error('asked')),
    },
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 1,
    runId: 'r',
    say: () => undefined,
    replicas: 1,
    serviceName: 'db',
  }
  await expect(profile.verify(membersOf(1), 'full', context)).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    findings: [{ input: 'read-command' }],
  })
})

test('the profile none says what it did not check', async () => {
  const profile = await chooseProfile('none', {
    checkPath: '/x',
    writeCommand: undefined,
    readCommand: undefined,
    servesCommand: undefined,
  })
  const context: VerifyContext = {
    reach: {
      may: { forward: true, exec: true },
      open: () => Promise.reject(new Error('asked')),
      tunnel: () => Promise.reject(new Error('asked')),
      exec: () => Promise.reject(new Error('asked')),
    },
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 1,
    runId: 'r',
    say: () => undefined,
    replicas: 1,
    serviceName: 'db',
  }
  expect(await profile.verify(membersOf(2), 'full', context)).toMatchObject({
    findings: [],
    checks: [{ outcome: 'skipped' }],
    members: [{ role: 'up' }, { role: 'up' }],
  })
})

describe('who serves is said by the commands', () => {
  const look = async (
    answer: Answer,
    {
      serves,
      ready = [true, true, true],
    }: { readonly serves?: string; readonly ready?: readonly boolean[] } = {},
  ): Promise<readonly string[]> => {
    const profile = await chooseProfile('custom', {
      checkPath: '/x',
      writeCommand: 'put',
      readCommand: 'get',
      servesCommand: serves,
    })
    const members = membersOf(3, 'db').map((member, at) => ({
      ...member,
      ready: ready[at] ?? true,
    }))
    const states = await profile.look(members, contextOf(answer))
    return states.map(({ role, trouble }) => (trouble === undefined ? role : `${role}: ${trouble}`))
  }
  const mute = (ordinals: readonly number[]): Answer => {
    const working = store()
    return (ordinal, command, marker) =>
      ordinals.includes(ordinal)
        ? { exitCode: 1, stderr: '{"level":"warn"}\nError: context deadline exceeded\n' }
        : working(ordinal, command, marker)
  }

  const hanging =
    (ordinals: readonly number[]): Answer =>
    (ordinal, command, marker) => {
      if (command !== 'serves' || !ordinals.includes(ordinal)) return { stdout: marker }
      throw new KubeFailure({
        status: 0,
        reason: 'Timeout',
        message: 'env in pod db-0 did not end within 15 s',
        request: 'exec in pod db-0',
      })
    }

  // A member that was Ready and silent counted as serving, and the next one was taken: no quorum.
  test.each([
    ['all of them', store(), {}, ['up', 'up', 'up']],
    [
      'not one that reads nothing of it',
      store([2]),
      {},
      ['up', 'up', 'not serving: read-command: it prints something else'],
    ],
    [
      'not one that is silent, and another one writes',
      mute([0]),
      {},
      ['not serving: write-command: exit code 1 (Error: context deadline exceeded)', 'up', 'up'],
    ],
    [
      'nobody when nobody can write',
      mute([0, 1, 2]),
      {},
      Array.from(
        { length: 3 },
        () => 'not serving: write-command: exit code 1 (Error: context deadline exceeded)',
      ),
    ],
    // A restart took all three members of an ensemble that served down, one after another.
    [
      'by a command that is not there of nobody, and nobody is called lost for it',
      ((_, command, marker) =>
        command === 'serves'
          ? { exitCode: 127, stderr: 'sh: etcdctll: not found' }
          : { stdout: marker }) satisfies Answer,
      { serves: 'serves' },
      Array.from(
        { length: 3 },
        () => 'unreachable: serves-command: exit code 127 (sh: etcdctll: not found)',
      ),
    ],
    [
      'by one that hangs in every member the same',
      hanging([0, 1, 2]),
      { serves: 'serves' },
      Array.from(
        { length: 3 },
        () => 'unreachable: serves-command: did not end within 15 s in any member',
      ),
    ],
    [
      'not one in which alone it hangs',
      hanging([1]),
      { serves: 'serves' },
      ['up', 'not serving: serves-command: did not end within 15 s', 'up'],
    ],
    [
      'not one whose pod is not Ready, which is not asked',
      store(),
      { ready: [true, false, true] },
      ['up', 'down: the pod is not Ready', 'up'],
    ],
    [
      'with their roles',
      ((ordinal, command, marker) =>
        command === 'serves'
          ? { stdout: ordinal === 1 ? 'leader\n' : 'follower\n' }
          : { stdout: marker }) satisfies Answer,
      { serves: 'serves' },
      ['follower', 'leader', 'follower'],
    ],
    [
      'not one of which the serves-command says no',
      ((ordinal, command, marker) =>
        command === 'serves'
          ? { exitCode: ordinal === 2 ? 1 : 0 }
          : { stdout: marker }) satisfies Answer,
      { serves: 'serves' },
      ['up', 'up', 'not serving: serves-command: exit code 1'],
    ],
  ] satisfies readonly (readonly [
    string,
    Answer,
    Parameters<typeof look>[1],
    readonly string[],
  ])[])('%s', async (_, answer, how, expected) => {
    expect(await look(answer, how)).toEqual(expected)
  })

  test('why nobody could be asked is said once, however long it is waited', async () => {
    const lines: string[] = []
    const profile = await chooseProfile('custom', {
      checkPath: '/x',
      writeCommand: undefined,
      readCommand: undefined,
      servesCommand: 'serves',
    })
    const context = { ...contextOf(hanging([0])), say: (line: string) => lines.push(line) }
    await profile.look(membersOf(1, 'db'), context)
    await profile.look(membersOf(1, 'db'), context)
    expect(lines).toEqual([
      'db-0: serves-command: did not end within 15 s in any member: whether it serves is not known',
    ])
  })

  test('each look has a marker of its own: what an earlier one wrote proves nothing', async () => {
    const markers: string[] = []
    const profile = await chooseProfile('custom', {
      checkPath: '/x',
      writeCommand: 'put',
      readCommand: 'get',
      servesCommand: undefined,
    })
    const context = contextOf((_, command, marker) => {
      if (command === 'put') markers.push(marker)
      return { stdout: marker }
    })
    await profile.look(membersOf(3, 'db'), context)
    await profile.look(membersOf(3, 'db'), context)
    expect(markers).toEqual(['run-7-look-1', 'run-7-look-2'])
  })

  test('by their pods alone without commands, which is never called serving', async () => {
    const profile = await chooseProfile('custom', {
      checkPath: '/x',
      writeCommand: undefined,
      readCommand: undefined,
      servesCommand: undefined,
    })
    expect(profile.onlyReady).toBe(true)
  })
})

test('a check that fails while the members settle is made again', async () => {
  const working = store()
  let failures = 3
  const found = await verify((ordinal, command, marker) =>
    command === 'put' && failures-- > 0
      ? { exitCode: 1, stderr: 'no leader' }
      : working(ordinal, command, marker),
  )
  expect(found).toMatchObject({ findings: [], pairs: '6/6' })
})

describe('whether a member was asked itself', () => {
  const members = membersOf(3, 'db')
  const look = async (commands: {
    readonly writeCommand?: string
    readonly readCommand?: string
    readonly servesCommand?: string
  }): Promise<readonly (true | undefined)[]> => {
    const profile = await chooseProfile('custom', {
      checkPath: '/x',
      writeCommand: undefined,
      readCommand: undefined,
      servesCommand: undefined,
      ...commands,
    })
    return (await profile.look(members, contextOf(store()))).map(({ unasked }) => unasked)
  }

  test('nobody without commands, everybody with them: what clients are told hangs on it', async () => {
    expect(await look({})).toEqual([true, true, true])
    expect(await look({ servesCommand: 'up' })).toEqual([undefined, undefined, undefined])
    expect(await look({ writeCommand: 'put', readCommand: 'get' })).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  // At night: which of the three to look at, and whether the other two still serve.
  test('of a member that neither writes nor reads, and of those that hear each other, a check tells', async () => {
    const working = store()
    const { members: told } = await verify((ordinal, command, marker) =>
      ordinal === 1
        ? { exitCode: 1, stderr: 'Error: timed out' }
        : working(ordinal, command, marker),
    )
    expect(told).toMatchObject([
      { role: 'up', trouble: undefined },
      {
        role: 'not serving',
        trouble:
          'write-command: exit code 1 (Error: timed out), and it reads nothing of what others wrote',
      },
      { role: 'up', trouble: undefined },
    ])
    expect(told.every(({ unasked }) => unasked === undefined)).toBe(true)
  })

  test('after a check only when every write was read by every other', async () => {
    const asked = async (found: Promise<Verification>): Promise<boolean> =>
      (await found).members.every(({ unasked }) => unasked === undefined)
    expect(await asked(verify(store()))).toBe(true)
    expect(await asked(verify(store([1])))).toBe(false)
    expect(await asked(verify(store(), 'quick'))).toBe(false)
  })
})
