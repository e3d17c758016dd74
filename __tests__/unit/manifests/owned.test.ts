// What is applied again must be what was owned: a field too many takes another's, one too few is removed from a running ensemble.

import { expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { ownedPart } from '../../../src/manifests/owned.ts'

/** A set as `kubectl apply --server-side` leaves it, with the server's defaults and what a second manager added. */
const live: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: {
    name: 'zk', namespace: 'shop', uid: 'u', resourceVersion: '7', generation: 3, labels: { app: 'zk', team: 'blue' },
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'ours' },
    managedFields: [
      {
        manager: 'zk-ensemble-action', operation: 'Apply',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:app': {} }, 'f:annotations': { 'f:note': {}, 'f:kubectl.kubernetes.io/last-applied-configuration': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:template': { 'f:spec': {
              'f:containers': { 'k:{"name":"zookeeper"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:command': {}, 'f:ports': { 'k:{"containerPort":2181,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:name': {} } } } },
              'f:volumes': { 'k:{"name":"run"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } },
            } },
          },
        },
      },
      { manager: 'somebody', operation: 'Apply', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:team': {} }, 'f:finalizers': { 'v:"keep"': {} } } } },
      { manager: 'kube-controller-manager', operation: 'Update', subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } },
      { manager: 'broken', operation: 'Update', fieldsV1: 'not a tree' },
    ],
    finalizers: ['keep', 'other'],
  },
  spec: {
    replicas: 3, revisionHistoryLimit: 10,
    template: { spec: {
      restartPolicy: 'Always',
      containers: [
        { name: 'sidecar', image: 'b' },
        { name: 'zookeeper', image: 'zookeeper:3.9', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', 'x'], ports: [{ containerPort: 2181, protocol: 'TCP', name: 'client' }, { containerPort: 3888, protocol: 'TCP' }] },
      ],
      volumes: [{ name: 'run', emptyDir: {} }],
    } },
  },
  status: { replicas: 3 },
}

test('is what we applied, with the keys of list items, and nothing that the server or somebody else added', () => {
  expect(ownedPart(live, (entry) => entry.manager === 'zk-ensemble-action')).toEqual({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop', labels: { app: 'zk' }, annotations: { note: 'ours' } },
    spec: {
      replicas: 3,
      template: { spec: {
        containers: [{ name: 'zookeeper', image: 'zookeeper:3.9', command: ['sh', '-c', 'x'], ports: [{ containerPort: 2181, protocol: 'TCP', name: 'client' }] }],
        volumes: [{ name: 'run', emptyDir: {} }],
      } },
    },
  })
})

test('is the union where several managers are chosen', () => {
  expect(ownedPart(live, () => true).metadata).toEqual({ name: 'zk', namespace: 'shop', labels: { app: 'zk', team: 'blue' }, annotations: { note: 'ours' }, finalizers: ['keep'] })
})

test('is the bare name where nobody owns anything', () => {
  expect(ownedPart(live, () => false)).toEqual({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'zk', namespace: 'shop' } })
})
