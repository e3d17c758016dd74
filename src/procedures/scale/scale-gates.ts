// What stands against a change of the number of members, asked before anything is changed: who
// doesn't serve, who may not leave, claims that would not be kept.

import { Deadline, formatSpan } from '../../clock.ts'
import { deletedWhenScaled } from '../../decide/rollout/keep-data.ts'
import { wantedOrdinals } from '../../decide/members/members.ts'
import { patienceWith, startsOf, TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import { serves } from '../../decide/rollout/roll.ts'
import type { CutOff, ScaleStep } from '../../decide/scale.ts'
import { awayInWords, unsound, type Away } from '../../decide/scale-refusals.ts'
import { EnsembleError } from '../../errors.ts'
import { refuseLoss, saidAlone } from '../verify/keep-data.ts'
import { PAUSE_WHERE_DEAR } from '../rollout/looker.ts'
import { podsWithout } from './known-lists.ts'
import { spentBy } from './resize.ts'
import type { LockedEnsemble } from '../open/hold-ensemble.ts'
import { contextFor, membersOf } from '../verify/verify-ensemble.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { waitUntil } from '../../wait-until.ts'

/** Who serves can't be watched. */
const LOOK_MS = 1_000

/**
 * Nothing is begun on an ensemble that doesn't serve whole; a change that was cut off is
 * continued, and one that goes need not serve.
 */
export async function refuseUnsound(
  ensemble: LockedEnsemble,
  steps: readonly ScaleStep[],
  signal: AbortSignal,
): Promise<void> {
  const { record, run, target, profile } = ensemble
  const { clock, journal } = run
  const [first] = steps
  const { underWay } = record.current
  const removesBegun = underWay?.from !== undefined
  if (
    (underWay !== null && !removesBegun) ||
    first === undefined ||
    first.kind === 'restore' ||
    first.kind === 'await'
  )
    return
  // Of members that were to come none need serve; else those that go last are asked as well.
  const goes = new Set(
    (removesBegun ? steps : [first]).flatMap(({ kind, ordinal }) =>
      kind === 'remove' && ordinal !== undefined ? [ordinal] : [],
    ),
  )
  // One that is on its way is waited for: the step before may have been a deploy.
  const { follower, memberTimeoutMs } = ensemble
  const began = clock.now()
  const deadline = new Deadline(clock, memberTimeoutMs)
  await waitUntil(
    {
      clock,
      deadline,
      everyMs: LOOK_MS,
      heartbeatMs: TELL_OUTSIDE_MS,
      saysAtOnce: true,
      say: (line) => journal.info(line),
    },
    async () => {
      const lookedAt = clock.now()
      const found = await whoIsAway(ensemble, goes, signal)
      if (found.away.length === 0) return undefined
      const now = clock.now()
      const starts = startsOf(follower.snapshot(), target.container)
      const { ms, why } = patienceWith(starts, now, memberTimeoutMs, began)
      const over = (): Error => new EnsembleError('refused', [unsound(target.name, found)])
      if (ms <= 0) throw over()
      const pause = profile.dear === true ? PAUSE_WHERE_DEAR * (now - lookedAt) : 0
      return {
        line: `waiting up to ${formatSpan(ms)}: ${awayInWords(found)}${why === undefined ? '' : ` (${why})`}`,
        over,
        everyMs: Math.min(ms, Math.max(LOOK_MS, pause)),
      }
    },
    signal,
  )
}

/**
 * What a member has streamed away doesn't come back: whether all that are to go may go is asked
 * before the first does.
 */
export async function refuseUnableToLeave(
  ensemble: LockedEnsemble,
  steps: readonly ScaleStep[],
  signal: AbortSignal,
): Promise<void> {
  const ordinals = steps.flatMap((step) =>
    step.kind === 'remove' && step.ordinal !== undefined ? [step.ordinal] : [],
  )
  if (ordinals.length === 0) return
  const view = ensemble.follower.snapshot()
  const members = membersOf(view, ensemble.target)
  const others = members.filter((member) => !ordinals.includes(member.ordinal))
  const leavers = ordinals.map((ordinal) => ({
    pod: `${ensemble.target.name}-${ordinal}`,
    ordinal,
    member: members.find((member) => member.ordinal === ordinal),
    others,
  }))
  const finding = await ensemble.profile.mayLeave?.(
    leavers,
    contextFor(ensemble, view.set?.replicas ?? 0, signal),
  )
  if (finding !== undefined) throw new EnsembleError('refused', [finding])
}

/** Pods that are missing, or outside of the quorum; of ordinals in `goes` it is not asked. */
export async function whoIsAway(
  ensemble: Ensemble,
  goes: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Away> {
  const view = ensemble.follower.snapshot()
  const pods = membersOf(view, ensemble.target)
  const states = await ensemble.profile.look(
    pods,
    contextFor(ensemble, view.set?.replicas ?? 0, signal),
  )
  ensemble.run.report.heardMembers(states)
  const missing =
    view.set === undefined
      ? []
      : wantedOrdinals(view.set)
          .filter((ordinal) => !goes.has(ordinal) && !pods.some((pod) => pod.ordinal === ordinal))
          .map((ordinal) => `${ensemble.target.name}-${ordinal}`)
  const outside = states.filter(
    (state) =>
      !goes.has(state.ordinal) &&
      !serves({
        role: state.role,
        ready: pods.find((pod) => pod.pod === state.pod)?.ready ?? false,
      }),
  )
  const unreached =
    missing.length === 0 && outside.every(({ role }) => role === 'unreachable')
      ? (outside[0]?.trouble ?? 'no answer')
      : undefined
  return { away: [...missing, ...outside.map((state) => state.pod)], unreached }
}

/** Who serves on a way down that was cut off; undefined where none was, or it can't be told. */
export async function whereCutOff(
  ensemble: LockedEnsemble,
  listed: number,
  signal: AbortSignal,
): Promise<CutOff | undefined> {
  const { before, kube, profile, set: object } = ensemble
  const { set } = before
  if (profile.name !== 'zookeeper' || set?.replicas !== listed + 1) return undefined
  const goes = set.start + listed
  const without = await podsWithout(goes, kube, object, before, signal)
  if (without.size === 0) return undefined
  const shorter = before.pods.flatMap(({ uid, name }) => (without.has(uid) ? [name] : []))
  const { away, unreached } = await whoIsAway(ensemble, new Set([goes]), signal)
  return unreached === undefined ? { listed, away, shorter: new Set(shorter) } : undefined
}

/**
 * Claims of members that stay, and of those that go unless they are to be deleted, must outlive all
 * steps.
 */
export async function refuseUnkept(
  ensemble: LockedEnsemble,
  least: number,
  signal: AbortSignal,
): Promise<void> {
  const { inputs } = ensemble
  const { before } = ensemble
  const deleted =
    before.set === undefined ? undefined : deletedWhenScaled(before.set, least, inputs.deleteClaims)
  if (deleted !== undefined) throw new EnsembleError('refused', [deleted])
  const alone = saidAlone(before)
  if (alone !== undefined) throw new EnsembleError('refused', [alone])
  await refuseLoss(ensemble, before, undefined, signal, spentBy(before, least, inputs.deleteClaims))
}
