// The cluster as the rest of the action knows it: what reads, writes, asks pods and asks for rights,
// joined to the Kube interface over one connection.

import type { Clock } from '../clock.ts'
import { createAccess } from './access.ts'
import type { Review } from './access.ts'
import { Calls } from './calls.ts'
import type { LoadedConfig } from './config.ts'
import { KubeconfigCredentials } from './credentials.ts'
import type { CredentialOptions, Credentials } from './credentials.ts'
import { namespacedKinds } from './discovery.ts'
import type { Kube } from './kube.ts'
import { ObjectReads } from './object-reads.ts'
import { ObjectWrites } from './object-writes.ts'
import { podCalls } from './pods.ts'
import { createRequests } from './requests.ts'
import { pathOf } from './resources.ts'
import { PodStreams } from './streams.ts'
import { tracedStreams, tracedTransport, type Trace } from './trace.ts'
import { HttpTransport, type Transport } from './transport.ts'
import { dial, type Dialler } from './websocket.ts'

export interface ClientOptions extends CredentialOptions {
  /** For tests: limits in milliseconds. */
  readonly answerMs?: number
  readonly watchSilentMs?: number
  /** For tests: another way to the server than HTTP. */
  readonly line?: MakeLine
  /** Told each request; nothing is done for it where nobody listens. */
  readonly trace?: Trace | undefined
}

/** The way to the server: plain requests, and channel connections to pods. */
export interface Line {
  readonly transport: Transport
  readonly dial: Dialler
}

export type MakeLine = (loaded: LoadedConfig, credentials: Credentials) => Line

const ANSWER_MS = 30_000
/** The server itself ends a write after 34 s. */
const APPLY_MS = 34_000
/** Bookmarks come once a minute. */
const WATCH_SILENT_MS = 150_000

/** No request is sent before the first call. */
export function createKube(loaded: LoadedConfig, clock: Clock, options: ClientOptions = {}): Kube {
  const { trace } = options
  const credentials = new KubeconfigCredentials(loaded, options)
  const line = (options.line ?? overHttp)(loaded, credentials)
  const plain = line.transport
  const transport = trace === undefined ? plain : tracedTransport(plain, clock, trace)
  const requests = createRequests(transport, credentials, clock)
  const closing = new AbortController()
  const answerMs = options.answerMs ?? ANSWER_MS
  const calls = new Calls(loaded, requests, {
    answerMs,
    applyMs: options.answerMs ?? APPLY_MS,
    watchSilentMs: options.watchSilentMs ?? WATCH_SILENT_MS,
  })
  const reads = new ObjectReads(calls, clock, closing.signal, trace)
  const writes = new ObjectWrites(calls, (ref, signal) => reads.get(ref, signal))
  const pods = new PodStreams(line.dial, requests, closing.signal, answerMs)
  const streams = trace === undefined ? pods : tracedStreams(pods, clock, trace)
  return {
    namespace: loaded.namespace,
    context: loaded.context,
    server: loaded.server.host,
    get: (ref, signal) => reads.get(ref, signal),
    list: (kind, selected, signal) => reads.list(kind, selected, signal),
    listAs: (kind, selected, view, signal) => reads.listAs(kind, selected, view, signal),
    watch: (...asked) => reads.watch(...asked),
    apply: (object, how, signal) => writes.apply(object, how, signal),
    create: (object, signal) => writes.create(object, signal),
    createDry: (object, signal) => writes.createDry(object, signal),
    replace: (object, signal) => writes.replace(object, signal),
    patch: (ref, operations, signal) => writes.patch(ref, operations, signal),
    patchDry: (ref, operations, signal) => writes.patchDry(ref, operations, signal),
    delete: (ref, preconditions, signal) => writes.delete(ref, preconditions, signal),
    ...podCalls(calls),
    exec: (...asked) => streams.exec(...asked),
    tunnel: (...asked) => streams.tunnel(...asked),
    forward: (...asked) => streams.forward(...asked),
    denied: createAccess(reviewBy(calls)),
    kinds: (signal) => namespacedKinds(calls.discover, signal),
    time: (signal) => serverTime(calls, signal),
    credentialsEnd: loaded.credentialsEnd,
    get requests() {
      return requests.counts
    },
    close() {
      closing.abort(new Error('the connection to the cluster was closed'))
      transport.close()
    },
  }
}

const overHttp: MakeLine = (loaded, credentials) => ({
  transport: new HttpTransport(loaded, credentials),
  dial: (wanted, signal) => dial(loaded, credentials, wanted, signal),
})

function reviewBy(calls: Calls): Review {
  return async (kind, spec, signal) => {
    const plural = `${kind.toLowerCase()}s`
    const resource = { group: 'authorization.k8s.io', version: 'v1', plural, namespaced: false }
    const call = {
      method: 'POST',
      path: pathOf(resource, undefined),
      body: JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec }),
      request: 'review access',
    } as const
    return (await calls.json(call, 'repeatable', 'reads', signal)).body
  }
}

async function serverTime(calls: Calls, signal: AbortSignal): Promise<number | undefined> {
  const call = { method: 'GET', path: '/version', request: 'read the clock of the server' } as const
  const { date } = await calls.text(call, 'repeatable', 'reads', signal)
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : at
}
