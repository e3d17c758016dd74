// The HTTP side of the simulated API server: paths to verbs, access, faults on order, watches, and
// a log of every request.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { defaultContainer } from './controllers/kubelet.ts'
import type { Kubelet } from './controllers/kubelet.ts'
import { evict } from './eviction.ts'
import type { Fault, FaultState, RequestMark } from './faults.ts'
import type { Fields, Json } from './json.ts'
import { fields, items, parse, text } from './json.ts'
import type { Kind } from './kinds.ts'
import { KINDS, apiVersionOf, discovery, kindOf } from './kinds.ts'
import * as resources from './resources.ts'
import { review } from './reviews.ts'
import { ApiError, badRequest, forbidden, unauthorized } from './status.ts'
import type { Streams } from './streams.ts'
import { podFor } from './streams.ts'
import type { Watches } from './watches.ts'
import type { World } from './world.ts'

export interface RequestEntry extends RequestMark {
  readonly userAgent: string
  /** Status of the answer; 0 while there is none. */
  status: number
}

interface Parts {
  readonly kind: Kind | undefined
  readonly plural: string
  readonly namespace: string
  readonly name: string
  readonly subresource: string
}

const USER = 'system:serviceaccount:simulated:deployer'
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

function partsOf(path: string): Parts | undefined {
  const found =
    /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))\/(?:namespaces\/([^/]+)\/(?!status$|finalize$))?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    )
  if (found === null) return undefined
  const [, core, grouped, namespace, plural, name, subresource] = found.map((part) =>
    part === undefined ? undefined : decodeURIComponent(part),
  )
  const kind = KINDS.find(
    (candidate) => candidate.plural === plural && apiVersionOf(candidate) === (core ?? grouped),
  )
  return {
    kind,
    plural: plural ?? '',
    namespace: namespace ?? '',
    name: name ?? '',
    subresource: subresource ?? '',
  }
}

function verbOf(
  method: string,
  parts: Parts | undefined,
  query: URLSearchParams,
  contentType: string,
): string {
  if (
    parts?.subresource === 'eviction' ||
    parts?.subresource === 'exec' ||
    parts?.subresource === 'portforward'
  )
    return parts.subresource
  if (method === 'GET')
    return parts?.name !== ''
      ? 'get'
      : ['1', 'true'].includes(query.get('watch') ?? '')
        ? 'watch'
        : 'list'
  if (method === 'PATCH')
    return contentType.startsWith('application/apply-patch') ? 'apply' : 'patch'
  return (
    { POST: 'create', PUT: 'update', DELETE: parts?.name === '' ? 'deletecollection' : 'delete' }[
      method
    ] ?? method.toLowerCase()
  )
}

export function createApi(
  world: World,
  kubelet: Kubelet,
  streams: Streams,
  watches: Watches,
  faults: FaultState,
  log: RequestEntry[],
  sockets: Map<string, Set<Duplex>>,
): Server {
  const server = createServer((request, response) => void serve(request, response))
  server.on('upgrade', (request, socket, head) => void upgrade(request, socket, head))
  server.keepAliveTimeout = 60_000

  function describe(request: IncomingMessage): {
    url: URL
    parts: Parts | undefined
    entry: RequestEntry
  } {
    const url = new URL(request.url ?? '/', 'http://simulated')
    const parts = partsOf(url.pathname)
    const verb = verbOf(
      request.method ?? 'GET',
      parts,
      url.searchParams,
      request.headers['content-type'] ?? '',
    )
    const entry = {
      verb,
      kind: parts?.kind?.kind ?? '',
      namespace: parts?.namespace ?? '',
      name: parts?.name ?? '',
      path: url.pathname,
      dryRun: url.searchParams.get('dryRun') === 'All',
      by: /^Bearer simulated-token-(.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '',
      userAgent: request.headers['user-agent'] ?? '',
      status: 0,
    }
    log.push(entry)
    remember(sockets, entry.by, request.socket)
    return { url, parts, entry }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url, parts, entry } = describe(request)
    const cut = faults.cut(entry.by)
    if (cut === 'gone') return void request.socket.destroy()
    const fault = faults.take(entry)
    response.on('finish', () => (entry.status = response.statusCode))
    try {
      const body = await bodyOf(request)
      await obstacles(fault)
      if (fault?.drop === true) return void request.socket.destroy()
      if (fault?.status !== undefined)
        return send(response, fault.status, ordered(fault, fault.status), fault.retryAfterSeconds)
      if (faults.expired()) throw unauthorized()
      if (entry.verb === 'watch' && parts?.kind !== undefined) {
        allow(entry, parts)
        return watches.open(parts.kind, parts.namespace, url.searchParams, request, response)
      }
      const answer = world.store.as({ by: entry.by, verb: entry.verb }, () =>
        respond(entry, parts, url, request.headers, body),
      )
      if (cut === 'last') return hangUp(sockets, entry.by)
      if (fault?.dropAnswer === true) return void request.socket.destroy()
      // Its clock is the cluster's.
      response.setHeader('Date', new Date(world.store.now()).toUTCString())
      send(response, answer.code, answer.body)
    } catch (error) {
      if (error instanceof ApiError)
        return send(response, error.code, error.body, error.retryAfterSeconds)
      const message =
        error instanceof SyntaxError
          ? `the body can't be read: ${error.message}`
          : `the simulated server failed: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`
      send(
        response,
        error instanceof SyntaxError ? 400 : 500,
        new ApiError(500, 'InternalError', message).body,
      )
    }
  }

  async function obstacles(fault: Fault | undefined): Promise<void> {
    await faults.running()
    if (fault?.delayMs !== undefined)
      await new Promise<void>((resolve) => world.afterReal(fault.delayMs ?? 0, resolve))
  }

  function allow(mark: Pick<RequestMark, 'verb'>, parts: Parts, verb = mark.verb): void {
    const resource =
      parts.subresource === '' ? parts.plural : `${parts.plural}/${parts.subresource}`
    if (parts.kind === undefined || faults.isAllowed(verb, parts.kind.group, resource)) return
    throw forbidden(parts.kind, resource, parts.name, verb, parts.namespace, USER)
  }

  function respond(
    mark: RequestMark,
    parts: Parts | undefined,
    url: URL,
    headers: IncomingMessage['headers'],
    body: string,
  ): { code: number; body: Fields | string } {
    if (url.pathname === '/version')
      return {
        code: 200,
        body: { major: '1', minor: '36', gitVersion: 'v1.36.3', platform: 'linux/amd64' },
      }
    if (url.pathname === '/readyz' || url.pathname === '/livez') return { code: 200, body: 'ok' }
    const found = discovery(url.pathname)
    if (found !== undefined) return { code: 200, body: found }
    if (parts?.kind === undefined) {
      const reviewed =
        parts === undefined || body === ''
          ? undefined
          : review(parts.plural, fields(parse(body)), faults)
      return reviewed === undefined
        ? { code: 404, body: '404 page not found\n' }
        : { code: 201, body: reviewed }
    }
    const { kind, namespace, name } = parts
    const target = { kind, namespace, name }
    const query = url.searchParams
    const agent = (headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown'
    const options = {
      manager: query.get('fieldManager') ?? (mark.verb === 'apply' ? '' : agent),
      dryRun: mark.dryRun,
      force: query.get('force') === 'true',
    }
    if (parts.subresource === 'log') return podLog(parts, query)
    if (mark.verb === 'eviction') {
      allow(mark, parts, 'create')
      const wanted = fields(parse(body))
      return {
        code: 201,
        body: evict(
          world,
          namespace,
          name,
          wanted,
          mark.dryRun || items(wanted, 'deleteOptions', 'dryRun').length > 0,
        ),
      }
    }
    allow(mark, parts, mark.verb === 'apply' ? 'patch' : mark.verb)
    const deleteOptions = body === '' ? {} : fields(parse(body))
    switch (mark.verb) {
      case 'get':
        return resources.get(world, target)
      case 'list':
        return resources.list(world, kind, namespace, query)
      case 'create':
        return resources.create(world, target, parse(body), options)
      case 'update':
        return resources.update(world, target, parse(body), options)
      case 'apply':
        if (world.store.get(kind, namespace, name) === undefined) allow(mark, parts, 'create')
        return resources.patch(world, target, headers['content-type'] ?? '', body, options)
      case 'patch':
        return resources.patch(world, target, headers['content-type'] ?? '', body, options)
      case 'delete':
        return resources.remove(
          world,
          target,
          deleteOptions,
          mark.dryRun || items(deleteOptions, 'dryRun').length > 0,
        )
      case 'deletecollection':
        return resources.removeAll(world, kind, namespace, query, deleteOptions)
      default:
        throw new ApiError(
          405,
          'MethodNotAllowed',
          'the server does not allow this method on the requested resource',
          {},
        )
    }
  }

  function podLog(parts: Parts, query: URLSearchParams): { code: number; body: string } {
    allow({ verb: 'get' }, parts)
    const pod = resources.get(world, {
      kind: kindOf('Pod'),
      namespace: parts.namespace,
      name: parts.name,
    }).body
    const stored = podFor(world, parts.namespace, parts.name)
    const container = query.get('container') ?? defaultContainer(stored)
    const known = items(pod, 'spec', 'containers').some(
      (entry) => text(entry, 'name') === container,
    )
    if (!known) throw badRequest(`container ${container} is not valid for pod ${parts.name}`)
    const lines = kubelet.logs(stored, container, query.get('previous') === 'true')
    if (lines === undefined)
      throw badRequest(
        `previous terminated container "${container}" in pod "${parts.name}" not found`,
      )
    const tail = query.get('tailLines')
    return {
      code: 200,
      body: (tail === null ? lines : lines.slice(-Number(tail)))
        .map((line) => `${line}\n`)
        .join(''),
    }
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { url, parts, entry } = describe(request)
    const fault = faults.cut(entry.by) === 'no' ? faults.take(entry) : { drop: true }
    socket.on('error', () => socket.destroy())
    try {
      await obstacles(fault)
      if (fault?.drop === true) return void socket.destroy()
      if (fault?.status !== undefined)
        return refuse(socket, fault.status, ordered(fault, fault.status))
      if (faults.expired()) throw unauthorized()
      if (parts?.kind?.kind !== 'Pod') throw badRequest('no such stream')
      // A WebSocket opens with GET, and the server asks for the right to create as well.
      for (const verb of ['get', 'create']) allow(entry, parts, verb)
      const pod = podFor(world, parts.namespace, parts.name)
      entry.status = 101
      if (parts.subresource === 'exec')
        streams.exec(pod, { request, socket, head, query: url.searchParams, by: entry.by })
      else streams.forward(pod, { request, socket, head, query: url.searchParams, by: entry.by })
    } catch (error) {
      if (error instanceof ApiError) refuse(socket, error.code, error.body)
      else socket.destroy()
    }
  }
  return server
}

function remember(sockets: Map<string, Set<Duplex>>, by: string, socket: Duplex): void {
  const own = sockets.get(by) ?? new Set()
  sockets.set(by, own)
  if (own.has(socket)) return
  own.add(socket)
  socket.once('close', () => own.delete(socket))
}

/** Ends every connection of somebody. */
export function hangUp(sockets: ReadonlyMap<string, ReadonlySet<Duplex>>, by: string): void {
  for (const socket of sockets.get(by) ?? []) socket.destroy()
}

/** The body of a fault: its own, or the Status of its code. */
function ordered(fault: Fault, code: number): Fields | string {
  return fault.body ?? new ApiError(code, REASONS[code] ?? 'Unknown', `simulated ${code}`).body
}

function send(response: ServerResponse, code: number, body: Json, retryAfterSeconds = 0): void {
  if (response.headersSent || response.destroyed) return
  const plain = typeof body === 'string'
  const payload = plain ? body : JSON.stringify(body)
  response.writeHead(code, {
    'Content-Type': plain ? 'text/plain; charset=utf-8' : 'application/json',
    'Content-Length': Buffer.byteLength(payload),
    ...(retryAfterSeconds > 0 ? { 'Retry-After': String(retryAfterSeconds) } : {}),
  })
  response.end(payload)
}

function refuse(socket: Duplex, code: number, body: Json): void {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${code} Refused\r\nContent-Type: ${typeof body === 'string' ? 'text/plain' : 'application/json'}\r\nContent-Length: ${Buffer.byteLength(payload)}\r\nConnection: close\r\n\r\n${payload}`,
  )
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  request.setEncoding('utf8')
  for await (const chunk of request) text += String(chunk)
  return text
}
