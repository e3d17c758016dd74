// Ports of the node that the pod binds to.

import type { HostPort } from '../../view/scheduling.ts'
import { reason, takesAll, type Filter } from './filter.ts'

const TAKEN = reason("node(s) didn't have free ports for the requested pod ports", true)
const ANY = '0.0.0.0'

export const ports: Filter = ({ demands }) => {
  if (demands.ports.length === 0) return takesAll
  return (node) => {
    for (const there of node.ports.values())
      if (demands.ports.some((wanted) => clash(wanted, there))) return TAKEN
    return undefined
  }
}

function clash(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.ip === b.ip || a.ip === ANY || b.ip === ANY)
  )
}
