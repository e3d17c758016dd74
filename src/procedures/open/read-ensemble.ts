// One look at an ensemble: its StatefulSet, pods, claims, and the services and nodes around it.

import { failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import {
  selectorText,
  toClaim,
  toEvent,
  toNode,
  toPod,
  toSet,
  ViewError,
} from '../../kube/views/index.ts'
import type { ClaimView, EnsembleView, EventView, NodeView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'

const SET = { apiVersion: 'apps/v1', kind: 'StatefulSet' }

/** The StatefulSet by name, or the only one of the namespace; NOT_FOUND lists what there is. */
export async function findSet(
  kube: Kube,
  namespace: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (name !== undefined) {
    const found = await kube.get({ ...SET, name, namespace }, signal)
    if (found !== undefined) return found
  }
  const { items } = await kube.list(SET, { namespace }, signal)
  const [only, second] = items
  if (name === undefined && only !== undefined && second === undefined) return only
  const there = items.map((item) => item.metadata.name).join(', ')
  const message =
    name === undefined && items.length > 1
      ? `namespace ${namespace} has several StatefulSets: ${there}`
      : `namespace ${namespace} has no StatefulSet${name === undefined ? '' : ` ${name}`}${there === '' ? '' : `, but ${there}`}`
  throw failure(
    'refused',
    name === undefined && items.length > 1 ? 'INPUT_INVALID' : 'NOT_FOUND',
    message,
    { input: 'name', fix: 'Set name, namespace and context to those of the ensemble.' },
  )
}

interface Known {
  readonly pods?: readonly PodView[] | undefined
  readonly claims?: readonly ClaimView[] | undefined
}

/**
 * What a readiness verdict is made on, without events; the set is the one that was found. `known`:
 * what of it was just read.
 */
export async function readView(
  kube: Kube,
  object: KubeObject,
  signal: AbortSignal,
  known: Known = {},
): Promise<EnsembleView> {
  const set = toSet(object)
  const namespace = set.namespace
  const [pods, claims] = await Promise.all([
    known.pods ??
      kube
        .list(
          { apiVersion: 'v1', kind: 'Pod' },
          { namespace, labels: selectorText(set.selector) },
          signal,
        )
        .then(({ items }) => items.map(toPod)),
    known.claims ??
      kube
        .list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, { namespace }, signal)
        .then(({ items }) => items.map(toClaim)),
  ])
  return { set, pods, claims, events: [] }
}

/**
 * Events of the namespace as far as they can be read: anyone may write one, so one of another shape
 * is passed over.
 */
export async function readEvents(
  kube: Kube,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly EventView[]> {
  const { items } = await kube.list({ apiVersion: 'v1', kind: 'Event' }, { namespace }, signal)
  return items.flatMap((item) => {
    try {
      return [toEvent(item)]
    } catch (error) {
      if (error instanceof ViewError) return []
      throw error
    }
  })
}

export async function readServices(
  kube: Kube,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  return (await kube.list({ apiVersion: 'v1', kind: 'Service' }, { namespace }, signal)).items
}

/** Undefined where they may not be listed: what isn't seen is not absent. */
export async function servicesIfAllowed(
  kube: Kube,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KubeObject[] | undefined> {
  try {
    return await readServices(kube, namespace, signal)
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return undefined
    throw error
  }
}

/** `own`, and the Services of the cluster that none of them stands for. */
export function withOthers(
  own: readonly KubeObject[],
  there: readonly KubeObject[],
): readonly KubeObject[] {
  const names = new Set(
    own.flatMap((object) => (object.kind === 'Service' ? [object.metadata.name] : [])),
  )
  return [...own, ...there.filter((object) => !names.has(object.metadata.name))]
}

export async function readNodes(kube: Kube, signal: AbortSignal): Promise<readonly NodeView[]> {
  return (await kube.list({ apiVersion: 'v1', kind: 'Node' }, {}, signal)).items.map(toNode)
}
