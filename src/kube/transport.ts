// One HTTP request to the API server: with a time limit, an AbortSignal, connections that are kept,
// and every fault told as a KubeFailure.

import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import type { RequestOptions } from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { abortReason } from '../clock.ts'
import { collected } from '../collected.ts'
import type { LoadedConfig } from './config.ts'
import type { Credentials } from './credentials.ts'
import { KubeFailure } from './failure.ts'
import { codeOf, messageOf } from './node-error.ts'
import { ProxyFault, proxyWords } from './proxy-fault.ts'
import { turns } from './turns.ts'
import { warningsIn } from './warnings.ts'
import { tlsFault } from '../tls-fault.ts'

export const USER_AGENT = 'zk-ensemble-action/1'
/**
 * Shorter than the idle time of common load balancers, so that a kept connection isn't used while
 * it is being closed.
 */
const IDLE_MS = 25_000

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With query. */
  readonly path: string
  readonly body?: string
  readonly contentType?: string
  /** From the connection to the last byte of the answer (of `open`: to its head). */
  readonly timeoutMs: number
  /** What is asked, in words. */
  readonly request: string
  /** Bytes of an answer that is believed; an object's where nothing is said. */
  readonly longest?: number
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  /** The server's clock, as its `Date` header says. */
  readonly date: string | undefined
  /** What the server warns of beside it. */
  readonly warnings: readonly string[]
  readonly body: string
}

export interface Transport {
  /**
   * Rejects with a KubeFailure of status 0 when no answer came, and with the signal's reason when
   * aborted.
   */
  send(call: Call, signal: AbortSignal): Promise<Answer>
  /** Resolves with the head; the body is the caller's to read and to destroy. */
  open(call: Call, signal: AbortSignal): Promise<Opened>
  close(): void
}

/** A long answer, from its head on. */
export type Opened = Readable & Pick<IncomingMessage, 'statusCode' | 'headers'>

/** Of a page of a list, unpacked, in bytes: one of 500 pods is some 5 MiB. */
export const LARGEST_PAGE = 24 * 1024 * 1024
/** Of any other answer: a store takes objects of 1.5 MiB. */
const LARGEST_OBJECT = 8 * 1024 * 1024
/**
 * What is larger is read and parsed alone: a dozen of the largest at once would be gigabytes. In
 * bytes, unpacked.
 */
const ALONE_FROM = 4 * 1024 * 1024

export class HttpTransport implements Transport {
  readonly #loaded: LoadedConfig
  readonly #credentials: Credentials
  readonly #secure: boolean
  readonly #connections: KeptConnections
  readonly #alone = turns()

  constructor(loaded: LoadedConfig, credentials: Credentials) {
    this.#loaded = loaded
    this.#credentials = credentials
    this.#secure = loaded.server.protocol === 'https:'
    this.#connections = new KeptConnections(this.#secure, loaded.proxy !== undefined)
  }

  async send(call: Call, signal: AbortSignal): Promise<Answer> {
    const started = await this.#start(call, signal, true)
    const longest = call.longest ?? LARGEST_OBJECT
    let endTurn: (() => void) | undefined
    try {
      const response = await started.head
      const body = await wholeBody(
        unpacked(response),
        longest,
        () => new AnswerTooLarge(this.#loaded.server.host, longest, call.request),
        async () => {
          endTurn = await this.#alone(once(response, 'close'))
        },
      )
      return {
        status: response.statusCode ?? 0,
        retryAfter: response.headers['retry-after'],
        date: response.headers.date,
        warnings: warningsIn(response.headersDistinct['warning'] ?? []),
        body: body.toString('utf8'),
      }
    } catch (error) {
      if (error instanceof AnswerTooLarge) throw error
      throw started.explain(error)
    } finally {
      started.end()
      // Whoever asked parses it as soon as it is there: the next one begins after that.
      if (endTurn !== undefined) setImmediate(endTurn)
    }
  }

  async open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const started = await this.#start(call, signal, false)
    try {
      const response = await started.head
      started.untimed()
      response.once('close', () => started.end())
      return response
    } catch (error) {
      started.end()
      throw started.explain(error)
    }
  }

  close(): void {
    this.#connections.close()
  }

  async #start(call: Call, signal: AbortSignal, whole: boolean): Promise<Started> {
    signal.throwIfAborted()
    const { server } = this.#loaded
    const options: RequestOptions = {}
    await this.#credentials.fillIn(options, signal)
    try {
      return begin(
        {
          ...options,
          ...address(server, call.path),
          method: call.method,
          headers: { ...headersOf(options), ...headersFor(call, whole) },
          agent: this.#connections.agentFor(options),
        },
        call,
        this.#secure,
        signal,
      )
    } catch (error) {
      // A certificate or key that can't be read ends it before there is a connection.
      throw unreachable(server.host, error, call.request)
    }
  }
}

/**
 * Connections that are kept between requests. Through a proxy the library's agent makes the tunnel,
 * and is told to keep it; direct connections are kept by our own.
 */
class KeptConnections {
  readonly #agent: http.Agent
  readonly #proxied: boolean
  readonly #tunnels = new Set<http.Agent>()

  constructor(secure: boolean, proxied: boolean) {
    const kept = { keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' } as const
    this.#agent = secure ? new https.Agent(kept) : new http.Agent(kept)
    this.#proxied = proxied
  }

  agentFor(options: RequestOptions): http.Agent {
    if (!this.#proxied || typeof options.agent !== 'object') return this.#agent
    if (!this.#tunnels.has(options.agent)) {
      Object.assign(options.agent, { keepAlive: true })
      const own: unknown = Reflect.get(options.agent, 'options')
      if (typeof own === 'object' && own !== null) Object.assign(own, { timeout: IDLE_MS })
      this.#tunnels.add(options.agent)
    }
    return options.agent
  }

  close(): void {
    for (const each of [this.#agent, ...this.#tunnels]) each.destroy()
  }
}

/** `whole`: the answer is read to its end, so it may come packed. */
function headersFor(call: Call, whole: boolean): Record<string, string | number> {
  return {
    Accept: 'application/json',
    'User-Agent': USER_AGENT,
    ...(whole ? { 'Accept-Encoding': 'gzip' } : {}),
    ...(call.body === undefined
      ? {}
      : {
          'Content-Type': call.contentType ?? 'application/json',
          'Content-Length': Buffer.byteLength(call.body),
        }),
  }
}

interface Started {
  readonly head: Promise<IncomingMessage>
  /** Takes the time limit off. */
  untimed(): void
  /** Takes limit and signal off. */
  end(): void
  explain(error: unknown): Error
}

function begin(options: RequestOptions, call: Call, secure: boolean, signal: AbortSignal): Started {
  const request = secure ? https.request(options) : http.request(options)
  let late = false
  const stop = (): void => void request.destroy(abortReason(signal))
  const timer = setTimeout(() => {
    late = true
    request.destroy(new Error('late'))
  }, call.timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  const head = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Error('the server switched protocols'))
    })
  })
  // After the head an error comes through the response; this one must not be unhandled.
  request.on('error', () => undefined)
  request.on('socket', (socket) => socket.setKeepAlive(true, 15_000))
  request.end(call.body)
  return {
    head,
    untimed: () => clearTimeout(timer),
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    },
    explain(error) {
      if (signal.aborted) return abortReason(signal)
      const host = `${String(options.hostname)}:${String(options.port)}`
      return late
        ? noAnswer(host, call.timeoutMs, call.request)
        : unreachable(host, error, call.request)
    },
  }
}

export function noAnswer(host: string, timeoutMs: number, request: string): KubeFailure {
  return new KubeFailure({
    status: 0,
    reason: 'Timeout',
    message: `the API server at ${host} gave no answer within ${timeoutMs / 1000} s`,
    request,
  })
}

/** A connection that could not be made, or broke, in words. */
export function unreachable(host: string, error: unknown, request: string): KubeFailure {
  const code = codeOf(error)
  return new KubeFailure({
    status: 0,
    reason: 'Unreachable',
    message: inWords(host, code, error),
    request,
    cause: error,
  })
}

function inWords(host: string, code: string, error: unknown): string {
  if (error instanceof ProxyFault)
    return `the proxy on the way to ${host} (${error.proxy.address.host}) ${proxyWords(error).what}`
  const fault = tlsFault(code, messageOf(error))
  if (fault !== undefined) return `the API server at ${host} ${fault.what} (${code})`
  switch (code) {
    case 'ENOTFOUND':
      return `the name of the API server, ${host}, is not known here`
    case 'EAI_AGAIN':
      return `the name of the API server, ${host}, can't be looked up at the moment`
    case 'ECONNREFUSED':
      return `nothing listens at ${host}`
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no route to ${host} from this runner (${code})`
    case 'ECONNRESET':
    case 'EPIPE':
      return `the connection to ${host} broke`
    default:
      return `the API server at ${host} can't be reached${code === '' ? '' : ` (${code})`}`
  }
}

/** Host, port and path of a request below the server's base (which may have a path of its own). */
function address(
  server: URL,
  path: string,
): {
  readonly protocol: string
  readonly hostname: string
  readonly port: string
  readonly path: string
} {
  return {
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port === '' ? (server.protocol === 'https:' ? '443' : '80') : server.port,
    path: `${server.pathname.replace(/\/+$/, '')}${path}`,
  }
}

/** Headers as a record, whatever shape Node's type allows. */
export function headersOf(options: RequestOptions): Record<string, string | string[] | number> {
  const headers: Record<string, string | string[] | number> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string' || typeof value === 'number') headers[name] = value
    else if (Array.isArray(value)) headers[name] = [...value]
  }
  return headers
}

/** What breaks on the way in breaks the reading. */
function unpacked(response: IncomingMessage): Readable {
  return response.headers['content-encoding'] === 'gzip'
    ? pipeline(response, createGunzip(), () => undefined)
    : response
}

/** `alone` is awaited before more than ALONE_FROM is read. */
async function wholeBody(
  response: Readable,
  longest: number,
  tooLarge: () => AnswerTooLarge,
  alone: () => Promise<void>,
): Promise<Buffer> {
  const body = collected(longest)
  let large = false
  for await (const chunk of response) {
    // Leaving the loop destroys the response, and with it the connection.
    if (!body.add(bytes(chunk))) throw tooLarge()
    if (large || body.size <= ALONE_FROM) continue
    large = true
    await alone()
  }
  return body.bytes()
}

/** More than the call bears; told as any answer that is none of an API server. */
export class AnswerTooLarge extends KubeFailure {
  constructor(host: string, longest: number, request: string) {
    super({
      status: 0,
      reason: 'Unparsable',
      message: `${host} answered with more than ${longest / 1024 / 1024} MiB: no Kubernetes API server does`,
      request,
    })
  }
}

function bytes(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
}
