// The changes of an undo by dry runs, with the partition that they begin with: nobody who serves may
// be replaced by the controller alone.

import { revisionMade } from '../../decide/rollout/revision-made.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { mapOf } from '../../manifests/fields-v1.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { partitionOf } from '../../manifests/partition.ts'
import { planChanges, type PlannedChange } from '../apply/plan-changes.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { listRevisions } from '../open/revisions.ts'
import { startOf, type Start } from './bring.ts'

/** What of an undo is known before anything is changed. */
export interface Way {
  readonly ensemble: Ensemble
  readonly objects: readonly KubeObject[]
  readonly start: Start
  readonly plan: readonly PlannedChange[]
  readonly force: boolean
}

export interface ToPlan extends Pick<Way, 'ensemble' | 'objects' | 'force'> {
  /** Names of the verified revisions. */
  readonly verified: ReadonlySet<string>
  /** The StatefulSet among the objects. */
  readonly set: KubeObject
  /** By a person, rather than after a failure. */
  readonly asked: boolean
}

/**
 * With the partition as a roll to the revision `target` needs it, whose members are left to
 * themselves; undefined: everybody waits for their turn.
 */
export async function planTo(
  { ensemble, verified, objects, set, force, asked }: ToPlan,
  target: string | undefined,
  signal: AbortSignal,
): Promise<Way> {
  const own = partitionOf(set)
  // Left to the controller the partition stays where it is wanted; a stuck pod is freed all the
  // same, since the controller never does.
  const start =
    ensemble.inputs.pace === 'controller' && own !== undefined
      ? { set, first: set, stands: own }
      : await startOf(ensemble, set, target, signal)
  const plan = await planChanges(
    ensemble.kube,
    objects.map((object) => manifestOf(object === set ? start.first : object)),
    {
      force,
      dryRuns: true,
      verified,
      set: ensemble.before.set?.uid,
      taking: asked ? 'revision' : undefined,
    },
    signal,
  )
  return { ensemble, objects, start, plan, force }
}

/**
 * Whether what is planned makes the revision `target`. It makes another one where somebody has put
 * a field into the template, as `kubectl rollout restart` does; false too where it can't be told.
 */
export async function leadsTo(
  target: string,
  { ensemble: { kube, before, inputs }, start, plan }: Way,
  signal: AbortSignal,
): Promise<boolean> {
  const { set } = before
  const planned = plan.find(({ manifest }) => manifest.object === start.first)
  // Nothing is paced by a partition.
  if (inputs.pace === 'controller' || start.stands === undefined) return true
  if (set === undefined || planned === undefined) return true
  if (!planned.paths.some((path) => path.startsWith('spec.template')))
    return set.status.updateRevision === target
  try {
    const revisions = await listRevisions(kube, set, signal)
    return revisionMade(mapOf(planned.result?.['spec'])['template'], revisions) === target
  } catch (error) {
    if (error instanceof KubeFailure) return false
    throw error
  }
}

function manifestOf(object: KubeObject): Manifest {
  const place = { file: 'the record of verified revisions' }
  return { object, place, placeOf: () => place }
}
