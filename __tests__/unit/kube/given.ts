// What the tests of this folder share: a clock that runs by itself, an API server that answers as
// told, and the smallest objects.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../src/clock.ts'
import { createKube } from '../../../src/kube/client.ts'
import type { ClientOptions } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import type { Kube, KubeObject } from '../../../src/kube/kube.ts'

export const never = new AbortController().signal

/** Sleeps end at once and move the time; what was slept is kept. */
export function runningClock(): Clock & { readonly slept: number[] } {
  let now = 1_700_000_000_000
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
      return new Promise((resolve) => setImmediate(resolve))
    },
  }
}

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface TestServer {
  readonly asked: Asked[]
  readonly server: Server
  readonly address: string
  close(): Promise<void>
}

export type Respond = (asked: Asked, response: ServerResponse) => void

export async function serve(respond: Respond): Promise<TestServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: new URL(request.url ?? '/', 'http://test'),
        headers: request.headers,
        body,
      }
      asked.push(one)
      respond(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    server,
    address: `http://127.0.0.1:${portOf(server)}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json', ...headers })
    .end(JSON.stringify(body))
}

export function status(
  code: number,
  reason: string,
  message: string,
  details: unknown = {},
): unknown {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details }
}

export function kubeconfig(server: string, user: unknown = { token: 'a-test-token' }): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'test', context: { cluster: 'c', user: 'u', namespace: 'zoo' } }],
  })
}

export async function connectTo(
  server: { readonly address: string },
  options: ClientOptions & { readonly clock?: Clock; readonly user?: unknown } = {},
): Promise<Kube> {
  const loaded = await loadConfig({
    kubeconfig: kubeconfig(server.address, options.user),
    env: {},
    workspace: '',
  })
  return createKube(loaded, options.clock ?? runningClock(), options)
}

export function object(
  kind: string,
  name: string,
  more: Record<string, unknown> = {},
  apiVersion = 'v1',
): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: { name, namespace: 'zoo', uid: `uid-${name}`, resourceVersion: '7' },
    ...more,
  }
}

export const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'zoo' }

/** Rejections as values, to be looked at. */
export async function caught(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('nothing was thrown')
}
