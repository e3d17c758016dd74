// What we may do, asked in few requests: one rules review for each namespace, single reviews only
// for what that leaves open.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'
import type { Access } from './kube.ts'

/** Posts a review and gives its answer. */
export type Review = (
  kind: 'SelfSubjectRulesReview' | 'SelfSubjectAccessReview',
  spec: unknown,
  signal: AbortSignal,
) => Promise<unknown>

const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? [])

const rulesSchema = z.object({
  status: z.object({
    resourceRules: z
      .array(
        z.object({
          verbs: strings,
          apiGroups: strings,
          resources: strings,
          resourceNames: strings,
        }),
      )
      .nullish(),
  }),
})

const accessSchema = z.object({ status: z.object({ allowed: z.boolean() }) })

export interface Rule {
  readonly verbs: readonly string[]
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
}

/** How many single reviews are under way at once. */
const AT_ONCE = 8

/**
 * Those of `wanted` that are not allowed. A cluster that doesn't let us ask denies nothing here:
 * the request itself will tell. The rules of a namespace are asked once: a right that is given
 * later is found by its single review, one that is revoked by the request itself.
 * Rules of a namespace say nothing about other namespaces or the cluster, so rights without a
 * namespace are always asked singly.
 */
export function createAccess(
  review: Review,
): (wanted: readonly Access[], signal: AbortSignal) => Promise<readonly Access[]> {
  const known = new Map<string, readonly Rule[]>()
  return async (wanted, signal) => {
    const namespaces = [
      ...new Set(
        wanted.flatMap((access) => (access.namespace === undefined ? [] : [access.namespace])),
      ),
    ]
    await Promise.all(
      namespaces
        .filter((namespace) => !known.has(namespace))
        .map(async (namespace) => known.set(namespace, await rulesOf(review, namespace, signal))),
    )
    const open = wanted.filter(
      (access) =>
        access.namespace === undefined || !isAllowed(access, known.get(access.namespace) ?? []),
    )
    const refused = new Set<Access>()
    const queue = [...open]
    const worker = async (): Promise<void> => {
      for (let access = queue.shift(); access !== undefined; access = queue.shift())
        if (!(await mayDo(review, access, signal))) refused.add(access)
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, worker))
    return wanted.filter((access) => refused.has(access))
  }
}

async function rulesOf(
  review: Review,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly Rule[]> {
  const answer = await asked(() => review('SelfSubjectRulesReview', { namespace }, signal))
  const parsed = rulesSchema.safeParse(answer)
  return parsed.success ? (parsed.data.status.resourceRules ?? []) : []
}

async function mayDo(review: Review, access: Access, signal: AbortSignal): Promise<boolean> {
  const [resource, subresource] = access.resource.split('/', 2)
  const resourceAttributes = {
    verb: access.verb,
    group: access.group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(access.namespace === undefined ? {} : { namespace: access.namespace }),
    ...(access.name === undefined ? {} : { name: access.name }),
  }
  const parsed = accessSchema.safeParse(
    await asked(() => review('SelfSubjectAccessReview', { resourceAttributes }, signal)),
  )
  return parsed.success ? parsed.data.status.allowed : true
}

/**
 * Undefined when the cluster doesn't let us ask (401 is another matter: those credentials are
 * refused).
 */
async function asked(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    if (
      error instanceof KubeFailure &&
      (error.status === 403 || error.status === 404 || error.status === 405)
    )
      return undefined
    throw error
  }
}

/**
 * Whether rules allow `access`, by the matching of Kubernetes' RBAC: `*` in any list, `*\/sub` for
 * a subresource, names only where the request names one.
 */
export function isAllowed(access: Access, rules: readonly Rule[]): boolean {
  return rules.some(
    (rule) =>
      holds(rule.verbs, access.verb) &&
      holds(rule.apiGroups, access.group) &&
      (holds(rule.resources, access.resource) ||
        rule.resources.includes(`*/${access.resource.split('/')[1] ?? ''}`)) &&
      (rule.resourceNames.length === 0 ||
        access.some === true ||
        (access.name !== undefined && rule.resourceNames.includes(access.name))),
  )
}

function holds(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}
