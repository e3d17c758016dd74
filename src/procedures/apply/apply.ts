// Server-side apply of one planned object: fields that become ours are taken over first, and
// nothing is written where nothing changes.

import { compareObjects } from '../../decide/apply/changes.ts'
import { takingOver, type ToTake } from './takings.ts'
import { EnsembleError, failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { objectName, refOf, type Kube, type KubeObject } from '../../kube/kube.ts'
import type { PlannedChange } from './plan-changes.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { findingOf } from './refusal.ts'

/** A status that changes meanwhile makes the taking over of fields a try. */
const TAKING_TRIES = 10

export interface AppliedObject {
  readonly object: KubeObject
  readonly change: 'created' | 'configured' | 'unchanged'
}

/**
 * Applies one planned change; where it changed something, says whose fields went with it and lets
 * `tell` say the rest. A failure names the object and its line.
 */
export async function applyPlanned(
  { kube, run: { journal, report } }: Pick<Ensemble, 'kube' | 'run'>,
  planned: PlannedChange,
  tell: (applied: AppliedObject) => void,
  signal: AbortSignal,
): Promise<AppliedObject> {
  const applied = await written(kube, planned, signal)
  if (applied.change === 'unchanged') return applied
  const name = objectName(applied.object)
  for (const from of planned.takenFrom) {
    journal.info(`${name}: taken over from ${from}`)
    report.note(`${name}: taken over from ${from}.`)
  }
  tell(applied)
  return applied
}

async function written(
  kube: Kube,
  planned: PlannedChange,
  signal: AbortSignal,
): Promise<AppliedObject> {
  if (planned.change === 'unchanged' && planned.live !== undefined)
    return { object: planned.live, change: 'unchanged' }
  try {
    let { live } = planned
    if (planned.takeOver && live !== undefined)
      live = await takeOver(kube, live, planned.options, signal)
    const applied = await kube.apply(
      planned.manifest.object,
      { force: planned.forced, uid: live?.metadata.uid },
      signal,
    )
    const same = live !== undefined && compareObjects(live, applied.object).length === 0
    return {
      object: applied.object,
      change: applied.created ? 'created' : same ? 'unchanged' : 'configured',
    }
  } catch (error) {
    if (error instanceof EnsembleError || !(error instanceof KubeFailure)) throw error
    throw new EnsembleError('failed', [findingOf(error, planned)], { cause: error })
  }
}

/**
 * Refuses what the server would refuse, before anything is written: for an object that differs from
 * the one that was planned.
 */
export async function refuseUnappliable(
  kube: Kube,
  { manifest: { place }, live, options, takeOver }: PlannedChange,
  object: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  try {
    await kube.apply(object, { dryRun: true, force: options.force || takeOver }, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    const finding = findingOf(error, { manifest: { object, place }, live, options })
    throw new EnsembleError('refused', [finding], { cause: error })
  }
}

/**
 * Makes the fields of others ours (in one entry with those that we have), so that what the manifest
 * no longer has goes away and nobody conflicts.
 */
async function takeOver(
  kube: Kube,
  planned: KubeObject,
  toTake: ToTake,
  signal: AbortSignal,
): Promise<KubeObject> {
  let live = planned
  for (let tries = 1; ; tries++) {
    const operations = takingOver(live, toTake)
    if (operations === undefined) return live
    try {
      return await kube.patch(refOf(live), operations, signal)
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 409) throw error
      // The controller's status counts up the version, too, many times in a roll; the generation
      // only what is wanted.
      const now = await kube.get(refOf(live), signal)
      const same =
        now !== undefined &&
        now.metadata.uid === live.metadata.uid &&
        now.metadata.generation !== undefined &&
        now.metadata.generation === live.metadata.generation
      if (same && tries < TAKING_TRIES) {
        live = now
        continue
      }
      throw failure(
        'failed',
        'CONFLICT',
        `${objectName(live)} was changed by someone else while its fields were being taken over`,
        { object: objectName(live), fix: 'Run the step again.' },
        error,
      )
    }
  }
}
