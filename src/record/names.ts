// The name that the Lease and the record of an ensemble share.

import { NODES_ALONE } from '../decide/drain/cordon.ts'

/**
 * `zk-ensemble-<name>`; of nodes that are drained for no ensemble of their own `zk-ensemble.nodes`.
 */
export function keptUnder(ensemble: string): string {
  return ensemble === NODES_ALONE ? `zk-ensemble${NODES_ALONE}` : `zk-ensemble-${ensemble}`
}
