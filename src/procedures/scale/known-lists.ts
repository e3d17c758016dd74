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
  if (set === undefined || older.size === 0 || profile !== 'zookeeper') return []
  const { items } = await kube.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace: set.namespace, labels: selectorText(set.selector) },
    signal,
  )
  const counts = items
    .filter((pod) => older.has(pod.metadata.uid ?? ''))
    .map((pod) => memberCountOf(withPodSpec(object, pod['spec']), profile))
  const known = counts.filter((count) => typeof count === 'number')
  return known.length < counts.length ? 'unknown' : [...new Set(known)].toSorted((a, b) => a - b)
}

/** The set as if this were its template: a pod has what its template had when it was made. */
function withPodSpec(object: KubeObject, podSpec: unknown): KubeObject {
  const spec = mapOf(object['spec'])
  return {
    ...object,
    spec: { ...spec, template: { ...mapOf(spec['template']), spec: podSpec } },
  }
}
