// What all views share: reading an object by its schema, with an error that names the object and
// the field, and the small shapes that recur.

import { z } from 'zod'
import type { KubeObject } from '../kube.ts'
import type { LabelSelector } from '../../view/workload.ts'
import { quantityOf } from '../../view/quantity.ts'

/**
 * An object of the cluster that isn't shaped as the API says; the message names it and the field,
 * never a value.
 */
export class ViewError extends Error {}

export function read<T>(schema: z.ZodType<T>, object: KubeObject): T {
  const parsed = schema.safeParse(object)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const { namespace, name } = object.metadata
  const field = issue === undefined || issue.path.length === 0 ? 'the object' : issue.path.join('.')
  throw new ViewError(
    `${object.kind} ${namespace === undefined ? name : `${namespace}/${name}`} can't be read: ${field} ${issue === undefined ? 'is wrong' : issue.message}`,
  )
}

/** An optional string; null, which Go writes for an empty time, counts as missing. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)

/** When an object was made; 0 where it doesn't say. */
export function createdAt(metadata: { readonly creationTimestamp?: string | undefined }): number {
  const ms = Date.parse(metadata.creationTimestamp ?? '')
  return Number.isNaN(ms) ? 0 : ms
}

/** Who made and keeps an object. */
export function controllerOf(
  metadata: Pick<KubeObject['metadata'], 'ownerReferences'>,
): NonNullable<KubeObject['metadata']['ownerReferences']>[number] | undefined {
  return metadata.ownerReferences?.find((reference) => reference.controller === true)
}

export const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {})

export const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)

/** A list that Go leaves out, or writes as null, when it is empty. */
export function list<T>(item: z.ZodType<T>) {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? [])
}

/** Milliseconds since the epoch; undefined when missing. */
export const time = z
  .string()
  .nullish()
  .transform((value, context) => {
    if (value === null || value === undefined) return undefined
    const ms = Date.parse(value)
    if (!Number.isNaN(ms)) return ms
    context.addIssue('is not a time')
    return z.NEVER
  })

/** A quantity as a number. */
export const quantity = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = quantityOf(value)
  if (parsed !== undefined) return parsed
  context.addIssue('is not a quantity')
  return z.NEVER
})

/** The `resources` of a claim, or of the template of one. */
export const claimResources = z
  .object({ requests: z.object({ storage: quantity.optional() }).nullish() })
  .nullish()

const expression = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: list(z.string()),
})

export const selector = z.object({ matchLabels: labels, matchExpressions: list(expression) })

/** The selector as a list request writes it, `a=b,c in (d,e)`. */
export function selectorText(wanted: LabelSelector): string {
  const equal = Object.entries(wanted.matchLabels).map(([key, value]) => `${key}=${value}`)
  const rest = wanted.matchExpressions.map(({ key, operator, values }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`
      case 'NotIn':
        return `${key} notin (${values.join(',')})`
      case 'Exists':
        return key
      case 'DoesNotExist':
        return `!${key}`
    }
  })
  return [...equal, ...rest].join(',')
}
