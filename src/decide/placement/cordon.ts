// Nodes that take nothing now: cordoned ones (or taken as such), and those that aren't Ready.

import { BY_THIS_DRAIN, reason, type Filter, type Reason } from './filter.ts'
import { CORDON, tolerated } from './select.ts'

const CORDONED = reason('node(s) were unschedulable')
/** The scheduler will say the same of it; today it would still take pods. */
const TO_BE_CORDONED: readonly Reason[] = CORDONED.map((one) => ({ ...one, detail: BY_THIS_DRAIN }))
const NOT_READY = reason('node(s) were not ready')

/**
 * A pod that tolerates everything would be put on a node that isn't Ready too; such a node is no
 * place to move a pod to, so it counts as none.
 */
export const cordon: Filter = ({ demands }) => {
  const stays = tolerated(demands.tolerations, CORDON)
  return (node) => {
    if (node.closed && !stays) return node.cordoned ? CORDONED : TO_BE_CORDONED
    return node.view.ready || node.awaited ? undefined : NOT_READY
  }
}
