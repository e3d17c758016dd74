// The kubectl commands that a person would type next, so that nobody has to think of them at 3 a.m.
// They only look; what changes something comes from the run itself.

import type { Code } from '../errors.ts'
import { decidingFinding } from './cause.ts'
import { shellWord } from './escape.ts'
import { failedNode } from './node-words.ts'
import type { RunReport } from './run-report.ts'

/**
 * Commands to copy, one per line, without repeats; empty when there is nothing to look at in the
 * cluster.
 */
export function nextSteps(report: RunReport): string[] {
  // What was taken back is whole again: there is nothing left of the fault to look at.
  return [
    ...new Set([
      ...report.byHand,
      ...(report.code === '' || report.result === 'undone'
        ? []
        : looks(report.code, placesOf(report))),
    ]),
  ]
}

interface Places {
  readonly kubectl: string
  readonly set: string | undefined
  readonly pod: string | undefined
  readonly container: string | undefined
  readonly node: string | undefined
  /** The run is about nodes. */
  readonly nodes: boolean
  readonly claim: string | undefined
  readonly lease: string | undefined
}

function placesOf(report: RunReport): Places {
  const finding = decidingFinding(report)
  const evidence =
    report.evidence.find((one) => one.object === finding?.object) ?? report.evidence[0]
  const objects = [finding?.object, evidence?.object]
  const member = report.members.find((row) =>
    finding?.ordinal === undefined ? !row.ready : row.ordinal === finding.ordinal,
  )
  return {
    kubectl: report.namespace === '' ? 'kubectl' : `kubectl -n ${shellWord(report.namespace)}`,
    set: report.name === '' ? undefined : shellWord(report.name),
    pod: nameOf('pod', objects) ?? (member === undefined ? undefined : shellWord(member.pod)),
    container: evidence?.container === undefined ? undefined : shellWord(evidence.container),
    node:
      nameOf('node', objects) ??
      (failedNode(report) === '' ? undefined : shellWord(failedNode(report))),
    nodes: report.nodes.length > 0,
    claim:
      nameOf('persistentvolumeclaim', objects) ??
      (member?.claim === undefined ? undefined : shellWord(member.claim)),
    lease: report.name === '' ? undefined : shellWord(`zk-ensemble-${report.name}`),
  }
}

function nameOf(kind: string, objects: readonly (string | undefined)[]): string | undefined {
  const found = objects.find((object) => object?.toLowerCase().startsWith(`${kind}/`))
  return found === undefined ? undefined : shellWord(found.slice(kind.length + 1))
}

function looks(code: Code, places: Places): string[] {
  const { kubectl, set, pod, container, node, nodes, claim, lease } = places
  const pods = `${kubectl} get pods -o wide`
  const ofSet =
    set === undefined ? `${kubectl} get statefulsets` : `${kubectl} describe statefulset ${set}`
  const describe = pod === undefined ? pods : `${kubectl} describe pod ${pod}`
  const logs =
    pod === undefined
      ? []
      : [`${kubectl} logs ${pod}${container === undefined ? '' : ` -c ${container}`} --tail=100`]
  const events = `${kubectl} get events --sort-by=.lastTimestamp`
  switch (code) {
    case 'INPUT_INVALID':
    case 'MANIFEST_INVALID':
    case 'LINT_FAILED':
    case 'INTERNAL':
      return []
    case 'CLUSTER_UNREACHABLE':
      return ['kubectl config current-context', 'kubectl cluster-info']
    case 'ACCESS_DENIED':
      return [`${kubectl} auth can-i --list`]
    case 'LOCKED':
      return lease === undefined
        ? [`${kubectl} get leases`]
        : [`${kubectl} get lease ${lease} -o yaml`]
    case 'NOT_FOUND':
      return ['kubectl config current-context', `${kubectl} get statefulsets`]
    case 'PROTECTED':
      return ['kubectl get namespaces --show-labels']
    case 'IMMUTABLE_FIELD':
    case 'MEMBERSHIP_CHANGE':
      return [set === undefined ? ofSet : `${kubectl} get statefulset ${set} -o yaml`]
    case 'CONFLICT':
      if (nodes && node !== undefined)
        return ['kubectl get nodes', `kubectl get node ${node} -o yaml --show-managed-fields`]
      return [
        set === undefined
          ? ofSet
          : `${kubectl} get statefulset ${set} -o yaml --show-managed-fields`,
      ]
    case 'CREATE_REJECTED':
      return [ofSet, `${kubectl} get resourcequotas,limitranges`, events]
    case 'CLAIM_PENDING':
      return [
        claim === undefined
          ? `${kubectl} get persistentvolumeclaims`
          : `${kubectl} describe persistentvolumeclaim ${claim}`,
        'kubectl get storageclasses',
      ]
    case 'UNSCHEDULABLE':
      return [describe, 'kubectl get nodes']
    case 'IMAGE_PULL':
    case 'CONFIG_ERROR':
      return [describe, events]
    case 'CRASH_LOOP':
      return [...logs.map((line) => `${line} --previous`), describe]
    case 'DATA_LOST':
    case 'IDENTITY_MISMATCH':
    case 'QUORUM_LOST':
    case 'CHECK_FAILED':
      return [pods, ...logs]
    case 'CHECK_IMPOSSIBLE':
      return [`${kubectl} auth can-i --list`, pods]
    case 'NOT_READY':
    case 'TIMEOUT':
      return [describe, ...logs, events]
    case 'UNDO_FAILED':
    case 'CANCELLED':
      return nodes ? ['kubectl get nodes', pods] : [pods, ofSet]
    case 'DRAIN_REFUSED':
    case 'DRAIN_BLOCKED':
      return [
        'kubectl get nodes',
        `${kubectl} get poddisruptionbudgets`,
        pods,
        ...(node === undefined
          ? []
          : [`kubectl get pods --all-namespaces -o wide --field-selector spec.nodeName=${node}`]),
      ]
    case 'MAINTENANCE_FAILED':
      return [node === undefined ? 'kubectl get nodes' : `kubectl describe node ${node}`, pods]
  }
}
