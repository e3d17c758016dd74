// Drains one node under a quorum: held back by the gates, its leader handed over, cordoned with our
// mark, its pods evicted, its members back in the quorum before anything else.

import { Deadline } from '../../clock.ts'
import { cordonStands } from '../../decide/drain/cordon.ts'
import { failure } from '../../errors.ts'
import { toNode } from '../../kube/views/index.ts'
import { type MaintenanceNode, nodesUnderMaintenance } from '../../record/record.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { isAbandoned } from './ask-to-go.ts'
import { cordonNode, readNode, uncordonNode, type UncordonAnswer } from '../../record/cordon.ts'
import {
  emptied,
  locked,
  nodesOf,
  passNeighbours,
  surveyNode,
  type Drain,
  type Taking,
} from './empty-cordoned.ts'
import { membersBack, ordinalOf, type During } from './empty-node.ts'
import { maintain } from './maintenance.ts'
import { leaveNeighbours, meetNeighbours, ordinalsOf, type Neighbour } from './neighbours.ts'
import { passGates, type GatePatience } from './pass-gates.ts'
import { leadsAndGoes, readyToLeave } from '../rollout/roll.ts'
import type { Ensemble } from '../open/ensemble.ts'
import type { HeldRecord } from '../../record/held-record.ts'
import type { Recorder, SeenNode } from '../../report/recorder.ts'

/** After `drained`, in the report. */
const LEFT = 'before it left the cluster'

/**
 * Throws EnsembleError; what was begun is in the record then, and given back by the caller.
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

async function take(drain: Drain, taking: Taking, signal: AbortSignal): Promise<void> {
  const { ensemble, mark, givenBack } = drain
  const { inputs, run, kube, lock, record } = ensemble
  const { clock, journal, report } = run
  const { node, row, survey, neighbours, during } = taking
  const write = (change: Parameters<HeldRecord['advanceNode']>[1]): Promise<void> =>
    record.advanceNode(node.name, change, signal)
  const { mode } = survey.choice
  // Where no ensemble is ours, whose members are on the node is worth telling all the same.
  const members =
    ensemble.set === undefined
      ? neighbours.flatMap(({ pods }) => pods.map((pod) => `${pod.namespace}/${pod.name}`))
      : survey.members.map(({ name }) => name)
  report.nodeIs(row, { placement: mode === 'none' ? '' : mode, members })
  for (const { pod, why } of survey.pods.leave)
    report.podOf(row, { pod: `${pod.namespace}/${pod.name}`, outcome: 'left alone', note: why })
  // A cordon of ours that an earlier run has left is still ours.
  const before = nodesUnderMaintenance(record.stored).find(({ name }) => name === node.name)
  const entry: Omit<MaintenanceNode, 'at'> = {
    name: node.name,
    uid: node.uid,
    phase: 'hand-over',
    cordon: before?.cordon ?? 'theirs',
    placement: mode === 'in-place' ? 'in-place' : 'elsewhere',
    bootId: node.bootId ?? '',
    members: [...row.members],
  }

  if (
    leads(run.report, row.members) ||
    neighbours.some((one) =>
      leads(
        one.ensemble.run.report,
        one.pods.map(({ name }) => name),
      ),
    )
  ) {
    await during('hand-over', async () => {
      await record.beginNode(entry, signal)
      tellLeader(ensemble, survey.members)
      for (const one of neighbours) tellLeader(one.ensemble, one.pods)
      for (const pod of survey.members)
        await readyToLeave(ensemble, ordinalOf(ensemble, pod), signal)
      for (const one of neighbours)
        for (const ordinal of isAbandoned(one) ? [] : ordinalsOf(one))
          await readyToLeave(one.ensemble, ordinal, signal)
    })
  }
  const taken = await during('cordon', async () => {
    if (inputs.uncordon !== 'never')
      ensemble.rememberNodes([
        ...new Set([
          ...report.nodes.filter(({ cordon }) => cordon === 'ours').map((one) => one.node),
          node.name,
        ]),
      ])
    // Before the patch the record says that the cordon may be ours: whoever finds it looks at the
    // mark.
    await record.beginNode({ ...entry, phase: 'cordon', cordon: 'ours' }, signal)
    const answer = await cordonNode(
      kube,
      node,
      { ...mark, at: new Date(clock.now()).toISOString() },
      signal,
    )
    if (answer.kind === 'theirs' && answer.mark !== undefined) {
      throw failure(
        report.changed ? 'failed' : 'refused',
        'DRAIN_REFUSED',
        `${node.name} is cordoned ${answer.by}`,
        {
          object: `node/${node.name}`,
          fix: 'Wait until that run has ended, or take its cordon back with operation: uncordon for that ensemble.',
        },
      )
    }
    if (answer.kind === 'theirs') await write({ cordon: 'theirs' })
    return answer.kind
  })
  if (taken === 'gone') {
    journal.info(`${node.name}: is gone from the cluster, nothing to drain`)
    report.nodeIs(row, { outcome: 'gone' })
    await finish(drain, row, node, undefined, signal)
    return
  }
  report.nodeIs(row, { cordon: taken })
  if (taken === 'ours') report.did()
  say(drain, node.name, taken === 'ours' ? 'cordoned' : 'was cordoned before, and stays so')
  report.stands(`${node.name} is cordoned; its pods are being evicted`)
  if (taken === 'theirs' && (mode === 'in-place' || survey.choice.waiting.length > 0)) {
    const stuck = mode === 'in-place' ? row.members : survey.choice.waiting
    throw failure(
      'failed',
      'DRAIN_REFUSED',
      `${node.name} was cordoned by somebody else: ${stuck.join(' and ')} could not come back to it`,
      {
        object: `node/${node.name}`,
        fix: 'Uncordon it first, or take it with operation: uncordon and any-cordon: true.',
      },
    )
  }

  // Kept only from here on: what ends before is given back, or was never ours.
  await write({
    phase: 'evict',
    ...(inputs.uncordon === 'never' && taken === 'ours' ? { keep: true } : {}),
  })
  await emptied(drain, taking, signal)

  if (inputs.maintenanceCommand !== undefined) {
    await write({ phase: 'maintenance' })
    report.stands(`${node.name} is drained, its maintenance runs`)
    await during('maintenance', () => maintain({ run, kube, inputs, node }, signal))
  }
  const later = neighbours.filter((one) => one.later)
  const stands =
    taken !== 'ours' || !givenBack
      ? await standsStill(drain, taking, taken, signal)
      : await during('uncordon', async (): Promise<SeenNode['cordon']> => {
          await write({ phase: 'uncordon' })
          const answer = await uncordonNode(
            kube,
            node.name,
            { ensemble: mark.ensemble, identity: lock.identity, uid: node.uid },
            signal,
          )
          report.nodeIs(row, {
            cordon: answer.kind === 'not ours' ? 'theirs' : 'none',
            ...(answer.kind === 'gone' ? { note: LEFT } : {}),
          })
          say(drain, node.name, uncordonedInWords(answer))
          if (answer.kind === 'not ours' && (mode === 'in-place' || later.length > 0)) {
            throw failure(
              'failed',
              'CONFLICT',
              `${node.name} was cordoned ${answer.by} while it was drained: ${[...(mode === 'in-place' ? row.members : []), ...later.map(({ name }) => name)].join(' and ')} can't come back to it`,
              {
                object: `node/${node.name}`,
                fix: 'Uncordon it, or take it with operation: uncordon and any-cordon: true.',
              },
            )
          }
          return row.cordon
        })
  if (givenBack && (mode === 'in-place' || later.length > 0)) {
    await during('rejoin', async () => {
      const afresh = <E extends Ensemble>(one: E): E =>
        boundBy(one, new Deadline(clock, inputs.timeoutMs))
      if (mode === 'in-place')
        await membersBack(
          { node, row, ensemble: afresh(ensemble) },
          drain.looker,
          row.members,
          signal,
        )
      for (const one of later)
        if (!isAbandoned(one))
          await membersBack(
            { node, row, ensemble: afresh(one.ensemble) },
            one.looker,
            one.pods.map(({ name }) => name),
            signal,
          )
    })
  }
  report.nodeIs(row, { outcome: 'drained' })
  const kept = stands !== 'none'
  await finish(drain, row, node, stands === 'ours' ? 'handed-over' : undefined, signal)
  report.stands(`${node.name} is drained${kept ? ' and stays cordoned' : ' and given back'}`)
}

/**
 * What is said to stay cordoned must be: a maintenance takes its time, and may make its node anew;
 * and any node may leave the cluster.
 */
async function standsStill(
  drain: Drain,
  { node, row }: Taking,
  taken: 'ours' | 'theirs',
  signal: AbortSignal,
): Promise<SeenNode['cordon']> {
  const {
    ensemble: {
      kube,
      run: { report },
    },
    mark,
  } = drain
  const object = await readNode(kube, node.name, signal)
  const now = object === undefined || object.metadata.uid !== node.uid ? undefined : toNode(object)
  if (now === undefined) report.nodeIs(row, { note: LEFT })
  if (now?.unschedulable === false)
    say(drain, node.name, 'was uncordoned by somebody else meanwhile')
  const cordon =
    now?.unschedulable !== true
      ? 'none'
      : taken === 'ours' && cordonStands(now, mark)
        ? 'ours'
        : 'theirs'
  report.nodeIs(row, { cordon })
  return cordon
}

function uncordonedInWords(answer: UncordonAnswer): string {
  switch (answer.kind) {
    case 'uncordoned':
      return 'uncordoned'
    case 'not ours':
      return `was cordoned ${answer.by} meanwhile, and stays so`
    case 'not cordoned':
      return 'was uncordoned by somebody else meanwhile'
    case 'gone':
      return 'is gone from the cluster'
  }
}

/**
 * Strikes the node out, or leaves it handed over; from here on a successor does not do it again.
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

function boundBy<E extends Ensemble>(ensemble: E, deadline: Deadline): E {
  return { ...ensemble, deadline, before: ensemble.follower.snapshot() }
}

function leads(report: Recorder, names: readonly string[]): boolean {
  return report.members.some((member) => member.role === 'leader' && names.includes(member.pod))
}

/** A leader that can't be told to step down, or need not be, is evicted as it is. */
function tellLeader(
  { profile, reach, addresses, run: { report, journal } }: Ensemble,
  pods: readonly { readonly name: string }[],
): void {
  for (const { name } of pods.filter((pod) => leads(report, [pod.name]))) {
    if (addresses.kind === 'stay') {
      journal.info(leadsAndGoes(name, addresses))
      continue
    }
    if (profile.stepDown === undefined || reach.may.exec) continue
    const line = `${name} leads, and goes without handing over: that needs the right to exec (pods/exec [get, create]). The election may take longer.`
    journal.info(line)
    report.note(line)
  }
}

function say(
  {
    ensemble: {
      run: { journal, report },
    },
  }: Drain,
  node: string,
  what: string,
): void {
  journal.info(`${node}: ${what}`)
  report.happened({ what, node })
}
