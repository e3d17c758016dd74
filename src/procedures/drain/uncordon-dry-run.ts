// What an uncordon would do, from one look: no lock, no record, no write of any kind.

import { NODES_ALONE } from '../../decide/drain/cordon.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { toSet } from '../../kube/views/index.ts'
import { seeLock } from '../../record/lock.ts'
import { readRecord, type StoredRecord } from '../../record/record.ts'
import type { Run } from '../../run.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToCordon,
  rightsToLookOnce,
  rightsToRecord,
} from '../open/access.ts'
import { leftCordoned } from '../../record/uncordon-left.ts'
import { NOBODY, whyAlone } from './nodes-alone.ts'
import {
  goneNodes,
  leftTo,
  planUncordon,
  type PlannedNode,
  refuseForeign,
  tellNodes,
} from './plan-uncordon.ts'
import { findSet, readView } from '../open/read-ensemble.ts'
import { withClusterInTime } from '../open/with-cluster.ts'

export async function uncordonDryRun(inputs: Inputs, run: Run): Promise<void> {
  const { report } = run
  await withClusterInTime(inputs, run, async (kube, signal) => {
    report.about({ namespace: inputs.namespace ?? kube.namespace, name: inputs.name ?? '' })
    await run.journal.phase('What would be uncordoned', (done) =>
      look(kube, inputs, run, done, signal),
    )
    report.ends('planned')
  })
}

async function look(
  kube: Awaited<ReturnType<Run['connect']>>,
  inputs: Inputs,
  { journal, report }: Run,
  done: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = report
  const alone = await whyAlone(kube, inputs, signal)
  const rights = await reviewRights(
    kube,
    [
      ...(alone === undefined ? rightsToLookOnce(namespace) : []),
      ...rightsToRecord(namespace, true),
      ...rightsToCordon(),
    ],
    namespace,
    signal,
  )
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  const set = alone === undefined ? await findSet(kube, namespace, inputs.name, signal) : undefined
  const name = set === undefined ? NODES_ALONE : toSet(set).name
  report.about({ name: set === undefined ? '' : name })
  const [view, stored, lock] = await Promise.all([
    set === undefined ? NOBODY : readView(kube, set, signal),
    readRecord(kube, namespace, name, signal),
    seeLock(kube, namespace, name, signal),
  ])
  report.sawMembers(view)
  if (lock !== undefined)
    report.note(`Another run holds the lock now: ${lock.holder}. What it does may change this.`)
  const cordoned = { view, stored, ensemble: `${namespace}/${name}` }
  const planned = await planUncordon(kube, inputs, cordoned, signal)
  refuseForeign(planned, inputs)
  const gone = goneNodes(inputs, stored, planned)
  tellNodes(report, { planned, gone }, cordoned)
  for (const node of gone) journal.info(`${node}: has left the cluster, nothing to do`)
  tellPlanned(planned, stored, { journal, report }, inputs)
  const count = report.changes.length
  done(
    count === 0
      ? 'no node would be uncordoned'
      : `${count} ${count === 1 ? 'node' : 'nodes'} would be uncordoned${set === undefined ? '' : ', then every member waited for'}`,
  )
}

function tellPlanned(
  planned: readonly PlannedNode[],
  stored: StoredRecord,
  { journal, report }: Pick<Run, 'journal' | 'report'>,
  inputs: Inputs,
): void {
  for (const { node, cordon } of planned) {
    const theirs = leftTo({ node, cordon }, inputs)
    if (theirs !== undefined) {
      journal.info(`${node.name}: is cordoned ${theirs} now: it would be left as it is`)
      continue
    }
    journal.info(
      `${node.name}: ${cordon.kind === 'none' ? 'is not cordoned, nothing to do' : `would be uncordoned${cordon.kind === 'theirs' ? `; it is cordoned ${cordon.by} (any-cordon)` : ''}`}`,
    )
    if (cordon.kind !== 'none')
      report.row({
        object: `node/${node.name}`,
        change: 'configured',
        note: 'would be uncordoned',
      })
  }
  for (const { name: other } of leftCordoned(stored).filter(
    (entry) => !planned.some(({ node }) => node.name === entry.name),
  ))
    journal.info(`${other}: was begun by a run that did not end; it would be uncordoned`)
}
