// What every step over an ensemble works with: how it is addressed and reached, and how a change of
// it continues.

import type { Deadline } from '../../clock.ts'
import type { Profile, Reach, Witness } from '../../ensemble/profile.ts'
import type { Kube } from '../../kube/kube.ts'
import type { MemberService } from '../../manifests/member-services.ts'
import type { NodeView, EnsembleView } from '../../view/surroundings.ts'
import type { Follower } from '../../kube/follow.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { Run } from '../../run.ts'
import type { Rights } from './access.ts'

/** Where a paced roll is, for who ends before it does. */
export interface RollPlace {
  /** To be read after `halted`; empty while no roll is on its way. */
  at: string
}

/** The ensemble as this run addresses it. */
export interface Target {
  readonly name: string
  readonly namespace: string
  readonly container: string
  readonly clientPort: number
  readonly headlessService: string
  /** The service that clients use; undefined when none is known. */
  readonly clientService: string | undefined
  readonly requiresDistinctNodes: boolean
  /** Services that stand for one member each. */
  readonly memberServices: readonly MemberService[]
  /** By pod: the Services by which the member list names them. */
  readonly listedServices: ReadonlyMap<string, MemberService>
}

/** What the checks of an ensemble, a look at its members, and taking one down work with. */
export interface ReachableEnsemble {
  readonly kube: Kube
  readonly rights: Rights
  readonly run: Pick<Run, 'clock' | 'journal' | 'report' | 'runId'>
  readonly profile: Profile
  /** What checks its data, where that is not its profile: `verify: off` asks no member. */
  readonly checks?: Profile
  readonly reach: Reach
  readonly target: Target
  /** Longest time that a member which is on its way is waited for. */
  readonly memberTimeoutMs: number
  /** Log lines per container; 0 where logs may not be read. */
  readonly logLines: number
  /** Who measures whether clients can write, while somebody does. */
  readonly watched?: { by: Witness | undefined }
  /** Undefined when nodes may not be read. */
  readonly nodes: readonly NodeView[] | undefined
}

/** What checks the data of its members. */
export function checksOf({
  checks,
  profile,
}: Pick<ReachableEnsemble, 'checks' | 'profile'>): Profile {
  return checks ?? profile
}

/** What every change of an ensemble works with; its profile says who serves. */
export interface Ensemble extends ReachableEnsemble {
  readonly run: Run
  readonly inputs: Pick<Inputs, 'verify' | 'pace'>
  readonly follower: Follower
  /** How it stood before the change. */
  readonly before: EnsembleView
  readonly deadline: Deadline
  readonly place: RollPlace
  /**
   * Whether members keep their addresses when they move; of all templates that members run, or will
   * run.
   */
  readonly addresses: Addresses
  /**
   * What was last told of each ordinal, where one wait follows another: then only changes are told.
   */
  readonly told?: Map<number, string>
}
