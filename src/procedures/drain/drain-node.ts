// Drains one node under a quorum: held back by the gates; a leader hands over leadership, then it
// is cordoned with our mark, its pods evicted, its members back in the quorum before anything else.

import { Deadline } from '../../clock.ts'
import { type MaintenanceNode, nodesUnderMaintenance } from '../../record/record.ts'
import type { SeenNode } from '../../report/recorder.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { boundBy, STEPS, type Reached } from './drain-steps.ts'
import type { Drain } from './drain-under-way.ts'
import { locked, nodesOf, passNeighbours, surveyNode, type Taking } from './empty-cordoned.ts'
import type { During } from './empty-node.ts'
import { leaveNeighbours, meetNeighbours, type Neighbour } from './neighbours.ts'
import { passGates, type GatePatience } from './pass-gates.ts'

/**
 * Throws EnsembleError; what was begun is in the record then, and undone by the caller.
 * `patience`: for members that are on their way back before it is begun.
 */
export async function drainNode(
  drain: Drain,
  node: NodeView,
  row: SeenNode,
  patience: GatePatience,
  signal: AbortSignal,
): Promise<void> {
  const { inputs, run } = drain.ensemble
  const { clock, report } = run
  const ensemble = boundBy(drain.ensemble, new Deadline(clock, inputs.timeoutMs))
  report.nodeIs(row, { outcome: 'under way' })
  const neighbours: Neighbour[] = []
  const during: During = async (phase, work) => {
    report.phaseOf(row, phase)
    try {
      return await work()
    } finally {
      report.endPhaseOf(row)
      run.publish()
    }
  }
  try {
    const { survey, before } = await during('gates', async () => {
      const view =
        ensemble.set === undefined
          ? ensemble.before
          : (
              await passGates(
                {
                  ensemble,
                  looker: drain.looker,
                  underWay: drain.underWay,
                  nodes: (until) => nodesOf(ensemble, until),
                },
                node.name,
                patience,
                ensemble.deadline,
                signal,
              )
            ).view
      const found = await surveyNode({ ...drain, ensemble }, node.name, signal)
      neighbours.push(...(await meetNeighbours(ensemble, found, true, signal)))
      await passNeighbours(ensemble, neighbours, node.name, patience, locked(neighbours, signal))
      return { survey: found, before: view }
    })
    await take(
      { ...drain, ensemble: { ...ensemble, before } },
      { node, row, survey, neighbours, patience, during },
      locked(neighbours, signal),
    )
  } finally {
    const left = leaveNeighbours(neighbours)
    if (run.signal.aborted) drain.leaving.push(left)
    else await left
  }
}

/** The steps, in their order; each is in the record before it is done. */
async function take(drain: Drain, taking: Taking, signal: AbortSignal): Promise<void> {
  const { record, run } = drain.ensemble
  const { node, row, during } = taking
  tellTaken(drain, taking)
  rememberCordon(drain, node)
  const entry = entryOf(drain, taking)
  let begun = false
  let at: Reached = { cordon: undefined, stands: 'none' }
  for (const step of STEPS) {
    const one = { drain, taking }
    if (!step.applies(one, at)) continue
    const act = async (): Promise<Reached> => {
      const change = step.recorded?.(one, at)
      if (change !== undefined && begun) await record.advanceNode(node.name, change, signal)
      if (change !== undefined && !begun) await record.beginNode({ ...entry, ...change }, signal)
      begun ||= change !== undefined
      return step.act(one, at, signal)
    }
    at = step.phase === undefined ? await act() : await during(step.phase, act)
  }
  if (at.cordon !== 'gone') run.report.nodeIs(row, { outcome: 'drained' })
  await finish(drain, row, node, at.stands === 'ours' ? 'handed-over' : undefined, signal)
  if (at.cordon !== 'gone')
    run.report.stands(
      `${node.name} is drained${at.stands === 'none' ? ' and uncordoned' : ' and stays cordoned'}`,
    )
}

/** Where no ensemble is ours, whose members are on the node is worth telling all the same. */
function tellTaken({ ensemble }: Drain, { row, survey, neighbours }: Taking): void {
  const { report } = ensemble.run
  const { mode } = survey.choice
  const members =
    ensemble.set === undefined
      ? neighbours.flatMap(({ pods }) => pods.map((pod) => `${pod.namespace}/${pod.name}`))
      : survey.members.map(({ name }) => name)
  report.nodeIs(row, { placement: mode === 'none' ? '' : mode, members })
  for (const { pod, why } of survey.pods.leave)
    report.podOf(row, { pod: `${pod.namespace}/${pod.name}`, outcome: 'skipped', note: why })
}

/** The post step looks at the mark of each: one that was not cordoned yet is none of ours. */
function rememberCordon({ ensemble }: Drain, { name }: NodeView): void {
  const { inputs, run, rememberNodes } = ensemble
  if (inputs.uncordon === 'never') return
  const ours = run.report.nodes.filter(({ cordon }) => cordon === 'ours').map(({ node }) => node)
  rememberNodes([...new Set([...ours, name])])
}

/** A cordon of ours that an earlier run has left is still ours. */
function entryOf(
  { ensemble: { record } }: Drain,
  { node, row, survey }: Taking,
): Omit<MaintenanceNode, 'at'> {
  const before = nodesUnderMaintenance(record.stored).find(({ name }) => name === node.name)
  return {
    name: node.name,
    uid: node.uid,
    phase: 'hand-over',
    cordon: before?.cordon ?? 'theirs',
    placement: survey.choice.mode === 'in-place' ? 'in-place' : 'elsewhere',
    bootId: node.bootId ?? '',
    members: [...row.members],
  }
}

/**
 * Strikes the node out, or leaves it cordoned on purpose; from here on a successor does not do it
 * again.
 */
async function finish(
  { ensemble: { record, run } }: Drain,
  row: SeenNode,
  { uid }: NodeView,
  phase: 'handed-over' | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (phase === undefined) await record.endNodes(new Set([row.node]), signal)
  else await record.advanceNode(row.node, { phase }, signal)
  await record.nodeDrained(uid, signal)
  run.report.nodeDone(row.node)
  run.publish()
}
