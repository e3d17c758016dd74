// A drain that evicts its own runner ends halfway, with a node cordoned and nobody left to uncordon
// it.

import { expect, test } from '@jest/globals'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import { whereWeAre } from '../../../../src/procedures/drain/runner-place.ts'
import type { NodeView } from '../../../../src/view/surroundings.ts'

const nodes = ['node-1', 'node-2'].map((name): NodeView => ({
  name,
  uid: name,
  ready: true,
  unschedulable: false,
  labels: { 'kubernetes.io/hostname': `${name}.example` },
  annotations: {},
  taints: [],
  bootId: undefined,
  allocatable: {},
}))

function pod(
  name: string,
  node: string,
  more: { readonly owner?: string; readonly phase?: string } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'runners',
      uid: name,
      ...(more.owner === undefined
        ? {}
        : { ownerReferences: [{ kind: more.owner, name: 'o', uid: 'o', controller: true }] }),
    },
    spec: { nodeName: node, containers: [{ name: 'runner' }] },
    status: { phase: more.phase ?? 'Running' },
  }
}

test.each([
  [
    "a pod of a plan's node",
    [pod('runner-abc', 'node-2', { owner: 'ReplicaSet' })],
    'runner-abc',
    { node: 'node-2', pod: 'runners/runner-abc' },
  ],
  [
    'a pod of a DaemonSet there, which stays',
    [pod('runner-abc', 'node-2', { owner: 'DaemonSet' })],
    'runner-abc',
    { node: 'node-2', pod: undefined },
  ],
  [
    'a pod elsewhere',
    [pod('runner-abc', 'node-9')],
    'runner-abc',
    { node: undefined, pod: undefined },
  ],
  [
    'a pod of the name that has ended',
    [pod('runner-abc', 'node-2', { phase: 'Succeeded' })],
    'runner-abc',
    { node: undefined, pod: undefined },
  ],
  ['a machine that is a node', [], 'node-1.example', { node: 'node-1', pod: undefined }],
  ['a machine of its own', [], 'fv-az1-23', { node: undefined, pod: undefined }],
] as const)('this run is on %s', (_, pods, hostname, place) => {
  expect(whereWeAre(pods, nodes, hostname)).toEqual(place)
})
