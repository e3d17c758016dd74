// Takes hold of nodes for a drain that is no ensemble's own: each ensemble that is recognised on
// them is held to its gates as it is met.

import { Deadline, type Clock } from '../../clock.ts'
import { NODES_ALONE } from '../../decide/drain/cordon.ts'
import { EnsembleError } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Follower } from '../../kube/follow.ts'
import type { Access, Kube, KubeObject } from '../../kube/kube.ts'
import { resolveProfile } from '../../manifests/ensemble.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { underLock, RELEASE_MS, type Lock } from '../../record/lock.ts'
import { HeldRecord } from '../../record/held-record.ts'
import { readRecord, recordName, type StoredRecord } from '../../record/record.ts'
import type { Run } from '../../run.ts'
import type { EnsembleView, NodeView } from '../../view/surroundings.ts'
import { refuseMissing, reviewRights, rightsToRecord, type Rights } from '../open/access.ts'
import { findSet, readNodes } from '../open/read-ensemble.ts'
import {
  holdEnsembleIn,
  lockFor,
  UNLIMITED_MS,
  type Asked,
  type Locked,
  remembering,
} from '../open/hold-ensemble.ts'
import { openEnsemble } from '../open/open-ensemble.ts'
import type { Target } from '../open/ensemble.ts'
import { withCluster, within } from '../open/with-cluster.ts'

/** Nobody's members: a drain asks it and finds nothing in its way. */
export const NOBODY: EnsembleView = { set: undefined, pods: [], claims: [], events: [] }

export interface AskedForNodes extends Asked {
  /** The rights of a run that is no ensemble's own, beyond locking and recording. */
  readonly alone: readonly Access[]
}

/**
 * Holds the ensemble that is meant: the one of `name`, or the only StatefulSet of the namespace.
 * Where no `name`, `members` or `profile` says that one is meant, and the namespace has
 * none, several, or one that is no ensemble, nodes alone are held: lock and record are of the
 * namespace then (`zk-ensemble.nodes`).
 */
export async function holdForNodes(
  inputs: Inputs,
  run: Run,
  asked: AskedForNodes,
  work: (ensemble: Locked, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await withCluster(inputs, run, async (kube) => {
    const why = await within(inputs.timeoutMs, run, (signal) => whyAlone(kube, inputs, signal))
    if (why === undefined) await holdEnsembleIn(kube, inputs, run, asked, work)
    else await holdAlone(kube, inputs, run, { asked, why }, work)
  })
}

/** Why no ensemble of the namespace is meant, in words; undefined where one is, or may be. */
export async function whyAlone(
  kube: Kube,
  inputs: Pick<Inputs, 'name' | 'members' | 'profile' | 'namespace'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (inputs.name !== undefined || inputs.members.length > 0 || inputs.profile !== 'auto')
    return undefined
  const namespace = inputs.namespace ?? kube.namespace
  if (
    (
      await kube.denied(
        [{ verb: 'list', group: 'apps', resource: 'statefulsets', namespace }],
        signal,
      )
    ).length > 0
  )
    return `StatefulSets of ${namespace} may not be listed`
  try {
    return kindOf(await findSet(kube, namespace, undefined, signal))
  } catch (error) {
    if (error instanceof EnsembleError) return error.message
    throw error
  }
}

function kindOf(set: KubeObject): string | undefined {
  const spec = parseSet(set)?.spec.template.spec
  if (spec === undefined) return undefined
  try {
    resolveProfile('auto', spec, `statefulset/${set.metadata.name}`)
    return undefined
  } catch (error) {
    if (error instanceof EnsembleError)
      return `statefulset/${set.metadata.name} is not known as an ensemble`
    throw error
  }
}

async function holdAlone(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  why: AloneAsked,
  work: (ensemble: Locked, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const until = new Deadline(run.clock, inputs.timeoutMs)
  run.report.about({ namespace: inputs.namespace ?? kube.namespace })
  const found = await within(inputs.timeoutMs, run, (signal) =>
    run.journal.phase('Preflight', (done) =>
      lockNodes(kube, inputs, run, { ...why, until, done }, signal),
    ),
  )
  const { lock } = found
  try {
    const allowed = why.asked.limit === 'own' ? UNLIMITED_MS : until.left()
    const alone = await nobodyHeld(underLock(kube, lock), inputs, run, found, allowed)
    await within(allowed, run, (signal) => work(alone, AbortSignal.any([signal, lock.lost])))
  } finally {
    await lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

interface AloneAsked {
  readonly asked: AskedForNodes
  /** Why no ensemble is held. */
  readonly why: string
}

interface LockedNodes {
  readonly lock: Lock
  readonly rights: Rights
  readonly stored: StoredRecord
  readonly nodes: readonly NodeView[] | undefined
}

async function lockNodes(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  {
    asked,
    why,
    until,
    done,
  }: AloneAsked & { readonly until: Deadline; readonly done: (line: string) => void },
  signal: AbortSignal,
): Promise<LockedNodes> {
  const { report } = run
  const namespace = inputs.namespace ?? kube.namespace
  const needed = [...rightsToRecord(namespace, inputs.dryRun), ...asked.alone]
  const rights = await reviewRights(kube, needed, namespace, signal)
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  const lockable = { namespace, ensemble: NODES_ALONE, until }
  const lock = await lockFor(kube, inputs, run, lockable, signal)
  try {
    const stored = await readRecord(kube, namespace, NODES_ALONE, signal)
    done(`nodes alone: no name is given, and ${why}`)
    report.note(
      `No ensemble was named, and ${why}: each ensemble that is recognised on the nodes is held to its quorum, and nobody writes and reads through it. The record of this drain is configmap/${recordName(NODES_ALONE)} in ${namespace}.`,
    )
    return { lock, rights, stored, nodes: rights.nodes ? await readNodes(kube, signal) : undefined }
  } catch (error) {
    await lock.release(AbortSignal.timeout(RELEASE_MS))
    throw error
  }
}

/** An ensemble without members: what is held are nodes. `allowedMs`: for all of the work. */
async function nobodyHeld(
  own: Kube,
  inputs: Inputs,
  run: Run,
  { lock, rights, stored, nodes }: LockedNodes,
  allowedMs: number,
): Promise<Locked> {
  const { clock, report } = run
  const namespace = inputs.namespace ?? own.namespace
  const held = AbortSignal.any([run.signal, lock.lost])
  return {
    ...(await openEnsemble(inputs, run, {
      kube: own,
      target: nobodyIn(namespace),
      profile: 'none',
      login: undefined,
      nodes,
      rights,
      follower: followNobody(clock, held),
      deadline: new Deadline(clock, allowedMs),
      addresses: { kind: 'stay', reason: 'nodes alone have no members' },
    })),
    inputs,
    set: undefined,
    lock,
    held,
    record: new HeldRecord(
      own,
      clock,
      { namespace, name: NODES_ALONE, runUrl: report.runUrl },
      stored,
    ),
    rememberNodes: remembering(run, lock, { namespace, name: NODES_ALONE }),
  }
}

function nobodyIn(namespace: string): Target {
  return {
    name: NODES_ALONE,
    namespace,
    container: '',
    clientPort: 0,
    headlessService: '',
    clientService: undefined,
    requiresDistinctNodes: false,
    memberServices: [],
    listedServices: new Map(),
  }
}

function followNobody(clock: Clock, signal: AbortSignal): Follower {
  return {
    ready: () => Promise.resolve(),
    snapshot: () => NOBODY,
    changed: (timeoutMs) => clock.sleep(timeoutMs, signal),
    expect: () => undefined,
    notes: () => [],
    stop: () => Promise.resolve(),
  }
}
