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
  const part: ReadPart = async (name, kind, options, view) => {
    try {
      return await kube.listAs(kind, options, view, signal)
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 403) throw error
      unread[name] ??= `${WORDS[name]} may not be read with these rights`
      return []
    }
  }
  const [pods, rest] = await Promise.all([podsAndClaims(part, nodes), theRest(part)])
  return { ...rest, ...pods, unread }
}

/** What of it may not be read is empty, and named. */
type ReadPart = <View>(
  name: ClusterPart,
  kind: KindRef,
  options: ListOptions,
  view: (object: KubeObject) => View,
) => Promise<readonly View[]>

async function podsAndClaims(
  part: ReadPart,
  nodes: ReadonlySet<string>,
): Promise<Pick<ClusterView, 'pods' | 'claims'>> {
  const pods = await part('pods', { apiVersion: 'v1', kind: 'Pod' }, {}, placedPodReader())
  const namespaces = [
    ...new Set(pods.flatMap((pod) => (mountsOn(nodes, pod) ? [pod.namespace] : []))),
  ]
  const kind = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
  const claims = await Promise.all(
    namespaces.map((namespace) => part('claims', kind, { namespace }, toPlacedClaim)),
  )
  return { pods, claims: claims.flat() }
}

/**
 * One list after the other, beside the pods', which are by far the longest: each page costs many
 * times the memory of what is kept of it.
 */
async function theRest(part: ReadPart): Promise<Omit<ClusterView, 'pods' | 'claims' | 'unread'>> {
  const core = (kind: string): KindRef => ({ apiVersion: 'v1', kind })
  const storage = (kind: string): KindRef => ({ apiVersion: 'storage.k8s.io/v1', kind })
  const nodes = await part('nodes', core('Node'), {}, toNode)
  const namespaces = await part(
    'namespaces',
    core('Namespace'),
    {},
    ({ metadata }) => [metadata.name, metadata.labels ?? {}] as const,
  )
  const volumes = await part('volumes', core('PersistentVolume'), {}, toVolume)
  const classes = await part('classes', storage('StorageClass'), {}, toPlacedClass)
  const limits = await part('limits', storage('CSINode'), {}, toAttachLimits)
  const attachments = await part('attachments', storage('VolumeAttachment'), {}, toAttachment)
  return {
    nodes,
    namespaces: new Map(namespaces),
    volumes,
    classes,
    limits: limits.flat(),
    attachments,
  }
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
