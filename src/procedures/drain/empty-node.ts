// Empties one node that is cordoned: evicts its pods, and waits until members that can be elsewhere
// are there, and in the quorum.

import { formatSpan } from '../../clock.ts'
import { ownPods } from '../../decide/members/members.ts'
import { failure, type EnsembleError } from '../../errors.ts'
import type { NodePhase } from '../../report/run-report.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { servingInWords, awaitServing } from '../rollout/await-serving.ts'
import { isAbandoned } from './ask-to-go.ts'
import { evictPods, type Evicting } from './evict-pods.ts'
import type { Looker } from '../rollout/looker.ts'
import type { Neighbour } from './neighbours.ts'
import type { NodeSurvey } from './survey.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { awaitDetached } from './volumes.ts'
import type { Ensemble } from '../open/ensemble.ts'
import type { SeenNode } from '../../report/recorder.ts'

/**
 * A pod that no node takes is not waited for longer, unless a node is being added for it;
 * milliseconds.
 */
const UNPLACED_MS = 15_000

/** Runs a part of the drain as a phase of the node. */
export type During = <T>(phase: NodePhase, work: () => Promise<T>) => Promise<T>

/** One node whose turn has come. */
export interface Turn {
  readonly node: NodeView
  readonly row: SeenNode
  readonly survey: NodeSurvey
  readonly neighbours: readonly Neighbour[]
  readonly looker: Looker
  readonly during: During
  readonly ask: NonNullable<Evicting['ask']>
  readonly overtaken: NonNullable<Evicting['overtaken']>
  /** Rejects when our cordon does not stand any more. */
  readonly stands: (signal: AbortSignal) => Promise<void>
}

/**
 * `ensemble`: bounded by the node's time. Everything that is to go has gone; members that can be elsewhere are there, and in the quorum.
 */
export async function emptyNode(ensemble: Locked, turn: Turn, signal: AbortSignal): Promise<void> {
  const { row, during, neighbours } = turn
  const { members, pods, choice } = turn.survey
  // Who comes back only in the end goes last, so that it is away for the shortest time, and no
  // other one waits for a budget that it has used up.
  const tied = new Set(choice.waiting)
  const [waiting = [], others = []] = [true, false].map((waits) =>
    pods.evict.filter(
      (pod) => !members.includes(pod) && tied.has(`${pod.namespace}/${pod.name}`) === waits,
    ),
  )
  const unplaced = (pod: PodView): EnsembleError =>
    noPlace(turn, pod, ensemble.inputs.uncordon === 'never')
  const neighboursBack = async (until: AbortSignal): Promise<void> => {
    for (const one of neighbours)
      if (!one.later) await neighbourBack({ ...turn, unplaced, ensemble: one.ensemble }, one, until)
  }
  if (choice.mode !== 'elsewhere') {
    await during('evict', () => evict(ensemble, turn, others, signal))
    if (neighbours.some((one) => !one.later)) await during('wait', () => neighboursBack(signal))
    if (waiting.length > 0) await during('evict', () => evict(ensemble, turn, waiting, signal))
    if (members.length > 0) await during('evict', () => evict(ensemble, turn, members, signal))
    await detached(ensemble, turn, signal)
    return
  }
  const failed = new AbortController()
  const both = AbortSignal.any([signal, failed.signal])
  const stopBoth = (error: unknown): never => {
    failed.abort(error)
    throw error
  }
  const away = evict(ensemble, turn, others, both)
    .then(() => neighboursBack(both))
    .then(() => evict(ensemble, turn, waiting, both))
    .catch(stopBoth)
  const moved = (async () => {
    for (const member of members) {
      await during('evict', () => evict(ensemble, turn, [member], both))
      await during('wait', () =>
        membersBack({ ...turn, ensemble, unplaced }, turn.looker, row.members, both),
      )
    }
  })().catch(stopBoth)
  if ((await Promise.allSettled([moved, away])).some((result) => result.status === 'rejected'))
    throw failed.signal.reason
  await detached(ensemble, turn, signal)
}

async function evict(
  ensemble: Locked,
  { node, row, survey, neighbours, ask, overtaken }: Turn,
  pods: readonly NodePod[],
  signal: AbortSignal,
): Promise<void> {
  if (pods.length === 0) return
  const { inputs, run } = ensemble
  const { report } = run
  await evictPods(
    ensemble,
    {
      pods,
      gracePeriodSeconds: inputs.gracePeriodSeconds,
      node: node.name,
      ask,
      overtaken,
      onEvicted: (pod) => {
        const neighbour = neighbours.find(({ pods: its }) => its.some(({ uid }) => uid === pod.uid))
        if (neighbour !== undefined) report.otherStands(neighbour.name, false)
        const member =
          neighbour !== undefined
            ? `${pod.namespace}/${pod.name}`
            : survey.members.some(({ uid }) => uid === pod.uid)
              ? pod.name
              : undefined
        report.podOf(row, { pod: `${pod.namespace}/${pod.name}`, outcome: 'evicted', note: '' })
        const told = `${pod.namespace}/${pod.name} evicted`
        report.did({
          ...(member === undefined
            ? { what: told }
            : { what: 'evicted', member, event: { kind: 'evicted' } }),
          node: node.name,
          line: `${node.name}: ${told}`,
        })
      },
    },
    signal,
  )
}

async function detached(
  ensemble: Locked,
  { node, survey: { volumes }, stands }: Turn,
  signal: AbortSignal,
): Promise<void> {
  await awaitDetached(ensemble, { node: node.name, volumes, stands: () => stands(signal) }, signal)
}

export interface Returning extends Pick<Turn, 'node' | 'row'> {
  readonly ensemble: Ensemble
  /**
   * Of one that no node takes: it ends the wait at once, since to uncordon the node is the
   * quickest fix. Undefined where it is uncordoned already.
   */
  readonly unplaced?: (pod: PodView) => EnsembleError
}

/** As `membersBack`, of another ensemble on the node; nothing of one that is being deleted. */
export async function neighbourBack(
  back: Returning,
  one: Neighbour,
  signal: AbortSignal,
): Promise<void> {
  if (isAbandoned(one)) return
  await membersBack(
    back,
    one.looker,
    one.pods.map(({ name }) => name),
    signal,
  )
  one.ensemble.run.report.otherStands(one.name, true)
}

/** Every member is available and in the quorum. */
export async function membersBack(
  { ensemble, node, row, unplaced }: Returning,
  looker: Looker,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { journal, report } = ensemble.run
  const serving = await awaitServing(ensemble, signal, {
    looker,
    early: (seen, now, began) => {
      const homeless = ownPods(seen).find(
        (pod) =>
          names.includes(pod.name) &&
          pod.unscheduled !== undefined &&
          now - Math.max(began, pod.unscheduled.since) >= UNPLACED_MS,
      )
      if (
        unplaced !== undefined &&
        homeless !== undefined &&
        !seen.events.some(
          (event) => event.object.uid === homeless.uid && event.reason === 'TriggeredScaleUp',
        )
      )
        throw unplaced(homeless)
    },
  })
  const { view, ms } = serving
  journal.info(`${node.name}: ${servingInWords(serving)}`)
  for (const name of names) {
    const home = ownPods(view).find((pod) => pod.name === name)?.node
    if (home !== undefined)
      report.podServes(
        row,
        `${view.set?.namespace ?? ''}/${name}`,
        `serves on ${home} after ${formatSpan(ms)}`,
      )
  }
}

function noPlace(
  { node, row }: Pick<Turn, 'node' | 'row'>,
  pod: PodView,
  kept: boolean,
): EnsembleError {
  const now =
    row.cordon === 'ours' && !kept
      ? `${node.name} is uncordoned, so that it returns there.`
      : `${node.name} stays cordoned: uncordon it, and it returns there.`
  return failure(
    'failed',
    'UNSCHEDULABLE',
    `${pod.name} found no node after it was evicted from ${node.name}: ${pod.unscheduled?.message ?? ''}`,
    {
      object: `pod/${pod.name}`,
      ...(pod.ordinal === undefined ? {} : { ordinal: pod.ordinal }),
      fix: `${now} Make room on another node, or set placement: in-place.`,
    },
  )
}

/** -1 for one that has gone meanwhile: nobody waits for it. */
export function ordinalOf({ follower }: Ensemble, pod: NodePod): number {
  return ownPods(follower.snapshot()).find((one) => one.name === pod.name)?.ordinal ?? -1
}
