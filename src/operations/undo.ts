// undo: back to the latest verified revision that isn't the current one, or to the one that was
// asked for, also out of what somebody else's undo left stuck.

import { latestToGoBackTo } from '../decide/rollout/undo.ts'
import { ownPods } from '../decide/members/members.ts'
import { failure, EnsembleError } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { rightsToHistory } from '../procedures/open/access.ts'
import { lastLook } from '../procedures/rollout/last-look.ts'
import { isUnfinished } from '../procedures/rollout/bring.ts'
import { watchData } from '../procedures/verify/data-watch.ts'
import { findRevision, imageOf, listRevisions, revisionRows } from '../procedures/open/revisions.ts'
import { holdEnsemble, type Standing } from '../procedures/open/hold-ensemble.ts'
import { templateAlone } from '../procedures/apply/template-alone.ts'
import { objectName } from '../procedures/apply/apply.ts'
import { goBack, planBack, type Earlier } from '../procedures/rollout/undo.ts'
import { explainStanding } from '../procedures/rollout/way-back.ts'
import { whyNotKept } from '../record/kept.ts'
import {
  keptOf,
  recordName,
  type VerifiedRevision,
  endOf,
  underWayInWords,
} from '../record/record.ts'
import type { Services } from '../services.ts'
import type { RevisionView } from '../view/revision.ts'

export async function undo(inputs: Inputs, services: Services): Promise<void> {
  await holdEnsemble(inputs, services, { rights: rightsToHistory }, undoIn)
}

async function undoIn(standing: Standing, signal: AbortSignal): Promise<void> {
  const { inputs, services, course, record } = standing
  const { journal, report } = services
  const { underWay } = record.current
  if (underWay?.operation === 'scale') {
    throw failure(
      'refused',
      'CONFLICT',
      `${underWayInWords(underWay, course.target.name)}: who its members are is no part of a revision, so an undo can't end it`,
      { object: `statefulset/${course.target.name}`, fix: endOf(underWay) },
    )
  }
  const earlier = await journal.phase('Choose the revision', async (done) => {
    const { set } = course.before
    const revisions = set === undefined ? [] : await listRevisions(standing.kube, set, signal)
    report.about({
      revisions: revisionRows(revisions, course.before, record.current, standing.profile),
    })
    const found =
      inputs.toRevision === undefined
        ? (begun(standing, revisions) ?? latest(standing, revisions))
        : asked(standing, revisions, inputs.toRevision)
    done(
      `${found.controllerRevision}${found.image === '' ? '' : ` (${found.image})`}${found.verified ? ', verified' : ', never verified'}`,
    )
    return found
  })
  if (inputs.dryRun) {
    await foretell(standing, earlier, signal)
    return
  }
  const watch = await watchData(course, course.follower, signal)
  try {
    await goBack(
      {
        course,
        record,
        level: inputs.verify,
        force: inputs.forceConflicts,
        asked: true,
        watch,
      },
      earlier,
      signal,
    )
    await watch.abandon()
    report.ends(report.changed ? 'succeeded' : 'unchanged')
  } catch (error) {
    await watch.abandon()
    await lastLook(course, course.follower, services.signal)
    if (report.changed)
      explainStanding(report, {
        firstInstall: false,
        code: services.signal.aborted
          ? 'CANCELLED'
          : error instanceof EnsembleError
            ? error.code
            : undefined,
        paced: inputs.pace === 'quorum',
        rollAt: course.place.at,
        applied: `the objects of ${earlier.controllerRevision} are`,
      })
    throw error
  }
}

/**
 * What would be changed: objects by their dry runs, and the members that don't run that revision.
 */
async function foretell(standing: Standing, earlier: Earlier, signal: AbortSignal): Promise<void> {
  const {
    services: { report },
    course,
    inputs,
  } = standing
  const plan = await planBack(
    { course, record: standing.record, force: inputs.forceConflicts, asked: true },
    earlier,
    signal,
  )
  for (const planned of plan)
    report.row({
      object: objectName(planned.manifest.object),
      change: planned.change,
      ...(planned.takenFrom.length === 0
        ? {}
        : { note: `would be taken over from ${planned.takenFrom.join(', ')}` }),
    })
  const away = ownPods(course.before)
    .filter((pod) => pod.revision !== earlier.controllerRevision)
    .map((pod) => pod.name)
  const changing = plan.filter(({ change }) => change !== 'unchanged').length
  report.about({
    meaning: [
      `${changing} ${changing === 1 ? 'object' : 'objects'} would go back to revision ${earlier.controllerRevision}.`,
      away.length === 0
        ? 'Every member runs it already.'
        : `${away.join(', ')} ${away.length === 1 ? 'runs' : 'run'} another revision: members that are stuck on it would be freed first, those that serve rolled, one at a time.`,
    ],
  })
  report.stands('nothing was changed')
  report.ends('planned')
}

/**
 * Where an undo that was cut off was going: the next one does not turn round. Another way is asked
 * for with to-revision.
 */
function begun(standing: Standing, revisions: readonly RevisionView[]): Earlier | undefined {
  const { underWay, revisions: known } = standing.record.current
  if (underWay?.operation !== 'undo') return undefined
  const entry = known.findLast((one) => one.digest === underWay.digest && one.verifiedAt !== '')
  const kept =
    entry === undefined
      ? revisions.find((one) => underWay.digest === `template:${one.name}`)
      : undefined
  if (entry === undefined && kept === undefined) return undefined
  standing.services.journal.info(`Going on with the undo that was begun at ${underWay.since}.`)
  return entry === undefined
    ? kept && fromHistory(standing, kept)
    : fromRecord(standing, revisions, entry)
}

/** The latest verified one that isn't current, with all its objects. */
function latest(standing: Standing, revisions: readonly RevisionView[]): Earlier {
  const { course, record } = standing
  const { set } = course.before
  const own = set?.strategy.type === 'RollingUpdate' ? set.strategy.partition : undefined
  const complete =
    !isUnfinished(course.before, own) &&
    ownPods(course.before).every((pod) => pod.revision === set?.status.updateRevision)
  const entry = latestToGoBackTo(record.current.revisions, {
    updateRevision: set?.status.updateRevision ?? '',
    complete,
  })
  if (entry === undefined) {
    throw failure(
      'refused',
      'NOT_FOUND',
      `${standing.course.target.name} has no verified revision to go back to; ${listed(standing, revisions)}`,
      {
        object: `statefulset/${standing.course.target.name}`,
        fix: 'Name one of them with to-revision, or deploy the manifests that are wanted.',
      },
    )
  }
  return fromRecord(standing, revisions, entry)
}

/**
 * By number or name; a revision that was never verified is one template, without the objects beside
 * it.
 */
function asked(standing: Standing, revisions: readonly RevisionView[], wanted: string): Earlier {
  const { record } = standing
  const found = findRevision(revisions, wanted)
  const name = found?.name ?? wanted
  const entry = record.current.revisions.findLast(
    (one) => one.controllerRevision === name && one.verifiedAt !== '',
  )
  // Asked for by name: where the record's objects can't be believed, the history of the set is what
  // is left.
  if (entry !== undefined) return fromRecord(standing, revisions, entry, found !== undefined)
  if (found === undefined) {
    throw failure(
      'refused',
      'NOT_FOUND',
      `to-revision: ${standing.course.target.name} has no revision ${wanted}; ${listed(standing, revisions)}`,
      {
        input: 'to-revision',
        fix: 'Set to-revision to one of these, or leave it out: then it is the latest verified one.',
      },
    )
  }
  return fromHistory(standing, found)
}

function fromRecord(
  standing: Standing,
  revisions: readonly RevisionView[],
  entry: VerifiedRevision,
  orHistory = false,
): Earlier {
  const found = keptOf(standing.record.stored, entry.digest)
  const { report } = standing.services
  const map = `configmap/${recordName(standing.course.target.name)}`
  if (found.kind === 'kept') {
    if (found.left.length > 0)
      report.note(
        `The record of revision ${entry.controllerRevision} also holds ${found.left.join(', ')}: not of this ensemble, left as they are.`,
      )
    return { ...entry, objects: found.objects, verified: true }
  }
  if (found.kind === 'altered' && !orHistory) {
    throw failure(
      'refused',
      'CONFLICT',
      `revision ${entry.controllerRevision}: ${whyNotKept(found) ?? ''} (${map})`,
      {
        object: map,
        fix: `See who writes ${map}. To go back to the pod template alone, as the history of the StatefulSet keeps it, set to-revision: ${entry.controllerRevision}; or deploy the manifests that are wanted.`,
      },
    )
  }
  const kept = findRevision(revisions, entry.controllerRevision)
  if (found.kind !== 'not kept')
    report.note(`Revision ${entry.controllerRevision}: ${whyNotKept(found) ?? ''} (${map}).`)
  if (kept !== undefined)
    return { ...fromHistory(standing, kept), digest: entry.digest, verified: true }
  throw failure(
    'refused',
    'NOT_FOUND',
    `revision ${entry.controllerRevision} was verified at ${entry.verifiedAt}, but ${whyNotKept(found) ?? ''}, and the history of the StatefulSet does not have it`,
    {
      object: `statefulset/${standing.course.target.name}`,
      fix: 'Deploy its manifests again.',
    },
  )
}

function fromHistory(standing: Standing, revision: RevisionView): Earlier {
  const { name, template } = revision
  if (template === undefined)
    throw failure(
      'refused',
      'NOT_FOUND',
      `revision ${name} holds no pod template that can be read`,
      { object: `controllerrevision/${name}` },
    )
  standing.services.report.note(
    `Of revision ${name} only the pod template is known: ConfigMaps, Services and budget stay as they are.`,
  )
  return {
    digest: `template:${name}`,
    controllerRevision: name,
    image: imageOf(revision, standing.profile),
    version: '',
    objects: [templateAlone(standing.set, template, standing.record.stored)],
    verified: false,
  }
}

function listed(standing: Standing, revisions: readonly RevisionView[]): string {
  const there = standing.services.report.revisions.map(
    (row) =>
      `${row.revision === undefined ? '' : `${row.revision} = `}${row.name}${row.current ? ' (current)' : ''}${row.verified === true ? ' (verified)' : ''}`,
  )
  return revisions.length === 0 ? 'its history is empty' : `its revisions are ${there.join(', ')}`
}
