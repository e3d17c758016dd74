// ZooKeeper's wire format as bytes and values, nothing else: 4-byte length + body both ways,
// big-endian, as org.apache.zookeeper.proto defines the records.

export class WireFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WireFault'
  }
}

/** ZooDefs.OpCode. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  auth: 100,
  closeSession: -11,
} as const

/** Request ids that the protocol reserves. */
export const XID = { watch: -1, ping: -2, auth: -4 } as const

/** Largest reply that is accepted: the server's own default limit (`jute.maxbuffer`) is 1 MiB. */
const FRAME_LIMIT = 4 * 1024 * 1024

const PASSWORD_BYTES = 16
const ALL_PERMISSIONS = 31

export interface Stat {
  readonly czxid: bigint
  readonly mzxid: bigint
  /** Milliseconds since the epoch, by the leader's clock. */
  readonly ctime: number
  readonly mtime: number
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  /** Session of an ephemeral node, 0 for others. */
  readonly ephemeralOwner: bigint
  readonly dataLength: number
  readonly children: number
  readonly pzxid: bigint
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

export function bool(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0])
}

/** A string or a buffer: both are a length and bytes. */
export function block(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  return Buffer.concat([int(bytes.length), bytes])
}

/** The body with its length before it. */
export function frame(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int(body.length), body])
}

/**
 * Values out of one frame, in order; throws WireFault when it is shorter than what is asked of it.
 */
export interface Reader {
  int(): number
  long(): bigint
  bool(): boolean
  /** Undefined for the length -1, which is null. */
  block(): Buffer | undefined
  text(): string
  /** Bytes not read yet. */
  left(): number
}

export function readFrame(bytes: Buffer): Reader {
  let at = 0
  const take = (length: number): Buffer => {
    if (length < 0 || at + length > bytes.length)
      throw new WireFault(
        `a reply of ${bytes.length} bytes ends before its ${length} bytes from ${at} on`,
      )
    at += length
    return bytes.subarray(at - length, at)
  }
  const readInt = (): number => take(4).readInt32BE()
  const readBlock = (): Buffer | undefined => {
    const length = readInt()
    return length === -1 ? undefined : take(length)
  }
  return {
    int: readInt,
    long: () => take(8).readBigInt64BE(),
    bool: () => take(1).readUInt8() !== 0,
    block: readBlock,
    text: () => readBlock()?.toString('utf8') ?? '',
    left: () => bytes.length - at,
  }
}

/**
 * Cuts a stream of chunks into frames; throws WireFault for a length that no ZooKeeper server
 * sends.
 */
export function frameSplitter(limit: number = FRAME_LIMIT): (chunk: Buffer) => readonly Buffer[] {
  let rest: Buffer = Buffer.alloc(0)
  // Pieces of a frame that is not whole yet: joined once it is, not with each piece.
  let pieces: Buffer[] = []
  let missing = 4
  return (chunk) => {
    pieces.push(chunk)
    missing -= chunk.length
    if (missing > 0) return []
    rest = Buffer.concat([rest, ...pieces])
    pieces = []
    const frames: Buffer[] = []
    while (rest.length >= 4) {
      const length = rest.readInt32BE()
      if (length < 0 || length > limit)
        throw new WireFault(`what answers is not a ZooKeeper server (a length of ${length} bytes)`)
      if (rest.length < 4 + length) break
      frames.push(rest.subarray(4, 4 + length))
      rest = rest.subarray(4 + length)
    }
    missing = (rest.length < 4 ? 4 : 4 + rest.readInt32BE()) - rest.length
    return frames
  }
}

/**
 * ConnectRequest for a new session. A server whose last transaction is older than `lastZxidSeen`
 * closes the connection.
 */
export function connectRequest(timeoutMs: number, lastZxidSeen: bigint): Buffer {
  return frame(
    int(0),
    long(lastZxidSeen),
    int(timeoutMs),
    long(0n),
    block(Buffer.alloc(PASSWORD_BYTES)),
    bool(false),
  )
}

export interface ConnectReply {
  /** Negotiated, milliseconds; 0: the session was refused. */
  readonly timeoutMs: number
  readonly sessionId: bigint
  /** Old servers don't send it. */
  readonly readOnly: boolean
}

export function readConnectReply(bytes: Buffer): ConnectReply {
  const from = readFrame(bytes)
  const version = from.int()
  if (version !== 0)
    throw new WireFault(`what answers is not a ZooKeeper server (protocol version ${version})`)
  const timeoutMs = from.int()
  const sessionId = from.long()
  from.block()
  return { timeoutMs, sessionId, readOnly: from.left() > 0 && from.bool() }
}

export function request(xid: number, op: number, body: Buffer): Buffer {
  return frame(int(xid), int(op), body)
}

export interface ReplyHeader {
  readonly xid: number
  /** Last transaction that the server had applied; -1 in watch events. */
  readonly zxid: bigint
  readonly error: number
}

export function readHeader(from: Reader): ReplyHeader {
  return { xid: from.int(), zxid: from.long(), error: from.int() }
}

/** With the open ACL (everything for `world:anyone`). `ephemeral`: gone with its session. */
export function createBody(path: string, data: string | Buffer, ephemeral = false): Buffer {
  return Buffer.concat([
    block(path),
    block(data),
    int(1),
    int(ALL_PERMISSIONS),
    block('world'),
    block('anyone'),
    int(ephemeral ? 1 : 0),
  ])
}

export function pathAndVersion(path: string, version: number): Buffer {
  return Buffer.concat([block(path), int(version)])
}

export function pathAndWatch(path: string, watch: boolean): Buffer {
  return Buffer.concat([block(path), bool(watch)])
}

export function setBody(path: string, data: string | Buffer, version: number): Buffer {
  return Buffer.concat([block(path), block(data), int(version)])
}

export function authBody(scheme: string, secret: string): Buffer {
  return Buffer.concat([int(0), block(scheme), block(secret)])
}

export function readStat(from: Reader): Stat {
  const [czxid, mzxid, ctime, mtime] = [
    from.long(),
    from.long(),
    Number(from.long()),
    Number(from.long()),
  ]
  const [version, cversion, aversion, ephemeralOwner] = [
    from.int(),
    from.int(),
    from.int(),
    from.long(),
  ]
  const [dataLength, children, pzxid] = [from.int(), from.int(), from.long()]
  return {
    czxid,
    mzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    children,
    pzxid,
  }
}

export function readTexts(from: Reader): readonly string[] {
  const count = from.int()
  // Each takes at least its length's 4 bytes: a count beyond that is not believed.
  if (count > from.left() / 4)
    throw new WireFault(`a list of ${count} entries in ${from.left()} bytes`)
  return Array.from({ length: Math.max(0, count) }, () => from.text())
}

/** `0x100000002`, as the servers write it. */
export function formatZxid(zxid: bigint): string {
  return `0x${BigInt.asUintN(64, zxid).toString(16)}`
}
