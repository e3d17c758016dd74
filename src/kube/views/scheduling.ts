// Pods and volumes as the scheduler sees them. Pods of one template share one parsed object, so
// that 50,000 of them stay small.

import { z } from 'zod'
import type { EphemeralVolume, PlacedPod, PodDemands } from '../../view/scheduling.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { demandsOf, demandsSchema } from './demands.ts'
import { list, read, text } from './shape.ts'

/**
 * Of the spec only what decides the place; everything else is dropped here, before it is compared.
 */
const rawContainer = z.object({
  name: z.string(),
  restartPolicy: z.unknown().optional(),
  resources: z.unknown().optional(),
  ports: z.unknown().optional(),
})

const rawAffinity = z.object({
  nodeAffinity: z.unknown().optional(),
  podAffinity: z.unknown().optional(),
  podAntiAffinity: z.unknown().optional(),
})

const schema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    nodeName: text,
    volumes: list(
      z.object({
        name: z.string(),
        emptyDir: z.unknown().optional(),
        persistentVolumeClaim: z.object({ claimName: z.string() }).nullish(),
        ephemeral: z
          .object({
            volumeClaimTemplate: z.object({ spec: z.object({ storageClassName: text }) }).nullish(),
          })
          .nullish(),
      }),
    ),
    containers: list(rawContainer),
    initContainers: list(rawContainer),
    resources: z.unknown().optional(),
    overhead: z.unknown().optional(),
    nodeSelector: z.unknown().optional(),
    affinity: rawAffinity.nullish(),
    tolerations: z.unknown().optional(),
    topologySpreadConstraints: z.unknown().optional(),
    schedulerName: z.unknown().optional(),
    schedulingGates: z.unknown().optional(),
    resourceClaims: z.unknown().optional(),
    priority: z.unknown().optional(),
    preemptionPolicy: z.unknown().optional(),
  }),
  status: z
    .object({
      phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).nullish(),
      conditions: list(z.object({ type: z.string(), status: z.string() })),
      containerStatuses: list(
        z.object({
          name: z.string(),
          resources: z.unknown().optional(),
          allocatedResources: z.unknown().optional(),
        }),
      ),
      initContainerStatuses: list(
        z.object({
          name: z.string(),
          resources: z.unknown().optional(),
          allocatedResources: z.unknown().optional(),
        }),
      ),
      extendedResourceClaimStatus: z.object({ resourceClaimName: z.string() }).nullish(),
    })
    .nullish(),
})

type Parsed = z.infer<typeof schema>

/**
 * A reader that remembers what it has read, made anew for each list. It throws a ViewError as other
 * views do.
 */
export function placedPodReader(): (object: KubeObject) => PlacedPod {
  const demands = new Map<string, PodDemands>()
  const text = keptOnce<string>((value) => value)
  const labels = keptOnce<PlacedPod['labels']>(JSON.stringify)
  const owners = keptOnce<NonNullable<PlacedPod['owner']>>(({ uid }) => uid)
  const names = keptOnce<readonly string[]>(JSON.stringify)
  const ephemeral = keptOnce<readonly EphemeralVolume[]>(JSON.stringify)
  const shared = sharedParts()

  return (object) => {
    const parsed = read(schema, object)
    const { metadata, spec, status } = parsed
    const owner = metadata.ownerReferences?.find((reference) => reference.controller === true)
    const key = keyOf(parsed, owner?.kind === 'DaemonSet')
    let wanted = demands.get(key)
    if (wanted === undefined) {
      wanted = shared(
        demandsOf(
          read(demandsSchema, {
            ...object,
            running: runningOf(status),
            extended: status?.extendedResourceClaimStatus?.resourceClaimName,
          }),
        ),
      )
      demands.set(key, wanted)
    }
    const deleting = Date.parse(metadata.deletionTimestamp ?? '')
    return {
      name: metadata.name,
      namespace: text(metadata.namespace ?? ''),
      uid: metadata.uid ?? '',
      labels: labels(metadata.labels ?? {}),
      node: spec.nodeName === undefined || spec.nodeName === '' ? undefined : text(spec.nodeName),
      phase: status?.phase ?? 'Pending',
      ready:
        status?.conditions.some(
          ({ type, status: value }) => type === 'Ready' && value === 'True',
        ) === true,
      deleting: Number.isNaN(deleting) ? undefined : deleting,
      owner:
        owner === undefined
          ? undefined
          : owners({ kind: owner.kind, name: owner.name, uid: owner.uid }),
      mirror: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
      emptyDirs: names(
        spec.volumes.flatMap(({ name, emptyDir }) =>
          emptyDir === undefined || emptyDir === null ? [] : [name],
        ),
      ),
      claims: names(
        spec.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []),
      ),
      ephemeral: ephemeral(
        spec.volumes.flatMap((volume) =>
          volume.ephemeral === undefined || volume.ephemeral === null
            ? []
            : [
                {
                  name: volume.name,
                  storageClass: volume.ephemeral.volumeClaimTemplate?.spec.storageClassName,
                },
              ],
        ),
      ),
      demands: wanted,
    }
  }
}

/**
 * What the demands depend on. DaemonSet pods are tied to their node by an affinity of their own,
 * which would make each another; they are never moved, so it doesn't count.
 */
function keyOf({ spec, status }: Parsed, daemon: boolean): string {
  const { nodeName: _node, volumes: _volumes, ...rest } = spec
  return JSON.stringify([
    daemon ? { ...rest, affinity: { ...rest.affinity, nodeAffinity: undefined } } : rest,
    runningOf(status),
    status?.extendedResourceClaimStatus?.resourceClaimName,
  ])
}

function runningOf(status: Parsed['status']): Readonly<Record<string, object>> {
  return Object.fromEntries(
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
      ({ name, resources, allocatedResources }) => [name, { resources, allocatedResources }],
    ),
  )
}

/** Templates differ in one thing and are alike in the rest. */
function sharedParts(): (demands: PodDemands) => PodDemands {
  const requests = keptOnce<PodDemands['requests']>(JSON.stringify)
  const nodeSelector = keptOnce<PodDemands['nodeSelector']>(JSON.stringify)
  const tolerations = keptOnce<PodDemands['tolerations']>(JSON.stringify)
  const terms = keptOnce<PodDemands['antiAffinity']>(JSON.stringify)
  const spread = keptOnce<PodDemands['spread']>(JSON.stringify)
  return (demands) => ({
    ...demands,
    requests: requests(demands.requests),
    nodeSelector: nodeSelector(demands.nodeSelector),
    tolerations: tolerations(demands.tolerations),
    affinity: terms(demands.affinity),
    antiAffinity: terms(demands.antiAffinity),
    spread: spread(demands.spread),
  })
}

function keptOnce<T>(keyOf: (value: T) => string): (value: T) => T {
  const kept = new Map<string, T>()
  return (value) => {
    const key = keyOf(value)
    const there = kept.get(key)
    if (there !== undefined) return there
    kept.set(key, value)
    return value
  }
}
