// The number of voters of a running ensemble changes one at a time, with the member list: never as a side effect of a deploy.

import type { PreflightFinding, PreflightInput } from '../preflight.ts'

export function membershipFindings({ live, wanted, membership, listed, growth }: PreflightInput): readonly PreflightFinding[] {
  if (live === undefined || membership === 'free') return []
  const { view } = live
  const common = { code: 'MEMBERSHIP_CHANGE', severity: 'error', object: `statefulset/${wanted.name}` } as const
  if (view.replicas === 0) return []
  if (wanted.start !== view.start) {
    return [{ ...common, path: ['spec', 'ordinals', 'start'], message: `the first ordinal is ${view.start} in the cluster, the manifest says ${wanted.start}: that would replace members by others`, mend: `Keep spec.ordinals.start at ${view.start}.` }]
  }
  const path = ['spec', 'replicas']
  const counts = `the ensemble has ${view.replicas} ${view.replicas === 1 ? 'member' : 'members'}, the manifest says ${wanted.replicas}`
  if (wanted.replicas < view.replicas) {
    return [{ ...common, path, message: `${counts}: a deploy takes no member away`, mend: `Set replicas to ${view.replicas} here, and shrink with operation: scale.` }]
  }
  const members = listed ?? view.replicas
  if (wanted.replicas === members) return []
  if (Math.abs(members - view.replicas) > 1) {
    return [{ ...common, path, message: `the set has ${view.replicas} replicas in the cluster, but the member list there names ${members}: somebody changed one without the other`, mend: `If ${members} is right: kubectl -n ${wanted.namespace} scale statefulset/${wanted.name} --replicas=${members}; then run this again.` }]
  }
  // Otherwise it grows, one member at a time.
  return growth === undefined ? [] : [{ ...common, path, message: `${counts}, and this action can't add members to it: ${growth.refused}`, mend: growth.manual }]
}
