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
import { holdEnsemble, type LockedEnsemble } from '../procedures/open/hold-ensemble.ts'
import { templateAlone } from '../procedures/apply/template-alone.ts'
import { objectName } from '../kube/kube.ts'
import { goBack, planBack, type Earlier } from '../procedures/rollout/undo.ts'
import { explainStanding } from '../procedures/rollout/way-back.ts'
import { whyNotKept } from '../record/kept.ts'
import {
  keptOf,
  recordName,
  type VerifiedRevision,
  begunInWords,
  changesMembers,
} from '../record/record.ts'
import type { Run } from '../run.ts'
import type { RevisionView } from '../view/revision.ts'

export async function undo(inputs: Inputs, run: Run): Promise<void> {
  await holdEnsemble(inputs, run, { rights: rightsToHistory }, undoIn)
}

async function undoIn(ensemble: LockedEnsemble, signal: AbortSignal): Promise<void> {
  const { inputs, run } = ensemble
  const { report } = run
  refuseWhileMembersChange(ensemble)
  const earlier = await chosen(ensemble, signal)
  if (inputs.dryRun) {
    await foretell(ensemble, earlier, signal)
    return
  }
  const watch = await watchData(ensemble, ensemble.follower, signal)
  try {
    await goBack(ensemble, earlier, { asked: true, watch }, signal)
    await watch.abandon()
    report.ends(report.changed ? 'succeeded' : 'unchanged')
  } catch (error) {
    await watch.abandon()
    await lastLook(ensemble, ensemble.follower, run.signal)
    if (report.changed)
      explainStanding(report, {
        firstInstall: false,
        code: run.signal.aborted
          ? 'CANCELLED'
          : error instanceof EnsembleError
            ? error.code
            : undefined,
        paced: inputs.pace === 'quorum',
        rollAt: ensemble.place.at,
        applied: `the objects of ${earlier.controllerRevision} are`,
      })
    throw error
  }
}

function refuseWhileMembersChange({ record, profile, target: { name } }: LockedEnsemble): void {
  const { underWay } = record.current
  if (underWay === null || !changesMembers(underWay)) return
  const { words, end } = begunInWords(underWay, name, profile.name)
  throw failure(
    'refused',
    'CONFLICT',
    `${words}: who its members are is no part of a revision, so an undo can't end it`,
    { object: `statefulset/${name}`, fix: end },
  )
}

/** The revision to roll back to: as asked, where an undo that was cut off was going, or the latest. */
async function chosen(ensemble: LockedEnsemble, signal: AbortSignal): Promise<Earlier> {
  const {
    inputs: { toRevision },
    kube,
    before,
    run: { journal, report },
  } = ensemble
  return journal.phase('Choose the revision', async (done) => {
    const { set } = before
    const revisions = set === undefined ? [] : await listRevisions(kube, set, signal)
    report.about({
      revisions: revisionRows(revisions, before, ensemble.record.current, ensemble.profile.name),
    })
    const found =
      toRevision === undefined
        ? (begun(ensemble, revisions) ?? latest(ensemble, revisions))
        : asked(ensemble, revisions, toRevision)
    const { controllerRevision, image, verified } = found
    done(
      `${controllerRevision}${image === '' ? '' : ` (${image})`}, ${verified ? 'verified' : 'never verified'}`,
    )
    return found
  })
}

/**
 * What would be changed: objects by their dry runs, and the members that don't run that revision.
 */
async function foretell(
  ensemble: LockedEnsemble,
  earlier: Earlier,
  signal: AbortSignal,
): Promise<void> {
  const { report } = ensemble.run
  const plan = await planBack(ensemble, earlier, signal)
  for (const planned of plan)
    report.row({
      object: objectName(planned.manifest.object),
      change: planned.change,
      ...(planned.takenFrom.length === 0
        ? {}
        : { note: `would be taken over from ${planned.takenFrom.join(', ')}` }),
    })
  const away = ownPods(ensemble.before)
    .filter((pod) => pod.revision !== earlier.controllerRevision)
    .map((pod) => pod.name)
  const changing = plan.filter(({ change }) => change !== 'unchanged').length
  report.about({
    meaning: [
      `${changing} ${changing === 1 ? 'object' : 'objects'} would be rolled back to revision ${earlier.controllerRevision}.`,
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
function begun(ensemble: LockedEnsemble, revisions: readonly RevisionView[]): Earlier | undefined {
  const { underWay, revisions: known } = ensemble.record.current
  if (underWay?.operation !== 'undo') return undefined
  const entry = known.findLast((one) => one.digest === underWay.digest && one.verifiedAt !== '')
  const kept =
    entry === undefined
      ? revisions.find((one) => underWay.digest === `template:${one.name}`)
      : undefined
  if (entry === undefined && kept === undefined) return undefined
  ensemble.run.journal.info(`Continuing the undo that was begun at ${underWay.since}.`)
  return entry === undefined
    ? kept && fromHistory(ensemble, kept)
    : fromRecord(ensemble, revisions, entry)
}

/** The latest verified one that isn't current, with all its objects. */
function latest(ensemble: LockedEnsemble, revisions: readonly RevisionView[]): Earlier {
  const { record } = ensemble
  const { set } = ensemble.before
  const own = set?.strategy.type === 'RollingUpdate' ? set.strategy.partition : undefined
  const complete =
    !isUnfinished(ensemble.before, own) &&
    ownPods(ensemble.before).every((pod) => pod.revision === set?.status.updateRevision)
  const entry = latestToGoBackTo(record.current.revisions, {
    updateRevision: set?.status.updateRevision ?? '',
    complete,
  })
  if (entry === undefined) {
    throw failure(
      'refused',
      'NOT_FOUND',
      `${ensemble.target.name} has no verified revision to roll back to; ${listed(ensemble, revisions)}`,
      {
        object: `statefulset/${ensemble.target.name}`,
        fix: 'Name one of them with to-revision, or deploy the manifests that are wanted.',
      },
    )
  }
  return fromRecord(ensemble, revisions, entry)
}

/**
 * By number or name; a revision that was never verified is one template, without the objects beside
 * it.
 */
function asked(
  ensemble: LockedEnsemble,
  revisions: readonly RevisionView[],
  wanted: string,
): Earlier {
  const { record } = ensemble
  const found = findRevision(revisions, wanted)
  const name = found?.name ?? wanted
  const entry = record.current.revisions.findLast(
    (one) => one.controllerRevision === name && one.verifiedAt !== '',
  )
  // Asked for by name: where the record's objects can't be believed, the history of the set is what
  // is left.
  if (entry !== undefined) return fromRecord(ensemble, revisions, entry, found !== undefined)
  if (found === undefined) {
    throw failure(
      'refused',
      'NOT_FOUND',
      `to-revision: ${ensemble.target.name} has no revision ${wanted}; ${listed(ensemble, revisions)}`,
      {
        input: 'to-revision',
        fix: 'Set to-revision to one of these, or leave it out: then it is the latest verified one.',
      },
    )
  }
  return fromHistory(ensemble, found)
}

function fromRecord(
  ensemble: LockedEnsemble,
  revisions: readonly RevisionView[],
  entry: VerifiedRevision,
  orHistory = false,
): Earlier {
  const found = keptOf(ensemble.record.stored, entry.digest)
  const { report } = ensemble.run
  const map = `configmap/${recordName(ensemble.target.name)}`
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
        fix: `See who writes ${map}. To roll back to the pod template alone, as the history of the StatefulSet keeps it, set to-revision: ${entry.controllerRevision}; or deploy the manifests that are wanted.`,
      },
    )
  }
  const kept = findRevision(revisions, entry.controllerRevision)
  if (found.kind !== 'not kept')
    report.note(`Revision ${entry.controllerRevision}: ${whyNotKept(found) ?? ''} (${map}).`)
  if (kept !== undefined)
    return { ...fromHistory(ensemble, kept), digest: entry.digest, verified: true }
  throw failure(
    'refused',
    'NOT_FOUND',
    `revision ${entry.controllerRevision} was verified at ${entry.verifiedAt}, but ${whyNotKept(found) ?? ''}, and the history of the StatefulSet does not have it`,
    {
      object: `statefulset/${ensemble.target.name}`,
      fix: 'Deploy its manifests again.',
    },
  )
}

function fromHistory(ensemble: LockedEnsemble, revision: RevisionView): Earlier {
  const { name, template } = revision
  if (template === undefined)
    throw failure(
      'refused',
      'NOT_FOUND',
      `revision ${name} holds no pod template that can be read`,
      { object: `controllerrevision/${name}` },
    )
  ensemble.run.report.note(
    `Of revision ${name} only the pod template is known: ConfigMaps, Services and budget stay as they are.`,
  )
  return {
    digest: `template:${name}`,
    controllerRevision: name,
    image: imageOf(revision, ensemble.profile.name),
    version: '',
    objects: [templateAlone(ensemble.set, template, ensemble.record.stored)],
    verified: false,
  }
}

function listed(ensemble: LockedEnsemble, revisions: readonly RevisionView[]): string {
  const there = ensemble.run.report.revisions.map(
    (row) =>
      `${row.revision === undefined ? '' : `${row.revision} = `}${row.name}${row.current ? ' (current)' : ''}${row.verified === true ? ' (verified)' : ''}`,
  )
  return revisions.length === 0 ? 'its history is empty' : `its revisions are ${there.join(', ')}`
}
