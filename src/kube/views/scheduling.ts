// Pods and volumes as the scheduler sees them. Pods of one template share one parsed object, so
// that 50,000 of them stay small.

import { z } from 'zod'
import type { EphemeralVolume, PlacedPod, PodDemands } from '../../view/scheduling.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { demandsOf, demandsSchema } from './demands.ts'
import { controllerOf, list, read, text } from './shape.ts'

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
 * A reader that remembers what it has read, made new for each list. It throws a ViewError as other
 * views do.
 */
export function placedPodReader(): (object: KubeObject) => PlacedPod {
  const demands = demandsReader()
  const text = keptOnce<string>((value) => value)
  const labels = keptOnce<PlacedPod['labels']>(JSON.stringify)
  const owners = keptOnce<NonNullable<PlacedPod['owner']>>(({ uid }) => uid)
  const names = keptOnce<readonly string[]>(JSON.stringify)
  const ephemeral = keptOnce<readonly EphemeralVolume[]>(JSON.stringify)
  return (object) => {
    const parsed = read(schema, object)
    const { metadata, spec, status } = parsed
    const owner = controllerOf(metadata)
    const deleting = Date.parse(metadata.deletionTimestamp ?? '')
    return {
      name: metadata.name,
      namespace: text(metadata.namespace ?? ''),
      uid: metadata.uid ?? '',
      labels: labels(metadata.labels ?? {}),
      node: spec.nodeName === undefined || spec.nodeName === '' ? undefined : text(spec.nodeName),
      phase: status?.phase ?? 'Pending',
      ready: isReady(status),
      deleting: Number.isNaN(deleting) ? undefined : deleting,
      owner:
        owner === undefined
          ? undefined
          : owners({ kind: owner.kind, name: owner.name, uid: owner.uid }),
      mirror: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
      emptyDirs: names(emptyDirsOf(spec.volumes)),
      claims: names(
        spec.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []),
      ),
      ephemeral: ephemeral(ephemeralOf(spec.volumes)),
      demands: demands(object, parsed, owner?.kind === 'DaemonSet'),
    }
  }
}

/** Reads the demands of a template once for all of its pods. */
function demandsReader(): (object: KubeObject, parsed: Parsed, daemon: boolean) => PodDemands {
  const known = new Map<string, PodDemands>()
  const shared = sharedParts()
  return (object, parsed, daemon) => {
    const key = keyOf(parsed, daemon)
    const before = known.get(key)
    if (before !== undefined) return before
    const { status } = parsed
    const extended = status?.extendedResourceClaimStatus?.resourceClaimName
    const found = shared(
      demandsOf(read(demandsSchema, { ...object, running: runningOf(status), extended })),
    )
    known.set(key, found)
    return found
  }
}

function isReady(status: Parsed['status']): boolean {
  return (
    status?.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True') ===
    true
  )
}

type Volumes = Parsed['spec']['volumes']

function emptyDirsOf(volumes: Volumes): readonly string[] {
  return volumes.flatMap(({ name, emptyDir }) =>
    emptyDir === undefined || emptyDir === null ? [] : [name],
  )
}

function ephemeralOf(volumes: Volumes): readonly EphemeralVolume[] {
  return volumes.flatMap(({ name, ephemeral }) =>
    ephemeral === undefined || ephemeral === null
      ? []
      : [{ name, storageClass: ephemeral.volumeClaimTemplate?.spec.storageClassName }],
  )
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
