// The order in which objects are applied: what others refer to comes first, the StatefulSet after
// everything that its pods need.

import type { Manifest } from './manifest.ts'

const FIRST = [
  'Namespace',
  'ResourceQuota',
  'LimitRange',
  'PriorityClass',
  'StorageClass',
  'CustomResourceDefinition',
  'ServiceAccount',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
  'NetworkPolicy',
  'ConfigMap',
  'Secret',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Service',
  'PodDisruptionBudget',
  'StatefulSet',
]

/**
 * Stable: objects of one kind, and kinds that aren't known here (they come last), stay in the order
 * of the files.
 */
export function inApplyOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  return [...manifests].sort((a, b) => rank(a) - rank(b))
}

function rank(manifest: Manifest): number {
  const at = FIRST.indexOf(manifest.object.kind)
  return at < 0 ? FIRST.length : at
}
