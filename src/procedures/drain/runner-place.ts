// Where this run itself is: a drain of its own node would end it halfway.

import type { KubeObject } from '../../kube/kube.ts'
import { placedPodReader } from '../../kube/views/index.ts'
import type { NodeView } from '../../view/surroundings.ts'

export interface Place {
  /** One of `nodes`, when this run is on it. */
  readonly node: string | undefined
  /** `namespace/name`, when this run is a pod there that would be evicted. */
  readonly pod: string | undefined
}

/**
 * `candidates`: pods whose name is this machine's host name, which is what a pod's host name is. A
 * machine that is itself a node has the node's host name.
 */
export function whereWeAre(
  candidates: readonly KubeObject[],
  nodes: readonly NodeView[],
  hostname: string,
): Place {
  const pod = candidates
    .map(placedPodReader())
    .find(
      (one) =>
        one.name === hostname &&
        one.phase === 'Running' &&
        nodes.some((node) => node.name === one.node),
    )
  if (pod !== undefined)
    return {
      node: pod.node,
      pod:
        pod.owner?.kind === 'DaemonSet' || pod.mirror ? undefined : `${pod.namespace}/${pod.name}`,
    }
  return {
    node: nodes.find(
      (node) => node.name === hostname || node.labels['kubernetes.io/hostname'] === hostname,
    )?.name,
    pod: undefined,
  }
}
