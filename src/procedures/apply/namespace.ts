// The namespace of a deploy: there already, or made by us and marked as ours, so that a preview can
// be swept when its time is over.

import { z } from 'zod'
import {
  EXPIRES_ANNOTATION,
  makerOf,
  MANAGED_LABEL,
  REPOSITORY_ANNOTATION,
} from '../../decide/cleanup.ts'
import { failure } from '../../errors.ts'
import { isClustersOwn } from '../../inputs/agree.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject, ObjectMeta } from '../../kube/kube.ts'
import type { Seen } from './look-around.ts'
import { untilGone, type Held, type Waiting } from './until-gone.ts'

export type NamespaceState =
  | { readonly kind: 'there'; readonly ours: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'terminating' }

const status = z
  .looseObject({
    phase: z.string().optional(),
    conditions: z
      .array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().nullish() }))
      .nullish(),
  })
  .optional()
  .catch(undefined)

/** A namespace that may not be read counts as there: the next requests tell. */
export async function readNamespace(
  kube: Kube,
  name: string,
  repository: string,
  signal: AbortSignal,
): Promise<NamespaceState> {
  try {
    const found = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name }, signal)
    if (found === undefined) return { kind: 'missing' }
    if (isTerminating(found)) return { kind: 'terminating' }
    return { kind: 'there', ours: makerOf(found.metadata, repository).kind === 'ours' }
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return { kind: 'there', ours: false }
    throw error
  }
}

export function isTerminating(namespace: KubeObject): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined ||
    status.parse(namespace['status'])?.phase === 'Terminating'
  )
}

/**
 * Waits until a namespace that is going away is gone; what holds it is what its conditions say.
 * `uid`: one that was recreated is another.
 */
export async function awaitNamespaceGone(
  kube: Pick<Kube, 'get'>,
  { name, uid }: Pick<ObjectMeta, 'name' | 'uid'>,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<void> {
  await untilGone(
    waiting,
    async (until) => {
      const found = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name }, until)
      return found === undefined ||
        (uid !== undefined && found.metadata.uid !== uid) ||
        !isTerminating(found)
        ? []
        : [heldNamespace(found)]
    },
    signal,
  )
}

function heldNamespace(found: KubeObject): Held {
  const { name } = found.metadata
  const held = (status.parse(found['status'])?.conditions ?? []).filter(
    (one) => one.status === 'True',
  )
  const why = held.map(
    ({ type, message }) =>
      `${type}${message === undefined || message === null || message === '' ? '' : `: ${message}`}`,
  )
  return {
    object: `namespace/${name}`,
    why: why.join('; '),
    fix: `What is named there must go first; kubectl get namespace ${name} -o yaml shows it.`,
  }
}

/**
 * Refuses `create-namespace` where nobody names the namespace to make, or it is the cluster's own.
 * `named`: by the input or by the manifests.
 */
export function refuseToCreate(name: string, named: boolean): void {
  if (!named)
    throw failure(
      'refused',
      'INPUT_INVALID',
      'create-namespace: neither the input namespace nor the manifests name the namespace to create',
      {
        input: 'create-namespace',
        fix: 'Set namespace, or write metadata.namespace into the manifests.',
      },
    )
  if (isClustersOwn(name))
    throw failure(
      'refused',
      'INPUT_INVALID',
      `create-namespace: ${name} is the cluster's own and never made by this action`,
      {
        input: 'create-namespace',
        fix: 'Choose another namespace, or set create-namespace: false.',
      },
    )
}

/** Makes the namespace when it was asked for, or renews the time of one that we made. */
export async function ensureNamespace(
  kube: Kube,
  {
    inputs,
    run,
    namespace: name,
    namespaceState: state,
  }: Pick<Seen, 'inputs' | 'run' | 'namespace' | 'namespaceState'>,
  signal: AbortSignal,
): Promise<void> {
  if (!inputs.createNamespace || state.kind === 'terminating') return
  if (state.kind === 'there' && !state.ours) {
    if (inputs.ttlMs !== undefined)
      run.report.note(
        `Namespace ${name} was there before and is not marked as made by this action for this repository: ttl does not apply to it.`,
      )
    return
  }
  if (state.kind === 'there' && inputs.ttlMs === undefined) return
  // A sweep goes by the API server's clock.
  const expires =
    inputs.ttlMs === undefined
      ? {}
      : {
          [EXPIRES_ANNOTATION]: new Date(
            ((await kube.time(signal)) ?? run.clock.now()) + inputs.ttlMs,
          ).toISOString(),
        }
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { [MANAGED_LABEL]: 'true' },
      annotations: { [REPOSITORY_ANNOTATION]: run.holder.repository, ...expires },
    },
  }
  const { created } = await kube.apply(object, {}, signal)
  if (!created) return
  run.report.did({
    row: { object: `namespace/${name}`, change: 'created' },
    line: `namespace/${name} created`,
  })
  run.report.stands(`namespace ${name} was made; nothing else was changed`)
}
