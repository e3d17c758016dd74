// The members as the watches last saw them, for who can do without.

import type { Follower } from '../../kube/follow.ts'
import type { EnsembleView } from '../../view/surroundings.ts'

/** Undefined where the set was recreated meanwhile: what stands there is another ensemble. */
export function lastSeen(follower: Follower): EnsembleView | undefined {
  try {
    return follower.snapshot()
  } catch {
    return undefined
  }
}
