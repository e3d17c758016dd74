// Asks members who serves, and remembers between two looks what a roll must know of them: who was
// told to go, who handed over, since when one is outside.

import { ownPods } from '../../decide/members/members.ts'
import { membersNow, serves, type MemberNow } from '../../decide/rollout/roll.ts'
import type { Role } from '../../ensemble/profile.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { contextFor, membersOf } from '../verify/verify-ensemble.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

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

/** Asks the members of `run`. */
export function createLooker(ensemble: ReachableEnsemble, signal: AbortSignal): Looker {
  const {
    run: { clock, report },
  } = ensemble
  const dear = ensemble.profile.dear === true
  let roles = new Map<string, Role>()
  let readyThen = new Set<string>()
  let lookedAt = -Infinity
  let pauseMs = LOOK_EVERY_MS
  const addressSince = new Map<string, number>()
  const outsideSince = new Map<string, number>()
  const served = new Set<number>()
  return {
    told: new Set(),
    said: new Set(),
    handedOver: new Map(),
    renewed: new Set(),
    outsideSince,
    served,
    dear,
    async members(view, fresh) {
      const pods = ownPods(view)
      for (const pod of pods) {
        // When it was Ready it had its address; a container that was restarted since only makes
        // that later, and the wait longer.
        if (pod.ip !== undefined && !addressSince.has(pod.uid))
          addressSince.set(pod.uid, pod.readySince ?? clock.now())
      }
      // Who isn't running can't be asked; who has just been made is asked at once.
      const running = new Set(
        pods
          .filter((pod) => pod.phase === 'Running' && pod.deleting === undefined)
          .map((pod) => pod.uid),
      )
      const asked = membersOf(view, ensemble.target).filter((member) => running.has(member.uid))
      if (
        fresh ||
        clock.now() - lookedAt >= pauseMs ||
        asked.some(
          (member) =>
            !roles.has(member.uid) || (dear && member.ready && !readyThen.has(member.uid)),
        )
      ) {
        const began = clock.now()
        const states = await ensemble.profile.look(asked, {
          ...contextFor(ensemble, view.set?.replicas ?? 0, signal),
          waiting: !fresh,
        })
        report.heardMembers(states)
        lookedAt = clock.now()
        pauseMs = Math.max(LOOK_EVERY_MS, (dear ? PAUSE_WHERE_DEAR : 1) * (lookedAt - began))
        readyThen = new Set(asked.filter((member) => member.ready).map((member) => member.uid))
        roles = new Map(
          asked.flatMap((member) => {
            const role = states.find((state) => state.pod === member.pod)?.role
            return role === undefined ? [] : [[member.uid, role] as const]
          }),
        )
      }
      const members = membersNow(view, clock.now(), roles, addressSince)
      for (const member of members) {
        if (member.uid === undefined) continue
        if (serves(member)) served.add(member.ordinal)
        if (serves(member)) outsideSince.delete(member.uid)
        else if (!outsideSince.has(member.uid)) outsideSince.set(member.uid, clock.now())
      }
      return members
    },
  }
}
