// deploy: load and lint, preflight, record, apply, ordered readiness, verify, mark the revision as
// verified.

import { Deadline } from '../clock.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { follow, type Follower } from '../kube/follow.ts'
import type { Kube } from '../kube/kube.ts'
import { selectorText } from '../kube/views/index.ts'
import { digestOfRevision } from '../manifests/digest.ts'
import { partitionOf } from '../manifests/partition.ts'
import { addressesAhead } from '../procedures/apply/addresses-ahead.ts'
import { adoptFirst, awaitAdoption } from '../procedures/deploy/adopt.ts'
import { afterFailure } from '../procedures/deploy/after-failure.ts'
import {
  applyAndBring,
  beginDeploy,
  closeDeploy,
  type Deploy,
} from '../procedures/deploy/deploy-steps.ts'
import { groundOnceGone } from '../procedures/apply/going-away.ts'
import { loadAndLint } from '../procedures/apply/load-and-lint.ts'
import type { DeployRequest } from '../procedures/apply/look-around.ts'
import type { Ground, Inspected } from '../procedures/apply/preflight.ts'
import { openLocked, type Locked } from '../procedures/open/hold-ensemble.ts'
import { readLogin } from '../procedures/open/login.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'
import { isUnfinished } from '../procedures/rollout/bring.ts'
import { grownFrom } from '../procedures/deploy/begun-growth.ts'
import { unreadBefore } from '../procedures/verify/unread.ts'
import { verifyPhase } from '../procedures/verify/verify-ensemble.ts'
import { RELEASE_MS, underLock } from '../record/lock.ts'
import { recoverNodes } from '../record/recover-nodes.ts'
import type { Run } from '../run.ts'

export async function deploy(inputs: Inputs, run: Run): Promise<void> {
  const loaded = await loadAndLint(inputs, run)
  await withClusterInTime(inputs, run, (kube, signal) =>
    deployTo(
      kube,
      { inputs, run, loaded, deadline: new Deadline(run.clock, inputs.timeoutMs) },
      signal,
    ),
  )
}

async function deployTo(kube: Kube, asked: DeployRequest, signal: AbortSignal): Promise<void> {
  const ground = await asked.run.journal.phase('Preflight', (done) =>
    groundOnceGone(kube, asked, signal, done),
  )
  try {
    const own = underLock(kube, ground.lock)
    const until = AbortSignal.any([signal, ground.lock.lost])
    await change(own, asked, await adoptFirst(own, asked, ground, until), until)
  } finally {
    await ground.lock.release(AbortSignal.timeout(RELEASE_MS))
  }
}

async function change(
  kube: Kube,
  asked: DeployRequest,
  ground: Ground,
  signal: AbortSignal,
): Promise<void> {
  const { run } = asked
  const { lock, target } = ground
  const held = AbortSignal.any([run.signal, lock.lost])
  const follower = follow(
    kube,
    {
      namespace: target.namespace,
      set: target.name,
      selector: selectorText(ground.selector),
      uid: ground.live?.metadata.uid,
    },
    run.clock,
    held,
  )
  try {
    await follower.ready()
    if (ground.live !== undefined) await awaitAdoption(follower, asked, signal)
    const opened = await openFor(kube, asked, ground, follower, signal)
    const locked = await openLocked(asked.inputs, run, opened, { lock, held })
    await forward(deployOf({ ...locked, set: ground.live }, ground), signal)
  } finally {
    await follower.stop()
  }
}

/** What is known of the ensemble before it is opened. */
async function openFor(
  kube: Kube,
  { inputs, run, deadline }: DeployRequest,
  ground: Ground,
  follower: Follower,
  signal: AbortSignal,
): Promise<Parameters<typeof openLocked>[2]> {
  const { target, rights, profile, nodes, stored } = ground
  const brought = ground.manifests.map(({ object }) => object)
  const { namespace } = target
  const login = await readLogin(
    kube,
    inputs,
    profile,
    { namespace, brought, io: run.manifestIo },
    signal,
  )
  const addresses = await addressesAhead(kube, ground, signal)
  return { kube, target, profile, login, nodes, rights, follower, deadline, addresses, stored }
}

function deployOf(ensemble: Locked, ground: Inspected): Deploy {
  const { before, record } = ensemble
  const set = ground.setManifest.object
  return {
    ensemble,
    ground,
    digest: digestOfRevision(
      set,
      ground.manifests.map(({ object }) => object),
    ),
    rolls:
      ground.live !== undefined &&
      before.pods.length > 0 &&
      (ground.rolls || isUnfinished(before, partitionOf(set))),
    grownFrom: grownFrom(ground, record),
    goesOn: record.current.underWay !== null,
    unread: unreadBefore(ground, record.current, before),
  }
}

async function forward(deploy: Deploy, signal: AbortSignal): Promise<void> {
  const { ensemble } = deploy
  const { inputs, lock, record, run } = ensemble
  const { journal, report } = run
  await recoverNodes(record, report, journal, lock.lost, signal)
  const begun = await beginDeploy(deploy, signal)
  const { watch } = begun
  const versionBefore = report.version
  let inChecks = false
  try {
    const applied = await applyAndBring(deploy, begun, signal)
    inChecks = true
    await verifyPhase(
      ensemble,
      applied.view,
      {
        level: inputs.verify,
        unchecked:
          'the members were not asked whether they are in the quorum, and this revision does not count as verified.',
        more: () => watch?.finish(applied.view, signal) ?? Promise.resolve([]),
      },
      signal,
    )
    await closeDeploy(deploy, applied, signal)
    report.ends(report.changed ? 'succeeded' : 'unchanged')
  } catch (error) {
    try {
      throw await afterFailure(deploy, { error, watch, versionBefore, inChecks })
    } finally {
      // However it ends: a writer that nobody stops continues for ever.
      await watch?.abandon()
    }
  }
}
