// What is on a node and where it can go: read again before each node, and for all of them before
// the first is touched.

import type { Recorder } from '../../report/recorder.ts'
import { cordonOf } from '../../decide/drain/cordon.ts'
import {
  chooseMode,
  reasonOfOne,
  type NodeChoice,
} from '../../decide/drain/elsewhere-or-in-place.ts'
import { sortPods, type SortedPods } from '../../decide/drain/drainable.ts'
import { planPlacements } from '../../decide/placement/plan-placements.ts'
import { CORDON, tolerated } from '../../decide/placement/select.ts'
import { EnsembleError } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Kube } from '../../kube/kube.ts'
import { placedPodReader } from '../../kube/views/index.ts'
import type { Run } from '../../run.ts'
import type { NodePod } from '../../view/node-pod.ts'
import type { ClusterView } from '../../view/scheduling.ts'
import { refuseMissing, rightsToEvict } from '../open/access.ts'
import type { Drain } from './drain-under-way.ts'
import { heldForEver } from './held-for-ever.ts'
import { readCluster } from './read-cluster.ts'

/** How many pods a line of the log names. */
const NAMED_PODS = 6

export interface NodeSurvey {
  readonly node: string
  readonly pods: SortedPods
  /** Those of the evicted that are members. */
  readonly members: readonly NodePod[]
  /** Names of the PersistentVolumes of the evicted. */
  readonly volumes: ReadonlySet<string>
  readonly choice: NodeChoice
}

/** One survey for each node, each looked at as if those before it were done. */
export async function surveyNodes(
  drain: Drain,
  nodes: readonly string[],
  signal: AbortSignal,
): Promise<readonly NodeSurvey[]> {
  const { kube, inputs } = drain.ensemble
  const [cluster, daemonSets, chosen] = await Promise.all([
    readCluster(kube, new Set(nodes), signal),
    namesOfDaemonSets(kube, signal),
    chosenPods(kube, inputs.podSelector, nodes, signal),
  ])
  const surveys = surveyIn(cluster, drain, nodes, daemonSets, chosen)
  const pods = surveys.flatMap((survey) => survey.pods.evict)
  refuseMissing(
    await kube.denied(
      [...new Set(pods.map(({ namespace }) => namespace))].flatMap(rightsToEvict),
      signal,
    ),
    'ACCESS_DENIED',
  )
  const held = await heldForEver(kube, pods, surveys.flatMap(comingBack), signal)
  return surveys.map((survey) => ({
    ...survey,
    pods: {
      ...survey.pods,
      refused: [
        ...survey.pods.refused,
        ...held.filter(({ pod }) => survey.pods.evict.includes(pod)),
      ],
    },
  }))
}

/**
 * The same for lists that were read; `chosen`: UIDs of the pods that `pod-selector` takes,
 * undefined for all.
 */
function surveyIn(
  cluster: ClusterView,
  { ensemble: { inputs, before }, mark, isUncordoned }: Drain,
  nodes: readonly string[],
  daemonSets: ReadonlySet<string> | undefined,
  chosen: ReadonlySet<string> | undefined,
): readonly NodeSurvey[] {
  const sorted = new Map(
    nodes.map((node) => [
      node,
      sortPods(
        cluster.pods.filter(
          (pod) => pod.node === node && (chosen === undefined || chosen.has(pod.uid)),
        ),
        inputs,
        daemonSets,
      ),
    ]),
  )
  const moves = new Set([...sorted.values()].flatMap(({ evict }) => evict.map(({ uid }) => uid)))
  const isMember = (pod: NodePod): boolean =>
    before.set !== undefined && pod.owner?.uid === before.set.uid
  // Nobody recreates an unmanaged pod: it needs no place.
  const theirs = new Set(
    cluster.nodes
      .filter((node) => cordonOf(node, mark.ensemble).kind === 'theirs')
      .map(({ name }) => name),
  )
  const uncordonsIt = (node: string): boolean => isUncordoned && !theirs.has(node)
  const plan = planPlacements(
    cluster,
    nodes.map((node) => ({ node, staysCordoned: !uncordonsIt(node) })),
    (pod) => moves.has(pod.uid) && pod.owner !== undefined,
  )
  return nodes.map((node, index) => {
    const pods = sorted.get(node) ?? sortPods([], inputs, daemonSets)
    const choice = chooseMode({
      node,
      answers: plan[index]?.answers ?? [],
      isMember,
      asked: inputs.placement,
      isUncordoned: uncordonsIt(node),
      cordonedByOthers: theirs.has(node),
    })
    const volumes = new Set(
      cluster.claims.flatMap((claim) =>
        claim.volume !== undefined &&
        pods.evict.some(
          (pod) => pod.namespace === claim.namespace && pod.claims.includes(claim.name),
        )
          ? [claim.volume]
          : [],
      ),
    )
    return { node, pods, members: pods.evict.filter(isMember), volumes, choice }
  })
}

/** Several nodes as if they were one, for a look at who is on them. */
export function asOne(surveys: readonly NodeSurvey[]): NodeSurvey {
  const node = surveys.map((one) => one.node).join(', ')
  return {
    node,
    pods: {
      evict: surveys.flatMap(({ pods }) => pods.evict),
      leave: [],
      refused: [],
      warnings: [],
    },
    members: surveys.flatMap(({ members }) => members),
    volumes: new Set(),
    choice: { node, mode: 'none', waiting: [], refusals: [], notes: [] },
  }
}

/**
 * In the log and the report; `report.nodes` has its row already, with the members that stand on it.
 */
export function tellSurvey(
  survey: NodeSurvey,
  { maintenanceCommand }: Pick<Inputs, 'maintenanceCommand'>,
  { journal, report }: Pick<Run, 'journal' | 'report'>,
): void {
  const { node, members, pods, choice } = survey
  const there = report.nodes.find((one) => one.node === node)?.members ?? []
  report.nodeIs({ node }, { placement: choice.mode === 'none' ? '' : choice.mode })
  const who = there.length === 0 ? '' : `${there.join(', ')} ${whereTo(choice.mode)}; `
  journal.info(`${node}: ${who}${goingInWords(survey)}, ${pods.leave.length} skipped`)
  const stay = there.filter((name) => !members.some((member) => member.name === name))
  if (stay.length > 0) {
    const line = staysInWords(node, stay, maintenanceCommand !== undefined)
    report.note(line)
    if (maintenanceCommand !== undefined) journal.warning(line)
  }
  for (const { pod, why } of pods.refused) journal.info(`  ${pod.namespace}/${pod.name}: ${why}`)
  for (const { pod, why } of choice.refusals) journal.info(`  ${pod}: ${why}`)
  report.unfitOn(node, unfitPods(survey))
  for (const warning of pods.warnings) report.note(`${node}: ${warning}`)
  for (const line of choice.notes) report.note(`${node}: ${line}`)
}

/** `2 pods to evict (shop/web-0, other/zk-1)`: those that are no members by name. */
function goingInWords({ pods: { evict }, members }: NodeSurvey): string {
  const others = evict
    .filter((pod) => !members.includes(pod))
    .map(({ namespace, name }) => `${namespace}/${name}`)
  const more = others.length > NAMED_PODS ? [`and ${others.length - NAMED_PODS} more`] : []
  const names = [...others.slice(0, NAMED_PODS), ...more].join(', ')
  return `${evict.length} ${evict.length === 1 ? 'pod' : 'pods'} to evict${names === '' ? '' : ` (${names})`}`
}

function whereTo(mode: NodeSurvey['choice']['mode']): string {
  switch (mode) {
    case 'none':
      return 'stays on it (pod-selector)'
    case 'in-place':
      return 'comes back to it'
    case 'elsewhere':
      return 'goes elsewhere'
  }
}

function staysInWords(node: string, stay: readonly string[], maintained: boolean): string {
  const [stays, it] = stay.length === 1 ? ['stays', 'it'] : ['stay', 'them']
  return `${node}: ${stay.join(', ')} ${stays} on it, since pod-selector leaves ${it} out${maintained ? ': the maintenance command runs under a member that serves' : ''}.`
}

function unfitPods({ node, members, choice }: NodeSurvey): Parameters<Recorder['unfitOn']>[1] {
  return choice.refusals.flatMap(({ pod, reasons }) =>
    reasons === undefined
      ? []
      : [
          {
            pod,
            node,
            member: isAmong(members, pod),
            reasons: reasons.map(({ reason, nodes, names }) => ({
              reason: reasonOfOne(reason),
              nodes,
              names: [...names],
            })),
          },
        ],
  )
}

/** `pod` as `namespace/name`. */
function isAmong(members: readonly NodePod[], pod: string): boolean {
  return members.some(({ namespace, name }) => `${namespace}/${name}` === pod)
}

/** Refuses with every pod that has no place, and every pod whose eviction the flags don't allow. */
export function refuseUnfit(surveys: readonly NodeSurvey[], changed: boolean): void {
  const findings = surveys.flatMap(({ node, pods, choice, members }) =>
    [
      ...pods.refused.map(({ pod, why, fix }) => ({
        pod: `${pod.namespace}/${pod.name}`,
        why,
        fix,
      })),
      ...choice.refusals,
    ].map(({ pod, why, fix }) => ({
      member: isAmong(members, pod),
      finding: {
        code: 'DRAIN_REFUSED' as const,
        severity: 'error' as const,
        message: `${node} ${changed ? "can't be drained" : 'was not touched'}: ${pod}: ${why}`,
        fix,
        object: `node/${node}`,
      },
    })),
  )
  // Who drains an ensemble asks for its members first.
  const [first, ...rest] = findings
    .toSorted((a, b) => Number(b.member) - Number(a.member))
    .map(({ finding }) => finding)
  if (first !== undefined) throw new EnsembleError(changed ? 'failed' : 'refused', [first, ...rest])
}

/**
 * Pods that only their node takes: the members in place, and each other ensemble's that wait.
 */
function comingBack({ members, pods, choice }: NodeSurvey): readonly (readonly NodePod[])[] {
  const waiting = pods.evict.filter((pod) =>
    choice.waiting.includes(`${pod.namespace}/${pod.name}`),
  )
  return [
    ...(choice.mode === 'in-place' ? [members] : []),
    ...Map.groupBy(waiting, (pod) => pod.owner?.uid).values(),
  ]
}

/**
 * Whether pods came to the node after it was surveyed that would be evicted: bound before anybody
 * saw the cordon.
 */
export async function cameSince(
  { ensemble: { kube, inputs } }: Drain,
  survey: NodeSurvey,
  signal: AbortSignal,
): Promise<boolean> {
  const known = new Set(
    [...survey.pods.evict, ...survey.pods.leave.map(({ pod }) => pod)].map(({ uid }) => uid),
  )
  const options = {
    fields: `spec.nodeName=${survey.node}`,
    ...(inputs.podSelector === undefined ? {} : { labels: inputs.podSelector }),
  }
  const found = await kube.listAs(
    { apiVersion: 'v1', kind: 'Pod' },
    options,
    placedPodReader(),
    signal,
  )
  // What bears every cordon comes back as often as it is evicted.
  const fresh = found.filter(
    (pod) =>
      !known.has(pod.uid) &&
      pod.deleting === undefined &&
      !tolerated(pod.demands.tolerations, CORDON),
  )
  const { evict, refused } = sortPods(fresh, inputs, undefined)
  return evict.length + refused.length > 0
}

/** `namespace/name`; undefined where they may not be read. */
async function namesOfDaemonSets(
  kube: Kube,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  const denied = await kube.denied(
    [{ verb: 'list', group: 'apps', resource: 'daemonsets' }],
    signal,
  )
  if (denied.length > 0) return undefined
  return new Set(
    await kube.listAs(
      { apiVersion: 'apps/v1', kind: 'DaemonSet' },
      {},
      ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`,
      signal,
    ),
  )
}

async function chosenPods(
  kube: Kube,
  selector: string | undefined,
  nodes: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  if (selector === undefined) return undefined
  const lists = await Promise.all(
    nodes.map((node) =>
      kube.list(
        { apiVersion: 'v1', kind: 'Pod' },
        { labels: selector, fields: `spec.nodeName=${node}` },
        signal,
      ),
    ),
  )
  return new Set(lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.uid ?? '')))
}
