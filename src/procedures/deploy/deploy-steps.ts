// The steps of a deploy: what is recorded before anything is applied, how members are brought to it
// and verified, and what is said of it in the cluster.

import { ownPods } from '../../decide/members/members.ts'
import { announce } from '../../kube/announce.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { applyAll } from '../apply/apply-all.ts'
import { refuseUnappliable } from '../apply/apply.ts'
import type { Inspected } from '../apply/preflight.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { bringMembers, type Start, startOf, stillToStand } from '../rollout/bring.ts'
import { growFirst } from '../scale/grow.ts'
import { takeBaseline } from '../verify/baseline.ts'
import { type DataWatch, watchData } from '../verify/data-watch.ts'
import { refuseLoss, warnAlone } from '../verify/keep-data.ts'
import { recordApplied, type unreadBefore } from '../verify/unread.ts'
import { isFull } from '../verify/verify-ensemble.ts'
import type { EnsembleView } from '../../view/surroundings.ts'

/** One deploy on its way: the ensemble, what was found of it beforehand, and what that makes of it. */
export interface Deploy {
  readonly ensemble: Locked
  readonly ground: Inspected
  readonly digest: string
  /** Members that run are replaced. */
  readonly rolls: boolean
  /** How many members there were, where it does nothing but make more of them. */
  readonly grownFrom: number | undefined
  /** A change was begun before and has not ended. */
  readonly goesOn: boolean
  /** Files that members read and have not read yet, changed before this deploy. */
  readonly unread: ReturnType<typeof unreadBefore>
}

/** What was begun: how the roll starts, and who watches the data meanwhile. */
export interface Begun {
  readonly start: Start
  readonly watch: DataWatch | undefined
}

/** A roll that holds nobody back. */
function asItIs({ setManifest: { object } }: Pick<Inspected, 'setManifest'>): Start {
  return { set: object, first: object, stands: undefined }
}

/**
 * The state before, in the record: from here on another run knows what is under way. Nothing is
 * recorded where nothing changes.
 */
export async function beginDeploy(deploy: Deploy, signal: AbortSignal): Promise<Begun> {
  const { ensemble, ground, rolls } = deploy
  const { before, follower, record, run } = ensemble
  const { journal, report } = run
  if (rolls) warnAlone(run, before)
  const changes = ground.plan.some((planned) => planned.change !== 'unchanged')
  if (!changes && !rolls) return { start: asItIs(ground), watch: undefined }
  return journal.phase('Record the state before the change', async (done) => {
    await takeBaseline(ensemble, record, before, ground, signal)
    const start = rolls ? await startOfRoll(deploy, signal) : asItIs(ground)
    await record.begin(
      {
        operation: 'deploy',
        digest: deploy.digest,
        set: before.set?.uid,
        previous: report.previousRevision,
        from: deploy.grownFrom,
        ...(deploy.unread.length === 0 ? {} : { unread: [...deploy.unread] }),
      },
      signal,
      ground.plan,
    )
    // Last, so that whatever fails before leaves no writer behind.
    const watch = rolls ? await watchData(ensemble, follower, signal) : undefined
    done(
      `previous revision ${report.previousRevision === '' ? 'none' : report.previousRevision}${watch?.watches === true ? ', data is watched from here on' : ''}`,
    )
    return { start, watch }
  })
}

async function startOfRoll({ ensemble, ground }: Deploy, signal: AbortSignal): Promise<Start> {
  const { kube, before } = ensemble
  const start = await startOf(
    ensemble,
    ground.setManifest.object,
    ground.rolls ? undefined : before.set?.status.updateRevision,
    signal,
  )
  const own = ground.plan.find((planned) => planned.manifest === ground.setManifest)
  if (own !== undefined && start.first !== start.set)
    await refuseUnappliable(kube, own, start.first, signal)
  return start
}

/** Applies it all and brings every member to it; gives how they stand then. */
export async function applyAndBring(
  deploy: Deploy,
  begun: Begun,
  signal: AbortSignal,
): Promise<{
  readonly view: EnsembleView
  readonly set: KubeObject
  readonly memberMs: number | undefined
}> {
  const { ensemble, ground, rolls } = deploy
  const { before, follower, record, run } = ensemble
  const { clock, journal } = run
  const grown = rolls ? await growFirst(ensemble, ground, signal) : undefined
  const start = grown?.start ?? begun.start
  // What is applied may let the controller replace members that don't serve, or all of them.
  if (rolls) await refuseLoss(ensemble, follower.snapshot(), undefined, signal)
  const applied = await journal.phase('Apply', (done) =>
    applyAll(ensemble, grown?.ground ?? ground, { first: start.first, rolls }, signal, done),
  )
  run.publish()
  follower.expect(applied.set.metadata.uid)
  await record.made(applied.created, signal)
  const began = clock.now()
  const view = await waitForMembers(
    deploy,
    rolls ? start : undefined,
    applied.set.metadata.generation,
    signal,
  )
  const memberMs = rolls ? memberTime(before, view, clock.now() - began) : undefined
  return { view, set: applied.set, memberMs }
}

/** Marks the revision verified, where its checks allow it; says so in the cluster. */
export async function closeDeploy(
  deploy: Deploy,
  { view, set, memberMs }: Awaited<ReturnType<typeof applyAndBring>>,
  signal: AbortSignal,
): Promise<void> {
  const { ensemble, ground, digest, unread } = deploy
  const { inputs, record, run } = ensemble
  const { report } = run
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
  await announceDeploy(
    deploy,
    {
      type: 'Normal',
      reason: 'Deployed',
      message: `revision ${report.revision} deployed${verified ? ' and verified' : ''}`,
    },
    signal,
    set,
  )
}

/** An event on the set; only where something was changed: an unchanged deploy writes nothing. */
export async function announceDeploy(
  { ensemble: { kube, run }, ground }: Deploy,
  { message, ...event }: Parameters<typeof announce>[2],
  signal: AbortSignal,
  set: KubeObject = ground.live ?? ground.setManifest.object,
): Promise<void> {
  const { clock, report } = run
  if (!report.changed || !ground.rights.announce) return
  const words = report.runUrl === '' ? message : `${message} (${report.runUrl})`
  await announce(kube, set, { ...event, message: words }, clock.now(), signal)
}

/** What each member that was replaced has taken, for the next plan. */
function memberTime(before: EnsembleView, after: EnsembleView, ms: number): number | undefined {
  const count = ownPods(after).filter(
    (pod) => !before.pods.some(({ uid }) => uid === pod.uid),
  ).length
  return count === 0 ? undefined : Math.round(ms / count)
}

/** `start`: how a roll of a running ensemble begins; undefined where no member is replaced. */
async function waitForMembers(
  deploy: Deploy,
  start: Start | undefined,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { ensemble, ground } = deploy
  const { inputs, run } = ensemble
  const { clock, journal, report } = run
  return journal.phase(
    start?.stands === undefined ? 'Wait for every member' : 'Roll, paced by the quorum',
    async (done) => {
      const bring = (): Promise<EnsembleView> =>
        bringMembers(
          start === undefined
            ? { ...ensemble, inputs: { ...inputs, pace: 'controller' } }
            : ensemble,
          start ?? asItIs(ground),
          { generation, force: inputs.forceConflicts },
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
      run.publish()
      return view
    },
  )
}
