// Other ensembles with a member on a node that is to be drained: held to the same gates, their
// leaders hand over leadership, their members waited for, as if the drain were for them.

import type { ProfileName } from '../../view/profile-name.ts'
import { Deadline, type Clock } from '../../clock.ts'
import { ownPods } from '../../decide/members/members.ts'
import { follow } from '../../kube/follow.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { selectorText, toSet } from '../../kube/views/index.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import { detectProfile } from '../../manifests/ensemble.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { leaseName, newIdentity, takeLock, type Lock, RELEASE_MS } from '../../record/lock.ts'
import type { Run } from '../../run.ts'
import type { NodePod } from '../../view/node-pod.ts'
import { reviewRights } from '../open/access.ts'
import { targetOf } from '../open/ensemble-target.ts'
import { createLooker, type Looker } from '../rollout/looker.ts'
import { servicesIfAllowed } from '../open/read-ensemble.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import type { NodeSurvey } from './survey.ts'
import { openEnsemble } from '../open/open-ensemble.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** Longer than a dead run's lock lives; milliseconds. */
const LOCK_WAIT_MS = 70_000
const FIRST_LOCK_WAIT_MS = 95_000

/**
 * How long a co-located ensemble's lock is waited for; both as `namespace/name`. Its holder may
 * wait for our ensemble in turn, as when two drains meet: who comes first by name has the longer
 * patience, so that the other steps back and one of them continues.
 */
export function neighbourLockWaitMs(ours: string, theirs: string): number {
  return ours < theirs ? FIRST_LOCK_WAIT_MS : LOCK_WAIT_MS
}

export interface Neighbour {
  /** `namespace/name`. */
  readonly name: string
  readonly ensemble: Ensemble
  readonly looker: Looker
  /** Its pods on the node. */
  readonly pods: readonly NodePod[]
  /** Some of them only come back once the node is uncordoned. */
  readonly later: boolean
  /** Aborted when its lock is not ours any more; undefined where it has none. */
  readonly lost: AbortSignal | undefined
  release(): Promise<void>
}

/**
 * Those that are recognised as an ensemble; StatefulSets that aren't have their budgets alone.
 * `lock`: keeps other runs of ours off them meanwhile, where they ever used this action.
 */
export async function meetNeighbours(
  ensemble: Locked,
  survey: NodeSurvey,
  lock: boolean,
  signal: AbortSignal,
): Promise<readonly Neighbour[]> {
  const others = survey.pods.evict.filter(
    (pod) =>
      pod.owner?.kind === 'StatefulSet' &&
      !survey.members.includes(pod) &&
      pod.phase !== 'Succeeded' &&
      pod.phase !== 'Failed',
  )
  const groups = [
    ...Map.groupBy(others, (pod) => `${pod.namespace}/${pod.owner?.name ?? ''}`).values(),
  ]
  const met: Neighbour[] = []
  try {
    for (const pods of groups) {
      const neighbour = await meet(ensemble, pods, survey, lock, signal)
      if (neighbour !== undefined) met.push(neighbour)
    }
    return met
  } catch (error) {
    await leaveNeighbours(met)
    throw error
  }
}

export async function leaveNeighbours(neighbours: readonly Neighbour[]): Promise<void> {
  await Promise.all(neighbours.map((neighbour) => neighbour.release()))
}

async function meet(
  ours: Locked,
  pods: readonly NodePod[],
  survey: NodeSurvey,
  withLock: boolean,
  signal: AbortSignal,
): Promise<Neighbour | undefined> {
  const recognised = await recognise(ours, pods, signal)
  if (recognised === undefined) return undefined
  const { kube, run: ourRun } = ours
  const { set } = recognised
  const { name, namespace = '' } = set.metadata
  const run = aside(ourRun, `${namespace}/${name}`)
  const rights = await reviewRights(kube, [], namespace, signal)
  const lock = withLock ? await lockOf(ours, set, run, signal) : undefined
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const follower = follow(
    kube,
    { namespace, set: name, selector: selectorText(toSet(set).selector), uid: set.metadata.uid },
    run.clock,
    until,
  )
  const release = async (): Promise<void> => {
    ending.abort(new Error('the node is done'))
    await follower.stop()
    ourRun.report.rejoin(run.report, (member) => `${namespace}/${member}`)
    await lock?.release(AbortSignal.timeout(RELEASE_MS))
  }
  try {
    await follower.ready()
    const ensemble = await openNeighbour(ours, recognised, { run, rights, follower }, signal)
    const waiting = new Set(survey.choice.waiting)
    return {
      name: `${namespace}/${name}`,
      ensemble,
      looker: createLooker(ensemble, until),
      pods,
      later: pods.some((pod) => waiting.has(`${pod.namespace}/${pod.name}`)),
      lost: lock?.lost,
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** A StatefulSet that is known to be an ensemble, and of which kind. */
interface Recognised {
  readonly set: KubeObject
  readonly kind: ProfileName
}

/** Undefined, with a note that says why, where its budget alone protects it. */
async function recognise(
  ours: Locked,
  [first]: readonly NodePod[],
  signal: AbortSignal,
): Promise<Recognised | undefined> {
  const namespace = first?.namespace ?? ''
  const name = first?.owner?.name ?? ''
  const ref = { apiVersion: 'apps/v1', kind: 'StatefulSet', name, namespace }
  const what = `statefulset/${name} in ${namespace}`
  const set = await ours.kube.get(ref, signal).catch((error: unknown) => {
    unlessDenied(error)
    note(
      ours,
      `${what} can't be read with these rights: whether it is an ensemble, and in quorum, was not asked; its budget alone protects it.`,
    )
    return undefined
  })
  if (set === undefined) return undefined
  const { deletionTimestamp, uid } = set.metadata
  if (deletionTimestamp !== undefined || uid !== first?.owner?.uid) {
    // Nobody recreates its pods: kubectl drain evicts them like any other.
    note(
      ours,
      `${what} is being deleted: its pods are evicted like any other, without a look at its quorum.`,
    )
    return undefined
  }
  const spec = parseSet(set)?.spec.template.spec
  const kind = spec === undefined ? undefined : detectProfile(spec)
  if (kind !== undefined) return { set, kind }
  note(
    ours,
    `${what} is not known as an ensemble: its members were not asked whether they serve, and only its disruption budget protects it. If it has a quorum, drain its nodes with namespace: ${namespace}, name: ${name}, profile: custom, and write-command, read-command and serves-command. Then its members are asked before each eviction.`,
  )
  return undefined
}

/** Our secret is for our ensemble alone, and a look needs none. */
async function openNeighbour(
  { inputs, kube, nodes }: Locked,
  { set, kind }: Recognised,
  { run, rights, follower }: Pick<Ensemble, 'run' | 'rights' | 'follower'>,
  signal: AbortSignal,
): Promise<Ensemble> {
  const namespace = set.metadata.namespace ?? ''
  const around = await servicesIfAllowed(kube, namespace, signal)
  const opened = await openEnsemble(inputs, run, {
    kube,
    target: targetOf(set, [], kind, namespace),
    profile: kind,
    login: undefined,
    nodes,
    rights,
    follower,
    deadline: new Deadline(run.clock, inputs.timeoutMs),
    addresses: addressesOf(set, around, kind, namespace),
  })
  return { ...opened, told: new Map() }
}

/** Once for all nodes. */
function note({ run: { report } }: Locked, line: string): void {
  report.noteOnce(line)
}

/** What is done for a co-located one is told under its name, and is no row of our own ensemble. */
function aside(run: Run, name: string): Run {
  const { journal } = run
  return {
    ...run,
    report: run.report.aside(name),
    journal: { ...journal, info: (line) => journal.info(`${name}: ${line}`) },
  }
}

/** Undefined where nobody ever locked it, or it may not be locked. */
async function lockOf(
  ensemble: Locked,
  { metadata }: KubeObject,
  { journal }: Run,
  signal: AbortSignal,
): Promise<Lock | undefined> {
  const {
    kube,
    run: { clock, holder },
  } = ensemble
  const namespace = metadata.namespace ?? ''
  const lease = await kube
    .get(
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        name: leaseName(metadata.name),
        namespace,
      },
      signal,
    )
    .catch(unlessDenied)
  if (lease === undefined) return undefined
  return takeLock(
    kube,
    clock satisfies Clock,
    {
      namespace,
      ensemble: metadata.name,
      holder,
      identity: newIdentity(holder),
      waitMs: neighbourLockWaitMs(
        `${ensemble.target.namespace}/${ensemble.target.name}`,
        `${namespace}/${metadata.name}`,
      ),
      say: (line) => journal.info(line),
    },
    signal,
  ).catch(unlessDenied)
}

function unlessDenied(error: unknown): undefined {
  if (error instanceof KubeFailure && (error.status === 403 || error.status === 404))
    return undefined
  throw error
}

/** Its members on the node, by ordinal. */
export function ordinalsOf({ ensemble, pods }: Neighbour): readonly number[] {
  const names = new Set(pods.map(({ name }) => name))
  return ownPods(ensemble.follower.snapshot()).flatMap((pod) =>
    names.has(pod.name) && pod.ordinal !== undefined ? [pod.ordinal] : [],
  )
}
