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
import type { Ground } from '../procedures/apply/preflight.ts'
import { readLogin } from '../procedures/open/login.ts'
import { openEnsemble } from '../procedures/open/open-ensemble.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'
import { isUnfinished } from '../procedures/rollout/bring.ts'
import { unreadBefore } from '../procedures/verify/unread.ts'
import { verifyPhase } from '../procedures/verify/verify-ensemble.ts'
import { HeldRecord } from '../record/held-record.ts'
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
    await change(
      underLock(kube, ground.lock),
      asked,
      ground,
      AbortSignal.any([signal, ground.lock.lost]),
    )
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
  const { target } = ground
  const follower = follow(
    kube,
    {
      namespace: target.namespace,
      set: target.name,
      selector: selectorText(ground.selector),
      uid: ground.live?.metadata.uid,
    },
    run.clock,
    AbortSignal.any([run.signal, ground.lock.lost]),
  )
  try {
    await follower.ready()
    await forward(await deployOf(kube, asked, ground, follower, signal), signal)
  } finally {
    await follower.stop()
  }
}

async function deployOf(
  kube: Kube,
  { inputs, run, deadline }: DeployRequest,
  ground: Ground,
  follower: Follower,
  signal: AbortSignal,
): Promise<Deploy> {
  const { target, rights, profile, nodes } = ground
  const { namespace, name } = target
  const objects = ground.manifests.map((manifest) => manifest.object)
  const login = await readLogin(
    kube,
    inputs,
    profile,
    { namespace, brought: objects, io: run.manifestIo },
    signal,
  )
  const addresses = await addressesAhead(kube, ground, signal)
  const ensemble = await openEnsemble(inputs, run, {
    kube,
    target,
    profile,
    login,
    nodes,
    rights,
    follower,
    deadline,
    addresses,
  })
  const { before } = ensemble
  const place = { namespace, name, runUrl: run.report.runUrl }
  const record = new HeldRecord(kube, run.clock, place, ground.stored)
  return {
    ...ensemble,
    inputs,
    ground,
    record,
    digest: digestOfRevision(ground.setManifest.object, objects),
    rolls:
      ground.live !== undefined &&
      before.pods.length > 0 &&
      (ground.rolls || isUnfinished(before, partitionOf(ground.setManifest.object))),
    unread: unreadBefore(ground, record.current, before),
  }
}

async function forward(deploy: Deploy, signal: AbortSignal): Promise<void> {
  const { inputs, ground, record, run } = deploy
  const { journal, report } = run
  await recoverNodes(record, report, journal, ground.lock.lost, signal)
  const begun = await beginDeploy(deploy, signal)
  const { watch } = begun
  const versionBefore = report.version
  let inChecks = false
  try {
    const applied = await applyAndBring(deploy, begun, signal)
    inChecks = true
    await verifyPhase(
      deploy,
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
      // However it ends: a writer that nobody stops goes on for ever.
      await watch?.abandon()
    }
  }
}
