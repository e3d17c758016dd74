// verify: asks a running ensemble whether it is whole and whether what is written through each
// member is read through every other; changes nothing but the check's own data.

import { SERVING } from '../decide/members/serving.ts'
import { Deadline } from '../clock.ts'
import { ownPods } from '../decide/members/members.ts'
import { ELECTS_WITHIN_MS, TELL_OUTSIDE_MS } from '../decide/members/patience.ts'
import { judgeRollout } from '../decide/rollout/rollout.ts'
import { duringScale } from '../decide/during-scale.ts'
import { EnsembleError, failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToFindServices,
  rightsToLook,
  rightsToVerify,
} from '../procedures/open/access.ts'
import type { Recalled } from '../procedures/open/recall.ts'
import { scaleBegun } from '../record/record.ts'
import { readLogin } from '../procedures/open/login.ts'
import { connectionString, profileOf, targetOf } from '../procedures/open/ensemble-target.ts'
import { readUndoTarget } from '../procedures/open/undo-target.ts'
import { withPodCauses } from '../procedures/verify/pod-causes.ts'
import { findSet, readNodes, readServices, readView } from '../procedures/open/read-ensemble.ts'
import type { ReachableEnsemble } from '../procedures/open/ensemble.ts'
import { createLooker } from '../procedures/rollout/looker.ts'
import {
  lookAtServiceAgain,
  outcomeOf,
  verifyEnsemble,
} from '../procedures/verify/verify-ensemble.ts'
import type { Run } from '../run.ts'
import type { VerifyLevel } from '../view/profile-name.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { waitUntil, type Missing } from '../wait-until.ts'
import { openToVerify } from '../procedures/open/open-ensemble.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'

export async function verify(inputs: Inputs, run: Run): Promise<void> {
  await withClusterInTime(inputs, run, (kube, signal) => verifyIn(kube, inputs, run, signal))
}

async function verifyIn(kube: Kube, inputs: Inputs, run: Run, signal: AbortSignal): Promise<void> {
  const { clock, journal, report } = run
  const namespace = inputs.namespace ?? kube.namespace
  report.about({ namespace, name: inputs.name ?? '' })
  report.stands('verify changes nothing')
  const level = levelOf(inputs)
  const { set, view, ...found } = await journal.phase('Read the ensemble', (done) =>
    readAll(kube, inputs, run, done, signal),
  )
  const standing = judgeRollout(view, clock.now(), {})
  if (standing.kind === 'waiting') journal.info(`The rollout is not done: ${standing.reason}.`)
  const ensemble = await journal.phase(`Verify (${level})`, async (done) => {
    const io = run.manifestIo
    const login = await readLogin(kube, inputs, found.profile, { namespace, io }, signal)
    const opened = await openToVerify(inputs, run, { ...found, kube, login })
    await check(opened, view, level, signal)
    done(outcomeOf(report))
    return opened
  })
  if (standing.kind === 'waiting') await awaitReadiness(ensemble, set, signal)
  report.ends('succeeded')
}

function levelOf({ verify: level }: Inputs): VerifyLevel {
  if (level !== 'off') return level
  throw failure(
    'refused',
    'INPUT_INVALID',
    'with verify off there is nothing to do for operation verify',
    { input: 'verify', fix: 'Set verify to quick, full or thorough.' },
  )
}

async function readAll(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  done: (line: string) => void,
  signal: AbortSignal,
) {
  const { report } = run
  const namespace = inputs.namespace ?? kube.namespace
  const [rights, set, around] = await Promise.all([
    reviewRights(
      kube,
      [...rightsToLook(namespace), ...rightsToFindServices(namespace)],
      namespace,
      signal,
    ),
    findSet(kube, namespace, inputs.name, signal),
    readServices(kube, namespace, signal),
  ])
  refuseMissing(rightsToVerify(rights, inputs.profile, namespace), 'CHECK_IMPOSSIBLE')
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  const profile = profileOf(set, inputs.profile)
  const target = targetOf(set, around, profile, namespace)
  const [view, nodes] = await Promise.all([
    readView(kube, set, signal),
    rights.nodes ? readNodes(kube, signal) : undefined,
  ])
  report.about({ name: target.name, profile })
  report.about({
    connectionString: connectionString(target, view.set?.start ?? 0, view.set?.replicas ?? 0),
  })
  report.sawMembers(view)
  run.publish()
  if (nodes === undefined) report.note('Nodes may not be read: zones were not looked at.')
  done(
    `${target.name} in ${namespace}, profile ${profile}, ${report.readyReplicas ?? 0} of ${report.replicas ?? 0} members ready`,
  )
  return { set, view, target, profile, rights, nodes }
}

/** A failure comes with what the pods themselves show, and with what an undo would go back to. */
async function check(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<void> {
  const {
    kube,
    run: { clock, report },
  } = ensemble
  try {
    await verifyEnsemble(ensemble, view, level, () => Promise.resolve([]), signal)
  } catch (error) {
    const recalled = await readUndoTarget(kube, report, view, clock.now(), signal)
    if (!(error instanceof EnsembleError) || error.outcome !== 'failed') throw error
    throw withScale(await withPodCauses(error, ensemble, signal), ensemble, recalled)
  }
}

function withScale(
  error: EnsembleError,
  { target, profile }: ReachableEnsemble,
  recalled: Recalled | undefined,
): EnsembleError {
  const scale = scaleBegun(recalled?.record, target.name, profile.name)
  if (scale === undefined) return error
  const [first, ...rest] = error.findings.map((one) => duringScale(one, scale, recalled?.alive))
  return first === undefined
    ? error
    : new EnsembleError(error.outcome, [first, ...rest], { cause: error })
}

/**
 * The members answered well, yet the set isn't what it should be: a pod missing or a roll under way
 * is no success. Where all pods are there and of one revision only their probes are behind, and
 * they are waited for as long as such members may take.
 */
async function awaitReadiness(
  ensemble: ReachableEnsemble,
  set: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  const { kube, memberTimeoutMs } = ensemble
  const { clock, journal, report } = ensemble.run
  const seen = async (): Promise<EnsembleView> => {
    const { name, namespace = '' } = set.metadata
    return readView(kube, await findSet(kube, namespace, name, signal), signal)
  }
  let view = await seen()
  let looked = false
  const waits = isComplete(view) ? Math.min(memberTimeoutMs, ELECTS_WITHIN_MS) : 0
  const look = async (): Promise<Missing | undefined> => {
    if (looked) view = await seen()
    looked = true
    report.sawMembers(view)
    const standing = judgeRollout(view, clock.now(), {})
    if (standing.kind !== 'waiting') return undefined
    return { line: `still waiting: ${standing.reason}`, over: () => notReady(set, standing.reason) }
  }
  await waitUntil(
    {
      clock,
      deadline: new Deadline(clock, waits),
      everyMs: 1_000,
      heartbeatMs: TELL_OUTSIDE_MS,
      say: (line) => journal.info(line),
    },
    look,
    signal,
  )
  // A member that counts by its pod alone was told as not serving; now it is Ready.
  if (report.members.some(({ role }) => role === undefined || !SERVING.has(role)))
    await createLooker(ensemble, signal).members(view, true)
  await lookAtServiceAgain(ensemble, signal)
}

function isComplete(view: EnsembleView): boolean {
  const pods = ownPods(view)
  return (
    pods.length === view.set?.replicas &&
    pods.every(
      ({ deleting, revision }) =>
        deleting === undefined && revision === view.set?.status.updateRevision,
    )
  )
}

function notReady(set: KubeObject, reason: string): EnsembleError {
  return failure('failed', 'NOT_READY', reason, {
    object: `statefulset/${set.metadata.name}`,
  })
}
