// One namespace's cleanup from the first look to the last act: what goes, under the locks of its
// ensembles, then the namespace with the rest, or record and Lease where it stays.

import { formatSpan, type Deadline } from '../../clock.ts'
import { failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { lockFor } from '../open/hold-ensemble.ts'
import { objectName, type Kube, type KubeObject, type ObjectMeta } from '../../kube/kube.ts'
import {
  leaseName,
  readHolder,
  seeLock,
  underLock,
  type Lock,
  RELEASE_MS,
} from '../../record/lock.ts'
import { recordName } from '../../record/record.ts'
import type { Run } from '../../run.ts'
import type { ClaimView } from '../../view/surroundings.ts'
import { refuseMissing, rightsToCleanUp, rightsToDeleteNamespace } from '../open/access.ts'
import { deleteNamespace, readPlace, whyStays, type Place } from './cleanup-namespace.ts'
import {
  handedOver,
  isDone,
  keepsRecord,
  refuseMaintenance,
  survey,
  type Survey,
} from './cleanup-survey.ts'
import { leftCordoned } from '../../record/uncordon-left.ts'
import { awaitNamespaceGone } from '../apply/namespace.ts'
import { recoverNodes } from '../../record/recover-nodes.ts'
import { deleteEnsemble, volumesOf, volumesThere } from './delete-ensemble.ts'
import { untilGone, waitingOf } from '../apply/until-gone.ts'
import { HeldRecord } from '../../record/held-record.ts'

/** One whose lock is held. */
interface HeldSurvey extends Survey {
  readonly record: HeldRecord
}

export interface Cleaning {
  readonly kube: Kube
  readonly run: Run
  readonly namespace: string
  /**
   * Of the ensemble; undefined: all that deploys of this action made in a namespace that is ours.
   */
  readonly name: string | undefined
  readonly deleteClaims: boolean
  readonly deadline: Deadline
  /** Of a sweep: whether its time is still over, asked again before it goes. */
  readonly stillDue?: (namespace: ObjectMeta) => boolean
}

/** What became of the namespace, or what would, and why in words. */
export interface Cleaned {
  readonly outcome: 'gone' | 'stays' | 'not due'
  readonly note: string
}

interface Seen {
  readonly place: Place
  readonly found: readonly Survey[]
}

/** Takes away, waits, and says what stays. */
export async function cleanUp(cleaning: Cleaning, signal: AbortSignal): Promise<Cleaned> {
  const { kube, run, namespace, deadline } = cleaning
  const { place, found } = await run.journal.phase(`Look at ${namespace}`, (done) =>
    look(cleaning, signal, done),
  )
  if (place.kind === 'missing')
    return { outcome: 'gone', note: `namespace ${namespace} is not there` }
  if (place.kind === 'terminating') {
    run.journal.info(`namespace/${namespace} is being deleted already: it is waited for.`)
    await awaitNamespaceGone(kube, place.object.metadata, waitingOf(run, deadline), signal)
    return {
      outcome: 'gone',
      note: `namespace ${namespace} was being deleted already, and is gone`,
    }
  }
  const [done, todo] = [true, false].map((is) =>
    found.filter((one) => isDone(one, cleaning.deleteClaims, place.kind === 'ours') === is),
  )
  const names = (todo ?? []).map(({ name }) => name)
  const locks: Lock[] = []
  try {
    for (const name of names) locks.push(await lockOf(cleaning, name, signal))
    return await underLocks(
      cleaning,
      { locks, names, done: done ?? [] },
      AbortSignal.any([signal, ...locks.map(({ lost }) => lost)]),
    )
  } finally {
    for (const lock of locks) await lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

/** What would be deleted: no lock, no write of any kind. */
export async function cleanUpDry(cleaning: Cleaning, signal: AbortSignal): Promise<Cleaned> {
  const {
    kube,
    run: { report },
    namespace,
  } = cleaning
  const { place, found } = await look(cleaning, signal, () => undefined)
  if (place.kind === 'missing')
    return { outcome: 'gone', note: `namespace ${namespace} is not there` }
  if (place.kind === 'terminating')
    return { outcome: 'gone', note: `namespace ${namespace} is being deleted already` }
  for (const one of found) {
    const lock = await seeLock(kube, namespace, one.name, signal)
    if (lock !== undefined)
      report.note(
        `Another run holds the lock of ${namespace}/${one.name} now: ${lock.holder}. It would be waited for.`,
      )
    tellWhatGoes(cleaning, one, place.kind === 'ours')
  }
  const stays = await staysFor(cleaning, kube, place, found, signal)
  if (stays === undefined) {
    report.row({
      object: `namespace/${namespace}`,
      change: 'deleted',
      note: 'would be, with all that is in it',
    })
    return { outcome: 'gone', note: 'would be deleted' }
  }
  return { outcome: 'stays', note: stays }
}

async function look(
  cleaning: Cleaning,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Seen> {
  const { kube, run, namespace, name, deleteClaims } = cleaning
  const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
  if (place.kind === 'missing' || place.kind === 'terminating') {
    done(place.kind === 'missing' ? 'it is not there' : 'it is being deleted')
    return { place, found: [] }
  }
  const found = await Promise.all(
    (name === undefined ? await ensemblesIn(kube, namespace, signal) : [name]).map((one) =>
      survey(kube, namespace, one, deleteClaims, signal),
    ),
  )
  for (const one of found) refuseMaintenance(one, await handedOver(kube, one, signal))
  const kinds = found.flatMap(({ sets, objects }) => [...sets, ...objects])
  refuseMissing(
    await kube.denied(
      [
        ...rightsToCleanUp(namespace, kinds, deleteClaims),
        ...(place.kind === 'ours' ? rightsToDeleteNamespace(namespace) : []),
      ],
      signal,
    ),
    'ACCESS_DENIED',
  )
  const count = kinds.length + (deleteClaims ? found.flatMap(({ claims }) => claims).length : 0)
  done(
    `${found.length === 0 ? 'no ensemble' : found.map((one) => one.name).join(', ')}, ${count} ${count === 1 ? 'object' : 'objects'} to delete${place.kind === 'ours' ? ', made by this action' : ''}`,
  )
  const [only, second] = found
  if (only !== undefined && second === undefined && cleaning.stillDue === undefined)
    run.report.about({ name: only.name })
  return { place, found }
}

/** By record or Lease: either may be the last trace of a run that was cut off. */
async function ensemblesIn(
  kube: Kube,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const prefix = recordName('')
  const [records, leases] = await Promise.all([
    kube.list(
      { apiVersion: 'v1', kind: 'ConfigMap' },
      { namespace, labels: 'app.kubernetes.io/managed-by=zk-ensemble-action' },
      signal,
    ),
    kube.list({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }, { namespace }, signal),
  ])
  const names = [...records.items, ...leases.items]
    .map(({ metadata }) => metadata.name)
    .filter((one) => one.startsWith(prefix) && one.length > prefix.length)
  return [...new Set(names.map((one) => one.slice(prefix.length)))].toSorted()
}

async function lockOf(
  { kube, run, namespace, deadline }: Cleaning,
  name: string,
  signal: AbortSignal,
): Promise<Lock> {
  const lockable = { namespace, ensemble: name, until: deadline }
  return lockFor(kube, { dryRun: false }, run, lockable, signal)
}

/**
 * Ensembles that are taken away with the lock of each, in one order; `done`: others of the
 * namespace, of which nothing is left to take away.
 */
interface Held {
  readonly locks: Lock[]
  readonly names: readonly string[]
  readonly done: readonly Survey[]
}

async function underLocks(
  cleaning: Cleaning,
  { locks, names, done: others }: Held,
  signal: AbortSignal,
): Promise<Cleaned> {
  const { kube, run, namespace, name, deleteClaims, deadline } = cleaning
  const { journal, report } = run
  // Read again: another run may have changed all of it while its lock was waited for.
  const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
  if (place.kind !== 'ours' && place.kind !== 'theirs')
    return { outcome: 'gone', note: `namespace ${namespace} was deleted meanwhile` }
  if (place.kind === 'ours' && cleaning.stillDue?.(place.object.metadata) === false)
    return { outcome: 'not due', note: 'a deploy has moved its time on meanwhile' }
  const kubeOf = (index: number): Kube => locks.slice(index, index + 1).reduce(underLock, kube)
  const found: HeldSurvey[] = []
  for (const one of names)
    found.push(
      await recovered(
        { ...cleaning, kube: kubeOf(found.length) },
        await survey(kube, namespace, one, deleteClaims, signal),
        locks,
        signal,
      ),
    )
  const going = deleteClaims
    ? found.flatMap(({ claims, stored }) => [
        ...claims,
        ...(stored.record.underWay?.operation === 'cleanup'
          ? (stored.record.underWay.claims ?? [])
          : []),
      ])
    : []
  const volumes = await volumesOf(
    kube,
    [...new Map(going.map(({ uid, volume }) => [uid, { volume }])).values()],
    signal,
  )
  for (const [index, one] of found.entries()) {
    await journal.phase(`Delete ${one.name}`, async (done) => {
      tellLeft(run, one, deleteClaims)
      await deleteEnsemble(
        { kube: kubeOf(index), run, deleteClaims, deadline },
        one,
        one.record,
        signal,
      )
      done(
        `gone${deleteClaims || one.claims.length === 0 ? '' : `; ${one.claims.length} claims stay`}`,
      )
    })
  }
  const stays = await goes(
    { ...cleaning, kube: locks.reduce(underLock, kube) },
    [...found, ...others],
    locks,
    signal,
  )
  if (stays !== undefined)
    for (const [index, one] of found.entries())
      await finish(
        { ...cleaning, kube: kubeOf(index) },
        one,
        locks[index],
        place.kind === 'ours',
        signal,
      )
  if (stays !== undefined)
    for (const { name: one } of found.filter(
      (each) => !keepsRecord(each, deleteClaims, place.kind === 'ours'),
    ))
      await deleteFreeLease(cleaning, one, signal)
  if (volumes === undefined)
    report.note(
      'Whether the volumes of the claims are gone is not known: they may not be read (get persistentvolumes).',
    )
  else {
    if (volumes.stay.length > 0)
      report.note(
        `Volumes that stay, with their data (reclaim policy Retain): ${volumes.stay.join(', ')}. If that may go: kubectl delete pv ${volumes.stay.join(' ')}, and what is behind them in the storage.`,
      )
    await untilGone(
      waitingOf(run, deadline),
      (until) => volumesThere(kube, volumes.go, until),
      signal,
    )
  }
  if (stays !== undefined) {
    report.stands('what this action made is gone')
    return { outcome: 'stays', note: stays }
  }
  report.stands(`namespace ${namespace} is gone`)
  return { outcome: 'gone', note: 'deleted, with all that was in it' }
}

/** Cordons that a dead drain left are given back first: what is left of them stands against it. */
async function recovered(
  { kube, run, namespace }: Cleaning,
  found: Survey,
  locks: readonly Lock[],
  signal: AbortSignal,
): Promise<HeldSurvey> {
  const { clock, journal, report } = run
  refuseMaintenance(found, await handedOver(kube, found, signal))
  const place = { namespace, name: found.name, runUrl: report.runUrl }
  const record = new HeldRecord(kube, clock, place, found.stored)
  await recoverNodes(
    record,
    report,
    journal,
    AbortSignal.any(locks.map(({ lost }) => lost)),
    signal,
  )
  const { stored } = record
  refuseMaintenance({ ...found, stored }, leftCordoned(stored))
  return { ...found, stored, record }
}

/** Why the namespace stays, in words; undefined once it is gone. */
async function goes(
  cleaning: Cleaning,
  found: readonly Survey[],
  locks: Lock[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { kube, run, namespace, name, deadline } = cleaning
  const { journal, report } = run
  for (;;) {
    const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
    if (place.kind === 'missing') return undefined
    if (place.kind === 'terminating') {
      await awaitNamespaceGone(kube, place.object.metadata, waitingOf(run, deadline), signal)
      return undefined
    }
    if (place.kind === 'ours' && cleaning.stillDue?.(place.object.metadata) === false)
      return 'a deploy has moved its time on meanwhile'
    const stays = await staysFor(cleaning, kube, place, found, signal)
    if (stays !== undefined || place.kind === 'theirs') return stays
    if (!(await deleteNamespace(kube, place.object, signal))) continue
    const deleted = `namespace/${namespace} deleted`
    report.did({
      row: {
        object: `namespace/${namespace}`,
        change: 'deleted',
        note: 'with all that was in it',
      },
      what: deleted,
      line: deleted,
    })
    report.stands(`namespace ${namespace} is being deleted`)
    // The Leases go with it, and nothing renews what is gone.
    for (const lock of locks.splice(0)) await lock.release(AbortSignal.timeout(RELEASE_MS))
    await journal.phase(`Wait until namespace ${namespace} is gone`, async (done) => {
      await awaitNamespaceGone(kube, place.object.metadata, waitingOf(run, deadline), signal)
      done('gone')
    })
    return undefined
  }
}

async function staysFor(
  { run: { report, journal }, namespace, deleteClaims }: Cleaning,
  kube: Kube,
  place: Place,
  found: readonly Survey[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (place.kind !== 'ours') return place.kind === 'theirs' ? `${place.why}: it stays` : undefined
  const kept = found.filter((one) => keepsRecord(one, deleteClaims, true))
  if (kept.length > 0)
    return `namespace ${namespace} stays for the claims in it; delete-claims: true deletes both`
  const stays = await whyStays(kube, namespace, found, signal)
  if (stays === undefined) return undefined
  const note = `Namespace ${namespace} stays: ${stays.why}. ${stays.fix}`
  if (!report.notes.includes(note)) {
    report.note(note)
    journal.info(note)
  }
  return stays.why
}

/**
 * The record, where the namespace stays; the Lease goes last, since nobody may be at work on what
 * is being taken away.
 */
async function finish(
  cleaning: Cleaning,
  found: HeldSurvey,
  lock: Lock | undefined,
  ours: boolean,
  signal: AbortSignal,
): Promise<void> {
  const {
    kube,
    run: { report },
    deleteClaims,
  } = cleaning
  const { name, claims, record } = found
  if (keepsRecord(found, deleteClaims, ours)) {
    const kept = claims.map(({ name: claim, uid, volume }) => ({
      name: claim,
      uid,
      ...(volume === undefined ? {} : { volume }),
    }))
    await record.leaveOnly(kept, signal)
    return
  }
  const { object } = record.stored
  if (object !== undefined) {
    await deleteAsRead(kube, object, name, signal)
    report.did({
      row: { object: objectName(object), change: 'deleted', note: 'the record' },
      line: `${objectName(object)} deleted (the record)`,
    })
  }
  await lock?.release(AbortSignal.timeout(RELEASE_MS))
}

async function deleteAsRead(
  kube: Kube,
  object: KubeObject,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata
  try {
    await kube.delete(
      {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        namespace: object.metadata.namespace,
      },
      {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      signal,
    )
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    throw failure(
      'failed',
      'LOCKED',
      `the record of ${name} was written by another run meanwhile; nothing more is changed`,
      { object: objectName(object) },
      error,
    )
  }
}

/** One that another run has taken meanwhile is that run's. */
async function deleteFreeLease(
  { kube, run: { report, journal }, namespace }: Cleaning,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const ref = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    name: leaseName(name),
    namespace,
  }
  if ((await readHolder(kube, namespace, leaseName(name), signal)) !== '') return
  const found = await kube.get(ref, signal)
  if (found === undefined) return
  try {
    await kube.delete(
      ref,
      {
        ...(found.metadata.uid === undefined ? {} : { uid: found.metadata.uid }),
        ...(found.metadata.resourceVersion === undefined
          ? {}
          : { resourceVersion: found.metadata.resourceVersion }),
      },
      signal,
    )
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    return
  }
  report.row({ object: `lease/${leaseName(name)}`, change: 'deleted', note: 'the lock' })
  journal.info(`lease/${leaseName(name)} deleted (the lock)`)
}

function tellWhatGoes({ run, deleteClaims }: Cleaning, found: Survey, ours: boolean): void {
  const { report, journal } = run
  const row = (object: string, note: string): void => {
    report.row({ object, change: 'deleted', note })
    journal.info(`${object}: ${note}`)
  }
  for (const object of [...found.sets, ...found.objects])
    row(objectName(object), 'would be deleted')
  if (deleteClaims)
    for (const { name } of found.claims)
      row(`persistentvolumeclaim/${name}`, 'would be deleted, and its data')
  if (found.stored.object !== undefined && !keepsRecord(found, deleteClaims, ours))
    row(objectName(found.stored.object), 'would be deleted: the record')
  tellLeft(run, found, deleteClaims)
}

function tellLeft(
  { report, journal }: Run,
  { left, claims, namespace }: Survey,
  deleteClaims: boolean,
): void {
  const notes = left.map(({ object, why }) => `${object} in ${namespace} is not touched: ${why}.`)
  if (!deleteClaims && claims.length > 0) {
    notes.push(
      `Claims that stay, with their data: ${claims.map(sized).join(', ')}. If that may go: delete-claims: true, or kubectl -n ${namespace} delete pvc ${claims.map(({ name }) => name).join(' ')}`,
    )
  }
  for (const note of notes) {
    report.note(note)
    journal.info(note)
  }
}

function sized({ name, capacity, size }: ClaimView): string {
  const bytes = capacity ?? size
  return bytes === undefined
    ? name
    : `${name} (${bytes >= 2 ** 30 ? `${Math.round((bytes / 2 ** 30) * 10) / 10}Gi` : `${Math.round(bytes / 2 ** 20)}Mi`})`
}

/** `3h05m`: since it was made. */
export function ageInWords(created: string | undefined, now: number): string {
  const at = Date.parse(created ?? '')
  return Number.isNaN(at) ? '' : formatSpan(Math.max(0, now - at))
}
