// Waits until every member is back: available, and serving by what it says of itself; that a pod is Ready says nothing about the quorum.

import { formatSpan } from '../clock.ts'
import { serves, type MemberNow } from '../decide/roll.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { attend, type Step } from './attend.ts'
import { rollOf, type Course } from './bring.ts'
import { createLooker } from './looker.ts'

/** Who serves can't be watched; milliseconds. */
const ASK_EVERY_MS = 1_000

export interface Serving {
  readonly view: EnsembleView
  /** How long it took; milliseconds. */
  readonly ms: number
}

/** Every wanted member available and serving, none too many. Throws as `attend` does, with the member at fault and the evidence in the report. */
export async function awaitServing(course: Course, signal: AbortSignal): Promise<Serving> {
  const { clock } = course.services
  const began = clock.now()
  const looker = createLooker(course.looking, signal)
  const view = await attend(rollOf(course).attendance, {
    generation: () => undefined,
    step: async (seen) => {
      const missing = whoIsMissing(await looker.members(seen, true))
      return missing === undefined ? { kind: 'done' } : waiting(missing, looker.served.size)
    },
  }, signal)
  return { view, ms: clock.now() - began }
}

function waiting(missing: NonNullable<ReturnType<typeof whoIsMissing>>, served: number): Step {
  return { kind: 'waiting', reason: missing.reason, pollMs: ASK_EVERY_MS, reached: String(served), lookAgainAt: missing.availableAt }
}

/** What is missing until every member is back; undefined when nothing is. One of an older revision is back too: whose roll is under way is not asked here. */
export function whoIsMissing(members: readonly MemberNow[]): { readonly reason: string; readonly availableAt: number | undefined } | undefined {
  const away = members.find(({ state }) => state !== 'available' && state !== 'old-revision')
  if (away !== undefined) return { reason: `${away.pod} is ${away.text}`, availableAt: away.state === 'ready-not-yet-available' ? away.availableAt : undefined }
  const outside = members.filter((member) => !serves(member))
  if (outside.length === 0) return undefined
  return { reason: `${outside.map(({ pod }) => pod).join(', ')} ${outside.length === 1 ? 'is' : 'are'} Ready, but not in the quorum yet`, availableAt: undefined }
}

/** `3 of 3 members are available and serve, after 31.2s`. */
export function servingInWords({ view, ms }: Serving): string {
  const replicas = view.set?.replicas ?? 0
  return `${replicas} of ${replicas} ${replicas === 1 ? 'member is' : 'members are'} available and ${replicas === 1 ? 'serves' : 'serve'}, after ${formatSpan(ms)}`
}
