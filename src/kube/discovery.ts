// Every kind of a cluster that lives in namespaces: what has to be looked at before a namespace can
// be said to hold nothing of others.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'
import type { ListedKind } from './kube.ts'
import { splitVersion, type Discover } from './resources.ts'

const groups = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      preferredVersion: z.object({ groupVersion: z.string() }),
      versions: z.array(z.object({ groupVersion: z.string() })),
    }),
  ),
})
const resources = z.object({
  resources: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      namespaced: z.boolean(),
      verbs: z.array(z.string()),
    }),
  ),
})

/** How many groups are asked for at once. */
const AT_ONCE = 8

/**
 * As the API server's own namespace controller goes about it: what can be listed and deleted. A
 * group that doesn't answer is unknown, never empty.
 */
export async function namespacedKinds(
  discover: Discover,
  signal: AbortSignal,
): Promise<{ readonly kinds: readonly ListedKind[]; readonly unknown: readonly string[] }> {
  const all = groups.safeParse(await discover('/apis', signal))
  if (!all.success) return { kinds: [], unknown: ['the groups of its API'] }
  // A kind may be served by an older version of its group alone.
  const versions = [
    'v1',
    ...all.data.groups.flatMap(({ preferredVersion, versions: each }) => [
      ...new Set([preferredVersion.groupVersion, ...each.map(({ groupVersion }) => groupVersion)]),
    ]),
  ]
  const found = new Map<string, ListedKind>()
  const unknown: string[] = []
  const lists = new Map<string, readonly ListedKind[]>()
  const queue = [...versions]
  const worker = async (): Promise<void> => {
    for (let version = queue.shift(); version !== undefined; version = queue.shift()) {
      const list = await listOf(discover, version, signal)
      if (list === undefined) unknown.push(`the kinds of ${version}`)
      else lists.set(version, list)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  for (const version of versions) {
    for (const kind of lists.get(version) ?? []) {
      const key = `${kind.plural}.${kind.group}`
      if (!found.has(key)) found.set(key, kind)
    }
  }
  return { kinds: [...found.values()], unknown: unknown.toSorted() }
}

async function listOf(
  discover: Discover,
  apiVersion: string,
  signal: AbortSignal,
): Promise<readonly ListedKind[] | undefined> {
  try {
    const parsed = resources.safeParse(
      await discover(
        apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`,
        signal,
      ),
    )
    if (!parsed.success) return undefined
    return parsed.data.resources
      .filter(
        ({ name, namespaced, verbs }) =>
          namespaced && !name.includes('/') && verbs.includes('list') && verbs.includes('delete'),
      )
      .map(({ name, kind }) => ({
        apiVersion,
        kind,
        group: splitVersion(apiVersion).group,
        plural: name,
      }))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof KubeFailure) return undefined
    throw error
  }
}
