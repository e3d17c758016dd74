// What must outlive us about an ensemble, in one ConfigMap beside it: which revisions were
// verified, what was made by us, and which change is under way.

import { z } from 'zod'
import { formatTime } from '../clock.ts'
import { failure } from '../errors.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { KubeFailure } from '../kube/failure.ts'
import { pack, unpack, type Kept } from './kept.ts'
import { NODE_ACTS } from '../report/run-report.ts'
import { keptUnder } from './names.ts'
import type { ProfileName } from '../view/profile-name.ts'

/** The ConfigMap's limit is 1 MiB for all keys; the oldest stored objects go first. */
const STORED_BYTES = 700_000
const STORED_REVISIONS = 10
const UNREAD = 'record.unreadable'
/** Characters of it that are kept. */
const LONGEST_UNREAD = 100_000
/** Characters of the record itself: more than a ConfigMap can hold is not ours. */
const LONGEST_RECORD = 1_048_576

const revision = z.object({
  /** Digest of template and companions. */
  digest: z.string(),
  /** Name of the ControllerRevision at the time; the controller may renumber it, the name stays. */
  controllerRevision: z.string(),
  image: z.string(),
  /** ISO time; empty while it is only applied and not yet verified. */
  verifiedAt: z.string(),
  /** `baseline` for one that was there before us. */
  origin: z.enum(['deploy', 'baseline', 'undo', 'scale']),
  /** The server's version that was verified, empty where it isn't known. */
  version: z.string().default(''),
  runUrl: z.string(),
  /** What a member took in the roll to it, milliseconds; absent where none was rolled. */
  memberMs: z.number().optional(),
  /** sha256 of its objects as they are kept, in hex; absent where an earlier version wrote it. */
  content: z.string().optional(),
  /**
   * Lives of members that had not read its ConfigMaps (UID of the pod and restarts, `uid/0`): it is
   * verified once none of them continues.
   */
  unread: z.array(z.string()).optional(),
})
const maintenance = z.object({
  runUrl: z.string(),
  /** ISO time of the first node that was begun. */
  since: z.string(),
  /** Nodes that were begun and not uncordoned. */
  nodes: z.array(
    z.object({
      name: z.string(),
      uid: z.string(),
      /**
       * The step that was about to be taken; `handed-over`: drained, and left cordoned on purpose
       * for steps of the user's own.
       */
      phase: z.enum([...NODE_ACTS, 'handed-over']),
      /** `theirs`: it was cordoned before us, and stays so. */
      cordon: z.enum(['ours', 'theirs']),
      placement: z.enum(['elsewhere', 'in-place']),
      /** Boot id of before, empty where the node tells none. */
      bootId: z.string().default(''),
      /** It stays cordoned whatever becomes of the drain (`uncordon: never`). */
      keep: z.boolean().optional(),
      /** Names of the members' pods that were on it. */
      members: z.array(z.string()),
      /** ISO time of the phase. */
      at: z.string(),
    }),
  ),
})
const drain = z.object({
  /** Names of the nodes that were asked for. */
  nodes: z.array(z.string()),
  /**
   * Of everything else that makes it this drain: placement, command, what becomes of the cordons.
   */
  digest: z.string(),
  since: z.string(),
  runUrl: z.string(),
  /** UIDs of the nodes that are done: one that was recreated under its name is not. */
  done: z.array(z.string()),
})
/** `volume`: the PersistentVolume that it is bound to. */
const claim = z.object({ name: z.string(), uid: z.string(), volume: z.string().optional() })
const made = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
})
const recordSchema = z.object({
  version: z.literal(1),
  ensemble: z.object({ name: z.string(), uid: z.string() }),
  revisions: z.array(revision),
  /**
   * Objects that a deploy of ours created; without a UID: was about to create, when it was cut off.
   */
  made: z.array(made),
  /** Claims that a cleanup left, with their data: whose they are is known by nothing else. */
  kept: z.array(claim).optional(),
  /** The change that is under way, or was when a run was killed. */
  underWay: z
    .object({
      operation: z.string(),
      digest: z.string(),
      previous: z.string(),
      runUrl: z.string(),
      since: z.string(),
      /** UID of the StatefulSet that it was begun on; absent where it was not there yet. */
      set: z.string().optional(),
      /**
       * restart: UIDs of the pods that were to be replaced; those that are still there remain to be
       * done.
       */
      pods: z.array(z.string()).optional(),
      /**
       * deploy: lives of the members that have not read the ConfigMaps that are applied, see
       * `unread` of a revision.
       */
      unread: z.array(z.string()).optional(),
      /** scale: the number of members to reach. */
      replicas: z.number().optional(),
      /**
       * deploy: how many members there were, where all that it does is to make more of them just as
       * the latest verified revision makes them; a scale may go back to that number.
       */
      from: z.number().optional(),
      /**
       * scale: the set's own updateStrategy, null where none is written; while members are replaced
       * one by one the cluster has OnDelete.
       */
      strategy: z.record(z.string(), z.unknown()).nullish(),
      /**
       * scale with delete-claims: the claims that were to be deleted once their members are gone.
       * cleanup: all of the ensemble's.
       */
      claims: z.array(claim).optional(),
      /**
       * scale: the Services to be deleted once their members are gone, of those that were made
       * here.
       */
      services: z.array(z.object({ name: z.string(), uid: z.string() })).optional(),
    })
    .nullable(),
  /** Nodes under maintenance for this ensemble; absent when there are none. */
  maintenance: maintenance.nullish(),
  /** The drain that is under way, or was when a run was killed; absent when there is none. */
  drain: drain.nullish(),
})

export type EnsembleRecord = z.infer<typeof recordSchema>
export type Maintenance = z.infer<typeof maintenance>
export type DrainUnderWay = z.infer<typeof drain>
export type MaintenanceNode = Maintenance['nodes'][number]
export type VerifiedRevision = z.infer<typeof revision>

export interface StoredRecord {
  readonly record: EnsembleRecord
  /** The ConfigMap it was read from; undefined for one that isn't there yet. */
  readonly object: KubeObject | undefined
  /**
   * Why what was there could not be read, in words without a full stop: it is kept beside the new
   * record, and nothing of it counts.
   */
  readonly setAside?: string
}

export function emptyRecord(name: string): EnsembleRecord {
  return { version: 1, ensemble: { name, uid: '' }, revisions: [], made: [], underWay: null }
}

export function recordName(ensemble: string): string {
  return keptUnder(ensemble)
}

/** `set-aside`: one that can't be read does not stop what is possible without it; else CONFLICT. */
export async function readRecord(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ensemble: string,
  signal: AbortSignal,
  unreadable: 'refuse' | 'set-aside' = 'refuse',
): Promise<StoredRecord> {
  const name = recordName(ensemble)
  const object = await kube.get({ apiVersion: 'v1', kind: 'ConfigMap', name, namespace }, signal)
  if (object === undefined) return { record: emptyRecord(ensemble), object: undefined }
  const read = recordIn(object)
  if ('record' in read) return { record: read.record, object }
  if (unreadable === 'set-aside')
    return { record: emptyRecord(ensemble), object, setAside: read.why }
  throw failure(
    'refused',
    'CONFLICT',
    `the record of ${ensemble} in configmap/${name} can't be read: ${read.place ?? read.why}`,
    {
      object: `configmap/${name}`,
      fix: `Restore it, or delete it and start again: kubectl delete configmap ${name} --namespace ${namespace} (the list of verified revisions goes with it). operation: undo with to-revision goes by the history of the StatefulSet and needs no record.`,
    },
  )
}

/** `place`: the first part of it that is no record of ours. */
type Read =
  | { readonly record: EnsembleRecord }
  | { readonly why: string; readonly place?: string | undefined }

/** The record that a ConfigMap holds, or why there is none in it. */
function recordIn(object: KubeObject): Read {
  const data = z.record(z.string(), z.string()).safeParse(object['data'] ?? {})
  const text = data.success ? data.data['record.json'] : undefined
  if (text === undefined) return { why: 'it holds no record.json' }
  if (text.length > LONGEST_RECORD)
    return { why: 'it is larger than 1 MiB, more than a ConfigMap holds' }
  const raw = parseJson(text)
  if (raw === undefined) return { why: 'it is no JSON' }
  const parsed = recordSchema.safeParse(raw)
  return parsed.success
    ? { record: parsed.data }
    : { why: 'it is no record of this action', place: z.prettifyError(parsed.error).split('\n')[0] }
}

/**
 * The record for the StatefulSet of this UID: what was begun on another one of its name, which is
 * gone, is not under way. `dropped`: that it was.
 */
export function ofThisSet<T extends StoredRecord>(
  stored: T,
  uid: string | undefined,
): { readonly stored: T; readonly dropped: EnsembleRecord['underWay'] } {
  const { underWay } = stored.record
  if (underWay?.set === undefined || uid === undefined || underWay.set === uid)
    return { stored, dropped: null }
  return { stored: { ...stored, record: { ...stored.record, underWay: null } }, dropped: underWay }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `objects`: those of revisions, by digest, that are kept with it. */
export interface RecordChange {
  readonly record: EnsembleRecord
  readonly objects: Readonly<Record<string, readonly KubeObject[]>>
}

/**
 * Writes the whole record (create or PUT with its resourceVersion); a 409 means that another run
 * wrote: stop and touch nothing.
 */
export async function writeRecord(
  kube: Kube,
  namespace: string,
  stored: StoredRecord,
  change: RecordChange,
  signal: AbortSignal,
): Promise<StoredRecord> {
  const kept = keepObjects(stored, change)
  const record = { ...change.record, revisions: kept.revisions }
  const object = configMapOf(namespace, stored, record, kept.binary)
  try {
    const written =
      stored.object === undefined
        ? await kube.create(object, signal)
        : await kube.replace(object, signal)
    return { record, object: written }
  } catch (error) {
    throw notWritten(error, stored, record.ensemble.name)
  }
}

/** The objects of revisions that are stored from now on, and the revisions with the digest of them. */
function keepObjects(
  stored: StoredRecord,
  { record, objects }: RecordChange,
): { readonly revisions: VerifiedRevision[]; readonly binary: Record<string, string> } {
  const before = z
    .record(z.string(), z.string())
    .catch({})
    .parse(stored.object?.['binaryData'] ?? {})
  const kept = record.revisions.map((entry) => storeKey(entry.digest))
  const binary: Record<string, string> = {}
  for (const [key, value] of Object.entries(before))
    if (kept.includes(key) || stored.setAside !== undefined) binary[key] = value
  const packed = new Map(Object.entries(objects).map(([digest, list]) => [digest, pack(list)]))
  for (const [digest, { base64 }] of packed) binary[storeKey(digest)] = base64
  trim(binary, kept)
  const revisions = record.revisions.map((entry) => ({
    ...entry,
    content: packed.get(entry.digest)?.content ?? entry.content,
  }))
  return { revisions, binary }
}

function configMapOf(
  namespace: string,
  stored: StoredRecord,
  record: EnsembleRecord,
  binaryData: Readonly<Record<string, string>>,
): KubeObject {
  const before = stored.object?.metadata
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...(before ?? { name: recordName(record.ensemble.name), namespace }),
      labels: { ...before?.labels, 'app.kubernetes.io/managed-by': 'zk-ensemble-action' },
    },
    data: {
      ...unreadOf(stored),
      'record.json': JSON.stringify(recordSchema.parse(record), undefined, 1),
    },
    binaryData,
  }
}

/** What a write that failed says: of an answer that tells of another run, that it has written. */
function notWritten(error: unknown, stored: StoredRecord, ensemble: string): unknown {
  if (!(error instanceof KubeFailure)) return error
  const object = `configmap/${recordName(ensemble)}`
  if (error.status === 404 && stored.object !== undefined)
    return failure(
      'failed',
      'CONFLICT',
      `the record of ${ensemble} (${object}) was deleted meanwhile: nothing more is changed`,
      {
        object,
        fix: `See who deletes it, and how the ensemble stands (operation: status), then run the step again: it begins a new record.`,
      },
      error,
    )
  if (error.status !== 409) return error
  return failure(
    'refused',
    'LOCKED',
    `the record of ${ensemble} was written by another run meanwhile; nothing more was changed`,
    { object },
    error,
  )
}

/** What could not be read, under another key, for whoever wants to see what happened to it. */
function unreadOf({ object, setAside }: StoredRecord): Readonly<Record<string, string>> {
  const data = z
    .record(z.string(), z.string())
    .catch({})
    .parse(object?.['data'] ?? {})
  const text = setAside === undefined ? data[UNREAD] : (data['record.json'] ?? data[UNREAD])
  return text === undefined ? {} : { [UNREAD]: text.slice(0, LONGEST_UNREAD) }
}

/** A ConfigMap's key takes letters, digits, `-`, `_` and `.` only. */
function storeKey(digest: string): string {
  return `objects-${digest.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}`
}

/**
 * Keeps the newest: the order of `kept` is the order of the revisions, oldest first; what belongs
 * to none of them goes before.
 */
function trim(binary: Record<string, string>, kept: readonly string[]): void {
  const size = (): number => Object.values(binary).reduce((sum, value) => sum + value.length, 0)
  // One that fits with nothing must not take the others with it.
  for (const [key, value] of Object.entries(binary))
    if (value.length > STORED_BYTES) delete binary[key]
  for (const key of [...Object.keys(binary).filter((one) => !kept.includes(one)), ...kept]) {
    if (Object.keys(binary).length <= STORED_REVISIONS && size() <= STORED_BYTES) return
    delete binary[key]
  }
}

/** What is kept of a revision's objects. Never throws. */
export function keptOf({ object, record }: StoredRecord, digest: string): Kept {
  const binary = z
    .record(z.string(), z.string())
    .catch({})
    .parse(object?.['binaryData'] ?? {})
  const packed = binary[storeKey(digest)]
  const entry = record.revisions.findLast((one) => one.digest === digest)
  return packed === undefined
    ? { kind: 'not kept' }
    : unpack(packed, {
        namespace: object?.metadata.namespace,
        name: record.ensemble.name,
        content: entry?.content,
      })
}

/**
 * The objects of a revision as they were applied; what can't be believed is as good as not kept.
 */
export function objectsOf(stored: StoredRecord, digest: string): readonly KubeObject[] | undefined {
  const kept = keptOf(stored, digest)
  return kept.kind === 'kept' ? kept.objects : undefined
}

/**
 * The record with this revision verified: moved to the end, so that the last one is always the
 * latest.
 */
export function withVerified(record: EnsembleRecord, verified: VerifiedRevision): EnsembleRecord {
  const others = record.revisions.filter((entry) => entry.digest !== verified.digest)
  return { ...record, revisions: [...others, verified].slice(-25) }
}

/** Nodes that were begun and not uncordoned, in the order in which they were begun. */
export function nodesUnderMaintenance(stored: StoredRecord): readonly MaintenanceNode[] {
  return stored.record.maintenance?.nodes ?? []
}

export function latestVerified(record: EnsembleRecord): VerifiedRevision | undefined {
  return record.revisions.findLast((entry) => entry.verifiedAt !== '')
}

/** The one that was applied last: also one that is not verified before its members have read it. */
export function latestApplied(record: EnsembleRecord): VerifiedRevision | undefined {
  const last = record.revisions.at(-1)
  return last?.unread === undefined ? latestVerified(record) : last
}

/** The StatefulSet as it was applied with this revision; undefined where it was not kept. */
export function recordedSet(
  stored: StoredRecord,
  revision: VerifiedRevision | undefined,
): KubeObject | undefined {
  const objects = revision && objectsOf(stored, revision.digest)
  return objects?.find(({ kind }) => kind === 'StatefulSet')
}

/** Names of the ControllerRevisions that were verified. */
export function verifiedNames(record: EnsembleRecord): ReadonlySet<string> {
  return new Set(
    record.revisions
      .filter((entry) => entry.verifiedAt !== '')
      .map((entry) => entry.controllerRevision),
  )
}

export type UnderWay = NonNullable<EnsembleRecord['underWay']>

/** An ISO time as people read it; whatever else a record may hold stays as it is. */
export function utcOf(since: string): string {
  const at = Date.parse(since)
  return Number.isNaN(at) ? since : formatTime(at)
}

/** `name`: of the ensemble. */
export function underWayInWords({ operation, since }: UnderWay, name: string): string {
  return `${operation === 'undo' ? 'an' : 'a'} ${operation} of ${name} was begun at ${utcOf(since)} and has not ended`
}

/** A note: it was begun on a StatefulSet that is gone. */
export function droppedInWords({ operation, since }: UnderWay, name: string): string {
  return `The ${operation} that was begun at ${utcOf(since)} is ignored: statefulset/${name} was deleted since, and another one was made under its name.`
}

/** What continues it, for a sentence. */
export function continuedBy({ operation, replicas }: UnderWay): string {
  const number = replicas === undefined ? '' : ` with replicas: ${replicas}`
  return operation === 'deploy'
    ? 'run the deploy again'
    : `run operation: ${operation} again${number}`
}

/** It changes who the members are, which an undo can't change back. */
export function changesMembers({ operation, from }: UnderWay): boolean {
  return operation === 'scale' || from !== undefined
}

/** What stands in the way of another change. */
export interface Begun {
  /** `a scale of zk was begun at … and has not ended` */
  readonly words: string
  /** What ends it, after a colon. */
  readonly ways: string
  /** The same as a fix. */
  readonly end: string
}

/** `name`: of the ensemble. */
export function begunInWords(underWay: UnderWay, name: string, profile: ProfileName): Begun {
  const ways = waysToEnd(underWay, profile)
  return { words: underWayInWords(underWay, name), ways, end: `Finish it first: ${ways}` }
}

/** The scale that was begun and is not recorded as finished. */
export function scaleBegun(
  record: EnsembleRecord | undefined,
  name: string,
  profile: ProfileName,
): Begun | undefined {
  const underWay = record?.underWay
  return underWay?.operation === 'scale' ? begunInWords(underWay, name, profile) : undefined
}

function waysToEnd({ operation, replicas, from, runUrl }: UnderWay, profile: ProfileName): string {
  const by = runUrl === '' ? '' : ` (it was begun by ${runUrl})`
  // Members that have left don't come back by an undo: only the scale itself ends it; and a node
  // that has begun to leave its ring doesn't come back by a larger number either.
  if (operation === 'scale') {
    const other =
      profile === 'cassandra'
        ? ', or with the number that is there if all of them still serve'
        : ', or with another number'
    return `run operation: scale again, with replicas: ${replicas ?? 'NUMBER'} as it was begun${other}${by}.`
  }
  if (operation === 'cleanup')
    return `run operation: cleanup again${by}; a deploy creates it again.`
  if (from !== undefined)
    return `run the ${operation} again, or remove the members that it made with operation: scale, replicas: ${from}${by}.`
  return operation === 'undo'
    ? `operation: undo continues it, and with to-revision it goes to another revision${by}.`
    : `run the ${operation} again, or roll it back with operation: undo${by}.`
}
