// Brings the members to what was applied: paced by the quorum, by evictions where the set waits for
// deletions, or left to the controller.

import type { Clock } from '../../clock.ts'
import { observed, ownPods } from '../../decide/members/members.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { parseSet } from '../../manifests/shapes.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { attend, awaitReady } from './attend.ts'
import { partitionOf, withPartition } from '../../manifests/partition.ts'
import { newcomersToExcuse, partitionToHold, rollByEvictions, rollByPartition } from './roll.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** Whether members must be replaced for what is wanted, or are half replaced already. */
export function isUnfinished(view: EnsembleView, own: number | undefined): boolean {
  const { set } = view
  if (set === undefined) return false
  const held =
    set.strategy.type === 'RollingUpdate' && own !== undefined && set.strategy.partition > own
  return (
    held ||
    ownPods(view).some(
      (pod) =>
        pod.revision !== set.status.updateRevision &&
        (own === undefined || (pod.ordinal ?? 0) - set.start >= own),
    )
  )
}

export interface Start {
  /** The StatefulSet as it is to stand in the end. */
  readonly set: KubeObject
  /** What to apply first. */
  readonly first: KubeObject
  /** Index where the partition stands then; undefined where this run doesn't pace by it. */
  readonly stands: number | undefined
  /** Ordinals of newcomers that can't serve before the members of before know them. */
  readonly excused?: ReadonlySet<number>
}

/** Left out, the number that runs is kept. */
function wantedMembers({ before }: Ensemble, set: KubeObject): number {
  const spec = parseSet(set)?.spec
  return spec?.replicasGiven === false ? (before.set?.replicas ?? 1) : (spec?.replicas ?? 1)
}

/**
 * How a roll begins: with the partition so high that the controller replaces no serving member by
 * itself. `target`: name of the revision that is wanted, where known.
 */
export async function startOf(
  ensemble: Ensemble,
  set: KubeObject,
  target: string | undefined,
  signal: AbortSignal,
): Promise<Start> {
  const own = partitionOf(set)
  if (ensemble.inputs.pace === 'controller') return { set, first: set, stands: undefined }
  const excused = await newcomersToExcuse(
    ensemble,
    ensemble.before,
    wantedMembers(ensemble, set),
    signal,
  )
  if (own === undefined) return { set, first: set, stands: undefined, excused }
  const stands = await partitionToHold(ensemble, ensemble.before, own, target, signal)
  return { set, first: stands > own ? withPartition(set, stands) : set, stands, excused }
}

/** The generation of the last apply, and whether the set is applied again with force. */
interface Applied {
  readonly generation: number | undefined
  readonly force: boolean
}

/** The view in which every member was at its revision, available, and (paced) serving. */
export async function bringMembers(
  ensemble: Ensemble,
  start: Start,
  { generation, force }: Applied,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const found = await bringOnce(ensemble, start, { generation, force }, signal)
  if ((start.excused?.size ?? 0) === 0) return found
  // Now that the others know the newcomer it must serve like any other.
  return bringOnce(
    ensemble,
    {
      ...start,
      stands: start.stands === undefined ? undefined : partitionOf(start.set),
      excused: new Set(),
    },
    { generation: found.set?.generation, force },
    signal,
  )
}

async function bringOnce(
  ensemble: Ensemble,
  start: Start,
  { generation, force }: Applied,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const roll = { ...ensemble, excused: start.excused ?? new Set<number>() }
  const own = partitionOf(start.set)
  if (start.stands !== undefined && own !== undefined) {
    return rollByPartition(
      roll,
      {
        stands: start.stands,
        own,
        generation,
        apply: (partition, until) => applyAgain(ensemble, start.set, partition, force, until),
      },
      signal,
    )
  }
  if (own === undefined && ensemble.inputs.pace === 'quorum') {
    if (ensemble.rights.evict) {
      const left = await olderPods(ensemble, generation, signal)
      if (left.size > 0) return rollByEvictions(roll, left, generation, signal)
    } else {
      ensemble.run.report.note(
        'updateStrategy OnDelete: this run may not evict pods (pods/eviction [create]), so members of an older revision were left to whoever deletes them.',
      )
    }
  }
  return awaitReady(ensemble, generation, signal)
}

/** With another partition, to the set that was there before; gives its generation then. */
async function applyAgain(
  { kube, run, before }: Ensemble,
  set: KubeObject,
  partition: number | undefined,
  force: boolean,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { object } = await kube.apply(
    partition === undefined ? set : withPartition(set, partition),
    { force, uid: before.set?.uid },
    signal,
  )
  // A roll that an earlier run began changes nothing but the partition, and yet members are
  // replaced.
  run.report.did()
  return object.metadata.generation
}

/** UIDs of the pods of other revisions, once the controller has seen the change. */
export async function olderPods(
  ensemble: Ensemble,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const view = await attend(
    ensemble,
    {
      generation: () => generation,
      step: ({ set }) =>
        set !== undefined && observed(set, generation)
          ? { kind: 'done' }
          : {
              kind: 'waiting',
              reason: `the StatefulSet controller has not seen the change of ${ensemble.target.name} yet`,
            },
    },
    signal,
  )
  return new Set(
    ownPods(view)
      .filter((pod) => pod.revision !== view.set?.status.updateRevision)
      .map((pod) => pod.uid),
  )
}

/**
 * A container without a probe is Ready for a moment between two deaths: where nobody asks the
 * members, they must have stood this long.
 */
const STANDING_MS = 10_000

/** Milliseconds that members must still stand where nobody asks them whether they serve. */
export function stillToStand(view: EnsembleView, clock: Clock): number {
  const youngest = Math.max(0, ...view.pods.map((pod) => pod.readySince ?? 0))
  return Math.min(STANDING_MS, Math.max(0, youngest + STANDING_MS - clock.now()))
}
