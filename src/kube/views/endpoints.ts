// Parses EndpointSlices (discovery.k8s.io/v1) into the pods that a service publishes.

import { z } from 'zod'
import type { EndpointsView } from '../../view/endpoints.ts'
import type { KubeObject } from '../kube.ts'

const slice = z.looseObject({
  endpoints: z
    .array(z.looseObject({ conditions: z.looseObject({ ready: z.boolean().nullish() }).optional(), targetRef: z.looseObject({ kind: z.string().optional(), name: z.string().optional() }).optional() }))
    .nullish(),
})

/** `ready` that is absent counts as ready (API: "nil should be interpreted as true"). */
export function toEndpoints(service: string, slices: readonly KubeObject[]): EndpointsView {
  const pods = slices.flatMap((object) =>
    (slice.parse(object).endpoints ?? []).flatMap((endpoint) => (endpoint.conditions?.ready !== false && endpoint.targetRef?.kind === 'Pod' && endpoint.targetRef.name !== undefined ? [endpoint.targetRef.name] : [])),
  )
  return { service, readyPods: [...new Set(pods)].toSorted() }
}
