// A watch is one long answer, a JSON object a line. However it ends, the reader lists again; so it
// ends quietly.

import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { z } from 'zod'
import type { KubeObject, WatchEvent } from './kube.ts'
import { boundedJson } from './objects.ts'

const lineSchema = z.object({ type: z.string(), object: z.unknown() })

/** Longest line that is believed, in characters: etcd keeps no object above 1.5 MiB. */
const LONGEST_LINE = 16 * 1024 * 1024

export interface WatchReading {
  /** A connection without a byte (bookmarks come each minute) for so long is taken for broken. */
  readonly silentMs: number
  readonly parse: (raw: unknown) => KubeObject | undefined
  readonly onEvent: (event: WatchEvent) => void
}

/**
 * Reads until the stream ends, breaks, falls silent, is aborted, or says ERROR (410 and others).
 * Never rejects for the stream's sake; what `onEvent` throws is thrown.
 */
export async function readWatch(
  response: Readable,
  reading: WatchReading,
  signal: AbortSignal,
): Promise<void> {
  const stop = (): void => void response.destroy()
  signal.addEventListener('abort', stop, { once: true })
  // Aborted between the answer's arrival and here: nobody else would end the stream.
  if (signal.aborted) stop()
  let timer = setTimeout(stop, reading.silentMs)
  try {
    for await (const line of lines(response)) {
      clearTimeout(timer)
      timer = setTimeout(stop, reading.silentMs)
      if (!take(line, reading)) return
    }
  } catch (error) {
    if (error instanceof ConsumerError) throw error.cause
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    response.destroy()
  }
}

/** Wraps what the reader of the events threw, to tell it from a broken stream. */
class ConsumerError extends Error {}

/** False when the watch is over. */
function take(line: string, reading: WatchReading): boolean {
  if (line.trim() === '') return true
  const parsed = lineSchema.safeParse(boundedJson(line))
  if (!parsed.success) return false
  const { type, object: raw } = parsed.data
  if (type === 'BOOKMARK') return true
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') return false
  const object = reading.parse(raw)
  if (object === undefined) return false
  try {
    reading.onEvent({ type, object })
  } catch (error) {
    throw new ConsumerError('the reader of the watch failed', { cause: error })
  }
  return true
}

/**
 * Splits a byte stream into lines; characters may lie across chunks. Only what is new is searched:
 * a long line in small pieces is not read again and again.
 */
export async function* lines(stream: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let pieces: string[] = []
  let size = 0
  for await (const chunk of stream) {
    const text = Buffer.isBuffer(chunk) ? decoder.write(chunk) : String(chunk)
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      pieces.push(text.slice(from, end))
      yield pieces.join('')
      pieces = []
      size = 0
      from = end + 1
    }
    if (from < text.length) pieces.push(text.slice(from))
    size += text.length - from
    if (size > LONGEST_LINE) throw new Error('a line of the watch is too long')
  }
  if (size > 0) yield pieces.join('')
}
