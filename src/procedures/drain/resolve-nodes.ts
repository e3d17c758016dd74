// Which nodes are meant: by name, by label selector, or by the members that are on them; resolved
// once, before anything is changed.

import { ownPods } from '../../decide/members/members.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Kube } from '../../kube/kube.ts'
import { toNode } from '../../kube/views/index.ts'
import { type StoredRecord, nodesUnderMaintenance } from '../../record/record.ts'
import type { EnsembleView, NodeView } from '../../view/surroundings.ts'

const NODE = { apiVersion: 'v1', kind: 'Node' }
/** So many names are told of what there is. */
const MOST_TOLD = 20

/**
 * Each node once, in the order in which it was named: names first, then what the selector finds,
 * then the members' nodes. A node that a run of ours had begun and that has left
 * the cluster since is passed over. `left`: of members also the nodes that they were drained from.
 * Throws NOT_FOUND with everything that is unknown, and what there is.
 */
export async function resolveNodes(
  kube: Kube,
  inputs: Pick<Inputs, 'nodes' | 'nodeSelector' | 'members'> & { readonly left?: boolean },
  view: EnsembleView,
  record: StoredRecord,
  signal: AbortSignal,
): Promise<readonly NodeView[]> {
  const [all, selected] = await Promise.all([
    kube.listAs(NODE, {}, toNode, signal),
    inputs.nodeSelector === undefined
      ? []
      : kube.listAs(
          NODE,
          { labels: inputs.nodeSelector },
          (object) => object.metadata.name,
          signal,
        ),
  ])
  const ofMembers = inputs.members.map((member) => ({
    member,
    nodes: nodesOfMember(member, view, record, inputs.left === true),
  }))
  const begun = new Set(nodesUnderMaintenance(record).map(({ name }) => name))
  const there = new Map(all.map((node) => [node.name, node]))
  const wanted = [
    ...new Set([...inputs.nodes, ...selected, ...ofMembers.flatMap(({ nodes }) => nodes)]),
  ]
  const faults = [
    ...wanted
      .filter((name) => !there.has(name) && !begun.has(name))
      .map((name) => unknownNode(name, all)),
    ...(inputs.nodeSelector !== undefined && selected.length === 0
      ? [
          fault(
            'node-selector',
            `no node has the labels ${inputs.nodeSelector}`,
            `The cluster has ${listed(all.map(({ name }) => name))}: kubectl get nodes --show-labels`,
          ),
        ]
      : []),
    ...ofMembers
      .filter(({ nodes }) => nodes.length === 0)
      .map(({ member }) => unknownMember(member, view)),
  ]
  const [first, ...rest] = faults
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
  return wanted.flatMap((name) => there.get(name) ?? [])
}

/**
 * Where the member is, and with `left` where it was as well; for one that waits for a node the one
 * that it was taken from. A member may be named by its ordinal too.
 */
function nodesOfMember(
  member: string,
  view: EnsembleView,
  record: StoredRecord,
  left: boolean,
): readonly string[] {
  const pod = ownPods(view).find(
    ({ name, ordinal }) => name === member || (/^\d+$/.test(member) && ordinal === Number(member)),
  )
  const was = nodesUnderMaintenance(record)
    .filter(({ members }) => members.includes(pod?.name ?? member))
    .map(({ name }) => name)
  if (pod?.node === undefined) return left ? was : was.slice(-1)
  return left ? [...was, pod.node] : [pod.node]
}

function unknownNode(name: string, all: readonly NodeView[]): Finding {
  return {
    ...fault(
      'nodes',
      `the cluster has no node ${name}, but ${listed(all.map((node) => node.name))}`,
      'Correct nodes, or check that context names the right cluster.',
    ),
    object: `node/${name}`,
  }
}

function unknownMember(member: string, view: EnsembleView): Finding {
  const pod = ownPods(view).find(
    ({ name, ordinal }) => name === member || String(ordinal) === member,
  )
  if (pod !== undefined)
    return {
      ...fault(
        'members',
        `${pod.name} is on no node, and the record does not say where it was`,
        'Name the node itself with nodes.',
      ),
      object: `pod/${pod.name}`,
    }
  const there = ownPods(view).map(
    ({ name, node }) => `${name}${node === undefined ? '' : ` (on ${node})`}`,
  )
  return fault(
    'members',
    `${view.set?.name ?? 'the ensemble'} has no member ${member}, but ${listed(there)}`,
    'Name members by their pods.',
  )
}

function fault(input: string, message: string, fix: string): Finding {
  return { code: 'NOT_FOUND', severity: 'error', message, fix, input }
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none at all'
  return `${names.slice(0, MOST_TOLD).join(', ')}${names.length > MOST_TOLD ? ` and ${names.length - MOST_TOLD} more` : ''}`
}
