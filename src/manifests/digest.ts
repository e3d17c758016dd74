// What a revision is: a digest of the template and of the companions that shape the members, the
// same whoever writes it and in whatever order.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { KubeObject } from '../kube/kube.ts'

const COMPANIONS = ['ConfigMap', 'Service', 'PodDisruptionBudget']

/**
 * `sha256:<hex>` of what a revision of the ensemble consists of: the StatefulSet's spec without its
 * count of members, and ConfigMaps, Services and budgets.
 * Secrets count by name only, so that the digest tells nothing of their content.
 */
export function digestOfRevision(set: KubeObject, objects: readonly KubeObject[]): string {
  const companions = objects
    .filter((object) => COMPANIONS.includes(object.kind))
    .map((object) => ({ kind: object.kind, name: object.metadata.name, ...contentOf(object) }))
  const secrets = objects
    .filter((object) => object.kind === 'Secret')
    .map((object) => ({ kind: 'Secret', name: object.metadata.name }))
  const { replicas: _replicas, ...spec } = z.looseObject({}).catch({}).parse(set['spec'])
  const parts = [...companions, ...secrets].sort((a, b) =>
    compare(`${a.kind}/${a.name}`, `${b.kind}/${b.name}`),
  )
  return `sha256:${createHash('sha256')
    .update(canonicalJson({ set: { name: set.metadata.name, spec }, parts }))
    .digest('hex')}`
}

/** What the user wrote in it; metadata that the cluster fills in is no part of a revision. */
export function contentOf(object: KubeObject): Record<string, unknown> {
  return { spec: object['spec'], data: object['data'], binaryData: object['binaryData'] }
}

/** JSON with sorted keys and without undefined, so that equal values give equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => compare(a, b)))
      : inner,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
