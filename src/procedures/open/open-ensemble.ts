// An ensemble that is there, as everything over it works with it: made once, and passed as it is.

import type { Deadline } from '../../clock.ts'
import { chooseProfile, profileOptions } from '../../ensemble/choose.ts'
import type { Login } from '../../ensemble/profile.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Follower } from '../../kube/follow.ts'
import type { Kube } from '../../kube/kube.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { Run } from '../../run.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { Rights } from './access.ts'
import type { Ensemble, ReachableEnsemble, Target } from './ensemble.ts'
import { reachThrough } from './reach.ts'

/** What was read of it before; `login`: of its checks. */
interface Found {
  readonly kube: Kube
  readonly target: Target
  readonly profile: ProfileName
  readonly login: Login | undefined
  readonly nodes: readonly NodeView[] | undefined
  readonly rights: Rights
}

/** To be asked and checked; nothing of it is changed. */
export async function openToVerify(
  inputs: Inputs,
  run: Run,
  { profile, login, ...found }: Found,
): Promise<ReachableEnsemble> {
  const { kube, rights } = found
  return {
    ...found,
    run,
    memberTimeoutMs: inputs.memberTimeoutMs,
    logLines: rights.logs ? inputs.logLines : 0,
    reach: reachThrough(kube, rights),
    profile: await chooseProfile(profile, profileOptions(inputs, login)),
  }
}

/**
 * To be looked at: members are asked by what writes nothing, and how long one of them may take is
 * the business of the run that changes it.
 */
export async function openToLook(
  inputs: Inputs,
  run: Run,
  found: Omit<Found, 'login' | 'nodes'>,
): Promise<ReachableEnsemble> {
  const asked = { ...inputs, writeCommand: undefined, readCommand: undefined }
  return {
    ...(await openToVerify(asked, run, { ...found, login: undefined, nodes: undefined })),
    memberTimeoutMs: inputs.timeoutMs,
  }
}

/** `follower` is ready: how the ensemble stands now is how it stood before the change. */
export async function openEnsemble(
  inputs: Inputs,
  run: Run,
  {
    follower,
    deadline,
    addresses,
    ...found
  }: Found & {
    readonly follower: Follower
    readonly deadline: Deadline
    readonly addresses: Addresses
  },
): Promise<Ensemble> {
  const off = inputs.verify === 'off'
  return {
    ...(await openToVerify(inputs, run, off ? { ...found, login: undefined } : found)),
    ...(off ? { checks: await chooseProfile('none', profileOptions(inputs)) } : {}),
    run,
    inputs,
    follower,
    deadline,
    addresses,
    watched: { by: undefined },
    before: follower.snapshot(),
    place: { at: '' },
  }
}
