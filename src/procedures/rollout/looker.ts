// Asks members who serves, and remembers between two looks what a roll must know of them: who was
// told to end, who handed over leadership, since when one is outside.

import { ownPods } from '../../decide/members/members.ts'
import { isUnreached, membersNow, serves, type MemberNow } from '../../decide/rollout/roll.ts'
import type { Member, Role } from '../../ensemble/profile.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { contextFor, membersOf } from '../verify/verify-ensemble.ts'
import type { ReachableEnsemble, Target } from '../open/ensemble.ts'

/**
 * A look costs the members a tunnel each: between two of them passes at least this time, and as
 * long as the last one took (longer where it is dear), unless something is about to be done or a
 * member has become Ready.
 */
const LOOK_EVERY_MS = 500
export const PAUSE_WHERE_DEAR = 4

/** What is known of the members between looks. */
export interface Looker {
  readonly told: Set<string>
  /** Waits that were told. */
  readonly said: Set<string>
  readonly handedOver: Map<string, { readonly times: number; readonly at: number }>
  /** Ordinals that were replaced once because they stayed outside. */
  readonly renewed: Set<number>
  readonly outsideSince: ReadonlyMap<string, number>
  /** Ordinals that were seen to serve. */
  readonly served: ReadonlySet<number>
  /** Who waits asks seldom. */
  readonly dear: boolean
  members(view: EnsembleView, fresh: boolean): Promise<readonly MemberNow[]>
}

/** Asks the members of this ensemble. */
export function createLooker(ensemble: ReachableEnsemble, signal: AbortSignal): Looker {
  return new RememberedLooks(ensemble, signal)
}

class RememberedLooks implements Looker {
  readonly told = new Set<string>()
  readonly said = new Set<string>()
  readonly handedOver = new Map<string, { readonly times: number; readonly at: number }>()
  readonly renewed = new Set<number>()
  readonly outsideSince = new Map<string, number>()
  readonly served = new Set<number>()
  readonly dear: boolean
  readonly #ensemble: ReachableEnsemble
  readonly #signal: AbortSignal
  readonly #addressSince = new Map<string, number>()
  /** What was last heard, by UID. */
  #roles: ReadonlyMap<string, Role> = new Map()
  #troubles: ReadonlyMap<string, string> = new Map()
  #readyThen: ReadonlySet<string> = new Set()
  #lookedAt = -Infinity
  #pauseMs = LOOK_EVERY_MS

  constructor(ensemble: ReachableEnsemble, signal: AbortSignal) {
    this.#ensemble = ensemble
    this.#signal = signal
    this.dear = ensemble.profile.dear === true
  }

  async members(view: EnsembleView, fresh: boolean): Promise<readonly MemberNow[]> {
    const { clock } = this.#ensemble.run
    this.#noteAddresses(view)
    const asked = askable(view, this.#ensemble.target)
    if (fresh || this.#isDue(asked)) await this.#ask(asked, view, fresh)
    const members = membersNow(view, clock.now(), this.#roles, this.#addressSince).map((member) =>
      isUnreached(member) ? { ...member, trouble: this.#troubles.get(member.uid ?? '') } : member,
    )
    this.#noteServing(members)
    return members
  }

  /**
   * When it was Ready it had its address; a container that was restarted since only makes that
   * later, and the wait longer.
   */
  #noteAddresses(view: EnsembleView): void {
    for (const { uid, ip, readySince } of ownPods(view))
      if (ip !== undefined && !this.#addressSince.has(uid))
        this.#addressSince.set(uid, readySince ?? this.#ensemble.run.clock.now())
  }

  /** Who has just been made is asked at once, and so is, where asking is dear, who became Ready. */
  #isDue(asked: readonly Member[]): boolean {
    return (
      this.#ensemble.run.clock.now() - this.#lookedAt >= this.#pauseMs ||
      asked.some(
        ({ uid, ready }) =>
          !this.#roles.has(uid) || (this.dear && ready && !this.#readyThen.has(uid)),
      )
    )
  }

  async #ask(asked: readonly Member[], view: EnsembleView, fresh: boolean): Promise<void> {
    const { profile, run } = this.#ensemble
    const began = run.clock.now()
    const states = await profile.look(asked, {
      ...contextFor(this.#ensemble, view.set?.replicas ?? 0, this.#signal),
      waiting: !fresh,
    })
    run.report.heardMembers(states)
    this.#lookedAt = run.clock.now()
    const took = this.#lookedAt - began
    this.#pauseMs = Math.max(LOOK_EVERY_MS, (this.dear ? PAUSE_WHERE_DEAR : 1) * took)
    this.#readyThen = new Set(asked.filter(({ ready }) => ready).map(({ uid }) => uid))
    const said = asked.flatMap(({ uid, pod }) => {
      const state = states.find((one) => one.pod === pod)
      return state === undefined ? [] : [[uid, state] as const]
    })
    this.#roles = new Map(said.map(([uid, { role }]) => [uid, role]))
    this.#troubles = new Map(
      said.flatMap(([uid, { trouble }]) =>
        trouble === undefined ? [] : [[uid, trouble] as const],
      ),
    )
  }

  #noteServing(members: readonly MemberNow[]): void {
    for (const member of members) {
      const { uid, ordinal } = member
      if (uid === undefined) continue
      if (serves(member)) {
        this.served.add(ordinal)
        this.outsideSince.delete(uid)
      } else if (!this.outsideSince.has(uid))
        this.outsideSince.set(uid, this.#ensemble.run.clock.now())
    }
  }
}

/** Who isn't running can't be asked. */
function askable(view: EnsembleView, target: Target): readonly Member[] {
  const running = new Set(
    ownPods(view)
      .filter((pod) => pod.phase === 'Running' && pod.deleting === undefined)
      .map((pod) => pod.uid),
  )
  return membersOf(view, target).filter(({ uid }) => running.has(uid))
}
