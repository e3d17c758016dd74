// With step debugging a line for each request: verb, path, status, time. Bodies, headers and
// commands never get into it: they may hold secrets.

import type { Clock } from '../clock.ts'
import { KubeFailure } from './failure.ts'
import type { Kube } from './kube.ts'
import type { Call, Transport } from './transport.ts'

export type Trace = (line: string) => void

/** Of a query only these: what was selected, and that a write was none. */
const SHOWN = ['labelSelector', 'fieldSelector', 'dryRun', 'watch']

export function tracedTransport(transport: Transport, clock: Clock, trace: Trace): Transport {
  return {
    send: (call, signal) =>
      timed(clock, trace, requestOf(call), () => transport.send(call, signal), statusOf),
    open: (call, signal) =>
      timed(
        clock,
        trace,
        requestOf(call),
        () => transport.open(call, signal),
        ({ statusCode }) => String(statusCode ?? 0),
      ),
    close: () => transport.close(),
  }
}

type Streams = Pick<Kube, 'exec' | 'tunnel' | 'forward'>

export function tracedStreams(streams: Streams, clock: Clock, trace: Trace): Streams {
  const path = (pod: { readonly name: string; readonly namespace: string }, what: string): string =>
    `GET ${pod.namespace}/pods/${pod.name}/${what}`
  return {
    exec: (pod, ...rest) =>
      timed(
        clock,
        trace,
        path(pod, 'exec'),
        () => streams.exec(pod, ...rest),
        ({ exitCode }) => `exit code ${exitCode}`,
      ),
    tunnel: (pod, ...rest) =>
      timed(
        clock,
        trace,
        path(pod, 'exec'),
        () => streams.tunnel(pod, ...rest),
        () => 'open',
      ),
    forward: (pod, port, ...rest) =>
      timed(
        clock,
        trace,
        path(pod, `portforward?ports=${port}`),
        () => streams.forward(pod, port, ...rest),
        () => 'open',
      ),
  }
}

/** A watch that has ended, however it did. */
export function watchEnded(path: string, ms: number, why: string): string {
  return `WATCH ${shown(path)} ended after ${ms} ms${why === '' ? '' : `: ${why}`}`
}

async function timed<T>(
  clock: Clock,
  trace: Trace,
  request: string,
  ask: () => Promise<T>,
  status: (answer: T) => string,
): Promise<T> {
  const began = clock.now()
  const tell = (came: string): void => trace(`${request} ${came} ${clock.now() - began} ms`)
  try {
    const answer = await ask()
    tell(status(answer))
    return answer
  } catch (error) {
    tell(failureInWords(error))
    throw error
  }
}

/** `no answer (Timeout)`; never the error's own text, which may be a server's. */
export function failureInWords(error: unknown): string {
  if (!(error instanceof KubeFailure)) return 'aborted'
  return error.status === 0 ? `no answer (${error.reason})` : String(error.status)
}

function statusOf({ status }: { readonly status: number }): string {
  return String(status)
}

function requestOf({ method, path }: Call): string {
  return `${method} ${shown(path)}`
}

function shown(path: string): string {
  const [place = '', query = ''] = path.split('?')
  const given = new URLSearchParams(query)
  const kept = SHOWN.flatMap((name) => {
    const value = given.get(name)
    return value === null || value === '' ? [] : [`${name}=${value}`]
  })
  return kept.length === 0 ? place : `${place}?${kept.join('&')}`
}
