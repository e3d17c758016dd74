// A member that runs and is outside of its quorum, as a cause: Ready is what its probe says, that
// it does not serve only the member says.

import type { ProfileName } from '../../view/profile-name.ts'
import type { SetView } from '../../view/workload.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { isUnreached, serves, why, type MemberNow } from './roll.ts'

const FIXES: Readonly<Record<ProfileName, string>> = {
  zookeeper:
    'Compare its member list, its id and the names of its peers with those of the others; its log says whom it cannot reach.',
  cassandra:
    'Compare nodetool status of this member with that of the others; its log says whom it cannot reach.',
  custom: 'Run your commands in this member by hand; its log may say why they fail.',
  none: 'Look at its log.',
}

export function notServing(
  member: MemberNow,
  ensemble: { readonly set: SetView | undefined; readonly members: readonly MemberNow[] },
  where: { readonly container: string; readonly since: number; readonly profile: ProfileName },
): Diagnosis {
  if (isUnreached(member)) {
    return {
      code: 'CHECK_IMPOSSIBLE',
      ordinal: member.ordinal,
      object: `pod/${member.pod}`,
      container: where.container,
      reason: 'Unreachable',
      class: 'informative',
      since: where.since,
      explains: true,
      message: `${member.pod}: its pod is Ready, but the member could not be reached: ${why(member)}whether it serves is not known`,
      fix: 'Run operation: verify: it says what keeps this run from reaching the member. Mostly pods/exec is missing in its Role, or a gateway, a webhook or a policy lets no exec through.',
      againstRevision: false,
    }
  }
  const others = ensemble.members.filter((other) => other !== member)
  return {
    code: 'NOT_READY',
    ordinal: member.ordinal,
    object: `pod/${member.pod}`,
    container: where.container,
    reason: 'NotServing',
    class: 'informative',
    since: where.since,
    explains: true,
    message: member.ready
      ? `${member.pod}: its pod is Ready, but the member does not serve (${member.role ?? 'not asked'})${where.profile === 'zookeeper' ? ': it is outside of the quorum' : ''}`
      : `${member.pod}: does not serve (${member.role ?? 'not asked'}), it is ${member.text}`,
    fix: FIXES[where.profile],
    againstRevision:
      member.revision === ensemble.set?.status.updateRevision && others.every(serves),
  }
}
