// The number of members of a running ensemble changes one at a time, with whatever its kind needs
// for it: never as a side effect of a deploy.

import type { ProfileName } from '../../view/profile-name.ts'
import type { SetView } from '../../view/workload.ts'
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

type Change = Pick<PreflightFinding, 'path' | 'message' | 'fix'>

const REPLICAS = ['spec', 'replicas']

export function membershipFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { live, wanted, membership } = input
  if (live === undefined || live.view.replicas === 0) return []
  const leaving = nodeLeaves(input, live.view)
  if (leaving !== undefined) return [leaving]
  const change = changeOf(input, live.view)
  return change === undefined
    ? []
    : [
        {
          code: 'MEMBERSHIP_CHANGE',
          severity: membership === 'pods' ? 'warning' : 'error',
          object: `statefulset/${wanted.name}`,
          ...change,
        },
      ]
}

/**
 * A node that was told to leave the ring doesn't come back, whatever a manifest says: the scale
 * itself ends it.
 */
function nodeLeaves(
  { membership, scaling, wanted }: PreflightInput,
  { replicas }: SetView,
): PreflightFinding | undefined {
  if (membership !== 'ring' || scaling === undefined || (scaling.to ?? replicas) >= replicas)
    return undefined
  return {
    code: 'CONFLICT',
    severity: 'error',
    object: `statefulset/${wanted.name}`,
    path: REPLICAS,
    message: `${scaling.words}: ${wanted.name}-${wanted.start + replicas - 1} may be leaving the ring, or have left it, and does not come back`,
    fix: scaling.end,
  }
}

function changeOf(input: PreflightInput, view: SetView): Change | undefined {
  const { wanted, membership } = input
  if (wanted.start !== view.start)
    return {
      path: ['spec', 'ordinals', 'start'],
      message: `the first ordinal is ${view.start} in the cluster, the manifest says ${wanted.start}: that would replace members by others`,
      fix: `Keep spec.ordinals.start at ${view.start}.`,
    }
  if (wanted.replicas < view.replicas)
    return membership === 'pods' ? fewerPods(input, view) : fewerMembers(input, view)
  switch (membership) {
    case 'listed':
      return againstList(input, view)
    case 'closed':
      return wanted.replicas === view.replicas ? undefined : closed(input, view)
    case 'ring':
    case 'pods':
      return undefined
  }
}

/** `the ensemble has 3 members, the manifest says 4`. */
function countsOf({ wanted }: PreflightInput, { replicas }: SetView): string {
  return `the ensemble has ${replicas} ${replicas === 1 ? 'member' : 'members'}, the manifest says ${wanted.replicas}`
}

function fewerPods(input: PreflightInput, view: SetView): Change {
  const fewer = view.replicas - input.wanted.replicas
  return {
    path: REPLICAS,
    message: `${countsOf(input, view)}: ${fewer} of them ${fewer === 1 ? 'goes' : 'go'}, and the claims stay`,
    fix: `If that is not meant, set replicas to ${view.replicas} here.`,
  }
}

function fewerMembers(input: PreflightInput, view: SetView): Change {
  const { wanted, membership } = input
  const way =
    membership === 'closed'
      ? closedMembership({ ...wanted, from: view.replicas, to: wanted.replicas }).manual
      : 'Shrink with operation: scale.'
  return {
    path: REPLICAS,
    message: `${countsOf(input, view)}: a deploy removes no member`,
    fix: `Set replicas to ${view.replicas} here. ${way}`,
  }
}

function closed(input: PreflightInput, view: SetView): Change {
  const { wanted } = input
  const { refused, manual } = closedMembership({
    ...wanted,
    from: view.replicas,
    to: wanted.replicas,
  })
  return {
    path: REPLICAS,
    message: `${countsOf(input, view)}, and this action can't add members to it: ${refused}`,
    fix: `Set replicas to ${view.replicas} here. ${manual}`,
  }
}

/**
 * What the list says of it; where it says nothing against it, the ensemble grows one member at a
 * time.
 */
function againstList(input: PreflightInput, view: SetView): Change | undefined {
  const { wanted, listed, growth } = input
  const { replicas } = view
  const members = listed ?? replicas
  if (wanted.replicas === members) return undefined
  if (Math.abs(members - replicas) > 1)
    return {
      path: REPLICAS,
      message: `the set has ${replicas} replicas in the cluster, but the member list there names ${members}: somebody changed one without the other`,
      fix: `If ${members} is right: kubectl -n ${wanted.namespace} scale statefulset/${wanted.name} --replicas=${members}; then run this again.`,
    }
  return growth === undefined
    ? undefined
    : {
        path: REPLICAS,
        message: `${countsOf(input, view)}, and this action can't add members to it: ${growth.refused}`,
        fix: growth.manual,
      }
}
