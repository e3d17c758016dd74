// Kinds that the manifests bring themselves: their objects can be judged only once the cluster
// serves them, which takes a moment after the definition is there.

import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import { failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'

/** How long a definition may take to be served; usual is a second. Milliseconds. */
const SERVED_WITHIN_MS = 60_000
const LOOK_MS = 250

const definition = z.looseObject({
  spec: z.looseObject({ group: z.string(), names: z.looseObject({ kind: z.string() }) }),
})
const state = z.looseObject({
  status: z
    .looseObject({
      conditions: z
        .array(
          z.looseObject({ type: z.string(), status: z.string(), message: z.string().nullish() }),
        )
        .nullish(),
    })
    .nullish(),
})

/**
 * The CustomResourceDefinition among the manifests that makes the kind of an object; undefined
 * where none does.
 */
export function definitionOf(
  object: KubeObject,
  manifests: readonly Manifest[],
): KubeObject | undefined {
  return manifests
    .map((manifest) => manifest.object)
    .find((one) => {
      const parsed =
        one.kind === 'CustomResourceDefinition' ? definition.safeParse(one).data : undefined
      return (
        parsed !== undefined &&
        parsed.spec.names.kind === object.kind &&
        object.apiVersion.startsWith(`${parsed.spec.group}/`)
      )
    })
}

/**
 * Waits until the cluster serves the kind that `crd` defines; NOT_READY with what the server says
 * of it when it doesn't.
 */
export async function awaitServed(
  kube: Pick<Kube, 'get'>,
  clock: Clock,
  crd: KubeObject,
  object: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  const end = clock.now() + SERVED_WITHIN_MS
  const { name } = crd.metadata
  for (;;) {
    const conditions =
      state.safeParse(await kube.get({ apiVersion: crd.apiVersion, kind: crd.kind, name }, signal))
        .data?.status?.conditions ?? []
    const refused = conditions.find(
      ({ type, status }) => type === 'NamesAccepted' && status === 'False',
    )
    if (
      conditions.some(({ type, status }) => type === 'Established' && status === 'True') &&
      (await isServed(kube, object, signal))
    )
      return
    if (refused !== undefined || clock.now() >= end) {
      throw failure(
        'failed',
        'NOT_READY',
        `the kind ${object.kind} is not served by the cluster${refused?.message === undefined || refused.message === null ? ` ${SERVED_WITHIN_MS / 1000} s after its definition ${name} was applied` : `: ${refused.message}`}`,
        {
          object: `customresourcedefinition/${name}`,
          fix: `Look at it: kubectl describe crd ${name}. Then run the step again.`,
        },
      )
    }
    await clock.sleep(LOOK_MS, signal)
  }
}

/** Discovery may lag behind the condition. */
async function isServed(
  kube: Pick<Kube, 'get'>,
  object: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await kube.get(
      {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        namespace: object.metadata.namespace,
      },
      signal,
    )
    return true
  } catch (error) {
    if (error instanceof KubeFailure && error.reason === 'UnknownKind') return false
    throw error
  }
}
