// The partition of a StatefulSet as a manifest says it, and the same StatefulSet with another one.

import { z } from 'zod'
import type { KubeObject } from '../kube/kube.ts'

const fields = z.looseObject({})
const strategySchema = z.looseObject({
  type: z.enum(['RollingUpdate', 'OnDelete']).nullish(),
  rollingUpdate: z.looseObject({ partition: z.number().nullish() }).nullish(),
})

/** Index from the first ordinal; undefined for a set that is rolled by deletions only. */
export function partitionOf(set: KubeObject): number | undefined {
  const strategy = strategySchema.nullish().parse(fields.parse(set['spec'] ?? {})['updateStrategy'])
  return strategy?.type === 'OnDelete' ? undefined : (strategy?.rollingUpdate?.partition ?? 0)
}

export function withPartition(set: KubeObject, partition: number): KubeObject {
  const spec = fields.parse(set['spec'] ?? {})
  const strategy = strategySchema.nullish().parse(spec['updateStrategy'])
  return {
    ...set,
    spec: {
      ...spec,
      updateStrategy: {
        ...strategy,
        type: 'RollingUpdate',
        rollingUpdate: { ...strategy?.rollingUpdate, partition },
      },
    },
  }
}
