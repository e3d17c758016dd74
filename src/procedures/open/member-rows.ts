// Keeps the report's member table up to date from the cluster's view and from what the members
// themselves said.

import { faultOf } from '../../decide/members/members.ts'
import type { MemberState } from '../../ensemble/profile.ts'
import type { MemberRow, RunReport } from '../../report/run-report.ts'
import type { EnsembleView } from '../../view/surroundings.ts'

export function fillMembers(report: RunReport, view: EnsembleView): void {
  const { set } = view
  if (set === undefined) return
  report.replicas = set.replicas
  report.readyReplicas = view.pods.filter(
    (pod) => pod.ready && pod.deleting === undefined && pod.owner?.uid === set.uid,
  ).length
  if (set.status.updateRevision !== '') report.revision = set.status.updateRevision
  report.members = view.pods
    .filter((pod) => pod.owner?.uid === set.uid && pod.ordinal !== undefined)
    .toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0))
    .map((pod): MemberRow => {
      const known = report.members.find((row) => row.pod === pod.name)
      const said = known?.uid === pod.uid ? known : undefined
      return {
        pod: pod.name,
        ordinal: pod.ordinal ?? 0,
        uid: pod.uid,
        id: known?.id,
        role: said?.role,
        version: known?.version,
        zxid: known?.zxid,
        trouble: said?.trouble,
        askedAt: said?.askedAt,
        fault: faultOf(pod),
        alive:
          pod.deleting === undefined &&
          pod.containers.some((container) => container.state.kind === 'running'),
        node: pod.node,
        claim: pod.claims[0],
        revision: pod.revision,
        restarts: pod.containers.reduce((sum, container) => sum + container.restarts, 0),
        ready: pod.ready && pod.deleting === undefined,
        readySince: pod.ready ? pod.readySince : undefined,
      }
    })
}

/** `askedAt`: when they were asked; milliseconds since the epoch. */
export function fillStates(
  report: RunReport,
  states: readonly MemberState[],
  askedAt: number,
): void {
  for (const state of states) {
    const row = report.members.find((candidate) => candidate.pod === state.pod)
    if (row === undefined) continue
    row.id = state.id ?? row.id
    row.role = state.role
    row.version = state.version ?? row.version
    row.zxid = state.zxid ?? row.zxid
    row.trouble = state.trouble
    row.askedAt = askedAt
  }
  report.leader =
    states.find(
      (state) => state.role === 'leader' || (states.length === 1 && state.role === 'standalone'),
    )?.pod ?? ''
  report.version = states.find((state) => state.version !== undefined)?.version ?? report.version
}
