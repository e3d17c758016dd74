// Which way to each member is used: a port-forward, or a stream from inside its container. It is
// kept here over many looks; who walks on to the next when one fails is `lookAt` in look.ts.

import type { Duplex } from 'node:stream'
import { within } from '../bounded.ts'
import { formatSpan, type Clock } from '../../clock.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Member, Reach, VerifyContext } from '../profile.ts'
import { openTunnel } from './tunnel.ts'

/** One of the ways to a member. */
export type Door = 'port-forward' | 'exec'

/**
 * How long each way may take until it stands. A port-forward has nothing to start. An exec starts a
 * shell and some thirty small programs in the member's own share of a
 * CPU: 0.2 s as a rule, some 3 s in a tenth of a core, and as much again where the node is busy.
 */
const OPENS_WITHIN_MS: Readonly<Record<Door, number>> = {
  'port-forward': 10_000,
  exec: 20_000,
}

/** What is known of the ways to each pod, over many looks. */
export interface Doors {
  /**
   * The ways of `reach`, where a stream to a member's client port is opened by the one that works
   * for it.
   */
  through(reach: Reach, clock: Clock): DoorReach
}

export interface DoorReach extends Reach {
  /** Undefined: this run may use none. */
  doorOf(member: Member): Door | undefined
  /**
   * After `failed` has failed: whether there is a next one to this member, which is used from now
   * on. False: there is none, and the first is used again.
   */
  nextDoor(member: Member, failed: Door): boolean
  /** When, and how, it was proven last from inside that nothing listens; `at` in ms since 1970. */
  readonly closed: Map<string, { readonly at: number; readonly why: string }>
}

export type DoorContext = Omit<VerifyContext, 'reach'> & { readonly reach: DoorReach }

export function createDoors(): Doors {
  const chosen = new Map<string, Door>()
  const closed: DoorReach['closed'] = new Map()
  const places = new Map<string, string>()
  return {
    through(reach, clock) {
      const doors: readonly Door[] = [
        ...(reach.may.forward ? (['port-forward'] as const) : []),
        ...(reach.may.exec ? (['exec'] as const) : []),
      ]
      const doorOf = (member: Member): Door | undefined => chosen.get(member.uid) ?? doors[0]
      const nextDoor = (member: Member, failed: Door): boolean => {
        if (doorOf(member) !== failed) return true
        const next = doors[doors.indexOf(failed) + 1]
        if (next === undefined) chosen.delete(member.uid)
        else chosen.set(member.uid, next)
        return next !== undefined
      }
      const forward = async (
        member: Member,
        port: number,
        signal: AbortSignal,
      ): Promise<Duplex> => {
        const stream = await reach.open(member, port, signal)
        // Told only after the tunnel was opened: who asks again comes by the next way.
        stream.once('error', (error) => {
          if (error instanceof KubeFailure && error.reason === 'ConnectionRefused')
            nextDoor(member, 'port-forward')
        })
        return stream
      }
      const fromInside = async (
        member: Member,
        port: number,
        signal: AbortSignal,
      ): Promise<Duplex> => {
        const { stream, place } = await openTunnel(
          member,
          port,
          places.get(member.uid),
          reach,
          signal,
        )
        places.set(member.uid, place)
        return stream
      }
      const open = (member: Member, port: number, signal: AbortSignal): Promise<Duplex> => {
        const door = doorOf(member) ?? 'port-forward'
        return within(
          clock,
          OPENS_WITHIN_MS[door],
          () => tooLate(member, door),
          signal,
          (until) =>
            door === 'exec' ? fromInside(member, port, until) : forward(member, port, until),
        )
      }
      return { ...reach, doorOf, nextDoor, closed, open }
    },
  }
}

/** A way that does not stand in time tells nothing of the member. */
function tooLate({ pod, namespace }: Member, door: Door): KubeFailure {
  return new KubeFailure({
    status: 0,
    reason: 'Timeout',
    message: `no WebSocket to the pod was open${door === 'exec' ? ', or nothing came through it,' : ''} within ${formatSpan(OPENS_WITHIN_MS[door])}`,
    request: `${door} to pod ${pod} in namespace ${namespace}`,
  })
}
