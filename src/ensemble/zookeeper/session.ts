// One session with one member: what can be asked of it, by name.

import type { Duplex } from 'node:stream'
import { within } from '../bounded.ts'
import type { Clock } from '../../clock.ts'
import { Connection, type Asked } from './connection.ts'
import { Refusal } from './errors.ts'
import { multiBody, readMulti, type Operation } from './multi.ts'
import {
  authBody,
  block,
  createBody,
  OP,
  pathAndVersion,
  pathAndWatch,
  readStat,
  readTexts,
  setBody,
  XID,
  type ConnectReply,
  type Stat,
} from './wire.ts'

export interface SessionOptions {
  readonly clock: Clock
  /**
   * Session timeout to ask for, milliseconds; the server clamps it, usually to 4 to 40 s. Default
   * 10 s.
   */
  readonly timeoutMs?: number
  /** How long one request may go unanswered, and the handshake too, milliseconds. Default 5 s. */
  readonly answerMs?: number
  /** The server refuses the session while its last transaction is older than this. */
  readonly lastZxidSeen?: bigint
  /** `user:password` for the digest scheme. */
  readonly auth?: string | undefined
}

const SESSION_TIMEOUT_MS = 10_000
const ANSWER_MS = 5_000
const CLOSE_MS = 1_000
const RUNTIME_INCONSISTENCY = -2

/**
 * Opens a session on a fresh connection. Rejects with NoSession when the member takes none,
 * NoAnswer when it says nothing; the stream is destroyed then.
 */
export async function openSession(
  stream: Duplex,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<Session> {
  const { clock, answerMs = ANSWER_MS, lastZxidSeen = 0n, auth } = options
  const connection = new Connection(stream, { clock, answerMs, lastZxidSeen }, signal)
  const reply = await connection.greet(options.timeoutMs ?? SESSION_TIMEOUT_MS)
  const session = new Session(connection, reply, clock, signal)
  if (auth !== undefined) await session.authenticate(auth)
  return session
}

/**
 * Every request rejects with Refusal (the server said no), NoAnswer (nothing came; its outcome says
 * what that means) or the reason of the aborted signal.
 */
export class Session {
  readonly id: bigint
  /** As negotiated. */
  readonly timeoutMs: number
  /** Aborted, with the reason, as soon as the connection is over. */
  readonly over: AbortSignal
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #signal: AbortSignal

  constructor(connection: Connection, reply: ConnectReply, clock: Clock, signal: AbortSignal) {
    this.id = reply.sessionId
    this.timeoutMs = reply.timeoutMs
    this.over = connection.over
    this.#connection = connection
    this.#clock = clock
    this.#signal = signal
  }

  /** Last transaction seen in any answer. */
  lastZxid(): bigint {
    return this.#connection.lastZxid
  }

  /** With the digest scheme; where it fails the connection is over. */
  async authenticate(auth: string): Promise<void> {
    const body = authBody('digest', auth)
    try {
      await this.#send({ what: 'auth', type: OP.auth, body, decode: nothing, xid: XID.auth })
    } catch (error) {
      this.#connection.lose(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  create(
    path: string,
    data: string,
    kind: 'persistent' | 'ephemeral' = 'persistent',
  ): Promise<void> {
    const body = createBody(path, data, kind === 'ephemeral')
    return this.#send({
      what: 'create',
      type: OP.create,
      body,
      decode: nothing,
      path,
      writes: true,
    })
  }

  get(path: string): Promise<{ readonly data: string; readonly stat: Stat }> {
    return this.#send({
      what: 'get',
      type: OP.getData,
      body: pathAndWatch(path, false),
      decode: (from) => ({ data: from.text(), stat: readStat(from) }),
      path,
    })
  }

  /** Undefined when there is no such node. */
  async exists(path: string): Promise<Stat | undefined> {
    const body = pathAndWatch(path, false)
    try {
      return await this.#send({ what: 'exists', type: OP.exists, body, decode: readStat, path })
    } catch (error) {
      if (error instanceof Refusal && error.reason === 'NoNode') return undefined
      throw error
    }
  }

  /** `version` -1: whatever it is. */
  set(path: string, data: string, version: number): Promise<Stat> {
    const body = setBody(path, data, version)
    return this.#send({
      what: 'set',
      type: OP.setData,
      body,
      decode: readStat,
      path,
      writes: true,
    })
  }

  delete(path: string, version = -1): Promise<void> {
    const body = pathAndVersion(path, version)
    return this.#send({
      what: 'delete',
      type: OP.delete,
      body,
      decode: nothing,
      path,
      writes: true,
    })
  }

  children(path: string): Promise<readonly string[]> {
    const body = pathAndWatch(path, false)
    return this.#send({ what: 'children', type: OP.getChildren, body, decode: readTexts, path })
  }

  /**
   * Brings this member up to the leader's state: what is asked for after it, even without waiting,
   * sees all writes acknowledged before it.
   */
  sync(path: string): Promise<void> {
    return this.#send({ what: 'sync', type: OP.sync, body: block(path), decode: nothing, path })
  }

  /** All or nothing; rejects with the Refusal of the operation at fault. */
  async multi(operations: readonly Operation[]): Promise<void> {
    const errors = await this.#send({
      what: 'transaction',
      type: OP.multi,
      body: multiBody(operations),
      decode: readMulti,
      writes: true,
    })
    const at = errors.findIndex((code) => code !== 0 && code !== RUNTIME_INCONSISTENCY)
    const code = errors[at] ?? errors.find((one) => one !== 0)
    if (code !== undefined) throw new Refusal(code, 'transaction', operations[at]?.path ?? '')
  }

  ping(): Promise<void> {
    return this.#send({
      what: 'ping',
      type: OP.ping,
      body: Buffer.alloc(0),
      decode: nothing,
      xid: XID.ping,
    })
  }

  /**
   * Ends the session at the server (its ephemerals go), waits for the answer and closes the stream;
   * never rejects.
   */
  async close(): Promise<void> {
    if (this.#connection.isOver) return
    const bye = this.#send({
      what: 'close',
      type: OP.closeSession,
      body: Buffer.alloc(0),
      decode: nothing,
    })
    await within(
      this.#clock,
      CLOSE_MS,
      () => new Error('no answer to the close'),
      this.#signal,
      () => bye,
    ).catch(nothing)
    this.#connection.lose(new Error('the session was closed'))
  }

  #send<T>(asked: Asked<T>): Promise<T> {
    return this.#connection.send(asked)
  }
}

function nothing(): void {
  // An answer without a body.
}
