// A revision's digest decides what counts as verified: the same content must give the same digest,
// another content another, and a Secret must not be told by it.

import { expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { digestOfRevision } from '../../../src/manifests/digest.ts'

const set: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'zk' },
  spec: {
    replicas: 3,
    serviceName: 'zk-hs',
    template: { spec: { containers: [{ name: 'a', image: 'zookeeper:3.9' }] } },
  },
}
const config: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c' },
  data: { a: '1', b: '2' },
}
const service: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { ports: [{ port: 1 }] },
}
const secret: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pw' },
  data: { password: 'aHVudGVyMg==' },
}
const base = digestOfRevision(set, [config, service, secret])

test('it is a sha256 in hex', () => {
  expect(base).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test.each<[string, KubeObject, readonly KubeObject[]]>([
  ['the order of objects', set, [secret, service, config]],
  [
    'the order of fields',
    set,
    [
      { kind: 'ConfigMap', data: { b: '2', a: '1' }, metadata: { name: 'c' }, apiVersion: 'v1' },
      service,
      secret,
    ],
  ],
  [
    'what the cluster writes into metadata and status',
    { ...set, status: { replicas: 2 }, metadata: { name: 'zk', uid: 'u', resourceVersion: '7' } },
    [config, service, secret],
  ],
  [
    'the content of a Secret',
    set,
    [config, service, { ...secret, data: { password: 'b3RoZXI=' } }],
  ],
  [
    'the number of members, which scaling changes',
    { ...set, spec: { ...Object(set['spec']), replicas: 5 } },
    [config, service, secret],
  ],
  [
    'objects that shape no member',
    set,
    [
      config,
      service,
      secret,
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' } },
    ],
  ],
])('%s makes no other revision', (_what, changedSet, objects) => {
  expect(digestOfRevision(changedSet, objects)).toBe(base)
})

test.each<[string, KubeObject, readonly KubeObject[]]>([
  [
    'another image',
    {
      ...set,
      spec: {
        replicas: 3,
        serviceName: 'zk-hs',
        template: { spec: { containers: [{ name: 'a', image: 'zookeeper:3.9.5' }] } },
      },
    },
    [config, service, secret],
  ],
  ['another value in a ConfigMap', set, [{ ...config, data: { a: '1', b: '3' } }, service, secret]],
  ['a companion less', set, [config, secret]],
  ['another Secret', set, [config, service, { ...secret, metadata: { name: 'pw2' } }]],
  [
    'another port of a service',
    set,
    [config, { ...service, spec: { ports: [{ port: 2 }] } }, secret],
  ],
])('%s does', (_what, changedSet, objects) => {
  expect(digestOfRevision(changedSet, objects)).not.toBe(base)
})
