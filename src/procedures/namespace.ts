// The namespace of a deploy: there already, or made by us and marked as ours, so that a preview can be swept when its time is over.

import { z } from 'zod'
import { failure } from '../errors.ts'
import { isClustersOwn } from '../inputs/agree.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import type { Services } from '../services.ts'

export const MANAGED_LABEL = 'zk-ensemble-action/managed'
export const EXPIRES_ANNOTATION = 'zk-ensemble-action/expires-at'

export type NamespaceState = { readonly kind: 'there'; readonly ours: boolean } | { readonly kind: 'missing' } | { readonly kind: 'terminating' }

const phase = z.looseObject({ phase: z.string().optional() }).optional()

/** A namespace that may not be read counts as there: the next requests tell. */
export async function readNamespace(kube: Kube, name: string, signal: AbortSignal): Promise<NamespaceState> {
  try {
    const found = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name }, signal)
    if (found === undefined) return { kind: 'missing' }
    if (phase.parse(found['status'])?.phase === 'Terminating') return { kind: 'terminating' }
    return { kind: 'there', ours: found.metadata.labels?.[MANAGED_LABEL] === 'true' }
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return { kind: 'there', ours: false }
    throw error
  }
}

/** Refuses `create-namespace` where nobody names the namespace to make, or it is the cluster's own. `named`: by the input or by the manifests. */
export function refuseToCreate(name: string, named: boolean): void {
  if (!named) throw failure('refused', 'INPUT_INVALID', 'create-namespace: neither the input namespace nor the manifests name the namespace to create', { input: 'create-namespace', mend: 'Set namespace, or write metadata.namespace into the manifests.' })
  if (isClustersOwn(name)) throw failure('refused', 'INPUT_INVALID', `create-namespace: ${name} is the cluster's own and never made by this action`, { input: 'create-namespace', mend: 'Choose another namespace, or set create-namespace: false.' })
}

/** Makes the namespace when it was asked for, or renews the time of one that we made. */
export async function ensureNamespace(kube: Kube, inputs: Pick<Inputs, 'createNamespace' | 'ttlMs'>, name: string, state: NamespaceState, services: Services, signal: AbortSignal): Promise<void> {
  if (!inputs.createNamespace || state.kind === 'terminating') return
  if (state.kind === 'there' && !state.ours) {
    services.report.notes.push(`Namespace ${name} was there before and is not marked as made by this action${inputs.ttlMs === undefined ? '' : ': ttl does not apply to it'}.`)
    return
  }
  if (state.kind === 'there' && inputs.ttlMs === undefined) return
  const expires = inputs.ttlMs === undefined ? {} : { annotations: { [EXPIRES_ANNOTATION]: new Date(services.clock.now() + inputs.ttlMs).toISOString() } }
  const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [MANAGED_LABEL]: 'true' }, ...expires } }
  const { created } = await kube.apply(object, {}, signal)
  if (!created) return
  services.report.changed = true
  services.report.changes.push({ object: `namespace/${name}`, change: 'created' })
  services.report.standing = `namespace ${name} was made; nothing else was changed`
  services.journal.info(`namespace/${name} created`)
}
