// Asks a member one four-letter word over a byte stream: write four bytes, then read until the
// member closes; the writing side is never closed early.

import type { Duplex } from 'node:stream'
import { within } from '../bounded.ts'
import { collected } from '../../collected.ts'
import { formatSpan, type Clock } from '../../clock.ts'
import { NoAnswer } from './errors.ts'

export type Word = 'srvr' | 'conf'

const WORD_MS = 5_000
/** Bytes: `mntr` of a large server is some 10 KiB. */
const LIMIT = 64 * 1024
/** Bytes at the end of an answer in which its last line is looked for. */
const TAIL = 256

/**
 * What the member sends until it closes, or until the answer is whole; empty when it closes without
 * a byte. Rejects with NoAnswer after `ms`; the stream is destroyed in every case.
 */
export async function askWord(
  stream: Duplex,
  word: Word,
  clock: Clock,
  signal: AbortSignal,
  ms: number = WORD_MS,
): Promise<string> {
  const answer = collected(LIMIT)
  let tail = ''
  try {
    return await within(
      clock,
      ms,
      () => new NoAnswer(word, `no answer within ${formatSpan(ms)}`, 'not done'),
      signal,
      () =>
        new Promise<string>((resolve, reject) => {
          const whole = (): void => resolve(answer.bytes().toString('utf8'))
          stream.on('data', (chunk: Buffer) => {
            const fits = answer.add(chunk)
            // The end alone: an answer in pieces of a byte is not read again with each of them.
            const fresh = chunk.toString('latin1')
            if (isWhole(word, tail + fresh)) whole()
            tail = (tail + fresh).slice(-TAIL)
            if (!fits)
              reject(new NoAnswer(word, 'the answer is longer than any member gives', 'not done'))
          })
          stream.on('end', whole)
          stream.on('close', whole)
          stream.on('error', (error: Error) =>
            answer.size > 0
              ? whole()
              : reject(
                  new NoAnswer(word, `the connection broke (${error.message})`, 'not done', error),
                ),
          )
          stream.write(word)
        }),
    )
  } finally {
    stream.destroy()
  }
}

/**
 * Whether nothing of use can follow: the runtime under a port-forward passes a server's close on a
 * second late, so that it is not waited for.
 */
function isWhole(word: Word, text: string): boolean {
  return (
    /not currently serving requests\n|not in the whitelist\.\n/.test(text) ||
    (word === 'srvr' && /^Node count: \d+\n/m.test(text))
  )
}

/**
 * Asks once more on a fresh connection when the first answer was empty: a proxy between may drop an
 * answer whose sender has closed.
 */
export async function askTwice(
  open: (signal: AbortSignal) => Promise<Duplex>,
  word: Word,
  clock: Clock,
  signal: AbortSignal,
  ms: number = WORD_MS,
): Promise<string> {
  const first = await askWord(await open(signal), word, clock, signal, ms)
  return first === '' ? askWord(await open(signal), word, clock, signal, ms) : first
}

/**
 * A TLS 1.2 ClientHello with one cipher suite: whatever speaks TLS answers it with a handshake or
 * an alert record.
 */
const CLIENT_HELLO = Buffer.concat([
  Buffer.from('16030100310100002d0303', 'hex'),
  Buffer.alloc(32, 0x5a),
  Buffer.from('00', 'hex'),
  Buffer.from('0006002f0035c02f', 'hex'),
  Buffer.from('0100', 'hex'),
])

/**
 * Whether a port that didn't answer a word speaks TLS: told by the first byte that it answers a
 * ClientHello with. Never rejects but for an abort.
 */
export async function speaksTls(
  stream: Duplex,
  clock: Clock,
  signal: AbortSignal,
  ms: number = WORD_MS,
): Promise<boolean> {
  try {
    return await within(
      clock,
      ms,
      () => new Error('silent'),
      signal,
      () =>
        new Promise<boolean>((resolve) => {
          stream.once('data', (chunk: Buffer) => resolve(chunk[0] === 0x15 || chunk[0] === 0x16))
          stream.on('end', () => resolve(false))
          stream.on('close', () => resolve(false))
          stream.on('error', () => resolve(false))
          stream.write(CLIENT_HELLO)
        }),
    )
  } catch {
    signal.throwIfAborted()
    return false
  } finally {
    stream.destroy()
  }
}
