// Whether labels, nodes and taints are what a pod asks for: the matching that all filters share.

import type { NodeTerm, PodDemands, Requirement, Toleration } from '../../view/scheduling.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { LabelSelector } from '../../view/workload.ts'

type Labels = Readonly<Record<string, string>>

/** No selector selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false
  for (const key in selector.matchLabels)
    if (labels[key] !== selector.matchLabels[key]) return false
  for (const requirement of selector.matchExpressions)
    if (!holds(requirement, labels[requirement.key])) return false
  return true
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt':
      return compares(operator, value, values[0])
  }
}

/** Both must be whole numbers; anything else doesn't hold. */
function compares(
  operator: 'Gt' | 'Lt',
  value: string | undefined,
  than: string | undefined,
): boolean {
  if (
    value === undefined ||
    than === undefined ||
    !/^[+-]?\d+$/.test(value) ||
    !/^[+-]?\d+$/.test(than)
  )
    return false
  return operator === 'Gt' ? Number(value) > Number(than) : Number(value) < Number(than)
}

export function inTerms(terms: readonly NodeTerm[], node: NodeView): boolean {
  return terms.some(({ expressions, fields }) => {
    if (expressions.length === 0 && fields.length === 0) return false
    return (
      expressions.every((one) => holds(one, node.labels[one.key])) &&
      fields.every((one) => one.key === 'metadata.name' && holds(one, node.name))
    )
  })
}

/** nodeSelector and required node affinity. */
export function asksFor({ nodeSelector, nodeAffinity }: PodDemands, node: NodeView): boolean {
  for (const key in nodeSelector) if (node.labels[key] !== nodeSelector[key]) return false
  return nodeAffinity === undefined || inTerms(nodeAffinity, node)
}

export interface Taint {
  readonly key: string
  readonly value: string
  readonly effect: string
}

/** What a cordon is, as a taint. */
export const CORDON: Taint = {
  key: 'node.kubernetes.io/unschedulable',
  value: '',
  effect: 'NoSchedule',
}

export function tolerated(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((one) => tolerates(one, taint))
}

function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false
  if (key !== undefined && key !== taint.key) return false
  switch (operator) {
    case 'Exists':
      return true
    case 'Equal':
      return key !== undefined && value === taint.value
    case 'Gt':
    case 'Lt':
      // As the scheduler reads them: the taint's value is the one compared.
      return compares(operator, taint.value, value)
  }
}

/** The first taint that keeps the pod off, if any. */
export function keptOff(
  tolerations: readonly Toleration[],
  taints: readonly Taint[],
): Taint | undefined {
  return taints.find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerated(tolerations, taint),
  )
}
