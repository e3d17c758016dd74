// A newcomer whose name leads nowhere never joins; a Service that is made wrongly leads clients and
// peers to another member's data.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { serviceAfter, wantedServices } from '../../../src/manifests/wanted-services.ts'

function set(hosts: readonly string[], more: Readonly<Record<string, unknown>> = {}): KubeObject {
  const value = hosts
    .map(
      (host, index) => `server.${index + 1}=${host.replaceAll('|', ':2888:3888|')}:2888:3888;2181`,
    )
    .join(' ')
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk' },
    spec: {
      replicas: hosts.length,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      template: {
        metadata: { labels: { app: 'zk' } },
        spec: {
          containers: [
            { name: 'server', image: 'zookeeper:3.9', env: [{ name: 'ZOO_SERVERS', value }] },
          ],
        },
      },
      ...more,
    },
  }
}

const service = (
  name: string,
  pod: string,
  spec: Readonly<Record<string, unknown>> = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name,
    namespace: 'shop',
    labels: { app: 'zk', member: pod },
    uid: `uid-${name}`,
    resourceVersion: '7',
  },
  spec: {
    selector: { 'statefulset.kubernetes.io/pod-name': pod },
    ports: [{ port: 2888, nodePort: 0 }],
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ...spec,
  },
})
const peers = (count: number): readonly KubeObject[] =>
  Array.from({ length: count }, (_, ordinal) => service(`zk-${ordinal}-peer`, `zk-${ordinal}`))
const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, ordinal) => `zk-${ordinal}-peer`)

describe('which Services a list needs', () => {
  test.each<readonly [string, KubeObject, readonly KubeObject[], readonly string[]]>([
    ['none where pods are named', set(['zk-0.zk-hs', 'zk-1.zk-hs']), [], []],
    ['none that is there', set(names(3)), peers(3), []],
    [
      'that of a member that comes, after the last one',
      set(names(4)),
      peers(3),
      ['zk-3-peer for zk-3 after zk-2-peer'],
    ],
    [
      'all that come',
      set(names(5)),
      peers(3),
      ['zk-3-peer for zk-3 after zk-2-peer', 'zk-4-peer for zk-4 after zk-2-peer'],
    ],
    [
      'by full names',
      set(names(2).map((name) => `${name}.shop.svc.cluster.local`)),
      peers(1),
      ['zk-1-peer for zk-1 after zk-0-peer'],
    ],
    [
      'with ordinals that begin elsewhere',
      set(['zk-5-peer', 'zk-6-peer'], { ordinals: { start: 5 } }),
      [service('zk-5-peer', 'zk-5')],
      ['zk-6-peer for zk-6 after zk-5-peer'],
    ],
    [
      'each of two names of a member after its own kind',
      set(['zk-0-a|zk-0-b', 'zk-1-a|zk-1-b']),
      [service('zk-0-a', 'zk-0'), service('zk-0-b', 'zk-0')],
      ['zk-1-a for zk-1 after zk-0-a', 'zk-1-b for zk-1 after zk-0-b'],
    ],
  ])('%s', (_, object, services, expected) => {
    const wanted = wantedServices(object, services, 'shop')
    expect(
      'refused' in wanted
        ? wanted.refused
        : wanted.map(({ name, pod, model }) => `${name} for ${pod} after ${model.name}`),
    ).toEqual(expected)
  })

  test.each<readonly [string, KubeObject, readonly KubeObject[], RegExp]>([
    [
      'a name of something else',
      set(names(2)),
      [...peers(1), service('zk-1-peer', 'zk-1', { selector: { app: 'shop' } })],
      /zk-1-peer for zk-1, and it does not select this pod alone/,
    ],
    [
      'a Service of another member',
      set(names(2)),
      [...peers(1), service('zk-1-peer', 'zk-0')],
      /zk-1-peer for zk-1, and it selects zk-0/,
    ],
    [
      'names that are no Services at all',
      set(names(2)),
      [],
      /zk-0-peer for zk-0, which is no Service/,
    ],
  ])('%s is refused, with what to make by hand', (_, object, services, reason) => {
    expect(wantedServices(object, services, 'shop')).toMatchObject({
      refused: expect.stringMatching(reason),
      manual: expect.stringContaining('statefulset.kubernetes.io/pod-name: zk-'),
    })
  })
})

describe('the Service that is made', () => {
  const wanted = {
    name: 'zk-3-peer',
    pod: 'zk-3',
    model: { name: 'zk-2-peer', pod: 'zk-2', ownAddress: true, always: true, ports: [2888] },
  }

  test('has the name, the member and an address of its own; everything else is its model’s', () => {
    expect(
      serviceAfter(service('zk-2-peer', 'zk-2', { publishNotReadyAddresses: true }), wanted),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'zk-3-peer', namespace: 'shop', labels: { app: 'zk', member: 'zk-3' } },
      spec: {
        publishNotReadyAddresses: true,
        selector: { 'statefulset.kubernetes.io/pod-name': 'zk-3' },
        ports: [{ port: 2888, nodePort: 0 }],
      },
    })
  })

  test('by the index of the pod', () => {
    const byIndex = service('zk-2-peer', 'zk-2', {
      selector: { app: 'zk', 'apps.kubernetes.io/pod-index': '2' },
    })
    expect(serviceAfter(byIndex, wanted)?.['spec']).toMatchObject({
      selector: { app: 'zk', 'apps.kubernetes.io/pod-index': '3' },
    })
  })

  test('is none where the model has an address outside of the cluster: that is for its owner to give', () => {
    expect(
      serviceAfter(service('zk-2-peer', 'zk-2', { type: 'LoadBalancer' }), wanted),
    ).toBeUndefined()
  })
})
