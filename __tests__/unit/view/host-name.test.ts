// A member that is started with another ensemble's list joins that ensemble and gets its data; a
// list that is refused wrongly leaves its owner without a way around.

import { describe, expect, test } from '@jest/globals'
import { judgeBelonging, readHost, type OwnNames } from '../../../src/view/host-name.ts'

const OWN: OwnNames = {
  set: 'zk',
  service: 'zk-hs',
  namespace: 'pr7',
  services: new Set(['zk-hs', 'zk-cs']),
  start: 0,
  replicas: 3,
}

describe('every form of a name', () => {
  const cases: readonly (readonly [
    host: string,
    pod: string | undefined,
    service: string,
    namespace: string | undefined,
  ])[] = [
    ['zk-0.zk-hs', 'zk-0', 'zk-hs', undefined],
    ['zk-0.zk-hs.prod', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.zk-hs.prod.svc', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.zk-hs.prod.svc.cluster.local', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.zk-hs.prod.svc.cluster.local.', 'zk-0', 'zk-hs', 'prod'],
    ['ZK-0.ZK-HS.Prod.SVC.Cluster.Local', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.zk-hs.prod.svc.k8s.example.org', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.west.zk-hs.prod.svc.clusterset.local', 'zk-0', 'zk-hs', 'prod'],
    ['zk-0.svc.prod.svc', 'zk-0', 'svc', 'prod'],
    ['zk-0.prod.svc', undefined, 'zk-0', 'prod'],
    ['zk-0.pr7', undefined, 'zk-0', 'pr7'],
    ['zk-0', undefined, 'zk-0', undefined],
    ['$HOSTNAME.zk-hs.prod.svc', '$hostname', 'zk-hs', 'prod'],
    ['zk-0.zk-hs.$(NAMESPACE).svc', 'zk-0', 'zk-hs', undefined],
  ]
  test.each(cases)('%s', (host, pod, service, namespace) => {
    expect(readHost(host, OWN)).toEqual({ kind: 'cluster', pod, service, namespace })
  })

  test.each([
    '10.0.0.7',
    '[fd00::7]',
    'zk1.example.org',
    'zk-0.example.org',
    'node-1.lan',
    '$DOMAIN',
    'zk-0.other',
  ])('%s may be anybody', (host) => {
    expect(readHost(host, OWN)).toEqual({ kind: 'unknown' })
  })

  test.each(['0.0.0.0', '::', '[::]', '127.0.0.1', 'localhost'])(
    '%s is the member itself',
    (host) => {
      expect(readHost(host, OWN)).toEqual({ kind: 'self' })
    },
  )
})

describe('whose list it is', () => {
  const list = (name: (ordinal: number) => string, count = 3): readonly string[] =>
    Array.from({ length: count }, (_, ordinal) => name(ordinal))
  const cases: readonly (readonly [
    what: string,
    hosts: readonly string[],
    own: Partial<OwnNames>,
    kind: string,
  ])[] = [
    ['its own, short', list((n) => `zk-${n}.zk-hs`), {}, 'own'],
    ['its own, in full', list((n) => `zk-${n}.zk-hs.pr7.svc.cluster.local`), {}, 'own'],
    [
      'another namespace',
      list((n) => `zk-${n}.zk-hs.prod.svc.cluster.local`),
      {},
      'foreign: namespace prod',
    ],
    [
      'another namespace, while ours is not known yet',
      list((n) => `zk-${n}.zk-hs.prod.svc`),
      { namespace: undefined },
      'own',
    ],
    [
      'another namespace through the search path',
      list((n) => `zk-${n}.zk-hs.prod`),
      {},
      'foreign: namespace prod',
    ],
    [
      'a Service for each member in another namespace',
      list((n) => `zoo-${n}.prod.svc`),
      { services: new Set(['zk-hs', 'zoo-0', 'zoo-1', 'zoo-2']) },
      'foreign: namespace prod',
    ],
    [
      'one wrong line among its own',
      ['zk-0.zk-hs', 'zk-1.zk-hs.prod.svc', 'zk-2.zk-hs'],
      {},
      'foreign: namespace prod',
    ],
    [
      'itself as a wildcard, the others elsewhere',
      ['0.0.0.0', 'zk-1.zk-hs.prod.svc', 'zk-2.zk-hs.prod.svc'],
      {},
      'foreign: namespace prod',
    ],
    [
      'names that the start fills in, in another namespace',
      ['$HOSTNAME.zk-hs.prod.svc'],
      {},
      'foreign: namespace prod',
    ],
    [
      'another set of the namespace',
      list((n) => `zk-main-${n}.zk-main-hs.pr7.svc`),
      {},
      'foreign: StatefulSet zk-main',
    ],
    [
      'two namespaces, each with members of its own',
      [...list((n) => `zk-${n}.zk-hs.prod.svc`), ...list((n) => `zk-${n}.zk-hs.pr7.svc`)],
      {},
      'spans: namespace prod',
    ],
    [
      'a set that is moved ordinal by ordinal',
      ['zk-0.zk-hs.prod.svc', 'zk-1.zk-hs.prod.svc', 'zk-2.zk-hs.pr7.svc'],
      { start: 2, replicas: 1 },
      'spans: namespace prod',
    ],
    [
      'observers in a set of their own',
      [...list((n) => `zk-${n}.zk-hs`), 'zk-far-0.zk-hs'],
      {},
      'spans: StatefulSet zk-far',
    ],
    [
      'a set in each zone',
      ['zk-a-0.zk-hs', 'zk-b-0.zk-hs', 'zk-c-0.zk-hs'],
      { set: 'zk-a', replicas: 1 },
      'spans: StatefulSet zk-b and zk-c',
    ],
    ['addresses', ['10.0.0.1', '10.0.0.2'], {}, 'own'],
    ['names of another DNS', ['zk1.example.org', 'zk2.example.org'], {}, 'own'],
    [
      'addresses beside another namespace: it may be ours by one of them',
      ['10.0.0.1', 'kept-0.kept.prod.svc'],
      {},
      'spans: namespace prod',
    ],
  ]
  test.each(cases)('%s', (_what, hosts, own, kind) => {
    const found = judgeBelonging(hosts, { ...OWN, ...own })
    expect(found.kind === 'own' ? 'own' : `${found.kind}: ${found.where}`).toBe(kind)
  })
})
