// A member that was not asked itself: what Kubernetes knows of its pod stands for it.

import type { Member, MemberState } from './profile.ts'

/** A pod that is Ready counts as up; that clients are served is not known by it. */
export function byPod({ pod, ordinal, ready }: Member): MemberState {
  return {
    pod,
    ordinal,
    id: undefined,
    role: ready ? 'up' : 'down',
    version: undefined,
    zxid: undefined,
    trouble: ready ? undefined : 'the pod is not Ready',
    ...(ready ? { unasked: true } : {}),
  }
}
