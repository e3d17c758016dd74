// The stream from inside a container, by the script itself: it finds the one address that a server
// listens at, and says that nothing listens only where that is proven.

import { spawn } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import {
  NoTunnel,
  NothingListens,
  openTunnel,
  TlsOnly,
  tunnelCommand,
} from '../../../../src/ensemble/zookeeper/tunnel.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'
import { scratch } from '../../../support/scratch.ts'

const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

/** A server that answers a word as a member does; its port. */
async function listen(host: string): Promise<number> {
  const server = createServer((socket) =>
    socket.once('data', (bytes) => socket.end(`heard ${String(bytes)}`)),
  )
  servers.push(server)
  await new Promise<void>((resolve) =>
    server.listen({ host, port: 0, ipv6Only: host.includes(':') }, resolve),
  )
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it has no port')
  return address.port
}

interface Container {
  /**
   * Lines of the configuration; undefined: no server runs. `unread`: its file is not there for the
   * exec.
   */
  readonly config?: readonly string[] | 'unread'
  readonly myid?: string
  /** Programs that it has; undefined: this machine's. */
  readonly programs?: readonly string[]
}

interface Ended {
  readonly stdout: string
  readonly code: number | null
}

/** Where the programs of this machine lie. */
const BIN = ['/usr/bin', '/bin', '/usr/local/bin']

/**
 * Runs the script over a folder that stands for the processes of the container, with `srvr` on its
 * standard input.
 */
async function runIn(
  { config, myid, programs }: Container,
  port: number,
  place?: string,
): Promise<Ended> {
  const folder = scratch('tunnel')
  await mkdir(join(folder, '12'))
  await writeFile(join(folder, '12', 'cmdline'), ['sh', '-c', `exec ${MAIN}`, ''].join('\0'))
  if (config !== undefined) {
    await mkdir(join(folder, '7'))
    await writeFile(
      join(folder, '7', 'cmdline'),
      ['java', MAIN, join(folder, 'zoo.cfg'), ''].join('\0'),
    )
    if (config !== 'unread')
      await writeFile(join(folder, 'zoo.cfg'), [`dataDir=${folder}`, ...config, ''].join('\n'))
    if (myid !== undefined) await writeFile(join(folder, 'myid'), `${myid}\n`)
  }
  let path = process.env['PATH'] ?? ''
  if (programs !== undefined) {
    path = join(folder, 'bin')
    await mkdir(path)
    for (const name of programs) await symlink(join(BIN[0] ?? '', name), join(path, name))
  }
  const [, , script = '', ...args] = tunnelCommand(port, place)
  const child = spawn(
    '/bin/sh',
    ['-c', script.replace('/proc/[0-9]', `${folder}/[0-9]`), ...args],
    { stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: path } },
  )
  const chunks: string[] = []
  child.stdout.on('data', (bytes) => chunks.push(String(bytes)))
  child.stdin.on('error', () => undefined)
  child.stdin.write('srvr')
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ stdout: chunks.join(''), code })),
  )
}

describe('a server is found', () => {
  test.each([
    ['at the loopback address', '127.0.0.1'],
    ['at another address, which no configuration names', '127.0.0.7'],
    ['at all addresses', '0.0.0.0'],
    ['at all addresses of IPv6', '::'],
    ['at the loopback address of IPv6 alone', '::1'],
  ])('%s', async (_, host) => {
    const port = await listen(host)
    const { stdout } = await runIn({ config: ['clientPort=1'] }, port)
    expect(stdout).toMatch(/^connected \S+\/\d+\nheard srvr$/)
  })

  test.each([
    ['another port, by clientPort', (port: number) => [`clientPort=${port}`]],
    ['another port, with blanks', (port: number) => [`clientPort : ${port}  `]],
    [
      'an address, by clientPortAddress',
      (port: number) => [`clientPort=${port}`, 'clientPortAddress=127.0.0.9'],
    ],
    [
      'a host behind the semicolon of its own server line',
      (port: number) => ['server.1=a:1:2;127.0.0.3:1', `server.2=b:1:2;127.0.0.9:${port}`],
    ],
    [
      'a port behind the semicolon of its own server line',
      (port: number) => [`server.2=b:2888:3888:participant;${port}`],
    ],
  ])('where the configuration names %s', async (_, config) => {
    const port = await listen('127.0.0.9')
    expect((await runIn({ config: config(port), myid: '2' }, 1)).stdout).toMatch(
      /^connected \S+\/\d+\nheard srvr$/,
    )
  })
})

test('a place that worked before comes first; where it works no more, all others are tried', async () => {
  const port = await listen('127.0.0.9')
  expect((await runIn({}, 1, `127.0.0.9/${port}`)).stdout).toBe(
    `connected 127.0.0.9/${port}\nheard srvr`,
  )
  expect((await runIn({}, port, '127.0.0.9/1')).stdout).toBe(
    `connected 127.0.0.9/${port}\nheard srvr`,
  )
})

describe('no connection', () => {
  const outcome = async (container: Container, port: number): Promise<unknown> => {
    const [member] = membersOf(1)
    if (member === undefined) throw new Error('no member')
    const { stdout, code } = await runIn(container, port)
    expect(stdout).toBe('')
    return openTunnel(
      member,
      port,
      undefined,
      { tunnel: () => Promise.resolve({ kind: 'ended', exitCode: code ?? -1, stderr: '' }) },
      new AbortController().signal,
    ).catch((error: unknown) => error)
  }
  /** A port of the well-known ones at which nothing listens where tests run. */
  const FREE = 9

  test('nothing listens: proven, with and without a server process', async () => {
    expect(await outcome({ config: [`clientPort=${FREE}`] }, FREE)).toBeInstanceOf(NothingListens)
    expect(await outcome({}, FREE)).toBeInstanceOf(NothingListens)
  })

  test('a server runs whose configuration can’t be read: it may listen at a port that nobody knows', async () => {
    expect(await outcome({ config: 'unread' }, FREE)).toBeInstanceOf(NoTunnel)
  })

  test('a server that has a port for TLS alone is none that is down', async () => {
    expect(await outcome({ config: [`secureClientPort=${FREE}`] }, FREE)).toBeInstanceOf(TlsOnly)
    expect(
      await outcome({ config: [`secureClientPort=${FREE}`, `clientPort=${FREE}`] }, FREE),
    ).toBeInstanceOf(NothingListens)
  })

  test('without bash and nc nothing is known', async () => {
    const port = await listen('127.0.0.1')
    expect(
      await outcome(
        {
          config: [`clientPort=${port}`],
          programs: ['sed', 'tr', 'grep', 'tail', 'cat', 'hostname'],
        },
        port,
      ),
    ).toMatchObject({ message: 'neither bash nor nc is in its container' })
  })
})
