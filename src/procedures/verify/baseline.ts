// A healthy ensemble that was there before us is checked and recorded before our first change to
// it: the revision that an undo goes back to.

import { ownPods } from '../../decide/members/members.ts'
import { judgeRollout } from '../../decide/rollout/rollout.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { partitionOf, withPartition } from '../../manifests/partition.ts'
import { ownedPart } from '../../manifests/owned.ts'
import { latestVerified } from '../../record/record.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { Inspected } from '../apply/preflight.ts'
import type { HeldRecord } from '../../record/held-record.ts'
import { contextFor, membersOf } from './verify-ensemble.ts'
import { type ReachableEnsemble, checksOf } from '../open/ensemble.ts'

/** A baseline goes into the record when this is the first meeting and the ensemble is whole. */
export async function takeBaseline(
  ensemble: ReachableEnsemble,
  record: HeldRecord,
  before: EnsembleView,
  ground: Inspected,
  signal: AbortSignal,
): Promise<void> {
  if (
    before.set === undefined ||
    ground.live === undefined ||
    latestVerified(record.current) !== undefined
  )
    return
  const healthy = await isWhole(ensemble, before, signal)
  if (healthy !== undefined) {
    ensemble.run.report.note(`The ensemble that was there is not recorded as verified: ${healthy}.`)
    return
  }
  // What people wrote, without what the server added: this can be applied again.
  const live: readonly KubeObject[] = ground.plan.flatMap((planned) =>
    planned.live === undefined
      ? []
      : [
          unheld(
            ownedPart(planned.live, (entry) => (entry.subresource ?? '') === ''),
            planned.manifest.object,
          ),
        ],
  )
  const revision = before.set.status.updateRevision
  ensemble.run.journal.info(
    `This action sees this ensemble for the first time: revision ${revision} is complete and is recorded as the baseline.`,
  )
  await record.verified(
    {
      digest: `live:${revision}`,
      controllerRevision: revision,
      image: '',
      version: ensemble.run.report.version,
      origin: 'baseline',
    },
    { uid: before.set.uid, objects: live },
    signal,
  )
}

/**
 * Every member runs it, so a partition above the one that is wanted is that of a run that was cut
 * off: an undo would be held by it and bring nobody back.
 */
function unheld(live: KubeObject, wanted: KubeObject): KubeObject {
  if (live.kind !== 'StatefulSet') return live
  const [stands, own] = [partitionOf(live), partitionOf(wanted)]
  return stands !== undefined && own !== undefined && stands > own ? withPartition(live, own) : live
}

/** Undefined when it is; else why not. */
async function isWhole(
  ensemble: ReachableEnsemble,
  before: EnsembleView,
  signal: AbortSignal,
): Promise<string | undefined> {
  const rollout = judgeRollout(before, ensemble.run.clock.now(), {})
  if (rollout.kind === 'waiting') return rollout.reason
  const other = ownPods(before).find((pod) => pod.revision !== before.set?.status.updateRevision)
  // Held by a partition, or by OnDelete: what is wanted was never run by all.
  if (other !== undefined)
    return `${other.name} runs revision ${other.revision ?? 'unknown'}, not ${before.set?.status.updateRevision ?? ''}`
  const context = contextFor(ensemble, before.set?.replicas ?? 0, signal)
  // It stands or it doesn't: what is deployed may be the fix for a member that would be waited for
  // in vain.
  const verification = await checksOf(ensemble).verify(membersOf(before, ensemble.target), 'full', {
    ...context,
    settleMs: 0,
    runId: `${context.runId}-baseline`,
  })
  return verification.findings.find((finding) => finding.severity === 'error')?.message
}
