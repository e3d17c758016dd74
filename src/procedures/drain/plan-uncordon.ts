// Which cordons an uncordon would remove, known for all nodes before the first is touched.

import { ownPods } from '../../decide/members/members.ts'
import { holderInWords, type Cordon } from '../../decide/drain/cordon.ts'
import { failure } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Kube } from '../../kube/kube.ts'
import { type StoredRecord, nodesUnderMaintenance } from '../../record/record.ts'
import type { EnsembleView, NodeView } from '../../view/surroundings.ts'
import { readNode, whose } from '../../record/cordon.ts'
import { resolveNodes } from './resolve-nodes.ts'
import type { Recorder, SeenNode } from '../../report/recorder.ts'

export interface PlannedNode {
  readonly node: NodeView
  readonly cordon: Cordon
}

type Targets = Pick<Inputs, 'nodes' | 'nodeSelector' | 'members'>

/** Whom the nodes were cordoned for: the ensemble `namespace/name`, as it is now, and its record. */
export interface CordonedFor {
  readonly view: EnsembleView
  readonly stored: StoredRecord
  readonly ensemble: string
}

function isAnyNamed({ nodes, nodeSelector, members }: Targets): boolean {
  return nodes.length > 0 || nodeSelector !== undefined || members.length > 0
}

/** What the inputs name; where they name nothing, the nodes that drains of the ensemble cordoned. */
function wantedNodes(targets: Targets, stored: StoredRecord): Targets {
  if (isAnyNamed(targets)) return targets
  const left = nodesUnderMaintenance(stored).filter(({ cordon }) => cordon === 'ours')
  return { nodes: left.map(({ name }) => name), nodeSelector: undefined, members: [] }
}

/**
 * The nodes that are meant and whose their cordons are, for the ensemble `namespace/name`. Throws
 * NOT_FOUND as `resolveNodes` does.
 */
export async function planUncordon(
  kube: Kube,
  targets: Targets,
  { view, stored, ensemble }: CordonedFor,
  signal: AbortSignal,
): Promise<readonly PlannedNode[]> {
  const wanted = wantedNodes(targets, stored)
  const nodes = await resolveNodes(kube, { ...wanted, left: true }, view, stored, signal)
  return Promise.all(
    nodes.map(async (node): Promise<PlannedNode> => {
      // A look at the one node: a list may be served without its field managers.
      const object = node.unschedulable ? await readNode(kube, node.name, signal) : undefined
      return {
        node,
        cordon:
          object === undefined
            ? { kind: 'none' }
            : whose(object, { ...node, unschedulable: true }, ensemble),
      }
    }),
  )
}

/** Names of nodes that were named and that have left the cluster since a run of ours began them. */
export function goneNodes(
  targets: Targets,
  stored: StoredRecord,
  planned: readonly PlannedNode[],
): readonly string[] {
  const { nodes } = wantedNodes(targets, stored)
  return nodesUnderMaintenance(stored)
    .map(({ name }) => name)
    .filter((name) => nodes.includes(name) && !planned.some(({ node }) => node.name === name))
}

/**
 * Refuses, naming whose they are, when there are cordons of somebody else on nodes that were named.
 * Where none was, the record only has not heard yet that the cordon is another one now.
 */
export function refuseForeign(
  planned: readonly PlannedNode[],
  { anyCordon, ...targets }: Targets & Pick<Inputs, 'anyCordon'>,
): void {
  if (!isAnyNamed(targets)) return
  const foreign = planned.flatMap(({ node, cordon }) =>
    cordon.kind === 'theirs' ? [{ name: node.name, by: cordon.by }] : [],
  )
  const [first] = foreign
  if (first === undefined || anyCordon) return
  throw failure(
    'refused',
    'DRAIN_REFUSED',
    foreign.map(({ name, by }) => `${name} is cordoned ${by}`).join('; '),
    {
      object: `node/${first.name}`,
      input: 'any-cordon',
      fix: 'Leave these nodes out, or agree with whoever cordoned them: any-cordon: true takes their cordons too.',
    },
  )
}

/** Somebody else's cordon, which this run leaves: whose, in words; undefined of all others. */
export function leftTo(
  { cordon }: PlannedNode,
  { anyCordon }: Pick<Inputs, 'anyCordon'>,
): string | undefined {
  return cordon.kind === 'theirs' && !anyCordon ? cordon.by : undefined
}

/** The rows of the report, and a note where there are none. */
export function tellNodes(
  report: Recorder,
  { planned, gone }: { readonly planned: readonly PlannedNode[]; readonly gone: readonly string[] },
  { view, stored, ensemble }: CordonedFor,
): void {
  report.listNodes([...planned.map((one) => rowFor(one, stored, view)), ...gone.map(goneRow)])
  report.nodesLeft(
    planned.filter(({ cordon }) => cordon.kind !== 'none').map(({ node }) => node.name),
  )
  if (report.nodes.length === 0)
    report.note(`By the record no drain of ${holderInWords(ensemble)} left a node cordoned.`)
}

/**
 * A row of the report for a node that is about to be uncordoned; its members are those of the
 * record, or those that are on it.
 */
function rowFor({ node, cordon }: PlannedNode, stored: StoredRecord, view: EnsembleView): SeenNode {
  const entry = nodesUnderMaintenance(stored).find(({ name }) => name === node.name)
  return {
    node: node.name,
    outcome: 'waiting',
    placement: entry?.placement ?? '',
    members:
      entry?.members ??
      ownPods(view)
        .filter((pod) => pod.node === node.name)
        .map((pod) => pod.name),
    cordon: cordon.kind,
    phases: [],
    pods: [],
    note: '',
  }
}

function goneRow(node: string): SeenNode {
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
