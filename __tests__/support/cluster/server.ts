// What the simulated API server answers, however it is asked: paths to verbs, access, faults on
// order, watches, and a log of every request.

import type { IncomingHttpHeaders } from 'node:http'
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
import type { Accept, Streams } from './streams.ts'
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

/** The connection of somebody who asks. */
export interface Peer {
  /** Cuts it. */
  destroy(): void
  once(event: 'close', listener: () => void): unknown
}

export interface Asked {
  readonly method?: string | undefined
  /** Path and query. */
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly socket: Peer
}

/** The answer to a plain request; a watch writes to it until it ends. */
export interface Reply {
  readonly isOver: boolean
  head(status: number, headers: Readonly<Record<string, string | number>>): void
  write(text: string): void
  end(text?: string): void
  /** Cuts it. */
  destroy(): void
  onClose(listener: () => void): void
}

/** Who asks for a channel connection to a pod. */
export interface Door {
  readonly accept: Accept
  refuse(code: number, body: string): void
}

export interface Api {
  serve(asked: Asked, body: () => Promise<string>, reply: Reply): Promise<void>
  upgrade(asked: Asked, door: Door): Promise<void>
}

/** Connections, by who asks. */
export type Peers = Map<string, Set<Peer>>

export function createApi(
  world: World,
  kubelet: Kubelet,
  streams: Streams,
  watches: Watches,
  faults: FaultState,
  log: RequestEntry[],
  peers: Peers,
): Api {
  function describe(request: Asked): {
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
    remember(peers, entry.by, request.socket)
    return { url, parts, entry }
  }

  async function serve(
    request: Asked,
    wholeBody: () => Promise<string>,
    reply: Reply,
  ): Promise<void> {
    const { url, parts, entry } = describe(request)
    const cut = faults.cut(entry.by)
    if (cut === 'gone') return request.socket.destroy()
    const fault = faults.take(entry)
    const answer = (code: number, content: Json, retryAfterSeconds = 0): void => {
      entry.status = code
      send(reply, code, content, new Date(world.store.now()), retryAfterSeconds)
    }
    try {
      const body = await wholeBody()
      await obstacles(fault)
      if (fault?.drop === true) return request.socket.destroy()
      if (fault?.status !== undefined)
        return answer(fault.status, ordered(fault, fault.status), fault.retryAfterSeconds)
      if (faults.expired()) throw unauthorized()
      if (entry.verb === 'watch' && parts?.kind !== undefined) {
        allow(entry, parts)
        entry.status = 200
        return watches.open(parts.kind, parts.namespace, url.searchParams, reply)
      }
      const found = world.store.as({ by: entry.by, verb: entry.verb }, () =>
        respond(entry, parts, url, request.headers, body),
      )
      if (cut === 'last') return hangUp(peers, entry.by)
      if (fault?.dropAnswer === true) return request.socket.destroy()
      answer(found.code, found.body)
    } catch (error) {
      if (error instanceof ApiError) return answer(error.code, error.body, error.retryAfterSeconds)
      const message =
        error instanceof SyntaxError
          ? `the body can't be read: ${error.message}`
          : `the simulated server failed: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`
      answer(
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
    headers: IncomingHttpHeaders,
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

  async function upgrade(request: Asked, door: Door): Promise<void> {
    const { url, parts, entry } = describe(request)
    const fault = faults.cut(entry.by) === 'no' ? faults.take(entry) : { drop: true }
    const { accept } = door
    const refuse = (code: number, body: Json): void =>
      door.refuse(code, typeof body === 'string' ? body : JSON.stringify(body))
    try {
      await obstacles(fault)
      if (fault?.drop === true) return request.socket.destroy()
      if (fault?.status !== undefined) return refuse(fault.status, ordered(fault, fault.status))
      if (faults.expired()) throw unauthorized()
      if (parts?.kind?.kind !== 'Pod') throw badRequest('no such stream')
      // A WebSocket opens with GET, and the server asks for the right to create as well.
      for (const verb of ['get', 'create']) allow(entry, parts, verb)
      const pod = podFor(world, parts.namespace, parts.name)
      entry.status = 101
      if (parts.subresource === 'exec')
        streams.exec(pod, { accept, query: url.searchParams, by: entry.by })
      else streams.forward(pod, { accept, query: url.searchParams, by: entry.by })
    } catch (error) {
      if (error instanceof ApiError) refuse(error.code, error.body)
      else request.socket.destroy()
    }
  }
  return { serve, upgrade }
}

function remember(peers: Peers, by: string, peer: Peer): void {
  const own = peers.get(by) ?? new Set()
  peers.set(by, own)
  if (own.has(peer)) return
  own.add(peer)
  peer.once('close', () => own.delete(peer))
}

/** Ends every connection of somebody. */
export function hangUp(peers: Peers, by: string): void {
  for (const peer of peers.get(by) ?? []) peer.destroy()
}

/** The body of a fault: its own, or the Status of its code. */
function ordered(fault: Fault, code: number): Fields | string {
  return fault.body ?? new ApiError(code, REASONS[code] ?? 'Unknown', `simulated ${code}`).body
}

function send(reply: Reply, code: number, body: Json, at: Date, retryAfterSeconds: number): void {
  if (reply.isOver) return
  const plain = typeof body === 'string'
  const payload = plain ? body : JSON.stringify(body)
  reply.head(code, {
    // Its clock is the cluster's.
    Date: at.toUTCString(),
    'Content-Type': plain ? 'text/plain; charset=utf-8' : 'application/json',
    'Content-Length': Buffer.byteLength(payload),
    ...(retryAfterSeconds > 0 ? { 'Retry-After': String(retryAfterSeconds) } : {}),
  })
  reply.end(payload)
}
