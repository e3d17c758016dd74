// The objects that an undo on failure brings back: those of the record, or the pod template alone
// out of the set's history where that is all that was changed.

import type { Kube, KubeObject } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import { whyNotKept } from '../../record/kept.ts'
import { keptOf, type StoredRecord, type VerifiedRevision } from '../../record/record.ts'
import type { Inspected } from './preflight.ts'
import { listRevisions } from '../open/revisions.ts'
import { templateAlone } from './template-alone.ts'

export interface EarlierObjects {
  readonly objects?: readonly KubeObject[]
  /** Why there are none, in words without a full stop. */
  readonly notKept?: string
}

/** Never rejects: a second failure must not take the place of the one that it is for. */
export async function earlierObjects(
  kube: Kube,
  ground: Pick<Inspected, 'live' | 'plan'>,
  stored: StoredRecord,
  verified: VerifiedRevision,
  signal: AbortSignal,
): Promise<EarlierObjects> {
  const kept = keptOf(stored, verified.digest)
  if (kept.kind === 'kept') return { objects: kept.objects }
  const notKept = whyNotKept(kept) ?? ''
  const beside = ground.plan.find(
    ({ manifest, change }) => change !== 'unchanged' && manifest.object.kind !== 'StatefulSet',
  )
  if (ground.live === undefined || beside !== undefined || kept.kind === 'altered')
    return { notKept }
  try {
    const revisions = await listRevisions(kube, toSet(ground.live), signal)
    const template = revisions.find(({ name }) => name === verified.controllerRevision)?.template
    return template === undefined
      ? { notKept: `${notKept}, and the history of the StatefulSet does not have it` }
      : { objects: [templateAlone(ground.live, template, stored)] }
  } catch {
    return { notKept: `${notKept}, and the history of the StatefulSet can't be read` }
  }
}
