// Which verified revision an undo would go to, for runs that only tell how an ensemble stands.

import { ownPods } from '../../decide/members/members.ts'
import { latestToGoBackTo } from '../../decide/rollout/undo.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import { changesMembers, type EnsembleRecord } from '../../record/record.ts'
import type { Recorder } from '../../report/recorder.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { recall, type Recalled } from './recall.ts'
import { listRevisions } from './revisions.ts'

/** `numbers`: of the revisions that the cluster still has, by name. */
export function noteUndoTarget(
  report: Recorder,
  record: Pick<EnsembleRecord, 'revisions' | 'underWay'> | undefined,
  view: EnsembleView,
  numbers: readonly { readonly name: string; readonly revision: number | undefined }[],
): void {
  const { set } = view
  if (record === undefined || set === undefined) return
  // An undo is refused while members come or go.
  if (record.underWay !== null && changesMembers(record.underWay)) return
  const { updateRevision } = set.status
  const complete = ownPods(view).every((pod) => pod.revision === updateRevision)
  const entry = latestToGoBackTo(record.revisions, { updateRevision, complete })
  if (entry === undefined) return
  // Verified, and run by everybody: what differs is beside the template, such as the number of
  // members, and "restores revision 6" says nothing to those who run 6.
  const verified = record.revisions.at(-1)?.verifiedAt !== ''
  if (complete && verified && entry.controllerRevision === updateRevision) return
  const name = entry.controllerRevision
  const revision = numbers.find((one) => one.name === name)?.revision
  report.about({ undoTo: { revision, name } })
}

/**
 * The same where neither record nor revisions were read; what may not be read is left out, since it
 * is a help beside the failure that is told. Returns what the record tells.
 */
export async function readUndoTarget(
  kube: Kube,
  report: Recorder,
  view: EnsembleView,
  now: number,
  signal: AbortSignal,
): Promise<Recalled | undefined> {
  const { set } = view
  if (set === undefined) return undefined
  const [recalled, revisions] = await Promise.all([
    recall(kube, set.namespace, set.name, now, signal).catch(ifUnread),
    listRevisions(kube, set, signal).catch(ifUnread),
  ])
  if (revisions !== undefined) noteUndoTarget(report, recalled?.record, view, revisions)
  return recalled
}

function ifUnread(error: unknown): undefined {
  if (!(error instanceof KubeFailure)) throw error
}
