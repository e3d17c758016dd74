// Nodes that take nothing now: cordoned ones (or taken as such), and those that aren't Ready.

import { reason, type Filter } from './filter.ts'
import { CORDON, tolerated } from './select.ts'

const CORDONED = reason('node(s) were unschedulable')
const NOT_READY = reason('node(s) were not ready')

/**
 * A pod that tolerates everything would be put on a node that isn't Ready too; such a node is no
 * place to move a pod to, so it counts as none.
 */
export const cordon: Filter = ({ demands }) => {
  const stays = tolerated(demands.tolerations, CORDON)
  return (node) => {
    if (node.closed && !stays) return CORDONED
    return node.view.ready || node.awaited ? undefined : NOT_READY
  }
}
