// Small clusters for the tests of the placement: four nodes in three zones, and pods that ask for
// nothing but what a test says.

import type { PlacementAnswer } from '../../../../src/decide/placement/plan-placements.ts'
import type {
  ClusterView,
  PlacedPod,
  PodDemands,
  PodTerm,
  SpreadConstraint,
  VolumeView,
} from '../../../../src/view/scheduling.ts'
import type { NodeView } from '../../../../src/view/surroundings.ts'
import { placePods } from '../../../support/place-pods.ts'

export const HOST = 'kubernetes.io/hostname'
export const ZONE = 'topology.kubernetes.io/zone'

export function node(name: string, more: Partial<NodeView> = {}): NodeView {
  return {
    name,
    uid: name,
    ready: true,
    unschedulable: false,
    annotations: {},
    taints: [],
    bootId: undefined,
    allocatable: { cpu: 2, memory: 4 * 2 ** 30, pods: 10 },
    ...more,
    labels: {
      [HOST]: name,
      [ZONE]: `zone-${name === 'n4' ? 'a' : ('abc'[Number(name.slice(1)) - 1] ?? 'a')}`,
      ...more.labels,
    },
  }
}

export const demands = (more: Partial<PodDemands> = {}): PodDemands => ({
  requests: {},
  nodeSelector: {},
  nodeAffinity: undefined,
  tolerations: [],
  affinity: [],
  antiAffinity: [],
  spread: [],
  ports: [],
  scheduler: 'default-scheduler',
  gates: [],
  resourceClaims: [],
  priority: 0,
  preempts: true,
  ...more,
})

export function pod(
  name: string,
  on: string | undefined,
  asks: Partial<PodDemands> = {},
  more: Partial<PlacedPod> = {},
): PlacedPod {
  return {
    name,
    namespace: 'zoo',
    uid: `${more.namespace ?? 'zoo'}/${name}`,
    labels: { app: name.replace(/-\d+$/, '') },
    node: on,
    phase: 'Running',
    ready: true,
    deleting: undefined,
    owner: { kind: 'StatefulSet', name: 'zk', uid: 'zk' },
    mirror: false,
    emptyDirs: [],
    claims: [],
    ephemeral: [],
    demands: demands(asks),
    ...more,
  }
}

export const selector = (app: string) => ({ matchLabels: { app }, matchExpressions: [] })

export const term = (app: string, topologyKey = HOST, more: Partial<PodTerm> = {}): PodTerm => ({
  selector: selector(app),
  namespaces: [],
  namespaceSelector: undefined,
  topologyKey,
  ...more,
})

export const evenly = (
  app: string,
  topologyKey = HOST,
  more: Partial<SpreadConstraint> = {},
): SpreadConstraint => ({
  topologyKey,
  maxSkew: 1,
  minDomains: 1,
  selector: selector(app),
  matchLabelKeys: [],
  nodeAffinityPolicy: 'Honor',
  nodeTaintsPolicy: 'Ignore',
  ...more,
})

export function cluster(pods: readonly PlacedPod[], more: Partial<ClusterView> = {}): ClusterView {
  return {
    nodes: ['n1', 'n2', 'n3', 'n4'].map((name) => node(name)),
    pods,
    namespaces: new Map([['zoo', { team: 'a' }]]),
    claims: [],
    volumes: [],
    classes: [],
    limits: [],
    attachments: [],
    unread: {},
    ...more,
  }
}

export const volume = (name: string, more: Partial<VolumeView> = {}): VolumeView => ({
  name,
  phase: 'Bound',
  claim: `zoo/${name}`,
  labels: {},
  nodeAffinity: undefined,
  csi: undefined,
  ...more,
})

/**
 * What becomes of one pod when n1 is drained, in a line: its kind and the scheduler's sentence
 * without its head, or the node.
 */
export function told(answer: PlacementAnswer | undefined): string {
  switch (answer?.kind) {
    case 'fits':
      return `fits ${answer.node}`
    case 'in-place':
    case 'no-fit':
      return `${answer.kind}: ${answer.why.replace(/^0\/\d+ nodes are available: /, '')}`
    case 'unknown':
      return `unknown: ${answer.why}`
    case undefined:
      return 'no answer'
  }
}

/** Drains n1 and says what becomes of the pods that leave it. */
export function drain(view: ClusterView, ...names: readonly string[]): readonly string[] {
  const pods = view.pods.filter((one) =>
    names.length === 0 ? one.node === 'n1' : names.includes(one.name),
  )
  return placePods(view, new Set(['n1']), pods).map(told)
}
