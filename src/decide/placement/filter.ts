// What a filter is: asked once about a pod, then about each node; and the reasons that it gives, in
// the scheduler's words.

import type { PlacedPod } from '../../view/scheduling.ts'
import type { Board, BoardNode } from './board.ts'

export interface Reason {
  /** As the scheduler's message has it, without the count. */
  readonly text: string
  /** What the scheduler's message doesn't say, such as the taint. */
  readonly detail?: string
  /**
   * Fewer pods on the node could change it: the scheduler may evict pods of lower priority for it.
   */
  readonly byPods: boolean
}

/**
 * The reasons why a node doesn't take the pod; undefined when this filter has nothing against it.
 */
export type Check = (node: BoardNode) => readonly Reason[] | undefined

export type Filter = (pod: PlacedPod, board: Board) => Check

/** Of a node that nobody has cordoned yet. */
export const BY_THIS_DRAIN = 'once this drain has cordoned it'

export const takesAll: Check = () => undefined

export function reason(text: string, byPods = false): readonly Reason[] {
  return [{ text, byPods }]
}
