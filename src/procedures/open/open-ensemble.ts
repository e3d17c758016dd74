// An ensemble that is there, as everything over it works with it: made once, and passed as it is.

import type { Deadline } from '../../clock.ts'
import { chooseProfile } from '../../ensemble/choose.ts'
import type { Login } from '../../ensemble/profile.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Follower } from '../../kube/follow.ts'
import type { Kube } from '../../kube/kube.ts'
import type { Addresses } from '../../manifests/addresses.ts'
import type { Run } from '../../run.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { Rights } from './access.ts'
import type { Ensemble, Target } from './ensemble.ts'
import { profileOptions, reachThrough } from './reach.ts'

/** What was read of it before; `login`: of its checks. */
interface Found {
  readonly kube: Kube
  readonly target: Target
  readonly profile: ProfileName
  readonly login: Login | undefined
  readonly nodes: readonly NodeView[] | undefined
  readonly rights: Rights
  readonly follower: Follower
  readonly deadline: Deadline
  readonly addresses: Addresses
}

/** `follower` is ready: how the ensemble stands now is how it stood before the change. */
export async function openEnsemble(
  inputs: Inputs,
  run: Run,
  { profile, login, rights, follower, ...found }: Found,
): Promise<Ensemble> {
  const off = inputs.verify === 'off'
  return {
    ...found,
    rights,
    follower,
    run,
    inputs,
    memberTimeoutMs: inputs.memberTimeoutMs,
    logLines: rights.logs ? inputs.logLines : 0,
    watched: { by: undefined },
    reach: reachThrough(found.kube, rights),
    profile: await chooseProfile(profile, profileOptions(inputs, off ? undefined : login)),
    ...(off ? { checks: await chooseProfile('none', profileOptions(inputs)) } : {}),
    before: follower.snapshot(),
    place: { at: '' },
  }
}
