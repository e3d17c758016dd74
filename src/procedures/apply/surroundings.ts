// Reads what lies around an ensemble before a deploy: storage classes, nodes and claims; what may
// not be read is left out and said.

import { selects } from '../../decide/placement/select.ts'
import { storageNeeds } from '../../decide/preflight/storage.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import {
  toClaim,
  toNode,
  toOfferedVolume,
  toPod,
  toStorageClass,
  ViewError,
} from '../../kube/views/index.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import type { OfferedVolume } from '../../view/scheduling.ts'
import type { ClaimView, NodeView, StorageClassView } from '../../view/surroundings.ts'
import type { LabelSelector, PodView } from '../../view/workload.ts'

/**
 * What decides whether volumes can be had where no class of the cluster says so; read only then.
 */
export interface StorageGround {
  /** PersistentVolumes; undefined: may not be read, or not needed. */
  readonly volumes: readonly OfferedVolume[] | undefined
  /** Names of the CSIDriver objects; undefined as above. */
  readonly drivers: readonly string[] | undefined
}

export interface Surroundings extends StorageGround {
  /** Undefined: may not be read. */
  readonly classes: readonly StorageClassView[] | undefined
  readonly nodes: readonly NodeView[] | undefined
  readonly claims: readonly ClaimView[] | undefined
}

/** Classes that the manifests bring; one that can't be read is refused by the server. */
export function classesIn(manifests: readonly Manifest[]): readonly StorageClassView[] {
  return manifests
    .filter(({ object }) => object.kind === 'StorageClass')
    .flatMap(({ object }) => {
      try {
        return [toStorageClass(object)]
      } catch (error) {
        if (error instanceof ViewError) return []
        throw error
      }
    })
}

/**
 * `wanted`: the claim templates' classes, undefined for the default one; `own`: classes that the
 * manifests bring.
 */
export async function readSurroundings(
  kube: Kube,
  namespace: string,
  {
    wanted,
    own,
  }: {
    readonly wanted: readonly (string | undefined)[]
    readonly own: readonly StorageClassView[]
  },
  signal: AbortSignal,
): Promise<Surroundings> {
  const read = async <View>(
    kind: { readonly apiVersion: string; readonly kind: string },
    inNamespace: string | undefined,
    view: (object: KubeObject) => View,
  ): Promise<readonly View[] | undefined> => {
    try {
      const { items } = await kube.list(
        kind,
        inNamespace === undefined ? {} : { namespace: inNamespace },
        signal,
      )
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
  const needs = storageNeeds(
    classes === undefined
      ? undefined
      : [...classes, ...own.filter((one) => !classes.some(({ name }) => name === one.name))],
    claims,
    wanted,
  )
  const [volumes, drivers] = await Promise.all([
    needs.volumes
      ? read({ apiVersion: 'v1', kind: 'PersistentVolume' }, undefined, toOfferedVolume)
      : undefined,
    needs.drivers
      ? read(
          { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver' },
          undefined,
          ({ metadata }) => metadata.name,
        )
      : undefined,
  ])
  return { classes, nodes, claims, volumes, drivers }
}

/** Pods of the namespace, as far as a preflight is about them. */
export interface PodsSeen {
  /** Names of the claims that pods hold, whoever made the pods. */
  readonly claims: ReadonlySet<string>
  /** Those that the set selects. */
  readonly own: readonly PodView[]
}

export async function readPods(
  kube: Pick<Kube, 'listAs'>,
  namespace: string,
  selector: LabelSelector,
  signal: AbortSignal,
): Promise<PodsSeen> {
  const claims = new Set<string>()
  const found = await kube.listAs(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace },
    (object) => {
      const pod = toPod(object)
      for (const claim of pod.claims) claims.add(claim)
      return selects(selector, pod.labels) ? [pod] : []
    },
    signal,
  )
  return { claims, own: found.flat() }
}
