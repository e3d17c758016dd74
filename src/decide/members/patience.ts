// How long a member that runs and is outside of the quorum may still be on its way into it, judged
// by how young the ensemble's servers are.

import type { EnsembleView } from '../../view/surroundings.ts'
import { ownPods } from './members.ts'

/**
 * Who looks up a member before it has its address keeps believing the answer, a "no such name"
 * too: the JVM for 30 s, on top of up to 30 s of the cluster's DNS. And a server
 * that found nobody asks again after pauses that double, 25, 51 and 102 s after its start: what it
 * misses at 51 s comes right at 102 s, and the election after it takes some seconds more.
 */
export const LEARNS_WITHIN_MS = 120_000
/**
 * Where every address is known an election takes a second, and a member with data to fetch has this
 * long for it.
 */
export const ELECTS_WITHIN_MS = 30_000
/**
 * A wait for a member that is outside of the quorum is told this often, with what it says of
 * itself.
 */
export const TELL_OUTSIDE_MS = 5_000

export interface Patience {
  /** From now on; 0 or less once it is over. */
  readonly ms: number
  /** Why so long, a clause; undefined for an ensemble that has stood for a while. */
  readonly why: string | undefined
}

/**
 * The newest server decides for all: an old member may be outside because of a peer that has just
 * moved. `startedAt`: when each server was started, milliseconds since the epoch.
 * A clock of a node that is ahead of ours makes a server no younger than new. `began`: when the wait
 * began; a server that is started meanwhile gets its time, within `memberTimeoutMs` in all.
 */
export function patienceWith(
  startedAt: readonly number[],
  now: number,
  memberTimeoutMs: number,
  began: number = now,
): Patience {
  const age = Math.max(0, now - Math.max(0, ...startedAt))
  const waited = now - began
  const ms = Math.min(
    memberTimeoutMs - waited,
    Math.max(ELECTS_WITHIN_MS - waited, LEARNS_WITHIN_MS - age),
  )
  const young = age < LEARNS_WITHIN_MS && startedAt.length > 0
  return {
    ms,
    why: young
      ? `some member is younger than the ${LEARNS_WITHIN_MS / 1000} s for which peers may have an old answer for its name`
      : undefined,
  }
}

/**
 * When each member's server was started: `container` of its pod, or the pod itself while that
 * doesn't run.
 */
export function startsOf(view: EnsembleView, container: string): readonly number[] {
  return ownPods(view).map((pod) => {
    const server = pod.containers.find(({ name }) => name === container)
    return server?.state.kind === 'running' ? server.state.since : pod.created
  })
}
