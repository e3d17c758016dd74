// Holds a node back until the ensemble can spare it: the gates of a drain, read again before each
// node.

import { formatSpan, type Deadline } from '../../clock.ts'
import { judgeBudgets } from '../../decide/drain/budget.ts'
import { gates, type Obstacle, type Standing } from '../../decide/drain/gates.ts'
import { ownPods } from '../../decide/members/members.ts'
import { patienceWith, startsOf, TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import type { MemberNow } from '../../decide/rollout/roll.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { EnsembleView, NodeView } from '../../view/surroundings.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { budgetsFor } from '../open/budgets.ts'
import { lossesAhead } from '../verify/keep-data.ts'
import type { Looker } from '../rollout/looker.ts'

/** How soon what can't be watched is asked again. */
const ASK_AGAIN_MS = 1_000
/** Of a wait for a budget, which may take hours. */
const HEARTBEAT_MS = 30_000

export interface Gate {
  readonly ensemble: Ensemble
  readonly looker: Looker
  /** What the record says to be under way, in words. */
  readonly underWay: Standing['underWay']
  /** Somebody else's ensemble. */
  readonly neighbour?: boolean
  /** Nodes as they are now; undefined where they can't be read. */
  nodes(signal: AbortSignal): Promise<readonly NodeView[] | undefined>
}

/**
 * `first`: no node was touched yet, so only members that are on their way by themselves are waited
 * for; `further`: as long as a member may need to come back.
 */
export type GatePatience = 'first' | 'further'

export interface Passed {
  readonly view: EnsembleView
  readonly members: readonly MemberNow[]
}

/**
 * How the ensemble stood when nothing spoke against it any more. What time may fix is waited for:
 * at the first node as long as members may be on their way by their age, and for as
 * long as a member may take after each further one; a budget that may allow it later until the
 * deadline. Throws EnsembleError 'refused' with every obstacle.
 */
export async function passGates(
  gate: Gate,
  node: string,
  kind: GatePatience,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<Passed> {
  const { ensemble, looker } = gate
  const { clock, journal } = ensemble.run
  const began = clock.now()
  const heard: Heard = { told: '', at: began }
  let sparing = false
  for (;;) {
    signal.throwIfAborted()
    const { obstacles, ...passed } = await look(gate, node, { fresh: !sparing, heard }, signal)
    const [first] = obstacles
    if (first === undefined && !sparing) {
      journal.debug(`gates passed: ${node}`)
      return passed
    }
    // Where asking is dear, what was last heard is enough to wait, and never to go.
    sparing = looker.dear && first !== undefined
    if (first === undefined) continue
    const blocked = obstacles.every((one) => one.blocked === true)
    const patience = blocked ? deadline.at : Math.min(deadline.at, patienceOf(gate, kind, began))
    if (!obstacles.every((one) => one.passes) || clock.now() >= patience)
      throw refusal(node, obstacles, clock.now() - began, gate)
    tellObstacles(
      gate,
      node,
      { obstacles, patience, everyMs: blocked ? HEARTBEAT_MS : TELL_OUTSIDE_MS },
      heard,
    )
    await ensemble.follower.changed(Math.max(20, Math.min(ASK_AGAIN_MS, patience - clock.now())))
  }
}

/** What the log was last told, and when. */
interface Heard {
  told: string
  at: number
}

/**
 * Until when what time may fix is waited for; milliseconds since the epoch. A member that a run
 * evicted which was cancelled may come only while it is waited for.
 */
function patienceOf({ ensemble }: Gate, kind: GatePatience, began: number): number {
  const { memberTimeoutMs, follower, target, run } = ensemble
  if (kind === 'further') return began + memberTimeoutMs
  const starts = startsOf(follower.snapshot(), target.container)
  const now = run.clock.now()
  return now + patienceWith(starts, now, memberTimeoutMs, began).ms
}

/** How the ensemble stands, and what speaks against taking the node. */
async function look(
  gate: Gate,
  node: string,
  { fresh, heard }: { readonly fresh: boolean; readonly heard: Heard },
  signal: AbortSignal,
): Promise<Passed & { readonly obstacles: readonly Obstacle[] }> {
  const { ensemble, looker } = gate
  const view = ensemble.follower.snapshot()
  const [members, budgets, nodes] = await Promise.all([
    looker.members(view, fresh),
    budgetsOf(gate, view, signal),
    gate.nodes(signal),
  ])
  const standing: Standing = {
    view,
    members,
    elects: ensemble.profile.name === 'zookeeper',
    nodes,
    budgets,
    underWay: gate.underWay,
    losses: [],
    neighbour: gate.neighbour ?? false,
  }
  const others = gates(standing, node)
  // Claims are read at the first look, and last of all before it may be begun.
  if (others.length > 0 && heard.told !== '') return { view, members, obstacles: others }
  const losses = await lossesAhead(ensemble.kube, view, new Set(), signal)
  return { view, members, obstacles: gates({ ...standing, losses }, node) }
}

function tellObstacles(
  { ensemble }: Gate,
  node: string,
  waits: {
    readonly obstacles: readonly Obstacle[]
    readonly patience: number
    readonly everyMs: number
  },
  heard: Heard,
): void {
  const { clock, journal } = ensemble.run
  const now = clock.now()
  const line = `${node} waits: ${waits.obstacles.map((one) => one.what).join('; ')}`
  if (line === heard.told && now - heard.at < waits.everyMs) return
  journal.info(
    line === heard.told
      ? `still waiting (for another ${formatSpan(waits.patience - now)}): ${line}`
      : line,
  )
  heard.told = line
  heard.at = now
}

async function budgetsOf(
  { ensemble }: Gate,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<Standing['budgets']> {
  const [pod] = ownPods(view)
  if (!ensemble.rights.budgets || pod === undefined) return undefined
  const budgets = await budgetsFor(ensemble.kube, pod.namespace, pod.labels, signal)
  return { names: budgets.map((budget) => budget.name), verdict: judgeBudgets(budgets) }
}

function refusal(
  node: string,
  obstacles: readonly Obstacle[],
  waitedMs: number,
  { ensemble, neighbour }: Gate,
): EnsembleError {
  const { report } = ensemble.run
  // Ensembles have members of the same names: whose they are must be said.
  const { namespace, name } = ensemble.target
  const whose =
    neighbour === true
      ? `another ensemble on it, ${namespace}/${name}, can't lose its member now: `
      : ''
  const waited = waitedMs >= ASK_AGAIN_MS ? ` (waited ${formatSpan(waitedMs)})` : ''
  const findings = obstacles.map((one): Finding => ({
    code: one.blocked === true ? 'DRAIN_BLOCKED' : 'DRAIN_REFUSED',
    severity: 'error',
    message: `${node} was not touched${waited}: ${whose}${one.what}`,
    fix: one.fix,
    object: `node/${node}`,
  }))
  const [first, ...rest] = findings.toSorted(
    (a, b) => Number(a.code === 'DRAIN_BLOCKED') - Number(b.code === 'DRAIN_BLOCKED'),
  )
  return new EnsembleError(report.changed ? 'failed' : 'refused', [
    first ?? { code: 'DRAIN_REFUSED', severity: 'error', message: `${node} was not touched` },
    ...rest,
  ])
}
