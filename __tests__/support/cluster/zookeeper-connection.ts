// One connection to a simulated member: a four-letter word, or a session with its requests, over a
// byte stream.

import type { Duplex } from 'node:stream'
import { AUTH_REQUEST, Input, OPERATION, Output, Packets } from './zookeeper-bytes.ts'
import { type Change, childrenOf, dataOf, ERROR, statOf, type Tree } from './zookeeper-tree.ts'
import {
  connectReply,
  multiReply,
  readAuth,
  readConnectRequest,
  readCreate,
  readOperations,
  readPath,
  readSet,
  reply,
} from './zookeeper-wire.ts'
import { answerWord, type Speaking } from './zookeeper-words.ts'

/** What goes wrong with a member, on order. */
export interface Faults {
  /** Runs without a quorum, whatever its peers do. */
  readonly notServing?: boolean
  /** Says that it serves, and closes every session. */
  readonly refusesSessions?: boolean
  /** Answers reads from what it had when the fault began, also after a sync. */
  readonly stale?: boolean
  /** The client port speaks TLS only. */
  readonly tlsOnly?: boolean
  /** Accepts connections and closes them at once. */
  readonly silent?: boolean
  /** Accepts connections and never answers. */
  readonly mute?: boolean
  /** Something else listens there. */
  readonly garbage?: string
  /** Makes each write and closes the connection instead of answering. */
  readonly losesAnswers?: boolean
  /** Every request is refused until the session has authenticated by more than digest. */
  readonly requiresAuth?: boolean
  /** Milliseconds before each answer. */
  readonly slowMs?: number
  /** What lies in its myid file instead. */
  readonly myid?: string
  /** Its configuration instead. */
  readonly config?: string
  readonly readOnly?: boolean
}

/** What a connection asks of the member behind it. */
export interface Host {
  faults(): Faults
  serving(): boolean
  speaking(): Speaking
  lastZxid(): bigint
  /** What reads are answered from. */
  tree(): Tree
  /** What writes are answered from. */
  live(): Tree
  commit(
    changes: readonly Change[],
    secrets: ReadonlySet<string>,
  ): { readonly codes: readonly number[]; readonly zxid: bigint }
  openSession(): bigint
  endSession(id: bigint): void
  /** The connection broke: the session ends after its timeout. */
  loseSession(id: bigint, timeoutMs: number): void
  after(ms: number, act: () => void): void
}

const WORD = /^[a-z]{4}$/
const MIN_TIMEOUT_MS = 4_000
const MAX_TIMEOUT_MS = 40_000
const TLS_ALERT = Buffer.from('15030300020228', 'hex')

function memberList(config: string): string {
  return [...config.split('\n').filter((line) => line.startsWith('server.')), 'version=0'].join(
    '\n',
  )
}

export function serve(stream: Duplex, host: Host): void {
  const packets = new Packets()
  const secrets = new Set<string>()
  let session: { readonly id: bigint; readonly timeoutMs: number } | undefined
  let begun = false
  let closed = false

  const answer = (bytes: Buffer | string, last = false): void => {
    const send = (): void => {
      if (stream.destroyed || closed) return
      stream.write(bytes)
      if (last) end()
    }
    const { slowMs } = host.faults()
    if (slowMs === undefined) send()
    else host.after(slowMs, send)
  }
  const end = (): void => {
    closed = true
    stream.end()
  }
  stream.on('error', () => undefined)
  stream.on('close', () => {
    if (session !== undefined) host.loseSession(session.id, session.timeoutMs)
  })
  stream.on('data', (chunk: Buffer) => {
    const faults = host.faults()
    if (closed || faults.mute === true) return
    if (faults.silent === true) return end()
    if (faults.garbage !== undefined) return answer(faults.garbage, true)
    // A record's header has five bytes: a word is not even looked at.
    if (faults.tlsOnly === true)
      return chunk[0] === 0x16 ? answer(TLS_ALERT, true) : chunk.length < 5 ? undefined : end()
    const word = chunk.subarray(0, 4).toString('latin1')
    if (!begun && WORD.test(word)) return answer(answerWord(word, host.speaking()), true)
    begun = true
    try {
      for (const bytes of packets.take(chunk)) onPacket(bytes)
    } catch {
      end()
    }
  })

  function onPacket(bytes: Buffer): void {
    const from = new Input(bytes)
    if (session !== undefined) return onRequest(from)
    const wanted = readConnectRequest(from)
    // A member without a quorum accepts the connection and closes it without a byte; one that is
    // behind its client too.
    if (
      !host.serving() ||
      host.faults().refusesSessions === true ||
      host.faults().readOnly === true ||
      wanted.lastZxidSeen > host.lastZxid()
    )
      return end()
    const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, wanted.timeoutMs))
    session = { id: host.openSession(), timeoutMs }
    answer(connectReply(timeoutMs, session.id))
  }

  function onRequest(from: Input): void {
    const xid = from.int()
    const op = from.int()
    const done = (error: number, body?: Output, zxid = host.lastZxid()): void =>
      answer(reply(xid, zxid, error, body))
    if (xid === AUTH_REQUEST) {
      secrets.add(readAuth(from))
      return done(0)
    }
    if (host.faults().requiresAuth === true && op !== OPERATION.closeSession)
      return answer(reply(xid, host.lastZxid(), ERROR.requireAuth), true)
    switch (op) {
      case OPERATION.ping:
        return done(0)
      case OPERATION.closeSession:
        if (session !== undefined) host.endSession(session.id)
        session = undefined
        return answer(reply(xid, host.lastZxid(), 0), true)
      case OPERATION.sync:
        return done(0, new Output().text(from.text()))
      case OPERATION.exists:
      case OPERATION.getData:
      case OPERATION.getChildren:
        return read(op, readPath(from), done)
      case OPERATION.create: {
        const { path, data, ephemeral, withoutAcl } = readCreate(from)
        if (withoutAcl) return done(ERROR.invalidAcl)
        return write(
          [
            {
              kind: 'create',
              path,
              data,
              ...(ephemeral && session !== undefined ? { owner: session.id } : {}),
            },
          ],
          done,
          () => new Output().text(path),
        )
      }
      case OPERATION.setData: {
        const change = readSet(from)
        return write([change], done, () => statBody(change.path))
      }
      case OPERATION.delete:
        return write([{ kind: 'delete', path: from.text(), version: from.int() }], done)
      case OPERATION.multi: {
        const operations = readOperations(from)
        const { codes, zxid } = host.commit(operations, secrets)
        return done(
          0,
          multiReply(operations, codes, (path) => statOf(host.live(), path)),
          zxid,
        )
      }
      default:
        return done(ERROR.unimplemented)
    }
  }

  function statBody(path: string): Output {
    const stat = statOf(host.live(), path)
    return stat === undefined ? new Output() : new Output().stat(stat)
  }

  function read(op: number, path: string, done: (error: number, body?: Output) => void): void {
    // Since 3.5 each member shows its member list in a node of its own.
    if (
      op === OPERATION.getData &&
      path === '/zookeeper/config' &&
      !host.speaking().version.startsWith('3.4')
    )
      return done(
        0,
        new Output().text(memberList(host.speaking().config)).stat({
          czxid: 0n,
          mzxid: 0n,
          ctime: 0,
          mtime: 0,
          version: 0,
          cversion: 0,
          aversion: -1,
          ephemeralOwner: 0n,
          dataLength: 0,
          children: 0,
          pzxid: 0n,
        }),
      )
    const stat = statOf(host.tree(), path)
    if (stat === undefined) return done(ERROR.noNode)
    if (op === OPERATION.exists) return done(0, new Output().stat(stat))
    if (op === OPERATION.getChildren)
      return done(0, new Output().texts(childrenOf(host.tree(), path)))
    done(0, new Output().text(dataOf(host.tree(), path) ?? '').stat(stat))
  }

  function write(
    changes: readonly Change[],
    done: (error: number, body?: Output, zxid?: bigint) => void,
    body?: () => Output,
  ): void {
    const { codes, zxid } = host.commit(changes, secrets)
    if (host.faults().losesAnswers === true) {
      closed = true
      stream.destroy()
      return
    }
    const error = codes[0] ?? 0
    done(error, error === 0 ? body?.() : undefined, zxid)
  }
}
