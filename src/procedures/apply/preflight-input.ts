// From what was read to what the preflight's decisions are made on: plain records, with the API's
// shapes parsed.

import { z } from 'zod'
import { membershipOf } from '../../decide/preflight/membership.ts'
import type { Placing, PreflightInput } from '../../decide/preflight/finding.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { objectName, type KubeObject } from '../../kube/kube.ts'
import { toOfferedVolume, toSet } from '../../kube/views/index.ts'
import { keptApartBy } from '../../manifests/kept-apart.ts'
import { memberCountOf } from '../../manifests/member-list.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { begunInWords, type EnsembleRecord } from '../../record/record.ts'
import type { SetView } from '../../view/workload.ts'
import type { PlannedChange } from './plan-changes.ts'
import { wantedCount } from './kept-count.ts'
import type { LeftBehind } from './left-pods.ts'
import type { Seen } from './look-around.ts'
import { classesIn } from './surroundings.ts'

export function preflightInput(
  seen: Seen,
  plan: readonly PlannedChange[],
  { underWay }: Pick<EnsembleRecord, 'underWay'>,
  behind: LeftBehind | undefined,
): PreflightInput {
  const { inputs, manifests, setManifest, namespaceState, surroundings } = seen
  const wanted = toSet(setManifest.object)
  const live =
    plan.find((planned) => planned.manifest === setManifest)?.live ?? behind?.adopting?.set
  return {
    now: seen.run.clock.now(),
    deadline: seen.deadline.at,
    credentialsEnd: seen.credentialsEnd,
    wanted: {
      name: wanted.name,
      namespace: wanted.namespace,
      replicas: wantedCount(setManifest.object, live),
      start: wanted.start,
      claimTemplates: wanted.claimTemplates,
      retention: retentionOf(wanted, setManifest.object, live),
      placing: placingOf(setManifest.object),
      spec: setManifest.object['spec'],
    },
    live: live === undefined ? undefined : { view: toSet(live), spec: live['spec'] },
    namespace: namespaceState.kind === 'there' ? 'present' : namespaceState.kind,
    makesNamespace:
      inputs.createNamespace || manifests.some((manifest) => manifest.object.kind === 'Namespace'),
    ...membersIn(seen.loaded.profile, setManifest.object, live),
    membership: membershipOf(seen.loaded.profile),
    scaling:
      underWay?.operation === 'scale'
        ? {
            ...begunInWords(underWay, wanted.name, seen.loaded.profile),
            to: underWay.replicas,
          }
        : undefined,
    classes: surroundings.classes,
    ownClasses: classesIn(manifests),
    ownVolumes: manifests
      .filter((manifest) => manifest.object.kind === 'PersistentVolume')
      .map((manifest) => toOfferedVolume(manifest.object)),
    volumes: surroundings.volumes,
    drivers: surroundings.drivers,
    claims: surroundings.claims,
    claimsInUse: seen.pods?.claims,
    left: behind?.left,
    nodes: surroundings.nodes,
    objects: plan.flatMap(({ live: object }) =>
      object === undefined
        ? []
        : [{ ...owned(object), builtIn: inputs.manifests.length === 0 && !inputs.forceConflicts }],
    ),
  }
}

/** What the manifest doesn't write stays as it is. */
function retentionOf(
  wanted: SetView,
  manifest: KubeObject,
  live: KubeObject | undefined,
): SetView['retention'] {
  const written = z
    .looseObject({ persistentVolumeClaimRetentionPolicy: z.unknown().optional() })
    .catch({})
    .parse(manifest['spec']).persistentVolumeClaimRetentionPolicy
  return written === undefined || written === null
    ? (live === undefined ? wanted : toSet(live)).retention
    : wanted.retention
}

function membersIn(
  profile: ProfileName,
  wanted: KubeObject,
  live: KubeObject | undefined,
): Pick<PreflightInput, 'listed' | 'growth'> {
  const listed = live === undefined ? undefined : memberCountOf(live, profile)
  const list = memberCountOf(wanted, profile)
  return {
    listed: typeof listed === 'number' ? listed : undefined,
    growth: typeof list === 'number' ? undefined : list,
  }
}

function owned(object: KubeObject): PreflightInput['objects'][number] {
  const { labels, annotations, ownerReferences, managedFields } = object.metadata
  return {
    object: objectName(object),
    labels: labels ?? {},
    annotations: annotations ?? {},
    owners: (ownerReferences ?? []).map(({ kind, name, controller }) => ({
      kind,
      name,
      controller: controller === true,
    })),
    managers: (managedFields ?? []).map(({ manager, operation, subresource }) => ({
      manager,
      operation,
      subresource,
    })),
  }
}

const scheduling = z.object({
  nodeSelector: z.record(z.string(), z.string()).nullish(),
  tolerations: z
    .array(
      z.object({
        key: z.string().optional(),
        operator: z.enum(['Exists', 'Equal']).nullish(),
        value: z.string().optional(),
        effect: z.string().optional(),
      }),
    )
    .nullish(),
})

function placingOf(set: KubeObject): Placing {
  const shape = parseSet(set)
  const { nodeSelector, tolerations } = scheduling.parse(shape?.spec.template.spec ?? {})
  return {
    nodeSelector: nodeSelector ?? {},
    tolerations: (tolerations ?? []).map(({ key, operator, value, effect }) => ({
      key,
      operator: operator ?? 'Equal',
      value,
      effect,
    })),
    apart: shape === undefined ? [] : keptApartBy(shape),
  }
}
