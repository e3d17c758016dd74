// deploy: load and lint, preflight, record, apply, ordered readiness, verify, mark the revision as
// verified.

import { Deadline } from '../clock.ts'
import { observed, ownPods } from '../decide/members/members.ts'
import { decideUndo } from '../decide/rollout/undo.ts'
import { EnsembleError, type Finding } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { follow } from '../kube/follow.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { selectorText } from '../kube/views/index.ts'
import { digestOfRevision } from '../manifests/digest.ts'
import { faultPlace } from '../manifests/fault-place.ts'
import type { Loaded } from '../manifests/load.ts'
import { addressesAhead } from '../procedures/apply/addresses-ahead.ts'
import { refuseUnappliable } from '../procedures/apply/apply.ts'
import { applyAll } from '../procedures/apply/apply-all.ts'
import { takeBaseline } from '../procedures/verify/baseline.ts'
import { readLogin } from '../procedures/open/login.ts'
import {
  bringMembers,
  isUnfinished,
  startOf,
  stillToStand,
  type Start,
} from '../procedures/rollout/bring.ts'
import { watchData, type DataWatch } from '../procedures/verify/data-watch.ts'
import { growFirst } from '../procedures/scale/grow.ts'
import { loadAndLint } from '../procedures/apply/load-and-lint.ts'
import { lossesAhead, refuseLoss, warnAlone } from '../procedures/verify/keep-data.ts'
import { partitionOf } from '../manifests/partition.ts'
import { groundOnceGone } from '../procedures/apply/going-away.ts'
import type { Ground } from '../procedures/apply/preflight.ts'
import { recoverNodes } from '../record/recover-nodes.ts'
import { earlierObjects } from '../procedures/apply/earlier-objects.ts'
import { goBack, reserve } from '../procedures/rollout/undo.ts'
import { recordApplied, unreadBefore } from '../procedures/verify/unread.ts'
import { lastLook } from '../procedures/rollout/last-look.ts'
import { HeldRecord } from '../record/held-record.ts'
import { explainStanding, offerWayBack, undoFailed } from '../procedures/rollout/way-back.ts'
import { announce } from '../kube/announce.ts'
import { underLock, RELEASE_MS } from '../record/lock.ts'
import { latestVerified } from '../record/record.ts'
import { proofLines } from '../report/verdict.ts'
import type { Evidence } from '../report/run-report.ts'
import type { Run } from '../run.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import type { Ensemble } from '../procedures/open/ensemble.ts'
import { verifyPhase, isFull } from '../procedures/verify/verify-ensemble.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'
import { openEnsemble } from '../procedures/open/open-ensemble.ts'

export async function deploy(inputs: Inputs, run: Run): Promise<void> {
  const loaded = await loadAndLint(inputs, run)
  await withClusterInTime(inputs, run, (kube, signal) =>
    deployTo(kube, inputs, run, loaded, new Deadline(run.clock, inputs.timeoutMs), signal),
  )
}

async function deployTo(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  loaded: Loaded,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<void> {
  const { journal } = run
  const ground = await journal.phase('Preflight', (done) =>
    groundOnceGone(kube, inputs, run, loaded, deadline, signal, done),
  )
  try {
    await change(
      underLock(kube, ground.lock),
      inputs,
      run,
      ground,
      deadline,
      AbortSignal.any([signal, ground.lock.lost]),
    )
  } finally {
    await ground.lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

async function change(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  ground: Ground,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<void> {
  const { clock, report } = run
  const { target, rights } = ground
  const follower = follow(
    kube,
    {
      namespace: target.namespace,
      set: target.name,
      selector: selectorText(ground.selector),
      uid: ground.live?.metadata.uid,
    },
    clock,
    AbortSignal.any([run.signal, ground.lock.lost]),
  )
  try {
    await follower.ready()
    const login = await readLogin(
      kube,
      inputs,
      ground.profile,
      {
        namespace: target.namespace,
        brought: ground.manifests.map(({ object }) => object),
        io: run.manifestIo,
      },
      signal,
    )
    const ensemble = await openEnsemble(inputs, run, {
      kube,
      target,
      profile: ground.profile,
      login,
      nodes: ground.nodes,
      rights,
      follower,
      deadline,
      addresses: await addressesAhead(kube, ground, signal),
    })
    await forward(
      {
        inputs,
        ground,
        ensemble,
        record: new HeldRecord(
          { kube, clock, namespace: target.namespace, name: target.name, runUrl: report.runUrl },
          ground.stored,
        ),
      },
      signal,
    )
  } finally {
    await follower.stop()
  }
}

/** One deploy on its way. */
interface Deploy {
  readonly inputs: Inputs
  readonly ground: Ground
  readonly ensemble: Ensemble
  readonly record: HeldRecord
}

async function forward(deploy: Deploy, signal: AbortSignal): Promise<void> {
  const { inputs, ground, ensemble, record } = deploy
  const { kube, run } = ensemble
  const { journal, report } = run
  const digest = digestOfRevision(
    ground.setManifest.object,
    ground.manifests.map((manifest) => manifest.object),
  )
  const changes = ground.plan.some((planned) => planned.change !== 'unchanged')
  const running = ground.live !== undefined && ensemble.before.pods.length > 0
  const rolls =
    running &&
    (ground.rolls || isUnfinished(ensemble.before, partitionOf(ground.setManifest.object)))
  await recoverNodes({ record, journal, report }, ground.lock.lost, signal)
  const unread = unreadBefore(ground, record.current, ensemble.before)
  let watch: DataWatch | undefined
  let start: Start = {
    set: ground.setManifest.object,
    first: ground.setManifest.object,
    stands: undefined,
  }
  if (rolls) warnAlone(run, ensemble.before)
  if (changes || rolls) {
    await journal.phase('Record the state before the change', async (done) => {
      await takeBaseline(ensemble, record, ensemble.before, ground, signal)
      if (rolls)
        start = await startOf(
          ensemble,
          ground.setManifest.object,
          ground.rolls ? undefined : ensemble.before.set?.status.updateRevision,
          signal,
        )
      const own = ground.plan.find((planned) => planned.manifest === ground.setManifest)
      if (own !== undefined && start.first !== start.set)
        await refuseUnappliable(kube, own, start.first, inputs.forceConflicts, signal)
      await record.begin(
        {
          operation: 'deploy',
          digest,
          set: ensemble.before.set?.uid,
          previous: report.previousRevision,
          ...(unread.length === 0 ? {} : { unread: [...unread] }),
        },
        signal,
        ground.plan,
      )
      // Last, so that whatever fails before leaves no writer behind.
      if (rolls) watch = await watchData(ensemble, ensemble.follower, signal)
      done(
        `previous revision ${report.previousRevision === '' ? 'none' : report.previousRevision}${watch?.watches === true ? ', data is watched from here on' : ''}`,
      )
    })
  }
  const versionBefore = report.version
  const state = { inChecks: false }
  try {
    const recordCreated = (object: KubeObject): Promise<void> => record.made([object], signal)
    const grown = rolls
      ? await growFirst({ inputs, ground, ensemble, recordCreated }, signal)
      : undefined
    start = grown?.start ?? start
    // What is applied may let the controller replace members that don't serve, or all of them.
    if (rolls) await refuseLoss(ensemble, ensemble.follower.snapshot(), undefined, signal)
    const applied = await journal.phase('Apply', (done) =>
      applyAll(
        kube,
        grown?.ground ?? ground,
        {
          force: inputs.forceConflicts,
          journal,
          report,
          clock: run.clock,
          first: start.first,
          rolls,
        },
        signal,
        done,
      ),
    )
    run.publish()
    ensemble.follower.expect(applied.set.metadata.uid)
    await record.made(applied.created, signal)
    const began = run.clock.now()
    const view = await waitForMembers(
      deploy,
      rolls ? start : undefined,
      applied.set.metadata.generation,
      signal,
    )
    const memberMs = rolls ? memberTime(ensemble.before, view, run.clock.now() - began) : undefined
    state.inChecks = true
    await verifyPhase(
      ensemble,
      view,
      {
        level: inputs.verify,
        unchecked:
          'nobody asked the members whether they are in quorum, and this revision does not count as verified.',
        more: () => watch?.finish(view, signal) ?? Promise.resolve([]),
      },
      signal,
    )
    const revision = {
      digest,
      controllerRevision: view.set?.status.updateRevision ?? '',
      image: ground.image,
      version: report.version,
      origin: 'deploy' as const,
      ...(memberMs === undefined ? {} : { memberMs }),
    }
    const verified = await recordApplied(
      record,
      revision,
      {
        unread,
        view,
        report,
        checked: isFull(inputs.verify),
        objects: ground.manifests.map((manifest) => manifest.object),
      },
      signal,
    )
    await tell(
      kube,
      run,
      ground,
      applied.set,
      'Normal',
      'Deployed',
      `revision ${report.revision} deployed${verified ? ' and verified' : ''}`,
      signal,
    )
    report.ends(report.changed ? 'succeeded' : 'unchanged')
  } catch (error) {
    const failed = {
      error,
      digest,
      watch,
      versionBefore,
      inChecks: state.inChecks,
      paced: rolls && inputs.pace === 'quorum',
    }
    try {
      throw await afterFailure(deploy, failed)
    } finally {
      // However it ends: a writer that nobody stops goes on for ever.
      await watch?.abandon()
    }
  }
}

interface FailedDeploy {
  readonly error: unknown
  readonly digest: string
  readonly watch: DataWatch | undefined
  readonly versionBefore: string
  readonly inChecks: boolean
  readonly paced: boolean
}

/** What each member that was replaced has taken, for the next plan. */
function memberTime(before: EnsembleView, after: EnsembleView, ms: number): number | undefined {
  const count = ownPods(after).filter(
    (pod) => !before.pods.some(({ uid }) => uid === pod.uid),
  ).length
  return count === 0 ? undefined : Math.round(ms / count)
}

/**
 * Takes the change back where the evidence is against it, else says how the ensemble stands. Gives
 * what is to be thrown.
 */
async function afterFailure(deploy: Deploy, failed: FailedDeploy): Promise<unknown> {
  const { inputs, ground, ensemble, record } = deploy
  const { kube, run } = ensemble
  const { report } = run
  const known =
    failed.error instanceof EnsembleError
      ? inManifest(failed.error, inputs, ground, report.evidence)
      : undefined
  const error = known ?? failed.error
  const verified = latestVerified(record.current)
  const { objects, notKept } =
    verified === undefined
      ? {}
      : await earlierObjects(kube, ground, record.stored, verified, AbortSignal.timeout(RELEASE_MS))
  const seen = lastSeen(ensemble)
  const losses =
    ground.live === undefined || seen === undefined
      ? []
      : await lossesAhead(kube, seen, new Set(), AbortSignal.timeout(RELEASE_MS)).catch(() => [])
  const judged = {
    onFailure: inputs.onFailure,
    firstInstall: ground.live === undefined,
    changed: report.changed,
    cancelled: run.signal.aborted || ground.lock.lost.aborted,
    code: known?.code,
    againstRevision: known?.againstRevision ?? false,
    inChecks: failed.inChecks,
    digest: failed.digest,
    verified,
    standsAlready: standsAlready(ground, seen, verified?.controllerRevision),
    notKept,
    losses: losses[0]?.message,
    profile: ground.profile,
    members: report.members,
    versionBefore: failed.versionBefore,
  }
  const decision = decideUndo(judged)
  const gone = (): AbortSignal => AbortSignal.timeout(RELEASE_MS)
  const said = known === undefined ? 'failed' : `${known.code}: ${known.message}`
  if (
    decision.kind === 'halt' ||
    known === undefined ||
    verified === undefined ||
    objects === undefined
  ) {
    // Nothing was begun, so nothing is under way.
    if (!report.changed) await record.end(gone()).catch(() => undefined)
    await lastLook(ensemble, ensemble.follower, AbortSignal.any([run.signal, ground.lock.lost]))
    const asked = decideUndo({ ...judged, onFailure: 'undo' })
    if (asked.kind === 'undo')
      report.about({ undoTo: { revision: undefined, name: asked.to.controllerRevision } })
    explainStanding(report, {
      firstInstall: ground.live === undefined,
      code: run.signal.aborted ? 'CANCELLED' : known?.code,
      paced: failed.paced,
      rollAt: ensemble.place.at,
      applied: 'the manifests are',
    })
    if (report.changed && decision.kind === 'halt' && ground.live !== undefined)
      report.note(`Nothing was taken back: ${decision.reason}.`)
    // By hand as well members would be taken down.
    if (ground.live !== undefined && losses.length === 0)
      await offerWayBack(kube, report, ground.live)
    if (!run.signal.aborted)
      await tell(
        kube,
        run,
        ground,
        ground.live ?? ground.setManifest.object,
        'Warning',
        'DeployFailed',
        said,
        gone(),
      ).catch(() => undefined)
    return error
  }
  const { journal } = run
  await journal.phase('Evidence against the change', (done) => {
    for (const line of proofLines(report.evidence)) journal.info(line)
    done(
      `${said.replace(/\.$/, '')}. The last verified revision ${verified.controllerRevision} comes back`,
    )
    return Promise.resolve()
  })
  const back = { ...ensemble, deadline: reserve(ensemble) }
  const until = AbortSignal.any([run.signal, ground.lock.lost])
  try {
    await goBack(
      {
        ensemble: back,
        record,
        level: inputs.verify,
        force: false,
        watch: failed.watch,
      },
      { ...verified, objects, verified: true },
      until,
    )
  } catch (second) {
    if (run.signal.aborted) return error
    await lastLook(ensemble, ensemble.follower, run.signal)
    await offerWayBack(kube, report, ground.live ?? ground.setManifest.object)
    return undoFailed(report, known, second, verified.controllerRevision)
  }
  await tell(
    kube,
    run,
    ground,
    ground.live ?? ground.setManifest.object,
    'Warning',
    'DeployUndone',
    `${said}; taken back to ${verified.controllerRevision}`,
    gone(),
  ).catch(() => undefined)
  return new EnsembleError(
    'undone',
    [known.findings[0] ?? unnamed(known), ...known.findings.slice(1)],
    { cause: known },
  )
}

/** Undefined where the set was made anew meanwhile: what stands there is another ensemble. */
function lastSeen({ follower }: Ensemble): EnsembleView | undefined {
  try {
    return follower.snapshot()
  } catch {
    return undefined
  }
}

/**
 * The wanted revision is the verified one, no member runs another, and no object beside the set was
 * changed.
 */
function standsAlready(
  ground: Ground,
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
  { setManifest }: Ground,
  evidence: readonly Evidence[],
): EnsembleError {
  if (!error.againstRevision) return error
  const placed = (finding: Finding): Finding => {
    const { container } = evidence.find(({ object }) => object === finding.object) ?? {}
    const place =
      finding.place !== undefined || (finding.code === 'IMAGE_PULL' && inputs.image !== undefined)
        ? finding.place
        : faultPlace(setManifest, finding.code, container)
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

/** Only where something was changed: an unchanged deploy writes nothing. */
async function tell(
  kube: Kube,
  { clock, report }: Run,
  ground: Ground,
  set: KubeObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  signal: AbortSignal,
): Promise<void> {
  if (!report.changed || !ground.rights.announce) return
  await announce(
    kube,
    set,
    { type, reason, message: report.runUrl === '' ? message : `${message} (${report.runUrl})` },
    clock.now(),
    signal,
  )
}

/** `start`: how a roll of a running ensemble begins; undefined where no member is replaced. */
async function waitForMembers(
  deploy: Deploy,
  start: Start | undefined,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { inputs, ground, ensemble } = deploy
  const { clock, journal, report } = ensemble.run
  return journal.phase(
    start?.stands === undefined ? 'Wait for every member' : 'Roll, paced by the quorum',
    async (done) => {
      const nowhere: Start = {
        set: ground.setManifest.object,
        first: ground.setManifest.object,
        stands: undefined,
      }
      const apply = async (object: KubeObject, until: AbortSignal): Promise<KubeObject> => {
        const applied = await ensemble.kube.apply(
          object,
          { force: inputs.forceConflicts, uid: ensemble.before.set?.uid },
          until,
        )
        // A roll that an earlier run began changes nothing but the partition, and yet members are
        // replaced.
        report.did()
        return applied.object
      }
      const bring = (): Promise<EnsembleView> =>
        bringMembers(
          start === undefined
            ? { ...ensemble, inputs: { ...ensemble.inputs, pace: 'controller' } }
            : ensemble,
          start ?? nowhere,
          generation,
          apply,
          signal,
        )
      let view = await bring()
      const hold =
        inputs.verify === 'off' || ground.profile === 'none' ? stillToStand(view, clock) : 0
      if (hold > 0) {
        await clock.sleep(hold, signal)
        view = await bring()
      }
      done(
        `${view.set?.replicas ?? 0} of ${view.set?.replicas ?? 0} members available at revision ${view.set?.status.updateRevision ?? ''}`,
      )
      report.stands('every member is available; it was not verified')
      ensemble.run.publish()
      return view
    },
  )
}
