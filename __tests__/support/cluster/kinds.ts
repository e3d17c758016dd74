// The kinds that the simulated API server knows, as discovery shows them.

import type { Fields } from './json.ts'

export interface Kind {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  /** The server counts `metadata.generation` for it. */
  readonly generation: boolean
}

function kind(
  apiVersion: string,
  name: string,
  plural: string,
  more: { cluster?: boolean; generation?: boolean } = {},
): Kind {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  return {
    group: group ?? '',
    version: version ?? '',
    kind: name,
    plural,
    namespaced: more.cluster !== true,
    generation: more.generation === true,
  }
}

export const KINDS: readonly Kind[] = [
  kind('v1', 'Namespace', 'namespaces', { cluster: true }),
  kind('v1', 'Node', 'nodes', { cluster: true }),
  kind('v1', 'Pod', 'pods', { generation: true }),
  kind('v1', 'Service', 'services'),
  kind('v1', 'Endpoints', 'endpoints'),
  kind('v1', 'ConfigMap', 'configmaps'),
  kind('v1', 'Secret', 'secrets'),
  kind('v1', 'ServiceAccount', 'serviceaccounts'),
  kind('v1', 'Event', 'events'),
  kind('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  kind('v1', 'PersistentVolume', 'persistentvolumes', { cluster: true }),
  kind('v1', 'ResourceQuota', 'resourcequotas'),
  kind('v1', 'LimitRange', 'limitranges'),
  kind('apps/v1', 'StatefulSet', 'statefulsets', { generation: true }),
  kind('apps/v1', 'ControllerRevision', 'controllerrevisions'),
  kind('apps/v1', 'Deployment', 'deployments', { generation: true }),
  kind('apps/v1', 'ReplicaSet', 'replicasets', { generation: true }),
  kind('apps/v1', 'DaemonSet', 'daemonsets', { generation: true }),
  kind('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', { generation: true }),
  kind('storage.k8s.io/v1', 'StorageClass', 'storageclasses', { cluster: true }),
  kind('storage.k8s.io/v1', 'CSINode', 'csinodes', { cluster: true }),
  kind('storage.k8s.io/v1', 'VolumeAttachment', 'volumeattachments', { cluster: true }),
  kind('coordination.k8s.io/v1', 'Lease', 'leases'),
  kind('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', { generation: true }),
  kind('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', { generation: true }),
  kind('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  kind('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
]

export const VERBS: string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]
/** Subresources that the server answers, with the verbs that discovery lists. */
export const SUBRESOURCES: readonly {
  readonly name: string
  readonly kind: string
  readonly group?: string
  readonly version?: string
  readonly verbs: string[]
}[] = [
  { name: 'pods/eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  { name: 'pods/exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
  { name: 'pods/log', kind: 'Pod', verbs: ['get'] },
  { name: 'pods/portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
]

export function apiVersionOf(kind: Kind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

export function findKind(apiVersion: string, name: string): Kind | undefined {
  return KINDS.find((kind) => kind.kind === name && apiVersionOf(kind) === apiVersion)
}

/** The kind by its name alone, for tests and controllers; throws for one that isn't there. */
export function kindOf(name: string): Kind {
  const found = KINDS.find((kind) => kind.kind === name)
  if (found === undefined) throw new Error(`the simulated cluster has no kind ${name}`)
  return found
}

/** `statefulsets.apps`, `pods`. */
export function resourceName(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

/**
 * What `GET /apis` and `GET /apis/GROUP/VERSION` answer; undefined for a path that isn't one of
 * them.
 */
export function discovery(path: string): Fields | undefined {
  const groups = [...new Set(KINDS.map((kind) => kind.group))].filter((group) => group !== '')
  if (path === '/api')
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (path === '/apis') {
    const described = groups.map((name) => {
      const version = { groupVersion: `${name}/v1`, version: 'v1' }
      return { name, versions: [version], preferredVersion: version }
    })
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: described }
  }
  const groupVersion = path === '/api/v1' ? 'v1' : /^\/apis\/([^/]+\/[^/]+)$/.exec(path)?.[1]
  const kinds = KINDS.filter((kind) => apiVersionOf(kind) === groupVersion)
  if (groupVersion === undefined || kinds.length === 0) return undefined
  const resources: Fields[] = kinds.map((kind) => ({
    name: kind.plural,
    singularName: kind.kind.toLowerCase(),
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: VERBS,
  }))
  if (groupVersion === 'v1')
    resources.push(
      ...SUBRESOURCES.map((entry) => ({ ...entry, singularName: '', namespaced: true })),
    )
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }
}
