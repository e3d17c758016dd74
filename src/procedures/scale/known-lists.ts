// Which member lists the running members were started with: after a change that was cut off not all
// know the one in the pod template.

import { mapOf } from '../../manifests/fields-v1.ts'
import { ownPods } from '../../decide/members/members.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { selectorText } from '../../kube/views/index.ts'
import { memberCountOf } from '../../manifests/member-list.ts'
import type { EnsembleView } from '../../view/surroundings.ts'

/**
 * How many members each list names that a pod of an older revision has; `unknown` where one of them
 * can't be read. Lists pods only where there are such pods.
 */
export async function knownLists(
  kube: Pick<Kube, 'list'>,
  object: KubeObject,
  view: EnsembleView,
  profile: ProfileName,
  signal: AbortSignal,
): Promise<readonly number[] | 'unknown'> {
  const { set } = view
  const older = new Set(
    ownPods(view)
      .filter((pod) => pod.deleting === undefined && pod.revision !== set?.status.updateRevision)
      .map((pod) => pod.uid),
  )
  if (older.size === 0 || profile !== 'zookeeper') return []
  const lists = await listsOf(kube, object, view, signal)
  const counts = [...lists].filter(([uid]) => older.has(uid)).map(([, count]) => count)
  const known = counts.filter((count) => count !== undefined)
  return known.length < counts.length ? 'unknown' : [...new Set(known)].toSorted((a, b) => a - b)
}

/**
 * UIDs of ZooKeeper pods that were started with a list without the member of this ordinal: they
 * can't follow it where it leads. Lists pods only where they are of several revisions.
 */
export async function podsWithout(
  ordinal: number,
  kube: Pick<Kube, 'list'>,
  object: KubeObject,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  // Of one template they have one list.
  if (new Set(ownPods(view).map(({ revision }) => revision)).size < 2) return new Set()
  const others = ordinal - (view.set?.start ?? 0)
  const lists = await listsOf(kube, object, view, signal)
  return new Set(
    [...lists].flatMap(([uid, count]) => (count !== undefined && count <= others ? [uid] : [])),
  )
}

/** How many members the list of each pod names, by UID; undefined where it can't be read. */
async function listsOf(
  kube: Pick<Kube, 'list'>,
  object: KubeObject,
  { set }: EnsembleView,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number | undefined>> {
  if (set === undefined) return new Map()
  const { items } = await kube.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace: set.namespace, labels: selectorText(set.selector) },
    signal,
  )
  return new Map(
    items.map((pod) => {
      const count = memberCountOf(withPodSpec(object, pod['spec']), 'zookeeper')
      return [pod.metadata.uid ?? '', typeof count === 'number' ? count : undefined]
    }),
  )
}

/** The set as if this were its template: a pod has what its template had when it was made. */
function withPodSpec(object: KubeObject, podSpec: unknown): KubeObject {
  const spec = mapOf(object['spec'])
  return {
    ...object,
    spec: { ...spec, template: { ...mapOf(spec['template']), spec: podSpec } },
  }
}
