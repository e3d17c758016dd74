// restart: every member is evicted once, lowest follower first, the leader last and handed over
// before; no template is changed.

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
import { holdEnsemble, type Standing } from '../procedures/open/hold-ensemble.ts'
import { endRestart } from '../procedures/verify/unread.ts'
import { endOf, underWayInWords } from '../record/record.ts'
import type { Services } from '../services.ts'
import { verifyPhase, isFull } from '../procedures/verify/verify-ensemble.ts'

/** Ending the record must not hold up the end of a run whose cluster is away. */
const END_MS = 5_000

export async function restart(inputs: Inputs, services: Services): Promise<void> {
  await holdEnsemble(inputs, services, { rights: rightsToEvict, limit: 'member' }, restartAll)
}

async function restartAll(standing: Standing, signal: AbortSignal): Promise<void> {
  const { inputs, services, course, record } = standing
  const { journal, report } = services
  const { before } = course
  const pods = ownPods(before)
  const { underWay, revisions } = record.current
  const unfinished = underWay !== null && underWay.operation !== 'restart' ? underWay : undefined
  if (unfinished !== undefined) {
    throw failure(
      'refused',
      'CONFLICT',
      `${underWayInWords(unfinished, course.target.name)}: members may come back at another revision`,
      {
        mend: endOf(unfinished),
      },
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
      `a roll of ${course.target.name} is not finished: members that are restarted now would come back at revision ${set.status.updateRevision}, others run an older one`,
      {
        object: `statefulset/${course.target.name}`,
        mend: 'Finish it with a deploy, or take it back with operation: undo; operation: status says what it waits for.',
      },
    )
  }
  // A killed restart left the UIDs of the pods that were to be replaced: those that are still
  // there, and were not told to go, remain.
  const begun = underWay?.pods
  const stay = new Set(pods.filter((pod) => pod.deleting === undefined).map((pod) => pod.uid))
  const left = new Set((begun ?? [...stay]).filter((uid) => stay.has(uid)))
  if (pods.length === 0)
    throw failure(
      'refused',
      'NOT_FOUND',
      `statefulset/${course.target.name} has no members to restart`,
      { object: `statefulset/${course.target.name}` },
    )
  if (begun !== undefined)
    journal.info(
      `Going on with the restart that was begun at ${underWay?.since ?? ''}: ${left.size} of ${begun.length} members are left.`,
    )

  const alone = saidAlone(before)
  if (alone !== undefined) throw new EnsembleError('refused', [alone])
  await refuseLoss(course, before, undefined, signal)
  if (inputs.dryRun) {
    const { forecast, leader } = await foreseeRestart(standing, left, signal)
    report.about({
      meaning: pacedLines(forecast, leader).map((line) =>
        line.replace('be replaced', 'be restarted'),
      ),
    })
    report.stands('nothing was changed')
    report.ends('planned')
    return
  }
  await record.begin(
    {
      operation: 'restart',
      digest: '',
      set: before.set?.uid,
      previous: report.previousRevision,
      pods: begun ?? [...left],
    },
    signal,
  )
  const watch = await watchData(course, course.follower, signal)
  try {
    report.stands('no member was restarted yet')
    const view = await journal.phase('Restart, followers first', async (done) => {
      const found = await rollByEvictions(course, left, undefined, signal)
      const gone = notByUs(
        pods.filter((pod) => left.has(pod.uid)).map((pod) => pod.name),
        report,
      )
      if (gone.length > 0)
        report.note(
          `${gone.join(', ')} went away by somebody else's doing meanwhile: this run waited for what came back, and did not restart it again.`,
        )
      done(
        `${left.size - gone.length} of ${found.set?.replicas ?? 0} members restarted, each back before the next${gone.length === 0 ? '' : `; replaced by somebody else: ${gone.join(', ')}`}`,
      )
      report.stands('every member was restarted; it was not verified')
      services.publish()
      return found
    })
    await verifyPhase(
      course,
      view,
      {
        level: inputs.verify,
        unchecked: 'nobody asked the members whether they are in quorum.',
        more: () => watch.finish(view, signal),
      },
      signal,
    )
    await endRestart(record, view, isFull(inputs.verify), signal)
    report.stands('every member was restarted and serves')
    report.ends('succeeded')
  } catch (error) {
    await watch.abandon()
    await lastLook(course, course.follower, services.signal)
    // Nobody was told to go, so nothing is under way that would stand against a scale.
    if (!report.changed && begun === undefined)
      await record.end(AbortSignal.timeout(END_MS)).catch(() => undefined)
    const remaining = remainingOf(course.follower, left)
    if (remaining.length > 0 && report.changed)
      report.note(
        `Not restarted yet: ${remaining.join(', ')}. They were not touched; the next restart goes on with them.`,
      )
    if (revisions.at(-1)?.unread !== undefined && remaining.length < pods.length)
      report.note(
        'Members that were restarted have read a ConfigMap that was never verified: if it is at fault, operation: undo brings back the one of before.',
      )
    throw error
  }
}

/** Those of `names` that this run told to go neither by an eviction nor by a deletion. */
function notByUs(names: readonly string[], { timeline }: Services['report']): readonly string[] {
  const told = new Set(
    timeline.filter(({ what }) => /^(evicted|deleted)/.test(what)).map(({ member }) => member),
  )
  return names.filter((name) => !told.has(name))
}

function remainingOf(
  follower: Standing['course']['follower'],
  left: ReadonlySet<string>,
): readonly string[] {
  try {
    return ownPods(follower.snapshot())
      .filter((pod) => left.has(pod.uid) && pod.deleting === undefined)
      .map((pod) => pod.name)
  } catch {
    return []
  }
}
