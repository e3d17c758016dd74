// What can be known to go wrong before anything is sent: storage, leftovers, immutable fields, the
// member count, other controllers, the namespace and the credentials.

import { formatSpan } from '../../clock.ts'
import type { Finding } from '../../errors.ts'
import type { ClaimView, NodeView, StorageClassView } from '../../view/surroundings.ts'
import type { OfferedVolume } from '../../view/scheduling.ts'
import type { ClaimTemplate, SetView } from '../../view/workload.ts'
import { dataAtRisk, deletedWhenScaled } from '../rollout/keep-data.ts'
import { immutableFindings } from './immutable.ts'
import { membershipFindings, type Membership } from './membership.ts'
import { ownerFindings, type OwnedObject } from './owners.ts'
import { roomFindings, type Placing } from './room.ts'
import { storageFindings } from './storage.ts'

/** What the manifest wants of the set. */
export interface WantedSet {
  readonly name: string
  readonly namespace: string
  readonly replicas: number
  readonly start: number
  readonly claimTemplates: readonly ClaimTemplate[]
  /** What becomes of the claims of members that go, once it is applied. */
  readonly retention: SetView['retention']
  readonly placing: Placing
  /** `spec` as the manifest has it. */
  readonly spec: unknown
}

export interface LiveSet {
  readonly view: SetView
  /** `spec` as the server has it. */
  readonly spec: unknown
}

/** All that was read; `undefined` lists could not be read and are left out of the judgement. */
export interface PreflightInput {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** When the run ends at the latest. */
  readonly deadline: number
  readonly credentialsEnd: number | undefined
  readonly wanted: WantedSet
  readonly live: LiveSet | undefined
  readonly namespace: 'present' | 'missing' | 'terminating' | 'unknown'
  /** The input create-namespace, or a Namespace among the manifests. */
  readonly makesNamespace: boolean
  readonly membership: Membership
  /** How many members the list in the cluster names; undefined where that isn't known. */
  readonly listed?: number | undefined
  /** Why members can't be added, and the way by hand; undefined where they can. */
  readonly growth?: { readonly refused: string; readonly manual: string } | undefined
  readonly classes: readonly StorageClassView[] | undefined
  /** Classes that the manifests bring themselves. */
  readonly ownClasses: readonly StorageClassView[]
  /**
   * PersistentVolumes of the cluster, read where no class makes them: a claim binds to one without
   * a class object or a provisioner.
   */
  readonly volumes: readonly OfferedVolume[] | undefined
  /** Those that the manifests bring themselves. */
  readonly ownVolumes: readonly OfferedVolume[]
  /** Names of the CSIDriver objects. */
  readonly drivers: readonly string[] | undefined
  readonly claims: readonly ClaimView[] | undefined
  /**
   * Names of claims that pods of the namespace use: also of a set that was deleted and left its
   * pods. Undefined where that was not read, since none could be left over.
   */
  readonly claimsInUse: ReadonlySet<string> | undefined
  readonly nodes: readonly NodeView[] | undefined
  /** Those of the manifests' objects that are in the cluster already. */
  readonly objects: readonly OwnedObject[]
}

/** A finding with the field of the StatefulSet's manifest that it is about, for its line. */
export interface PreflightFinding extends Finding {
  readonly path?: readonly (string | number)[]
}

/** Every finding at once; errors refuse the run, warnings don't. */
export function judgePreflight(input: PreflightInput): readonly PreflightFinding[] {
  const namespace = namespaceFindings(input)
  return [
    ...namespace,
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
            mend: `To take the members away with their data: operation: scale with delete-claims: true. ${deleted.mend ?? ''}`,
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
        mend: `Wait until it is gone (kubectl get namespace ${wanted.namespace} -o yaml names what holds it), then run the step again.`,
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
      mend: `Create it: kubectl create namespace ${wanted.namespace}`,
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
        mend: 'Fetch new credentials in a step before this one.',
      },
    ]
  return [
    {
      code: 'ACCESS_DENIED',
      severity: 'warning',
      input: 'kubeconfig',
      message: `the credentials end in ${formatSpan(credentialsEnd - now)}, before the timeout of ${formatSpan(deadline - now)} is over`,
      mend: 'Fetch credentials that last longer, or use a kubeconfig with an exec plugin, which renews them.',
    },
  ]
}
