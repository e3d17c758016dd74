// The server's side of the wire format: requests read, answers written.

import type { Operation } from '../../../src/ensemble/zookeeper/multi.ts'
import {
  block,
  bool,
  frame,
  int,
  long,
  OP,
  type Reader,
  type Stat,
  WireFault,
} from '../../../src/ensemble/zookeeper/wire.ts'

export interface ConnectRequest {
  readonly lastZxidSeen: bigint
  readonly timeoutMs: number
}

export function readConnectRequest(from: Reader): ConnectRequest {
  from.int()
  const lastZxidSeen = from.long()
  const timeoutMs = from.int()
  from.long()
  from.block()
  return { lastZxidSeen, timeoutMs }
}

export function connectReply(timeoutMs: number, sessionId: bigint): Buffer {
  return frame(int(0), int(timeoutMs), long(sessionId), block(Buffer.alloc(16)), bool(false))
}

export function reply(
  xid: number,
  zxid: bigint,
  error: number,
  body: Buffer = Buffer.alloc(0),
): Buffer {
  return frame(int(xid), long(zxid), int(error), error === 0 ? body : Buffer.alloc(0))
}

export function statBytes(stat: Stat): Buffer {
  return Buffer.concat([
    long(stat.czxid),
    long(stat.mzxid),
    long(BigInt(stat.ctime)),
    long(BigInt(stat.mtime)),
    int(stat.version),
    int(stat.cversion),
    int(stat.aversion),
    long(stat.ephemeralOwner),
    int(stat.dataLength),
    int(stat.children),
    long(stat.pzxid),
  ])
}

export function textsBytes(texts: readonly string[]): Buffer {
  return Buffer.concat([int(texts.length), ...texts.map((text) => block(text))])
}

export function readCreate(from: Reader): {
  readonly path: string
  readonly data: string
  readonly flags: number
} {
  const path = from.text()
  const data = from.text()
  for (let entries = from.int(); entries > 0; entries -= 1) {
    from.int()
    from.text()
    from.text()
  }
  return { path, data, flags: from.int() }
}

export function readOperations(from: Reader): readonly Operation[] {
  const operations: Operation[] = []
  for (;;) {
    const type = from.int()
    const done = from.bool()
    from.int()
    if (done) return operations
    operations.push(readOperation(type, from))
  }
}

function readOperation(type: number, from: Reader): Operation {
  switch (type) {
    case OP.create: {
      const { path, data } = readCreate(from)
      return { kind: 'create', path, data }
    }
    case OP.setData:
      return { kind: 'set', path: from.text(), data: from.text(), version: from.int() }
    case OP.delete:
      return { kind: 'delete', path: from.text(), version: from.int() }
    case OP.check:
      return { kind: 'check', path: from.text(), version: from.int() }
    default:
      throw new WireFault(`an operation of unknown type ${type} in a transaction`)
  }
}

/**
 * The answer to a transaction: what each operation gave, or, when it failed, each one's error code.
 */
export function multiReply(
  operations: readonly Operation[],
  codes: readonly number[],
  stat: (path: string) => Stat | undefined,
): Buffer {
  const header = (type: number, error: number): Buffer =>
    Buffer.concat([int(type), bool(false), int(error)])
  const failed = codes.some((code) => code !== 0)
  const parts = operations.map((operation, index): Buffer => {
    if (failed) return Buffer.concat([header(-1, codes[index] ?? 0), int(codes[index] ?? 0)])
    const after = stat(operation.path)
    switch (operation.kind) {
      case 'create':
        return Buffer.concat([header(OP.create, 0), block(operation.path)])
      case 'set':
        return after === undefined
          ? header(OP.check, 0)
          : Buffer.concat([header(OP.setData, 0), statBytes(after)])
      case 'delete':
        return header(OP.delete, 0)
      case 'check':
        return header(OP.check, 0)
    }
  })
  return Buffer.concat([...parts, int(-1), bool(true), int(-1)])
}
