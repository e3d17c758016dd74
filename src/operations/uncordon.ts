// uncordon: uncordons nodes after steps of the user's own, and waits until every member is in the
// quorum again. Only cordons of ours, unless any-cordon says otherwise.

import { failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { rightsToCordon } from '../procedures/open/access.ts'
import { awaitServing, servingInWords } from '../procedures/rollout/await-serving.ts'
import { uncordonNode } from '../record/cordon.ts'
import { uncordonLeft } from '../record/uncordon-left.ts'
import {
  goneNodes,
  leftTo,
  planUncordon,
  refuseForeign,
  tellNodes,
  type PlannedNode,
} from '../procedures/drain/plan-uncordon.ts'
import { holdForNodes } from '../procedures/drain/nodes-alone.ts'
import type { Locked } from '../procedures/open/hold-ensemble.ts'
import { uncordonDryRun } from '../procedures/drain/uncordon-dry-run.ts'
import type { Run } from '../run.ts'
import type { Recorder } from '../report/recorder.ts'

export async function uncordon(inputs: Inputs, run: Run): Promise<void> {
  if (inputs.dryRun) await uncordonDryRun(inputs, run)
  else
    await holdForNodes(
      inputs,
      run,
      { rights: rightsToCordon, alone: rightsToCordon() },
      uncordonAll,
    )
}

async function uncordonAll(ensemble: Locked, signal: AbortSignal): Promise<void> {
  const { inputs, run, kube, record } = ensemble
  const { journal, report, clock } = run
  const { namespace, name } = ensemble.target
  const cordonedFor = `${namespace}/${name}`
  const cordoned = { view: ensemble.before, stored: record.stored, ensemble: cordonedFor }
  const planned = await planUncordon(kube, inputs, cordoned, signal)
  const gone = goneNodes(inputs, record.stored, planned)
  refuseForeign(planned, inputs)
  tellNodes(report, { planned, gone }, cordoned)
  run.publish()

  await record.endNodes(new Set(gone), signal)
  // The lock is ours, so whoever began other nodes is dead.
  await uncordonLeft(
    record,
    report,
    journal,
    ensemble.lock.lost,
    new Set(planned.map(({ node }) => node.name)),
  )
  for (const one of planned) {
    const theirs = leftTo(one, inputs)
    if (theirs === undefined) await uncordonOne(ensemble, one, cordonedFor, signal)
    else await leaveAsItIs(ensemble, one.node.name, theirs, signal)
  }
  report.stands(standingOf(report))
  run.publish()

  if (ensemble.set === undefined) {
    report.stands('the nodes take pods again')
    report.ends(report.changed ? 'succeeded' : 'unchanged')
    return
  }
  await journal.phase('Wait until every member serves', async (done) => {
    const began = clock.now()
    const serving = await awaitServing(ensemble, signal)
    for (const row of report.nodes)
      if (row.outcome === 'uncordoned') report.phaseOf(row, 'rejoin', { at: began, ms: serving.ms })
    done(servingInWords(serving))
  })
  report.stands('the nodes take pods again, and every member serves')
  report.ends(report.changed ? 'succeeded' : 'unchanged')
}

async function uncordonOne(
  ensemble: Locked,
  { node, cordon }: PlannedNode,
  cordonedFor: string,
  signal: AbortSignal,
): Promise<void> {
  const { inputs, run, kube, record } = ensemble
  const { clock, journal, report } = run
  const row = { node: node.name }
  const began = clock.now()
  await record.advanceNode(node.name, { phase: 'uncordon' }, signal)
  const answer = await uncordonNode(
    kube,
    node.name,
    { ensemble: cordonedFor, any: inputs.anyCordon, uid: node.uid },
    signal,
  )
  const say = (line: string): void => journal.info(`${node.name}: ${line}`)
  switch (answer.kind) {
    case 'uncordoned': {
      const words =
        answer.was === 'ours'
          ? 'uncordoned'
          : `uncordoned; it was cordoned ${cordon.kind === 'theirs' ? cordon.by : 'by somebody else'} (any-cordon)`
      report.did({
        line: `${node.name}: ${words}`,
        row: { object: `node/${node.name}`, change: 'configured', note: 'uncordoned' },
        what: 'uncordoned',
        node: node.name,
      })
      report.nodeIs(row, { outcome: 'uncordoned', cordon: 'none', note: '' })
      report.stands(standingOf(report))
      report.phaseOf(row, 'uncordon', { at: began, ms: clock.now() - began })
      break
    }
    case 'not cordoned':
      say('is not cordoned')
      report.nodeIs(row, { outcome: 'skipped', cordon: 'none', note: 'it was not cordoned' })
      break
    case 'gone':
      say('has left the cluster')
      report.nodeIs(row, { outcome: 'gone', cordon: 'none', note: 'it has left the cluster' })
      break
    case 'not ours':
      report.nodeIs(row, { outcome: 'failed', cordon: 'theirs', note: `cordoned ${answer.by}` })
      throw failure(
        'refused',
        'DRAIN_REFUSED',
        `${node.name} was cordoned ${answer.by} meanwhile: that cordon stays`,
        {
          object: `node/${node.name}`,
          fix: 'Agree with whoever cordoned it; any-cordon: true takes their cordon too.',
        },
      )
  }
  report.nodesLeft(report.remainingNodes.filter((name) => name !== node.name))
  await record.endNodes(new Set([node.name]), signal)
}

/** A cordon that is somebody else's by now: the record forgets ours. `theirs`: whose, in words. */
async function leaveAsItIs(
  { record, run: { journal, report } }: Locked,
  node: string,
  theirs: string,
  signal: AbortSignal,
): Promise<void> {
  journal.info(`${node}: was uncordoned, and is cordoned ${theirs} now: it is left as it is`)
  report.nodeIs({ node }, { outcome: 'skipped', note: `cordoned ${theirs}` })
  report.nodesLeft(report.remainingNodes.filter((name) => name !== node))
  await record.endNodes(new Set([node]), signal)
}

function standingOf({ nodes }: Pick<Recorder, 'nodes'>): string {
  return `${
    nodes
      .filter(({ outcome }) => outcome === 'uncordoned')
      .map(({ node }) => node)
      .join(', ') || 'no node'
  } uncordoned; not every member was seen in the quorum yet`
}
