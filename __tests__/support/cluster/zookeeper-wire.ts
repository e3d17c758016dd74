// The server's side of the wire format: requests read, answers written.

import {
  type Input,
  type NodeStat,
  OPERATION,
  Output,
  packet,
  Unreadable,
} from './zookeeper-bytes.ts'
import type { Change } from './zookeeper-tree.ts'

const PASSWORD_BYTES = 16
/** The header of a transaction's operation that failed, and the end of the list. */
const NO_OPERATION = -1

export interface ConnectRequest {
  readonly lastZxidSeen: bigint
  readonly timeoutMs: number
}

export function readConnectRequest(from: Input): ConnectRequest {
  const version = from.int()
  if (version !== 0) throw new Unreadable(`protocol version ${version}`)
  const lastZxidSeen = from.long()
  const timeoutMs = from.int()
  from.long()
  if (from.buffer().byteLength !== PASSWORD_BYTES) throw new Unreadable('no password')
  return { lastZxidSeen, timeoutMs }
}

export function connectReply(timeoutMs: number, sessionId: bigint): Buffer {
  return packet(
    new Output()
      .int(0)
      .int(timeoutMs)
      .long(sessionId)
      .buffer(new Uint8Array(PASSWORD_BYTES))
      .bool(false),
  )
}

/** A body follows the header only where there is no error. */
export function reply(
  xid: number,
  zxid: bigint,
  error: number,
  body: Output | Buffer = new Output(),
): Buffer {
  const header = new Output().int(xid).long(zxid).int(error)
  return error === 0 ? packet(header, body) : packet(header)
}

export interface CreateRequest {
  readonly path: string
  readonly data: string
  readonly ephemeral: boolean
  /** Nobody could do anything with the node: the server refuses to make it. */
  readonly withoutAcl: boolean
}

export function readCreate(from: Input): CreateRequest {
  const path = from.text()
  const data = from.text()
  const entries = from.int()
  for (let entry = 0; entry < entries; entry += 1) {
    from.int()
    from.text()
    from.text()
  }
  return { path, data, ephemeral: from.int() === 1, withoutAcl: entries <= 0 }
}

/** Path and whether to watch it. */
export function readPath(from: Input): string {
  const path = from.text()
  from.bool()
  return path
}

export function readSet(from: Input): Change {
  return { kind: 'set', path: from.text(), data: from.text(), version: from.int() }
}

/** Scheme and secret of a request to authenticate. */
export function readAuth(from: Input): string {
  from.int()
  from.text()
  return from.text()
}

export function readOperations(from: Input): readonly Change[] {
  const operations: Change[] = []
  for (;;) {
    const type = from.int()
    const done = from.bool()
    from.int()
    if (done) return operations
    operations.push(readOperation(type, from))
  }
}

function readOperation(type: number, from: Input): Change {
  switch (type) {
    case OPERATION.create: {
      const { path, data } = readCreate(from)
      return { kind: 'create', path, data }
    }
    case OPERATION.setData:
      return readSet(from)
    case OPERATION.delete:
      return { kind: 'delete', path: from.text(), version: from.int() }
    case OPERATION.check:
      return { kind: 'check', path: from.text(), version: from.int() }
    default:
      throw new Unreadable(`an operation of unknown type ${type} in a transaction`)
  }
}

/**
 * The answer to a transaction: what each operation gave, or, when it failed, each one's error code.
 */
export function multiReply(
  operations: readonly Change[],
  codes: readonly number[],
  stat: (path: string) => NodeStat | undefined,
): Output {
  const out = new Output()
  const failed = codes.some((code) => code !== 0)
  for (const [index, operation] of operations.entries()) {
    const code = codes[index] ?? 0
    if (failed) out.int(NO_OPERATION).bool(false).int(code).int(code)
    else answerOperation(out, operation, stat(operation.path))
  }
  return out.int(NO_OPERATION).bool(true).int(-1)
}

function answerOperation(out: Output, operation: Change, after: NodeStat | undefined): void {
  switch (operation.kind) {
    case 'create':
      out.int(OPERATION.create).bool(false).int(0).text(operation.path)
      return
    case 'set':
      // A node that the same transaction deletes has no numbers any more.
      if (after === undefined) out.int(OPERATION.check).bool(false).int(0)
      else out.int(OPERATION.setData).bool(false).int(0).stat(after)
      return
    case 'delete':
      out.int(OPERATION.delete).bool(false).int(0)
      return
    case 'check':
      out.int(OPERATION.check).bool(false).int(0)
  }
}
