// What the record keeps of a revision's objects: text from the cluster that others may have
// written, believed for no more than a revision can be.

import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { readsConfigMap } from '../decide/rollout/unread.ts'
import type { KubeObject } from '../kube/kube.ts'
import { codeOf } from '../kube/node-error.ts'
import { parseService, parseSet, selects } from '../manifests/shapes.ts'

/** Bytes, unpacked: several times of what a ConfigMap holds of well packed manifests. */
const UNPACKED_BYTES = 8 * 1024 * 1024
const MOST_OBJECTS = 1000

/** Kinds that a revision consists of; of a Secret it has the name only. */
export const REVISION_KINDS: ReadonlySet<string> = new Set([
  'StatefulSet',
  'ConfigMap',
  'Service',
  'PodDisruptionBudget',
  'Secret',
])

export interface Packed {
  /** For `binaryData`: base64 of a gzip. */
  readonly base64: string
  /** sha256 of what is in it, in hex. */
  readonly content: string
}

export type Kept =
  /**
   * `left`: `kind/name` of what is stored beside, and is not of the ensemble or not of its
   * namespace: never brought back.
   */
  | {
      readonly kind: 'kept'
      readonly objects: readonly KubeObject[]
      readonly left: readonly string[]
    }
  | { readonly kind: 'not kept' }
  /** Damaged; `why` without a full stop. */
  | { readonly kind: 'unreadable'; readonly why: string }
  /** Somebody wrote something else into it. */
  | { readonly kind: 'altered'; readonly why: string }

export function pack(objects: readonly KubeObject[]): Packed {
  const text = JSON.stringify(objects)
  return { base64: gzipSync(text).toString('base64'), content: contentOf(text) }
}

export interface Owner {
  /** The ensemble's own. */
  readonly namespace: string | undefined
  /** Name of its StatefulSet. */
  readonly name: string
  /** `content` of what was packed; undefined where an earlier version of the action wrote none. */
  readonly content: string | undefined
}

/**
 * Never throws. Who may write the ConfigMap may write this too: only what can belong to this
 * ensemble comes out of it.
 */
export function unpack(base64: string, owner: Owner): Kept {
  const found = read(base64)
  if ('why' in found) return { kind: 'unreadable', why: found.why }
  if (owner.content !== undefined && owner.content !== found.content)
    return { kind: 'altered', why: 'it holds other objects than those that were recorded' }
  const here = found.objects.filter(
    ({ metadata: { namespace } }) => namespace === undefined || namespace === owner.namespace,
  )
  const set = here.find(
    (object) => object.kind === 'StatefulSet' && object.metadata.name === owner.name,
  )
  if (set === undefined) return { kind: 'altered', why: `it holds no StatefulSet ${owner.name}` }
  const objects = here.filter((object) => object === set || belongsTo(set, object))
  return {
    kind: 'kept',
    objects,
    left: found.objects.filter((object) => !objects.includes(object)).map(nameOf),
  }
}

/** Why an undo can't go by it, in words without a full stop; undefined where it can. */
export function whyNotKept(kept: Kept): string | undefined {
  switch (kept.kind) {
    case 'kept':
      return undefined
    case 'not kept':
      return 'its objects were not kept'
    case 'unreadable':
      return `its objects in the record can't be read: ${kept.why}`
    case 'altered':
      return `its objects in the record were altered: ${kept.why}`
  }
}

function read(
  base64: string,
):
  | { readonly objects: readonly KubeObject[]; readonly content: string }
  | { readonly why: string } {
  let text
  try {
    text = gunzipSync(Buffer.from(base64, 'base64'), { maxOutputLength: UNPACKED_BYTES }).toString(
      'utf8',
    )
  } catch (error) {
    return {
      why:
        codeOf(error) === 'ERR_BUFFER_TOO_LARGE'
          ? `it unpacks to more than ${UNPACKED_BYTES / 1024 / 1024} MiB`
          : 'it is no gzip',
    }
  }
  try {
    const parsed = storedObjects.safeParse(JSON.parse(text))
    return parsed.success
      ? { objects: parsed.data, content: contentOf(text) }
      : { why: 'it is no list of objects' }
  } catch {
    return { why: 'it is no JSON' }
  }
}

const storedObjects = z
  .array(
    z.looseObject({
      apiVersion: z.string(),
      kind: z.string(),
      metadata: z.looseObject({
        name: z.string().max(253),
        namespace: z.string().max(63).optional(),
      }),
    }),
  )
  .max(MOST_OBJECTS)

/**
 * Whether a companion shapes this set's members: its governing Service, Services and budgets that
 * select its pods, ConfigMaps but those of Kubernetes and of this action.
 */
function belongsTo(set: KubeObject, object: KubeObject): boolean {
  const shape = parseSet(set)
  const { name } = object.metadata
  switch (object.kind) {
    case 'ConfigMap':
      return readsConfigMap(set, name) || !/^(zk-ensemble-|kube-root-ca\.crt$)/.test(name)
    case 'Secret':
      return true
    case 'Service':
      return (
        name === shape?.spec.serviceName ||
        selectsPods(set, parseService(object)?.spec.selector ?? {})
      )
    case 'PodDisruptionBudget': {
      const selector = budgetSchema.safeParse(object).data?.spec.selector
      return (
        selector !== undefined &&
        selects({ matchLabels: selector.matchLabels ?? {}, matchExpressions: [] }, labelsOf(set))
      )
    }
    default:
      return false
  }
}

const budgetSchema = z.looseObject({
  spec: z.looseObject({
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).nullish() }),
  }),
})

/**
 * By a label of the template that it names, or by the name of one pod; labels that only live pods
 * carry (a leader's) may stand beside them.
 */
function selectsPods(set: KubeObject, selector: Readonly<Record<string, string>>): boolean {
  const labels = labelsOf(set)
  const pod = selector['statefulset.kubernetes.io/pod-name']
  if (pod !== undefined) return pod.startsWith(`${set.metadata.name}-`)
  const known = Object.entries(selector).filter(([key]) => key in labels)
  return known.length > 0 && known.every(([key, value]) => labels[key] === value)
}

function labelsOf(set: KubeObject): Readonly<Record<string, string>> {
  return parseSet(set)?.spec.template.metadata?.labels ?? {}
}

function contentOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function nameOf({ kind, metadata: { name, namespace } }: KubeObject): string {
  return `${kind.toLowerCase()}/${name}${namespace === undefined ? '' : ` of namespace ${namespace}`}`
}
