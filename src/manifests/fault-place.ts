// The line of a manifest that a fault of a running member is about: its image, its probe, its claim.

import type { Code } from '../codes.ts'
import type { Place } from '../errors.ts'
import type { Manifest } from './manifest.ts'
import { parseSet } from './shapes.ts'

const POD = ['spec', 'template', 'spec']

/** Codes that are about a field of the set; of the others none is at fault. */
const FIELDS: Partial<Record<Code, (set: Manifest, container?: string) => Place | undefined>> = {
  IMAGE_PULL: (set, container) => fieldOf(set, container, ['image']),
  CRASH_LOOP: (set, container) => fieldOf(set, container, []),
  CONFIG_ERROR: (set, container) => fieldOf(set, container, []),
  NOT_READY: (set, container) => fieldOf(set, container, ['readinessProbe']),
  CLAIM_PENDING: (set) => set.placeOf(['spec', 'volumeClaimTemplates']),
  UNSCHEDULABLE: (set) => set.placeOf([...POD, 'affinity']),
  CREATE_REJECTED: (set) => set.placeOf(POD),
  MEMBERSHIP_CHANGE: (set) => set.placeOf(['spec', 'replicas']),
}

/**
 * `container`: the one at fault, where one is. Undefined for what no field of the set is about.
 */
export function faultPlace(set: Manifest, code: Code, container?: string): Place | undefined {
  return FIELDS[code]?.(set, container)
}

function fieldOf(
  set: Manifest,
  container: string | undefined,
  field: readonly string[],
): Place | undefined {
  const spec = parseSet(set.object)?.spec.template.spec
  for (const list of ['containers', 'initContainers'] as const) {
    const index = spec?.[list].findIndex(({ name }) => name === container) ?? -1
    if (index >= 0) return set.placeOf([...POD, list, index, ...field])
  }
  return undefined
}
