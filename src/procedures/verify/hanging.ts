// Reads what tells why pods that were told to end are still there: the pods themselves and their
// nodes, as far as both may be read.

import { whyNotGone, type Hanging, type NodeNow } from '../../decide/diagnosis/deletion.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import { toNode, toPod, ViewError } from '../../kube/views/index.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { ownPods } from '../../decide/members/members.ts'

/** Nodes change slowly: they are read again after this time. */
const FRESH_MS = 5_000

type Reading = Pick<Kube, 'get'>

/** Adds to a view how the nodes of its members that are on their way out stand. */
export function createNodeLook(
  kube: Reading,
): (view: EnsembleView, now: number, signal: AbortSignal) => Promise<EnsembleView> {
  let known:
    | { readonly at: number; readonly names: string; readonly nodes: ReadonlyMap<string, NodeNow> }
    | undefined
  return async (view, now, signal) => {
    const going = [
      ...new Set(
        ownPods(view).flatMap((pod) =>
          pod.deleting === undefined || pod.node === undefined ? [] : [pod.node],
        ),
      ),
    ].toSorted()
    if (going.length === 0) return view
    const names = going.join(' ')
    if (known === undefined || known.names !== names || now - known.at >= FRESH_MS)
      known = { at: now, names, nodes: await readNodesNow(kube, going, signal) }
    return { ...view, nodes: known.nodes }
  }
}

/** By the UID of each pod that is still there; those that could not be read are left out. */
export async function explainHanging(
  kube: Reading,
  pods: readonly { readonly name: string; readonly namespace: string; readonly uid: string }[],
  now: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Hanging>> {
  const read = await Promise.all(
    pods.map(({ name, namespace }) =>
      ifReadable(async () => {
        const object = await kube.get({ apiVersion: 'v1', kind: 'Pod', name, namespace }, signal)
        return object === undefined ? undefined : toPod(object)
      }, signal),
    ),
  )
  const there = read.filter((pod) => pod !== undefined)
  const nodes = await readNodesNow(
    kube,
    [...new Set(there.flatMap((pod) => pod.node ?? []))],
    signal,
  )
  return new Map(
    there.flatMap((pod) => {
      const why = whyNotGone(pod, pod.node === undefined ? undefined : nodes.get(pod.node), now)
      return why === undefined ? [] : [[pod.uid, why] as const]
    }),
  )
}

async function readNodesNow(
  kube: Reading,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NodeNow>> {
  const read = await Promise.all(
    names.map(async (name) => {
      const now = await ifReadable(async (): Promise<NodeNow> => {
        const object = await kube.get({ apiVersion: 'v1', kind: 'Node', name }, signal)
        return object === undefined ? 'gone' : toNode(object).ready ? 'ready' : 'not ready'
      }, signal)
      return [name, now] as const
    }),
  )
  return new Map(read)
}

/** It explains a wait and decides nothing: what can't be read is not known. */
async function ifReadable<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof KubeFailure || error instanceof ViewError) return undefined
    throw error
  }
}
