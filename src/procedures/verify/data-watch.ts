// Data is watched through a change: a marker written before it must be there on every member after
// it, and one writer measures how long no write went through.

import { bestEffort } from '../../best-effort.ts'
import { formatSpan } from '../../clock.ts'
import { EnsembleError } from '../../errors.ts'
import type { CheckResult, Witness, WitnessReport } from '../../ensemble/profile.ts'
import type { Follower } from '../../kube/follow.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { RELEASE_MS } from '../../record/lock.ts'
import { contextFor, membersOf } from './verify-ensemble.ts'
import { lastSeen } from '../open/last-seen.ts'
import { type ReachableEnsemble, checksOf } from '../open/ensemble.ts'

export interface DataWatch {
  /** Something is watched: a marker, or a writer that measures. */
  readonly watches: boolean
  /** Ends the writer and looks for everything that was acknowledged. */
  finish(view: EnsembleView, signal: AbortSignal): Promise<readonly CheckResult[]>
  /**
   * After a failure: what was measured is told, the marker and the writer's node are removed as
   * far as that goes in a moment. Never rejects.
   */
  abandon(): Promise<void>
}

/**
 * Before a member is taken down by us: the writer continues through another one, so that what it
 * measures is the ensemble's gap and not the loss of its own connection.
 */
export async function spareWriter(
  { watched }: Pick<ReachableEnsemble, 'watched'>,
  uid: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (uid !== undefined) await watched?.by?.leave(uid, signal)
}

/**
 * Begins before the first write of a change. Where there is nobody to write through it watches
 * nothing, and says so.
 */
export async function watchData(
  ensemble: ReachableEnsemble,
  follower: Follower,
  signal: AbortSignal,
): Promise<DataWatch> {
  const before = follower.snapshot()
  const marker = await writeMarker(ensemble, before, signal)
  const ending = new AbortController()
  // A cancel ends the writer too, but not before it was asked what it saw.
  const witness = await beginWitness(ensemble, follower, AbortSignal.any([ending.signal]))
  if (ensemble.watched !== undefined) ensemble.watched.by = witness
  let stopped = false
  const stopWitness = async (
    view: EnsembleView,
    until: AbortSignal,
  ): Promise<CheckResult | undefined> => {
    if (witness === undefined || stopped) return undefined
    stopped = true
    if (ensemble.watched !== undefined) ensemble.watched.by = undefined
    const began = ensemble.run.clock.now()
    try {
      return tell(ensemble, await witness.stop(membersOf(view, ensemble.target), until), began)
    } finally {
      ending.abort(new Error('the writer was stopped'))
    }
  }
  return {
    watches: marker !== undefined || witness !== undefined,
    async finish(view, until) {
      const durability =
        marker === undefined ? undefined : await readMarker(ensemble, view, marker, until)
      const availability = await stopWitness(view, until)
      return [durability, availability].filter((check) => check !== undefined)
    },
    async abandon() {
      const until = AbortSignal.timeout(RELEASE_MS)
      const { journal } = ensemble.run
      await bestEffort(journal, 'what the checks wrote stays; a later run sweeps it', async () => {
        const view = follower.snapshot()
        const seen = await stopWitness(view, until)
        if (seen !== undefined) journal.info(`availability: ${seen.detail}`)
        if (marker !== undefined)
          await checksOf(ensemble).removeMarker?.(
            membersOf(view, ensemble.target),
            marker,
            contextFor(ensemble, view.set?.replicas ?? 0, until),
          )
      })
      // Whatever can't be looked at any more: a writer that nobody stops continues for ever.
      ending.abort(new Error('the writer was stopped'))
    },
  }
}

async function writeMarker(
  ensemble: ReachableEnsemble,
  before: EnsembleView,
  signal: AbortSignal,
): Promise<string | undefined> {
  const profile = checksOf(ensemble)
  if (profile.writeMarker === undefined || before.pods.length === 0) return undefined
  try {
    return await profile.writeMarker(
      membersOf(before, ensemble.target),
      contextFor(ensemble, before.set?.replicas ?? 0, signal),
    )
  } catch (error) {
    signal.throwIfAborted()
    // A fix may be deployed onto a broken ensemble: that no marker could be written is told, not a
    // reason to stop.
    ensemble.run.journal.debug(error instanceof Error ? error.message : String(error))
    ensemble.run.report.note(
      `No marker could be written before the change${error instanceof EnsembleError ? ` (${error.code})` : ''}: that data outlives it was not checked.`,
    )
    return undefined
  }
}

async function beginWitness(
  ensemble: ReachableEnsemble,
  follower: Follower,
  signal: AbortSignal,
): Promise<Witness | undefined> {
  const members = (): ReturnType<typeof membersOf> => {
    const view = lastSeen(follower)
    return view === undefined ? [] : membersOf(view, ensemble.target)
  }
  const profile = checksOf(ensemble)
  if (profile.witness === undefined) {
    // Of pods alone nobody expects it.
    if (profile.name !== 'none')
      ensemble.run.report.note(
        `Whether clients could write meanwhile was not measured: profile ${profile.name} has no writer of its own, so longest-write-gap-ms and acknowledged-writes-lost stay empty.`,
      )
    return undefined
  }
  const witness = await profile.witness(members, contextFor(ensemble, members().length, signal))
  if (witness === undefined)
    ensemble.run.report.note(
      'How long no write went through was not measured: that needs port-forward to the members.',
    )
  return witness
}

async function readMarker(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  marker: string,
  signal: AbortSignal,
): Promise<CheckResult | undefined> {
  const members = membersOf(view, ensemble.target)
  const context = contextFor(ensemble, view.set?.replicas ?? 0, signal)
  const found = await checksOf(ensemble).readMarker?.(members, marker, context)
  await checksOf(ensemble).removeMarker?.(members, marker, context)
  return found
}

function tell(ensemble: ReachableEnsemble, seen: WitnessReport, began: number): CheckResult {
  const {
    run: { report },
  } = ensemble
  if (seen.acknowledged === 0)
    return {
      name: 'availability',
      outcome: 'skipped',
      detail: 'not measured: no write was ever acknowledged',
      findings: [],
      ms: ensemble.run.clock.now() - began,
    }
  report.about({
    longestWriteGapMs: Math.round(seen.longestGapMs),
    acknowledgedWritesLost: seen.lost,
  })
  report.couldNotWrite(...seen.gaps)
  for (const gap of seen.gaps)
    report.happened({ at: gap.from, what: `no write went through for ${formatSpan(gap.ms)}` })
  const asides = [
    seen.unknown === 0 ? '' : `${seen.unknown} without an answer`,
    seen.unmeasuredMs < 1000
      ? ''
      : `${formatSpan(seen.unmeasuredMs)} without a tunnel to any member, not measured`,
    seen.stillMs < 1000
      ? ''
      : `${formatSpan(seen.stillMs)} in which this run stood still, not measured`,
  ].filter((aside) => aside !== '')
  const lost =
    seen.lost === undefined
      ? 'nobody could be asked afterwards whether any was lost'
      : `${seen.lost === 0 ? 'none' : seen.lost} lost`
  const detail = [
    `${seen.acknowledged} writes acknowledged, ${lost}`,
    `longest time without one ${formatSpan(seen.longestGapMs)}`,
    ...asides,
  ].join(', ')
  const findings =
    seen.lost === undefined || seen.lost === 0
      ? []
      : [
          {
            code: 'DATA_LOST' as const,
            severity: 'error' as const,
            message: `${seen.lost} acknowledged writes are not there any more`,
            fix: 'Stop writers, keep the claims, and compare the members before anything is restarted.',
          },
        ]
  return {
    name: 'availability',
    outcome: findings.length > 0 ? 'failed' : seen.lost === undefined ? 'skipped' : 'passed',
    detail,
    findings,
    ms: ensemble.run.clock.now() - began,
  }
}
