// Judges every node of a drain before the first is touched, and says in which order they come.

import { Deadline } from '../../clock.ts'
import { membersOn } from '../../decide/drain/gates.ts'
import { inOrder, type Candidate } from '../../decide/drain/node-order.ts'
import type { MemberNow } from '../../decide/rollout/roll.ts'
import { failure } from '../../errors.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import type { Drain } from './drain-under-way.ts'
import { nodesOf, passNeighbours } from './empty-cordoned.ts'
import { leaveNeighbours, meetNeighbours } from './neighbours.ts'
import { passGates } from './pass-gates.ts'
import type { DrainPlan } from './plan-drain.ts'
import type { whereWeAre } from './runner-place.ts'
import { asOne, refuseUnfit, surveyNodes, tellSurvey, type NodeSurvey } from './survey.ts'

/** Where this run itself is. */
export type Here = ReturnType<typeof whereWeAre>

/**
 * The nodes that are left, in their order. Throws DRAIN_REFUSED with every reason against each, or
 * what a gate says.
 */
export async function judgeNodes(
  drain: Drain,
  plan: DrainPlan,
  here: Here,
  signal: AbortSignal,
): Promise<readonly NodeView[]> {
  const { inputs, run } = drain.ensemble
  await passEveryGate(drain, plan.left, signal)
  const stand = await standOn(drain, plan.left, here.node, false, signal)
  const ranked = inOrder(stand.candidates, stand.members)
  const sorted = ranked.flatMap((one) => plan.left.filter((node) => node.name === one.name))
  tellOrder(drain.ensemble, plan.done, sorted)
  const surveys = await surveyNodes(
    drain,
    sorted.map((node) => node.name),
    signal,
  )
  for (const survey of surveys) tellSurvey(survey, inputs, run)
  refuseOwnPod(here)
  refuseUnfit(surveys, run.report.changed)
  await passEveryNeighbour(drain, surveys, signal)
  return sorted
}

async function passEveryGate(
  { ensemble, looker, underWay }: Drain,
  nodes: readonly NodeView[],
  signal: AbortSignal,
): Promise<void> {
  if (ensemble.set === undefined) return
  const deadline = new Deadline(ensemble.run.clock, ensemble.inputs.timeoutMs)
  const gate = {
    ensemble: { ...ensemble, deadline },
    looker,
    underWay,
    nodes: (until: AbortSignal) => nodesOf(ensemble, until),
  }
  for (const node of nodes) await passGates(gate, node.name, 'first', deadline, signal)
}

/** Those that are done first, then as they come: a plan is read from the top. */
function tellOrder(
  { run: { report } }: Locked,
  done: ReadonlySet<string>,
  sorted: readonly NodeView[],
): void {
  report.listNodes([
    ...report.nodes.filter(({ node }) => done.has(node)),
    ...sorted.flatMap(({ name }) => report.nodes.filter(({ node }) => node === name)),
  ])
  report.nodesLeft(sorted.map((node) => node.name))
}

function refuseOwnPod({ pod, node }: Here): void {
  if (pod === undefined) return
  throw failure(
    'refused',
    'DRAIN_REFUSED',
    `this run itself is pod ${pod} on ${node ?? ''}: draining that node would kill this run`,
    {
      object: `node/${node ?? ''}`,
      fix: 'Run this job on a runner elsewhere, or leave that node out.',
    },
  )
}

async function passEveryNeighbour(
  { ensemble }: Drain,
  surveys: readonly NodeSurvey[],
  signal: AbortSignal,
): Promise<void> {
  for (const survey of surveys) {
    const neighbours = await meetNeighbours(ensemble, survey, false, signal)
    try {
      await passNeighbours(ensemble, neighbours, survey.node, 'first', signal)
    } finally {
      await leaveNeighbours(neighbours)
    }
  }
}

/**
 * How they stand that are on the nodes: our ensemble, or, where none is ours, each that is
 * recognised there. `fresh`: asked now.
 */
export async function standOn(
  job: Drain,
  nodes: readonly NodeView[],
  here: string | undefined,
  fresh: boolean,
  signal: AbortSignal,
): Promise<{ readonly candidates: readonly Candidate[]; readonly members: readonly MemberNow[] }> {
  const { ensemble, looker } = job
  if (ensemble.set !== undefined)
    return {
      candidates: nodes.map((node) => candidateOf(node, ensemble, here)),
      members: await looker.members(ensemble.follower.snapshot(), fresh),
    }
  const met = await meetNeighbours(
    ensemble,
    asOne(
      await surveyNodes(
        job,
        nodes.map(({ name }) => name),
        signal,
      ),
    ),
    false,
    signal,
  )
  try {
    const members = await Promise.all(
      met.map(async (one) =>
        (await one.looker.members(one.ensemble.follower.snapshot(), true)).map((member) => ({
          ...member,
          pod: `${one.ensemble.target.namespace}/${member.pod}`,
        })),
      ),
    )
    const pods = met.flatMap((one) => one.pods)
    return {
      candidates: nodes.map(({ name }) => ({
        name,
        members: pods
          .filter(({ node }) => node === name)
          .map((pod) => `${pod.namespace}/${pod.name}`),
        runner: name === here,
      })),
      members: members.flat(),
    }
  } finally {
    await leaveNeighbours(met)
  }
}

function candidateOf(node: NodeView, ensemble: Locked, here: string | undefined): Candidate {
  return {
    name: node.name,
    members: membersOn(ensemble.follower.snapshot(), node.name),
    runner: node.name === here,
  }
}
