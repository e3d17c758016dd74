// Takes hold of an ensemble in the cluster for a change of it, whether manifests come with it or not:
// rights, lock, record, and everything a change works with.

import { Deadline } from '../../clock.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { follow } from '../../kube/follow.ts'
import type { Access, Kube, KubeObject } from '../../kube/kube.ts'
import { selectorText, toSet } from '../../kube/views/index.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import {
  LOCK_WAIT_MS,
  leaseName,
  newIdentity,
  takeLock,
  underLock,
  withoutLock,
  type Lock,
  RELEASE_MS,
} from '../../record/lock.ts'
import {
  ofThisSet,
  readRecord,
  recordName,
  droppedInWords,
  type StoredRecord,
} from '../../record/record.ts'
import type { Run } from '../../run.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToFindServices,
  rightsToLook,
  rightsToRecord,
  rightsToVerify,
  type Rights,
} from './access.ts'
import { connectionString, memberImage, profileOf, targetOf } from './ensemble-target.ts'
import { readLogin } from './login.ts'
import { findSet, readNodes, readServices } from './read-ensemble.ts'
import { recoverNodes } from '../../record/recover-nodes.ts'
import { HeldRecord } from '../../record/held-record.ts'
import type { Ensemble, Target } from './ensemble.ts'
import { withCluster, within } from './with-cluster.ts'
import { openEnsemble } from './open-ensemble.ts'
import type { SetView } from '../../view/workload.ts'
import type { Recorder } from '../../report/recorder.ts'

/** What is held by a lock: an ensemble, or nodes that are drained for none. */
export interface Locked extends Ensemble {
  readonly inputs: Inputs
  /**
   * The StatefulSet as it was when the lock had been taken; undefined where nodes alone are held.
   */
  readonly set: KubeObject | undefined
  readonly record: HeldRecord
  /** Its identity is in the mark of each node that is cordoned under it. */
  readonly lock: Lock
  /** Tells the post step which nodes carry, or are about to carry, a cordon of this run. */
  readonly rememberNodes: (names: readonly string[]) => void
  /** Aborted by a cancel and when the lock was lost. */
  readonly held: AbortSignal
}

export interface LockedEnsemble extends Locked {
  readonly set: KubeObject
  /** Image of the member's container. */
  readonly image: string
}

export interface Asked {
  /** The rights beyond looking, locking and recording. */
  rights(namespace: string): readonly Access[]
  /**
   * `timeout` is meant for each member, not for all of them; `own`: the work bounds each of its
   * parts by itself.
   */
  readonly limit?: 'all' | 'member' | 'own'
}

/** As long as a timer can be set; whoever bounds parts by itself ends long before. */
export const UNLIMITED_MS = 2_000_000_000

/**
 * Connects, takes the lock, does the work, releases the lock. `signal` of the work also ends with
 * the timeout.
 */
export async function holdEnsemble(
  inputs: Inputs,
  run: Run,
  asked: Asked,
  work: (ensemble: LockedEnsemble, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await withCluster(inputs, run, (kube) => holdEnsembleIn(kube, inputs, run, asked, work))
}

/** `until`: when the whole run ends, and with it the wait for another run. */
export interface Lockable {
  readonly namespace: string
  readonly ensemble: string
  readonly until: Deadline
}

/**
 * The lock; none for a dry run, which writes nothing. The post step hears of it before it is taken.
 */
export async function lockFor(
  kube: Kube,
  { dryRun }: Pick<Inputs, 'dryRun'>,
  run: Run,
  { namespace, ensemble, until }: Lockable,
  signal: AbortSignal,
): Promise<Lock> {
  const { clock, holder, journal, report } = run
  const identity = newIdentity(holder)
  const locked = { namespace, ensemble, identity }
  if (dryRun) return withoutLock(kube, { ...locked, say: (line) => report.note(line) }, signal)
  run.remember({ lock: { namespace, lease: leaseName(ensemble), identity } })
  const waitMs = Math.min(LOCK_WAIT_MS, until.left())
  const say = (line: string): void => journal.info(line)
  return takeLock(kube, clock, { ...locked, holder, waitMs, say }, signal)
}

/** The same over a connection that is there. */
export async function holdEnsembleIn(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  asked: Asked,
  work: (ensemble: LockedEnsemble, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, journal, report } = run
  const until = new Deadline(clock, inputs.timeoutMs)
  const namespace = inputs.namespace ?? kube.namespace
  report.about({ namespace, name: inputs.name ?? '' })
  const { lock, rights, view, set, image, ...found } = await within(
    inputs.timeoutMs,
    run,
    (signal) =>
      journal.phase('Preflight', async (done) => {
        const locked = await lockEnsemble(kube, inputs, run, { asked, until }, signal)
        try {
          const read = await readLocked(kube, inputs, run, locked, signal)
          const { replicas } = read.view
          done(
            `${locked.name} in ${namespace}, profile ${read.profile}, ${replicas} ${replicas === 1 ? 'member' : 'members'}`,
          )
          return { lock: locked.lock, rights: locked.rights, ...read }
        } catch (error) {
          await locked.lock.release(AbortSignal.timeout(RELEASE_MS))
          throw error
        }
      }),
  )
  const held = AbortSignal.any([run.signal, lock.lost])
  const own = underLock(kube, lock)
  const { target } = found
  const follower = follow(
    kube,
    { namespace, set: target.name, selector: selectorText(view.selector), uid: view.uid },
    clock,
    held,
  )
  try {
    await follower.ready()
    report.sawMembers(follower.snapshot())
    const allowed = allowedMs(asked, inputs, view, until)
    const opened = { ...found, kube: own, rights, follower, deadline: new Deadline(clock, allowed) }
    const ensemble = { ...(await openLocked(inputs, run, opened, { lock, held })), set, image }
    // A drain resumes what it finds, an uncordon removes what it is asked for: they do it
    // themselves.
    const ownNodes = inputs.operation === 'drain' || inputs.operation === 'uncordon'
    if (!ownNodes && !inputs.dryRun)
      await recoverNodes(ensemble.record, report, journal, lock.lost, held)
    await within(allowed, run, (signal) => work(ensemble, AbortSignal.any([signal, lock.lost])))
  } finally {
    await follower.stop()
    await lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

/** An ensemble under its lock, with its record as it was read then. */
export async function openLocked(
  inputs: Inputs,
  run: Run,
  { stored, ...found }: Parameters<typeof openEnsemble>[2] & { readonly stored: StoredRecord },
  { lock, held }: Pick<Locked, 'lock' | 'held'>,
): Promise<Omit<Locked, 'set'>> {
  const { kube, target } = found
  const { namespace, name } = target
  const { clock, report } = run
  return {
    ...(await openEnsemble(inputs, run, found)),
    inputs,
    record: new HeldRecord(kube, clock, { namespace, name, runUrl: report.runUrl }, stored),
    held,
    lock,
    rememberNodes: remembering(run, lock, target),
  }
}

function allowedMs({ limit }: Asked, inputs: Inputs, view: SetView, until: Deadline): number {
  if (limit === 'own') return UNLIMITED_MS
  return limit === 'member' ? inputs.timeoutMs * Math.max(1, view.replicas) : until.left()
}

/** Tells the post step which nodes may carry a cordon that was made under this lock. */
export function remembering(
  run: Run,
  lock: Lock,
  { namespace, name }: Pick<Target, 'namespace' | 'name'>,
): Locked['rememberNodes'] {
  return (names) =>
    run.remember({
      lock: { namespace, lease: lock.leaseName, identity: lock.identity },
      nodes: names.map((node) => ({ name: node, ensemble: `${namespace}/${name}` })),
    })
}

/** An ensemble under our lock, of which nothing was read yet. */
interface JustLocked {
  readonly rights: Rights
  readonly name: string
  readonly lock: Lock
}

async function lockEnsemble(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  { asked, until }: { readonly asked: Asked; readonly until: Deadline },
  signal: AbortSignal,
): Promise<JustLocked> {
  const namespace = inputs.namespace ?? kube.namespace
  const [rights, found] = await Promise.all([
    reviewRights(
      kube,
      [
        ...rightsToLook(namespace),
        ...rightsToFindServices(namespace),
        ...rightsToRecord(namespace, inputs.dryRun),
        ...asked.rights(namespace),
      ],
      namespace,
      signal,
    ),
    findSet(kube, namespace, inputs.name, signal),
  ])
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  if (inputs.verify !== 'off')
    refuseMissing(rightsToVerify(rights, inputs.profile, namespace), 'CHECK_IMPOSSIBLE')
  const { name } = found.metadata
  run.report.about({ name })
  const lock = await lockFor(kube, inputs, run, { namespace, ensemble: name, until }, signal)
  return { rights, name, lock }
}

/** What is read of it then. */
interface Read extends Omit<
  Parameters<typeof openEnsemble>[2],
  'kube' | 'rights' | 'follower' | 'deadline'
> {
  readonly set: KubeObject
  readonly stored: StoredRecord
  readonly view: SetView
  readonly image: string
}

/** Read again: another run may have changed it while its lock was waited for. */
async function readLocked(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  { rights, name }: JustLocked,
  signal: AbortSignal,
): Promise<Read> {
  const { report } = run
  const namespace = inputs.namespace ?? kube.namespace
  const unreadable =
    inputs.operation === 'undo' && inputs.toRevision !== undefined ? 'set-aside' : 'refuse'
  const [set, read, around, nodes] = await Promise.all([
    findSet(kube, namespace, name, signal),
    readRecord(kube, namespace, name, signal, unreadable),
    readServices(kube, namespace, signal),
    rights.nodes ? readNodes(kube, signal) : undefined,
  ])
  const stored = recordOf(read, set, report)
  const profile = profileOf(set, inputs.profile)
  const target = targetOf(set, around, profile, namespace)
  const view = toSet(set)
  report.about({
    profile,
    replicas: view.replicas,
    connectionString: connectionString(target, view.start, view.replicas),
    previousRevision: view.status.updateRevision,
  })
  run.publish()
  const login = await readLogin(kube, inputs, profile, { namespace, io: run.manifestIo }, signal)
  return {
    set,
    stored,
    nodes,
    target,
    profile,
    view,
    login,
    addresses: addressesOf(set, around, profile, namespace),
    image: memberImage(set, profile),
  }
}

/** The record as it counts for this set; what doesn't count of it is noted. */
function recordOf(read: StoredRecord, { metadata }: KubeObject, report: Recorder): StoredRecord {
  const { stored, dropped } = ofThisSet(read, metadata.uid)
  if (dropped !== null) report.note(droppedInWords(dropped, metadata.name))
  if (stored.setAside !== undefined)
    report.note(
      `The record (configmap/${recordName(metadata.name)}) can't be read: ${stored.setAside}. It is kept there as record.unreadable, and a new one is begun.`,
    )
  return stored
}
