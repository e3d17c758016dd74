// The number of members of a running ensemble changes one at a time, with whatever its kind needs
// for it: never as a side effect of a deploy.

import type { ProfileName } from '../../view/profile-name.ts'
import type { PreflightFinding, PreflightInput, Membership } from './finding.ts'

export function membershipOf(profile: ProfileName): Membership {
  switch (profile) {
    case 'zookeeper':
      return 'listed'
    case 'cassandra':
      return 'ring'
    case 'custom':
      return 'closed'
    case 'none':
      return 'pods'
  }
}

/** Why this number of members is not changed by this action, and the way by hand. */
export function closedMembership({
  name,
  namespace,
  from,
  to,
}: {
  readonly name: string
  readonly namespace: string
  readonly from: number
  readonly to: number
}): { readonly refused: string; readonly manual: string } {
  const tools =
    to > from
      ? "Add the new member with the ensemble's own tools"
      : "Remove the member with the highest ordinal with the ensemble's own tools"
  return {
    refused:
      'who its members are is known to the ensemble alone (profile custom), and replicas does not tell it',
    manual: `${tools}, then kubectl -n ${namespace} scale statefulset/${name} --replicas=${to > from ? from + 1 : from - 1}, one member at a time. For pods that are no members of anything: profile: none.`,
  }
}

export function membershipFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { live, wanted, membership } = input
  if (live === undefined || live.view.replicas === 0) return []
  const { view } = live
  const common = {
    code: 'MEMBERSHIP_CHANGE',
    severity: membership === 'pods' ? 'warning' : 'error',
    object: `statefulset/${wanted.name}`,
  } as const
  if (wanted.start !== view.start) {
    return [
      {
        ...common,
        path: ['spec', 'ordinals', 'start'],
        message: `the first ordinal is ${view.start} in the cluster, the manifest says ${wanted.start}: that would replace members by others`,
        fix: `Keep spec.ordinals.start at ${view.start}.`,
      },
    ]
  }
  const path = ['spec', 'replicas']
  const counts = `the ensemble has ${view.replicas} ${view.replicas === 1 ? 'member' : 'members'}, the manifest says ${wanted.replicas}`
  if (membership === 'pods') {
    return wanted.replicas >= view.replicas
      ? []
      : [
          {
            ...common,
            path,
            message: `${counts}: ${view.replicas - wanted.replicas} of them ${view.replicas - wanted.replicas === 1 ? 'goes' : 'go'}, and the claims stay`,
            fix: `If that is not meant, set replicas to ${view.replicas} here.`,
          },
        ]
  }
  if (wanted.replicas < view.replicas) {
    const way =
      membership === 'closed'
        ? closedMembership({ ...wanted, from: view.replicas, to: wanted.replicas }).manual
        : 'Shrink with operation: scale.'
    return [
      {
        ...common,
        path,
        message: `${counts}: a deploy removes no member`,
        fix: `Set replicas to ${view.replicas} here. ${way}`,
      },
    ]
  }
  if (membership === 'listed')
    return listFindings(input, view.replicas, { ...common, path }, counts)
  if (membership === 'ring' || wanted.replicas === view.replicas) return []
  const { refused, manual } = closedMembership({
    ...wanted,
    from: view.replicas,
    to: wanted.replicas,
  })
  return [
    {
      ...common,
      path,
      message: `${counts}, and this action can't add members to it: ${refused}`,
      fix: `Set replicas to ${view.replicas} here. ${manual}`,
    },
  ]
}

/**
 * What the list says of it; where it says nothing against it, the ensemble grows one member at a
 * time.
 */
function listFindings(
  { wanted, listed, growth }: PreflightInput,
  replicas: number,
  common: Pick<PreflightFinding, 'code' | 'severity' | 'object' | 'path'>,
  counts: string,
): readonly PreflightFinding[] {
  const members = listed ?? replicas
  if (wanted.replicas === members) return []
  if (Math.abs(members - replicas) > 1) {
    return [
      {
        ...common,
        message: `the set has ${replicas} replicas in the cluster, but the member list there names ${members}: somebody changed one without the other`,
        fix: `If ${members} is right: kubectl -n ${wanted.namespace} scale statefulset/${wanted.name} --replicas=${members}; then run this again.`,
      },
    ]
  }
  return growth === undefined
    ? []
    : [
        {
          ...common,
          message: `${counts}, and this action can't add members to it: ${growth.refused}`,
          fix: growth.manual,
        },
      ]
}
