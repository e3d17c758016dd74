// One connection to one member: greeted once, then requests are pipelined and answers come in order;
// when it ends, each request that still waits is told what that means for it.

import type { Duplex } from 'node:stream'
import { IN_TIME, within } from '../bounded.ts'
import { abortReason, formatSpan, type Clock } from '../../clock.ts'
import { NoAnswer, NoSession, Refusal } from './errors.ts'
import {
  connectRequest,
  frameSplitter,
  readConnectReply,
  readFrame,
  readHeader,
  request,
  XID,
  type ConnectReply,
  type Reader,
} from './wire.ts'

export interface ConnectionOptions {
  readonly clock: Clock
  /** How long one request may go unanswered, and the handshake too, milliseconds. */
  readonly answerMs: number
  /** The server refuses the session while its last transaction is older than this. */
  readonly lastZxidSeen: bigint
}

export interface Asked<T> {
  /** In words, for messages. */
  readonly what: string
  /** Of `OP`. */
  readonly type: number
  readonly body: Buffer
  readonly decode: (from: Reader) => T
  readonly path?: string
  /** It changes something: without an answer nobody knows whether it did. */
  readonly writes?: boolean
  /** Where the protocol wants another number than the next. */
  readonly xid?: number
}

interface Waiting {
  readonly xid: number
  readonly what: string
  readonly path: string
  answer(from: Reader): void
  fail(error: Error): void
}

export class Connection {
  readonly #stream: Duplex
  readonly #clock: Clock
  readonly #answerMs: number
  readonly #signal: AbortSignal
  readonly #waiting: Waiting[] = []
  readonly #over = new AbortController()
  readonly #split = frameSplitter()
  #lost: Error | undefined
  #greeted: ((reply: ConnectReply) => void) | undefined
  #refused: ((error: Error) => void) | undefined
  #heard = false
  #lastZxid: bigint
  #xid = 0

  /** Throws the signal's reason when it is aborted already. */
  constructor(stream: Duplex, options: ConnectionOptions, signal: AbortSignal) {
    signal.throwIfAborted()
    this.#stream = stream
    this.#clock = options.clock
    this.#answerMs = options.answerMs
    this.#lastZxid = options.lastZxidSeen
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort, { once: true })
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('error', (error: Error) =>
      this.lose(new Error(`the connection broke (${error.message})`)),
    )
    stream.on('end', () => this.#onEnd())
    stream.on('close', () => this.#onEnd())
  }

  /** Aborted, with the reason, as soon as the connection is over. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  get isOver(): boolean {
    return this.#lost !== undefined
  }

  /** Last transaction seen in any answer. */
  get lastZxid(): bigint {
    return this.#lastZxid
  }

  /**
   * The handshake, once. Rejects with NoSession when the member takes no session, NoAnswer when it
   * says nothing; the stream is destroyed then.
   */
  async greet(timeoutMs: number): Promise<ConnectReply> {
    const { promise: hello, resolve, reject } = Promise.withResolvers<ConnectReply>()
    this.#greeted = resolve
    this.#refused = reject
    this.#stream.write(connectRequest(timeoutMs, this.#lastZxid))
    try {
      const reply = await within(
        this.#clock,
        this.#answerMs,
        () => new NoAnswer('session', this.#noAnswer(), 'not done'),
        this.#signal,
        () => hello,
      )
      if (reply.timeoutMs <= 0) throw new NoSession('the member refused the session')
      return reply
    } catch (error) {
      this.lose(asError(error))
      throw error
    }
  }

  /**
   * Rejects with Refusal (the server said no), NoAnswer (nothing came; its outcome says what that
   * means) or the reason of the aborted signal.
   */
  send<T>({ what, type, body, decode, path = '', writes = false, xid }: Asked<T>): Promise<T> {
    if (this.#lost !== undefined)
      return Promise.reject(this.#withoutAnswer(this.#lost, what, 'not done'))
    const id = xid ?? (this.#xid += 1)
    const outcome = writes ? 'unknown' : 'not done'
    const answered = new AbortController()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.push({
      xid: id,
      what,
      path,
      answer: (from) => {
        answered.abort(IN_TIME)
        try {
          resolve(decode(from))
        } catch (error) {
          reject(new NoAnswer(what, 'the answer could not be read', outcome))
          throw error
        }
      },
      fail: (error) => {
        answered.abort(IN_TIME)
        reject(error instanceof Refusal ? error : this.#withoutAnswer(error, what, outcome))
      },
    })
    this.#stream.write(request(id, type, body))
    this.#clock.sleep(this.#answerMs, answered.signal).then(
      () => this.lose(new Error(this.#noAnswer())),
      () => undefined,
    )
    return promise
  }

  /** Ends the connection, and with it all that waits; the first reason counts. */
  lose(error: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#stream.destroy()
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#refused?.(error)
    for (const one of this.#waiting.splice(0)) one.fail(error)
    this.#over.abort(error)
  }

  readonly #onAbort = (): void => this.lose(abortReason(this.#signal))

  #onData(chunk: Buffer): void {
    this.#heard = true
    try {
      for (const bytes of this.#split(chunk)) this.#onFrame(bytes)
    } catch (error) {
      this.lose(asError(error))
    }
  }

  #onFrame(bytes: Buffer): void {
    if (this.#greeted !== undefined) {
      this.#greeted(readConnectReply(bytes))
      this.#greeted = undefined
      return
    }
    const from = readFrame(bytes)
    const header = readHeader(from)
    if (header.xid === XID.watch) return
    const first = this.#waiting.shift()
    if (first === undefined || first.xid !== header.xid) {
      if (first !== undefined) this.#waiting.unshift(first)
      throw new Error(`an answer to request ${header.xid} came out of order`)
    }
    if (header.zxid > this.#lastZxid) this.#lastZxid = header.zxid
    if (header.error === 0) first.answer(from)
    else first.fail(new Refusal(header.error, first.what, first.path))
  }

  #onEnd(): void {
    this.lose(
      this.#heard
        ? new Error('the member closed the connection')
        : new NoSession('the member closes the connection without an answer: it does not serve'),
    )
  }

  #noAnswer(): string {
    return `no answer within ${formatSpan(this.#answerMs)}`
  }

  /**
   * An abort keeps its own reason; whatever else ended the connection becomes a NoAnswer that names
   * the request.
   */
  #withoutAnswer(error: Error, what: string, outcome: 'not done' | 'unknown'): Error {
    if (this.#signal.aborted && error === abortReason(this.#signal)) return error
    return new NoAnswer(what, error.message, outcome)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
