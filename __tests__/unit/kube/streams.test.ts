// Exec and port-forward against a server that speaks the channel protocols, well and badly.

import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { ExecResult, Kube } from '../../../src/kube/kube.ts'
import { streamFault } from '../../../src/kube/stream-words.ts'
import { accept } from '../../support/cluster/websocket.ts'
import type { ServerSocket } from '../../support/cluster/websocket.ts'
import { caught, connectTo, json, never, serve, status } from './given.ts'
import type { TestServer } from './given.ts'

const POD = { name: 'zk-0', namespace: 'zoo' }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Talk {
  opened?(socket: ServerSocket, request: IncomingMessage): void
  message?(socket: ServerSocket, bytes: Buffer): void
  closed?(): void
}

async function cluster(
  talk: Talk,
  protocols: readonly string[] = ['v5.channel.k8s.io'],
): Promise<{ kube: Kube; server: TestServer }> {
  const server = await serve((_asked, response) => json(response, 200, {}))
  server.server.on('upgrade', (request, socket, head) =>
    accept(request, socket, head, protocols, (opened) => {
      setImmediate(() => talk.opened?.(opened, request))
      return { message: (bytes) => talk.message?.(opened, bytes), closed: () => talk.closed?.() }
    }),
  )
  const kube = await connectTo(server)
  closers.push(
    () => kube.close(),
    () => server.close(),
  )
  return { kube, server }
}

const frame = (channel: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([channel]), Buffer.from(text)])
const success = frame(3, JSON.stringify({ status: 'Success' }))
const exited = (code: string): Buffer =>
  frame(
    3,
    JSON.stringify({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: code }] },
    }),
  )

/** A refusal in place of the upgrade. */
async function refusing(code: number, body: unknown): Promise<Kube> {
  const server = await serve((_asked, response) => json(response, 200, {}))
  server.server.on('upgrade', (_request, socket) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    socket.end(
      `HTTP/1.1 ${code} No\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    )
  })
  const kube = await connectTo(server)
  closers.push(
    () => kube.close(),
    () => server.close(),
  )
  return kube
}

describe('exec', () => {
  const run = (
    kube: Kube,
    options: { stdin?: string; timeoutMs?: number } = {},
  ): Promise<ExecResult> => kube.exec(POD, 'zk', ['sh', '-c', 'echo a b'], options, never)

  test('gives both outputs and the exit code', async () => {
    let asked = ''
    const { kube } = await cluster({
      opened(socket, request) {
        asked = request.url ?? ''
        for (const bytes of [
          frame(1, ''),
          frame(1, 'he'),
          frame(2, 'oops'),
          frame(1, 'llo'),
          exited('3'),
        ])
          socket.send(bytes)
      },
    })
    expect(await run(kube)).toEqual({ exitCode: 3, stdout: 'hello', stderr: 'oops' })
    expect(new URL(asked, 'http://x').searchParams.getAll('command')).toEqual([
      'sh',
      '-c',
      'echo a b',
    ])
    expect(kube.requests.streams).toBe(1)
  })

  test('sends stdin and its end, by which the command knows that it has all', async () => {
    const got: Buffer[] = []
    const { kube } = await cluster({
      message(socket, bytes) {
        got.push(bytes)
        if (bytes[0] === 255) socket.send(success)
      },
    })
    const text = 'x'.repeat(100_000)
    expect((await run(kube, { stdin: text })).exitCode).toBe(0)
    expect(Buffer.concat(got.slice(0, -1).map((bytes) => bytes.subarray(1))).toString()).toBe(text)
    expect([...(got.at(-1) ?? [])]).toEqual([255, 0])
  })

  test('a connection that ends without a status is no success', async () => {
    const { kube } = await cluster({
      opened(socket) {
        socket.send(frame(1, 'half of it'))
        socket.close(1000)
      },
    })
    await expect(run(kube)).rejects.toMatchObject({ reason: 'Unreachable', status: 0 })
  })

  test('a command that could not be started is told in plain words', async () => {
    const { kube } = await cluster({
      opened: (socket) =>
        socket.send(
          frame(
            3,
            JSON.stringify({
              status: 'Failure',
              reason: 'InternalError',
              message: 'exec: "nope":\nnot found',
            }),
          ),
        ),
    })
    await expect(run(kube)).rejects.toMatchObject({
      reason: 'NoCommand',
      message: 'the command can’t be started in its container',
    })
  })

  test('output is kept up to a mebibyte, so that a chatty command cannot fill the memory', async () => {
    const { kube } = await cluster({
      opened(socket) {
        for (let at = 0; at < 5; at++) socket.send(frame(1, 'x'.repeat(300_000)))
        socket.send(success)
      },
    })
    expect((await run(kube)).stdout).toHaveLength(1024 * 1024)
  })

  test('a command that hangs ends with its time limit, and the connection with it', async () => {
    let closed: () => void = () => undefined
    const gone = new Promise<void>((resolve) => (closed = resolve))
    const { kube } = await cluster({ closed: () => closed() })
    const error = await caught(run(kube, { timeoutMs: 500 }))
    expect(error).toMatchObject({ reason: 'Timeout' })
    expect(error.message).toBe('sh in pod zk-0 did not end within 0.5 s')
    await gone
  })

  test('a refusal keeps the words of the API server', async () => {
    const kube = await refusing(
      403,
      status(
        403,
        'Forbidden',
        'pods "zk-0" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "zoo"',
      ),
    )
    const error = await caught(run(kube))
    expect(error).toBeInstanceOf(KubeFailure)
    expect(error).toMatchObject({ status: 403, reason: 'Forbidden' })
    expect(error.message).toContain('cannot create resource "pods/exec"')
  })

  // Told as the pod's fault, or as a right that is missing, it had people change what was in order.
  test.each<[string, number, unknown, RegExp]>([
    ['its own page', 403, '<html>nginx</html>', /gateway .* answered 403 instead of opening/],
    ['nothing', 403, '', /gateway .* answered 403 instead of opening/],
    ['a page that went well', 200, '<html>welcome</html>', /gateway .* answered 200 instead/],
    ['JSON of its own', 502, { error: 'no upgrade' }, /gateway .* answered 502 instead/],
    [
      'what the API server says of a request without its Upgrade header',
      400,
      status(400, 'BadRequest', 'Upgrade request required'),
      /gateway .* lets no WebSocket through/,
    ],
  ])('a gateway that answers %s is told as the one', async (_name, code, body, said) => {
    const error = await caught(run(await refusing(code, body)))
    expect(error).toMatchObject({ status: 0, reason: 'WebSocketBlocked' })
    expect(error.message).toMatch(said)
    if (!(error instanceof KubeFailure)) throw error
    expect(explainFailure(error)).toMatchObject({
      code: 'CHECK_IMPOSSIBLE',
      fix: expect.stringContaining('Upgrade: websocket'),
    })
  })

  // A broken connection alone had people look for it between the runner and the cluster.
  test.each<[string, (socket: Duplex) => void, RegExp]>([
    ['resets it', (socket) => void socket.destroy(), /broke before a WebSocket was open/],
    ['never answers it', () => undefined, /opened no WebSocket within 0\.2 s/],
    [
      'answers it with half of what opens one',
      (socket) =>
        void socket.end(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        ),
      /broke before a WebSocket was open/,
    ],
  ])('a gateway that %s is told as one that may let no WebSocket through', async (_, met, said) => {
    const server = await serve((_asked, response) => json(response, 200, {}))
    const sockets: Duplex[] = []
    server.server.on('upgrade', (_request, socket) => {
      sockets.push(socket)
      met(socket)
    })
    closers.push(
      () => sockets.forEach((socket) => socket.destroy()),
      () => server.close(),
    )
    const kube = await connectTo(server, { answerMs: 200 })
    closers.push(() => kube.close())
    const error = await caught(run(kube))
    expect(error).toMatchObject({ status: 0, reason: 'WebSocketBlocked' })
    expect(error.message).toMatch(said)
    expect(error.message).toContain('a gateway before the API server may let none through')
    const late = await caught(run(kube, { timeoutMs: 50 }))
    expect(late).toMatchObject({ reason: 'WebSocketBlocked' })
  })

  test.each([
    [404, 'pod does not exist'],
    [500, 'unable to upgrade connection: container not found ("zk")'],
  ])('what the kubelet says in plain text (%i) is no gateway', async (code, body) => {
    expect(await caught(run(await refusing(code, body)))).toMatchObject({ status: code })
  })

  test('a cancel ends it with the reason of the cancel', async () => {
    const stop = new AbortController()
    const { kube } = await cluster({ opened: () => stop.abort(new Error('cancelled by the user')) })
    await expect(kube.exec(POD, 'zk', ['sleep'], {}, stop.signal)).rejects.toThrow(
      'cancelled by the user',
    )
  })
})

describe('port-forward', () => {
  const port = Buffer.from([0x85, 0x08])
  const hello = (socket: ServerSocket): void => {
    socket.send(Buffer.concat([Buffer.from([0]), port]))
    socket.send(Buffer.concat([Buffer.from([1]), port]))
  }
  const protocols = ['v4.channel.k8s.io']
  const read = async (opening: Promise<Duplex>): Promise<string> => {
    let text = ''
    for await (const chunk of await opening) text += String(chunk)
    return text
  }

  test("carries bytes both ways, without the frames' own", async () => {
    const { kube } = await cluster(
      {
        opened: hello,
        message(socket, bytes) {
          expect(bytes[0]).toBe(0)
          socket.send(frame(0, `answer to ${bytes.subarray(1).toString()}`))
          socket.close(1000)
        },
      },
      protocols,
    )
    const tunnel = await kube.forward(POD, 2181, never)
    tunnel.write('srvr')
    let text = ''
    for await (const chunk of tunnel) text += String(chunk)
    expect(text).toBe('answer to srvr')
  })

  test('text on the error channel breaks the stream with it', async () => {
    const { kube } = await cluster(
      {
        opened(socket) {
          hello(socket)
          socket.send(frame(1, 'dial tcp4 127.0.0.1:2181: connect: connection refused'))
        },
      },
      protocols,
    )
    const error = await caught(read(kube.forward(POD, 2181, never)))
    expect(error).toMatchObject({
      reason: 'ConnectionRefused',
      message:
        'the port-forward failed: nothing listens on that port at the loopback address of the pod',
    })
  })

  test('the same when it comes later', async () => {
    const { kube } = await cluster(
      { opened: hello, message: (socket) => socket.send(frame(1, 'connection refused')) },
      protocols,
    )
    const tunnel = await kube.forward(POD, 2181, never)
    const broken = caught(new Promise((_resolve, reject) => tunnel.once('error', reject)))
    tunnel.write('srvr')
    expect(await broken).toMatchObject({ reason: 'ConnectionRefused' })
  })

  test('a tunnel that is cut is an error, not an end of the data', async () => {
    const { kube } = await cluster(
      {
        opened(socket) {
          hello(socket)
          socket.send(frame(0, 'half'))
          setImmediate(() => socket.cut())
        },
      },
      protocols,
    )
    await expect(read(kube.forward(POD, 2181, never))).rejects.toMatchObject({
      reason: 'Unreachable',
    })
  })

  test('a reader that does not read holds the tunnel back, and loses nothing when it reads again', async () => {
    const { kube } = await cluster(
      {
        opened(socket) {
          hello(socket)
          for (let at = 0; at < 40; at++) socket.send(frame(0, String(at % 10).repeat(50_000)))
          socket.close(1000)
        },
      },
      protocols,
    )
    const tunnel = await kube.forward(POD, 2181, never)
    await new Promise((resolve) => tunnel.once('readable', resolve))
    expect(tunnel.readableLength).toBeLessThan(2_000_000)
    let length = 0
    for await (const chunk of tunnel) length += Buffer.byteLength(String(chunk))
    expect(length).toBe(2_000_000)
  })

  test('destroying the stream hangs up, so that no connection stays at the member', async () => {
    let closed: () => void = () => undefined
    const gone = new Promise<void>((resolve) => (closed = resolve))
    const { kube } = await cluster({ opened: hello, closed: () => closed() }, protocols)
    const tunnel = await kube.forward(POD, 2181, never)
    tunnel.destroy()
    await gone
  })

  test('a cancel breaks the stream with its reason', async () => {
    const stop = new AbortController()
    const { kube } = await cluster({ opened: hello }, protocols)
    const tunnel = await kube.forward(POD, 2181, stop.signal)
    const broken = new Promise((_resolve, reject) => tunnel.once('error', reject))
    stop.abort(new Error('cancelled by the user'))
    await expect(broken).rejects.toThrow('cancelled by the user')
  })

  test('a pod that is gone is told at once', async () => {
    const kube = await refusing(404, status(404, 'NotFound', 'pods "zk-0" not found'))
    await expect(kube.forward(POD, 2181, never)).rejects.toMatchObject({
      status: 404,
      reason: 'NotFound',
    })
  })
})

describe('a command as a byte stream', () => {
  const open = (kube: Kube): ReturnType<Kube['tunnel']> =>
    kube.tunnel(POD, 'zk', ['sh', '-c', 'dial'], never)

  test('begins after its first line, in both directions', async () => {
    const { kube } = await cluster({
      opened: (socket) =>
        ['conn', 'ected here\nfirst ', 'and '].forEach((text) => socket.send(frame(1, text))),
      message(socket, bytes) {
        socket.send(frame(1, `back: ${bytes.subarray(1).toString()}`))
        socket.send(success)
        socket.close(1000)
      },
    })
    const through = await open(kube)
    if (through.kind !== 'open') throw new Error('it did not open')
    expect(through.line).toBe('connected here')
    through.stream.write('srvr')
    const chunks: Buffer[] = []
    through.stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(through.stream, 'close')
    expect(Buffer.concat(chunks).toString()).toBe('first and back: srvr')
  })

  test('one that ends before it says a line tells how', async () => {
    const { kube } = await cluster({
      opened(socket) {
        socket.send(frame(2, 'neither bash nor nc'))
        socket.send(exited('127'))
        socket.close(1000)
      },
    })
    expect(await open(kube)).toEqual({
      kind: 'ended',
      exitCode: 127,
      stderr: 'neither bash nor nc',
    })
  })

  test('one that is cut off before it says a line is no success', async () => {
    const { kube } = await cluster({ opened: (socket) => socket.cut() })
    expect((await caught(open(kube))).message).toMatch(
      /broke \(1006\) before the command said anything/,
    )
  })

  test('closing our side ends it', async () => {
    const ended = Promise.withResolvers<void>()
    const { kube } = await cluster({
      opened: (socket) => socket.send(frame(1, 'connected\n')),
      closed: () => ended.resolve(),
    })
    const through = await open(kube)
    if (through.kind === 'open') through.stream.destroy()
    await ended.promise
  })
})

describe('what runtimes say is told in plain words', () => {
  test.each([
    ['error dialing backend: dial tcp 10.0.0.7:10250: connect: connection refused', 'Unreachable'],
    [
      'error forwarding port 2181 to pod 0a1b, uid : failed to execute portforward in network namespace "/var/run/netns/cni-1": failed to connect to localhost:2181 inside namespace "0a1b", IPv4: dial tcp4 127.0.0.1:2181: connect: connection refused',
      'ConnectionRefused',
    ],
    [
      'failed to execute portforward in network namespace "/var/run/netns/cni-1": failed to open netns',
      'NotRunning',
    ],
    [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown',
      'NoCommand',
    ],
    ['container not found ("zookeeper")', 'NotRunning'],
    ['rpc error: code = Unknown desc = container is in CONTAINER_EXITED state', 'NotRunning'],
    ['unable to do port forwarding: socat not found', 'Unreachable'],
    ['cannot exec in a stopped container: container is not running', 'NotRunning'],
    ['read tcp 10.0.0.1:4000->10.0.0.2:2181: read: connection reset by peer', 'Unreachable'],
    ['rpc error: code = Internal desc = 42', 'InternalError'],
  ])('%s', (raw, reason) => {
    const { reason: found, words } = streamFault(raw)
    expect(found).toBe(reason)
    expect(words).not.toMatch(/namespace|OCI|rpc|tcp|dial/)
  })
})
