// The line of a manifest that a fault of a running member is about: its image, its probe, its claim.

import type { Code } from '../codes.ts'
import type { Finding, Place } from '../errors.ts'
import type { Manifest } from './manifest.ts'
import { parseSet } from './shapes.ts'

const POD = ['spec', 'template', 'spec']

interface Fault {
  readonly message: string
  /** The one at fault, where one is. */
  readonly container: string | undefined
}

/** Codes that are about a field of the set; of the others none is at fault. */
const FIELDS: Partial<Record<Code, (set: Manifest, fault: Fault) => Place | undefined>> = {
  IMAGE_PULL: (set, { container }) => fieldOf(set, container, ['image']),
  CRASH_LOOP: (set, { container }) => fieldOf(set, container, []),
  CONFIG_ERROR: (set, { container }) => fieldOf(set, container, []),
  NOT_READY: (set, { container }) => fieldOf(set, container, ['readinessProbe']),
  CLAIM_PENDING: (set) => set.placeOf(['spec', 'volumeClaimTemplates']),
  UNSCHEDULABLE: (set, { message }) => unscheduled(set, message),
  CREATE_REJECTED: (set) => set.placeOf(POD),
  MEMBERSHIP_CHANGE: (set) => set.placeOf(['spec', 'replicas']),
}

/** What the scheduler says, and the field that it is about. */
const SCHEDULING: readonly (readonly [RegExp, (set: Manifest) => readonly (string | number)[]])[] =
  [
    [/Insufficient /, requestsOf],
    [/pod (?:anti-)?affinity/, () => ['affinity']],
    [/node affinity\/selector/, selectorOf],
    [/untolerated taint/, () => ['tolerations']],
    [/topology spread/, () => ['topologySpreadConstraints']],
  ]

/**
 * `container`: the one at fault, where one is. Undefined for what no field of the set is about.
 */
export function faultPlace(
  set: Manifest,
  { code, message }: Pick<Finding, 'code' | 'message'>,
  container?: string,
): Place | undefined {
  return FIELDS[code]?.(set, { message, container })
}

/** With reasons of several kinds it is the pod as a whole that fits nowhere. */
function unscheduled(set: Manifest, message: string): Place {
  const [only, ...more] = SCHEDULING.filter(([words]) => words.test(message))
  return set.placeOf(only === undefined || more.length > 0 ? POD : [...POD, ...only[1](set)])
}

function requestsOf(set: Manifest): readonly (string | number)[] {
  const containers = parseSet(set.object)?.spec.template.spec.containers ?? []
  return containers.length === 1 ? ['containers', 0, 'resources'] : ['containers']
}

/** The one of the two that is written. */
function selectorOf(set: Manifest): readonly string[] {
  const selector = set.placeOf([...POD, 'nodeSelector'])
  return selector.line === set.placeOf(POD).line ? ['affinity'] : ['nodeSelector']
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
