// What is applied again must be what was owned: a field too many takes another's, one too few is
// removed from a running ensemble.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { KubeObject, ManagedFields } from '../../../src/kube/kube.ts'
import { parseObject } from '../../../src/kube/objects.ts'
import { ownedPart } from '../../../src/manifests/owned.ts'

/**
 * A set as `kubectl apply --server-side` leaves it, with the server's defaults and what a second
 * manager added.
 */
const live: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: {
    name: 'zk',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    generation: 3,
    labels: { app: 'zk', team: 'blue' },
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'ours' },
    managedFields: [
      {
        manager: 'zk-ensemble-action',
        operation: 'Apply',
        fieldsV1: {
          'f:metadata': {
            'f:labels': { 'f:app': {} },
            'f:annotations': {
              'f:note': {},
              'f:kubectl.kubernetes.io/last-applied-configuration': {},
            },
          },
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"zookeeper"}': {
                    '.': {},
                    'f:name': {},
                    'f:image': {},
                    'f:command': {},
                    'f:ports': {
                      'k:{"containerPort":2181,"protocol":"TCP"}': {
                        '.': {},
                        'f:containerPort': {},
                        'f:name': {},
                      },
                    },
                  },
                },
                'f:volumes': { 'k:{"name":"run"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } },
              },
            },
          },
        },
      },
      {
        manager: 'somebody',
        operation: 'Apply',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:team': {} }, 'f:finalizers': { 'v:"keep"': {} } },
        },
      },
      {
        manager: 'kube-controller-manager',
        operation: 'Update',
        subresource: 'status',
        fieldsV1: { 'f:status': { 'f:replicas': {} } },
      },
      { manager: 'broken', operation: 'Update', fieldsV1: 'not a tree' },
    ],
    finalizers: ['keep', 'other'],
  },
  spec: {
    replicas: 3,
    revisionHistoryLimit: 10,
    template: {
      spec: {
        restartPolicy: 'Always',
        containers: [
          { name: 'sidecar', image: 'b' },
          {
            name: 'zookeeper',
            image: 'zookeeper:3.9',
            imagePullPolicy: 'IfNotPresent',
            command: ['sh', '-c', 'x'],
            ports: [
              { containerPort: 2181, protocol: 'TCP', name: 'client' },
              { containerPort: 3888, protocol: 'TCP' },
            ],
          },
        ],
        volumes: [{ name: 'run', emptyDir: {} }],
      },
    },
  },
  status: { replicas: 3 },
}

test('is what we applied, with the keys of list items, and nothing that the server or somebody else added', () => {
  expect(ownedPart(live, (entry) => entry.manager === 'zk-ensemble-action')).toEqual({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'zk',
      namespace: 'shop',
      labels: { app: 'zk' },
      annotations: { note: 'ours' },
    },
    spec: {
      replicas: 3,
      template: {
        spec: {
          containers: [
            {
              name: 'zookeeper',
              image: 'zookeeper:3.9',
              command: ['sh', '-c', 'x'],
              ports: [{ containerPort: 2181, protocol: 'TCP', name: 'client' }],
            },
          ],
          volumes: [{ name: 'run', emptyDir: {} }],
        },
      },
    },
  })
})

test('is the union where several managers are chosen', () => {
  expect(ownedPart(live, () => true).metadata).toEqual({
    name: 'zk',
    namespace: 'shop',
    labels: { app: 'zk', team: 'blue' },
    annotations: { note: 'ours' },
    finalizers: ['keep'],
  })
})

test('is the bare name where nobody owns anything', () => {
  expect(ownedPart(live, () => false)).toEqual({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop' },
  })
})

/** As Kubernetes 1.36 gives them, after what the name says. */
const sets = [
  'rolled-back-by-kubectl',
  'scaled-and-restarted',
  'server-side-and-patched',
  'image-and-labels-set',
] as const
function liveSet(name: (typeof sets)[number]): KubeObject {
  const object = parseObject(
    JSON.parse(readFileSync(new URL(`live-sets/${name}.json`, import.meta.url), 'utf8')),
  )
  if (object === undefined) throw new Error(name)
  return object
}

function people(entry: ManagedFields): boolean {
  return (entry.subresource ?? '') === ''
}

function only(manager: string): (entry: ManagedFields) => boolean {
  return (entry) => entry.manager === manager && people(entry)
}

describe('of sets that people made with kubectl', () => {
  test.each(sets)(
    "%s: what was written is there, with the values that it has in the cluster, and nothing of the server's own",
    (name) => {
      const set = liveSet(name)
      const owned = ownedPart(set, people)
      expect(set).toMatchObject(owned)
      expect(Object.keys(owned).toSorted()).toEqual(['apiVersion', 'kind', 'metadata', 'spec'])
      expect(
        Object.keys(owned.metadata).filter(
          (key) => !['annotations', 'finalizers', 'labels', 'name', 'namespace'].includes(key),
        ),
      ).toEqual([])
      expect(owned.metadata.annotations ?? {}).not.toHaveProperty([
        'kubectl.kubernetes.io/last-applied-configuration',
      ])
      expect(owned).toMatchObject({
        metadata: { name: 'zk', namespace: 'shop' },
        spec: {
          serviceName: 'zk-hs',
          selector: { matchLabels: { app: 'zk' } },
          template: {
            metadata: { labels: { app: 'zk' } },
            spec: {
              containers: [
                {
                  name: 'kubernetes-zookeeper',
                  command: ['sh', '-c', expect.stringMatching(/--servers=3 .*--heap=512M /)],
                  ports: [
                    { containerPort: 2181, name: 'client' },
                    { containerPort: 2888, name: 'server' },
                    { containerPort: 3888, name: 'leader-election' },
                  ],
                  resources: { requests: { cpu: '500m', memory: '1Gi' } },
                  volumeMounts: [
                    { mountPath: '/cfg', name: 'cfg' },
                    { mountPath: '/var/lib/zookeeper', name: 'datadir' },
                  ],
                },
              ],
              securityContext: { runAsUser: 1000, fsGroup: 1000 },
              nodeSelector: { nowhere: 'here' },
              volumes: [
                { name: 'cfg', configMap: { name: 'cfg' } },
                { name: 'run', emptyDir: {} },
              ],
            },
          },
          volumeClaimTemplates: [
            {
              metadata: { name: 'datadir' },
              spec: {
                accessModes: ['ReadWriteOnce'],
                resources: { requests: { storage: '10Gi' } },
              },
            },
          ],
        },
      })
    },
  )

  test('a server-side apply leaves the defaults to the server', () => {
    const { spec } = ownedPart(liveSet('server-side-and-patched'), only('kubectl'))
    expect(spec).not.toHaveProperty('revisionHistoryLimit')
    expect(spec).not.toHaveProperty('template.spec.dnsPolicy')
    expect(spec).not.toHaveProperty('template.spec.containers.0.args')
  })

  test("a patch is its author's alone", () => {
    const set = liveSet('server-side-and-patched')
    expect(ownedPart(set, only('kubectl-patch'))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'zk', namespace: 'shop', finalizers: ['example.org/keep'] },
      spec: {
        template: { spec: { containers: [{ name: 'kubernetes-zookeeper', args: ['x'] }] } },
        updateStrategy: { type: 'OnDelete' },
      },
    })
  })

  test('what kubectl rolled back is in no other entry than that of the rollback', () => {
    const set = liveSet('rolled-back-by-kubectl')
    expect(ownedPart(set, only('kubectl'))['spec']).toEqual({
      template: {
        spec: {
          containers: [
            {
              name: 'kubernetes-zookeeper',
              command: ['sh', '-c', expect.stringContaining('--heap=512M')],
            },
          ],
        },
      },
    })
    expect(ownedPart(set, only('kubectl-client-side-apply'))).not.toHaveProperty(
      'spec.template.spec.containers.0.command',
    )
  })

  test('how many members there are belongs to whoever scaled, and to nobody who wrote the object', () => {
    const set = liveSet('scaled-and-restarted')
    expect(ownedPart(set, people)).not.toHaveProperty('spec.replicas')
    expect(ownedPart(set, () => true)).toMatchObject({ spec: { replicas: 2 } })
  })
})

test("is the whole object where the server wrote down nobody's fields, without what is the server's own", () => {
  const { managedFields: _, ...metadata } = live.metadata
  const found = ownedPart({ ...live, metadata }, people)
  expect(found['spec']).toEqual(live['spec'])
  expect(found['status']).toBeUndefined()
  expect(found.metadata).toEqual({
    name: 'zk',
    namespace: 'shop',
    labels: { app: 'zk', team: 'blue' },
    annotations: { note: 'ours' },
    finalizers: ['keep', 'other'],
  })
  expect(ownedPart({ ...live, metadata }, only('zk-ensemble-action'))['spec']).toBeUndefined()
})

test.each([
  ['a list', ['f:spec']],
  ['a text', 'f:spec'],
  ['nothing', undefined],
  ['a field that is no tree', { 'f:spec': true }],
  ['a path of no kind', { 'x:spec': {}, spec: {} }],
  ['a field that is not there', { 'f:other': { 'f:deep': {} } }],
  [
    'keys that are no JSON',
    { 'f:metadata': { 'f:finalizers': { 'v:keep': {}, 'k:{': {}, 'i:x': {} } } },
  ],
  ['the fields of a text', { 'f:kind': { 'f:length': {} } }],
  [
    'names that JavaScript has for itself',
    { 'f:__proto__': {}, 'f:constructor': {}, 'f:spec': { 'f:toString': {} } },
  ],
])('an entry with %s owns nothing and breaks nothing', (_, fieldsV1) => {
  const odd: KubeObject = {
    ...live,
    metadata: {
      ...live.metadata,
      managedFields: [{ manager: 'odd', operation: 'Apply', fieldsV1 }],
    },
  }
  expect(ownedPart(odd, () => true)).toEqual({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop' },
  })
})
