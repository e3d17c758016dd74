// A file judged by what was opened: its name may lead elsewhere by the time it is read.

import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { collected } from './collected.ts'

export interface OpenedFile {
  readonly kind: 'file' | 'directory' | 'other'
  /** Where it lies, links followed. */
  readonly real: string
  /** In bytes; of a file that is longer than the limit only this is known to be right: longer. */
  readonly size: number
  /** Of a file, up to the limit; else none. */
  readonly bytes: Buffer
}

/** Opens once, and reads that. Throws as node:fs does (`code` ENOENT and the like). */
export function readOpened(path: string, limit: number): OpenedFile {
  // Without waiting: a named pipe would hold the run for ever.
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(handle)
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
    const bytes = kind === 'file' && found.size <= limit ? readUpTo(handle, limit) : Buffer.alloc(0)
    return {
      kind,
      real: placeOf(handle, path),
      size: Math.max(found.size, bytes.length),
      bytes: bytes.subarray(0, limit),
    }
  } finally {
    closeSync(handle)
  }
}

/** One byte more than the limit where there are more: it may grow while it is read. */
function readUpTo(handle: number, limit: number): Buffer {
  const kept = collected(limit + 1)
  const part = Buffer.alloc(65_536)
  for (let read = readSync(handle, part); read > 0; read = readSync(handle, part))
    if (!kept.add(part.subarray(0, read))) break
  return kept.bytes()
}

function placeOf(handle: number, path: string): string {
  try {
    return realpathSync(`/proc/self/fd/${handle}`)
  } catch {
    return realpathSync(path)
  }
}
