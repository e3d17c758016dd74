// A channel connection (exec, port-forward) to the API server: dialled by the client library,
// watched and told in words by us.

import type { ClientRequest, IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { PassThrough } from 'node:stream'
import { KubeConfig } from '@kubernetes/client-node'
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js'
import { abortReason } from '../clock.ts'
import type { LoadedConfig } from './config.ts'
import type { Credentials } from './credentials.ts'
import { BLOCKED, KubeFailure } from './failure.ts'
import { codeOf } from './node-error.ts'
import { ProxyFault } from './proxy-fault.ts'
import { streamFault } from './stream-words.ts'
import { readRefusal } from './requests.ts'
import { failureOf, NO_STATUS } from './status.ts'
import { headersOf, unreachable, USER_AGENT } from './transport.ts'

/** An open channel connection. */
export interface Socket {
  readonly protocol: string
  send(data: Uint8Array, done: (error?: Error) => void): void
  close(code?: number): void
  terminate(): void
  pause(): void
  resume(): void
}

/** What is used of the library's WebSocket. */
interface LibrarySocket extends Socket {
  ping(): void
  on(event: string, listener: (...details: unknown[]) => void): unknown
}

/**
 * Resolves with an open socket; rejects with a KubeFailure, or the signal's reason. The signal
 * counts until then only.
 */
export type Dialler = (wanted: Dial, signal: AbortSignal) => Promise<Socket>

export interface Dial {
  readonly path: string
  readonly request: string
  readonly timeoutMs: number
  /** A frame: its channel, and the rest of it. */
  readonly onFrame: (channel: number, bytes: Buffer) => void
  /**
   * Once, also when it never opened: the code, 1000 for a normal end, 1006 for a broken connection.
   */
  readonly onClose: (code: number) => void
}

/** Bytes: the API server passes on pieces of 32 KiB. */
const LARGEST_FRAME = 4 * 1024 * 1024
const PING_MS = 10_000
/** An answerer of pings that falls silent for so long is gone. */
const PONG_WITHIN_MS = 30_000
/** How long a closing handshake may take. */
const CLOSE_MS = 500

/** A Dialler, once it knows the server and who asks. */
export async function dial(
  loaded: LoadedConfig,
  credentials: Credentials,
  wanted: Dial,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted()
  let socket: LibrarySocket | undefined
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_resolve, reject) => (fail = reject))
  failed.catch(() => undefined)

  // `finishRequest` is the one place where the WebSocket class shows its request and itself before
  // it is open: there its end and a refusal's body can be heard.
  const finishRequest = (request: ClientRequest, made: unknown): void => {
    if (!isSocket(made)) throw new Error('the WebSocket class is not the one that was expected')
    socket = made
    made.on('unexpected-response', (_request, response) => {
      if (isResponse(response)) refusal(response, wanted.request).then(fail, fail)
    })
    keepAlive(made, wanted.onClose)
    made.on('error', (error) => fail(brokenBefore(loaded.server.host, error, wanted.request)))
    request.end()
  }
  const config = dialledBy(loaded, credentials, finishRequest, signal)
  // Without streams of its own the library would end this process' stdout when the server closes a
  // channel.
  const own = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const connecting = new WebSocketHandler(config, undefined, own).connect(
    wanted.path,
    null,
    (channel, bytes) => {
      wanted.onFrame(channel, bytes)
      return true
    },
  )
  const stop = (): void => fail(abortReason(signal))
  signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(() => fail(notOpenedIn(loaded.server.host, wanted)), wanted.timeoutMs)
  try {
    await Promise.race([connecting.catch((error: unknown) => asError(error, failed)), failed])
  } catch (error) {
    socket?.terminate()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
  if (socket === undefined) throw unreachable(loaded.server.host, undefined, wanted.request)
  return socket
}

/** What the library's handler dials with: our credentials and limits, and our `finishRequest`. */
function dialledBy(
  loaded: LoadedConfig,
  credentials: Credentials,
  finishRequest: (request: ClientRequest, made: unknown) => void,
  signal: AbortSignal,
): KubeConfig {
  const config: KubeConfig = new KubeConfig()
  const cluster = credentials.config().getCurrentCluster()
  config.loadFromClusterAndUser(
    cluster ?? { name: 'cluster', server: loaded.server.href, skipTLSVerify: false },
    { name: 'user' },
  )
  config.applyToHTTPSOptions = async (options: RequestOptions) => {
    await credentials.fillIn(options, signal)
    Object.assign(options, {
      headers: { ...headersOf(options), 'User-Agent': USER_AGENT },
      perMessageDeflate: false,
      maxPayload: LARGEST_FRAME,
      finishRequest,
    })
  }
  return config
}

/**
 * The library rejects with an event object; what it stands for has been heard by `finishRequest`.
 * Errors from before that (credentials) pass.
 */
async function asError(error: unknown, heard: Promise<never>): Promise<never> {
  if (error instanceof Error) throw error
  return heard
}

async function refusal(response: IncomingMessage, request: string): Promise<KubeFailure> {
  const body = await readRefusal(response)
  const retryAfter = response.headers['retry-after']
  return refusedStream({ status: response.statusCode ?? 0, body, retryAfter }, request)
}

/** An answer in place of an open channel connection. */
export function refusedStream(
  answer: Parameters<typeof failureOf>[0],
  request: string,
): KubeFailure {
  const { body } = answer
  const found = failureOf(answer, request)
  const blocked = blockedBy(found, body)
  if (blocked !== undefined)
    return new KubeFailure({ status: 0, reason: BLOCKED, message: blocked, request })
  // From here on it is the kubelet's or the runtime's word, not the API's.
  return found.status < 500
    ? found
    : new KubeFailure({
        status: found.status,
        reason: found.reason,
        message: streamFault(found.message).words,
        request,
      })
}

/**
 * What a gateway did that lets no WebSocket pass. The API server refuses with a Status, the kubelet
 * behind it with plain text; a page, other JSON or nothing at all is neither's.
 */
function blockedBy(found: KubeFailure, body: string): string | undefined {
  const gateway = 'a gateway before the API server'
  if (found.status === 400 && found.message.startsWith('Upgrade request required'))
    return `${gateway} lets no WebSocket through: the request came without its Upgrade header`
  const answered = /^\s*(?:[<{]|$)/.test(body) && found.message.endsWith(NO_STATUS)
  return answered && found.status !== 401
    ? `${gateway} answered ${found.status} instead of opening a WebSocket`
    : undefined
}

/** How a connection ends on which a gateway passes no upgrade on, by the code of its error. */
const BROKEN: ReadonlySet<string> = new Set(['', 'ECONNRESET', 'EPIPE'])

/** What kept the connection from being made is told as it is of any request. */
export function brokenBefore(host: string, error: unknown, request: string): KubeFailure {
  const told = unreachable(host, error, request)
  return error instanceof ProxyFault || !BROKEN.has(codeOf(error))
    ? told
    : notOpened(`the connection to ${host} broke before a WebSocket was open`, request, error)
}

/** Nothing came at all. */
export function notOpenedIn(
  host: string,
  { timeoutMs, request }: Pick<Dial, 'timeoutMs' | 'request'>,
): KubeFailure {
  return notOpened(`${host} opened no WebSocket within ${timeoutMs / 1000} s`, request)
}

/** Neither the API server nor anything before it said why. */
export function notOpened(what: string, request: string, cause?: unknown): KubeFailure {
  return new KubeFailure({
    status: 0,
    reason: BLOCKED,
    message: `${what}: a gateway before the API server may let none through`,
    request,
    cause,
  })
}

/** Pings, so that idle tunnels live and dead ones are noticed. */
function keepAlive(socket: LibrarySocket, onClose: (code: number) => void): void {
  let lastPong: number | undefined
  let opened = false
  socket.on('open', () => (opened = true))
  const pings = setInterval(() => {
    if (!opened) return
    if (lastPong !== undefined && performance.now() - lastPong > PONG_WITHIN_MS) socket.terminate()
    else socket.ping()
  }, PING_MS)
  pings.unref()
  socket.on('pong', () => (lastPong = performance.now()))
  socket.on('close', (code) => {
    clearInterval(pings)
    onClose(typeof code === 'number' ? code : 1006)
  })
}

/** Says goodbye, and hangs up soon after. */
export function hangUp(socket: Socket): void {
  socket.close(1000)
  setTimeout(() => socket.terminate(), CLOSE_MS).unref()
}

function isSocket(made: unknown): made is LibrarySocket {
  if (typeof made !== 'object' || made === null) return false
  return ['send', 'ping', 'close', 'terminate', 'pause', 'resume', 'on'].every(
    (name) => typeof Reflect.get(made, name) === 'function',
  )
}

function isResponse(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value && 'headers' in value
}
