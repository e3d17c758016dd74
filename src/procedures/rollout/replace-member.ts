// Takes one member down safely: a leader hands over leadership first, a serving member goes only
// through the budget, one that doesn't serve is freed.

import type { MemberNow } from '../../decide/rollout/roll.ts'
import type { Profile } from '../../ensemble/profile.ts'
import { failure } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { spareWriter } from '../verify/data-watch.ts'
import { evictPod } from './evict.ts'
import { contextFor } from '../verify/verify-ensemble.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

/**
 * Ends the leader's process in place: the election happens while every address is known, which
 * `settled` says why. A leader that can't be told is replaced as it is, and that is said.
 */
export async function stepDown(
  ensemble: ReachableEnsemble,
  member: MemberNow,
  replicas: number,
  settled: string,
  signal: AbortSignal,
): Promise<void> {
  const {
    run: { report },
    target,
  } = ensemble
  const about = {
    pod: member.pod,
    namespace: target.namespace,
    ordinal: member.ordinal,
    uid: member.uid ?? '',
    node: undefined,
    container: target.container,
    clientPort: target.clientPort,
    ready: member.ready,
  }
  report.did({
    line: `${member.pod}: leads; its server is ended in place, so that another member leads before it is replaced: ${settled}`,
    what: 'hands over its leadership',
    member: member.pod,
    event: { kind: 'hand-over' },
  })
  await spareWriter(ensemble, member.uid, signal)
  try {
    await ensemble.profile.stepDown?.(about, contextFor(ensemble, replicas, signal))
  } catch (error) {
    signal.throwIfAborted()
    report.note(
      `${member.pod} could not hand over its leadership before it was replaced (${error instanceof Error ? error.message : 'unknown'}): the election may have taken longer.`,
    )
  }
}

/** What is known of the others when one is taken down. */
export function othersServe({ onlyReady }: Pick<Profile, 'onlyReady'>): string {
  return onlyReady === true ? 'every other member is Ready' : 'every other member serves'
}

/** Evicts a member; undefined when it goes (or is gone), else what the budget says. */
export async function takeByEviction(
  ensemble: ReachableEnsemble,
  member: MemberNow,
  told: Set<string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const uid = member.uid ?? ''
  await spareWriter(ensemble, uid, signal)
  const answer = await evictPod(
    ensemble.kube,
    { name: member.pod, namespace: ensemble.target.namespace, uid },
    {},
    signal,
  )
  if (answer.kind === 'budget') return `${member.pod} waits for the budget: ${answer.reason}`
  if (answer.kind === 'told') {
    told.add(uid)
    ensemble.run.report.did({
      what: 'evicted',
      member: member.pod,
      event: { kind: 'evicted' },
      line: `${member.pod}: evicted, ${othersServe(ensemble.profile)}`,
    })
  }
  return undefined
}

/**
 * Rids the set of a pod that doesn't serve; deleted only where the budget keeps it although it is
 * useless to anybody. Always with its UID: never another pod of that name.
 */
export async function freeMember(
  ensemble: ReachableEnsemble,
  member: MemberNow,
  why: string,
  told: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { kube, rights } = ensemble
  const { namespace } = ensemble.target
  const uid = member.uid ?? ''
  if (!rights.evict && !rights.deletePods) {
    throw failure(
      'failed',
      'ACCESS_DENIED',
      `${member.pod} must be deleted to come back (${why}), and this run may neither evict nor delete pods`,
      {
        object: `pod/${member.pod}`,
        ordinal: member.ordinal,
        fix: `kubectl -n ${namespace} delete pod ${member.pod}, or allow pods/eviction [create] and pods [delete] in the Role of this workflow.`,
      },
    )
  }
  await spareWriter(ensemble, uid, signal)
  let how: 'evicted' | 'deleted' = 'evicted'
  const answer = rights.evict
    ? await evictPod(kube, { name: member.pod, namespace, uid }, {}, signal)
    : undefined
  if (answer === undefined || answer.kind === 'budget') {
    if (!rights.deletePods) {
      throw failure(
        'failed',
        'ACCESS_DENIED',
        `${member.pod} must be deleted to come back (${why}); its eviction is refused (${answer?.reason ?? ''}) and this run may not delete pods`,
        {
          object: `pod/${member.pod}`,
          ordinal: member.ordinal,
          fix: `kubectl -n ${namespace} delete pod ${member.pod}, or allow pods [delete] in the Role of this workflow.`,
        },
      )
    }
    how = 'deleted'
    try {
      await kube.delete(
        { apiVersion: 'v1', kind: 'Pod', name: member.pod, namespace },
        { uid },
        signal,
      )
    } catch (error) {
      // Another pod has its name by now: nothing to free.
      if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    }
  }
  told.add(uid)
  ensemble.run.report.did({
    what: `${how}: ${why}`,
    member: member.pod,
    event: { kind: how },
    line: `${member.pod}: ${how}: ${why}`,
  })
}
