// Keeps a session that may be idle for longer than its timeout: a ping whenever a third of the timeout has passed.

import type { Clock } from '../../clock.ts'
import type { Session } from './session.ts'

/** Pings until the session is over; resolves then, never rejects. A ping that goes unanswered ends the session by itself. */
export async function keepAlive(session: Session, clock: Clock): Promise<void> {
  while (!session.over.aborted) {
    try {
      await clock.sleep(session.timeoutMs / 3, session.over)
      await session.ping()
    } catch {
      // The session's own signal says why; the loop ends by it.
    }
  }
}
