// What can be known to go wrong before anything is sent: storage, leftovers, immutable fields, the
// member count, other controllers, the namespace and the credentials.

import { formatSpan } from '../../clock.ts'
import { dataAtRisk, deletedWhenScaled } from '../rollout/keep-data.ts'
import { immutableFindings } from './immutable.ts'
import { leftPodFindings } from './left-pods.ts'
import { membershipFindings } from './membership.ts'
import { ownerFindings } from './owners.ts'
import { roomFindings } from './room.ts'
import { storageFindings } from './storage.ts'
import type { PreflightInput, PreflightFinding } from './finding.ts'

/** Every finding at once; errors refuse the run, warnings don't. */
export function judgePreflight(input: PreflightInput): readonly PreflightFinding[] {
  const namespace = namespaceFindings(input)
  return [
    ...namespace,
    ...leftPodFindings(input),
    ...membershipFindings(input),
    ...immutableFindings(input),
    ...storageFindings(input),
    ...keptFindings(input),
    ...roomFindings(input),
    ...ownerFindings(input.objects),
    ...credentialFindings(input),
  ]
}

/** The looks that could not be taken, in words: a preflight that saw less must say so. */
export function looksLeftOut(input: PreflightInput): readonly string[] {
  const looks: readonly (readonly [unknown, string])[] = [
    [input.classes, 'storage classes'],
    [input.claims, 'claims left over'],
    [input.nodes, 'room on the nodes'],
  ]
  return looks.flatMap(([read, name]) => (read === undefined ? [name] : []))
}

/**
 * Of a running ensemble: members are replaced by a deploy, and claims that are going would go with
 * them.
 */
function keptFindings({ live, claims, wanted }: PreflightInput): readonly PreflightFinding[] {
  if (live === undefined) return []
  const deleted = deletedWhenScaled(
    { ...live.view, retention: wanted.retention },
    wanted.replicas,
    false,
  )
  // Mounts and volumes are looked at before each member is taken down.
  return [
    ...(claims === undefined
      ? []
      : dataAtRisk({ set: live.view, pods: [], claims, volumes: new Map() })),
    ...(deleted === undefined
      ? []
      : [
          {
            ...deleted,
            fix: `To remove the members with their data: operation: scale with delete-claims: true. ${deleted.fix ?? ''}`,
          },
        ]),
  ]
}

function namespaceFindings({
  namespace,
  makesNamespace,
  wanted,
}: PreflightInput): readonly PreflightFinding[] {
  const object = `namespace/${wanted.namespace}`
  if (namespace === 'terminating') {
    return [
      {
        code: 'NOT_FOUND',
        severity: 'error',
        object,
        message: `namespace ${wanted.namespace} is being deleted and takes no new objects`,
        fix: `Wait until it is gone (kubectl get namespace ${wanted.namespace} -o yaml names what holds it), then run the step again.`,
      },
    ]
  }
  if (namespace !== 'missing' || makesNamespace) return []
  return [
    {
      code: 'NOT_FOUND',
      severity: 'error',
      object,
      input: 'namespace',
      message: `namespace ${wanted.namespace} is not there`,
      fix: `Create it: kubectl create namespace ${wanted.namespace}`,
      orSet: { input: 'create-namespace', value: 'true' },
    },
  ]
}

function credentialFindings({
  credentialsEnd,
  deadline,
  now,
}: PreflightInput): readonly PreflightFinding[] {
  if (credentialsEnd === undefined || credentialsEnd >= deadline) return []
  if (credentialsEnd <= now)
    return [
      {
        code: 'ACCESS_DENIED',
        severity: 'error',
        input: 'kubeconfig',
        message: 'the credentials have ended already',
        fix: 'Fetch new credentials in a step before this one.',
      },
    ]
  return [
    {
      code: 'ACCESS_DENIED',
      severity: 'warning',
      input: 'kubeconfig',
      message: `the credentials end in ${formatSpan(credentialsEnd - now)}, before the timeout of ${formatSpan(deadline - now)} is over`,
      fix: 'Fetch credentials that last longer, or use a kubeconfig with an exec plugin, which renews them.',
    },
  ]
}
