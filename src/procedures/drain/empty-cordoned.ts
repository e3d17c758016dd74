// Empties a node of what is on it once its cordon is seen, and judges by the same rules what came
// to it in between.

import { cordonStands } from '../../decide/drain/cordon.ts'
import { failure } from '../../errors.ts'
import { toNode } from '../../kube/views/index.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { askToGo, overtakenBy, type Leaving } from './ask-to-go.ts'
import { readNode } from '../../record/cordon.ts'
import type { Drain } from './drain-under-way.ts'
import { emptyNode, type Turn } from './empty-node.ts'
import { meetNeighbours, type Neighbour } from './neighbours.ts'
import { passGates, type GatePatience } from './pass-gates.ts'
import { readNodes } from '../open/read-ensemble.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { cameSince, refuseUnfit, surveyNodes, type NodeSurvey } from './survey.ts'
import type { SeenNode } from '../../report/recorder.ts'

/** How often what came to a cordoned node is evicted as well. */
const ROUNDS = 3

/** A node whose gates are passed, with everything that it has to be judged by once more. */
export interface Taking extends Pick<Turn, 'node' | 'row' | 'during'> {
  readonly survey: NodeSurvey
  /** Grows by those that come to the node until its cordon is seen. */
  readonly neighbours: Neighbour[]
  readonly patience: GatePatience
}

/** Evicts what is to go, and what was bound to the node before its cordon was seen. */
export async function emptied(drain: Drain, taking: Taking, signal: AbortSignal): Promise<void> {
  const { ensemble } = drain
  const { node, row, neighbours } = taking
  let survey = await surveyedAgain(drain, taking, taking.survey, signal)
  for (let round = 1; ; round += 1) {
    const until = locked(neighbours, signal)
    const ours: Leaving = {
      ensemble,
      looker: drain.looker,
      pods: survey.members,
      together: new Set(
        survey.choice.mode === 'in-place' ? survey.members.map(({ name }) => name) : [],
      ),
      neighbour: false,
    }
    const { waiting } = survey.choice
    const theirs = neighbours.map(({ pods, ...one }): Leaving => ({
      ensemble: one.ensemble,
      looker: one.looker,
      pods,
      neighbour: true,
      together: new Set(
        pods
          .filter((pod) => waiting.includes(`${pod.namespace}/${pod.name}`))
          .map(({ name }) => name),
      ),
    }))
    const leaving = [ours, ...theirs]
    await emptyNode(
      ensemble,
      {
        ...taking,
        survey,
        looker: drain.looker,
        ask: askToGo(leaving, ensemble.lock),
        overtaken: overtakenBy(leaving, node.name),
        stands: (when) => cordonMustStand(drain, node, row, when),
      },
      until,
    )
    await cordonMustStand(drain, node, row, until)
    const next = await surveyedAgain(drain, taking, survey, until)
    if (next === survey) return
    if (round === ROUNDS)
      throw failure(
        'failed',
        'DRAIN_BLOCKED',
        `pods keep coming to ${node.name} although it is cordoned`,
        {
          object: `node/${node.name}`,
          fix: `See who puts them there: kubectl get pods -A --field-selector spec.nodeName=${node.name}`,
        },
      )
    survey = next
  }
}

/**
 * The same survey where nothing came to the node since. Other ensembles that came are held to their
 * gates; one more member of an ensemble that was judged already ends it.
 */
async function surveyedAgain(
  drain: Drain,
  { node, neighbours, patience }: Taking,
  survey: NodeSurvey,
  signal: AbortSignal,
): Promise<NodeSurvey> {
  const { ensemble } = drain
  if (!(await cameSince(drain, survey, signal))) return survey
  const next = await surveyNode(drain, node.name, signal)
  const came = next.pods.evict.filter(
    (pod) => !survey.pods.evict.some(({ uid }) => uid === pod.uid),
  )
  const judged = came.filter(
    (pod) =>
      next.members.includes(pod) ||
      neighbours.some(({ name }) => name === `${pod.namespace}/${pod.owner?.name ?? ''}`),
  )
  if (judged.length > 0) {
    throw failure(
      'failed',
      'CONFLICT',
      `${judged.map(({ name }) => name).join(' and ')} came to ${node.name} before its cordon took effect`,
      {
        object: `node/${node.name}`,
        fix: 'Nothing has to be fixed: the next run judges the node with what came to it.',
      },
    )
  }
  ensemble.run.journal.info(
    `${node.name}: ${came.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')} were scheduled to it before its cordon took effect`,
  )
  const met = await meetNeighbours(
    ensemble,
    { ...next, pods: { ...next.pods, evict: came } },
    true,
    signal,
  )
  neighbours.push(...met)
  await passNeighbours(ensemble, met, node.name, patience, locked(met, signal))
  return next
}

/** The loss of one ensemble's lock ends what is done to the node. */
export function locked(neighbours: readonly Neighbour[], signal: AbortSignal): AbortSignal {
  return AbortSignal.any([
    signal,
    ...neighbours.flatMap(({ lost }) => (lost === undefined ? [] : [lost])),
  ])
}

export async function surveyNode(
  drain: Drain,
  node: string,
  signal: AbortSignal,
): Promise<NodeSurvey> {
  const [found] = await surveyNodes(drain, [node], signal)
  if (found === undefined) throw failure('failed', 'INTERNAL', `${node} was not surveyed`)
  refuseUnfit([found], drain.ensemble.run.report.changed)
  return found
}

/** The gates of every other ensemble on the node. */
export async function passNeighbours(
  ensemble: Locked,
  neighbours: readonly Neighbour[],
  node: string,
  patience: GatePatience,
  signal: AbortSignal,
): Promise<void> {
  for (const { ensemble: theirs, looker } of neighbours) {
    await passGates(
      {
        ensemble: theirs,
        looker,
        underWay: undefined,
        neighbour: true,
        nodes: (until) => nodesOf(ensemble, until),
      },
      node,
      patience,
      theirs.deadline,
      signal,
    )
  }
}

/**
 * Somebody who uncordons a node meanwhile wants it back: it is not drained, and must not be called
 * so.
 */
async function cordonMustStand(
  drain: Drain,
  node: NodeView,
  row: SeenNode,
  signal: AbortSignal,
): Promise<void> {
  const object = await readNode(drain.ensemble.kube, node.name, signal)
  if (
    object === undefined ||
    object.metadata.uid !== node.uid ||
    cordonStands(toNode(object), drain.mark)
  )
    return
  // Somebody else's keeps pods away as well as ours does, as long as it stands.
  if (row.cordon !== 'ours' && toNode(object).unschedulable) return
  drain.ensemble.run.report.nodeIs(row, {
    cordon: toNode(object).unschedulable ? 'theirs' : 'none',
  })
  throw failure(
    'failed',
    'CONFLICT',
    `somebody else ${row.cordon === 'none' ? 'uncordoned' : 'cordoned'} ${node.name} while it was drained: it is not empty for sure`,
    {
      object: `node/${node.name}`,
      fix: `Find out who (kubectl get node ${node.name} -o yaml --show-managed-fields).`,
    },
  )
}

export async function nodesOf(
  ensemble: Locked,
  signal: AbortSignal,
): Promise<readonly NodeView[] | undefined> {
  const { kube } = ensemble
  return ensemble.rights.nodes ? readNodes(kube, signal) : undefined
}
