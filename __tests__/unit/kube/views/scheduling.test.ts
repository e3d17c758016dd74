// A pod's demands as the scheduler reads them: what is read too small here is a member that finds
// no node after it was evicted.

import { describe, expect, test } from '@jest/globals'
import {
  placedPodReader,
  toAttachLimits,
  toAttachment,
  toPlacedClaim,
  toPlacedClass,
  toVolume,
  ViewError,
} from '../../../../src/kube/views/index.ts'
import type { PlacedPod } from '../../../../src/view/scheduling.ts'
import { object } from '../given.ts'

const T = '2026-01-01T00:00:00Z'
const container = (requests: object, more: object = {}) => ({
  name: 'c',
  image: 'i',
  resources: { requests },
  ...more,
})
const seen = (spec: object, status: object = {}): PlacedPod =>
  placedPodReader()(object('Pod', 'zk-0', { spec: { containers: [], ...spec }, status }))
const sidecar = { restartPolicy: 'Always' }

describe('what a pod requests', () => {
  test.each<[string, object, object]>([
    ['nothing', { containers: [container({})] }, {}],
    [
      'its containers’ together, cpu in thousandths',
      {
        containers: [
          container({ cpu: '0.1', memory: '1Gi' }),
          container({ cpu: '200m', memory: '1M' }),
        ],
      },
      { cpu: 300, memory: 2 ** 30 + 1e6 },
    ],
    [
      'parts of a thousandth as a whole one',
      { containers: [container({ cpu: '100u' })] },
      { cpu: 1 },
    ],
    [
      'an init container that needs more than all containers',
      {
        containers: [container({ cpu: '1' })],
        initContainers: [container({ cpu: '3' }), container({ cpu: '2' })],
      },
      { cpu: 3000 },
    ],
    [
      'an init container that needs less',
      {
        containers: [container({ cpu: '1' }), container({ cpu: '1' })],
        initContainers: [container({ cpu: '1500m', memory: '1k' })],
      },
      { cpu: 2000, memory: 1000 },
    ],
    [
      'sidecars beside the containers',
      { containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '2' }, sidecar)] },
      { cpu: 3000 },
    ],
    [
      'an init container with the sidecars that were begun before it, not after',
      {
        containers: [container({})],
        initContainers: [
          container({ cpu: '1' }, sidecar),
          container({ cpu: '4' }),
          container({ cpu: '2' }, sidecar),
        ],
      },
      { cpu: 5000 },
    ],
    [
      'what is asked for the pod as a whole, where it can be',
      {
        resources: { requests: { cpu: '5' } },
        containers: [container({ cpu: '9', memory: '1k', 'example.com/gpu': '1' })],
      },
      { cpu: 5000, memory: 1000, 'example.com/gpu': 1 },
    ],
    [
      'its overhead on top',
      { overhead: { cpu: '250m' }, resources: { requests: { cpu: '1' } }, containers: [] },
      { cpu: 1250 },
    ],
  ])('is %s', (_name, spec, requests) => expect(seen(spec).demands.requests).toEqual(requests))

  test('is the larger of what is wanted and what is allocated while it is resized in place', () => {
    const spec = { containers: [container({ cpu: '1', memory: '4k' })] }
    expect(
      seen(spec, {
        containerStatuses: [
          {
            name: 'c',
            allocatedResources: { cpu: '2', memory: '2k' },
            resources: { requests: { cpu: '3' } },
          },
        ],
      }).demands.requests,
    ).toEqual({ cpu: 3000, memory: 4000 })
  })
})

test('a pod that asks for nothing has the defaults of the server', () => {
  expect(seen({}).demands).toEqual({
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
  })
})

test('a pod that asks for much is read whole', () => {
  const labelSelector = { matchLabels: { app: 'zk' } }
  const selector = { matchLabels: { app: 'zk' }, matchExpressions: [] }
  const pod = seen(
    {
      nodeName: 'node-1',
      schedulerName: 'other',
      priority: 7,
      preemptionPolicy: 'Never',
      schedulingGates: [{ name: 'g' }],
      resourceClaims: [{ name: 'gpu' }],
      nodeSelector: { pool: 'a' },
      tolerations: [{ operator: 'Exists' }, { key: 'k', value: 'v', effect: 'NoSchedule' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] },
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] },
            ],
          },
        },
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector, topologyKey: 'zone', namespaces: ['x'], namespaceSelector: {} },
          ],
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'host' }],
        },
      },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
        {
          maxSkew: 2,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector,
          minDomains: 3,
          matchLabelKeys: ['rev'],
          nodeAffinityPolicy: 'Ignore',
          nodeTaintsPolicy: 'Honor',
        },
      ],
      containers: [
        container({}, { ports: [{ containerPort: 1 }, { containerPort: 2, hostPort: 2 }] }),
      ],
      initContainers: [
        container(
          {},
          {
            ports: [{ containerPort: 3, hostPort: 3, protocol: 'UDP', hostIP: '10.0.0.1' }],
            ...sidecar,
          },
        ),
        container({}, { ports: [{ containerPort: 4, hostPort: 4 }] }),
      ],
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', persistentVolumeClaim: { claimName: 'data-zk-0' } },
        { name: 'c', ephemeral: { volumeClaimTemplate: { spec: { storageClassName: 'fast' } } } },
        { name: 'd', configMap: {} },
      ],
    },
    {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: T }],
      extendedResourceClaimStatus: { resourceClaimName: 'made' },
    },
  )
  expect(pod).toMatchObject({
    name: 'zk-0',
    namespace: 'zoo',
    node: 'node-1',
    phase: 'Running',
    ready: true,
    mirror: false,
    emptyDirs: ['a'],
    claims: ['data-zk-0'],
    ephemeral: [{ name: 'c', storageClass: 'fast' }],
  })
  expect(pod.demands).toEqual({
    requests: {},
    nodeSelector: { pool: 'a' },
    scheduler: 'other',
    gates: ['g'],
    resourceClaims: ['gpu', 'made'],
    priority: 7,
    preempts: false,
    nodeAffinity: [
      { expressions: [{ key: 'a', operator: 'Gt', values: ['1'] }], fields: [] },
      { expressions: [], fields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] },
    ],
    tolerations: [
      { key: undefined, operator: 'Exists', value: '', effect: undefined },
      { key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' },
    ],
    affinity: [
      {
        selector,
        namespaces: ['x'],
        namespaceSelector: { matchLabels: {}, matchExpressions: [] },
        topologyKey: 'zone',
      },
    ],
    antiAffinity: [
      { selector: undefined, namespaces: [], namespaceSelector: undefined, topologyKey: 'host' },
    ],
    spread: [
      {
        topologyKey: 'zone',
        maxSkew: 2,
        minDomains: 3,
        selector,
        matchLabelKeys: ['rev'],
        nodeAffinityPolicy: 'Ignore',
        nodeTaintsPolicy: 'Honor',
      },
    ],
    ports: [
      { ip: '0.0.0.0', protocol: 'TCP', port: 2 },
      { ip: '10.0.0.1', protocol: 'UDP', port: 3 },
    ],
  })
})

describe('pods of one list', () => {
  const from = (
    read: ReturnType<typeof placedPodReader>,
    name: string,
    more: object = {},
    metadata: object = {},
  ): PlacedPod => {
    const pod = object('Pod', name, {
      spec: {
        nodeName: name,
        containers: [container({ cpu: '1' }, { env: [{ name: 'NAME', value: name }] })],
        ...more,
      },
    })
    return read({ ...pod, metadata: { ...pod.metadata, ...metadata } })
  }

  test('share what their template asks, however they differ in the rest', () => {
    const read = placedPodReader()
    expect(from(read, 'a').demands).toBe(
      from(read, 'b', { volumes: [{ name: 'x', persistentVolumeClaim: { claimName: 'x' } }] })
        .demands,
    )
    expect(from(read, 'a').demands).not.toBe(from(read, 'c', { priority: 1 }).demands)
    expect(from(read, 'c', { priority: 1 }).demands.requests).toBe(from(read, 'a').demands.requests)
  })

  test('of a DaemonSet share it too: they are tied to a node each, and are never moved', () => {
    const read = placedPodReader()
    const tied = (name: string): object => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] },
            ],
          },
        },
      },
    })
    const owned = (kind: string): object => ({
      ownerReferences: [{ kind, name: 'd', uid: 'd', controller: true }],
    })
    expect(from(read, 'a', tied('a'), owned('DaemonSet')).demands).toBe(
      from(read, 'b', tied('b'), owned('DaemonSet')).demands,
    )
    expect(from(read, 'a', tied('a'), owned('ReplicaSet')).demands).not.toBe(
      from(read, 'b', tied('b'), owned('ReplicaSet')).demands,
    )
  })

  test('tell who made them and whether they are going', () => {
    const read = placedPodReader()
    expect(
      from(
        read,
        'a',
        {},
        { annotations: { 'kubernetes.io/config.mirror': 'x' }, deletionTimestamp: T },
      ),
    ).toMatchObject({ mirror: true, deleting: Date.parse(T), owner: undefined })
  })

  test('of a wrong shape are named with the field, and without the value', () => {
    const wrong = (): unknown => seen({ tolerations: [{ operator: 'hunter2' }] })
    expect(wrong).toThrow(ViewError)
    expect(wrong).toThrow(
      /^Pod zoo\/zk-0 can't be read: spec\.tolerations\.0\.operator (?!.*hunter2)/,
    )
  })
})

test('volumes, claims, classes and limits tell where a pod can run', () => {
  expect(
    toVolume(
      object('PersistentVolume', 'pv', {
        spec: {
          claimRef: { namespace: 'zoo', name: 'data' },
          csi: { driver: 'd', volumeHandle: 'h' },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
              ],
            },
          },
        },
        status: { phase: 'Bound' },
      }),
    ),
  ).toEqual({
    name: 'pv',
    phase: 'Bound',
    claim: 'zoo/data',
    labels: {},
    csi: { driver: 'd', handle: 'h' },
    nodeAffinity: [{ expressions: [{ key: 'zone', operator: 'In', values: ['a'] }], fields: [] }],
  })
  expect(toVolume(object('PersistentVolume', 'pv', { spec: {} }))).toMatchObject({
    claim: undefined,
    csi: undefined,
    nodeAffinity: undefined,
  })
  expect(
    toPlacedClaim(
      object('PersistentVolumeClaim', 'data', {
        spec: { volumeName: 'pv', storageClassName: 'fast', accessModes: ['ReadWriteOncePod'] },
        status: { phase: 'Bound' },
      }),
    ),
  ).toEqual({
    name: 'data',
    namespace: 'zoo',
    phase: 'Bound',
    storageClass: 'fast',
    volume: 'pv',
    accessModes: ['ReadWriteOncePod'],
    deleting: false,
  })
  const topologies = [{ matchLabelExpressions: [{ key: 'zone', values: ['a', 'b'] }] }]
  expect(
    toPlacedClass(
      object('StorageClass', 'fast', {
        provisioner: 'p',
        volumeBindingMode: 'WaitForFirstConsumer',
        allowedTopologies: topologies,
      }),
    ),
  ).toMatchObject({
    bindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [
      { expressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }], fields: [] },
    ],
  })
  expect(toPlacedClass(object('StorageClass', 'any', { provisioner: 'p' }))).toMatchObject({
    bindingMode: 'Immediate',
    allowedTopologies: undefined,
  })
  expect(
    toAttachLimits(
      object('CSINode', 'node-1', {
        spec: {
          drivers: [
            { name: 'd', nodeID: 'i', allocatable: { count: 25 } },
            { name: 'unlimited', nodeID: 'i' },
          ],
        },
      }),
    ),
  ).toEqual([{ node: 'node-1', driver: 'd', count: 25 }])
  expect(
    toAttachment(
      object('VolumeAttachment', 'va', {
        spec: { attacher: 'd', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
      }),
    ),
  ).toEqual({ node: 'node-1', attacher: 'd', volume: 'pv' })
})
