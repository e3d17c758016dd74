// ZooKeeper's records as bytes, the way its servers read and write them (org.apache.jute). The
// members' own: were it the codec of src/, a fault of it would understand itself.

/** A request that a server can't read: it closes the connection. */
export class Unreadable extends Error {}

/** ZooDefs.OpCode. */
export const OPERATION = {
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
  closeSession: -11,
} as const

/** The id of a request that authenticates. */
export const AUTH_REQUEST = -4

/** A server reads no more than `jute.maxbuffer` bytes, by default 0xfffff. */
const MAX_BUFFER = 0xfffff

/** org.apache.zookeeper.data.Stat. */
export interface NodeStat {
  readonly czxid: bigint
  readonly mzxid: bigint
  readonly ctime: number
  readonly mtime: number
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  readonly ephemeralOwner: bigint
  readonly dataLength: number
  readonly children: number
  readonly pzxid: bigint
}

/** One record that is being written, field by field. */
export class Output {
  #bytes = Buffer.allocUnsafe(128)
  #length = 0

  int(value: number): this {
    const at = this.#next(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  long(value: bigint): this {
    const at = this.#next(8)
    this.#bytes.writeBigInt64BE(value, at)
    return this
  }

  bool(value: boolean): this {
    const at = this.#next(1)
    this.#bytes[at] = value ? 1 : 0
    return this
  }

  buffer(value: Uint8Array): this {
    const at = this.int(value.byteLength).#next(value.byteLength)
    this.#bytes.set(value, at)
    return this
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'))
  }

  texts(values: readonly string[]): this {
    this.int(values.length)
    for (const value of values) this.text(value)
    return this
  }

  stat(stat: NodeStat): this {
    return this.long(stat.czxid)
      .long(stat.mzxid)
      .long(BigInt(stat.ctime))
      .long(BigInt(stat.mtime))
      .int(stat.version)
      .int(stat.cversion)
      .int(stat.aversion)
      .long(stat.ephemeralOwner)
      .int(stat.dataLength)
      .int(stat.children)
      .long(stat.pzxid)
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Where the next field begins; makes room for it. */
  #next(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.byteLength)
      this.#bytes = Buffer.concat([this.#bytes], this.#length * 2)
    return at
  }
}

/** A packet: the length of what follows, then the records. */
export function packet(...records: readonly (Output | Buffer)[]): Buffer {
  const body = Buffer.concat(records.map((one) => (one instanceof Output ? one.bytes() : one)))
  return Buffer.concat([new Output().int(body.byteLength).bytes(), body])
}

/** The records of one packet, read field by field. */
export class Input {
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  int(): number {
    return this.#view.getInt32(this.#next(4))
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#next(8))
  }

  bool(): boolean {
    return this.#view.getUint8(this.#next(1)) === 1
  }

  /** A null buffer has the length -1; it is read as an empty one. */
  buffer(): Uint8Array {
    const length = Math.max(0, this.int())
    const from = this.#next(length)
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + from, length)
  }

  text(): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.buffer())
  }

  #next(length: number): number {
    if (this.#at + length > this.#view.byteLength)
      throw new Unreadable(`${length} bytes from ${this.#at} on of ${this.#view.byteLength}`)
    this.#at += length
    return this.#at - length
  }
}

/** Packets out of the bytes of a connection as they come in. */
export class Packets {
  #pending = Buffer.alloc(0)

  /** The packets that these bytes complete, without their lengths. */
  take(chunk: Uint8Array): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, chunk])
    const whole: Buffer[] = []
    for (;;) {
      if (this.#pending.byteLength < 4) return whole
      const length = this.#pending.readInt32BE(0)
      if (length < 0 || length > MAX_BUFFER) throw new Unreadable(`Len error ${length}`)
      if (this.#pending.byteLength < 4 + length) return whole
      whole.push(this.#pending.subarray(4, 4 + length))
      this.#pending = this.#pending.subarray(4 + length)
    }
  }
}
