// One session with one member over a byte stream: requests are pipelined, answers come in order,
// and what was not answered is told apart from what was refused.

import type { Duplex } from 'node:stream'
import { within } from '../bounded.ts'
import { abortReason, formatSpan, type Clock } from '../../clock.ts'
import { NoAnswer, NoSession, Refusal } from './errors.ts'
import { multiBody, readMulti, type Operation } from './multi.ts'
import {
  authBody,
  block,
  connectRequest,
  createBody,
  frameSplitter,
  OP,
  pathAndVersion,
  pathAndWatch,
  readConnectReply,
  readFrame,
  readHeader,
  readStat,
  readTexts,
  request,
  setBody,
  XID,
  type ConnectReply,
  type Reader,
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

/**
 * Every request rejects with Refusal (the server said no), NoAnswer (nothing came; its outcome says
 * what that means) or the reason of the aborted signal.
 */
export interface Session {
  readonly id: bigint
  /** As negotiated. */
  readonly timeoutMs: number
  /** Last transaction seen in any answer. */
  lastZxid(): bigint
  create(path: string, data: string, kind?: 'persistent' | 'ephemeral'): Promise<void>
  get(path: string): Promise<{ readonly data: string; readonly stat: Stat }>
  /** Undefined when there is no such node. */
  exists(path: string): Promise<Stat | undefined>
  /** `version` -1: whatever it is. */
  set(path: string, data: string, version: number): Promise<Stat>
  delete(path: string, version?: number): Promise<void>
  children(path: string): Promise<readonly string[]>
  /**
   * Brings this member up to the leader's state: what is asked for after it, even without waiting,
   * sees all writes acknowledged before it.
   */
  sync(path: string): Promise<void>
  /** All or nothing; rejects with the Refusal of the operation at fault. */
  multi(operations: readonly Operation[]): Promise<void>
  ping(): Promise<void>
  /**
   * Ends the session at the server (its ephemerals go), waits for the answer and closes the stream;
   * never rejects.
   */
  close(): Promise<void>
  /** Aborted, with the reason, as soon as the connection is over. */
  readonly over: AbortSignal
}

interface Waiting {
  readonly xid: number
  readonly what: string
  readonly path: string
  readonly writes: boolean
  answer(from: Reader): void
  fail(error: Error): void
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
  const { clock } = options
  const answerMs = options.answerMs ?? ANSWER_MS
  const waiting: Waiting[] = []
  const over = new AbortController()
  const split = frameSplitter()
  let lost: Error | undefined
  let greeted: ((reply: ConnectReply) => void) | undefined
  let refused: ((error: Error) => void) | undefined
  let heard = false
  let lastZxid = options.lastZxidSeen ?? 0n
  let xid = 0

  const lose = (error: Error): void => {
    if (lost !== undefined) return
    lost = error
    stream.destroy()
    signal.removeEventListener('abort', onAbort)
    refused?.(error)
    for (const one of waiting.splice(0)) one.fail(error)
    over.abort(error)
  }
  const onAbort = (): void => lose(abortReason(signal))
  const onFrame = (bytes: Buffer): void => {
    if (greeted !== undefined) {
      const reply = readConnectReply(bytes)
      greeted(reply)
      greeted = undefined
      return
    }
    const from = readFrame(bytes)
    const header = readHeader(from)
    if (header.xid === XID.watch) return
    const first = waiting.shift()
    if (first === undefined || first.xid !== header.xid) {
      if (first !== undefined) waiting.unshift(first)
      throw new Error(`an answer to request ${header.xid} came out of order`)
    }
    if (header.zxid > lastZxid) lastZxid = header.zxid
    if (header.error === 0) first.answer(from)
    else first.fail(new Refusal(header.error, first.what, first.path))
  }
  const onData = (chunk: Buffer): void => {
    heard = true
    try {
      for (const bytes of split(chunk)) onFrame(bytes)
    } catch (error) {
      lose(error instanceof Error ? error : new Error(String(error)))
    }
  }

  const send = <T>(
    what: string,
    type: number,
    body: Buffer,
    decode: (from: Reader) => T,
    path = '',
    writes = false,
    fixedXid?: number,
  ): Promise<T> => {
    if (lost !== undefined) return Promise.reject(asNoAnswer(lost, signal, what, 'not done'))
    const id = fixedXid ?? (xid += 1)
    const answered = new AbortController()
    const done = new Promise<T>((resolve, reject) => {
      waiting.push({
        xid: id,
        what,
        path,
        writes,
        answer: (from) => {
          answered.abort()
          try {
            resolve(decode(from))
          } catch (error) {
            reject(
              new NoAnswer(what, 'the answer could not be read', writes ? 'unknown' : 'not done'),
            )
            throw error
          }
        },
        fail: (error) => {
          answered.abort()
          reject(
            error instanceof Refusal
              ? error
              : asNoAnswer(error, signal, what, writes ? 'unknown' : 'not done'),
          )
        },
      })
    })
    stream.write(request(id, type, body))
    clock.sleep(answerMs, answered.signal).then(
      () => lose(new Error(`no answer within ${formatSpan(answerMs)}`)),
      () => undefined,
    )
    return done
  }

  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  stream.on('data', onData)
  stream.on('error', (error: Error) => lose(new Error(`the connection broke (${error.message})`)))
  const onEnd = (): void =>
    lose(
      heard
        ? new Error('the member closed the connection')
        : new NoSession('the member closes the connection without an answer: it does not serve'),
    )
  stream.on('end', onEnd)
  stream.on('close', onEnd)

  const hello = new Promise<ConnectReply>((resolve, reject) => {
    greeted = resolve
    refused = reject
  })
  stream.write(connectRequest(options.timeoutMs ?? SESSION_TIMEOUT_MS, lastZxid))
  let reply: ConnectReply
  try {
    reply = await within(
      clock,
      answerMs,
      () => new NoAnswer('session', `no answer within ${formatSpan(answerMs)}`, 'not done'),
      signal,
      () => hello,
    )
    if (reply.timeoutMs <= 0) throw new NoSession('the member refused the session')
  } catch (error) {
    lose(error instanceof Error ? error : new Error(String(error)))
    throw error
  }

  const nothing = (): void => undefined
  const session: Session = {
    id: reply.sessionId,
    timeoutMs: reply.timeoutMs,
    lastZxid: () => lastZxid,
    create: (path, data, kind = 'persistent') =>
      send('create', OP.create, createBody(path, data, kind === 'ephemeral'), nothing, path, true),
    get: (path) =>
      send(
        'get',
        OP.getData,
        pathAndWatch(path, false),
        (from) => ({ data: from.text(), stat: readStat(from) }),
        path,
      ),
    exists: async (path) => {
      try {
        return await send('exists', OP.exists, pathAndWatch(path, false), readStat, path)
      } catch (error) {
        if (error instanceof Refusal && error.reason === 'NoNode') return undefined
        throw error
      }
    },
    set: (path, data, version) =>
      send('set', OP.setData, setBody(path, data, version), readStat, path, true),
    delete: (path, version = -1) =>
      send('delete', OP.delete, pathAndVersion(path, version), nothing, path, true),
    children: (path) =>
      send('children', OP.getChildren, pathAndWatch(path, false), readTexts, path),
    sync: (path) => send('sync', OP.sync, block(path), nothing, path),
    multi: async (operations) => {
      const errors = await send('transaction', OP.multi, multiBody(operations), readMulti, '', true)
      const at = errors.findIndex((code) => code !== 0 && code !== RUNTIME_INCONSISTENCY)
      const code = errors[at] ?? errors.find((one) => one !== 0)
      if (code !== undefined) throw new Refusal(code, 'transaction', operations[at]?.path ?? '')
    },
    ping: () => send('ping', OP.ping, Buffer.alloc(0), nothing, '', false, XID.ping),
    close: async () => {
      if (lost !== undefined) return
      const bye = send('close', OP.closeSession, Buffer.alloc(0), nothing)
      await within(
        clock,
        CLOSE_MS,
        () => new Error('no answer to the close'),
        signal,
        () => bye,
      ).catch(nothing)
      lose(new Error('the session was closed'))
    },
    over: over.signal,
  }
  if (options.auth !== undefined) {
    try {
      await send('auth', OP.auth, authBody('digest', options.auth), nothing, '', false, XID.auth)
    } catch (error) {
      lose(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }
  return session
}

/**
 * An abort keeps its own reason; whatever else ended the connection becomes a NoAnswer that names
 * the request.
 */
function asNoAnswer(
  error: Error,
  signal: AbortSignal,
  what: string,
  outcome: 'not done' | 'unknown',
): Error {
  if (signal.aborted && error === abortReason(signal)) return error
  return new NoAnswer(what, error.message, outcome)
}
