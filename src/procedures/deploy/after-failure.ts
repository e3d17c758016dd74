// What follows a deploy that failed: rolled back where the evidence is against the revision, else
// how the ensemble stands.

import { bestEffort } from '../../best-effort.ts'
import { codeRow } from '../../codes.ts'
import { observed, ownPods } from '../../decide/members/members.ts'
import { decideUndo, type UndoDecision, type Failed } from '../../decide/rollout/undo.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { faultPlace } from '../../manifests/fault-place.ts'
import { compareMembers } from './same-members.ts'
import { announceDeploy, type Deploy } from './deploy-steps.ts'
import { earlierObjects } from '../apply/earlier-objects.ts'
import type { Inspected } from '../apply/preflight.ts'
import { lastLook } from '../rollout/last-look.ts'
import { type Earlier, goBack, reserve } from '../rollout/undo.ts'
import { lastSeen } from '../open/last-seen.ts'
import { explainStanding, offerWayBack, undoFailed } from '../rollout/way-back.ts'
import type { DataWatch } from '../verify/data-watch.ts'
import { lossesAhead } from '../verify/keep-data.ts'
import { RELEASE_MS } from '../../record/lock.ts'
import { latestVerified, type VerifiedRevision } from '../../record/record.ts'
import type { Evidence } from '../../report/run-report.ts'
import { proofLines } from '../../report/verdict.ts'
import type { EnsembleView } from '../../view/surroundings.ts'

export interface FailedDeploy {
  readonly error: unknown
  readonly watch: DataWatch | undefined
  readonly versionBefore: string
  readonly inChecks: boolean
}

/** What of the ensemble decides whether the change is rolled back. */
interface Judged {
  readonly known: EnsembleError | undefined
  readonly verified: VerifiedRevision | undefined
  /** Those of the verified revision, where they were kept. */
  readonly objects: readonly KubeObject[] | undefined
  readonly losses: readonly Finding[]
  readonly asked: Failed
}

const gone = (): AbortSignal => AbortSignal.timeout(RELEASE_MS)

/**
 * Rolls the change back where the evidence is against it, else says how the ensemble stands. Gives
 * what is to be thrown.
 */
export async function afterFailure(deploy: Deploy, failed: FailedDeploy): Promise<unknown> {
  const judged = await judgeFailure(deploy, failed)
  const { known, verified, objects } = judged
  const decision = decideUndo(judged.asked)
  if (
    decision.kind === 'undo' &&
    known !== undefined &&
    verified !== undefined &&
    objects !== undefined
  )
    return rollBack(deploy, failed, known, { ...verified, objects, verified: true })
  await halt(deploy, judged, decision)
  if (known === undefined) return failed.error
  return isForward(decision) ? leadsForward(known, deploy.grownFrom) : known
}

async function judgeFailure(
  deploy: Deploy,
  { error, inChecks, versionBefore }: FailedDeploy,
): Promise<Judged> {
  const { ensemble, ground } = deploy
  const { inputs, kube, record, run } = ensemble
  const { journal, report } = run
  const known =
    error instanceof EnsembleError ? inManifest(error, inputs, ground, report.evidence) : undefined
  const verified = latestVerified(record.current)
  const { objects, notKept } =
    verified === undefined
      ? {}
      : await earlierObjects(kube, ground, record.stored, verified, gone())
  const seen = lastSeen(ensemble.follower)
  const losses =
    ground.live === undefined || seen === undefined
      ? []
      : ((await bestEffort(journal, 'whether a rollback by hand would lose data is not known', () =>
          lossesAhead(kube, seen, new Set(), gone()),
        )) ?? [])
  const asked = {
    onFailure: inputs.onFailure,
    firstInstall: ground.live === undefined,
    changed: report.changed,
    goesOn: deploy.goesOn,
    cancelled: ensemble.held.aborted,
    ...faultOf(known),
    inChecks,
    digest: deploy.digest,
    verified,
    standsAlready: standsAlready(ground, seen, verified?.controllerRevision),
    notKept,
    ...compareMembers(ground, objects ?? []),
    losses: losses[0]?.message,
    profile: ground.profile,
    members: report.members,
    versionBefore,
  }
  return { known, verified, objects, losses, asked }
}

function faultOf(
  known: EnsembleError | undefined,
): Pick<Failed, 'code' | 'codes' | 'againstRevision'> {
  const errors = known?.findings.filter(({ severity }) => severity === 'error') ?? []
  return {
    code: known?.code,
    codes: errors.map(({ code }) => code),
    againstRevision: known?.againstRevision ?? false,
  }
}

/** Nothing is rolled back: how it stands, why, and what helps by hand. */
async function halt(
  deploy: Deploy,
  { known, losses, asked }: Judged,
  decision: UndoDecision,
): Promise<void> {
  const { ensemble, ground } = deploy
  const { inputs, kube, record, run } = ensemble
  const { journal, report } = run
  // Nothing was begun, neither now nor before, so nothing is under way.
  if (!report.changed && !deploy.goesOn)
    await bestEffort(journal, 'the record still names the deploy that was not begun', () =>
      record.end(gone()),
    )
  await lastLook(ensemble, ensemble.follower, ensemble.held)
  const wouldUndo = decideUndo({ ...asked, onFailure: 'undo' })
  if (wouldUndo.kind === 'undo')
    report.about({ undoTo: { revision: undefined, name: wouldUndo.to.controllerRevision } })
  explainStanding(report, {
    firstInstall: ground.live === undefined,
    code: run.signal.aborted ? 'CANCELLED' : known?.code,
    paced: deploy.rolls && inputs.pace === 'quorum',
    rollAt: ensemble.place.at,
    applied: 'the manifests are',
  })
  if (report.changed && decision.kind === 'halt' && ground.live !== undefined)
    report.note(`Nothing was rolled back: ${decision.reason}.`)
  // By hand as well members would be taken down, or find the same fault.
  if (ground.live !== undefined && losses.length === 0 && !isForward(decision))
    await offerWayBack(kube, report, ground.live)
  if (!run.signal.aborted) await tryToAnnounce(deploy, 'DeployFailed', inWords(known))
}

async function tryToAnnounce(deploy: Deploy, reason: string, message: string): Promise<void> {
  await bestEffort(deploy.ensemble.run.journal, 'no Event says how the deploy ended', () =>
    announceDeploy(deploy, { type: 'Warning', reason, message }, gone()),
  )
}

function isForward(decision: UndoDecision): boolean {
  return decision.kind === 'halt' && decision.forward
}

/**
 * An earlier revision is no way out of it: what to do ends with the same deploy, or without the
 * members that it has begun to make.
 */
function leadsForward(error: EnsembleError, from: number | undefined): EnsembleError {
  const [first = unnamed(error), ...rest] = error.findings
  const fix =
    first.fix ??
    (first.code === 'UNSCHEDULABLE'
      ? 'Bring a node back, or add one that fits.'
      : codeRow(first.code).advice)
  const back = from === undefined ? '' : ` Or give it up with operation: scale, replicas: ${from}.`
  const again = `Then deploy again: it continues from here.${back}`
  return new EnsembleError(
    error.outcome,
    [{ ...first, fix: `${fix.replace(/[.!?]?$/, '.')} ${again}` }, ...rest],
    { cause: error.cause, againstRevision: error.againstRevision },
  )
}

function inWords(known: EnsembleError | undefined): string {
  return known === undefined ? 'failed' : `${known.code}: ${known.message}`
}

async function rollBack(
  deploy: Deploy,
  { watch }: FailedDeploy,
  known: EnsembleError,
  earlier: Earlier,
): Promise<unknown> {
  const { ensemble, ground } = deploy
  const { kube, run } = ensemble
  const { journal, report } = run
  const said = inWords(known)
  await journal.phase('Evidence against the change', (done) => {
    for (const line of proofLines(report.evidence)) journal.info(line)
    done(
      `${said.replace(/\.$/, '')}. The last verified revision ${earlier.controllerRevision} comes back`,
    )
    return Promise.resolve()
  })
  const back = { ...ensemble, deadline: reserve(ensemble) }
  try {
    await goBack(back, earlier, { asked: false, watch }, ensemble.held)
  } catch (second) {
    if (run.signal.aborted) return known
    await lastLook(ensemble, ensemble.follower, run.signal)
    await offerWayBack(kube, report, ground.live ?? ground.setManifest.object)
    return undoFailed(report, known, second, earlier.controllerRevision)
  }
  const ended = `rolled back to ${earlier.controllerRevision}`
  await tryToAnnounce(deploy, 'DeployUndone', `${said}; ${ended}`)
  return new EnsembleError(
    'undone',
    [known.findings[0] ?? unnamed(known), ...known.findings.slice(1)],
    { cause: known },
  )
}

/**
 * The wanted revision is the verified one, no member runs another, and no object beside the set was
 * changed.
 */
function standsAlready(
  ground: Inspected,
  view: EnsembleView | undefined,
  verified: string | undefined,
): boolean {
  const set = view?.set
  if (
    view === undefined ||
    set === undefined ||
    verified === undefined ||
    !observed(set) ||
    set.status.updateRevision !== verified
  )
    return false
  return (
    ground.plan.every(
      (planned) => planned.manifest === ground.setManifest || planned.change === 'unchanged',
    ) && ownPods(view).every((pod) => pod.revision === verified)
  )
}

/** Faults of what was applied stand on its lines, where the file is the user's own. */
function inManifest(
  error: EnsembleError,
  inputs: Inputs,
  { setManifest }: Inspected,
  evidence: readonly Evidence[],
): EnsembleError {
  if (!error.againstRevision) return error
  const placed = (finding: Finding): Finding => {
    const { container } = evidence.find(({ object }) => object === finding.object) ?? {}
    if (finding.place !== undefined) return finding
    if (finding.code === 'IMAGE_PULL' && inputs.image !== undefined)
      return finding.message.includes(inputs.image) ? { ...finding, input: 'image' } : finding
    const place = faultPlace(setManifest, finding, container)
    return place === undefined ? finding : { ...finding, place }
  }
  const [first = unnamed(error), ...rest] = error.findings
  return new EnsembleError(error.outcome, [placed(first), ...rest.map(placed)], {
    cause: error.cause,
    againstRevision: error.againstRevision,
  })
}

function unnamed(error: EnsembleError): Finding {
  return { code: error.code, severity: 'error', message: error.message }
}
