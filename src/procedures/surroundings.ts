// Reads what lies around an ensemble before a deploy: storage classes, nodes and claims; what may not be read is left out and said.

import { KubeFailure } from '../kube/failure.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { toClaim, toNode, toStorageClass } from '../kube/views/index.ts'
import type { ClaimView, NodeView, StorageClassView } from '../view/surroundings.ts'

export interface Surroundings {
  /** Undefined: may not be read. */
  readonly classes: readonly StorageClassView[] | undefined
  readonly nodes: readonly NodeView[] | undefined
  readonly claims: readonly ClaimView[] | undefined
}

export async function readSurroundings(kube: Kube, namespace: string, signal: AbortSignal): Promise<Surroundings> {
  const read = async <View>(kind: { readonly apiVersion: string; readonly kind: string }, inNamespace: string | undefined, view: (object: KubeObject) => View): Promise<readonly View[] | undefined> => {
    try {
      const { items } = await kube.list(kind, inNamespace === undefined ? {} : { namespace: inNamespace }, signal)
      return items.map(view)
    } catch (error) {
      if (error instanceof KubeFailure && error.status === 403) return undefined
      throw error
    }
  }
  const [classes, nodes, claims] = await Promise.all([
    read({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }, undefined, toStorageClass),
    read({ apiVersion: 'v1', kind: 'Node' }, undefined, toNode),
    read({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, namespace, toClaim),
  ])
  return { classes, nodes, claims }
}
