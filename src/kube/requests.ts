// The way of every plain request: counted, renewed once when the credentials have ended, tried
// again where that is safe, and told as a KubeFailure where it fails.

import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Credentials } from './credentials.ts'
import { KubeFailure } from './failure.ts'
import type { RequestCount } from './kube.ts'
import { FIRST_CONTACT_MS, mayRepeat, RETRY_FOR_MS, withRetries } from './retry.ts'
import type { Repeat } from './retry.ts'
import { failureOf } from './status.ts'
import type { Answer, Call, Opened, Transport } from './transport.ts'

/** How long the head of a refused watch or stream may be read, in bytes. */
const LONGEST_REFUSAL = 64 * 1024

export type Counted = keyof RequestCount

export interface Requests {
  /** Resolves with a 2xx answer only. */
  ask(call: Call, repeat: Repeat, counted: Counted, signal: AbortSignal): Promise<Answer>
  /** A long answer; resolves once its head says 200. Not tried again, but for ended credentials. */
  open(call: Call, counted: Counted, signal: AbortSignal): Promise<Opened>
  /** Runs `attempt` again once with renewed credentials when it is refused with 401. */
  renewed<T>(attempt: () => Promise<T>): Promise<T>
  count(counted: Counted): void
  readonly counts: RequestCount
}

export function createRequests(
  transport: Transport,
  credentials: Credentials,
  clock: Clock,
): Requests {
  const counts = { reads: 0, writes: 0, dryRuns: 0, watches: 0, streams: 0, lease: 0 }
  // A server that never answered is more likely the wrong address than a busy server.
  let contacted = false

  async function renewed<T>(attempt: () => Promise<T>): Promise<T> {
    const generation = credentials.generation
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 401 || !credentials.renew(generation))
        throw error
      return attempt()
    }
  }

  async function send(call: Call, counted: Counted, signal: AbortSignal): Promise<Answer> {
    counts[counted]++
    const answer = await transport.send(call, signal)
    contacted = true
    if (answer.status < 200 || answer.status > 299) throw failureOf(answer, call.request)
    return answer
  }

  // Credentials that worked and can't be renewed at the moment (a cloud that does not answer, a
  // file that is just being written): nothing was sent.
  const again = (failure: KubeFailure, repeat: Repeat): boolean =>
    mayRepeat(failure, repeat) || (contacted && failure.reason === 'Credentials')

  return {
    ask: (call, repeat, counted, signal) =>
      withRetries(
        clock,
        (failure) => again(failure, repeat),
        () => (contacted ? RETRY_FOR_MS : FIRST_CONTACT_MS),
        () => renewed(() => send(call, counted, signal)),
        signal,
      ),
    open: (call, counted, signal) =>
      renewed(async () => {
        counts[counted]++
        const response = await transport.open(call, signal)
        contacted = true
        if (response.statusCode === 200) return response
        throw failureOf(
          {
            status: response.statusCode ?? 0,
            body: await readRefusal(response),
            retryAfter: response.headers['retry-after'],
          },
          call.request,
        )
      }),
    renewed,
    count(counted) {
      counts[counted]++
    },
    get counts() {
      return { ...counts }
    },
  }
}

/**
 * The bounded text of an answer that isn't success; what is cut off can't be parsed and counts as
 * no status.
 */
export async function readRefusal(response: Readable): Promise<string> {
  const limit = setTimeout(() => response.destroy(), 5_000)
  let text = ''
  try {
    response.setEncoding('utf8')
    for await (const chunk of response) {
      text += String(chunk)
      if (text.length > LONGEST_REFUSAL) break
    }
  } catch {
    // A refusal that breaks off is still a refusal.
  } finally {
    clearTimeout(limit)
    response.destroy()
  }
  return text
}
