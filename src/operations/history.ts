// history: the revisions of an ensemble, with image, change cause and age, which one is wanted,
// which ones run and which were verified; changes nothing.

import { observed } from '../decide/members/members.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Kube } from '../kube/kube.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToHistory,
  rightsToLookOnce,
} from '../procedures/open/access.ts'
import { profileOf } from '../procedures/open/ensemble-target.ts'
import { findSet, readView } from '../procedures/open/read-ensemble.ts'
import { recall } from '../procedures/open/recall.ts'
import { listRevisions, revisionRows } from '../procedures/open/revisions.ts'
import { revisionLines } from '../report/revision-table.ts'
import type { Run } from '../run.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'

export async function history(inputs: Inputs, run: Run): Promise<void> {
  await withClusterInTime(inputs, run, (kube, signal) => historyIn(kube, inputs, run, signal))
}

async function historyIn(kube: Kube, inputs: Inputs, run: Run, signal: AbortSignal): Promise<void> {
  const { journal, report } = run
  const namespace = inputs.namespace ?? kube.namespace
  report.about({ namespace, name: inputs.name ?? '' })
  report.stands('history changes nothing')
  const rights = await reviewRights(
    kube,
    [...rightsToLookOnce(namespace), ...rightsToHistory(namespace)],
    namespace,
    signal,
  )
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  await journal.phase('Read the history', async (done) => {
    const object = await findSet(kube, namespace, inputs.name, signal)
    const { name } = object.metadata
    report.about({ name })
    const profile = profileOf(object, inputs.profile)
    report.about({ profile })
    const [view, recalled] = await Promise.all([
      readView(kube, object, signal),
      recall(kube, namespace, name, run.clock.now(), signal),
    ])
    const { set } = view
    if (set === undefined) return
    const revisions = await listRevisions(kube, set, signal)
    report.about({
      revision: set.status.updateRevision,
      revisions: revisionRows(revisions, view, recalled.record, profile),
    })
    for (const line of revisionLines(report)) journal.info(line)
    report.note(...recalled.notes)
    if (!observed(set))
      report.note(
        `The StatefulSet controller has not seen generation ${set.generation} of ${name} yet: its newest template may not be in this list.`,
      )
    done(`${revisions.length} ${revisions.length === 1 ? 'revision' : 'revisions'}`)
  })
  run.publish()
  report.ends('succeeded')
}
