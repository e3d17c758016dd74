// Where members may run: two on one node fall together.

import { keptApartBy } from '../kept-apart.ts'
import { selects } from '../shapes.ts'
import { warning, type LintSubject, type Rule } from './rule.ts'

const HOSTNAME = 'kubernetes.io/hostname'
const AT_LEAST_A_NODE = [HOSTNAME, 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

export const spread: Rule = (subject) => {
  const { set, profile, replicas } = subject
  if (profile === 'none' || replicas === undefined || replicas < 2 || keptApart(subject)) return []
  const { affinity } = set.shape.spec.template.spec
  const path = ['spec', 'template', 'spec', 'affinity', 'podAntiAffinity']
  const fix = `require anti-affinity on ${HOSTNAME} with the labels of the members`
  const preferred = affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  if (preferred.length > 0)
    return [
      warning(
        set.manifest,
        path,
        'anti-affinity is only preferred: when nodes are full, two members share one and fall together',
        fix,
      ),
    ]
  return [
    warning(
      set.manifest,
      path,
      'nothing keeps members off the same node: two on one node fall together',
      fix,
    ),
  ]
}

/**
 * Required anti-affinity by node, or by what is larger than a node, or an even spread over nodes
 * with so many members that one node never holds the majority's difference.
 */
function keptApart({ set, labels, replicas = 1 }: LintSubject): boolean {
  const { topologySpreadConstraints } = set.shape.spec.template.spec
  if (keptApartBy(set.shape).some((key) => AT_LEAST_A_NODE.includes(key))) return true
  const even = topologySpreadConstraints.some(
    (one) =>
      one.topologyKey === HOSTNAME &&
      one.maxSkew === 1 &&
      one.whenUnsatisfiable === 'DoNotSchedule' &&
      selects(one.labelSelector, labels),
  )
  return even && replicas >= 5
}
