// Takes hold of an ensemble that stands in the cluster, for operations that bring no manifests:
// rights, lock, record, and everything a change works with.

import { Deadline } from '../../clock.ts'
import { chooseProfile } from '../../ensemble/choose.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { failure } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { follow } from '../../kube/follow.ts'
import type { Access, Kube, KubeObject } from '../../kube/kube.ts'
import { selectorText, toSet } from '../../kube/views/index.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import { memberContainer, resolveProfile } from '../../manifests/ensemble.ts'
import { parseSet } from '../../manifests/shapes.ts'
import {
  LOCK_WAIT_MS,
  leaseName,
  newIdentity,
  takeLock,
  underLock,
  withoutLock,
  type Lock,
  type LockRequest,
  RELEASE_MS,
} from '../../record/lock.ts'
import {
  ofThisSet,
  readRecord,
  recordName,
  type StoredRecord,
  droppedInWords,
} from '../../record/record.ts'
import { inWords } from '../../report/doing.ts'
import type { Services } from '../../services.ts'
import { timeLimit } from '../../time-limit.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToFindServices,
  rightsToLook,
  rightsToRecord,
  rightsToVerify,
} from './access.ts'
import { connectionString, targetOf } from './ensemble-target.ts'
import { readLogin } from './login.ts'
import { fillMembers } from './member-rows.ts'
import { findSet, readNodes, readServices } from './read-ensemble.ts'
import { recoverNodes } from '../../record/recover-nodes.ts'
import type { Marking } from '../../record/verified.ts'
import { profileOptions, reachThrough } from './reach.ts'
import type { VerifyRun, Course } from './ensemble.ts'

/** What is held by a lock: an ensemble, or nodes that are drained for none. */
export interface Held {
  readonly inputs: Inputs
  readonly services: Services
  readonly kube: Kube
  /**
   * The StatefulSet as it was when the lock had been taken; undefined where nodes alone are held.
   */
  readonly set: KubeObject | undefined
  readonly course: Course
  readonly run: VerifyRun
  readonly marking: Marking
  readonly stored: StoredRecord
  /** Its identity is in the mark of each node that is cordoned under it. */
  readonly lock: Lock
  /** Tells the post step which nodes carry, or are about to carry, a cordon of this run. */
  readonly rememberNodes: (names: readonly string[]) => void
  /** Aborted by a cancel and when the lock was lost. */
  readonly held: AbortSignal
}

export interface Standing extends Held {
  readonly set: KubeObject
  readonly profile: ProfileName
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
 * Connects, takes the lock, does the work, gives the lock back. `signal` of the work also ends with
 * the timeout.
 */
export async function holdEnsemble(
  inputs: Inputs,
  services: Services,
  asked: Asked,
  work: (standing: Standing, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const kube = await services.connect(inputs)
  services.report.context = kube.context
  try {
    await holdEnsembleIn(kube, inputs, services, asked, work)
  } finally {
    services.report.requests = { ...kube.requests }
  }
}

/** Ends `work` with TIMEOUT when it takes longer. */
export async function within<T>(
  ms: number,
  { clock, report, signal }: Services,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = timeLimit(clock, ms, () => inWords(report), signal)
  try {
    return await work(limit.signal)
  } finally {
    limit.end()
  }
}

/**
 * The lock; none for a dry run, which writes nothing. The post step hears of it before it is taken.
 */
export async function lockFor(
  kube: Kube,
  { dryRun }: Pick<Inputs, 'dryRun'>,
  services: Services,
  request: LockRequest,
  signal: AbortSignal,
): Promise<Lock> {
  if (dryRun)
    return withoutLock(
      kube,
      { ...request, say: (line) => services.report.notes.push(line) },
      signal,
    )
  services.remember({
    lock: {
      namespace: request.namespace,
      lease: leaseName(request.ensemble),
      identity: request.identity,
    },
  })
  return takeLock(kube, services.clock, request, signal)
}

/** The same over a connection that is there. */
export async function holdEnsembleIn(
  kube: Kube,
  inputs: Inputs,
  services: Services,
  asked: Asked,
  work: (standing: Standing, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, journal, report } = services
  const until = new Deadline(clock, inputs.timeoutMs)
  const namespace = inputs.namespace ?? kube.namespace
  report.namespace = namespace
  report.name = inputs.name ?? ''
  const taken = await within(inputs.timeoutMs, services, (signal) =>
    journal.phase('Preflight', async (done) => {
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
      report.name = name
      const identity = newIdentity(services.holder)
      const lock = await lockFor(
        kube,
        inputs,
        services,
        {
          namespace,
          ensemble: name,
          holder: services.holder,
          identity,
          waitMs: Math.min(LOCK_WAIT_MS, until.left()),
          say: (line) => journal.info(line),
        },
        signal,
      )
      try {
        // Read again: another run may have changed it while its lock was waited for.
        const [set, read, around, nodes] = await Promise.all([
          findSet(kube, namespace, name, signal),
          readRecord(
            kube,
            namespace,
            name,
            signal,
            inputs.operation === 'undo' && inputs.toRevision !== undefined ? 'set-aside' : 'refuse',
          ),
          readServices(kube, namespace, signal),
          rights.nodes ? readNodes(kube, signal) : undefined,
        ])
        const { stored, dropped } = ofThisSet(read, set.metadata.uid)
        if (dropped !== null) report.notes.push(droppedInWords(dropped, name))
        if (stored.setAside !== undefined)
          report.notes.push(
            `The record (configmap/${recordName(name)}) can't be read: ${stored.setAside}. It is kept there as record.unreadable, and a new one is begun.`,
          )
        const spec = parseSet(set)?.spec.template.spec
        if (spec === undefined)
          throw failure('refused', 'NOT_FOUND', `statefulset/${name} can't be read`, {
            object: `statefulset/${name}`,
          })
        const profile = resolveProfile(inputs.profile, spec, `statefulset/${name}`)
        const target = targetOf(set, around, profile, namespace)
        const view = toSet(set)
        report.profile = profile
        report.replicas = view.replicas
        report.connectionString = connectionString(target, view.start, view.replicas)
        report.previousRevision = view.status.updateRevision
        services.publish()
        done(
          `${name} in ${namespace}, profile ${profile}, ${view.replicas} ${view.replicas === 1 ? 'member' : 'members'}`,
        )
        const addresses = addressesOf(set, around, profile, namespace)
        const login = await readLogin(
          kube,
          inputs,
          profile,
          { namespace, io: services.manifestIo },
          signal,
        )
        return {
          login,
          lock,
          rights,
          set,
          stored,
          nodes,
          target,
          profile,
          view,
          addresses,
          image: memberContainer(spec, profile)?.image ?? '',
        }
      } catch (error) {
        await lock.release(AbortSignal.timeout(RELEASE_MS))
        throw error
      }
    }),
  )
  const { login, lock, rights, set, stored, nodes, target, profile, view, addresses, image } = taken
  const held = AbortSignal.any([services.signal, lock.lost])
  const own = underLock(kube, lock)
  const follower = follow(
    kube,
    { namespace, set: target.name, selector: selectorText(view.selector), uid: view.uid },
    clock,
    held,
  )
  try {
    await follower.ready()
    const before = follower.snapshot()
    fillMembers(report, before)
    const reach = reachThrough(own, rights)
    const run: VerifyRun = {
      kube: own,
      clock,
      journal,
      report,
      target,
      nodes,
      runId: services.runId,
      memberTimeoutMs: inputs.memberTimeoutMs,
      watched: { by: undefined },
      reach,
      profile: await chooseProfile(
        inputs.verify === 'off' ? 'none' : profile,
        profileOptions(inputs, login),
      ),
    }
    const looking =
      inputs.verify === 'off'
        ? { ...run, profile: await chooseProfile(profile, profileOptions(inputs)) }
        : run
    const allowed =
      asked.limit === 'own'
        ? UNLIMITED_MS
        : asked.limit === 'member'
          ? inputs.timeoutMs * Math.max(1, view.replicas)
          : until.left()
    const course: Course = {
      kube: own,
      services,
      inputs,
      rights,
      follower,
      before,
      looking,
      deadline: new Deadline(clock, allowed),
      place: { at: '' },
      addresses,
    }
    const marking: Marking = { kube: own, clock, namespace, runUrl: report.runUrl }
    // A drain resumes what it finds, an uncordon gives back what it is asked for: they see to it
    // themselves.
    const ownNodes = inputs.operation === 'drain' || inputs.operation === 'uncordon'
    const standing: Standing = {
      inputs,
      services,
      kube: own,
      set,
      profile,
      image,
      course,
      run,
      marking,
      held,
      lock,
      stored:
        ownNodes || inputs.dryRun
          ? stored
          : await recoverNodes(
              { ...marking, name: target.name, journal, report },
              stored,
              lock.lost,
              held,
            ),
      rememberNodes: (names) =>
        services.remember({
          lock: { namespace, lease: lock.leaseName, identity: lock.identity },
          nodes: names.map((node) => ({ name: node, ensemble: `${namespace}/${target.name}` })),
        }),
    }
    await within(allowed, services, (signal) =>
      work(standing, AbortSignal.any([signal, lock.lost])),
    )
  } finally {
    await follower.stop()
    await lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}
