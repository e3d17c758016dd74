// What the record of earlier runs tells, for an operation that can do without it: why it is silent
// is a note, never a failure.

import { formatTime } from '../../clock.ts'
import { EnsembleError } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import type { WayOn } from '../../decide/status.ts'
import { seeLock } from '../../record/lock.ts'
import {
  changesMembers,
  utcOf,
  continuedBy,
  latestApplied,
  nodesUnderMaintenance,
  recordedSet,
  readRecord,
  recordName,
  type EnsembleRecord,
  type MaintenanceNode,
  type StoredRecord,
} from '../../record/record.ts'
import { leftCordoned, staysOnPurpose } from '../../record/uncordon-left.ts'
import { partitionOf } from '../../manifests/partition.ts'

export interface Recalled {
  /** Undefined where there is none, or it can't be read. */
  readonly record: EnsembleRecord | undefined
  /** The change that was begun and isn't recorded as finished, in words without a full stop. */
  readonly unfinished: string | undefined
  readonly way?: WayOn
  /** Its run still shows signs of life; undefined when that can't be told. */
  readonly alive: boolean | undefined
  /**
   * When the lock of that run was last renewed, by its own clock: a sign of life when it changes.
   */
  readonly renewed: number | undefined
  /** The partition in the manifest of the latest verified revision. */
  readonly ownPartition: number | undefined
  /** One sentence each. */
  readonly notes: readonly string[]
}

/** A run renews its lock every quarter of a minute; clocks may differ by minutes. */
const DEAD_AFTER_MS = 300_000

/**
 * Rejects only with failures that concern more than the record (the API is away, the run was
 * cancelled). `now`: milliseconds since the epoch.
 */
export async function recall(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ensemble: string,
  now: number,
  signal: AbortSignal,
): Promise<Recalled> {
  const silent = (why: string): Recalled => ({
    record: undefined,
    unfinished: undefined,
    alive: undefined,
    renewed: undefined,
    ownPartition: undefined,
    notes: [why],
  })
  const map = `configmap/${recordName(ensemble)}`
  const unknown = 'what was verified, and whether a change is under way, is not known'
  try {
    const stored = await readRecord(kube, namespace, ensemble, signal)
    if (stored.object === undefined)
      return silent(
        `There is no record of this ensemble (${map}): no run of this action has changed it, so what was verified is not known.`,
      )
    const { record } = stored
    const kept = [...stayingNotes(stored), ...unreadNotes(record)]
    const left = leftCordoned(stored)
      .filter(isOurs)
      .map(({ name }) => name)
    const ownPartition = ownPartitionOf(stored)
    const ended = { unfinished: undefined, alive: undefined, renewed: undefined }
    if (record.underWay === null && left.length === 0)
      return { record, ...ended, ownPartition, notes: kept }
    const { text, alive, renewed } = await lifeOf(kube, namespace, ensemble, now, signal)
    const cordoned = left.length === 0 ? [] : [leftNote(stored, left, text, alive)]
    // A drain is no change of the set: nobody who waits for a roll waits for it.
    if (record.underWay === null)
      return { record, ...ended, ownPartition, notes: [...cordoned, ...kept] }
    const unfinished = begun(record.underWay)
    const notes = [`An unfinished change: ${unfinished}; ${text}.`, ...cordoned, ...kept]
    const way = {
      again: continuedBy(record.underWay),
      undo: !changesMembers(record.underWay) && record.underWay.operation !== 'undo',
    }
    return { record, unfinished, way, alive, renewed, ownPartition, notes }
  } catch (error) {
    if (isDenied(error))
      return silent(
        `The record (${map}) may not be read, the right get configmaps is missing: ${unknown}.`,
      )
    if (error instanceof EnsembleError && error.code === 'CONFLICT')
      return silent(`${error.message}: ${unknown}.`)
    throw error
  }
}

/** Nodes whose drain did not end: of a run that is at work, or of one that died. */
function leftNote(
  { record: { maintenance } }: StoredRecord,
  nodes: readonly string[],
  life: string,
  alive: boolean | undefined,
): string {
  const { since, runUrl } = { since: '', runUrl: '', ...maintenance }
  const [are, them] = nodes.length === 1 ? ['is', 'it'] : ['are', 'them']
  const way =
    alive === true
      ? ''
      : ` The next run that changes the ensemble uncordons ${them} first; operation: uncordon does it now.`
  return `By the record ${nodes.join(', ')} ${are} cordoned: ${begun({ operation: 'drain', since, runUrl })}; ${life}.${way}`
}

/** A cordon that no run removes by itself is easily forgotten. */
function stayingNotes(stored: StoredRecord): readonly string[] {
  const staying = nodesUnderMaintenance(stored).filter((one) => isOurs(one) && staysOnPurpose(one))
  const named = (ended: boolean): readonly string[] =>
    staying.filter(({ phase }) => (phase === 'handed-over') === ended).map(({ name }) => name)
  const [drained, cutOff] = [named(true), named(false)]
  return [
    ...(drained.length === 0
      ? []
      : [
          `By the record ${drained.join(', ')} ${drained.length === 1 ? 'was' : 'were'} drained and left cordoned for the maintenance; operation: uncordon ends it.`,
        ]),
    ...(cutOff.length === 0
      ? []
      : [
          `By the record ${cutOff.join(', ')} ${cutOff.length === 1 ? 'was' : 'were'} left cordoned by a drain that did not end, and that was to leave its nodes cordoned: operation: uncordon removes the cordon.`,
        ]),
  ]
}

function isOurs({ cordon }: MaintenanceNode): boolean {
  return cordon === 'ours'
}

function begun({
  operation,
  since,
  runUrl,
}: Pick<NonNullable<EnsembleRecord['underWay']>, 'operation' | 'since' | 'runUrl'>): string {
  return `${operation} was begun at ${utcOf(since)} and is not recorded as finished${runUrl === '' ? '' : ` (${runUrl})`}`
}

async function lifeOf(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ensemble: string,
  now: number,
  signal: AbortSignal,
): Promise<Pick<Recalled, 'alive' | 'renewed'> & { readonly text: string }> {
  try {
    const lock = await seeLock(kube, namespace, ensemble, signal)
    if (lock === undefined)
      return {
        text: 'no run holds the lock any more, so nobody continues it',
        alive: false,
        renewed: undefined,
      }
    const last = lock.renewed === undefined ? '' : `, last renewed at ${formatTime(lock.renewed)}`
    if (lock.renewed !== undefined && now - lock.renewed > DEAD_AFTER_MS)
      return {
        text: `the lock is still that of ${lock.holder}${last}: that run is gone, the next one takes over`,
        alive: false,
        renewed: lock.renewed,
      }
    return { text: `the lock is held by ${lock.holder}${last}`, alive: true, renewed: lock.renewed }
  } catch (error) {
    if (isDenied(error))
      return {
        text: 'whether its run still lives is not known, the right get leases is missing',
        alive: undefined,
        renewed: undefined,
      }
    throw error
  }
}

function unreadNotes({ revisions }: EnsembleRecord): readonly string[] {
  const last = revisions.at(-1)
  if (last?.unread === undefined) return []
  return [
    `The ConfigMaps beside revision ${last.controllerRevision} are not verified${last.runUrl === '' ? '' : ` (${last.runUrl})`}: members had not started since they were changed. operation: restart lets every member read them, and verifies.`,
  ]
}

function ownPartitionOf(stored: StoredRecord): number | undefined {
  const set = recordedSet(stored, latestApplied(stored.record))
  return set === undefined ? undefined : partitionOf(set)
}

function isDenied(error: unknown): boolean {
  return error instanceof KubeFailure && error.status === 403
}
