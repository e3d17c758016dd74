// Stands between a budget and the eviction of a member: budgets believe probes, and a probe may
// call a member ready that is outside of the quorum.

import { overtaken } from '../../decide/drain/gates.ts'
import { serves } from '../../decide/rollout/roll.ts'
import { failure } from '../../errors.ts'
import type { Lock } from '../../record/lock.ts'
import type { NodePod } from '../../view/node-pod.ts'
import { whoIsMissing } from '../rollout/await-serving.ts'
import { spareWriter } from '../verify/data-watch.ts'
import type { Answer, Evicting } from './evict-pods.ts'
import { refuseLoss } from '../verify/keep-data.ts'
import type { Looker } from '../rollout/looker.ts'
import { readyToLeave } from '../rollout/roll.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** An ensemble with members on the node. */
export interface Leaving {
  readonly ensemble: Ensemble
  readonly looker: Looker
  /** Its members on the node. */
  readonly pods: readonly NodePod[]
  /**
   * Names of those that only come back once the node is uncordoned, so they go together; every
   * other one is back before the next.
   */
  readonly together: ReadonlySet<string>
  /**
   * Somebody else's: once its StatefulSet is gone, or going, its pods are evicted like any other.
   */
  readonly neighbour: boolean
}

/** Somebody else's ensemble that nobody keeps any more. */
export function isAbandoned({
  ensemble: { before, follower },
}: Pick<Leaving, 'ensemble'>): boolean {
  const { set } = follower.snapshot()
  return set === undefined || set.deleting || set.uid !== before.set?.uid
}

/**
 * Why none of these pods is to be told any more: somebody else has changed their ensemble, and it
 * is not the one that was judged.
 */
export function overtakenBy(
  ensembles: readonly Leaving[],
  node: string,
): NonNullable<Evicting['overtaken']> {
  return (pods) => {
    const [change] = ensembles
      .filter(
        (one) =>
          !(one.neighbour && isAbandoned(one)) &&
          one.pods.some(({ uid }) => pods.some((pod) => pod.uid === uid)),
      )
      .flatMap((one) => changeOf(one) ?? [])
      .filter(({ passes }) => !passes)
    return change === undefined
      ? undefined
      : failure(
          'failed',
          'CONFLICT',
          `${change.what} by somebody else while ${node} was being drained`,
          {
            object: `node/${node}`,
            fix: 'Let that come to its end (operation: status says what it waits for).',
          },
        )
  }
}

function changeOf({ ensemble: { before, follower, run } }: Leaving): ReturnType<typeof overtaken> {
  return overtaken(before.set, follower.snapshot(), run.clock.now())
}

/**
 * One member of each ensemble after the other, each only while every other one serves by what it
 * says of itself, and never as the leader where it can hand over its leadership first.
 */
export function askToGo(
  ensembles: readonly Leaving[],
  lock: Pick<Lock, 'held'>,
): NonNullable<Evicting['ask']> {
  const told = new Set<string>()
  const asking = new Set<Leaving>()
  return async (pod, tell, signal) => {
    const of = ensembles.find(({ pods }) => pods.some(({ uid }) => uid === pod.uid))
    const theirs = of === undefined || (of.neighbour && isAbandoned(of)) ? undefined : of
    if (theirs === undefined) {
      if (!lock.held()) return held('the lock is being renewed')
      return noted(await tell(), pod, told)
    }
    if (asking.has(theirs)) return held('another member of its ensemble is asked first')
    asking.add(theirs)
    try {
      const missing = await whoElseIsOut(theirs, pod, told, signal)
      if (missing !== undefined) return held(missing)
      const change = changeOf(theirs)
      if (change !== undefined) return held(change.what)
      await spareWriter(theirs.ensemble, pod.uid, signal)
      if (!lock.held()) return held('the lock is being renewed')
      await keepsData(theirs, pod, signal)
      return noted(await tell(), pod, told)
    } finally {
      asking.delete(theirs)
    }
  }
}

function noted(answer: Answer, { uid }: NodePod, told: Set<string>): Answer {
  if (answer.kind === 'told') told.add(uid)
  return answer
}

/** In words; undefined when all the others serve. */
async function whoElseIsOut(
  { ensemble, looker, together: along }: Leaving,
  pod: NodePod,
  told: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const look = async (): Promise<{
    readonly leads: boolean
    readonly missing: string | undefined
  }> => {
    const members = await looker.members(ensemble.follower.snapshot(), true)
    const others = members.filter((member) => member.pod !== pod.name && !along.has(member.pod))
    // Who was evicted may serve for some seconds yet.
    const going = others.find((member) => member.uid !== undefined && told.has(member.uid))
    const missing = going === undefined ? whoIsMissing(others)?.reason : `${going.pod} was evicted`
    // Who goes along and has gone comes back only after this one: a hand-over would wait for it in
    // vain. The election is the same.
    const gone = members.some(
      (member) =>
        member.pod !== pod.name &&
        along.has(member.pod) &&
        (!serves(member) || (member.uid !== undefined && told.has(member.uid))),
    )
    // Alone in its ensemble it leads nobody.
    return {
      leads:
        !gone &&
        others.some(serves) &&
        members.some((member) => member.pod === pod.name && member.role === 'leader'),
      missing,
    }
  }
  const first = await look()
  if (first.missing !== undefined || !first.leads) return first.missing
  const ordinal = ensemble.follower.snapshot().pods.find(({ uid }) => uid === pod.uid)?.ordinal
  if (ordinal === undefined) return undefined
  await readyToLeave(ensemble, ordinal, signal)
  return (await look()).missing
}

/** Throws where its going would cost data. */
async function keepsData(
  { ensemble, looker }: Leaving,
  pod: NodePod,
  signal: AbortSignal,
): Promise<void> {
  const view = ensemble.follower.snapshot()
  await refuseLoss(
    ensemble,
    view,
    { member: { pod: pod.name, uid: pod.uid }, members: await looker.members(view, false) },
    signal,
  )
}

function held(reason: string): Answer {
  return { kind: 'held', reason }
}
