// Whose a node's cordon is: by the mark that we leave on the node in the same patch, and by who
// owns the field. A mark is text from the cluster: parsed, never believed.

import { z } from 'zod'
import type { ManagedFields } from '../../kube/kube.ts'
import type { NodeView } from '../../view/surroundings.ts'

/** Annotation of a node that we cordoned: JSON of a CordonMark. */
export const CORDON_ANNOTATION = 'zk-ensemble-action/cordon'

/**
 * In place of an ensemble's name, for nodes that are drained for no ensemble of their own. No
 * StatefulSet can be called so: names begin with a letter or a digit.
 */
export const NODES_ALONE = '.nodes'

/** `shop/zk`; of nodes alone where the record of their drain is. For people. */
export function holderInWords(ensemble: string): string {
  const suffix = `/${NODES_ALONE}`
  return ensemble.endsWith(suffix)
    ? `nodes alone, recorded in namespace ${ensemble.slice(0, -suffix.length)}`
    : ensemble
}

export interface CordonMark {
  /** `namespace/name` of the ensemble. */
  readonly ensemble: string
  /** Whole identity of the lock under which it was cordoned, with its nonce. */
  readonly identity: string
  readonly runUrl: string
  /** ISO time. */
  readonly at: string
}

const markSchema = z.object({
  ensemble: z
    .string()
    .max(400)
    .regex(/^[a-z0-9.-]+\/[a-z0-9.-]+$/),
  // Both are shown to people: one line, and an address that is one.
  identity: z
    .string()
    .min(1)
    .max(600)
    .regex(/^[\x20-\x7e]+$/),
  runUrl: z
    .url({ protocol: /^https?$/ })
    .max(600)
    .catch(''),
  at: z.string().max(40).catch(''),
})

/** The mark of a node; undefined where there is none, `unreadable` where it isn't one of ours. */
export function markOf(
  annotations: Readonly<Record<string, string>>,
): CordonMark | 'unreadable' | undefined {
  const text = annotations[CORDON_ANNOTATION]
  if (text === undefined) return undefined
  const parsed = markSchema.safeParse(parseJson(text))
  return parsed.success ? parsed.data : 'unreadable'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Whether the cordon of `mark` still stands: somebody who uncordons meanwhile, or cordons in our
 * stead, ends what we do to the node.
 */
export function cordonStands(
  node: Pick<NodeView, 'annotations' | 'unschedulable'>,
  mark: Pick<CordonMark, 'ensemble' | 'identity'>,
): boolean {
  const found = markOf(node.annotations)
  return (
    node.unschedulable &&
    found !== undefined &&
    found !== 'unreadable' &&
    found.ensemble === mark.ensemble &&
    found.identity === mark.identity
  )
}

/** Whose the cordon of a node is, for the ensemble `namespace/name`. */
export type Cordon =
  | { readonly kind: 'none' }
  | { readonly kind: 'ours'; readonly mark: CordonMark }
  /** `mark`: of another ensemble's run; undefined where a person or another tool cordoned it. */
  | { readonly kind: 'theirs'; readonly mark: CordonMark | undefined; readonly by: string }

/**
 * `manager`: who wrote `spec.unschedulable`, where the API says so. A mark outlives `kubectl
 * uncordon`: when somebody cordons the node afterwards the mark is still there, but
 * the field is theirs.
 */
export function cordonOf(
  node: Pick<NodeView, 'annotations' | 'unschedulable'>,
  ensemble: string,
  manager?: string,
): Cordon {
  if (!node.unschedulable) return { kind: 'none' }
  const mark = markOf(node.annotations)
  const foreign = manager !== undefined && manager !== OURS
  if (mark === undefined || mark === 'unreadable' || foreign)
    return {
      kind: 'theirs',
      mark: undefined,
      by: foreign ? `by somebody else (field manager ${manager})` : 'by somebody else',
    }
  if (mark.ensemble !== ensemble)
    return {
      kind: 'theirs',
      mark,
      by: `for the maintenance of ${holderInWords(mark.ensemble)}${mark.runUrl === '' ? '' : ` by ${mark.runUrl}`}`,
    }
  return { kind: 'ours', mark }
}

/** The field manager of our writes. */
const OURS = 'zk-ensemble-action'

/** Who owns `spec.unschedulable`; undefined where nobody does or the API doesn't tell. */
export function cordonManager(
  managedFields: readonly ManagedFields[] | undefined,
): string | undefined {
  const owners = (managedFields ?? [])
    .filter((entry) => owned.safeParse(entry.fieldsV1).success)
    .map((entry) => entry.manager)
  return owners.includes(OURS) ? OURS : owners[0]
}

const owned = z.looseObject({
  'f:spec': z.looseObject({
    'f:unschedulable': z.unknown().refine((value) => value !== undefined),
  }),
})
