// The way to the simulated API server for who runs in its process: the same requests, answers,
// frames and faults, handed over instead of sent.

import { EventEmitter } from 'node:events'
import type { RequestOptions } from 'node:https'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { abortReason } from '../../../src/clock.ts'
import type { MakeLine } from '../../../src/kube/client.ts'
import type { LoadedConfig } from '../../../src/kube/config.ts'
import type { Credentials } from '../../../src/kube/credentials.ts'
import {
  headersOf,
  noAnswer,
  unreachable,
  USER_AGENT,
  type Answer,
  type Call,
  type Opened,
} from '../../../src/kube/transport.ts'
import {
  brokenBefore,
  notOpenedIn,
  refusedStream,
  type Dial,
  type Socket,
} from '../../../src/kube/websocket.ts'
import type { Api, Asked, Peer, Reply } from './server.ts'
import type { ServerSocket, SocketListener } from './websocket.ts'

/** As the client library offers them. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
/** How a WebSocket ended whose connection broke. */
const BROKEN = 1006

export function directLine(api: Api): MakeLine {
  return (loaded, credentials) => ({
    transport: {
      send: (call, signal) =>
        within(loaded, call, REQUEST, signal, async (connection) => {
          const { promise, resolve } = Promise.withResolvers<Answer>()
          const asked = await askedAs(credentials, call, connection, signal)
          await passOn(api, asked, call, replyTo(connection, resolve))
          const answer = await promise
          await turn()
          return { value: answer, isOver: true }
        }),
      open: (call, signal) =>
        within(loaded, call, REQUEST, signal, async (connection) => {
          const { promise, resolve } = Promise.withResolvers<Opened>()
          const asked = await askedAs(credentials, call, connection, signal)
          await passOn(api, asked, call, replyAlong(connection, resolve))
          return { value: await promise, isOver: false }
        }),
      close: () => undefined,
    },
    dial: (wanted, signal) =>
      within(loaded, wanted, STREAM, signal, async (connection) => {
        const { path, request } = wanted
        const asked = await askedAs(credentials, { method: 'GET', path }, connection, signal)
        const { promise, resolve, reject } = Promise.withResolvers<Socket>()
        const refuse = (status: number, body: string): void =>
          reject(refusedStream({ status, body, retryAfter: undefined }, request))
        await turn()
        void api.upgrade(asked, {
          refuse,
          accept(protocols, listen) {
            const protocol = protocols.find((one) => PROTOCOLS.includes(one))
            if (protocol === undefined) refuse(400, '')
            else resolve(linked(protocol, listen, wanted, connection))
          },
        })
        return { value: await promise, isOver: false }
      }),
  })
}

/** What stands for a connection: either side may cut it. */
class Connection extends EventEmitter implements Peer {
  isOpen = true

  /** Also where it was cut before. */
  onceClosed(listener: () => void): void {
    if (this.isOpen) this.once('close', listener)
    else listener()
  }

  destroy(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.emit('close')
  }
}

/** As of a connection that the far side resets. */
class Cut extends Error {
  readonly code = 'ECONNRESET'
}

interface Asking {
  readonly timeoutMs: number
  readonly request: string
}

/** How the client tells that nothing came, and that it was cut. */
interface Faults {
  late(host: string, asked: Asking): Error
  cut(host: string, error: Error, request: string): Error
}

const REQUEST: Faults = {
  late: (host, { timeoutMs, request }) => noAnswer(host, timeoutMs, request),
  cut: unreachable,
}
const STREAM: Faults = { late: notOpenedIn, cut: brokenBefore }

/** Until it is answered or cut, or its time is over. */
async function within<T>(
  loaded: LoadedConfig,
  asking: Asking,
  faults: Faults,
  signal: AbortSignal,
  ask: (connection: Connection) => Promise<{ readonly value: T; readonly isOver: boolean }>,
): Promise<T> {
  signal.throwIfAborted()
  const { host } = loaded.server
  const connection = new Connection()
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  const stop = (): void => failed.reject(abortReason(signal))
  const cut = (): void => failed.reject(faults.cut(host, new Cut(), asking.request))
  const timer = setTimeout(() => failed.reject(faults.late(host, asking)), asking.timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  connection.once('close', cut)
  try {
    const { value, isOver } = await Promise.race([ask(connection), failed.promise])
    connection.removeListener('close', cut)
    if (isOver) connection.destroy()
    return value
  } catch (error) {
    connection.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

async function askedAs(
  credentials: Credentials,
  { method, path, contentType = 'application/json' }: Pick<Call, 'method' | 'path' | 'contentType'>,
  socket: Peer,
  signal: AbortSignal,
): Promise<Asked> {
  const options: RequestOptions = {}
  await credentials.fillIn(options, signal)
  const headers = {
    authorization: String(headersOf(options)['Authorization'] ?? ''),
    'user-agent': USER_AGENT,
    'content-type': contentType,
  }
  return { method, url: path, headers, socket }
}

async function passOn(api: Api, asked: Asked, { body = '' }: Call, reply: Reply): Promise<void> {
  await turn()
  void api.serve(asked, () => Promise.resolve(body), reply)
}

/** For an answer that is read whole. */
function replyTo(connection: Connection, done: (answer: Answer) => void): Reply {
  let status: number | undefined
  let retryAfter: string | undefined
  let date: string | undefined
  let body = ''
  return {
    get isOver() {
      return status !== undefined || !connection.isOpen
    },
    head(code, headers) {
      status = code
      retryAfter = textOf(headers['Retry-After'])
      date = textOf(headers['Date'])
    },
    write: (text) => void (body += text),
    end(text = '') {
      done({ status: status ?? 200, retryAfter, date, warnings: [], body: body + text })
    },
    destroy: () => connection.destroy(),
    onClose: (listener) => connection.onceClosed(listener),
  }
}

/** For an answer that is read as it comes. */
function replyAlong(connection: Connection, begun: (opened: Opened) => void): Reply {
  const stream = new Readable({
    read: () => undefined,
    destroy(error, done) {
      connection.destroy()
      done(error)
    },
  })
  connection.once('close', () => {
    if (!stream.readableEnded) stream.destroy(new Cut())
  })
  // Whoever reads it hears of its end.
  stream.on('error', () => undefined)
  let isBegun = false
  return {
    get isOver() {
      return isBegun || !connection.isOpen
    },
    head(statusCode, headers) {
      isBegun = true
      const retryAfter = textOf(headers['Retry-After'])
      const told = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
      begun(Object.assign(stream, { statusCode, headers: told }))
    },
    write: (text) => void stream.push(text),
    end(text) {
      if (text !== undefined) stream.push(text)
      stream.push(null)
    },
    destroy: () => connection.destroy(),
    onClose: (listener) => connection.onceClosed(listener),
  }
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

/** Joins the two ends of a channel connection. */
function linked(
  protocol: string,
  listen: (opened: ServerSocket) => SocketListener,
  { onFrame, onClose }: Dial,
  connection: Connection,
): Socket {
  let endedWith = BROKEN
  const end = (code: number): void => {
    endedWith = code
    connection.destroy()
  }
  const down = lane(connection)
  const up = lane(connection)
  const listener = listen({
    protocol,
    send: (bytes) => down.push(() => onFrame(bytes[0] ?? 0, Buffer.from(bytes.subarray(1)))),
    close: (code) => down.push(() => end(code)),
    cut: () => connection.destroy(),
  })
  connection.onceClosed(() => {
    listener.closed()
    onClose(endedWith)
  })
  return {
    protocol,
    send(data, done) {
      const bytes = Buffer.from(data)
      up.push(() => listener.message(bytes))
      done()
    },
    close: (code = 1005) => up.push(() => end(code)),
    terminate: () => connection.destroy(),
    pause: () => down.pause(),
    resume: () => down.resume(),
  }
}

interface Lane {
  push(arrive: () => void): void
  pause(): void
  resume(): void
}

/** One direction: what is sent arrives in its order, and not within the call that sends it. */
function lane(connection: Connection): Lane {
  const sent: (() => void)[] = []
  let due = false
  let paused = false
  function arrive(): void {
    due = false
    if (paused || !connection.isOpen) return
    sent.shift()?.()
    pass()
  }
  function pass(): void {
    if (due || paused || sent.length === 0) return
    due = true
    setImmediate(arrive)
  }
  return {
    push(act) {
      sent.push(act)
      pass()
    },
    pause: () => void (paused = true),
    resume() {
      paused = false
      pass()
    },
  }
}
