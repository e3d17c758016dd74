// Claims, events, storage classes, nodes and budgets of the API as views.

import { z } from 'zod'
import type {
  BudgetView,
  ClaimView,
  EventView,
  KeptVolume,
  NodeView,
  StorageClassView,
} from '../../view/surroundings.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import {
  claimResources,
  count,
  createdAt,
  list,
  quantity,
  read,
  selector,
  text,
  time,
} from './shape.ts'

const claimSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    storageClassName: text,
    volumeName: text,
    resources: claimResources,
  }),
  status: z
    .object({
      phase: z.enum(['Pending', 'Bound', 'Lost']).nullish(),
      capacity: z.object({ storage: quantity.optional() }).nullish(),
    })
    .nullish(),
})

export function toClaim(object: KubeObject): ClaimView {
  const { metadata, spec, status } = read(claimSchema, object)
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    phase: status?.phase ?? 'Pending',
    storageClass: spec.storageClassName,
    size: spec.resources?.requests?.storage,
    capacity: status?.capacity?.storage,
    volume: spec.volumeName === '' ? undefined : spec.volumeName,
    deleting: metadata.deletionTimestamp !== undefined,
    created: createdAt(metadata),
    owners: (metadata.ownerReferences ?? []).map(({ kind, name, uid }) => ({ kind, name, uid })),
  }
}

const keptVolumeSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ persistentVolumeReclaimPolicy: text }),
  status: z.object({ phase: text }).nullish(),
})

export function toKeptVolume(object: KubeObject): KeptVolume {
  const { metadata, spec, status } = read(keptVolumeSchema, object)
  return {
    name: metadata.name,
    phase: status?.phase ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    reclaimPolicy: spec.persistentVolumeReclaimPolicy ?? 'Retain',
  }
}

const reference = z.object({ kind: text, name: text, uid: text, fieldPath: text })

/**
 * Both shapes in one: core/v1 says involvedObject, message and count, events.k8s.io/v1 says
 * regarding, note and series.
 */
const eventSchema = z.object({
  metadata: metadataSchema,
  type: text,
  reason: text,
  message: text,
  note: text,
  involvedObject: reference.nullish(),
  regarding: reference.nullish(),
  count: z.number().nullish(),
  deprecatedCount: z.number().nullish(),
  firstTimestamp: time,
  lastTimestamp: time,
  deprecatedLastTimestamp: time,
  eventTime: time,
  series: z.object({ count: z.number().nullish(), lastObservedTime: time }).nullish(),
})

type Event = z.infer<typeof eventSchema>

export function toEvent(object: KubeObject): EventView {
  const event = read(eventSchema, object)
  return {
    uid: event.metadata.uid ?? event.metadata.name,
    type: event.type === 'Warning' ? 'Warning' : 'Normal',
    reason: event.reason ?? '',
    message: event.message ?? event.note ?? '',
    object: objectOf(event.involvedObject ?? event.regarding),
    last: lastSeen(event) ?? createdAt(event.metadata),
    count: event.series?.count ?? event.count ?? event.deprecatedCount ?? 1,
  }
}

function objectOf(about: Event['regarding']): EventView['object'] {
  return {
    kind: about?.kind ?? '',
    name: about?.name ?? '',
    uid: about?.uid,
    fieldPath: about?.fieldPath,
  }
}

/** By the field that its writer used. */
function lastSeen(event: Event): number | undefined {
  return (
    event.series?.lastObservedTime ??
    event.lastTimestamp ??
    event.deprecatedLastTimestamp ??
    event.eventTime ??
    event.firstTimestamp
  )
}

const storageClassSchema = z.object({
  metadata: metadataSchema,
  provisioner: z.string(),
  volumeBindingMode: z.enum(['Immediate', 'WaitForFirstConsumer']).nullish(),
})

export function toStorageClass(object: KubeObject): StorageClassView {
  const { metadata, provisioner, volumeBindingMode } = read(storageClassSchema, object)
  const annotations = metadata.annotations ?? {}
  return {
    name: metadata.name,
    provisioner,
    isDefault:
      annotations['storageclass.kubernetes.io/is-default-class'] === 'true' ||
      annotations['storageclass.beta.kubernetes.io/is-default-class'] === 'true',
    bindingMode: volumeBindingMode ?? 'Immediate',
    created: createdAt(metadata),
  }
}

const nodeSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      unschedulable: z.boolean().nullish(),
      taints: list(z.object({ key: z.string(), value: text, effect: z.string() })),
    })
    .nullish(),
  status: z
    .object({
      conditions: list(z.object({ type: z.string(), status: z.string() })),
      nodeInfo: z.object({ bootID: text }).nullish(),
      allocatable: z.record(z.string(), quantity).nullish(),
    })
    .nullish(),
})

export function toNode(object: KubeObject): NodeView {
  const { metadata, spec, status } = read(nodeSchema, object)
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    ready:
      status?.conditions.some(
        (condition) => condition.type === 'Ready' && condition.status === 'True',
      ) === true,
    unschedulable: spec?.unschedulable === true,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    taints: (spec?.taints ?? []).map((taint) => ({
      key: taint.key,
      value: taint.value ?? '',
      effect: taint.effect,
    })),
    bootId: status?.nodeInfo?.bootID,
    allocatable: status?.allocatable ?? {},
  }
}

const intOrPercent = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => value ?? undefined)

const budgetSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    selector: selector.nullish(),
    minAvailable: intOrPercent,
    maxUnavailable: intOrPercent,
  }),
  status: z
    .object({
      observedGeneration: count,
      currentHealthy: count,
      desiredHealthy: count,
      disruptionsAllowed: count,
      expectedPods: count,
    })
    .nullish(),
})

export function toBudget(object: KubeObject): BudgetView {
  const { metadata, spec, status } = read(budgetSchema, object)
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    selector: spec.selector ?? undefined,
    minAvailable: spec.minAvailable,
    maxUnavailable: spec.maxUnavailable,
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    healthy: status?.currentHealthy ?? 0,
    desired: status?.desiredHealthy ?? 0,
    allowed: status?.disruptionsAllowed ?? 0,
    expected: status?.expectedPods ?? 0,
  }
}
