// By what the members of a set must be apart: what lint, preflight and the check of the placement
// go by.

import { selects, type SetShape } from './shapes.ts'

/**
 * Topology keys of the required anti-affinity of the members against each other; a term that
 * selects other pods keeps no two members apart.
 */
export function keptApartBy({ spec: { template } }: SetShape): readonly string[] {
  const labels = template.metadata?.labels ?? {}
  const terms =
    template.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  return [
    ...new Set(
      terms.filter((term) => selects(term.labelSelector, labels)).map((term) => term.topologyKey),
    ),
  ]
}
