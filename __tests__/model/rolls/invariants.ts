// What must be true of every run, read from what befell the members.

import type { Happening } from '../../support/cluster/history.ts'

/** Whose doing a happening is, for whom it matters. */
export type Whose = (happening: Happening) => boolean

/** By a run of the action, or by the controller, which replaces members because a run let it. */
export function byRuns(...names: readonly string[]): Whose {
  return ({ by, verb }) => by === 'statefulset-controller' || (names.includes(by) && (verb === 'delete' || verb === 'eviction' || verb === 'exec'))
}

/** Members that were taken while they served and while another, taken by the same hands, was not back: one line each. Members that others took down don't count. */
export function takenTogether(history: readonly Happening[], ours: Whose): readonly string[] {
  const broken: string[] = []
  const away = new Map<number, { readonly ours: boolean }>()
  for (const happening of history) {
    const { ordinal, what, serving } = happening
    if (what === 'serving') away.delete(ordinal)
    // A member is away from the first that befalls it until it serves again.
    const takes = (what === 'deleted' || what === 'outside') && !away.has(ordinal) && serving.includes(ordinal)
    if (!takes) continue
    const mine = ours(happening)
    const others = [...away].filter(([, other]) => other.ours).map(([other]) => other)
    if (mine && others.length > 0) broken.push(`${line(happening)} while ${others.join(', ')} was away`)
    away.set(ordinal, { ours: mine })
  }
  return broken
}

/** Members that were taken while they served and another did not, whoever's doing that was: what a careful run never does knowingly. */
export function takenWhileOneWasOut(history: readonly Happening[], ours: Whose, replicas: number): readonly string[] {
  return history.filter((happening) => happening.what === 'deleted' && ours(happening) && happening.serving.includes(happening.ordinal) && happening.serving.length < replicas).map(line)
}

/** Serving members of a revision that were deleted: an undo never does that to the good one. */
export function servingDeleted(history: readonly Happening[], ours: Whose, revision: string): readonly string[] {
  return history.filter((happening) => happening.what === 'deleted' && ours(happening) && happening.revision === revision && happening.serving.includes(happening.ordinal)).map(line)
}

/** For messages: `12340 deleted 2 by run (eviction), 0 1 2 served`. */
export function line({ at, what, ordinal, by, verb, serving }: Happening): string {
  return `${at} ${what} ${ordinal} by ${by}${verb === '' ? '' : ` (${verb})`}, ${serving.length === 0 ? 'nobody' : serving.join(' ')} served`
}
