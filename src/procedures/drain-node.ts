// Drains one node under a quorum: held back by the gates, its leader handed over, cordoned with our mark, its pods evicted, its members back in the quorum before anything else.

import { Deadline } from '../clock.ts'
import { cordonStands, type CordonMark } from '../decide/cordon.ts'
import { EnsembleError, failure } from '../errors.ts'
import { toNode } from '../kube/views/index.ts'
import { nodeDrained } from '../record/drain.ts'
import { advanceNode, beginNode, endNodes } from '../record/maintenance.ts'
import type { MaintenanceNode, StoredRecord } from '../record/record.ts'
import { beginPhase, endPhase } from '../report/node-phases.ts'
import type { NodeRow, RunReport } from '../report/run-report.ts'
import type { NodeView } from '../view/surroundings.ts'
import { rollOf, type Course } from './bring.ts'
import { cordonNode, readNode, uncordonNode } from './cordon.ts'
import { emptyNode, membersBack, ordinalOf, type During, type Turn } from './empty-node.ts'
import type { Looker } from './looker.ts'
import { maintain } from './maintenance.ts'
import { leaveNeighbours, meetNeighbours, ordinalsOf, type Neighbour } from './neighbours.ts'
import { passGates } from './pass-gates.ts'
import { readNodes } from './read-ensemble.ts'
import { readyToLeave } from './roll.ts'
import type { Standing } from './standing.ts'
import { surveyNodes, type NodeSurvey } from './survey.ts'

export interface Drain {
  readonly standing: Standing
  readonly looker: Looker
  readonly mark: CordonMark
  /** The record as this run last wrote it. */
  readonly ledger: { stored: StoredRecord }
  /** Our cordon is taken back when a node was drained well. */
  readonly givenBack: boolean
  /** What else is under way, in words. */
  readonly underWay: string | undefined
}

/** Throws EnsembleError; what was begun is in the record then, and given back by the caller. `patienceMs`: for members that are on their way back before it is begun. */
export async function drainNode(drain: Drain, node: NodeView, row: NodeRow, patienceMs: number, signal: AbortSignal): Promise<void> {
  const { standing, givenBack } = drain
  const { inputs, services, kube } = standing
  const { clock, report } = services
  const course = boundBy(standing.course, new Deadline(clock, inputs.timeoutMs))
  row.outcome = 'under way'
  const neighbours: Neighbour[] = []
  const during: During = async (phase, work) => {
    beginPhase(row, phase, clock.now())
    try {
      return await work()
    } finally {
      endPhase(row, clock.now())
      services.publish()
    }
  }
  try {
    const survey = await during('gates', async () => {
      await passGates({ course, looker: drain.looker, underWay: drain.underWay, nodes: (until) => nodesOf(standing, until) }, node.name, patienceMs, course.deadline, signal)
      const [found] = await surveyNodes({ kube, inputs, set: course.before.set?.uid ?? '', givenBack }, [node.name], signal)
      if (found === undefined) throw failure('failed', 'INTERNAL', `${node.name} was not surveyed`)
      refuseUnfit([found], report.changed)
      neighbours.push(...(await meetNeighbours(standing, found, true, signal)))
      await passNeighbours(standing, neighbours, node.name, patienceMs, signal)
      return found
    })
    await take(drain, { node, row, survey, neighbours, course, looker: drain.looker, during, stands: (until) => cordonMustStand(drain, node, row, until) }, signal)
  } finally {
    await leaveNeighbours(neighbours)
  }
}

/** The gates of every other ensemble on the node. */
export async function passNeighbours(standing: Standing, neighbours: readonly Neighbour[], node: string, patienceMs: number, signal: AbortSignal): Promise<void> {
  for (const { course, looker } of neighbours) {
    await passGates({ course, looker, underWay: undefined, neighbour: true, nodes: (until) => nodesOf(standing, until) }, node, patienceMs, course.deadline, signal)
  }
}

async function take(drain: Drain, turn: Turn, signal: AbortSignal): Promise<void> {
  const { standing, ledger, mark, givenBack } = drain
  const { inputs, services, kube, lock, marking } = standing
  const { clock, journal, report } = services
  const { node, row, survey, neighbours, course, during } = turn
  const write = async (change: Parameters<typeof advanceNode>[3]): Promise<void> => {
    ledger.stored = await advanceNode(marking, ledger.stored, node.name, change, signal)
  }
  const { mode } = survey.choice
  row.placement = mode === 'none' ? '' : mode
  row.members = survey.members.map(({ name }) => name)
  for (const { pod, why } of survey.pods.leave) row.pods.push({ pod: `${pod.namespace}/${pod.name}`, outcome: 'left alone', note: why })
  const entry: Omit<MaintenanceNode, 'at'> = { name: node.name, uid: node.uid, phase: 'hand-over', cordon: 'theirs', placement: mode === 'in-place' ? 'in-place' : 'elsewhere', bootId: node.bootId ?? '', members: [...row.members], ...(inputs.uncordon === 'never' ? { keep: true } : {}) }

  if (leads(services.report, row.members) || neighbours.some((one) => leads(one.course.services.report, one.pods.map(({ name }) => name)))) {
    await during('hand-over', async () => {
      ledger.stored = await beginNode(marking, ledger.stored, entry, signal)
      for (const pod of survey.members) await readyToLeave(rollOf(course), ordinalOf(course, pod), signal)
      for (const one of neighbours) for (const ordinal of ordinalsOf(one)) await readyToLeave(rollOf(one.course), ordinal, signal)
    })
  }
  const taken = await during('cordon', async () => {
    if (inputs.uncordon !== 'never') standing.rememberNodes([...new Set([...report.nodes.filter(({ cordon }) => cordon === 'ours').map((one) => one.node), node.name])])
    // Before the patch the record says that the cordon may be ours: whoever finds it looks at the mark.
    ledger.stored = await beginNode(marking, ledger.stored, { ...entry, phase: 'cordon', cordon: 'ours' }, signal)
    const answer = await cordonNode(kube, node, { ...mark, at: new Date(clock.now()).toISOString() }, signal)
    if (answer.kind === 'theirs' && answer.mark !== undefined) {
      throw failure(report.changed ? 'failed' : 'refused', 'DRAIN_REFUSED', `${node.name} is cordoned ${answer.by}`, { object: `node/${node.name}`, mend: 'Wait until that run has ended, or take its cordon back with operation: uncordon for that ensemble.' })
    }
    if (answer.kind === 'theirs') await write({ cordon: 'theirs' })
    return answer.kind
  })
  if (taken === 'gone') {
    journal.info(`${node.name}: is gone from the cluster, nothing to drain`)
    row.outcome = 'gone'
    await finish(drain, row, undefined, signal)
    return
  }
  row.cordon = taken
  if (taken === 'ours') report.changed = true
  say(drain, node.name, taken === 'ours' ? 'cordoned' : 'was cordoned before, and stays so')
  report.standing = `${node.name} is cordoned; its pods are being evicted`
  if (taken === 'theirs' && mode === 'in-place') {
    throw failure('failed', 'DRAIN_REFUSED', `${node.name} was cordoned by somebody else: ${row.members.join(' and ')} could not come back to it`, { object: `node/${node.name}`, mend: 'Uncordon it first, or take it with operation: uncordon and any-cordon: true.' })
  }

  await write({ phase: 'evict' })
  await emptyNode(standing, turn, signal)
  await cordonMustStand(drain, node, row, signal)

  if (inputs.maintenanceCommand !== undefined) {
    await write({ phase: 'maintenance' })
    report.standing = `${node.name} is drained, its maintenance runs`
    await during('maintenance', () => maintain({ services, kube, inputs, node }, signal))
  }
  if (taken === 'ours' && givenBack) {
    await during('uncordon', async () => {
      await write({ phase: 'uncordon' })
      await uncordonNode(kube, node.name, { ensemble: mark.ensemble, identity: lock.identity, uid: node.uid }, signal)
      row.cordon = 'none'
      say(drain, node.name, 'uncordoned')
    })
  }
  const later = neighbours.filter((one) => one.later)
  if (givenBack && (mode === 'in-place' || later.length > 0)) {
    await during('rejoin', async () => {
      const afresh = (one: Course): Course => boundBy(one, new Deadline(clock, inputs.timeoutMs))
      if (mode === 'in-place') await membersBack({ ...turn, course: afresh(course) }, drain.looker, row.members, signal)
      for (const one of later) await membersBack({ ...turn, course: afresh(one.course) }, one.looker, one.pods.map(({ name }) => name), signal)
    })
  }
  row.outcome = 'drained'
  const kept = taken === 'theirs' || !givenBack
  await finish(drain, row, taken === 'ours' && kept ? 'handed-over' : undefined, signal)
  report.standing = `${node.name} is drained${kept ? ' and stays cordoned' : ' and given back'}`
}

/** Refuses with every pod that has no place, and every pod that the flags don't let go. */
export function refuseUnfit(surveys: readonly NodeSurvey[], changed: boolean): void {
  const findings = surveys.flatMap(({ node, pods, choice }) => [
    ...pods.refused.map(({ pod, why, mend }) => ({ pod: `${pod.namespace}/${pod.name}`, why, mend })),
    ...choice.refusals,
  ].map(({ pod, why, mend }) => ({ code: 'DRAIN_REFUSED' as const, severity: 'error' as const, message: `${node} was not touched: ${pod}: ${why}`, mend, object: `node/${node}` })))
  const [first, ...rest] = findings
  if (first !== undefined) throw new EnsembleError(changed ? 'failed' : 'refused', [first, ...rest])
}

/** Somebody who uncordons a node meanwhile wants it back: it is not drained, and must not be called so. */
async function cordonMustStand(drain: Drain, node: NodeView, row: NodeRow, signal: AbortSignal): Promise<void> {
  if (row.cordon !== 'ours') return
  const object = await readNode(drain.standing.kube, node.name, signal)
  if (object === undefined || cordonStands(toNode(object), drain.mark)) return
  row.cordon = toNode(object).unschedulable ? 'theirs' : 'none'
  throw failure('failed', 'CONFLICT', `somebody else ${row.cordon === 'none' ? 'uncordoned' : 'cordoned'} ${node.name} while it was drained: it is not empty for sure`, {
    object: `node/${node.name}`, mend: `Find out who (kubectl get node ${node.name} -o yaml --show-managed-fields), then drain it again.`,
  })
}

/** Strikes the node out, or leaves it handed over; from here on a successor does not do it again. */
async function finish({ standing: { marking, services }, ledger }: Drain, row: NodeRow, phase: 'handed-over' | undefined, signal: AbortSignal): Promise<void> {
  ledger.stored = phase === undefined ? await endNodes(marking, ledger.stored, new Set([row.node]), signal) : await advanceNode(marking, ledger.stored, row.node, { phase }, signal)
  ledger.stored = await nodeDrained(marking, ledger.stored, row.node, signal)
  services.report.drainedNodes.push(row.node)
  services.report.remainingNodes = services.report.remainingNodes.filter((name) => name !== row.node)
  services.publish()
}

function boundBy(course: Course, deadline: Deadline): Course {
  return { ...course, deadline, before: course.follower.snapshot() }
}

async function nodesOf({ course, kube }: Standing, signal: AbortSignal): Promise<readonly NodeView[] | undefined> {
  return course.rights.nodes ? readNodes(kube, signal) : undefined
}

function leads(report: RunReport, names: readonly string[]): boolean {
  return report.members.some((member) => member.role === 'leader' && names.includes(member.pod))
}

function say({ standing: { services: { journal, report, clock } } }: Drain, node: string, what: string): void {
  journal.info(`${node}: ${what}`)
  report.timeline.push({ at: clock.now(), what, node })
}
