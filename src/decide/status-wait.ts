// When `status` with `wait` has waited enough for a roll that somebody else has begun: it is done
// and its members serve, or nobody brings it any further.

import type { EnsembleView } from '../view/surroundings.ts'
import { ELECTS_WITHIN_MS } from './members/patience.ts'
import type { ServingVerdict } from './members/serving.ts'
import { heldRoll, isHalted, type Background } from './status.ts'

/**
 * A lock that isn't renewed for this long is that of a dead run, judged by how long we have seen it
 * unchanged.
 */
const DEAD_AFTER_MS = 75_000

/** One look. */
export interface Seen {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly view: EnsembleView
  readonly serving: ServingVerdict
  /** `renewed`: when the lock of the run at work was renewed, by that run's clock. */
  readonly background: Background & { readonly renewed: number | undefined }
}

/** What lasts from one look to the next. */
export interface Lasting {
  /** Since when a member is outside of the quorum and not on its way into it. */
  readonly outsideSince: number | undefined
  /** Since when the lock is seen with this renewal, by our clock. */
  readonly life: { readonly renewed: number | undefined; readonly at: number } | undefined
}

export const NOTHING_SEEN: Lasting = { outsideSince: undefined, life: undefined }

export interface WaitVerdict {
  readonly over: boolean
  /** One line: what is waited for, or how it ended. */
  readonly text: string
  /** The roll stands: its members are where the set's own strategy holds them. */
  readonly halted: boolean
  readonly lasting: Lasting
}

export function judgeWait(seen: Seen, before: Lasting): WaitVerdict {
  const { view, serving, background } = seen
  const lasting = lastingAt(seen, before)
  const held = heldRoll(view)
  return held !== undefined && isHalted(held, view, background)
    ? { over: isDead(seen, lasting), text: held.text, halted: true, lasting }
    : {
        over: serving.findings.length === 0 || staysOutside(seen, lasting),
        text: serving.detail,
        halted: false,
        lasting,
      }
}

function lastingAt({ now, serving, background: { renewed } }: Seen, before: Lasting): Lasting {
  const { outsideSince, life } = before
  return {
    outsideSince:
      serving.findings.length === 0 || serving.onTheWay ? undefined : (outsideSince ?? now),
    life: life === undefined || life.renewed !== renewed ? { renewed, at: now } : life,
  }
}

/** Nobody continues a halted roll. */
function isDead({ now, background }: Seen, { life }: Lasting): boolean {
  return background.alive === false || now - (life?.at ?? now) >= DEAD_AFTER_MS
}

/**
 * Nobody is young enough to be on its way any more, and no run that lives is at work: it will not
 * come in by itself.
 */
function staysOutside({ now, background }: Seen, { outsideSince }: Lasting): boolean {
  return (
    outsideSince !== undefined &&
    background.alive !== true &&
    now - outsideSince >= ELECTS_WITHIN_MS
  )
}
