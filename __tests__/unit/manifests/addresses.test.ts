// Who is told that addresses stay continues at once after a move: where they do move, an election
// then waits a minute for caches, and nobody can write.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { addressesOf, worse } from '../../../src/manifests/addresses.ts'

const list = (host: (ordinal: number) => string): string =>
  [0, 1, 2].map((ordinal) => `server.${ordinal + 1}=${host(ordinal)}:2888:3888;2181`).join(' ')

function set(container: Readonly<Record<string, unknown>>): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop' },
    spec: {
      replicas: 3,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      template: {
        metadata: { labels: { app: 'zk' } },
        spec: { containers: [{ name: 'server', image: 'zookeeper:3.9', ...container }] },
      },
    },
  }
}

const env = (value: string): Readonly<Record<string, unknown>> => ({
  env: [{ name: 'ZOO_SERVERS', value }],
})
const byService = set(env(list((ordinal) => `zk-${ordinal}-peer`)))

function service(
  name: string,
  selector: Readonly<Record<string, string>>,
  spec: Readonly<Record<string, unknown>> = {},
  namespace?: string,
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { selector, ports: [{ name: 'server', port: 2888 }], ...spec },
  }
}

const pod = (ordinal: number): Readonly<Record<string, string>> => ({
  'statefulset.kubernetes.io/pod-name': `zk-${ordinal}`,
})
const peers = [0, 1, 2].map((ordinal) => service(`zk-${ordinal}-peer`, pod(ordinal)))

const cases: readonly [
  string,
  KubeObject,
  readonly KubeObject[] | undefined,
  'stay' | 'move' | 'unknown',
][] = [
  ['a Service for each member', byService, peers, 'stay'],
  [
    'the same by full names',
    set(env(list((ordinal) => `zk-${ordinal}-peer.shop.svc.cluster.local`))),
    peers,
    'stay',
  ],
  [
    'Services with the names of the pods',
    set(env(list((ordinal) => `zk-${ordinal}`))),
    [0, 1, 2].map((ordinal) => service(`zk-${ordinal}`, pod(ordinal))),
    'stay',
  ],
  [
    'Services with the names of the pods, but the list has the pods below the headless service',
    set(env(list((ordinal) => `zk-${ordinal}.zk-hs`))),
    [0, 1, 2].map((ordinal) => service(`zk-${ordinal}`, pod(ordinal))),
    'move',
  ],
  [
    'by the index of the pod and the labels of the set',
    byService,
    [0, 1, 2].map((ordinal) =>
      service(`zk-${ordinal}-peer`, { app: 'zk', 'apps.kubernetes.io/pod-index': String(ordinal) }),
    ),
    'stay',
  ],
  [
    'by the index alone, which other sets have too',
    byService,
    [0, 1, 2].map((ordinal) =>
      service(`zk-${ordinal}-peer`, { 'apps.kubernetes.io/pod-index': String(ordinal) }),
    ),
    'unknown',
  ],
  [
    'a headless Service for each member passes on the address of the pod',
    byService,
    [0, 1, 2].map((ordinal) => service(`zk-${ordinal}-peer`, pod(ordinal), { clusterIP: 'None' })),
    'move',
  ],
  ['one of them is not there', byService, peers.slice(0, 2), 'unknown'],
  [
    'one of them selects another set’s pod',
    byService,
    [
      ...peers.slice(0, 2),
      service('zk-2-peer', { 'statefulset.kubernetes.io/pod-name': 'zk-old-2' }),
    ],
    'unknown',
  ],
  [
    'one of them has a label that no member has',
    byService,
    [...peers.slice(0, 2), service('zk-2-peer', { ...pod(2), app: 'other' })],
    'unknown',
  ],
  [
    'one of them selects all members',
    byService,
    [...peers.slice(0, 2), service('zk-2-peer', { app: 'zk' })],
    'unknown',
  ],
  [
    'one of them is in another namespace',
    byService,
    [...peers.slice(0, 2), service('zk-2-peer', pod(2), {}, 'other')],
    'unknown',
  ],
  ['the Services may not be read', byService, undefined, 'unknown'],
  [
    'the Services may not be read, but the list has pods',
    set(env(list((ordinal) => `zk-${ordinal}.zk-hs`))),
    undefined,
    'move',
  ],
  [
    'pods below the headless service',
    set(env(list((ordinal) => `zk-${ordinal}.zk-hs.shop.svc.cluster.local`))),
    peers,
    'move',
  ],
  [
    'one member still by its pod',
    set(env(list((ordinal) => (ordinal === 1 ? 'zk-1.zk-hs' : `zk-${ordinal}-peer`)))),
    peers,
    'move',
  ],
  [
    'two addresses a member, one of them the pod’s',
    set(
      env(
        'server.1=zk-0-peer:2888:3888|zk-0.zk-hs:2888:3888;2181 server.2=zk-1-peer:2888:3888;2181',
      ),
    ),
    peers,
    'move',
  ],
  ['names of machines', set(env(list((ordinal) => `zk${ordinal}.example.org`))), peers, 'unknown'],
  [
    'one member alone, which peers that come look up',
    set(env('server.1=zk-0.zk-hs:2888:3888;2181')),
    [],
    'move',
  ],
  [
    'one member alone, by its Service',
    set(env('server.1=zk-0-peer:2888:3888;2181')),
    peers,
    'stay',
  ],
  [
    'one member alone of the tutorial’s image',
    set({
      image: 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10',
      command: ['sh', '-c', 'start-zookeeper --servers=1'],
    }),
    peers,
    'move',
  ],
  [
    'the tutorial’s image',
    set({
      image: 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10',
      command: ['sh', '-c', 'start-zookeeper --servers=3'],
    }),
    peers,
    'move',
  ],
  [
    'a list from a Secret',
    set({ env: [{ name: 'ZOO_SERVERS', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] }),
    peers,
    'unknown',
  ],
  [
    'a script that makes the list',
    set({
      command: ['bash', '-c', 'export ZOO_SERVERS="$(make-list)"; exec /docker-entrypoint.sh'],
      ...env(list((ordinal) => `zk-${ordinal}-peer`)),
    }),
    peers,
    'unknown',
  ],
  [
    'a zoo.cfg of their own',
    set({
      volumeMounts: [{ name: 'conf', mountPath: '/conf' }],
      ...env(list((ordinal) => `zk-${ordinal}-peer`)),
    }),
    peers,
    'unknown',
  ],
  ['nothing about members', set({}), peers, 'unknown'],
]

describe("the members' addresses", () => {
  test.each(cases)('%s', (_, object, services, kind) => {
    expect(addressesOf(object, services, 'zookeeper', 'shop')).toEqual({
      kind,
      reason: expect.stringMatching(/^\S.*[^.]$/),
    })
  })

  test('a namespace with the name of the headless service: the own namespace is searched first', () => {
    const ambiguous = { ...set(env(list((ordinal) => `zk-${ordinal}.zk-hs`))) }
    const services = [0, 1, 2].map((ordinal) => service(`zk-${ordinal}`, pod(ordinal)))
    expect(addressesOf(ambiguous, services, 'zookeeper', 'zk-hs').kind).toBe('move')
    expect(
      addressesOf(
        set(env(list((ordinal) => `zk-${ordinal}.zk-hs.svc`))),
        services,
        'zookeeper',
        'zk-hs',
      ).kind,
    ).toBe('stay')
  })

  test('other kinds of ensembles are not judged', () => {
    expect(addressesOf(byService, peers, 'cassandra', 'shop').kind).toBe('unknown')
  })

  test('while two lists are known, the worse one holds', () => {
    const [stay, move, unknown] = (['stay', 'move', 'unknown'] as const).map((kind) => ({
      kind,
      reason: kind,
    }))
    if (stay === undefined || move === undefined || unknown === undefined) throw new Error('three')
    expect(
      [
        worse(stay, move),
        worse(move, stay),
        worse(unknown, stay),
        worse(stay, unknown),
        worse(unknown, move),
        worse(stay, stay),
      ].map(({ kind }) => kind),
    ).toEqual(['move', 'move', 'unknown', 'unknown', 'move', 'stay'])
  })
})
