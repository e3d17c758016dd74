// Credentials that end in the middle of a long run, and are renewed: it costs time and nothing
// else, and no request is sent twice.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createKube } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import type { RunProgram } from '../../../src/program.ts'
import {
  caught,
  CONFIG_MAP,
  json,
  kubeconfig,
  never,
  object,
  runningClock,
  serve,
  status,
  type TestServer,
} from './given.ts'

let directory = ''
let closers: (() => unknown)[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rotation-'))
})
afterEach(async () => {
  for (const close of closers) await close()
  closers = []
  rmSync(directory, { recursive: true })
})

/** A server that takes the token of the moment, and a plugin that prints it. */
interface Cloud {
  current: number
  /** The plugin's next runs that fail. */
  away: number
  runs: number
  readonly accepted: string[]
}

async function cloud(expires: () => string | undefined): Promise<{
  readonly of: Cloud
  readonly kube: Kube
  readonly server: TestServer
  readonly clock: ReturnType<typeof runningClock>
}> {
  const of: Cloud = { current: 1, away: 0, runs: 0, accepted: [] }
  const server = await serve((asked, response) => {
    if (asked.headers.authorization !== `Bearer token-${of.current}`)
      return json(response, 401, status(401, 'Unauthorized', 'Unauthorized'))
    of.accepted.push(`${asked.method} ${asked.url.pathname}`)
    json(response, 200, object('ConfigMap', 'a'))
  })
  const run: RunProgram = () => {
    of.runs += 1
    if (of.away > 0) {
      of.away -= 1
      return Promise.resolve({
        kind: 'exited',
        code: 1,
        stdout: '',
        stderr: 'the cloud does not answer',
      })
    }
    const end = expires()
    return Promise.resolve({
      kind: 'exited',
      code: 0,
      stderr: '',
      stdout: JSON.stringify({
        status: {
          token: `token-${of.current}`,
          ...(end === undefined ? {} : { expirationTimestamp: end }),
        },
      }),
    })
  }
  const clock = runningClock()
  const kube = createKube(
    await loadConfig({
      kubeconfig: kubeconfig(server.address, { exec: { command: 'plugin' } }),
      env: {},
      workspace: '',
    }),
    clock,
    { run },
  )
  closers.push(
    () => kube.close(),
    () => server.close(),
  )
  return { of, kube, server, clock }
}

const later = (ms: number) => (): string => new Date(Date.now() + ms).toISOString()

describe('a credential plugin', () => {
  test('whose token is revoked early, again and again: each 401 is answered with the next one, once for many requests', async () => {
    const { of, kube } = await cloud(later(3_600_000))
    for (let round = 1; round <= 5; round++) {
      of.current = round
      await Promise.all(Array.from({ length: 10 }, () => kube.get(CONFIG_MAP, never)))
      expect(of.runs).toBe(round)
    }
    expect(of.accepted).toHaveLength(50)
  })

  test('that fails for a while when it is asked again: waited for, and the write is sent once', async () => {
    const { of, kube, clock } = await cloud(later(3_600_000))
    await kube.get(CONFIG_MAP, never)
    of.current = 2
    of.away = 3
    await kube.create(object('ConfigMap', 'a'), never)
    await kube.get(CONFIG_MAP, never)
    expect(of.accepted.map((asked) => asked.split(' ')[0])).toEqual(['GET', 'POST', 'GET'])
    expect(clock.slept.length).toBeGreaterThan(0)
  })

  test('that fails for good is told with its words', async () => {
    const { of, kube } = await cloud(later(3_600_000))
    await kube.get(CONFIG_MAP, never)
    of.current = 2
    of.away = Number.POSITIVE_INFINITY
    expect(
      (await caught(kube.evict({ name: 'zk-0', namespace: 'zoo', uid: 'u' }, {}, never))).message,
    ).toContain('failed: the cloud does not answer')
    expect(of.accepted).toHaveLength(1)
  })

  test('that fails at once is not asked for half a minute: the kubeconfig is wrong', async () => {
    const { of, kube } = await cloud(later(3_600_000))
    of.away = Number.POSITIVE_INFINITY
    expect((await caught(kube.get(CONFIG_MAP, never))).message).toContain(
      'failed: the cloud does not answer',
    )
    expect(of.runs).toBe(1)
  })

  test('whose token ends in some seconds is asked early; while it fails, what is there continues', async () => {
    const { of, kube } = await cloud(later(8_000))
    await kube.get(CONFIG_MAP, never)
    of.away = 1
    await kube.get(CONFIG_MAP, never)
    await kube.get(CONFIG_MAP, never)
    expect([of.runs, of.accepted.length]).toEqual([3, 3])
  })
})

describe('a token file', () => {
  test('that is exchanged as kubelets do is read again, in the middle of parallel requests', async () => {
    const file = join(directory, 'token')
    let current = 'token-1'
    const server = await serve((asked, response) =>
      asked.headers.authorization === `Bearer ${current}`
        ? json(response, 200, object('ConfigMap', 'a'))
        : json(response, 401, status(401, 'Unauthorized', 'Unauthorized')),
    )
    writeFileSync(file, 'token-1\n')
    const kube = createKube(
      await loadConfig({
        kubeconfig: kubeconfig(server.address, { tokenFile: file }),
        env: {},
        workspace: '',
      }),
      runningClock(),
    )
    closers.push(
      () => kube.close(),
      () => server.close(),
    )
    for (let round = 1; round <= 4; round++) {
      current = `token-${round}`
      writeFileSync(`${file}.new`, `${current}\n`)
      renameSync(`${file}.new`, file)
      await Promise.all(Array.from({ length: 5 }, () => kube.get(CONFIG_MAP, never)))
    }
    expect(readFileSync(file, 'utf8')).toBe('token-4\n')
  })

  test("that is empty or gone while it is written is waited for: nothing is asked in nobody's name", async () => {
    const file = join(directory, 'token')
    let current = 'token-1'
    const server = await serve((asked, response) =>
      asked.headers.authorization === `Bearer ${current}`
        ? json(response, 200, object('ConfigMap', 'a'))
        : json(response, 401, status(401, 'Unauthorized', 'Unauthorized')),
    )
    writeFileSync(file, 'token-1\n')
    const clock = runningClock()
    const kube = createKube(
      await loadConfig({
        kubeconfig: kubeconfig(server.address, { tokenFile: file }),
        env: {},
        workspace: '',
      }),
      {
        ...clock,
        sleep: (ms, signal) => (writeFileSync(file, 'token-2\n'), clock.sleep(ms, signal)),
      },
    )
    closers.push(
      () => kube.close(),
      () => server.close(),
    )
    await kube.get(CONFIG_MAP, never)
    for (const spoil of [() => writeFileSync(file, ''), () => rmSync(file)]) {
      current = 'token-2'
      spoil()
      await kube.get(CONFIG_MAP, never)
      current = 'token-1'
      writeFileSync(file, 'token-1\n')
      await kube.get(CONFIG_MAP, never)
    }
    expect(server.asked.filter(({ headers }) => headers.authorization === undefined)).toEqual([])
  })
})
