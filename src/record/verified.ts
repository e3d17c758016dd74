// Marks revisions as verified in the record, and takes a healthy ensemble that we meet for the
// first time as the baseline to go back to.

import type { Clock } from '../clock.ts'
import { settledMade } from '../decide/cleanup.ts'
import { FIELD_MANAGER, type Kube, type KubeObject } from '../kube/kube.ts'
import { LAST_APPLIED } from '../manifests/owned.ts'
import { REVISION_KINDS } from './kept.ts'
import {
  withVerified,
  writeRecord,
  type EnsembleRecord,
  type StoredRecord,
  type VerifiedRevision,
} from './record.ts'

export interface Marking {
  readonly kube: Kube
  readonly clock: Clock
  readonly namespace: string
  readonly runUrl: string
}

/** What the record says when a change begins; written before the first write to the ensemble. */
export async function recordUnderWay(
  marking: Marking,
  stored: StoredRecord,
  change: Omit<NonNullable<EnsembleRecord['underWay']>, 'runUrl' | 'since'>,
  signal: AbortSignal,
): Promise<StoredRecord> {
  // Who has not read what a run that was cut off has applied, has not read it now.
  const unread = change.unread ?? stored.record.underWay?.unread
  const record: EnsembleRecord = {
    ...stored.record,
    underWay: {
      ...change,
      ...(unread === undefined ? {} : { unread }),
      runUrl: marking.runUrl,
      since: new Date(marking.clock.now()).toISOString(),
    },
  }
  return writeRecord(marking.kube, marking.namespace, stored, record, {}, signal)
}

/** The record with nothing under way any more. */
export async function endUnderWay(
  marking: Marking,
  stored: StoredRecord,
  signal: AbortSignal,
): Promise<StoredRecord> {
  if (stored.record.underWay === null) return stored
  return writeRecord(
    marking.kube,
    marking.namespace,
    stored,
    { ...stored.record, underWay: null },
    {},
    signal,
  )
}

/**
 * The record with the objects that are about to be made: of a run that is cut off before it can say
 * their UIDs, a cleanup knows them all the same.
 */
export function withToBeMade(
  stored: StoredRecord,
  plan: readonly {
    readonly manifest: { readonly object: KubeObject }
    readonly live: KubeObject | undefined
  }[],
): StoredRecord {
  const made = settledMade(
    stored.record.made,
    plan.map(({ manifest, live }) => ({ object: manifest.object, live })),
    FIELD_MANAGER,
  )
  return { ...stored, record: { ...stored.record, made: [...made] } }
}

/**
 * Remembers what this run created, so that a cleanup removes that and nothing else, also after a
 * failure.
 */
export async function recordMade(
  marking: Marking,
  stored: StoredRecord,
  created: readonly KubeObject[],
  signal: AbortSignal,
): Promise<StoredRecord> {
  if (created.length === 0) return stored
  return writeRecord(
    marking.kube,
    marking.namespace,
    stored,
    { ...stored.record, made: withMade(stored.record.made, created) },
    {},
    signal,
  )
}

/**
 * The record with no change under way, and with this revision verified when there is one to mark,
 * or waiting for its members to read it (`unread`); no write when it says so already.
 */
export async function markVerified(
  marking: Marking,
  stored: StoredRecord,
  revision: Omit<VerifiedRevision, 'verifiedAt' | 'runUrl'> | undefined,
  ensemble: { readonly uid: string; readonly objects: readonly KubeObject[] },
  signal: AbortSignal,
): Promise<StoredRecord> {
  const known = stored.record.revisions.at(-1)
  const same =
    revision === undefined ||
    (known?.digest === revision.digest &&
      known.controllerRevision === revision.controllerRevision &&
      String(known.unread ?? '') === String(revision.unread ?? '') &&
      (known.verifiedAt === '') === (revision.unread !== undefined))
  if (same && stored.record.underWay === null) return stored
  const at = new Date(marking.clock.now()).toISOString()
  const revised =
    revision === undefined
      ? stored.record
      : withVerified(stored.record, {
          ...revision,
          verifiedAt: revision.unread === undefined ? at : '',
          runUrl: marking.runUrl,
        })
  const record: EnsembleRecord = {
    ...revised,
    ensemble: { name: stored.record.ensemble.name, uid: ensemble.uid },
    underWay: null,
  }
  return writeRecord(
    marking.kube,
    marking.namespace,
    stored,
    record,
    revision === undefined
      ? {}
      : {
          [revision.digest]: ensemble.objects
            .filter((object) => REVISION_KINDS.has(object.kind))
            .map(withoutServerFields),
        },
    signal,
  )
}

function withMade(
  before: EnsembleRecord['made'],
  objects: readonly KubeObject[],
): EnsembleRecord['made'] {
  const added = objects.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? '',
  }))
  return [
    ...before.filter((old) => !added.some((one) => one.kind === old.kind && one.name === old.name)),
    ...added,
  ]
}

/** What the server adds does not belong to a revision; of a Secret only its name is kept. */
function withoutServerFields(object: KubeObject): KubeObject {
  const { name, namespace, labels } = object.metadata
  const { [LAST_APPLIED]: _copy, ...annotations } = object.metadata.annotations ?? {}
  const place = { name, ...(namespace === undefined ? {} : { namespace }) }
  if (object.kind === 'Secret')
    return { apiVersion: object.apiVersion, kind: object.kind, metadata: place }
  const metadata = {
    ...place,
    ...(labels === undefined ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
  const { status: _status, ...rest } = object
  return { ...rest, metadata }
}
