// Reads all that decides where pods can go, once; what may not be read is named, so that the
// answers that depend on it are left open.

import { KubeFailure } from '../../kube/failure.ts'
import type { KindRef, Kube, KubeObject, ListOptions } from '../../kube/kube.ts'
import {
  placedPodReader,
  toAttachLimits,
  toAttachment,
  toNode,
  toPlacedClaim,
  toPlacedClass,
  toVolume,
} from '../../kube/views/index.ts'
import type { ClusterPart, ClusterView, PlacedPod } from '../../view/scheduling.ts'

/**
 * `nodes`: those to be drained; claims are read where their pods have any. Rejects with a
 * KubeFailure for anything but a missing right, and with a ViewError.
 */
export async function readCluster(
  kube: Pick<Kube, 'listAs'>,
  nodes: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ClusterView> {
  const unread: Partial<Record<ClusterPart, string>> = {}

  async function part<View>(
    name: ClusterPart,
    kind: KindRef,
    options: ListOptions,
    view: (object: KubeObject) => View,
  ): Promise<readonly View[]> {
    try {
      return await kube.listAs(kind, options, view, signal)
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 403) throw error
      unread[name] ??= `${WORDS[name]} may not be read with these rights`
      return []
    }
  }

  async function podsAndClaims(): Promise<Pick<ClusterView, 'pods' | 'claims'>> {
    const pods = await part('pods', { apiVersion: 'v1', kind: 'Pod' }, {}, placedPodReader())
    const namespaces = [
      ...new Set(pods.flatMap((pod) => (mountsOn(nodes, pod) ? [pod.namespace] : []))),
    ]
    const claims = await Promise.all(
      namespaces.map((namespace) =>
        part(
          'claims',
          { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
          { namespace },
          toPlacedClaim,
        ),
      ),
    )
    return { pods, claims: claims.flat() }
  }

  /**
   * One list after the other, beside the pods', which are by far the longest: each page costs many
   * times the memory of what is kept of it.
   */
  async function theRest(): Promise<Omit<ClusterView, 'pods' | 'claims' | 'unread'>> {
    const nodes = await part('nodes', { apiVersion: 'v1', kind: 'Node' }, {}, toNode)
    const namespaces = await part(
      'namespaces',
      { apiVersion: 'v1', kind: 'Namespace' },
      {},
      ({ metadata }) => [metadata.name, metadata.labels ?? {}] as const,
    )
    const volumes = await part(
      'volumes',
      { apiVersion: 'v1', kind: 'PersistentVolume' },
      {},
      toVolume,
    )
    const classes = await part(
      'classes',
      { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' },
      {},
      toPlacedClass,
    )
    const limits = await part(
      'limits',
      { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode' },
      {},
      toAttachLimits,
    )
    const attachments = await part(
      'attachments',
      { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment' },
      {},
      toAttachment,
    )
    return {
      nodes,
      namespaces: new Map(namespaces),
      volumes,
      classes,
      limits: limits.flat(),
      attachments,
    }
  }

  const [pods, rest] = await Promise.all([podsAndClaims(), theRest()])
  return { ...rest, ...pods, unread }
}

const WORDS: Readonly<Record<ClusterPart, string>> = {
  nodes: 'nodes',
  pods: 'the pods of all namespaces',
  namespaces: 'namespaces',
  claims: 'claims',
  volumes: 'PersistentVolumes',
  classes: 'storage classes',
  limits: 'CSINodes',
  attachments: 'VolumeAttachments',
}

function mountsOn(nodes: ReadonlySet<string>, pod: PlacedPod): boolean {
  return pod.claims.length > 0 && pod.node !== undefined && nodes.has(pod.node)
}
