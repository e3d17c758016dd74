// The views hold what the API said, with the server's defaults where it said nothing.

import { describe, expect, test } from '@jest/globals'
import { quantityOf } from '../../../../src/view/quantity.ts'
import {
  selectorText,
  toBudget,
  toClaim,
  toEndpoints,
  toEvent,
  toNode,
  toPod,
  toSet,
  toStorageClass,
  ViewError,
} from '../../../../src/kube/views/index.ts'
import { object } from '../given.ts'

const T = '2026-01-01T00:00:00Z'
const AT = Date.parse(T)

test.each<[string | number, number | undefined]>([
  ['500m', 0.5],
  ['2', 2],
  [2, 2],
  ['0.1', 0.1],
  ['.5', 0.5],
  ['1Gi', 1073741824],
  ['1.5Gi', 1610612736],
  ['1G', 1e9],
  ['100k', 1e5],
  ['1e3', 1000],
  ['12E-1', 1.2],
  ['1E', 1e18],
  ['250u', 0.00025],
  ['', undefined],
  ['Gi', undefined],
  ['1gb', undefined],
  ['1 Gi', undefined],
  ['0x10', undefined],
])('the quantity %p is %p', (text, value) => expect(quantityOf(text)).toBe(value))

describe('a set', () => {
  const spec = { serviceName: 'zk-hs', selector: { matchLabels: { app: 'zk' } } }

  test('that says nothing has the defaults of the server', () => {
    expect(toSet(object('StatefulSet', 'zk', { spec }))).toMatchObject({
      replicas: 1,
      start: 0,
      strategy: { type: 'RollingUpdate', partition: 0 },
      podManagement: 'OrderedReady',
      minReadySeconds: 0,
      claimTemplates: [],
      deleting: false,
      status: {
        currentRevision: '',
        updateRevision: '',
      },
    })
  })

  test('that says all is read whole', () => {
    const seen = toSet(
      object('StatefulSet', 'zk', {
        spec: {
          ...spec,
          replicas: 0,
          ordinals: { start: 4 },
          podManagementPolicy: 'Parallel',
          minReadySeconds: 9,
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: {
                storageClassName: 'fast',
                accessModes: ['ReadWriteOnce'],
                selector: { matchLabels: { disk: 'a' } },
                volumeName: 'one',
                resources: { requests: { storage: '10Gi' } },
              },
            },
          ],
        },
        status: {
          observedGeneration: 3,
          replicas: 3,
          readyReplicas: 2,
          availableReplicas: 1,
          currentReplicas: 1,
          updatedReplicas: 2,
          currentRevision: 'a',
          updateRevision: 'b',
        },
      }),
    )
    expect(seen).toMatchObject({
      replicas: 0,
      start: 4,
      podManagement: 'Parallel',
      minReadySeconds: 9,
      strategy: { type: 'RollingUpdate', partition: 2 },
      observedGeneration: 3,
    })
    expect(seen.claimTemplates).toEqual([
      {
        name: 'data',
        storageClass: 'fast',
        size: 10 * 2 ** 30,
        accessModes: ['ReadWriteOnce'],
        volumeMode: 'Filesystem',
        selector: { matchLabels: { disk: 'a' }, matchExpressions: [] },
        volume: 'one',
      },
    ])
    expect(seen.status).toEqual({
      currentRevision: 'a',
      updateRevision: 'b',
    })
    expect(
      toSet(
        object('StatefulSet', 'zk', { spec: { ...spec, updateStrategy: { type: 'OnDelete' } } }),
      ).strategy,
    ).toEqual({ type: 'OnDelete' })
  })
})

describe('a pod', () => {
  const owned = (name: string, owner: string) => {
    const pod = object('Pod', name, { spec: { containers: [] } })
    return {
      ...pod,
      metadata: {
        ...pod.metadata,
        ownerReferences: [{ kind: 'StatefulSet', name: owner, uid: 'u', controller: true }],
      },
    }
  }

  test('is a member by its owner and its number, and no member otherwise', () => {
    expect(toPod(owned('zk-12', 'zk')).ordinal).toBe(12)
    expect(toPod(owned('zk-b-1', 'zk')).ordinal).toBeUndefined()
    expect(toPod(object('Pod', 'zk-3', { spec: { containers: [] } })).ordinal).toBe(3)
    expect(toPod(object('Pod', 'client', { spec: { containers: [] } })).ordinal).toBeUndefined()
  })

  test('tells how each container is and how its last life ended', () => {
    const pod = toPod(
      object('Pod', 'zk-0', {
        spec: {
          nodeName: 'node-1',
          readinessGates: [{ conditionType: 'lb' }, { conditionType: 'ok' }],
          volumes: [
            { name: 'c' },
            { name: 'd', persistentVolumeClaim: { claimName: 'data-zk-0' } },
          ],
          containers: [
            {
              name: 'zk',
              image: 'zookeeper:3.9',
              ports: [{ name: 'client', containerPort: 2181 }, { containerPort: 3888 }],
            },
            { name: 'new' },
          ],
        },
        status: {
          phase: 'Running',
          podIP: '10.0.0.1',
          conditions: [
            { type: 'Ready', status: 'True', lastTransitionTime: T },
            { type: 'ok', status: 'True', lastTransitionTime: null },
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'Unschedulable',
              message: '0/4 nodes',
              lastTransitionTime: T,
            },
          ],
          containerStatuses: [
            {
              name: 'zk',
              ready: true,
              restartCount: 2,
              state: { running: { startedAt: T } },
              lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: T } },
            },
          ],
        },
      }),
    )
    expect(pod).toMatchObject({
      node: 'node-1',
      ip: '10.0.0.1',
      ready: true,
      readySince: AT,
      openGates: ['lb'],
      claims: ['data-zk-0'],
      unscheduled: { reason: 'Unschedulable', message: '0/4 nodes', since: AT },
    })
    expect(pod.containers).toEqual([
      {
        name: 'zk',
        image: 'zookeeper:3.9',
        ready: true,
        restarts: 2,
        ports: [
          { name: 'client', port: 2181 },
          { name: undefined, port: 3888 },
        ],
        state: { kind: 'running', since: AT },
        last: { kind: 'terminated', reason: 'OOMKilled', message: '', exitCode: 137, finished: AT },
      },
      {
        name: 'new',
        image: '',
        ready: false,
        restarts: 0,
        ports: [],
        state: { kind: 'none' },
        last: undefined,
      },
    ])
  })

  test('of a wrong shape is named with the field, and without the value', () => {
    const wrong = (): unknown =>
      toPod(
        object('Pod', 'zk-0', {
          spec: {
            containers: [],
            volumes: [{ persistentVolumeClaim: { claimName: { secret: 'hunter2' } } }],
          },
        }),
      )
    expect(wrong).toThrow(ViewError)
    expect(wrong).toThrow(
      /^Pod zoo\/zk-0 can't be read: spec\.volumes\.0\.persistentVolumeClaim\.claimName (?!.*hunter2)/,
    )
  })
})

test('an event reads the same in both of its shapes', () => {
  const about = { kind: 'Pod', name: 'zk-0', uid: 'u', fieldPath: 'spec.containers{zk}' }
  const core = toEvent(
    object('Event', 'e', {
      type: 'Warning',
      reason: 'BackOff',
      message: 'm',
      count: 4,
      firstTimestamp: T,
      lastTimestamp: '2026-01-01T00:01:00Z',
      eventTime: null,
      involvedObject: about,
    }),
  )
  const modern = toEvent(
    object(
      'Event',
      'e',
      {
        type: 'Warning',
        reason: 'BackOff',
        note: 'm',
        deprecatedCount: 1,
        eventTime: T,
        series: { count: 4, lastObservedTime: '2026-01-01T00:01:00Z' },
        regarding: about,
      },
      'events.k8s.io/v1',
    ),
  )
  expect(core).toEqual({
    uid: 'uid-e',
    type: 'Warning',
    reason: 'BackOff',
    message: 'm',
    object: about,
    last: AT + 60_000,
    count: 4,
  })
  expect(modern).toEqual(core)
})

test('claims, classes, nodes and budgets', () => {
  expect(
    toClaim(
      object('PersistentVolumeClaim', 'data-zk-0', {
        spec: {
          storageClassName: 'fast',
          volumeName: '',
          resources: { requests: { storage: '1Gi' } },
        },
      }),
    ),
  ).toMatchObject({
    phase: 'Pending',
    storageClass: 'fast',
    size: 2 ** 30,
    capacity: undefined,
    volume: undefined,
  })
  const fast = object('StorageClass', 'fast', {
    provisioner: 'p',
    volumeBindingMode: 'WaitForFirstConsumer',
  })
  expect(
    toStorageClass({
      ...fast,
      metadata: {
        ...fast.metadata,
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
    }),
  ).toMatchObject({ isDefault: true, bindingMode: 'WaitForFirstConsumer' })
  expect(toStorageClass(fast).isDefault).toBe(false)
  expect(
    toNode(
      object('Node', 'n', {
        spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoSchedule' }] },
        status: {
          conditions: [{ type: 'Ready', status: 'Unknown' }],
          nodeInfo: { bootID: 'b' },
          allocatable: { cpu: '1500m', memory: '1Ki' },
        },
      }),
    ),
  ).toMatchObject({
    ready: false,
    unschedulable: true,
    taints: [{ key: 'k', value: '', effect: 'NoSchedule' }],
    bootId: 'b',
    allocatable: { cpu: 1.5, memory: 1024 },
  })
  expect(
    toBudget(
      object('PodDisruptionBudget', 'pdb', {
        spec: { selector: {}, maxUnavailable: 1 },
        status: {
          observedGeneration: 1,
          currentHealthy: 3,
          desiredHealthy: 2,
          disruptionsAllowed: 1,
          expectedPods: 3,
        },
      }),
    ),
  ).toMatchObject({
    selector: { matchLabels: {}, matchExpressions: [] },
    minAvailable: undefined,
    maxUnavailable: 1,
    healthy: 3,
    desired: 2,
    allowed: 1,
    expected: 3,
  })
})

test('only pods that are published as ready are behind a service, each once', () => {
  const slice = (endpoints: unknown) =>
    object('EndpointSlice', 's', { endpoints }, 'discovery.k8s.io/v1')
  const pod = (name: string, ready?: boolean) => ({
    conditions: ready === undefined ? {} : { ready },
    targetRef: { kind: 'Pod', name },
  })
  expect(
    toEndpoints('zk-cs', [
      slice([pod('zk-1', true), pod('zk-0'), pod('zk-2', false), { targetRef: null }]),
      slice([pod('zk-1', true)]),
      slice(null),
    ]),
  ).toEqual({ service: 'zk-cs', readyPods: ['zk-0', 'zk-1'] })
})

test('a selector is written as the API reads it', () => {
  expect(
    selectorText({
      matchLabels: { app: 'zk', tier: '' },
      matchExpressions: [
        { key: 'a', operator: 'In', values: ['b', 'c'] },
        { key: 'd', operator: 'NotIn', values: ['e'] },
        { key: 'f', operator: 'Exists', values: [] },
        { key: 'g', operator: 'DoesNotExist', values: [] },
      ],
    }),
  ).toBe('app=zk,tier=,a in (b,c),d notin (e),f,!g')
})
