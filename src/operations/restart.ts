// restart: every member is evicted once, lowest follower first, the leader last, after it has
// handed over leadership; no template is changed.

import { bestEffort } from '../best-effort.ts'
import { ownPods } from '../decide/members/members.ts'
import { pacedLines } from '../decide/plan.ts'
import { EnsembleError, failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { rightsToEvict } from '../procedures/open/access.ts'
import { lastLook } from '../procedures/rollout/last-look.ts'
import { isUnfinished } from '../procedures/rollout/bring.ts'
import { watchData } from '../procedures/verify/data-watch.ts'
import { foreseeRestart } from '../procedures/plan/foresee.ts'
import { refuseLoss, saidAlone } from '../procedures/verify/keep-data.ts'
import { rollByEvictions } from '../procedures/rollout/roll.ts'
import { lastSeen } from '../procedures/open/last-seen.ts'
import { holdEnsemble, type LockedEnsemble } from '../procedures/open/hold-ensemble.ts'
import { endRestart } from '../procedures/verify/unread.ts'
import { begunInWords } from '../record/record.ts'
import type { Run } from '../run.ts'
import { verifyPhase, isFull } from '../procedures/verify/verify-ensemble.ts'
import type { EnsembleView } from '../view/surroundings.ts'

/** Ending the record must not hold up the end of a run whose cluster is away. */
const END_MS = 5_000

export async function restart(inputs: Inputs, run: Run): Promise<void> {
  await holdEnsemble(inputs, run, { rights: rightsToEvict, limit: 'member' }, restartAll)
}

async function restartAll(ensemble: LockedEnsemble, signal: AbortSignal): Promise<void> {
  const { inputs, run, record } = ensemble
  const { report } = run
  const { before } = ensemble
  refuseUnfinished(ensemble)
  const left = stillToRestart(ensemble)
  const alone = saidAlone(before)
  if (alone !== undefined) throw new EnsembleError('refused', [alone])
  await refuseLoss(ensemble, before, undefined, signal)
  if (inputs.dryRun) {
    const { forecast, leader } = await foreseeRestart(ensemble, left, signal)
    report.about({
      meaning: pacedLines(forecast, leader).map((line) =>
        line.replace('be replaced', 'be restarted'),
      ),
    })
    report.stands('nothing was changed')
    report.ends('planned')
    return
  }
  const { underWay, revisions } = record.current
  await record.begin(
    {
      operation: 'restart',
      digest: '',
      set: before.set?.uid,
      previous: report.previousRevision,
      pods: underWay?.pods ?? [...left],
    },
    signal,
  )
  const watch = await watchData(ensemble, ensemble.follower, signal)
  try {
    report.stands('no member was restarted yet')
    const view = await restartEach(ensemble, left, signal)
    await verifyPhase(
      ensemble,
      view,
      {
        level: inputs.verify,
        unchecked: 'the members were not asked whether they are in the quorum.',
        more: () => watch.finish(view, signal),
      },
      signal,
    )
    await endRestart(record, view, isFull(inputs.verify), signal)
    report.stands('every member was restarted and serves')
    report.ends('succeeded')
  } catch (error) {
    await watch.abandon()
    await lastLook(ensemble, ensemble.follower, run.signal)
    // Nobody was evicted, so nothing is under way that would stand against a scale.
    if (!report.changed && underWay?.pods === undefined)
      await bestEffort(run.journal, 'the record still names the restart that was not begun', () =>
        record.end(AbortSignal.timeout(END_MS)),
      )
    tellReached(ensemble, left)
    tellRemaining(ensemble, remainingOf(ensemble.follower, left), revisions.at(-1)?.unread)
    throw error
  }
}

/** While something else is under way members may come back at another revision. */
function refuseUnfinished(ensemble: LockedEnsemble): void {
  const { record } = ensemble
  const { before, target } = ensemble
  const { underWay } = record.current
  if (underWay !== null && underWay.operation !== 'restart') {
    const begun = begunInWords(underWay, target.name, ensemble.profile.name)
    throw failure(
      'refused',
      'CONFLICT',
      `${begun.words}: members may come back at another revision`,
      { fix: begun.end },
    )
  }
  const { set } = before
  if (
    set !== undefined &&
    isUnfinished(before, set.strategy.type === 'OnDelete' ? undefined : set.strategy.partition)
  ) {
    throw failure(
      'refused',
      'NOT_READY',
      `a roll of ${target.name} is not finished: members that are restarted now would come back at revision ${set.status.updateRevision}, others run an older one`,
      {
        object: `statefulset/${target.name}`,
        fix: 'Finish it with a deploy, or roll it back with operation: undo; operation: status says what it waits for.',
      },
    )
  }
}

/**
 * UIDs of the pods that are still to be replaced: a killed restart left those that were meant, and
 * those of them that are there, and were not told to end, remain.
 */
function stillToRestart(ensemble: LockedEnsemble): ReadonlySet<string> {
  const { record, run } = ensemble
  const pods = ownPods(ensemble.before)
  const { underWay } = record.current
  const begun = underWay?.pods
  const stay = new Set(pods.filter((pod) => pod.deleting === undefined).map((pod) => pod.uid))
  const left = new Set((begun ?? [...stay]).filter((uid) => stay.has(uid)))
  const { name } = ensemble.target
  if (pods.length === 0)
    throw failure('refused', 'NOT_FOUND', `statefulset/${name} has no members to restart`, {
      object: `statefulset/${name}`,
    })
  if (begun !== undefined)
    run.journal.info(
      `Continuing the restart that was begun at ${underWay?.since ?? ''}: ${left.size} of ${begun.length} members are left.`,
    )
  return left
}

async function restartEach(
  ensemble: LockedEnsemble,
  left: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { run } = ensemble
  const { journal, report } = run
  return journal.phase('Restart, followers first', async (done) => {
    const found = await rollByEvictions(ensemble, left, undefined, signal)
    const gone = notByUs(namesOf(ensemble, left), report)
    if (gone.length > 0)
      report.note(
        `${gone.join(', ')} was deleted by somebody else meanwhile: this run waited until it was back, and did not restart it again.`,
      )
    done(
      `${left.size - gone.length} of ${found.set?.replicas ?? 0} members restarted, each back before the next${gone.length === 0 ? '' : `; replaced by somebody else: ${gone.join(', ')}`}`,
    )
    report.stands('every member was restarted; it was not verified')
    run.publish()
    return found
  })
}

/** Whom a restart that ended early has evicted, whether or not they came back. */
function tellReached(ensemble: LockedEnsemble, left: ReadonlySet<string>): void {
  const { report } = ensemble.run
  const names = namesOf(ensemble, left)
  const others = notByUs(names, report)
  const evicted = names.filter((name) => !others.includes(name))
  if (evicted.length > 0)
    report.stands(
      `${evicted.join(', ')} ${evicted.length === 1 ? 'was' : 'were'} evicted; the restart did not end`,
    )
}

/** Of the members of before. */
function namesOf({ before }: LockedEnsemble, uids: ReadonlySet<string>): readonly string[] {
  return ownPods(before)
    .filter((pod) => uids.has(pod.uid))
    .map((pod) => pod.name)
}

/** What a restart that ended early leaves; `unread`: members that had not read a ConfigMap. */
function tellRemaining(
  ensemble: LockedEnsemble,
  remaining: readonly string[],
  unread: readonly string[] | undefined,
): void {
  const {
    run: { report },
  } = ensemble
  if (remaining.length > 0 && report.changed)
    report.note(
      `Not restarted yet: ${remaining.join(', ')}. They were not touched; the next restart continues with them.`,
    )
  if (unread !== undefined && remaining.length < ownPods(ensemble.before).length)
    report.note(
      'Members that were restarted have read a ConfigMap that was never verified: if it is at fault, operation: undo restores the earlier one.',
    )
}

/** Those of `names` that this run ended neither by an eviction nor by a deletion. */
function notByUs(names: readonly string[], { timeline }: Run['report']): readonly string[] {
  const told = new Set(
    timeline
      .filter(({ event }) => event?.kind === 'evicted' || event?.kind === 'deleted')
      .map(({ member }) => member),
  )
  return names.filter((name) => !told.has(name))
}

function remainingOf(
  follower: LockedEnsemble['follower'],
  left: ReadonlySet<string>,
): readonly string[] {
  const view = lastSeen(follower)
  return view === undefined
    ? []
    : ownPods(view)
        .filter((pod) => left.has(pod.uid) && pod.deleting === undefined)
        .map((pod) => pod.name)
}
