// The order in which a drain takes its nodes, one at a time. Before each, the members are asked
// again who leads, and of the nodes that are left the first by this list comes next:
//
// 1. A node without a member: no member has to move.
// 2. A node whose members don't lead: its drain costs no election.
// 3. The node with the leader, so that handing over leadership happens once in the whole drain.
// 4. The node that this run itself is on, whoever else is there: where its maintenance ends the
//    run, all others are done.
//
// Nodes that are alike come in the order in which they were asked for. Whether the next one may be
// taken now is said by gates.ts, where its members go by elsewhere-or-in-place.ts.

import type { MemberNow } from '../rollout/roll.ts'

/** A node that is still to be drained, as the order looks at it. */
export interface Candidate {
  readonly name: string
  /** Pods of members that stand on it. */
  readonly members: readonly string[]
  /** This run's own process, or its pod, is on it. */
  readonly runner: boolean
}

/** Who comes next; undefined: nobody is left. */
export function nextNode(
  candidates: readonly Candidate[],
  members: readonly MemberNow[],
): Candidate | undefined {
  return inOrder(candidates, members)[0]
}

/** All of them as they would come one after the other, were nothing to change meanwhile. */
export function inOrder(
  candidates: readonly Candidate[],
  members: readonly MemberNow[],
): readonly Candidate[] {
  const leaders = new Set(members.filter(({ role }) => role === 'leader').map(({ pod }) => pod))
  return candidates.toSorted((a, b) => placeOf(a, leaders) - placeOf(b, leaders))
}

/** Its number in the list above. */
function placeOf({ members, runner }: Candidate, leaders: ReadonlySet<string>): 1 | 2 | 3 | 4 {
  if (runner) return 4
  if (members.length === 0) return 1
  return members.some((pod) => leaders.has(pod)) ? 3 : 2
}
