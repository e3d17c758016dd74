// What a drain does to one node, step by step, and what of it is recorded before each step.

import { Deadline } from '../../clock.ts'
import { cordonStands } from '../../decide/drain/cordon.ts'
import { failure } from '../../errors.ts'
import { toNode } from '../../kube/views/index.ts'
import { cordonNode, readNode, uncordonNode, type UncordonAnswer } from '../../record/cordon.ts'
import type { NodeChange } from '../../record/held-record.ts'
import type { Recorder, SeenNode } from '../../report/recorder.ts'
import type { NodePhase } from '../../report/run-report.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { leadsAndGoes, readyToLeave } from '../rollout/roll.ts'
import { isAbandoned } from './ask-to-go.ts'
import type { Drain } from './drain-under-way.ts'
import { emptied, type Taking } from './empty-cordoned.ts'
import { membersBack, neighbourBack, ordinalOf } from './empty-node.ts'
import { maintain } from './maintenance.ts'
import { ordinalsOf } from './neighbours.ts'

/** After `drained`, in the report. */
const LEFT = 'before it left the cluster'

/** One node of a drain. */
export interface OneNode {
  readonly drain: Drain
  readonly taking: Taking
}

/** What the steps before have led to. */
export interface Reached {
  /** Whose the cordon is that it was drained under; undefined before that step. */
  readonly cordon: 'ours' | 'theirs' | 'gone' | undefined
  /** Whose cordon stands in the end. */
  readonly stands: SeenNode['cordon']
}

export interface Step {
  /** The name of its time in the report; undefined where its parts have names of their own. */
  readonly phase?: NodePhase
  applies(one: OneNode, at: Reached): boolean
  /** What the record says before it is done; undefined: nothing new outlives us. */
  recorded?(one: OneNode, at: Reached): NodeChange
  act(one: OneNode, at: Reached, signal: AbortSignal): Promise<Reached>
}

/** In this order, each only after what it records is written. */
export const STEPS: readonly Step[] = [
  {
    phase: 'hand-over',
    applies: leadersAreThere,
    recorded: () => ({ phase: 'hand-over' }),
    act: handOver,
  },
  {
    phase: 'cordon',
    applies: () => true,
    // Before the patch the record says that the cordon may be ours: whoever finds it looks at the
    // mark.
    recorded: () => ({ phase: 'cordon', cordon: 'ours' }),
    act: cordon,
  },
  {
    applies: isThere,
    // Kept only from here on: what ends before is uncordoned, or was never ours.
    recorded: ({ drain }, at) => ({
      phase: 'evict',
      ...(drain.ensemble.inputs.uncordon === 'never' && at.cordon === 'ours' ? { keep: true } : {}),
    }),
    act: evict,
  },
  {
    phase: 'maintenance',
    applies: ({ drain }, at) =>
      at.cordon !== 'gone' && drain.ensemble.inputs.maintenanceCommand !== undefined,
    recorded: () => ({ phase: 'maintenance' }),
    act: runMaintenance,
  },
  {
    phase: 'uncordon',
    applies: ({ drain }, at) => at.cordon === 'ours' && drain.isUncordoned,
    recorded: () => ({ phase: 'uncordon' }),
    act: uncordon,
  },
  {
    applies: ({ drain }, at) =>
      at.cordon === 'theirs' || (at.cordon === 'ours' && !drain.isUncordoned),
    act: staysCordoned,
  },
  {
    phase: 'rejoin',
    applies: ({ drain, taking }, at) =>
      at.cordon !== 'gone' && drain.isUncordoned && comesBackHere(taking),
    act: rejoin,
  },
]

function isThere(_one: OneNode, { cordon }: Reached): boolean {
  return cordon !== 'gone'
}

/** Whether members, ours or co-located ones, come back only once the node takes pods again. */
function comesBackHere({ survey, neighbours }: Taking): boolean {
  return survey.choice.mode === 'in-place' || neighbours.some((one) => one.later)
}

function leadersAreThere({ drain, taking: { row, neighbours } }: OneNode): boolean {
  return (
    leads(drain.ensemble.run.report, row.members) ||
    neighbours.some((one) =>
      leads(
        one.ensemble.run.report,
        one.pods.map(({ name }) => name),
      ),
    )
  )
}

async function handOver(
  { drain: { ensemble }, taking: { survey, neighbours } }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  tellLeader(ensemble, survey.members)
  for (const one of neighbours) tellLeader(one.ensemble, one.pods)
  for (const pod of survey.members) await readyToLeave(ensemble, ordinalOf(ensemble, pod), signal)
  for (const one of neighbours)
    for (const ordinal of isAbandoned(one) ? [] : ordinalsOf(one))
      await readyToLeave(one.ensemble, ordinal, signal)
  return at
}

async function cordon(
  { drain, taking }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  const { kube, record, run } = drain.ensemble
  const { clock, journal, report } = run
  const { node, row } = taking
  const answer = await cordonNode(
    kube,
    node,
    { ...drain.mark, at: new Date(clock.now()).toISOString() },
    signal,
  )
  if (answer.kind === 'theirs' && answer.mark !== undefined) {
    throw failure(
      report.changed ? 'failed' : 'refused',
      'DRAIN_REFUSED',
      `${node.name} is cordoned ${answer.by}`,
      {
        object: `node/${node.name}`,
        fix: 'Wait until that run has ended, or remove its cordon with operation: uncordon for that ensemble.',
      },
    )
  }
  if (answer.kind === 'theirs') await record.advanceNode(node.name, { cordon: 'theirs' }, signal)
  if (answer.kind === 'gone') {
    journal.info(`${node.name}: is gone from the cluster, nothing to drain`)
    report.nodeIs(row, { outcome: 'gone' })
    return { ...at, cordon: 'gone' }
  }
  report.nodeIs(row, { cordon: answer.kind })
  if (answer.kind === 'ours') report.did()
  say(drain, node.name, answer.kind === 'ours' ? 'cordoned' : 'was cordoned before, and stays so')
  report.stands(`${node.name} is cordoned; its pods are being evicted`)
  if (answer.kind === 'theirs') refuseTheirs(taking)
  return { ...at, cordon: answer.kind }
}

/** Under somebody else's cordon nobody could come back to the node. */
function refuseTheirs({ node, row, survey: { choice } }: Taking): void {
  const stuck = choice.mode === 'in-place' ? row.members : choice.waiting
  if (choice.mode !== 'in-place' && stuck.length === 0) return
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

async function evict(
  { drain, taking }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  await emptied(drain, taking, signal)
  return at
}

async function runMaintenance(
  { drain: { ensemble }, taking: { node } }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  const {
    run,
    inputs: { maintenanceCommand: script = '', maintenanceTimeoutMs: timeoutMs },
  } = ensemble
  run.report.stands(`${node.name} is drained, its maintenance runs`)
  await maintain(ensemble, { node, script, timeoutMs }, signal)
  return at
}

async function uncordon(
  { drain, taking }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  const { kube, lock, run } = drain.ensemble
  const { node, row } = taking
  const answer = await uncordonNode(
    kube,
    node.name,
    { ensemble: drain.mark.ensemble, identity: lock.identity, uid: node.uid },
    signal,
  )
  run.report.nodeIs(row, {
    cordon: answer.kind === 'not ours' ? 'theirs' : 'none',
    ...(answer.kind === 'gone' ? { note: LEFT } : {}),
  })
  say(drain, node.name, uncordonedInWords(answer))
  if (answer.kind === 'not ours' && comesBackHere(taking))
    throw cordonedMeanwhile(taking, answer.by)
  return { ...at, stands: row.cordon }
}

function cordonedMeanwhile({ node, row, survey, neighbours }: Taking, by: string): Error {
  const kept = [
    ...(survey.choice.mode === 'in-place' ? row.members : []),
    ...neighbours.filter((one) => one.later).map(({ name }) => name),
  ]
  return failure(
    'failed',
    'CONFLICT',
    `${node.name} was cordoned ${by} while it was drained: ${kept.join(' and ')} can't come back to it`,
    {
      object: `node/${node.name}`,
      fix: 'Uncordon it, or take it with operation: uncordon and any-cordon: true.',
    },
  )
}

async function rejoin(
  { drain: { ensemble, looker }, taking: { node, row, survey, neighbours } }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
  const back = (one: Ensemble): { node: typeof node; row: SeenNode; ensemble: Ensemble } => ({
    node,
    row,
    ensemble: boundBy(one, new Deadline(one.run.clock, ensemble.inputs.timeoutMs)),
  })
  if (survey.choice.mode === 'in-place')
    await membersBack(back(ensemble), looker, row.members, signal)
  for (const one of neighbours.filter(({ later }) => later))
    await neighbourBack(back(one.ensemble), one, signal)
  return at
}

/**
 * What is said to stay cordoned must be: a maintenance takes its time, and may recreate its node;
 * and any node may leave the cluster.
 */
async function staysCordoned(
  { drain, taking: { node, row } }: OneNode,
  at: Reached,
  signal: AbortSignal,
): Promise<Reached> {
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
      : at.cordon === 'ours' && cordonStands(now, mark)
        ? 'ours'
        : 'theirs'
  report.nodeIs(row, { cordon })
  return { ...at, stands: cordon }
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

/** The same, with time of its own; how it stands now is how it stood before. */
export function boundBy<E extends Ensemble>(ensemble: E, deadline: Deadline): E {
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
    const line = `${name} leads, and goes without handing over its leadership: that needs the right to exec (pods/exec [get, create]). The election may take longer.`
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
