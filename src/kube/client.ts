// The cluster as the rest of the action knows it: each call of the Kube interface as the request
// that it is.

import type { Clock } from '../clock.ts'
import { createAccess } from './access.ts'
import type { LoadedConfig } from './config.ts'
import { credentialsOf } from './credentials.ts'
import type { CredentialOptions } from './credentials.ts'
import { KubeFailure } from './failure.ts'
import {
  FIELD_MANAGER,
  type JsonPatchOperation,
  type KindRef,
  type Kube,
  type KubeObject,
  type ListOptions,
  type ListResult,
  type ObjectRef,
} from './kube.ts'
import { parseBody, parseObject, parsePage, unparsable } from './objects.ts'
import { namespacedKinds } from './discovery.ts'
import { createRequests } from './requests.ts'
import type { Counted } from './requests.ts'
import { inWords, knownResource, pathOf, resourceFinder } from './resources.ts'
import type { Discover, Resource } from './resources.ts'
import type { Repeat } from './retry.ts'
import { createStreams } from './streams.ts'
import { AnswerTooLarge, createTransport, LARGEST_PAGE } from './transport.ts'
import type { Call } from './transport.ts'
import { failureInWords, tracedStreams, tracedTransport, watchEnded, type Trace } from './trace.ts'
import { readWatch } from './watch.ts'

export interface ClientOptions extends CredentialOptions {
  /** For tests: limits in milliseconds. */
  readonly answerMs?: number
  readonly watchSilentMs?: number
  /** Told each request; nothing is done for it where nobody listens. */
  readonly trace?: Trace | undefined
}

const ANSWER_MS = 30_000
/** The server itself ends a write after 34 s. */
const APPLY_MS = 34_000
const PAGE = 500
/**
 * Of a page whose objects are so large that more of them are no answer: a store takes objects of
 * 1.5 MiB.
 */
const FEW = 10
/**
 * Of a list whose objects aren't kept: small pages are garbage before they are moved to the old
 * part of the heap; 50,000 pods cost 60 MB less so.
 */
const SHORT_PAGE = 100
/** How long a watch is asked for: longer than nearly every run, so that none is opened twice. */
const WATCH_SECONDS = 3_300
/** Bookmarks come once a minute. */
const WATCH_SILENT_MS = 150_000
const LOG_BYTES = 262_144

/** No request is sent before the first call. */
export function connect(loaded: LoadedConfig, clock: Clock, options: ClientOptions = {}): Kube {
  const credentials = credentialsOf(loaded, options)
  const { trace } = options
  const plain = createTransport(loaded, credentials)
  const transport = trace === undefined ? plain : tracedTransport(plain, clock, trace)
  const requests = createRequests(transport, credentials, clock)
  const closing = new AbortController()
  const answerMs = options.answerMs ?? ANSWER_MS
  const limits = {
    applyMs: options.answerMs ?? APPLY_MS,
    watchSilentMs: options.watchSilentMs ?? WATCH_SILENT_MS,
  }

  async function json(
    call: Omit<Call, 'timeoutMs'> & { readonly timeoutMs?: number },
    repeat: Repeat,
    counted: Counted,
    signal: AbortSignal,
  ): Promise<{ status: number; body: unknown; warnings: readonly string[] }> {
    const answer = await requests.ask({ timeoutMs: answerMs, ...call }, repeat, counted, signal)
    return {
      status: answer.status,
      body: parseBody(answer.body, call.request),
      warnings: answer.warnings,
    }
  }

  const discover: Discover = async (path, signal) => {
    try {
      return (
        await json(
          { method: 'GET', path, request: `look up the kinds of ${path}` },
          'repeatable',
          'reads',
          signal,
        )
      ).body
    } catch (error) {
      if (error instanceof KubeFailure && error.status === 404) return undefined
      throw error
    }
  }
  const find = resourceFinder(discover)
  const streams = createStreams(loaded, credentials, requests, closing.signal, answerMs)

  interface Place {
    readonly resource: Resource
    readonly namespace: string | undefined
    readonly path: string
    readonly words: (verb: string) => string
    counted(kind: Counted): Counted
  }
  async function placeOf(
    ref: ObjectRef,
    signal: AbortSignal,
    subresource?: string,
  ): Promise<Place> {
    const resource = await find(ref, signal)
    const namespace = resource.namespaced ? (ref.namespace ?? loaded.namespace) : undefined
    return {
      resource,
      namespace,
      path: pathOf(resource, namespace, ref.name, subresource),
      words: (verb) => inWords(verb, resource, namespace, ref.name),
      counted: (kind) => (ref.kind === 'Lease' ? 'lease' : kind),
    }
  }
  const refOf = (object: KubeObject): ObjectRef => ({
    apiVersion: object.apiVersion,
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
  })

  /**
   * Of an apply to one object that is another by now: what the server says of its fields is beside
   * the point.
   */
  async function anotherNow(
    ref: ObjectRef,
    uid: string | undefined,
    error: unknown,
    signal: AbortSignal,
  ): Promise<KubeFailure | undefined> {
    if (uid === undefined || !(error instanceof KubeFailure) || ![409, 422].includes(error.status))
      return undefined
    const found = await kube.get(ref, signal).catch(() => undefined)
    signal.throwIfAborted()
    return found === undefined || found.metadata.uid === uid
      ? undefined
      : new KubeFailure({
          status: 409,
          reason: 'Conflict',
          message: `uid mismatch: ${uid} is gone`,
          request: error.request,
        })
  }

  function objectOf(body: unknown, request: string): KubeObject {
    const object = parseObject(body)
    if (object === undefined) throw unparsable(request)
    return object
  }

  async function page(
    kind: KindRef,
    options: ListOptions,
    from: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<NonNullable<ReturnType<typeof parsePage>>> {
    try {
      return await pageOf(kind, options, from, limit, signal)
    } catch (error) {
      if (!(error instanceof AnswerTooLarge) || limit <= FEW) throw error
      return pageOf(kind, options, from, FEW, signal)
    }
  }

  async function pageOf(
    kind: KindRef,
    options: ListOptions,
    from: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<NonNullable<ReturnType<typeof parsePage>>> {
    const resource = await find(kind, signal)
    const request = inWords('list', resource, options.namespace)
    const query = selection(options)
    query.set('limit', String(limit))
    if (from !== undefined) query.set('continue', from)
    const { body } = await json(
      {
        method: 'GET',
        path: `${pathOf(resource, options.namespace)}?${query.toString()}`,
        request,
        longest: LARGEST_PAGE,
      },
      'repeatable',
      kind.kind === 'Lease' ? 'lease' : 'reads',
      signal,
    )
    const parsed = parsePage(body, kind)
    if (parsed === undefined) throw unparsable(request)
    return parsed
  }

  async function listAs<View>(
    kind: KindRef,
    options: ListOptions,
    view: (object: KubeObject) => View,
    limit: number,
    signal: AbortSignal,
  ): Promise<{ readonly items: readonly View[]; readonly resourceVersion: string }> {
    for (let again = false; ; again = true) {
      let read = await page(kind, options, undefined, limit, signal)
      const { resourceVersion } = read
      const items = read.items.map(view)
      try {
        while (read.next !== undefined) {
          read = await page(kind, options, read.next, limit, signal)
          for (const item of read.items) items.push(view(item))
        }
        return { items, resourceVersion }
      } catch (error) {
        // The pages of one list expire after some minutes: begin again, once.
        if (again || !(error instanceof KubeFailure) || error.status !== 410) throw error
      }
    }
  }
  const list = (kind: KindRef, options: ListOptions, signal: AbortSignal): Promise<ListResult> =>
    listAs(kind, options, (item) => item, PAGE, signal)

  const kube: Kube = {
    namespace: loaded.namespace,
    context: loaded.context,
    server: loaded.server.host,
    async get(ref, signal) {
      const place = await placeOf(ref, signal)
      try {
        const { body } = await json(
          { method: 'GET', path: place.path, request: place.words('get') },
          'repeatable',
          place.counted('reads'),
          signal,
        )
        return objectOf(body, place.words('get'))
      } catch (error) {
        if (error instanceof KubeFailure && error.status === 404 && error.reason === 'NotFound')
          return undefined
        throw error
      }
    },
    list,
    listAs: async (kind, options, view, signal) =>
      (await listAs(kind, options, view, SHORT_PAGE, signal)).items,
    async watch(kind, options, resourceVersion, onEvent, signal) {
      const resource = await find(kind, signal)
      const request = inWords('watch', resource, options.namespace)
      const query = selection(options)
      for (const [name, value] of Object.entries({
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion,
        timeoutSeconds: String(WATCH_SECONDS),
      }))
        query.set(name, value)
      const until = AbortSignal.any([signal, closing.signal])
      const path = `${pathOf(resource, options.namespace)}?${query.toString()}`
      const began = clock.now()
      let why = ''
      try {
        const response = await requests.open(
          { method: 'GET', path, timeoutMs: answerMs, request },
          'watches',
          until,
        )
        await readWatch(
          response,
          { silentMs: limits.watchSilentMs, parse: parseObject, onEvent },
          until,
        )
      } catch (error) {
        why = failureInWords(error)
        signal.throwIfAborted()
        // Not allowed, or no such thing to watch: the reader must poll. Anything else is a watch
        // that ended early.
        if (!(error instanceof KubeFailure) || [401, 403, 404, 405].includes(error.status))
          throw error
      } finally {
        trace?.(watchEnded(path, clock.now() - began, why))
      }
      signal.throwIfAborted()
    },
    async apply(object, options, signal) {
      const place = await placeOf(refOf(object), signal)
      const query = new URLSearchParams({
        fieldManager: options.fieldManager ?? FIELD_MANAGER,
        fieldValidation: knownResource(object) === undefined ? 'Warn' : 'Strict',
      })
      if (options.force === true) query.set('force', 'true')
      if (options.dryRun === true) query.set('dryRun', 'All')
      // An apply with managedFields is refused by the server; one with a UID is for that object
      // alone, and never makes one anew.
      const { managedFields: _left, ...given } = object.metadata
      const metadata = options.uid === undefined ? given : { ...given, uid: options.uid }
      const call = {
        method: 'PATCH',
        path: `${place.path}?${query.toString()}`,
        body: JSON.stringify({ ...object, metadata }),
        contentType: 'application/apply-patch+yaml',
        timeoutMs: limits.applyMs,
        request: place.words('apply'),
      } as const
      try {
        const { status, body, warnings } = await json(
          call,
          'repeatable',
          place.counted(options.dryRun === true ? 'dryRuns' : 'writes'),
          signal,
        )
        return { object: objectOf(body, call.request), created: status === 201, warnings }
      } catch (error) {
        throw (await anotherNow(refOf(object), options.uid, error, signal)) ?? error
      }
    },
    async create(object, signal) {
      const place = await placeOf(refOf(object), signal)
      const path = `${pathOf(place.resource, place.namespace)}?fieldManager=${FIELD_MANAGER}`
      const { body } = await json(
        { method: 'POST', path, body: JSON.stringify(object), request: place.words('create') },
        'once',
        place.counted('writes'),
        signal,
      )
      return objectOf(body, place.words('create'))
    },
    async createDry(object, signal) {
      const place = await placeOf(refOf(object), signal)
      const path = `${pathOf(place.resource, place.namespace)}?fieldManager=${FIELD_MANAGER}&dryRun=All`
      const { warnings } = await json(
        { method: 'POST', path, body: JSON.stringify(object), request: place.words('create') },
        'repeatable',
        place.counted('dryRuns'),
        signal,
      )
      return { warnings }
    },
    async replace(object, signal) {
      const place = await placeOf(refOf(object), signal)
      const { body } = await json(
        {
          method: 'PUT',
          path: `${place.path}?fieldManager=${FIELD_MANAGER}`,
          body: JSON.stringify(object),
          request: place.words('replace'),
        },
        'once',
        place.counted('writes'),
        signal,
      )
      return objectOf(body, place.words('replace'))
    },
    async patch(ref: ObjectRef, operations: readonly JsonPatchOperation[], signal) {
      const place = await placeOf(ref, signal)
      const call = {
        method: 'PATCH',
        path: `${place.path}?fieldManager=${FIELD_MANAGER}`,
        body: JSON.stringify(operations),
        contentType: 'application/json-patch+json',
        request: place.words('patch'),
      } as const
      const { body } = await json(call, 'once', place.counted('writes'), signal)
      return objectOf(body, call.request)
    },
    async patchDry(ref: ObjectRef, operations: readonly JsonPatchOperation[], signal) {
      const place = await placeOf(ref, signal)
      const call = {
        method: 'PATCH',
        path: `${place.path}?fieldManager=${FIELD_MANAGER}&dryRun=All`,
        body: JSON.stringify(operations),
        contentType: 'application/json-patch+json',
        timeoutMs: limits.applyMs,
        request: place.words('patch'),
      } as const
      const { body } = await json(call, 'repeatable', place.counted('dryRuns'), signal)
      return objectOf(body, call.request)
    },
    async delete(ref, preconditions, signal) {
      const place = await placeOf(ref, signal)
      const { propagation, ...identity } = preconditions
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: identity,
        ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
      })
      try {
        await json(
          { method: 'DELETE', path: place.path, body, request: place.words('delete') },
          'once',
          place.counted('writes'),
          signal,
        )
        return true
      } catch (error) {
        if (error instanceof KubeFailure && error.status === 404 && error.reason === 'NotFound')
          return false
        throw error
      }
    },
    async evict(pod, options, signal) {
      const dryRun = options.dryRun === true
      const place = await placeOf({ apiVersion: 'v1', kind: 'Pod', ...pod }, signal, 'eviction')
      const deleteOptions = {
        preconditions: { uid: pod.uid },
        ...(options.gracePeriodSeconds === undefined
          ? {}
          : { gracePeriodSeconds: options.gracePeriodSeconds }),
      }
      const body = JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod.name, namespace: pod.namespace },
        deleteOptions,
      })
      await json(
        {
          method: 'POST',
          path: dryRun ? `${place.path}?dryRun=All` : place.path,
          body,
          request: place.words('evict'),
        },
        dryRun ? 'repeatable' : 'never',
        dryRun ? 'dryRuns' : 'writes',
        signal,
      )
    },
    async logs(pod, container, options, signal) {
      const place = await placeOf({ apiVersion: 'v1', kind: 'Pod', ...pod }, signal, 'log')
      const query = new URLSearchParams({
        container,
        tailLines: String(options.lines),
        limitBytes: String(LOG_BYTES),
      })
      if (options.previous === true) query.set('previous', 'true')
      return (
        await requests.ask(
          {
            method: 'GET',
            path: `${place.path}?${query.toString()}`,
            timeoutMs: answerMs,
            request: place.words('read the log of'),
          },
          'repeatable',
          'reads',
          signal,
        )
      ).body
    },
    ...(trace === undefined ? streams : tracedStreams(streams, clock, trace)),
    denied: createAccess((kind, spec, signal) =>
      json(
        {
          method: 'POST',
          path: pathOf(
            {
              group: 'authorization.k8s.io',
              version: 'v1',
              plural:
                kind === 'SelfSubjectRulesReview'
                  ? 'selfsubjectrulesreviews'
                  : 'selfsubjectaccessreviews',
              namespaced: false,
            },
            undefined,
          ),
          body: JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec }),
          request: 'review access',
        },
        'repeatable',
        'reads',
        signal,
      ).then((answer) => answer.body),
    ),
    kinds: (signal) => namespacedKinds(discover, signal),
    async time(signal) {
      const { date } = await requests.ask(
        {
          method: 'GET',
          path: '/version',
          timeoutMs: answerMs,
          request: 'read the clock of the server',
        },
        'repeatable',
        'reads',
        signal,
      )
      const at = Date.parse(date ?? '')
      return Number.isNaN(at) ? undefined : at
    },
    credentialsEnd: loaded.credentialsEnd,
    get requests() {
      return requests.counts
    },
    close() {
      closing.abort(new Error('the connection to the cluster was closed'))
      transport.close()
    },
  }
  return kube
}

function selection(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams()
  if (options.labels !== undefined && options.labels !== '')
    query.set('labelSelector', options.labels)
  if (options.fields !== undefined && options.fields !== '')
    query.set('fieldSelector', options.fields)
  return query
}
