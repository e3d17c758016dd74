// deploy: load and lint, preflight, record, apply, ordered readiness, verify, mark the revision as verified.

import { Deadline } from '../clock.ts'
import { chooseProfile } from '../ensemble/choose.ts'
import type { CheckResult } from '../ensemble/profile.ts'
import { EnsembleError } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { follow, type Follower } from '../kube/follow.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { selectorText } from '../kube/views/index.ts'
import { digestOfRevision } from '../manifests/digest.ts'
import { loadManifests, type Loaded } from '../manifests/load.ts'
import { applyAll } from '../procedures/apply-all.ts'
import { awaitReady } from '../procedures/await-ready.ts'
import { takeBaseline } from '../procedures/baseline.ts'
import { inspectGround, RELEASE_MS, type Ground } from '../procedures/preflight.ts'
import { explainStanding, offerWayBack } from '../procedures/way-back.ts'
import { markVerified, recordMade, recordUnderWay } from '../procedures/verified.ts'
import { contextFor, membersOf, outcomeOf, profileOptions, reachThrough, verifyEnsemble, type VerifyRun } from '../procedures/verify-ensemble.ts'
import { announce } from '../record/announce.ts'
import type { Services } from '../services.ts'
import { inWords } from '../report/doing.ts'
import { timeLimit } from '../time-limit.ts'
import type { EnsembleView } from '../view/surroundings.ts'

export async function deploy(inputs: Inputs, services: Services): Promise<void> {
  const { clock, journal, report } = services
  const loaded = await journal.phase('Load and lint the manifests', async (done) => {
    const found = await loadManifests(inputs, services.manifestIo, services.signal)
    tellFindings(services, found)
    const warnings = found.findings.length
    done(`${found.manifests.length} objects, profile ${found.profile}, ${warnings === 0 ? 'no findings' : `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`}`)
    return found
  })
  report.name = loaded.set.object.metadata.name
  report.profile = loaded.profile
  const kube = await services.connect(inputs)
  report.context = kube.context
  const limit = timeLimit(clock, inputs.timeoutMs, () => inWords(report), services.signal)
  try {
    await deployTo(kube, inputs, services, loaded, new Deadline(clock, inputs.timeoutMs), limit.signal)
  } finally {
    limit.end()
    report.requests = { ...kube.requests }
  }
}

function tellFindings({ journal, report }: Services, { findings }: Loaded): void {
  for (const finding of findings) {
    report.findings.push(finding)
    journal.warning(finding.mend === undefined ? finding.message : `${finding.message}. Mend: ${finding.mend}`, finding.place)
  }
}

async function deployTo(kube: Kube, inputs: Inputs, services: Services, loaded: Loaded, deadline: Deadline, signal: AbortSignal): Promise<void> {
  const { journal } = services
  const ground = await journal.phase('Preflight', (done) => inspectGround(kube, inputs, services, loaded, deadline, signal, done))
  try {
    await change(kube, inputs, services, ground, deadline, AbortSignal.any([signal, ground.lock.lost]))
  } finally {
    await ground.lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

async function change(kube: Kube, inputs: Inputs, services: Services, ground: Ground, deadline: Deadline, signal: AbortSignal): Promise<void> {
  const { clock, journal, report } = services
  const { target, rights } = ground
  const follower = follow(kube, { namespace: target.namespace, set: target.name, selector: selectorText(ground.selector) }, clock, signal)
  try {
    await follower.ready()
    const before = follower.snapshot()
    const run: VerifyRun = {
      kube, clock, journal, report, target, nodes: ground.nodes, runId: services.runId,
      profile: await chooseProfile(inputs.verify === 'off' ? 'none' : ground.profile, profileOptions(inputs)),
      reach: reachThrough(kube, rights),
    }
    const marking = { kube, clock, namespace: target.namespace, runUrl: report.runUrl }
    const digest = digestOfRevision(ground.setManifest.object, ground.manifests.map((manifest) => manifest.object))
    const changes = ground.plan.some((planned) => planned.change !== 'unchanged')
    let stored = ground.stored
    let marker: string | undefined
    if (changes) {
      stored = await journal.phase('Record the state before the change', async (done) => {
        const baseline = await takeBaseline(run, marking, stored, before, ground, signal)
        marker = await writeMarker(run, before, ground, signal)
        done(`previous revision ${report.previousRevision === '' ? 'none' : report.previousRevision}${marker === undefined ? '' : ', a marker was written to be found again afterwards'}`)
        return recordUnderWay(marking, baseline, { operation: 'deploy', digest, previous: report.previousRevision }, signal)
      })
    }
    const applied = await journal.phase('Apply', (done) => applyAll(kube, ground, { force: inputs.forceConflicts, journal, report, clock }, signal, done))
    services.publish()
    stored = await recordMade(marking, stored, applied.created, signal)
    try {
      const view = await waitForMembers(kube, inputs, services, ground, { follower, deadline, generation: applied.set.metadata.generation, before }, signal)
      if (inputs.verify === 'off') {
        report.notes.push('verify: off: nobody asked the members whether they are in quorum, and this revision does not count as verified.')
      } else {
        const level = inputs.verify
        await journal.phase(`Verify (${level})`, async (done) => {
          await verifyEnsemble(run, view, level, () => (marker === undefined ? Promise.resolve([]) : readMarker(run, view, marker, signal)), signal)
          done(outcomeOf(report))
        })
      }
      const verified = inputs.verify === 'full' || inputs.verify === 'thorough'
      const revision = { digest, controllerRevision: view.set?.status.updateRevision ?? '', image: ground.image, version: report.version, origin: 'deploy' as const }
      await markVerified(marking, stored, verified ? revision : undefined, { uid: view.set?.uid ?? '', objects: ground.manifests.map((manifest) => manifest.object) }, signal)
      report.standing = verified ? 'every member is available and verified' : 'every member is available'
      await tell(kube, services, ground, applied.set, 'Normal', 'Deployed', `revision ${report.revision} deployed${verified ? ' and verified' : ''}`, signal)
      report.result = report.changed ? 'succeeded' : 'unchanged'
    } catch (error) {
      if (marker !== undefined) await forgetMarker(run, follower, marker)
      const { live } = ground
      explainStanding(report, live === undefined, services.signal.aborted ? 'CANCELLED' : error instanceof EnsembleError ? error.code : undefined)
      if (ground.rolls && live !== undefined) await offerWayBack(kube, report, live)
      if (!services.signal.aborted) await tell(kube, services, ground, applied.set, 'Warning', 'DeployFailed', error instanceof EnsembleError ? `${error.code}: ${error.message}` : 'failed', AbortSignal.timeout(RELEASE_MS)).catch(() => undefined)
      throw error
    }
  } finally {
    await follower.stop()
  }
}

/** Only where something was changed: an unchanged deploy writes nothing. */
async function tell(kube: Kube, { clock, report }: Services, ground: Ground, set: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, signal: AbortSignal): Promise<void> {
  if (!report.changed || !ground.rights.announce) return
  await announce(kube, set, { type, reason, message: report.runUrl === '' ? message : `${message} (${report.runUrl})` }, clock.now(), signal)
}

interface Waiting {
  readonly follower: Follower
  readonly deadline: Deadline
  readonly generation: number | undefined
  readonly before: EnsembleView
}

async function waitForMembers(kube: Kube, inputs: Inputs, services: Services, ground: Ground, waiting: Waiting, signal: AbortSignal): Promise<EnsembleView> {
  const { clock, journal, report } = services
  return journal.phase('Wait for every member', async (done) => {
    const wait = { kube, clock, journal, report, ...waiting, memberTimeoutMs: inputs.memberTimeoutMs, logLines: ground.rights.logs ? inputs.logLines : 0 }
    let view = await awaitReady(wait, signal)
    const hold = inputs.verify === 'off' || ground.profile === 'none' ? heldFor(view, clock.now()) : 0
    if (hold > 0) {
      await clock.sleep(hold, signal)
      view = await awaitReady(wait, signal)
    }
    done(`${view.set?.replicas ?? 0} of ${view.set?.replicas ?? 0} members available at revision ${view.set?.status.updateRevision ?? ''}`)
    report.standing = 'every member is available; it was not verified'
    services.publish()
    return view
  })
}

/** A container without a probe is Ready for a moment between two deaths: where nobody asks the members, they must have stood this long. */
const STANDING_MS = 10_000

function heldFor(view: EnsembleView, now: number): number {
  const youngest = Math.max(0, ...view.pods.map((pod) => pod.readySince ?? 0))
  return Math.min(STANDING_MS, Math.max(0, youngest + STANDING_MS - now))
}

/** A marker is worth writing where members will be replaced and there is an ensemble that serves. */
async function writeMarker(run: VerifyRun, before: EnsembleView, ground: Ground, signal: AbortSignal): Promise<string | undefined> {
  if (!ground.rolls || run.profile.writeMarker === undefined || before.pods.length === 0) return undefined
  try {
    return await run.profile.writeMarker(membersOf(before, run.target), contextFor(run, before.set?.replicas ?? 0, signal))
  } catch (error) {
    signal.throwIfAborted()
    // A fix may be deployed onto a broken ensemble: that no marker could be written is told, not a reason to stop.
    run.journal.debug(error instanceof Error ? error.message : String(error))
    run.report.notes.push(`No marker could be written before the change${error instanceof EnsembleError ? ` (${error.code})` : ''}: that data outlives it was not checked.`)
    return undefined
  }
}

/** After a failure nobody looks for it any more: it is taken away while anyone serves, as far as that goes in a moment. */
async function forgetMarker(run: VerifyRun, follower: Follower, marker: string): Promise<void> {
  try {
    const view = follower.snapshot()
    await run.profile.removeMarker?.(membersOf(view, run.target), marker, contextFor(run, view.set?.replicas ?? 0, AbortSignal.timeout(RELEASE_MS)))
  } catch {
    run.journal.debug('the marker could not be deleted; a later run sweeps it')
  }
}

async function readMarker(run: VerifyRun, view: EnsembleView, marker: string, signal: AbortSignal): Promise<readonly CheckResult[]> {
  const members = membersOf(view, run.target)
  const context = contextFor(run, view.set?.replicas ?? 0, signal)
  const found = await run.profile.readMarker?.(members, marker, context)
  await run.profile.removeMarker?.(members, marker, context)
  return found === undefined ? [] : [found]
}
