// Pods that a StatefulSet which was deleted has left running become members of a new one before
// anything else: made with the template that they run and with its partition held, so that its
// controller adopts them all and replaces none. What the manifests change is a deploy like any other
// then.

import { observed, ownPods, strangers } from '../../decide/members/members.ts'
import { failure } from '../../errors.ts'
import { follow, type Follower } from '../../kube/follow.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { selectorText, toSet } from '../../kube/views/index.ts'
import { digestOfRevision } from '../../manifests/digest.ts'
import { partitionOf, withPartition } from '../../manifests/partition.ts'
import { HeldRecord } from '../../record/held-record.ts'
import type { PodView } from '../../view/workload.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { waitUntil } from '../../wait-until.ts'
import { applyPlanned, refuseUnappliable } from '../apply/apply.ts'
import type { Adopting } from '../apply/left-pods.ts'
import type { DeployRequest } from '../apply/look-around.ts'
import type { PlannedChange } from '../apply/plan-changes.ts'
import { inspectAgain, type Ground } from '../apply/preflight.ts'

/** The controller adopts as soon as it sees them. */
const POLL_MS = 500
const HEARTBEAT_MS = 30_000

type Asked = Pick<DeployRequest, 'run' | 'deadline'>

/** The ground of the change, once all that can be adopted is; as it was where nothing can. */
export async function adoptFirst(
  kube: Kube,
  asked: DeployRequest,
  ground: Ground,
  signal: AbortSignal,
): Promise<Ground> {
  const { adopting } = ground
  const planned = ground.plan.find(({ manifest }) => manifest === ground.setManifest)
  if (adopting === undefined || planned === undefined) return ground
  const { journal } = asked.run
  await journal.phase('Adopt the members that run', async (done) => {
    done(await adopt(kube, asked, { ground, adopting, planned }, signal))
  })
  return journal.phase('Preflight of the change', (done) =>
    inspectAgain(kube, asked, ground.lock, signal, done),
  )
}

interface Adoption {
  readonly ground: Ground
  readonly adopting: Adopting
  /** Of the StatefulSet. */
  readonly planned: PlannedChange
}

async function adopt(
  kube: Kube,
  asked: DeployRequest,
  { ground, adopting, planned }: Adoption,
  signal: AbortSignal,
): Promise<string> {
  const { run } = asked
  const { clock, journal, report } = run
  const { namespace, name } = ground.target
  const names = adopting.pods.map((pod) => pod.name).join(', ')
  const first = held(adopting.set)
  await refuseUnappliable(kube, planned, first, signal)
  journal.info(
    `${names} ${adopting.pods.length === 1 ? 'runs' : 'run'} without a StatefulSet: it is created with ${adopting.revision === undefined ? 'its partition above all of them' : 'the pod template that they run'}, so that none of them is replaced for it`,
  )
  const record = new HeldRecord(
    kube,
    clock,
    { namespace, name, runUrl: report.runUrl },
    ground.stored,
  )
  const digest = digestOfRevision(
    planned.manifest.object,
    ground.manifests.map(({ object }) => object),
  )
  await record.begin({ operation: 'deploy', digest, previous: '' }, signal, [planned])
  const { object } = await applyPlanned(
    { kube, run },
    asIt(planned, first),
    () => undefined,
    signal,
  )
  const row = { object: `statefulset/${name}`, change: 'created', note: `adopts ${names}` } as const
  report.did({ row, line: `statefulset/${name} created`, what: `statefulset/${name} created` })
  report.stands(`statefulset/${name} was created over ${names}; nothing else was changed`)
  await record.made([object], signal)
  const view = await followed(kube, object, asked, signal)
  const revision = view.set?.status.updateRevision ?? ''
  const others = ownPods(view).filter((pod) => pod.revision !== revision)
  // A partition that stays holds them until the roll takes its turn with it.
  if (others.length === 0) {
    if (first !== adopting.set)
      await kube.apply(adopting.set, { force: planned.forced, uid: object.metadata.uid }, signal)
    await record.end(signal)
  }
  return others.length === 0
    ? `${names} at revision ${revision}, none was replaced`
    : `${names}, of which ${others.map((pod) => pod.name).join(', ')} ${others.length === 1 ? 'runs' : 'run'} another revision than ${revision}; none was replaced`
}

/** Above every member; with OnDelete nobody is replaced anyway. */
function held(set: KubeObject): KubeObject {
  return partitionOf(set) === undefined ? set : withPartition(set, toSet(set).replicas)
}

function asIt(planned: PlannedChange, object: KubeObject): PlannedChange {
  const { manifest } = planned
  return {
    ...planned,
    manifest: { ...manifest, object, placeOf: (path) => manifest.placeOf(path) },
  }
}

async function followed(
  kube: Kube,
  set: KubeObject,
  asked: Asked,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { namespace, name, uid, selector } = toSet(set)
  const labels = selectorText(selector)
  const follower = follow(
    kube,
    { namespace, set: name, selector: labels, uid },
    asked.run.clock,
    signal,
  )
  try {
    await follower.ready()
    return await untilAdopted(follower, asked, signal)
  } finally {
    await follower.stop()
  }
}

/**
 * Resolves when the controller has seen the set and every pod of its names is its own: what the
 * members are is not known before.
 */
async function untilAdopted(
  follower: Follower,
  { run: { clock, journal }, deadline }: Asked,
  signal: AbortSignal,
): Promise<EnsembleView> {
  let view = follower.snapshot()
  await waitUntil(
    {
      clock,
      deadline,
      everyMs: POLL_MS,
      heartbeatMs: HEARTBEAT_MS,
      say: (line) => journal.info(line),
    },
    () => {
      view = follower.snapshot()
      const { set } = view
      const left = notAdopted(view).map(({ name }) => name)
      if (set !== undefined && observed(set) && left.length === 0) return Promise.resolve(undefined)
      const line =
        left.length === 0
          ? 'the StatefulSet controller has not seen it yet'
          : `the StatefulSet controller has not adopted ${left.join(', ')} yet`
      return Promise.resolve({ line, over: () => failure('failed', 'TIMEOUT', line) })
    },
    signal,
  )
  return view
}

/**
 * A run that was killed right after it had made the set, or somebody's kubectl a moment ago: who the
 * members are is known once the controller has adopted them.
 */
export async function awaitAdoption(
  follower: Follower,
  asked: Asked,
  signal: AbortSignal,
): Promise<void> {
  if (notAdopted(follower.snapshot()).length > 0) await untilAdopted(follower, asked, signal)
}

function notAdopted(view: EnsembleView): readonly PodView[] {
  const name = view.set?.name ?? ''
  return strangers(view).filter(
    (pod) =>
      pod.owner === undefined &&
      pod.deleting === undefined &&
      pod.ordinal !== undefined &&
      pod.name === `${name}-${pod.ordinal}`,
  )
}
