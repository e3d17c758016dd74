// The number of voters of a running ensemble changes one at a time, with the member list: never as a side effect of a deploy.

import type { PreflightFinding, PreflightInput } from '../preflight.ts'

export function membershipFindings({ live, wanted, membership }: PreflightInput): readonly PreflightFinding[] {
  if (live === undefined || membership === 'free') return []
  const { view } = live
  const common = { code: 'MEMBERSHIP_CHANGE', severity: 'error', object: `statefulset/${wanted.name}` } as const
  if (view.replicas === 0) return []
  if (wanted.start !== view.start) {
    return [{ ...common, path: ['spec', 'ordinals', 'start'], message: `the first ordinal is ${view.start} in the cluster, the manifest says ${wanted.start}: that would replace members by others`, mend: `Keep spec.ordinals.start at ${view.start}.` }]
  }
  if (wanted.replicas === view.replicas) return []
  const path = ['spec', 'replicas']
  const counts = `the ensemble has ${view.replicas} ${view.replicas === 1 ? 'member' : 'members'}, the manifest says ${wanted.replicas}`
  if (wanted.replicas < view.replicas) {
    return [{ ...common, path, message: `${counts}: a deploy takes no member away`, mend: `Set replicas to ${view.replicas} here, and shrink with operation: scale.` }]
  }
  return [{ ...common, path, message: `${counts}: a deploy does not add members yet`, mend: `Set replicas to ${view.replicas} here; members are added by operation: scale, which is not built yet.` }]
}
