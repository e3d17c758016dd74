// Bytes as they come, up to a limit, in one piece: an answer in pieces of a byte costs no more than
// one in a piece.

const FIRST = 16_384

export interface Collected {
  /** False once there are more than the limit; what is beyond is not kept. */
  add(chunk: Uint8Array): boolean
  readonly size: number
  /** What is kept; not to be used after a further `add`. */
  bytes(): Buffer
}

export function collected(limit: number): Collected {
  let kept = Buffer.alloc(0)
  let size = 0
  return {
    add(chunk) {
      const taken = chunk.subarray(0, limit - size)
      if (size + taken.length > kept.length) {
        const larger = Buffer.allocUnsafe(
          Math.min(limit, Math.max(FIRST, kept.length * 2, size + taken.length)),
        )
        kept.copy(larger, 0, 0, size)
        kept = larger
      }
      kept.set(taken, size)
      size += taken.length
      return taken.length === chunk.length
    },
    get size() {
      return size
    },
    bytes: () => kept.subarray(0, size),
  }
}
