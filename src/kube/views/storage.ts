// Volumes, claims, classes and attach limits as far as they decide where a pod can run.

import { z } from 'zod'
import type {
  AttachLimit,
  AttachmentView,
  NodeTerm,
  OfferedVolume,
  PlacedClaim,
  PlacedClass,
  VolumeView,
} from '../../view/scheduling.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { nodeTerms, termsOf } from './demands.ts'
import { list, quantity, read, text } from './shape.ts'
import { toClaim, toStorageClass } from './surroundings.ts'

const volumeSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    claimRef: z.object({ name: text, namespace: text }).nullish(),
    nodeAffinity: z.object({ required: nodeTerms.nullish() }).nullish(),
    csi: z.object({ driver: z.string(), volumeHandle: z.string() }).nullish(),
  }),
  status: z.object({ phase: text }).nullish(),
})

export function toVolume(object: KubeObject): VolumeView {
  const { metadata, spec, status } = read(volumeSchema, object)
  return {
    name: metadata.name,
    phase: status?.phase ?? 'Pending',
    claim:
      spec.claimRef === null || spec.claimRef === undefined
        ? undefined
        : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    labels: metadata.labels ?? {},
    nodeAffinity: termsOf(spec.nodeAffinity?.required),
    csi:
      spec.csi === null || spec.csi === undefined
        ? undefined
        : { driver: spec.csi.driver, handle: spec.csi.volumeHandle },
  }
}

/** Of old manifests; the field wins. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

const offeredSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    storageClassName: text,
    capacity: z.object({ storage: quantity.optional() }).nullish(),
    accessModes: list(z.string()),
    volumeMode: z.enum(['Filesystem', 'Block']).nullish(),
    claimRef: z.object({ uid: text }).nullish(),
  }),
})

export function toOfferedVolume(object: KubeObject): OfferedVolume {
  const { metadata, spec } = read(offeredSchema, object)
  return {
    ...toVolume(object),
    storageClass: spec.storageClassName ?? metadata.annotations?.[CLASS_ANNOTATION] ?? '',
    capacity: spec.capacity?.storage ?? 0,
    accessModes: spec.accessModes,
    volumeMode: spec.volumeMode ?? 'Filesystem',
    deleting: metadata.deletionTimestamp !== undefined,
    taken: (spec.claimRef?.uid ?? '') !== '',
  }
}

const modesSchema = z.object({ spec: z.object({ accessModes: list(z.string()) }) })

export function toPlacedClaim(object: KubeObject): PlacedClaim {
  const { name, phase, storageClass, volume, deleting } = toClaim(object)
  return {
    name,
    namespace: object.metadata.namespace ?? '',
    phase,
    storageClass,
    volume,
    accessModes: read(modesSchema, object).spec.accessModes,
    deleting,
  }
}

const topologiesSchema = z.object({
  allowedTopologies: list(
    z.object({
      matchLabelExpressions: list(z.object({ key: z.string(), values: list(z.string()) })),
    }),
  ),
})

export function toPlacedClass(object: KubeObject): PlacedClass {
  const terms = read(topologiesSchema, object).allowedTopologies.map(
    ({ matchLabelExpressions }): NodeTerm => ({
      expressions: matchLabelExpressions.map(({ key, values }) => ({
        key,
        operator: 'In',
        values,
      })),
      fields: [],
    }),
  )
  return { ...toStorageClass(object), allowedTopologies: terms.length === 0 ? undefined : terms }
}

const limitsSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    drivers: list(
      z.object({
        name: z.string(),
        allocatable: z.object({ count: z.number().nullish() }).nullish(),
      }),
    ),
  }),
})

/** Of a CSINode, which is named as its node is. */
export function toAttachLimits(object: KubeObject): readonly AttachLimit[] {
  const { metadata, spec } = read(limitsSchema, object)
  return spec.drivers.flatMap(({ name, allocatable }) => {
    const count = allocatable?.count
    return count === null || count === undefined
      ? []
      : [{ node: metadata.name, driver: name, count }]
  })
}

const attachmentSchema = z.object({
  spec: z.object({
    attacher: z.string(),
    nodeName: z.string(),
    source: z.object({ persistentVolumeName: text }),
  }),
})

export function toAttachment(object: KubeObject): AttachmentView {
  const { spec } = read(attachmentSchema, object)
  return { node: spec.nodeName, attacher: spec.attacher, volume: spec.source.persistentVolumeName }
}
