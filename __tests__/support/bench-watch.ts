// What clients notice while somebody else replaces members: one writer of the bench's own, the same
// beside the action as beside kubectl, and how often was elected.

import { tmpdir } from 'node:os'
import { systemClock } from '../../src/clock.ts'
import type { Profile, VerifyContext, WitnessReport } from '../../src/ensemble/profile.ts'
import { zooKeeperProfile } from '../../src/ensemble/zookeeper/profile.ts'
import { connectKube } from '../../src/kube/connect.ts'
import { follow, type Follower } from '../../src/kube/follow.ts'
import type { Kube } from '../../src/kube/kube.ts'
import { selectorText, toSet } from '../../src/kube/views/index.ts'
import { serves } from '../../src/decide/rollout/roll.ts'
import { targetOf } from '../../src/procedures/open/ensemble-target.ts'
import { findSet, readServices } from '../../src/procedures/open/read-ensemble.ts'
import { membersOf } from '../../src/procedures/verify/verify-ensemble.ts'
import type { Target } from '../../src/procedures/open/ensemble.ts'
import { reachThrough } from '../../src/procedures/open/reach.ts'

export interface Noticed {
  /** Until the work had ended and every member served again, milliseconds. */
  readonly ms: number
  readonly longestGapMs: number
  readonly elections: number
  readonly lost: number | undefined
}

interface Ensemble {
  readonly profile: Profile
  readonly follower: Follower
  readonly target: Target
  readonly context: VerifyContext
}

const LOOK_EVERY_MS = 500
/** An ensemble that has no quorum after this is not waited for. */
const SERVES_WITHIN_MS = 120_000

let known: Promise<Kube> | undefined

function cluster(): Promise<Kube> {
  known ??= connectKube({
    kubeconfig: undefined,
    context: undefined,
    env: process.env,
    workspace: tmpdir(),
    temp: tmpdir(),
    clock: systemClock,
  }).then(({ kube }) => kube)
  return known
}

/**
 * Runs `work` while the ensemble is written to, and waits until all members serve. Rejects as
 * `work` does.
 */
export async function noticed(
  namespace: string,
  set: string,
  work: () => Promise<void>,
): Promise<Noticed> {
  const ending = new AbortController()
  const { profile, follower, target, context } = await openEnsemble(namespace, set, ending.signal)
  const members = (): ReturnType<typeof membersOf> => membersOf(follower.snapshot(), target)
  try {
    const witness = await profile.witness?.(members, context)
    const epoch = await epochOf({ profile, follower, target, context })
    const began = performance.now()
    await work()
    await allServe({ profile, follower, target, context })
    const ms = performance.now() - began
    const seen: WitnessReport | undefined = await witness?.stop(members(), ending.signal)
    return {
      ms,
      longestGapMs: seen?.longestGapMs ?? NaN,
      elections: (await epochOf({ profile, follower, target, context })) - epoch,
      lost: seen?.lost,
    }
  } finally {
    ending.abort(new Error('the bench has measured'))
    await follower.stop()
  }
}

async function openEnsemble(
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Ensemble> {
  const kube = await cluster()
  const [set, services] = await Promise.all([
    findSet(kube, namespace, name, signal),
    readServices(kube, namespace, signal),
  ])
  const target = targetOf(set, services, 'zookeeper', namespace)
  const view = toSet(set)
  const follower = follow(
    kube,
    { namespace, set: name, selector: selectorText(view.selector) },
    systemClock,
    signal,
  )
  await follower.ready()
  const profile = zooKeeperProfile({ auth: undefined, checkPath: '/bench' })
  const context: VerifyContext = {
    reach: reachThrough(kube, { forward: true, exec: true }),
    clock: systemClock,
    signal,
    settleMs: 30_000,
    runId: `bench-${process.pid}`,
    say: () => undefined,
    replicas: view.replicas,
    serviceName: target.headlessService,
  }
  return { profile, follower, target, context }
}

/**
 * Each election begins a new epoch, the upper half of every transaction's id; the writer makes
 * transactions all the time.
 */
async function epochOf({ profile, follower, target, context }: Ensemble): Promise<number> {
  const states = await profile.look(membersOf(follower.snapshot(), target), context)
  return Math.max(
    0,
    ...states.map(({ zxid }) => (zxid === undefined ? 0 : Number(BigInt(zxid) >> 32n))),
  )
}

async function allServe({ profile, follower, target, context }: Ensemble): Promise<void> {
  const until = performance.now() + SERVES_WITHIN_MS
  while (performance.now() < until) {
    const view = follower.snapshot()
    const members = membersOf(view, target)
    const states = await profile.look(members, context)
    if (
      members.length === view.set?.replicas &&
      states.every((state) => serves({ role: state.role, ready: false }))
    )
      return
    await systemClock.sleep(LOOK_EVERY_MS, context.signal)
  }
}

/** Pod names: who leads, and a follower. Rejects where nobody leads. */
export async function rolesIn(
  namespace: string,
  set: string,
): Promise<{ readonly leader: string; readonly follower: string }> {
  const ending = new AbortController()
  const { profile, follower, target, context } = await openEnsemble(namespace, set, ending.signal)
  try {
    const states = await profile.look(membersOf(follower.snapshot(), target), context)
    const leader = states.find(({ role }) => role === 'leader')
    const other = states.find(({ role }) => role === 'follower')
    if (leader === undefined || other === undefined)
      throw new Error(`${set} in ${namespace} has no leader and follower`)
    return { leader: leader.pod, follower: other.pod }
  } finally {
    ending.abort(new Error('the bench has looked'))
    await follower.stop()
  }
}
