// Which nodes a drain was to do and which are done, in the record: a run that dies at the third of
// five nodes leaves its successor two.

import type { Clock } from '../clock.ts'
import type { Kube } from '../kube/kube.ts'
import { writeRecord, type DrainUnderWay, type StoredRecord } from './record.ts'

export interface DrainBook {
  readonly kube: Kube
  readonly clock: Clock
  /** Of the ensemble. */
  readonly namespace: string
  readonly runUrl: string
}

/** Throws LOCKED when another run wrote the record, as every write of it. */
export async function beginDrain(
  book: DrainBook,
  stored: StoredRecord,
  drain: Pick<DrainUnderWay, 'nodes' | 'digest' | 'done'> & { readonly since?: string },
  signal: AbortSignal,
): Promise<StoredRecord> {
  return write(
    book,
    stored,
    {
      ...drain,
      since: drain.since ?? new Date(book.clock.now()).toISOString(),
      runUrl: book.runUrl,
    },
    signal,
  )
}

/** `uid` of the node. */
export async function nodeDrained(
  book: DrainBook,
  stored: StoredRecord,
  uid: string,
  signal: AbortSignal,
): Promise<StoredRecord> {
  const { drain } = stored.record
  if (drain === null || drain === undefined || drain.done.includes(uid)) return stored
  return write(book, stored, { ...drain, done: [...drain.done, uid] }, signal)
}

export async function endDrain(
  book: DrainBook,
  stored: StoredRecord,
  signal: AbortSignal,
): Promise<StoredRecord> {
  return stored.record.drain === null || stored.record.drain === undefined
    ? stored
    : write(book, stored, null, signal)
}

async function write(
  book: DrainBook,
  stored: StoredRecord,
  drain: DrainUnderWay | null,
  signal: AbortSignal,
): Promise<StoredRecord> {
  return writeRecord(book.kube, book.namespace, stored, { ...stored.record, drain }, {}, signal)
}
