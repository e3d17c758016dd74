// Objects as they are read: one, a list page by page, and a watch.

import type { Clock } from '../clock.ts'
import { countedAs, isMissing } from './calls.ts'
import type { Calls } from './calls.ts'
import { KubeFailure } from './failure.ts'
import type { KindRef, KubeObject, ListOptions, ListResult, ObjectRef, WatchEvent } from './kube.ts'
import { objectOf, parseObject, parsePage, unparsable } from './objects.ts'
import type { ListPage } from './objects.ts'
import { inWords, pathOf } from './resources.ts'
import { AnswerTooLarge, LARGEST_PAGE } from './transport.ts'
import { failureInWords, watchEnded, type Trace } from './trace.ts'
import { readWatch } from './watch.ts'

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

interface Listed {
  readonly kind: KindRef
  readonly options: ListOptions
  readonly limit: number
}

export class ObjectReads {
  readonly #calls: Calls
  readonly #clock: Clock
  readonly #closing: AbortSignal
  readonly #trace: Trace | undefined

  constructor(calls: Calls, clock: Clock, closing: AbortSignal, trace: Trace | undefined) {
    this.#calls = calls
    this.#clock = clock
    this.#closing = closing
    this.#trace = trace
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
    const place = await this.#calls.placeOf(ref, signal)
    const call = { method: 'GET', path: place.path, request: place.words('get') } as const
    try {
      const { body } = await this.#calls.json(call, 'repeatable', place.counted('reads'), signal)
      return objectOf(body, call.request)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  list(kind: KindRef, options: ListOptions, signal: AbortSignal): Promise<ListResult> {
    return this.#list({ kind, options, limit: PAGE }, (item) => item, signal)
  }

  async listAs<View>(
    kind: KindRef,
    options: ListOptions,
    view: (object: KubeObject) => View,
    signal: AbortSignal,
  ): Promise<readonly View[]> {
    return (await this.#list({ kind, options, limit: SHORT_PAGE }, view, signal)).items
  }

  async #list<View>(
    listed: Listed,
    view: (object: KubeObject) => View,
    signal: AbortSignal,
  ): Promise<{ readonly items: readonly View[]; readonly resourceVersion: string }> {
    for (let again = false; ; again = true) {
      let read = await this.#page(listed, undefined, signal)
      const { resourceVersion } = read
      const items = read.items.map(view)
      try {
        while (read.next !== undefined) {
          read = await this.#page(listed, read.next, signal)
          for (const item of read.items) items.push(view(item))
        }
        return { items, resourceVersion }
      } catch (error) {
        // The pages of one list expire after some minutes: begin again, once.
        if (again || !(error instanceof KubeFailure) || error.status !== 410) throw error
      }
    }
  }

  /** A page that is too large for an answer is asked for again with few objects. */
  async #page(listed: Listed, from: string | undefined, signal: AbortSignal): Promise<ListPage> {
    try {
      return await this.#pageOf(listed, from, signal)
    } catch (error) {
      if (!(error instanceof AnswerTooLarge) || listed.limit <= FEW) throw error
      return this.#pageOf({ ...listed, limit: FEW }, from, signal)
    }
  }

  async #pageOf(
    { kind, options, limit }: Listed,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<ListPage> {
    const resource = await this.#calls.find(kind, signal)
    const request = inWords('list', resource, options.namespace)
    const query = selection(options)
    query.set('limit', String(limit))
    if (from !== undefined) query.set('continue', from)
    const { body } = await this.#calls.json(
      {
        method: 'GET',
        path: `${pathOf(resource, options.namespace)}?${query.toString()}`,
        request,
        longest: LARGEST_PAGE,
      },
      'repeatable',
      countedAs(kind, 'reads'),
      signal,
    )
    const parsed = parsePage(body, kind)
    if (parsed === undefined) throw unparsable(request)
    return parsed
  }

  async watch(
    kind: KindRef,
    options: ListOptions,
    resourceVersion: string,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const resource = await this.#calls.find(kind, signal)
    const request = inWords('watch', resource, options.namespace)
    const path = `${pathOf(resource, options.namespace)}?${watchQuery(options, resourceVersion)}`
    const { answerMs, watchSilentMs } = this.#calls.limits
    const until = AbortSignal.any([signal, this.#closing])
    const began = this.#clock.now()
    let why = ''
    try {
      const call = { method: 'GET', path, timeoutMs: answerMs, request } as const
      const response = await this.#calls.requests.open(call, 'watches', until)
      await readWatch(response, { silentMs: watchSilentMs, parse: parseObject, onEvent }, until)
    } catch (error) {
      why = failureInWords(error)
      signal.throwIfAborted()
      // Not allowed, or no such thing to watch: the reader must poll. Anything else is a watch
      // that ended early.
      if (!(error instanceof KubeFailure) || [401, 403, 404, 405].includes(error.status))
        throw error
    } finally {
      this.#trace?.(watchEnded(path, this.#clock.now() - began, why))
    }
    signal.throwIfAborted()
  }
}

function selection(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams()
  if (options.labels !== undefined && options.labels !== '')
    query.set('labelSelector', options.labels)
  if (options.fields !== undefined && options.fields !== '')
    query.set('fieldSelector', options.fields)
  return query
}

function watchQuery(options: ListOptions, resourceVersion: string): string {
  const query = selection(options)
  query.set('watch', '1')
  query.set('allowWatchBookmarks', 'true')
  query.set('resourceVersion', resourceVersion)
  query.set('timeoutSeconds', String(WATCH_SECONDS))
  return query.toString()
}
