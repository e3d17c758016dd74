// What is believed of an object of the API before anything else looks at it: its kind and its metadata; the rest stays as it came.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'
import type { KindRef, KubeObject } from './kube.ts'

const optional = z.string().optional()

export const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: optional,
  uid: optional,
  resourceVersion: optional,
  generation: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string(), uid: z.string(), controller: z.boolean().optional() })).optional(),
  managedFields: z.array(z.looseObject({ manager: z.string().default(''), operation: z.string().default(''), apiVersion: optional, subresource: optional, fieldsV1: z.unknown().optional() })).optional(),
  deletionTimestamp: optional,
  finalizers: z.array(z.string()).optional(),
  creationTimestamp: z.string().nullish().transform((value) => value ?? undefined),
})

const objectSchema = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: metadataSchema })

const itemSchema = z.looseObject({ metadata: metadataSchema })

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().optional(), continue: z.string().optional() }),
  items: z.array(itemSchema).nullish(),
})

/** Undefined for what is no object of the API. */
export function parseObject(raw: unknown): KubeObject | undefined {
  const parsed = objectSchema.safeParse(raw)
  return parsed.success ? parsed.data : undefined
}

export interface ListPage {
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined
}

/** Items of a list don't say their kind; managedFields are left out, being half of the memory and of use to nobody who lists. */
export function parsePage(raw: unknown, kind: KindRef): ListPage | undefined {
  const parsed = listSchema.safeParse(raw)
  if (!parsed.success) return undefined
  const next = parsed.data.metadata.continue
  return {
    items: (parsed.data.items ?? []).map((item) => {
      const { managedFields: _left, ...metadata } = item.metadata
      return { ...item, apiVersion: kind.apiVersion, kind: kind.kind, metadata }
    }),
    resourceVersion: parsed.data.metadata.resourceVersion ?? '',
    next: next === undefined || next === '' ? undefined : next,
  }
}

/** The body of a successful answer as JSON; a body that isn't (of a proxy's login page, say) is a KubeFailure. */
export function parseBody(body: string, request: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw unparsable(request, error)
  }
}

export function unparsable(request: string, cause?: unknown): KubeFailure {
  return new KubeFailure({ status: 0, reason: 'Unparsable', message: 'the answer is not what a Kubernetes API server sends; is there something else at this address?', request, ...(cause === undefined ? {} : { cause }) })
}
