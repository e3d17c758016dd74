// The same answers in a cluster of 5,000 nodes and 50,000 pods as in one of four: a large cluster
// is where nobody can check them by hand.

import { expect, test } from '@jest/globals'
import { planPlacements } from '../../../../src/decide/placement/plan-placements.ts'
import { placePods } from '../../../support/place-pods.ts'
import {
  placedPodReader,
  toAttachLimits,
  toNode,
  toPlacedClaim,
  toVolume,
} from '../../../../src/kube/views/index.ts'
import type { ClusterView, PlacedPod } from '../../../../src/view/scheduling.ts'
import { claimAt, nodeAt, podAt, volumeAt } from '../../../support/big-cluster.ts'
import { told } from './given.ts'

const SIZE = { nodes: 5_000, pods: 50_000 }
const indexes = Array.from({ length: SIZE.pods }, (_, index) => index)

function bigCluster(): ClusterView {
  const nodes = Array.from({ length: SIZE.nodes }, (_, index) => toNode(nodeAt(index)))
  const reader = placedPodReader()
  return {
    nodes,
    pods: indexes.map((index) => reader(podAt(index, SIZE))),
    namespaces: new Map(),
    unread: {},
    classes: [],
    attachments: [],
    volumes: indexes.flatMap((index) => volumeAt(index, SIZE) ?? []).map(toVolume),
    claims: indexes.flatMap((index) => claimAt(index, SIZE) ?? []).map(toPlacedClaim),
    limits: nodes.flatMap(({ name }) =>
      toAttachLimits({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name },
        spec: { drivers: [{ name: 'ebs.csi.example.com', allocatable: { count: 25 } }] },
      }),
    ),
  }
}

const big = bigCluster()
const moving = (name: string): readonly PlacedPod[] =>
  big.pods.filter((pod) => pod.node === name && pod.owner?.kind !== 'DaemonSet')

test('pods of one template share what they ask for', () => {
  expect(new Set(big.pods.map(({ demands }) => demands)).size).toBeLessThan(5_000)
})

test('each pod is put where nothing is against it', () => {
  const drained = new Set(Array.from({ length: 20 }, (_, index) => `node-${index * 7}`))
  const pods = [...drained].flatMap(moving)
  const answers = placePods(big, drained, pods)
  expect(answers.map(({ pod }) => pod)).toEqual(pods)
  const byName = new Map(big.nodes.map((one) => [one.name, one]))
  const after = new Map(big.pods.map((pod) => [pod, pod.node]))
  for (const answer of answers) {
    if (answer.kind !== 'fits') throw new Error(`${answer.pod.name}: ${told(answer)}`)
    after.set(answer.pod, answer.node)
    expect(drained.has(answer.node) || byName.get(answer.node)?.unschedulable).toBe(false)
  }
  for (const { pod } of answers) {
    const there = after.get(pod) ?? ''
    // Members stay apart, and in the zone of their volume.
    if (pod.owner?.kind !== 'StatefulSet') continue
    expect(
      [...after].filter(([other, on]) => on === there && other.owner?.uid === pod.owner?.uid),
    ).toHaveLength(1)
    const zone = 'topology.kubernetes.io/zone'
    expect(byName.get(there)?.labels[zone]).toBe(byName.get(pod.node ?? '')?.labels[zone])
  }
})

test('of all nodes each is told once, in few rows', () => {
  const [usual] = moving('node-100')
  if (usual === undefined) throw new Error('node-100 has no pod that moves')
  const [answer] = placePods(big, new Set(['node-100']), [
    { ...usual, demands: { ...usual.demands, requests: { cpu: 64_000 } } },
  ])
  if (answer?.kind !== 'no-fit') throw new Error(told(answer))
  expect(answer.why).toBe(
    '0/5000 nodes are available: 101 node(s) were unschedulable, 4899 Insufficient cpu.',
  )
  expect(answer.reasons.map(({ nodes, names }) => [nodes, names.length])).toEqual([
    [4_899, 5],
    [100, 5],
    // The one that the drain itself is to cordon.
    [1, 1],
  ])
})

test('a plan over a rack moves along what the step before has put there', () => {
  const steps = planPlacements(
    big,
    Array.from({ length: 10 }, (_, index) => ({
      node: `node-${index * 100}`,
      staysCordoned: index % 2 === 0,
    })),
  )
  expect(steps.flatMap(({ answers }) => answers.filter(({ kind }) => kind !== 'fits'))).toEqual([])
  expect(steps.flatMap(({ answers }) => answers).length).toBeGreaterThanOrEqual(60)
})
