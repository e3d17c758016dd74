// All that a preflight reads of the cluster without a lock, before it plans: rights, namespace, what
// lies around, and which ensemble is meant.

import type { Deadline } from '../../clock.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { refOf, type Access, type Kube } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import type { Loaded } from '../../manifests/load.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import type { Run } from '../../run.ts'
import {
  reviewRights,
  rightsToApply,
  rightsToLook,
  rightsToRecord,
  type Rights,
} from '../open/access.ts'
import { targetOf } from '../open/ensemble-target.ts'
import type { Target } from '../open/ensemble.ts'
import { servicesIfAllowed, withOthers } from '../open/read-ensemble.ts'
import { keepCount, leavesCountOut } from './kept-count.ts'
import { readNamespace, refuseToCreate, type NamespaceState } from './namespace.ts'
import {
  classesIn,
  readPods,
  readSurroundings,
  type PodsSeen,
  type Surroundings,
} from './surroundings.ts'
import { inNamespace, resolveNamespace } from './target.ts'

/** What a deploy, or the plan of one, was asked for. */
export interface DeployRequest {
  readonly inputs: Inputs
  readonly run: Run
  readonly loaded: Loaded
  readonly deadline: Deadline
}

/** The request, and all that was read when the preflight comes to judge. */
export interface Seen extends DeployRequest {
  readonly namespace: string
  readonly namespaceState: NamespaceState
  readonly rights: Rights
  readonly target: Target
  /** With their namespace. */
  readonly manifests: readonly Manifest[]
  readonly setManifest: Manifest
  readonly surroundings: Surroundings
  /** Undefined where no claim of the namespace asks for them. */
  readonly pods: PodsSeen | undefined
  readonly credentialsEnd: number | undefined
}

/** Throws where the run can't do without what is missing; the rest of what it lacks is told. */
export type JudgeRights = (rights: Rights, namespace: string) => void

export async function lookAround(
  kube: Kube,
  request: DeployRequest,
  judge: JudgeRights,
  signal: AbortSignal,
): Promise<Seen> {
  const { run, loaded } = request
  const namespace = namespaceOf(kube, request)
  run.report.about({ namespace })
  const given = loaded.manifests.map((manifest) => inNamespace(manifest, namespace))
  const givenSet = given[loaded.manifests.indexOf(loaded.set)] ?? loaded.set
  const [rights, namespaceState, surroundings] = await Promise.all([
    reviewRights(kube, rightsToDeploy(given, namespace), namespace, signal),
    readNamespace(kube, namespace, run.holder.repository, signal),
    readSurroundings(
      kube,
      namespace,
      {
        wanted: toSet(inNamespace(loaded.set, namespace).object).claimTemplates.map(
          ({ storageClass }) => storageClass,
        ),
        own: classesIn(loaded.manifests),
      },
      signal,
    ),
  ])
  judge(rights, namespace)
  tellOmissions(run, rights)
  const setManifest = keepCount(
    givenSet,
    namespaceState.kind === 'there' && leavesCountOut(givenSet.object)
      ? await kube.get(refOf(givenSet.object), signal)
      : undefined,
  )
  const manifests = given.map((manifest) => (manifest === givenSet ? setManifest : manifest))
  const target = await targetIn(
    kube,
    { namespace, manifests, setManifest, profile: loaded.profile },
    signal,
  )
  const pods =
    (surroundings.claims ?? []).length === 0
      ? undefined
      : await readPods(kube, namespace, toSet(setManifest.object).selector, signal)
  return {
    ...request,
    namespace,
    namespaceState,
    rights,
    target,
    manifests,
    setManifest,
    surroundings,
    pods,
    credentialsEnd: kube.credentialsEnd,
  }
}

/** Refused where `create-namespace` is not told which one. */
function namespaceOf(
  kube: Pick<Kube, 'namespace'>,
  { inputs, loaded: { manifests } }: DeployRequest,
): string {
  const namespace = resolveNamespace(inputs.namespace, manifests, kube.namespace)
  if (inputs.createNamespace)
    refuseToCreate(
      namespace,
      inputs.namespace !== undefined ||
        manifests.some(({ object }) => object.metadata.namespace !== undefined),
    )
  return namespace
}

function rightsToDeploy(manifests: readonly Manifest[], namespace: string): readonly Access[] {
  return [
    ...rightsToLook(namespace),
    ...rightsToRecord(namespace),
    ...rightsToApply(manifests, namespace),
  ]
}

function tellOmissions({ report }: Run, rights: Rights): void {
  const without = [
    [rights.events, 'Events may not be read: causes are told from the pods alone.'],
    [rights.logs, 'Logs may not be read (get pods/log): evidence comes without log lines.'],
    [
      rights.exec || !rights.forward,
      'No right to exec: what only a look into the members can show is left out of the checks.',
    ],
  ] as const
  for (const [allowed, note] of without) if (!allowed) report.noteOnce(note)
}

/**
 * Services that the member list names may have been made elsewhere: they are looked for where the
 * manifests don't have them.
 */
async function targetIn(
  kube: Kube,
  {
    namespace,
    manifests,
    setManifest: { object: set },
    profile,
  }: Pick<Seen, 'namespace' | 'manifests' | 'setManifest'> & Pick<Loaded, 'profile'>,
  signal: AbortSignal,
): Promise<Target> {
  const own = manifests.map(({ object }) => object)
  if (addressesOf(set, own, profile, namespace).kind !== 'unknown')
    return targetOf(set, own, profile, namespace)
  const there = (await servicesIfAllowed(kube, namespace, signal)) ?? []
  return targetOf(set, withOthers(own, there), profile, namespace)
}
