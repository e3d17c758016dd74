// The two ways to a member that a cluster has: a port-forward, and commands in its container.

import type { Reach } from '../../ensemble/profile.ts'
import type { Kube } from '../../kube/kube.ts'

/** Reach over the cluster's port-forward and exec. */
export function reachThrough(kube: Kube, may: Reach['may']): Reach {
  return {
    may,
    open: (member, port, signal) =>
      kube.forward({ name: member.pod, namespace: member.namespace }, port, signal),
    tunnel: (member, command, signal) =>
      kube.tunnel(
        { name: member.pod, namespace: member.namespace },
        member.container,
        command,
        signal,
      ),
    exec: (member, command, options, signal) =>
      kube.exec(
        { name: member.pod, namespace: member.namespace },
        member.container,
        command,
        options,
        signal,
      ),
  }
}
