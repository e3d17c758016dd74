// All that is in a namespace, of every kind that the cluster knows: what could not be looked at is
// unknown, not absent.

import { z } from 'zod'
import type { Content } from '../../decide/cleanup.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Access, Kube, KubeObject, ListedKind } from '../../kube/kube.ts'

/** How many kinds are listed at once. */
const AT_ONCE = 6

export interface Contents {
  readonly objects: readonly Content[]
  /** What was not seen, in words. */
  readonly unseen: readonly string[]
  /** Rights without which it was not. */
  readonly missing: readonly Access[]
}

const annotations = z.record(z.string(), z.string()).catch({})

export async function readContents(
  kube: Pick<Kube, 'kinds' | 'listAs'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Contents> {
  const { kinds, unknown } = await kube.kinds(signal)
  const objects: Content[] = []
  const unseen = [...unknown]
  const missing: Access[] = []
  // Events are many, and nobody's.
  const queue = kinds.filter(({ kind }) => kind !== 'Event')
  const worker = async (): Promise<void> => {
    for (let kind = queue.shift(); kind !== undefined; kind = queue.shift()) {
      const why = await listInto(kube, kind, namespace, objects, signal)
      if (why === undefined) continue
      unseen.push(kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`)
      if (why === 403)
        missing.push({ verb: 'list', group: kind.group, resource: kind.plural, namespace })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { objects, unseen: unseen.toSorted(), missing }
}

/** Why it could not be listed: the status of the answer. */
async function listInto(
  kube: Pick<Kube, 'listAs'>,
  kind: ListedKind,
  namespace: string,
  into: Content[],
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    for (const one of await kube.listAs(
      { apiVersion: kind.apiVersion, kind: kind.kind },
      { namespace },
      contentOf,
      signal,
    ))
      into.push(one)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof KubeFailure) return error.status
    throw error
  }
}

/** Nothing of what an object says but whose it is: Secrets are among them. */
function contentOf({ apiVersion, kind, metadata }: KubeObject): Content {
  const tokenOf =
    kind === 'Secret'
      ? annotations.parse(metadata.annotations)['kubernetes.io/service-account.name']
      : undefined
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? '',
    owners: (metadata.ownerReferences ?? []).map(({ uid }) => uid),
    ...(tokenOf === undefined ? {} : { tokenOf }),
  }
}
