// The record of an ensemble while its lock is held: what it says, and the only writer of it. Each
// write goes by the resourceVersion of the one before; a 409 means that another run wrote.

import type { Clock } from '../clock.ts'
import { settledMade } from '../decide/cleanup.ts'
import { FIELD_MANAGER, type Kube, type KubeObject } from '../kube/kube.ts'
import { LAST_APPLIED } from '../manifests/owned.ts'
import { REVISION_KINDS } from './kept.ts'
import {
  nodesUnderMaintenance,
  withVerified,
  writeRecord,
  type DrainUnderWay,
  type EnsembleRecord,
  type MaintenanceNode,
  type StoredRecord,
  type UnderWay,
  type VerifiedRevision,
} from './record.ts'

/** Whose record it is, and the run that holds it. */
export interface RecordPlace {
  /** Of the ensemble. */
  readonly namespace: string
  /** Its name. */
  readonly name: string
  readonly runUrl: string
}

/** `since`: when the drain that is continued was begun. */
export type DrainBegun = Pick<DrainUnderWay, 'nodes' | 'digest' | 'done'> & {
  readonly since?: string
}

/** What changes of a node while it is under maintenance. */
export type NodeChange = Partial<Pick<MaintenanceNode, 'phase' | 'cordon' | 'placement' | 'keep'>>

/** Every verb that writes throws LOCKED when another run wrote the record. */
export class HeldRecord {
  readonly kube: Kube
  readonly place: RecordPlace
  readonly #clock: Clock
  #stored: StoredRecord

  constructor(kube: Kube, clock: Clock, place: RecordPlace, stored: StoredRecord) {
    this.kube = kube
    this.place = place
    this.#clock = clock
    this.#stored = stored
  }

  /** As it was last read or written. */
  get stored(): StoredRecord {
    return this.#stored
  }

  get current(): EnsembleRecord {
    return this.#stored.record
  }

  /**
   * A change begins; written before the first write to the ensemble. `toBeMade`: the objects that
   * are about to be made, so that a cleanup knows those of a run that is cut off before it can say
   * their UIDs.
   */
  async begin(
    change: Omit<UnderWay, 'runUrl' | 'since'>,
    signal: AbortSignal,
    toBeMade?: readonly {
      readonly manifest: { readonly object: KubeObject }
      readonly live: KubeObject | undefined
    }[],
  ): Promise<void> {
    // Who has not read what a run that was cut off has applied, has not read it now.
    const unread = change.unread ?? this.current.underWay?.unread
    await this.#write(
      {
        ...(toBeMade === undefined
          ? {}
          : {
              made: [
                ...settledMade(
                  this.current.made,
                  toBeMade.map(({ manifest, live }) => ({ object: manifest.object, live })),
                  FIELD_MANAGER,
                ),
              ],
            }),
        underWay: {
          ...change,
          ...(unread === undefined ? {} : { unread }),
          runUrl: this.place.runUrl,
          since: this.#now(),
        },
      },
      signal,
    )
  }

  /** Nothing is under way any more; no write where nothing was. */
  async end(signal: AbortSignal): Promise<void> {
    if (this.current.underWay !== null) await this.#write({ underWay: null }, signal)
  }

  /**
   * Remembers what this run created, so that a cleanup removes that and nothing else, also after a
   * failure.
   */
  async made(created: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    if (created.length > 0)
      await this.#write({ made: withMade(this.current.made, created) }, signal)
  }

  /** Those that were made here and are deleted, by UID. */
  async unmade(uids: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    await this.#write({ made: this.current.made.filter(({ uid }) => !uids.has(uid)) }, signal)
  }

  /** All that is left of an ensemble that was deleted: the claims that stay. */
  async leaveOnly(kept: NonNullable<EnsembleRecord['kept']>, signal: AbortSignal): Promise<void> {
    await this.#write({ revisions: [], made: [], underWay: null, kept }, signal)
  }

  /**
   * No change is under way, and this revision is verified when there is one to mark, or waits for
   * its members to read it (`unread`); no write when the record says so already.
   */
  async verified(
    revision: Omit<VerifiedRevision, 'verifiedAt' | 'runUrl'> | undefined,
    ensemble: { readonly uid: string; readonly objects: readonly KubeObject[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = this.current.ensemble
    const known = this.current.revisions.at(-1)
    const same =
      revision === undefined ||
      (known?.digest === revision.digest &&
        known.controllerRevision === revision.controllerRevision &&
        String(known.unread ?? '') === String(revision.unread ?? '') &&
        (known.verifiedAt === '') === (revision.unread !== undefined))
    if (same && this.current.underWay === null) return
    const closed = { ensemble: { name, uid: ensemble.uid }, underWay: null }
    if (revision === undefined) {
      await this.#write(closed, signal)
      return
    }
    const { revisions } = withVerified(this.current, {
      ...revision,
      verifiedAt: revision.unread === undefined ? this.#now() : '',
      runUrl: this.place.runUrl,
    })
    await this.#write({ ...closed, revisions }, signal, {
      [revision.digest]: ensemble.objects
        .filter((object) => REVISION_KINDS.has(object.kind))
        .map(withoutServerFields),
    })
  }

  /** No restart is under way, and the last revision was read by every member: it is verified. */
  async lastRead(signal: AbortSignal): Promise<void> {
    const last = this.current.revisions.at(-1)
    if (last === undefined) return
    const { unread: _read, ...entry } = last
    const verified = { ...entry, verifiedAt: this.#now(), runUrl: this.place.runUrl }
    await this.#write(
      { revisions: [...this.current.revisions.slice(0, -1), verified], underWay: null },
      signal,
    )
  }

  /** Enters a node, or takes over the entry that a dead run left of it. */
  async beginNode(node: Omit<MaintenanceNode, 'at'>, signal: AbortSignal): Promise<void> {
    const entry: MaintenanceNode = { ...node, at: this.#now() }
    const before = nodesUnderMaintenance(this.#stored)
    await this.#writeNodes(
      before.some(({ name }) => name === node.name)
        ? before.map((one) => (one.name === node.name ? entry : one))
        : [...before, entry],
      signal,
    )
  }

  /**
   * What changes of a node that was begun: its phase before it is entered, whose the cordon is once
   * that is known. No write where nothing changes.
   */
  async advanceNode(name: string, change: NodeChange, signal: AbortSignal): Promise<void> {
    const before = nodesUnderMaintenance(this.#stored)
    const found = before.find((one) => one.name === name)
    if (found === undefined) return
    const next: MaintenanceNode = { ...found, ...change }
    if (
      next.phase === found.phase &&
      next.cordon === found.cordon &&
      next.placement === found.placement &&
      next.keep === found.keep
    )
      return
    await this.#writeNodes(
      before.map((one) => (one === found ? { ...next, at: this.#now() } : one)),
      signal,
    )
  }

  /** Takes out nodes that were uncordoned, or that are gone. No write where none is in it. */
  async endNodes(names: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const before = nodesUnderMaintenance(this.#stored)
    const left = before.filter(({ name }) => !names.has(name))
    if (left.length < before.length) await this.#writeNodes(left, signal)
  }

  /**
   * Which nodes a drain is to do and which are done: a run that dies at the third of five nodes
   * leaves its successor two.
   */
  async beginDrain(drain: DrainBegun, signal: AbortSignal): Promise<void> {
    await this.#write(
      { drain: { ...drain, since: drain.since ?? this.#now(), runUrl: this.place.runUrl } },
      signal,
    )
  }

  /** `uid` of the node. */
  async nodeDrained(uid: string, signal: AbortSignal): Promise<void> {
    const { drain } = this.current
    if (drain === null || drain === undefined || drain.done.includes(uid)) return
    await this.#write({ drain: { ...drain, done: [...drain.done, uid] } }, signal)
  }

  async endDrain(signal: AbortSignal): Promise<void> {
    const { drain } = this.current
    if (drain !== null && drain !== undefined) await this.#write({ drain: null }, signal)
  }

  async #writeNodes(nodes: readonly MaintenanceNode[], signal: AbortSignal): Promise<void> {
    const since = this.current.maintenance?.since ?? this.#now()
    await this.#write(
      {
        maintenance:
          nodes.length === 0 ? null : { runUrl: this.place.runUrl, since, nodes: [...nodes] },
      },
      signal,
    )
  }

  async #write(
    change: Partial<EnsembleRecord>,
    signal: AbortSignal,
    objects: Readonly<Record<string, readonly KubeObject[]>> = {},
  ): Promise<void> {
    this.#stored = await writeRecord(
      this.kube,
      this.place.namespace,
      this.#stored,
      { record: { ...this.current, ...change }, objects },
      signal,
    )
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString()
  }
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
