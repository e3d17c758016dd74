// What an object would be once fields of others are taken over: what they had written and the
// manifest no longer has goes with that, which the dry run of an apply alone can't show.

import { differences } from '../../decide/apply/changes.ts'
import { withoutGivenUp, type Owners } from '../../decide/apply/given-up.ts'
import { overlaid } from '../../decide/apply/overlay.ts'
import { hasLastApplied, lastApplied, ownersOf, type Taking } from './takings.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { refOf, type JsonPatchOperation, type Kube, type KubeObject } from '../../kube/kube.ts'
import { mapOf } from '../../manifests/fields-v1.ts'
import { LAST_APPLIED } from '../../manifests/owned.ts'
import { textsOf } from '../../manifests/texts.ts'
import type { ToApply } from './to-apply.ts'

/** One that stands in the cluster. */
type There = Pick<ToApply, 'manifest' | 'takings'> & { readonly live: KubeObject }

/** Not among what a manifest's fields are compared by. */
const SERVERS: ReadonlySet<string> = new Set(['metadata', 'status', 'apiVersion', 'kind'])

function texts(map: unknown): Readonly<Record<string, string>> | undefined {
  return map === undefined ? undefined : textsOf(map)
}

/**
 * The dry run of an apply leaves what another tool wrote and the manifest no longer has: it goes
 * only once its fields are taken over. The server says what becomes of the object without it,
 * defaults and all.
 */
export async function withoutTaken(
  kube: Kube,
  { live, manifest: { object: wanted }, takings }: There,
  dry: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (takings.length === 0) return dry
  const owners = ownersOf(dry, takings)
  if (keepsGiven(live, wanted, takings, owners)) return dry
  const without = mapOf(withoutGivenUp(dry, wanted, owners))
  const labelled = { ...dry, metadata: metadataOf(dry, without) }
  const kept = Object.keys(dry).filter((key) => !SERVERS.has(key))
  if (kept.every((key) => differences(dry[key], without[key], '').length === 0)) return labelled
  const operations = [
    ...kept.flatMap((key): readonly JsonPatchOperation[] =>
      without[key] === undefined ? [] : [{ op: 'add', path: `/${key}`, value: without[key] }],
    ),
    ...Object.keys(live)
      .filter((key) => without[key] === undefined)
      .map((key): JsonPatchOperation => ({ op: 'remove', path: `/${key}` })),
  ]
  try {
    return {
      ...(await kube.patchDry(refOf(live), operations, signal)),
      metadata: labelled.metadata,
    }
  } catch (error) {
    // What the server itself has given (a Service's address) may stand among it and can't be
    // removed: the apply leaves that.
    if (error instanceof KubeFailure && error.status === 422) return labelled
    throw error
  }
}

/**
 * Defaults that the server had written come back by themselves: only what kubectl apply was given
 * can go, and all of it is wanted still.
 */
function keepsGiven(
  live: KubeObject,
  wanted: KubeObject,
  takings: readonly Taking[],
  owners: Owners,
): boolean {
  return takings.every(({ entry }) => {
    const given = hasLastApplied(entry) ? lastApplied(live) : undefined
    return (
      given !== undefined &&
      differences(given, withoutGivenUp(given, wanted, owners), '').length === 0
    )
  })
}

/** Its own, with the labels and annotations that are left; the copy of kubectl apply stays. */
function metadataOf(
  dry: KubeObject,
  without: Readonly<Record<string, unknown>>,
): KubeObject['metadata'] {
  const { labels, annotations } = mapOf(without['metadata'])
  const last = dry.metadata.annotations?.[LAST_APPLIED]
  return {
    ...dry.metadata,
    labels: texts(labels),
    annotations:
      last === undefined ? texts(annotations) : { ...textsOf(annotations), [LAST_APPLIED]: last },
  }
}

/**
 * Where what the manifest has does not go with what it no longer has (of a budget `maxUnavailable`
 * with `minAvailable`) only the two together can be tried; undefined where the server refuses that,
 * too.
 */
export async function onceTaken(
  kube: Kube,
  { live, manifest: { object: wanted }, takings }: There,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const without = mapOf(withoutGivenUp(live, wanted, ownersOf(live, takings)))
  if (takings.length === 0 || differences(without, mapOf(live), '').length === 0) return undefined
  const after = mapOf(overlaid(without, wanted))
  const { labels, annotations } = mapOf(after['metadata'])
  const operations = Object.keys(after)
    .filter((key) => !SERVERS.has(key))
    .map((key): JsonPatchOperation => ({ op: 'add', path: `/${key}`, value: after[key] }))
  try {
    const asked = await kube.patchDry(refOf(live), operations, signal)
    return {
      ...asked,
      metadata: { ...asked.metadata, labels: texts(labels), annotations: texts(annotations) },
    }
  } catch (error) {
    if (error instanceof KubeFailure) return undefined
    throw error
  }
}
