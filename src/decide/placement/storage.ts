// The volumes behind a pod's claims, found quickly; what can't be judged about them is said.

import type { ClusterView, PlacedClass, PlacedPod, VolumeView } from '../../view/scheduling.ts'

export interface PodVolumes {
  readonly bound: readonly VolumeView[]
  /** Classes of claims that are bound to a new volume once the pod has a node. */
  readonly waiting: readonly PlacedClass[]
  /** Names of claims that only one pod of the cluster may use at a time. */
  readonly alone: readonly string[]
  /** Why it can't be judged. */
  readonly doubt: string | undefined
}

export interface Storage {
  of(pod: PlacedPod): PodVolumes
  /** Volumes that a driver attaches, by what is known of the claims alone. */
  attached(pod: PlacedPod): readonly { readonly driver: string; readonly handle: string }[]
  volume(name: string): VolumeView | undefined
}

const NONE: PodVolumes = { bound: [], waiting: [], alone: [], doubt: undefined }
const NO_PROVISIONER = 'kubernetes.io/no-provisioner'

type Found =
  | { readonly volume: VolumeView }
  | { readonly waits: PlacedClass }
  | { readonly doubt: string }

export function storageOf(cluster: ClusterView): Storage {
  const { unread } = cluster
  const claims = new Map(cluster.claims.map((claim) => [`${claim.namespace}/${claim.name}`, claim]))
  const volumes = new Map(cluster.volumes.map((volume) => [volume.name, volume]))
  const byClaim = new Map(
    cluster.volumes.flatMap((volume) =>
      volume.claim === undefined || volume.phase !== 'Bound'
        ? []
        : [[volume.claim, volume] as const],
    ),
  )
  const classes = new Map(cluster.classes.map((one) => [one.name, one]))
  const usual = cluster.classes
    .filter(({ isDefault }) => isDefault)
    .toSorted((a, b) => b.created - a.created || (a.name < b.name ? -1 : 1))[0]

  function find(pod: PlacedPod, name: string): Found {
    const claim = claims.get(`${pod.namespace}/${name}`)
    if (claim === undefined) {
      const volume = byClaim.get(`${pod.namespace}/${name}`)
      if (volume !== undefined && unread.claims !== undefined) return { volume }
      return { doubt: unread.claims ?? unread.volumes ?? `the claim ${name} is not there` }
    }
    if (claim.deleting) return { doubt: `the claim ${name} is being deleted` }
    if (claim.phase === 'Lost') return { doubt: `the claim ${name} has lost its volume` }
    if (claim.volume === undefined)
      return waits(claim.storageClass, `the claim ${name} is not bound`)
    const volume = volumes.get(claim.volume)
    return volume === undefined
      ? { doubt: unread.volumes ?? `the volume ${claim.volume} of the claim ${name} is not there` }
      : { volume }
  }

  function waits(className: string | undefined, what: string): Found {
    if (unread.classes !== undefined) return { doubt: `${what}, and ${unread.classes}` }
    const found = className === undefined ? usual : classes.get(className)
    if (found === undefined) return { doubt: `${what}, and its storage class is not there` }
    if (found.bindingMode === 'Immediate')
      return {
        doubt: `${what}, and class ${found.name} chooses the place of a volume before its pod has a node`,
      }
    if (found.provisioner === NO_PROVISIONER)
      return { doubt: `${what}, and class ${found.name} makes no volumes` }
    return { waits: found }
  }

  return {
    of(pod) {
      if (pod.claims.length === 0 && pod.ephemeral.length === 0) return NONE
      const found = [
        ...pod.claims.map((name) => find(pod, name)),
        ...pod.ephemeral.map(({ name, storageClass }) =>
          waits(storageClass, `the volume ${name} is created again with the pod`),
        ),
      ]
      return {
        bound: found.flatMap((one) => ('volume' in one ? [one.volume] : [])),
        waiting: found.flatMap((one) => ('waits' in one ? [one.waits] : [])),
        alone: pod.claims.filter(
          (name) =>
            claims.get(`${pod.namespace}/${name}`)?.accessModes.includes('ReadWriteOncePod') ===
            true,
        ),
        doubt: found.flatMap((one) => ('doubt' in one ? [one.doubt] : []))[0],
      }
    },
    attached(pod) {
      if (byClaim.size === 0) return []
      const names = [...pod.claims, ...pod.ephemeral.map(({ name }) => `${pod.name}-${name}`)]
      return names.flatMap((name) => byClaim.get(`${pod.namespace}/${name}`)?.csi ?? [])
    },
    volume: (name) => volumes.get(name),
  }
}
