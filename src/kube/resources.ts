// From kind to path: the kinds that an ensemble is made of are known by heart, so that they cost no
// request; others are asked for.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'
import type { KindRef } from './kube.ts'

export interface Resource {
  /** '' for the core group. */
  readonly group: string
  readonly version: string
  /** Plural, as in paths and rules. */
  readonly plural: string
  readonly namespaced: boolean
}

const NAMESPACED: Readonly<Record<string, readonly string[]>> = {
  v1: [
    'Pod',
    'Service',
    'ConfigMap',
    'Secret',
    'PersistentVolumeClaim',
    'Event',
    'ServiceAccount',
    'ResourceQuota',
    'LimitRange',
    'Endpoints',
    'ReplicationController',
  ],
  'apps/v1': ['StatefulSet', 'Deployment', 'DaemonSet', 'ReplicaSet', 'ControllerRevision'],
  'policy/v1': ['PodDisruptionBudget'],
  'coordination.k8s.io/v1': ['Lease'],
  'discovery.k8s.io/v1': ['EndpointSlice'],
  'events.k8s.io/v1': ['Event'],
  'batch/v1': ['Job', 'CronJob'],
  'networking.k8s.io/v1': ['NetworkPolicy', 'Ingress'],
  'rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
}

const CLUSTER_SCOPED: Readonly<Record<string, readonly string[]>> = {
  v1: ['Namespace', 'Node', 'PersistentVolume'],
  'storage.k8s.io/v1': ['StorageClass', 'VolumeAttachment', 'CSINode', 'CSIDriver'],
  'scheduling.k8s.io/v1': ['PriorityClass'],
  'networking.k8s.io/v1': ['IngressClass'],
  'rbac.authorization.k8s.io/v1': ['ClusterRole', 'ClusterRoleBinding'],
  'apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
  'authorization.k8s.io/v1': ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'],
}

/** The resource of a kind that is known by heart, undefined for any other. */
export function knownResource(kind: KindRef): Resource | undefined {
  const namespaced = NAMESPACED[kind.apiVersion]?.includes(kind.kind) === true
  if (!namespaced && CLUSTER_SCOPED[kind.apiVersion]?.includes(kind.kind) !== true) return undefined
  return { ...splitVersion(kind.apiVersion), plural: plural(kind.kind), namespaced }
}

export function splitVersion(apiVersion: string): {
  readonly group: string
  readonly version: string
} {
  const slash = apiVersion.indexOf('/')
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}

function plural(kind: string): string {
  const lower = kind.toLowerCase()
  if (lower === 'endpoints') return lower
  if (lower.endsWith('s')) return `${lower}es`
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`
}

const resourceList = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
})

/**
 * Reads a discovery document; undefined when the group doesn't exist. Rejects with a KubeFailure.
 */
export type Discover = (path: string, signal: AbortSignal) => Promise<unknown>

export type FindResource = (kind: KindRef, signal: AbortSignal) => Promise<Resource>

/**
 * Looks a kind up: by heart, else by discovery, once per apiVersion. A kind that the cluster
 * doesn't have is a KubeFailure of reason UnknownKind.
 */
export function resourceFinder(discover: Discover): FindResource {
  const lists = new Map<string, Promise<z.infer<typeof resourceList>>>()
  const read = async (
    apiVersion: string,
    signal: AbortSignal,
  ): Promise<z.infer<typeof resourceList>> => {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const parsed = resourceList.safeParse((await discover(path, signal)) ?? { resources: [] })
    return parsed.success ? parsed.data : { resources: [] }
  }
  return async (kind, signal) => {
    const known = knownResource(kind)
    if (known !== undefined) return known
    if (!/^([a-z0-9.-]+\/)?[a-z0-9]+$/.test(kind.apiVersion)) throw unknownKind(kind)
    let list = lists.get(kind.apiVersion)
    if (list === undefined) {
      list = read(kind.apiVersion, signal)
      lists.set(kind.apiVersion, list)
      // A failed look is not remembered: the next one may succeed.
      list.catch(() => lists.delete(kind.apiVersion))
    }
    const found = (await list).resources.find(
      (resource) => resource.kind === kind.kind && !resource.name.includes('/'),
    )
    if (found === undefined) {
      // The kind may be made by an earlier manifest of the same run (a CustomResourceDefinition):
      // look again next time.
      lists.delete(kind.apiVersion)
      throw unknownKind(kind)
    }
    return { ...splitVersion(kind.apiVersion), plural: found.name, namespaced: found.namespaced }
  }
}

function unknownKind(kind: KindRef): KubeFailure {
  return new KubeFailure({
    status: 404,
    reason: 'UnknownKind',
    message: `the cluster does not know the kind ${kind.kind} of ${kind.apiVersion}`,
    request: `look up ${kind.kind} of ${kind.apiVersion}`,
  })
}

/** Path of a collection, or of an object when `name` is given. */
export function pathOf(
  resource: Resource,
  namespace: string | undefined,
  name?: string,
  subresource?: string,
): string {
  const root =
    resource.group === ''
      ? `/api/${resource.version}`
      : `/apis/${resource.group}/${resource.version}`
  const parts = [
    resource.namespaced && namespace !== undefined
      ? `namespaces/${encodeURIComponent(namespace)}/${resource.plural}`
      : resource.plural,
  ]
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (subresource !== undefined) parts.push(subresource)
  return `${root}/${parts.join('/')}`
}

/** `get statefulsets.apps zk in namespace x`. */
export function inWords(
  verb: string,
  resource: Resource,
  namespace: string | undefined,
  name?: string,
): string {
  const plural = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
  return [
    verb,
    plural,
    ...(name === undefined ? [] : [name]),
    ...(resource.namespaced && namespace !== undefined ? [`in namespace ${namespace}`] : []),
  ].join(' ')
}
