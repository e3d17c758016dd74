// A drain that is under way, as its steps pass it on.

import type { CordonMark } from '../../decide/drain/cordon.ts'
import type { Standing } from '../../decide/drain/gates.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import type { Looker } from '../rollout/looker.ts'

export interface Drain {
  readonly ensemble: Locked
  readonly looker: Looker
  readonly mark: CordonMark
  /** Nodes are uncordoned in this run, but for those that somebody else has cordoned. */
  readonly isUncordoned: boolean
  /** What else is under way. */
  readonly underWay: Standing['underWay']
  /**
   * Other ensembles that a cancel left behind: their locks are released beside our cordons, since
   * it leaves only seconds.
   */
  readonly leaving: Promise<void>[]
}
