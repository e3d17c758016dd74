// What is done to nodes, in the record, before it is done: a run that dies leaves behind which
// nodes it had begun, how far it was, and whose the cordon is.

import type { Clock } from '../clock.ts'
import type { Kube } from '../kube/kube.ts'
import { writeRecord, type Maintenance, type MaintenanceNode, type StoredRecord } from './record.ts'

export interface NodeBook {
  readonly kube: Kube
  readonly clock: Clock
  /** Of the ensemble. */
  readonly namespace: string
  readonly runUrl: string
}

/** Nodes that were begun and not given back, in the order in which they were begun. */
export function nodesUnderMaintenance(stored: StoredRecord): readonly MaintenanceNode[] {
  return stored.record.maintenance?.nodes ?? []
}

/**
 * Enters a node, or takes over the entry that a dead run left of it. Throws LOCKED when another run
 * wrote the record: then nothing may be touched any more.
 */
export async function beginNode(
  book: NodeBook,
  stored: StoredRecord,
  node: Omit<MaintenanceNode, 'at'>,
  signal: AbortSignal,
): Promise<StoredRecord> {
  const entry: MaintenanceNode = { ...node, at: isoNow(book) }
  const before = nodesUnderMaintenance(stored)
  const nodes = before.some(({ name }) => name === node.name)
    ? before.map((one) => (one.name === node.name ? entry : one))
    : [...before, entry]
  return write(book, stored, nodes, signal)
}

/**
 * What changes of a node that was begun: its phase before it is entered, whose the cordon is once
 * that is known. No write where nothing changes.
 */
export async function advanceNode(
  book: NodeBook,
  stored: StoredRecord,
  name: string,
  change: Partial<Pick<MaintenanceNode, 'phase' | 'cordon' | 'placement' | 'keep'>>,
  signal: AbortSignal,
): Promise<StoredRecord> {
  const before = nodesUnderMaintenance(stored)
  const found = before.find((one) => one.name === name)
  if (found === undefined) return stored
  const next: MaintenanceNode = { ...found, ...change }
  if (
    next.phase === found.phase &&
    next.cordon === found.cordon &&
    next.placement === found.placement &&
    next.keep === found.keep
  )
    return stored
  return write(
    book,
    stored,
    before.map((one) => (one === found ? { ...next, at: isoNow(book) } : one)),
    signal,
  )
}

/** Takes out nodes that were given back, or that are gone. No write where none of them is in it. */
export async function endNodes(
  book: NodeBook,
  stored: StoredRecord,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<StoredRecord> {
  const before = nodesUnderMaintenance(stored)
  const left = before.filter(({ name }) => !names.has(name))
  return left.length === before.length ? stored : write(book, stored, left, signal)
}

async function write(
  book: NodeBook,
  stored: StoredRecord,
  nodes: readonly MaintenanceNode[],
  signal: AbortSignal,
): Promise<StoredRecord> {
  const since = stored.record.maintenance?.since ?? isoNow(book)
  const maintenance: Maintenance | null =
    nodes.length === 0 ? null : { runUrl: book.runUrl, since, nodes: [...nodes] }
  return writeRecord(
    book.kube,
    book.namespace,
    stored,
    { ...stored.record, maintenance },
    {},
    signal,
  )
}

function isoNow({ clock }: NodeBook): string {
  return new Date(clock.now()).toISOString()
}
