// What is believed of an object of the API before anything else looks at it: its kind and its
// metadata; the rest stays as it came.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'
import type { KindRef, KubeObject } from './kube.ts'

const optional = z.string().optional()
/** Characters: the API takes 253, and what names something goes into paths and messages. */
const LONGEST_NAME = 1024

export const metadataSchema = z.looseObject({
  name: z.string().max(LONGEST_NAME),
  namespace: z.string().max(LONGEST_NAME).optional(),
  uid: z.string().max(LONGEST_NAME).optional(),
  resourceVersion: z.string().max(LONGEST_NAME).optional(),
  generation: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  ownerReferences: z
    .array(
      z.looseObject({
        kind: z.string(),
        name: z.string(),
        uid: z.string(),
        controller: z.boolean().optional(),
      }),
    )
    .optional(),
  managedFields: z
    .array(
      z.looseObject({
        manager: z.string().default(''),
        operation: z.string().default(''),
        apiVersion: optional,
        subresource: optional,
        fieldsV1: z.unknown().optional(),
      }),
    )
    .optional(),
  deletionTimestamp: optional,
  finalizers: z.array(z.string()).optional(),
  creationTimestamp: z
    .string()
    .nullish()
    .transform((value) => value ?? undefined),
})

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: metadataSchema,
})

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

export function objectOf(body: unknown, request: string): KubeObject {
  const object = parseObject(body)
  if (object === undefined) throw unparsable(request)
  return object
}

export interface ListPage {
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined
}

/**
 * Items of a list don't say their kind; managedFields are left out, being half of the memory and of
 * use to nobody who lists.
 */
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

/**
 * The body of a successful answer as JSON; a body that isn't (of a proxy's login page, say) is a
 * KubeFailure.
 */
export function parseBody(body: string, request: string): unknown {
  const parsed = boundedJson(body)
  if (parsed === undefined) throw unparsable(request)
  return parsed
}

/**
 * Values of one answer: a page of 500 pods has some 300,000. A text of 64 MiB could have a hundred
 * times as many, which are gigabytes.
 */
const MOST_VALUES = 3_000_000

/** Undefined for what is no JSON, or holds more values than any answer of the API. */
export function boundedJson(text: string): unknown {
  if (text.length > MOST_VALUES && holdsTooMuch(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** By the marks before values; those within texts count as well. */
function holdsTooMuch(text: string): boolean {
  let marks = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === COMMA || code === BRACKET || code === BRACE) marks += 1
  }
  return marks > MOST_VALUES
}

const [COMMA, BRACKET, BRACE] = [0x2c, 0x5b, 0x7b]

export function unparsable(request: string, cause?: unknown): KubeFailure {
  return new KubeFailure({
    status: 0,
    reason: 'Unparsable',
    message:
      'the answer is not what a Kubernetes API server sends; is there something else at this address?',
    request,
    ...(cause === undefined ? {} : { cause }),
  })
}
