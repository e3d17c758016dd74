// Whether there are nodes enough for members that must not share one. A warning only: a node that is
// cordoned or not Ready may come back, and a pod that waits for a node is what makes an autoscaler
// add one. That there is none can't be proven: it may run in a control plane out of reach, and a
// status ConfigMap or labels of its nodes need not be there.

import type { NodeView } from '../../view/surroundings.ts'
import type { PreflightFinding, PreflightInput, Toleration, Placing } from './finding.ts'

export function roomFindings({ nodes, wanted }: PreflightInput): readonly PreflightFinding[] {
  if (nodes === undefined) return []
  const fit = nodes.filter((node) => takesMember(node, wanted.placing))
  return wanted.placing.apart.flatMap((key): readonly PreflightFinding[] => {
    const places = new Set(fit.flatMap((node) => node.labels[key] ?? []))
    if (places.size >= wanted.replicas) return []
    const what =
      key === 'kubernetes.io/hostname'
        ? places.size === 1
          ? 'node takes'
          : 'nodes take'
        : `${places.size === 1 ? 'value' : 'values'} of ${key} ${places.size === 1 ? 'has' : 'have'} a node that takes`
    return [
      {
        code: 'UNSCHEDULABLE',
        severity: 'warning',
        object: `statefulset/${wanted.name}`,
        path: ['spec', 'template', 'spec', 'affinity'],
        message: `${wanted.replicas} members must be apart by ${key}, but only ${places.size} ${what} them (${fit.length} of ${nodes.length} nodes are ready, schedulable, untainted and selected)`,
        fix: 'Add nodes, lower the number of members, or prefer the anti-affinity instead of requiring it.',
      },
    ]
  })
}

/** Ready, schedulable, selected, and without a taint that the members don't tolerate. */
export function takesMember(node: NodeView, placing: Placing): boolean {
  const selected = Object.entries(placing.nodeSelector).every(
    ([key, value]) => node.labels[key] === value,
  )
  const kept = node.taints.some(
    (taint) =>
      taint.effect !== 'PreferNoSchedule' &&
      !placing.tolerations.some((one) => tolerates(one, taint)),
  )
  return node.ready && !node.unschedulable && selected && !kept
}

function tolerates(
  toleration: Toleration,
  taint: { readonly key: string; readonly value: string; readonly effect: string },
): boolean {
  if (
    toleration.effect !== undefined &&
    toleration.effect !== '' &&
    toleration.effect !== taint.effect
  )
    return false
  if (toleration.key === undefined || toleration.key === '') return toleration.operator === 'Exists'
  return (
    toleration.key === taint.key &&
    (toleration.operator === 'Exists' || (toleration.value ?? '') === taint.value)
  )
}
