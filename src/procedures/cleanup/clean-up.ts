// One namespace's cleanup from the first look to the last act: what goes, under the locks of its
// ensembles, then the namespace with the rest, or record and Lease where it stays.

import { failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { lockFor } from '../open/hold-ensemble.ts'
import { objectName, type Kube, type KubeObject } from '../../kube/kube.ts'
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
  recordedAs,
  survey,
  type CleanupRequest,
  type HeldSurvey,
  type Survey,
} from './cleanup-survey.ts'
import { tellLeft, tellWhatGoes } from './tell-cleanup.ts'
import { leftCordoned } from '../../record/uncordon-left.ts'
import { awaitNamespaceGone } from '../apply/namespace.ts'
import { recoverNodes } from '../../record/recover-nodes.ts'
import { deleteEnsemble, volumesOf, volumesThere } from './delete-ensemble.ts'
import { untilGone, waitingOf } from '../apply/until-gone.ts'
import { HeldRecord } from '../../record/held-record.ts'

/** What became of the namespace, or what would, and why in words. */
export interface Cleaned {
  readonly outcome: 'gone' | 'stays' | 'not due'
  readonly note: string
}

interface Seen {
  readonly place: Place
  readonly found: readonly Survey[]
}

/** Removes, waits, and says what stays. */
export async function cleanUp(
  kube: Kube,
  asked: CleanupRequest,
  signal: AbortSignal,
): Promise<Cleaned> {
  const { run, namespace, deadline } = asked
  const { place, found } = await run.journal.phase(`Look at ${namespace}`, (done) =>
    look(kube, asked, signal, done),
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
  const ours = place.kind === 'ours'
  const done = found.filter((one) => isDone(one, asked.deleteClaims, ours))
  const locks: Locks = new Map()
  try {
    for (const { name } of found.filter((one) => !done.includes(one)))
      locks.set(name, await lockOf(kube, asked, name, signal))
    const lost = [...locks.values()].map((lock) => lock.lost)
    return await underLocks(kube, asked, { locks, done }, AbortSignal.any([signal, ...lost]))
  } finally {
    await releaseAll(locks)
  }
}

/** What would be deleted: no lock, no write of any kind. */
export async function cleanUpDry(
  kube: Kube,
  asked: CleanupRequest,
  signal: AbortSignal,
): Promise<Cleaned> {
  const {
    run: { report },
    namespace,
  } = asked
  const { place, found } = await look(kube, asked, signal, () => undefined)
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
    tellWhatGoes(asked, one, place.kind === 'ours')
  }
  const stays = await staysFor(kube, asked, place, found, signal)
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
  kube: Kube,
  asked: CleanupRequest,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Seen> {
  const { run, namespace, name, deleteClaims } = asked
  const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
  if (place.kind === 'missing' || place.kind === 'terminating') {
    done(place.kind === 'missing' ? 'it is not there' : 'it is being deleted')
    return { place, found: [] }
  }
  const found = await Promise.all(
    (name === undefined ? await ensemblesIn(kube, namespace, signal) : [name]).map((one) =>
      survey(kube, asked, one, signal),
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
  if (only !== undefined && second === undefined && asked.stillDue === undefined)
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
  kube: Kube,
  { run, namespace, deadline }: CleanupRequest,
  name: string,
  signal: AbortSignal,
): Promise<Lock> {
  const lockable = { namespace, ensemble: name, until: deadline }
  return lockFor(kube, { dryRun: false }, run, lockable, signal)
}

/** By name of the ensemble, in one order. */
type Locks = Map<string, Lock>

/** None is left in it: a lock is released once. */
async function releaseAll(locks: Locks): Promise<void> {
  const all = [...locks.values()]
  locks.clear()
  for (const lock of all) await lock.release(AbortSignal.timeout(RELEASE_MS))
}

/** A client that makes sure of the lock of this one ensemble. */
function kubeOf(kube: Kube, locks: Locks, name: string): Kube {
  const lock = locks.get(name)
  return lock === undefined ? kube : underLock(kube, lock)
}

/** `done`: others of the namespace, of which nothing is left to remove. */
interface Held {
  readonly locks: Locks
  readonly done: readonly Survey[]
}

async function underLocks(
  kube: Kube,
  asked: CleanupRequest,
  { locks, done }: Held,
  signal: AbortSignal,
): Promise<Cleaned> {
  const { run, namespace, name, deadline } = asked
  // Read again: another run may have changed all of it while its lock was waited for.
  const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
  const over = overAlready(asked, place)
  if (over !== undefined) return over
  const found: HeldSurvey[] = []
  for (const one of locks.keys())
    found.push(await surveyHeld(kubeOf(kube, locks, one), asked, one, locks, signal))
  const volumes = await volumesOf(kube, claimsToGo(asked, found), signal)
  for (const one of found) await deleteHeld(kubeOf(kube, locks, one.name), asked, one, signal)
  const stays = await goes(kube, asked, [...found, ...done], locks, signal)
  if (stays !== undefined)
    await leave(kube, asked, { found, locks, ours: place.kind === 'ours' }, signal)
  tellVolumes(run, volumes)
  if (volumes !== undefined)
    await untilGone(
      waitingOf(run, deadline),
      (until) => volumesThere(kube, volumes.go, until),
      signal,
    )
  run.report.stands(
    stays === undefined ? `namespace ${namespace} is gone` : 'what this action made is gone',
  )
  return stays === undefined
    ? { outcome: 'gone', note: 'deleted, with all that was in it' }
    : { outcome: 'stays', note: stays }
}

/** Nothing is to be done any more, now that the locks are held. */
function overAlready({ namespace, stillDue }: CleanupRequest, place: Place): Cleaned | undefined {
  if (place.kind !== 'ours' && place.kind !== 'theirs')
    return { outcome: 'gone', note: `namespace ${namespace} was deleted meanwhile` }
  if (place.kind === 'ours' && stillDue?.(place.object.metadata) === false)
    return { outcome: 'not due', note: MOVED_ON }
  return undefined
}

const MOVED_ON = 'a deploy has moved its time on meanwhile'

/** With those that an earlier run had begun to delete; each once. */
function claimsToGo(
  { deleteClaims }: CleanupRequest,
  found: readonly Survey[],
): readonly Pick<ClaimView, 'volume'>[] {
  if (!deleteClaims) return []
  const going = found.flatMap(({ claims, stored: { record } }) => [
    ...claims,
    ...(record.underWay?.operation === 'cleanup' ? (record.underWay.claims ?? []) : []),
  ])
  return [...new Map(going.map(({ uid, volume }) => [uid, { volume }])).values()]
}

function deleteHeld(
  kube: Kube,
  asked: CleanupRequest,
  one: HeldSurvey,
  signal: AbortSignal,
): Promise<void> {
  const { run, deleteClaims } = asked
  return run.journal.phase(`Delete ${one.name}`, async (done) => {
    tellLeft(run, one, deleteClaims)
    await deleteEnsemble(kube, asked, one, signal)
    done(
      `gone${deleteClaims || one.claims.length === 0 ? '' : `; ${one.claims.length} claims stay`}`,
    )
  })
}

function tellVolumes({ report }: Run, volumes: Awaited<ReturnType<typeof volumesOf>>): void {
  if (volumes === undefined)
    report.note(
      'Whether the volumes of the claims are gone is not known: they may not be read (get persistentvolumes).',
    )
  else if (volumes.stay.length > 0)
    report.note(
      `Volumes that stay, with their data (reclaim policy Retain): ${volumes.stay.join(', ')}. If that may go: kubectl delete pv ${volumes.stay.join(' ')}, and what is behind them in the storage.`,
    )
}

/** Cordons that a dead drain left are removed first: what is left of them stands against it. */
async function surveyHeld(
  kube: Kube,
  asked: CleanupRequest,
  name: string,
  locks: Locks,
  signal: AbortSignal,
): Promise<HeldSurvey> {
  const { run, namespace } = asked
  const { clock, journal, report } = run
  const found = await survey(kube, asked, name, signal)
  refuseMaintenance(found, await handedOver(kube, found, signal))
  const place = { namespace, name, runUrl: report.runUrl }
  const record = new HeldRecord(kube, clock, place, found.stored)
  await recoverNodes(
    record,
    report,
    journal,
    AbortSignal.any([...locks.values()].map(({ lost }) => lost)),
    signal,
  )
  const { stored } = record
  refuseMaintenance({ ...found, stored }, leftCordoned(stored))
  return { ...found, stored, record }
}

/** Why the namespace stays, in words; undefined once it is gone. */
async function goes(
  unlocked: Kube,
  asked: CleanupRequest,
  found: readonly Survey[],
  locks: Locks,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { run, namespace, name, deadline } = asked
  const kube = [...locks.values()].reduce(underLock, unlocked)
  const { journal, report } = run
  for (;;) {
    const place = await readPlace(kube, namespace, name, run.holder.repository, signal)
    if (place.kind === 'missing') return undefined
    if (place.kind === 'terminating') {
      await awaitNamespaceGone(kube, place.object.metadata, waitingOf(run, deadline), signal)
      return undefined
    }
    if (place.kind === 'ours' && asked.stillDue?.(place.object.metadata) === false) return MOVED_ON
    const stays = await staysFor(kube, asked, place, found, signal)
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
    await releaseAll(locks)
    await journal.phase(`Wait until namespace ${namespace} is gone`, async (done) => {
      await awaitNamespaceGone(kube, place.object.metadata, waitingOf(run, deadline), signal)
      done('gone')
    })
    return undefined
  }
}

async function staysFor(
  kube: Kube,
  { run: { report, journal }, namespace, deleteClaims }: CleanupRequest,
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
 * Where the namespace stays: the record goes with the ensemble, but where it names claims that
 * stay. The Lease goes last, since nobody may be at work on what is being deleted.
 */
async function leave(
  kube: Kube,
  asked: CleanupRequest,
  {
    found,
    locks,
    ours,
  }: { readonly found: readonly HeldSurvey[]; readonly locks: Locks; readonly ours: boolean },
  signal: AbortSignal,
): Promise<void> {
  const keeps = (one: Survey): boolean => keepsRecord(one, asked.deleteClaims, ours)
  for (const one of found) {
    if (keeps(one)) {
      await one.record.leaveOnly(recordedAs(one.claims), signal)
      continue
    }
    await deleteRecord(kubeOf(kube, locks, one.name), asked.run, one, signal)
    await locks.get(one.name)?.release(AbortSignal.timeout(RELEASE_MS))
    locks.delete(one.name)
  }
  for (const one of found) if (!keeps(one)) await deleteFreeLease(kube, asked, one.name, signal)
}

async function deleteRecord(
  kube: Kube,
  { report }: Run,
  { name, record }: HeldSurvey,
  signal: AbortSignal,
): Promise<void> {
  const { object } = record.stored
  if (object === undefined) return
  await deleteAsRead(kube, object, name, signal)
  report.did({
    row: { object: objectName(object), change: 'deleted', note: 'the record' },
    line: `${objectName(object)} deleted (the record)`,
  })
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
  kube: Kube,
  { run: { report, journal }, namespace }: CleanupRequest,
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
