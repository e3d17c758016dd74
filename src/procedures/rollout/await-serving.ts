// Waits until every member is back: available, and serving by what it says of itself; that a pod is
// Ready says nothing about the quorum.

import { formatSpan } from '../../clock.ts'
import { notServing } from '../../decide/rollout/not-serving.ts'
import { isUnreached, serves, type MemberNow } from '../../decide/rollout/roll.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { attend, type Step } from './attend.ts'
import { createLooker, type Looker } from './looker.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** Who serves can't be watched; milliseconds. */
const ASK_EVERY_MS = 1_000

export interface Serving {
  readonly view: EnsembleView
  /** How long it took; milliseconds. */
  readonly ms: number
}

/** How members are waited for, where it is not from scratch. */
export interface Awaiting {
  /** Who has looked at them before: that they were seen to serve once is no progress then. */
  readonly looker?: Looker
  /** Ends the wait early by what it throws; `began`: when the wait did. */
  readonly early?: (seen: EnsembleView, now: number, began: number) => void
}

/**
 * Every wanted member available and serving, none too many. Throws as `attend` does, with the
 * member at fault and the evidence in the report.
 */
export async function awaitServing(
  ensemble: Ensemble,
  signal: AbortSignal,
  { looker: known, early }: Awaiting = {},
): Promise<Serving> {
  const {
    run: { clock },
  } = ensemble
  const looker = known ?? createLooker(ensemble, signal)
  const began = clock.now()
  const view = await attend(
    ensemble,
    {
      generation: () => undefined,
      step: async (seen, now) => {
        early?.(seen, now, began)
        const { members, missing } = await missingNow(looker, seen)
        return missing === undefined
          ? { kind: 'done' }
          : {
              ...waitingFor(missing, { members, view: seen, looker, of: ensemble }),
              reached:
                known === undefined
                  ? String(looker.served.size)
                  : members.map(({ uid, role }) => `${uid ?? ''} ${role ?? ''}`).join(','),
            }
      },
    },
    signal,
  )
  return { view, ms: clock.now() - began }
}

/**
 * Where asking is dear, who is waited for may be told by what was last heard; that nobody is
 * missing is asked again.
 */
export async function missingNow(
  looker: Looker,
  view: EnsembleView,
): Promise<{ readonly members: readonly MemberNow[]; readonly missing: Missing | undefined }> {
  if (looker.dear) {
    const members = await looker.members(view, false)
    const missing = whoIsMissing(members)
    if (missing !== undefined) return { members, missing }
  }
  const members = await looker.members(view, true)
  return { members, missing: whoIsMissing(members) }
}

export interface Missing {
  readonly reason: string
  readonly availableAt: number | undefined
  /** They run, and are outside of the quorum: each of them is a cause. */
  readonly outside: readonly MemberNow[]
}

/** The wait for members that are not back, with each that is outside of the quorum as a cause. */
function waitingFor(
  missing: Missing,
  at: {
    readonly members: readonly MemberNow[]
    readonly view: EnsembleView
    readonly looker: Looker
    readonly of: Pick<Ensemble, 'profile' | 'target'>
  },
): Extract<Step, { kind: 'waiting' }> {
  const {
    members,
    view: { set },
    looker,
    of: { profile, target },
  } = at
  const blame = missing.outside.map((member) =>
    notServing(
      member,
      { set, members },
      {
        container: target.container,
        profile: profile.name,
        since: looker.outsideSince.get(member.uid ?? '') ?? 0,
      },
    ),
  )
  return {
    kind: 'waiting',
    reason: missing.reason,
    pollMs: ASK_EVERY_MS,
    lookAgainAt: missing.availableAt,
    outside: blame.length > 0,
    blame,
  }
}

/**
 * What is missing until every member is back; undefined when nothing is. One of an older revision
 * is back too: whose roll is under way is not asked here.
 */
export function whoIsMissing(members: readonly MemberNow[]): Missing | undefined {
  const away = members.find(({ state }) => state !== 'available' && state !== 'old-revision')
  if (away !== undefined)
    return {
      reason: `${away.pod} is ${away.text}`,
      availableAt: away.state === 'ready-not-yet-available' ? away.availableAt : undefined,
      outside: [],
    }
  const outside = members.filter((member) => !serves(member))
  if (outside.length === 0) return undefined
  const unreached = outside.filter(isUnreached)
  if (unreached.length > 0)
    return {
      reason: `${unreached.map(({ pod }) => pod).join(', ')} could not be reached: whether ${unreached.length === 1 ? 'it serves' : 'they serve'} is not known yet`,
      availableAt: undefined,
      outside,
    }
  const said = outside.map(({ role }) => role ?? 'not asked').join(', ')
  return {
    reason: `${outside.map(({ pod }) => pod).join(', ')} ${outside.length === 1 ? 'is Ready, but does' : 'are Ready, but do'} not serve yet (${said})`,
    availableAt: undefined,
    outside,
  }
}

/** `3 of 3 members are available and serve, after 31.2s`. */
export function servingInWords({ view, ms }: Serving): string {
  if (view.set === undefined) return 'no ensemble was named whose members would be waited for'
  const { replicas } = view.set
  return `${replicas} of ${replicas} ${replicas === 1 ? 'member is' : 'members are'} available and ${replicas === 1 ? 'serves' : 'serve'}, after ${formatSpan(ms)}`
}
