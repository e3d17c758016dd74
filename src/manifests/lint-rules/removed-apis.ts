// Versions of the API that Kubernetes has removed: an apply would fail with words that don't say
// what to write instead.

import { fault, type Rule } from './rule.ts'

/**
 * Group/version and kinds, the release that dropped it, and what is served now (deprecation guide
 * of the Kubernetes documentation).
 */
const REMOVED: readonly {
  readonly apiVersion: string
  readonly kinds: readonly string[]
  readonly since: string
  readonly now: string
}[] = [
  { apiVersion: 'policy/v1beta1', kinds: ['PodDisruptionBudget'], since: '1.25', now: 'policy/v1' },
  {
    apiVersion: 'apps/v1beta1',
    kinds: ['StatefulSet', 'Deployment', 'ReplicaSet'],
    since: '1.16',
    now: 'apps/v1',
  },
  {
    apiVersion: 'apps/v1beta2',
    kinds: ['StatefulSet', 'Deployment', 'ReplicaSet', 'DaemonSet'],
    since: '1.16',
    now: 'apps/v1',
  },
  {
    apiVersion: 'extensions/v1beta1',
    kinds: ['Deployment', 'DaemonSet', 'ReplicaSet'],
    since: '1.16',
    now: 'apps/v1',
  },
  {
    apiVersion: 'extensions/v1beta1',
    kinds: ['Ingress', 'NetworkPolicy'],
    since: '1.22',
    now: 'networking.k8s.io/v1',
  },
  {
    apiVersion: 'networking.k8s.io/v1beta1',
    kinds: ['Ingress', 'IngressClass'],
    since: '1.22',
    now: 'networking.k8s.io/v1',
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1beta1',
    kinds: ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
    since: '1.22',
    now: 'rbac.authorization.k8s.io/v1',
  },
  {
    apiVersion: 'storage.k8s.io/v1beta1',
    kinds: ['StorageClass', 'VolumeAttachment'],
    since: '1.22',
    now: 'storage.k8s.io/v1',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1beta1',
    kinds: ['PriorityClass'],
    since: '1.22',
    now: 'scheduling.k8s.io/v1',
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    kinds: ['CustomResourceDefinition'],
    since: '1.22',
    now: 'apiextensions.k8s.io/v1',
  },
  { apiVersion: 'batch/v1beta1', kinds: ['CronJob'], since: '1.25', now: 'batch/v1' },
  {
    apiVersion: 'autoscaling/v2beta1',
    kinds: ['HorizontalPodAutoscaler'],
    since: '1.25',
    now: 'autoscaling/v2',
  },
  {
    apiVersion: 'autoscaling/v2beta2',
    kinds: ['HorizontalPodAutoscaler'],
    since: '1.26',
    now: 'autoscaling/v2',
  },
]

export const removedApis: Rule = ({ manifests }) =>
  manifests.flatMap((manifest) => {
    const { apiVersion, kind } = manifest.object
    const gone = REMOVED.find((one) => one.apiVersion === apiVersion && one.kinds.includes(kind))
    return gone === undefined
      ? []
      : [
          fault(
            manifest,
            ['apiVersion'],
            `${kind} ${apiVersion} is gone since Kubernetes ${gone.since}`,
            `write apiVersion: ${gone.now}`,
          ),
        ]
  })
