// Where chosen pods find a place, with nodes taken as drained all at once: what tests ask of the
// filters of a placement.

import { boardOf } from '../../src/decide/placement/board.ts'
import {
  leaves,
  placeAll,
  type PlacementAnswer,
} from '../../src/decide/placement/plan-placements.ts'
import type { ClusterView, PlacedPod } from '../../src/view/scheduling.ts'

/**
 * `drained`: nodes that are taken as cordoned, and as empty but for their DaemonSet and mirror
 * pods. `pods`: those that need a place, never DaemonSet or mirror pods.
 */
export function placePods(
  cluster: ClusterView,
  drained: ReadonlySet<string>,
  pods: readonly PlacedPod[],
): readonly PlacementAnswer[] {
  const board = boardOf(cluster)
  for (const name of drained) {
    const node = board.node(name)
    if (node === undefined) continue
    node.closed = true
    for (const pod of board.on(node)) if (leaves(pod)) board.take(pod)
  }
  return placeAll(board, pods)
}
