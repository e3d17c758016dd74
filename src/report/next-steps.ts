// The kubectl commands that a person would type next, so that nobody has to think of them at 3 a.m.
// They only look; what changes something comes from the run itself.

import { codeRow, type Look } from '../codes.ts'
import { decidingEvidence, decidingFinding } from './cause.ts'
import { shellWord } from './escape.ts'
import { failedNode } from './node-words.ts'
import type { RunReport } from './run-report.ts'

/**
 * Commands to copy, one per line, without repeats; empty when there is nothing to look at in the
 * cluster.
 */
export function nextSteps(report: RunReport): string[] {
  // What was rolled back is complete again: there is nothing left of the fault to look at.
  return [
    ...new Set([
      ...report.byHand,
      ...(report.code === '' || report.result === 'undone'
        ? []
        : codeRow(report.code).looks.flatMap((look) => COMMANDS[look](placesOf(report)))),
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
  const { name, namespace, nodes } = report
  const finding = decidingFinding(report)
  const evidence = decidingEvidence(report)
  const objects = [finding?.object, evidence?.object]
  const member = report.members.find((row) =>
    finding?.ordinal === undefined ? !row.ready : row.ordinal === finding.ordinal,
  )
  return {
    kubectl: namespace === '' ? 'kubectl' : `kubectl -n ${shellWord(namespace)}`,
    set: word(name),
    pod: word(nameOf('pod', objects) ?? member?.pod),
    container: word(evidence?.container),
    node: word(nameOf('node', objects) ?? failedNode(report)),
    nodes: nodes.length > 0,
    claim: word(nameOf('persistentvolumeclaim', objects) ?? member?.claim),
    lease: word(name === '' ? '' : `zk-ensemble-${name}`),
  }
}

/** Of the first of `objects` that is of this kind. */
function nameOf(kind: string, objects: readonly (string | undefined)[]): string | undefined {
  return objects
    .find((object) => object?.toLowerCase().startsWith(`${kind}/`))
    ?.slice(kind.length + 1)
}

/** As a shell takes it; undefined where there is none. */
function word(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : shellWord(name)
}

/** The command of each look. */
const COMMANDS: Readonly<Record<Look, (places: Places) => readonly string[]>> = {
  budgets: ({ kubectl }) => [`${kubectl} get poddisruptionbudgets`],
  claim: ({ kubectl, claim }) => [
    claim === undefined
      ? `${kubectl} get persistentvolumeclaims`
      : `${kubectl} describe persistentvolumeclaim ${claim}`,
  ],
  'cluster-info': () => ['kubectl cluster-info'],
  context: () => ['kubectl config current-context'],
  events: ({ kubectl }) => [`${kubectl} get events --sort-by=.lastTimestamp`],
  lease: ({ kubectl, lease }) => [
    lease === undefined ? `${kubectl} get leases` : `${kubectl} get lease ${lease} -o yaml`,
  ],
  logs: logsOf,
  namespaces: () => ['kubectl get namespaces --show-labels'],
  node: ({ node }) => [node === undefined ? 'kubectl get nodes' : `kubectl describe node ${node}`],
  nodes: () => ['kubectl get nodes'],
  owners: ({ kubectl, set, nodes, node }) =>
    nodes && node !== undefined
      ? ['kubectl get nodes', `kubectl get node ${node} -o yaml --show-managed-fields`]
      : [
          set === undefined
            ? `${kubectl} get statefulsets`
            : `${kubectl} get statefulset ${set} -o yaml --show-managed-fields`,
        ],
  pod: (places) =>
    places.pod === undefined
      ? COMMANDS.pods(places)
      : [`${places.kubectl} describe pod ${places.pod}`],
  pods: ({ kubectl }) => [`${kubectl} get pods -o wide`],
  'pods-of-node': ({ node }) =>
    node === undefined
      ? []
      : [`kubectl get pods --all-namespaces -o wide --field-selector spec.nodeName=${node}`],
  'previous-logs': (places) => logsOf(places).map((line) => `${line} --previous`),
  quotas: ({ kubectl }) => [`${kubectl} get resourcequotas,limitranges`],
  rights: ({ kubectl }) => [`${kubectl} auth can-i --list`],
  set: (places) =>
    places.set === undefined
      ? COMMANDS.sets(places)
      : [`${places.kubectl} describe statefulset ${places.set}`],
  'set-yaml': (places) =>
    places.set === undefined
      ? COMMANDS.sets(places)
      : [`${places.kubectl} get statefulset ${places.set} -o yaml`],
  sets: ({ kubectl }) => [`${kubectl} get statefulsets`],
  'storage-classes': () => ['kubectl get storageclasses'],
  whole: (places) =>
    places.nodes
      ? [...COMMANDS.nodes(places), ...COMMANDS.pods(places)]
      : [...COMMANDS.pods(places), ...COMMANDS.set(places)],
}

function logsOf({ kubectl, pod, container }: Places): readonly string[] {
  return pod === undefined
    ? []
    : [`${kubectl} logs ${pod}${container === undefined ? '' : ` -c ${container}`} --tail=100`]
}
