// What stands against a change of the number of members, asked before anything is changed: who
// doesn't serve, who may not leave, claims that would not be kept.

import { Deadline, formatSpan } from '../../clock.ts'
import { deletedWhenScaled } from '../../decide/rollout/keep-data.ts'
import { wantedOrdinals } from '../../decide/members/members.ts'
import { patienceWith, startsOf, TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import { serves } from '../../decide/rollout/roll.ts'
import type { ScaleStep } from '../../decide/scale.ts'
import { EnsembleError, failure } from '../../errors.ts'
import { refuseLoss, saidAlone } from '../verify/keep-data.ts'
import { PAUSE_WHERE_DEAR } from '../rollout/looker.ts'
import { spentBy } from './resize.ts'
import type { LockedEnsemble } from '../open/hold-ensemble.ts'
import { contextFor, membersOf } from '../verify/verify-ensemble.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** Who serves can't be watched. */
const LOOK_MS = 1_000

/**
 * Nothing is begun on an ensemble that doesn't serve whole; a change that was cut off is gone on
 * with, and one that goes need not serve.
 */
export async function refuseUnsound(
  ensemble: LockedEnsemble,
  steps: readonly ScaleStep[],
  signal: AbortSignal,
): Promise<void> {
  const {
    record,
    run: { clock, journal },
  } = ensemble
  const [first] = steps
  if (
    record.current.underWay !== null ||
    first === undefined ||
    first.kind === 'restore' ||
    first.kind === 'await'
  )
    return
  const goes = first.kind === 'remove' ? first.ordinal : undefined
  // One that is on its way is waited for: the step before may have been a deploy.
  const { ms, why } = patienceWith(
    startsOf(ensemble.before, ensemble.target.container),
    clock.now(),
    ensemble.memberTimeoutMs,
  )
  const patience = new Deadline(clock, ms)
  let saidAt = -Infinity
  for (;;) {
    const lookedAt = clock.now()
    const { away, unreached } = await whoIsAway(ensemble, goes, signal)
    if (away.length === 0) return
    const said =
      unreached === undefined
        ? `${away.join(', ')} ${away.length === 1 ? 'does' : 'do'} not serve`
        : `${away.join(', ')} could not be reached, so whether ${away.length === 1 ? 'it serves' : 'they serve'} is not known (${unreached})`
    if (patience.passed && unreached !== undefined) {
      throw failure(
        'refused',
        'CHECK_IMPOSSIBLE',
        `${said}: the number of members is changed only while all of them serve`,
        {
          object: `statefulset/${ensemble.target.name}`,
          fix: 'operation: verify says what this run needs to reach them.',
        },
      )
    }
    if (patience.passed) {
      throw failure(
        'refused',
        'NOT_READY',
        `${said}: the number of members is changed only while all of them do`,
        {
          object: `statefulset/${ensemble.target.name}`,
          fix: 'operation: status says what is wrong; fix that first, or remove the member with the highest ordinal when that is the one.',
        },
      )
    }
    if (clock.now() - saidAt >= TELL_OUTSIDE_MS) {
      journal.info(
        `waiting up to ${formatSpan(patience.left())}: ${said}${why === undefined ? '' : ` (${why})`}`,
      )
      saidAt = clock.now()
    }
    await clock.sleep(
      Math.min(
        ensemble.profile.dear === true
          ? Math.max(LOOK_MS, PAUSE_WHERE_DEAR * (clock.now() - lookedAt))
          : LOOK_MS,
        patience.left(),
      ),
      signal,
    )
  }
}

/**
 * What a member has handed over doesn't come back: whether all that are to go may go is asked
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

/**
 * Who is not serving, by pod. `unreached`: why, where nothing more is known of all of them than
 * that they could not be asked.
 */
export interface Away {
  readonly away: readonly string[]
  readonly unreached: string | undefined
}

/** Pods that are missing, or outside of the quorum; `goes` is not asked for. */
export async function whoIsAway(
  ensemble: Ensemble,
  goes: number | undefined,
  signal: AbortSignal,
): Promise<Away> {
  const view = ensemble.follower.snapshot()
  const pods = membersOf(view, ensemble.target)
  const states = await ensemble.profile.look(
    pods,
    contextFor(ensemble, view.set?.replicas ?? 0, signal),
  )
  const missing =
    view.set === undefined
      ? []
      : wantedOrdinals(view.set)
          .filter((ordinal) => ordinal !== goes && !pods.some((pod) => pod.ordinal === ordinal))
          .map((ordinal) => `${ensemble.target.name}-${ordinal}`)
  const outside = states.filter(
    (state) =>
      state.ordinal !== goes &&
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
