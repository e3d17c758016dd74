// nodeSelector and required node affinity.

import { reason, type Filter } from './filter.ts'
import { asksFor } from './select.ts'

const ELSEWHERE = reason("node(s) didn't match Pod's node affinity/selector")

export const nodeAffinity: Filter =
  ({ demands }) =>
  (node) =>
    asksFor(demands, node.view) ? undefined : ELSEWHERE
