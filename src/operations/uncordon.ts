// uncordon: gives nodes back after steps of the user's own, and waits until every member is in the
// quorum again. Only cordons of ours, unless any-cordon says otherwise.

import { failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { rightsToCordon } from '../procedures/open/access.ts'
import { awaitServing, servingInWords } from '../procedures/rollout/await-serving.ts'
import { uncordonNode } from '../record/cordon.ts'
import { giveBackNodes } from '../record/give-back.ts'
import {
  goneNodes,
  planUncordon,
  refuseForeign,
  rowFor,
  type PlannedNode,
} from '../procedures/drain/plan-uncordon.ts'
import { holdForNodes } from '../procedures/drain/nodes-alone.ts'
import type { Held } from '../procedures/open/hold-ensemble.ts'
import { uncordonDryRun } from '../procedures/drain/uncordon-dry-run.ts'
import type { NodeRow, RunReport } from '../report/run-report.ts'
import type { Services } from '../services.ts'

export async function uncordon(inputs: Inputs, services: Services): Promise<void> {
  if (inputs.dryRun) await uncordonDryRun(inputs, services)
  else
    await holdForNodes(
      inputs,
      services,
      { rights: rightsToCordon, alone: rightsToCordon() },
      uncordonAll,
    )
}

async function uncordonAll(standing: Held, signal: AbortSignal): Promise<void> {
  const { inputs, services, kube, course, run, record } = standing
  const { journal, report, clock } = services
  const { namespace, name } = run.target
  const ensemble = `${namespace}/${name}`
  const planned = await planUncordon(kube, inputs, course.before, record.stored, ensemble, signal)
  const gone = goneNodes(inputs, record.stored, planned)
  refuseForeign(planned, inputs.anyCordon)
  report.nodes = [
    ...planned.map((one) => rowFor(one, record.stored, course.before)),
    ...gone.map(goneRow),
  ]
  report.remainingNodes = planned
    .filter(({ cordon }) => cordon.kind !== 'none')
    .map(({ node }) => node.name)
  services.publish()

  await record.endNodes(new Set(gone), signal)
  // The lock is ours, so whoever began other nodes is dead.
  await giveBackNodes(
    { record, journal, report, except: new Set(planned.map(({ node }) => node.name)) },
    standing.lock.lost,
  )
  for (const one of planned) await uncordonOne(standing, one, ensemble, signal)
  report.standing = standingOf(report)
  services.publish()

  if (standing.set === undefined) {
    report.standing = 'the nodes take pods again'
    report.result = report.changed ? 'succeeded' : 'unchanged'
    return
  }
  await journal.phase('Wait until every member serves', async (done) => {
    const began = clock.now()
    const serving = await awaitServing(course, signal)
    for (const row of report.nodes)
      if (row.outcome === 'uncordoned')
        row.phases.push({ phase: 'rejoin', at: began, ms: serving.ms })
    done(servingInWords(serving))
  })
  report.standing = 'the nodes take pods again, and every member serves'
  report.result = report.changed ? 'succeeded' : 'unchanged'
}

async function uncordonOne(
  standing: Held,
  { node, cordon }: PlannedNode,
  ensemble: string,
  signal: AbortSignal,
): Promise<void> {
  const { inputs, services, kube, record } = standing
  const { clock, journal, report } = services
  const row = report.nodes.find((one) => one.node === node.name)
  const began = clock.now()
  await record.advanceNode(node.name, { phase: 'uncordon' }, signal)
  const answer = await uncordonNode(
    kube,
    node.name,
    { ensemble, any: inputs.anyCordon, uid: node.uid },
    signal,
  )
  const say = (line: string): void => journal.info(`${node.name}: ${line}`)
  switch (answer.kind) {
    case 'uncordoned':
      say(
        answer.was === 'ours'
          ? 'uncordoned'
          : `uncordoned; it was cordoned ${cordon.kind === 'theirs' ? cordon.by : 'by somebody else'} (any-cordon)`,
      )
      report.changed = true
      report.changes.push({ object: `node/${node.name}`, change: 'configured', note: 'uncordoned' })
      report.timeline.push({ at: clock.now(), what: 'uncordoned', node: node.name })
      fill(row, 'uncordoned', 'none', '')
      report.standing = standingOf(report)
      row?.phases.push({ phase: 'uncordon', at: began, ms: clock.now() - began })
      break
    case 'not cordoned':
      say('is not cordoned')
      fill(row, 'left alone', 'none', 'it was not cordoned')
      break
    case 'gone':
      say('has left the cluster')
      fill(row, 'gone', 'none', 'it has left the cluster')
      break
    case 'not ours':
      fill(row, 'failed', 'theirs', `cordoned ${answer.by}`)
      throw failure(
        'refused',
        'DRAIN_REFUSED',
        `${node.name} was cordoned ${answer.by} meanwhile: that cordon is left alone`,
        {
          object: `node/${node.name}`,
          mend: 'Agree with whoever cordoned it; any-cordon: true takes their cordon too.',
        },
      )
  }
  report.remainingNodes = report.remainingNodes.filter((name) => name !== node.name)
  await record.endNodes(new Set([node.name]), signal)
}

function standingOf({ nodes }: Pick<RunReport, 'nodes'>): string {
  return `${
    nodes
      .filter(({ outcome }) => outcome === 'uncordoned')
      .map(({ node }) => node)
      .join(', ') || 'no node'
  } uncordoned; not every member was seen in the quorum yet`
}

function fill(
  row: NodeRow | undefined,
  outcome: NodeRow['outcome'],
  cordon: NodeRow['cordon'],
  note: string,
): void {
  if (row !== undefined) Object.assign(row, { outcome, cordon, note })
}

function goneRow(node: string): NodeRow {
  return {
    node,
    outcome: 'gone',
    placement: '',
    members: [],
    cordon: 'none',
    phases: [],
    pods: [],
    note: 'it has left the cluster',
  }
}
