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

/** What is there, by its names. */
interface Known {
  readonly unread: ClusterView['unread']
  readonly claims: ReadonlyMap<string, ClusterView['claims'][number]>
  readonly volumes: ReadonlyMap<string, VolumeView>
  /** The bound volume of a claim, by the claim's namespace and name. */
  readonly byClaim: ReadonlyMap<string, VolumeView>
  readonly classes: ReadonlyMap<string, PlacedClass>
  /** The class of a claim that names none. */
  readonly usual: PlacedClass | undefined
}

export function storageOf(cluster: ClusterView): Storage {
  const known = knownIn(cluster)
  const { claims, volumes, byClaim } = known
  return {
    of(pod) {
      if (pod.claims.length === 0 && pod.ephemeral.length === 0) return NONE
      const found = [
        ...pod.claims.map((name) => find(known, pod, name)),
        ...pod.ephemeral.map(({ name, storageClass }) =>
          waits(known, storageClass, `the volume ${name} is created again with the pod`),
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

function knownIn({ claims, classes, unread, volumes }: ClusterView): Known {
  return {
    unread,
    claims: new Map(claims.map((claim) => [`${claim.namespace}/${claim.name}`, claim])),
    volumes: new Map(volumes.map((volume) => [volume.name, volume])),
    byClaim: new Map(
      volumes.flatMap((volume) =>
        volume.claim === undefined || volume.phase !== 'Bound'
          ? []
          : [[volume.claim, volume] as const],
      ),
    ),
    classes: new Map(classes.map((one) => [one.name, one])),
    usual: classes
      .filter(({ isDefault }) => isDefault)
      .toSorted((a, b) => b.created - a.created || (a.name < b.name ? -1 : 1))[0],
  }
}

/** What is behind a claim of the pod. */
function find(known: Known, pod: PlacedPod, name: string): Found {
  const { unread } = known
  const claim = known.claims.get(`${pod.namespace}/${name}`)
  if (claim === undefined) {
    const volume = known.byClaim.get(`${pod.namespace}/${name}`)
    if (volume !== undefined && unread.claims !== undefined) return { volume }
    return { doubt: unread.claims ?? unread.volumes ?? `the claim ${name} is not there` }
  }
  if (claim.deleting) return { doubt: `the claim ${name} is being deleted` }
  if (claim.phase === 'Lost') return { doubt: `the claim ${name} has lost its volume` }
  if (claim.volume === undefined)
    return waits(known, claim.storageClass, `the claim ${name} is not bound`)
  const volume = known.volumes.get(claim.volume)
  return volume === undefined
    ? { doubt: unread.volumes ?? `the volume ${claim.volume} of the claim ${name} is not there` }
    : { volume }
}

/** Whether a volume that is not there yet may be made on any node that the pod gets. */
function waits({ unread, usual, classes }: Known, name: string | undefined, what: string): Found {
  if (unread.classes !== undefined) return { doubt: `${what}, and ${unread.classes}` }
  const found = name === undefined ? usual : classes.get(name)
  if (found === undefined) return { doubt: `${what}, and its storage class is not there` }
  if (found.bindingMode === 'Immediate')
    return {
      doubt: `${what}, and class ${found.name} chooses the place of a volume before its pod has a node`,
    }
  if (found.provisioner === NO_PROVISIONER)
    return { doubt: `${what}, and class ${found.name} makes no volumes` }
  return { waits: found }
}
