// A StatefulSet of the API as the view that decisions are made on; what the server leaves out gets
// the server's own default.

import { z } from 'zod'
import type { SetView } from '../../view/workload.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { claimResources, count, list, read, selector, text } from './shape.ts'

const retention = z.enum(['Retain', 'Delete']).nullish()

const schema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    replicas: z.number().nullish(),
    ordinals: z.object({ start: z.number().nullish() }).nullish(),
    selector,
    podManagementPolicy: z.enum(['OrderedReady', 'Parallel']).nullish(),
    minReadySeconds: count,
    persistentVolumeClaimRetentionPolicy: z
      .object({ whenScaled: retention, whenDeleted: retention })
      .nullish(),
    updateStrategy: z
      .object({
        type: z.enum(['RollingUpdate', 'OnDelete']).nullish(),
        rollingUpdate: z.object({ partition: z.number().nullish() }).nullish(),
      })
      .nullish(),
    volumeClaimTemplates: list(
      z.object({
        metadata: z.object({ name: z.string() }),
        spec: z.object({
          storageClassName: text,
          accessModes: list(z.string()),
          volumeMode: z.enum(['Filesystem', 'Block']).nullish(),
          selector: selector.nullish(),
          volumeName: text,
          resources: claimResources,
        }),
      }),
    ),
  }),
  status: z
    .object({
      observedGeneration: count,
      currentRevision: text,
      updateRevision: text,
    })
    .nullish(),
})

type Spec = z.infer<typeof schema>['spec']

/** Throws a ViewError that names object and field. */
export function toSet(object: KubeObject): SetView {
  const { metadata, spec, status } = read(schema, object)
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    replicas: spec.replicas ?? 1,
    start: spec.ordinals?.start ?? 0,
    strategy: strategyOf(spec),
    podManagement: spec.podManagementPolicy ?? 'OrderedReady',
    minReadySeconds: spec.minReadySeconds,
    selector: spec.selector,
    claimTemplates: claimTemplatesOf(spec),
    retention: retentionOf(spec),
    status: {
      currentRevision: status?.currentRevision ?? '',
      updateRevision: status?.updateRevision ?? '',
    },
    deleting: metadata.deletionTimestamp !== undefined,
  }
}

function strategyOf({ updateStrategy }: Spec): SetView['strategy'] {
  return updateStrategy?.type === 'OnDelete'
    ? { type: 'OnDelete' }
    : { type: 'RollingUpdate', partition: updateStrategy?.rollingUpdate?.partition ?? 0 }
}

function claimTemplatesOf({ volumeClaimTemplates }: Spec): SetView['claimTemplates'] {
  return volumeClaimTemplates.map(({ metadata: { name }, spec: asked }) => ({
    name,
    storageClass: asked.storageClassName,
    size: asked.resources?.requests?.storage,
    accessModes: asked.accessModes,
    volumeMode: asked.volumeMode ?? 'Filesystem',
    selector: asked.selector ?? undefined,
    volume: asked.volumeName,
  }))
}

function retentionOf({ persistentVolumeClaimRetentionPolicy: policy }: Spec): SetView['retention'] {
  return {
    whenScaled: policy?.whenScaled ?? 'Retain',
    whenDeleted: policy?.whenDeleted ?? 'Retain',
  }
}
