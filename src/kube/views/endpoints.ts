// The EndpointSlices of a service as one view of who is behind it.

import { z } from 'zod'
import type { EndpointsView } from '../../view/endpoints.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { list, read } from './shape.ts'

const schema = z.object({
  metadata: metadataSchema,
  endpoints: list(
    z.object({
      conditions: z
        .object({ ready: z.boolean().nullish(), terminating: z.boolean().nullish() })
        .nullish(),
      targetRef: z.object({ kind: z.string().nullish(), name: z.string().nullish() }).nullish(),
    }),
  ),
})

/**
 * Each pod once, though a service has a slice for each address family. A condition that is missing
 * counts as ready, as the API says.
 */
export function toEndpoints(service: string, slices: readonly KubeObject[]): EndpointsView {
  const pods = slices.flatMap((slice) =>
    read(schema, slice).endpoints.flatMap(({ conditions, targetRef }) => {
      const name = targetRef?.name ?? ''
      return conditions?.ready === false || targetRef?.kind !== 'Pod' || name === '' ? [] : [name]
    }),
  )
  return { service, readyPods: [...new Set(pods)].toSorted() }
}
