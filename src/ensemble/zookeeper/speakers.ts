// A session with every member, opened at once and opened again where the first attempt came too
// early; all of them are closed at the end.

import type { Member, VerifyContext } from '../profile.ts'
import { memberTrouble } from './member-trouble.ts'
import type { Session } from './session.ts'
import { openTunnelSession, sessionVoice, type Voice } from './voice.ts'

/** A member's voice, or why it has none. */
export type Speaker =
  | { readonly member: Member; readonly voice: Voice }
  | { readonly member: Member; readonly trouble: Error }

export interface Speakers {
  readonly members: readonly Member[]
  /** Waits for the sessions; those that could not be opened are tried once more. */
  ready(): Promise<readonly Speaker[]>
  /** The wire session behind a member's voice. */
  sessionOf(member: Member): Session | undefined
  /** One more session with a member, closed with the others. */
  oneMoreSession(
    member: Member,
    lastZxidSeen?: bigint,
  ): Promise<{ readonly speaker: Speaker; readonly session: Session }>
  closeAll(): Promise<void>
}

export function openSpeakers(
  members: readonly Member[],
  context: VerifyContext,
  options: { readonly auth: string | undefined },
): Speakers {
  const { clock, reach, signal } = context
  // Not the run's signal: a cancelled check deletes what it wrote before its sessions end.
  const life = new AbortController()
  const opened: Session[] = []
  const byPod = new Map<string, Session>()
  let closed = false

  const connect = async (member: Member, lastZxidSeen?: bigint): Promise<Session> => {
    const session = await openTunnelSession(
      member,
      reach,
      {
        clock,
        auth: options.auth,
        life: life.signal,
        ...(lastZxidSeen === undefined ? {} : { lastZxidSeen }),
      },
      signal,
    )
    opened.push(session)
    if (closed) await session.close()
    return session
  }
  const speak = async (member: Member): Promise<Speaker> => {
    try {
      const session = await connect(member)
      byPod.set(member.pod, session)
      return { member, voice: sessionVoice(member, session, clock) }
    } catch (error) {
      return { member, trouble: memberTrouble(error, signal) }
    }
  }
  const first = members.map(speak)
  for (const one of first) one.catch(() => undefined)

  return {
    members,
    ready: () =>
      Promise.all(
        first.map(async (one) => {
          const speaker = await one
          const stale = 'trouble' in speaker || byPod.get(speaker.member.pod)?.over.aborted === true
          return stale ? speak(speaker.member) : speaker
        }),
      ),
    sessionOf: (member) => byPod.get(member.pod),
    oneMoreSession: async (member, lastZxidSeen) => {
      const session = await connect(member, lastZxidSeen)
      return { speaker: { member, voice: sessionVoice(member, session, clock) }, session }
    },
    closeAll: async () => {
      closed = true
      await Promise.all(opened.map((session) => session.close()))
      life.abort(new Error('the check is over'))
    },
  }
}
