// Taints that the pod doesn't tolerate.

import type { Filter } from './filter.ts'
import { CORDON, keptOff } from './select.ts'

/** Set by the cluster while a node is not well, and taken off when it is again. */
const CONDITION = /^node\.kubernetes\.io\//

/** The cordon's own taint is judged with the cordon. */
export const taints: Filter =
  ({ demands }) =>
  (node) => {
    if (node.view.taints.length === 0) return undefined
    const kept = keptOff(
      demands.tolerations,
      node.view.taints.filter(
        ({ key }) => key !== CORDON.key && !(node.awaited && CONDITION.test(key)),
      ),
    )
    if (kept === undefined) return undefined
    const detail = `{${kept.key}: ${kept.value}}`
    return [{ text: 'node(s) had untolerated taint(s)', detail, byPods: false }]
  }
