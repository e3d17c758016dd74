// The runtime's fetch, by the proxy of the step where there is one: the runtime itself takes no
// notice of HTTPS_PROXY.

import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import { proxyFor } from '../proxy.ts'
import type { Env } from './command.ts'

export interface FetchRequest {
  readonly signal: AbortSignal
  readonly redirect: 'manual'
  readonly headers: Readonly<Record<string, string>>
}

/** Reads an https address; redirects are the caller's. */
export async function fetchByProxy(
  address: string,
  request: FetchRequest,
  env: Env,
): Promise<Response> {
  const url = new URL(address)
  const proxy = proxyFor(url, env)
  if (proxy === undefined) return fetch(address, request)
  const via = URL.parse(proxy)
  if (via === null || !['http:', 'https:'].includes(via.protocol)) throw proxyFault('scheme')
  const socket = await tunnel(url, via, request.signal)
  return get(url, socket, request)
}

/** Of the way to the proxy, or of what it answered. */
function proxyFault(what: string): Error {
  return Object.assign(new Error('the proxy made no tunnel'), { code: `PROXY_${what}` })
}

function tunnel(to: URL, via: URL, signal: AbortSignal): Promise<tls.TLSSocket> {
  const host = `${to.hostname}:${to.port === '' ? '443' : to.port}`
  const sign =
    via.username === ''
      ? {}
      : {
          'Proxy-Authorization': `Basic ${Buffer.from([via.username, via.password].map(decodeURIComponent).join(':')).toString('base64')}`,
        }
  const options = {
    host: via.hostname.replace(/^\[|\]$/g, ''),
    port: via.port === '' ? (via.protocol === 'https:' ? 443 : 80) : Number(via.port),
    method: 'CONNECT',
    path: host,
    headers: { Host: host, ...sign },
    signal,
  }
  return new Promise((resolve, reject) => {
    const asking = via.protocol === 'https:' ? https.request(options) : http.request(options)
    asking.once('error', (error: NodeJS.ErrnoException) =>
      reject(proxyFault(error.code ?? 'broken')),
    )
    asking.once('connect', (answer, socket) => {
      if (answer.statusCode !== 200) {
        socket.destroy()
        reject(proxyFault(String(answer.statusCode ?? 0)))
        return
      }
      const name = to.hostname.replace(/^\[|\]$/g, '')
      const secure = tls.connect(
        { socket, servername: /^[\d.]+$|:/.test(name) ? '' : name, host: name },
        () => resolve(secure),
      )
      secure.once('error', reject)
      signal.addEventListener('abort', () => secure.destroy(), { once: true })
    })
    asking.end()
  })
}

/**
 * Without an agent: one that is given, or `agent: false`, would connect by itself, past the proxy.
 */
function get(
  url: URL,
  socket: tls.TLSSocket,
  { headers, signal }: FetchRequest,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asking = https.get(url, { headers, signal, createConnection: () => socket }, (answer) => {
      const status = answer.statusCode ?? 0
      const pairs = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' ? [[name, value]] : [],
      )
      const body = [204, 205, 304].includes(status) ? null : bodyOf(answer)
      resolve(new Response(body, { status, headers: pairs }))
    })
    asking.once('error', reject)
  })
}

function bodyOf(answer: http.IncomingMessage): ReadableStream<Uint8Array> {
  const parts = answer[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = await parts.next()
      const value: unknown = part.value
      if (value instanceof Uint8Array) controller.enqueue(value)
      else controller.close()
    },
    cancel: () => void answer.destroy(),
  })
}
