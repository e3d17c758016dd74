// A drain that is allowed wrongly leaves a member Pending outside its quorum; one that is refused
// wrongly leaves a node unpatched. So each rule of the scheduler is held here.

import { describe, expect, test } from '@jest/globals'
import { planPlacements } from '../../../../src/decide/placement/plan-placements.ts'
import { placePods } from '../../../support/place-pods.ts'
import type { ClusterView, PlacedPod } from '../../../../src/view/scheduling.ts'
import { cluster, drain, evenly, HOST, node, pod, term, told, ZONE } from './given.ts'

const CORDONED = '1 node(s) were unschedulable'
const asking = (asks: Parameters<typeof pod>[2], more: Parameters<typeof pod>[3] = {}): PlacedPod =>
  pod('p', 'n1', asks, more)
const others = (
  asks: Parameters<typeof pod>[2] = {},
  nodes: readonly string[] = ['n2', 'n3', 'n4'],
): readonly PlacedPod[] => nodes.map((on, index) => pod(`o-${index}`, on, asks))
const nodes = (...changed: readonly ReturnType<typeof node>[]): Pick<ClusterView, 'nodes'> => ({
  nodes: ['n1', 'n2', 'n3', 'n4'].map(
    (name) => changed.find((one) => one.name === name) ?? node(name),
  ),
})
const inNode = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt',
  ...values: readonly string[]
) => ({ expressions: [{ key, operator, values }], fields: [] })

describe('one pod of a drained node', () => {
  test.each<[string, PlacedPod, readonly PlacedPod[], Partial<ClusterView>, string]>([
    [
      'that asks for nothing goes where most is left',
      asking({}),
      others({ requests: { cpu: 500 } }, ['n2', 'n3']),
      {},
      'fits n4',
    ],
    [
      'goes to no cordoned node',
      asking({}),
      [],
      nodes(node('n2', { unschedulable: true }), node('n3', { unschedulable: true })),
      'fits n4',
    ],
    [
      'that tolerates the cordon may stay where it is',
      asking({
        tolerations: [{ key: undefined, operator: 'Exists', value: '', effect: undefined }],
        nodeSelector: { [HOST]: 'n1' },
      }),
      [],
      {},
      'fits n1',
    ],
    [
      'goes to no node that is not ready',
      asking({ nodeSelector: { [ZONE]: 'zone-b' } }),
      [],
      nodes(node('n2', { ready: false })),
      `no-fit: 1 node(s) were not ready, ${CORDONED}, 2 node(s) didn't match Pod's node affinity/selector.`,
    ],
    [
      'goes to no tainted node',
      asking({}),
      [],
      nodes(
        ...['n2', 'n3', 'n4'].map((name) =>
          node(name, { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
        ),
      ),
      `in-place: ${CORDONED}, 3 node(s) had untolerated taint(s).`,
    ],
    [
      'goes to a node whose taint it tolerates',
      asking({
        tolerations: [{ key: 'gpu', operator: 'Equal', value: 'yes', effect: 'NoSchedule' }],
        nodeSelector: { [HOST]: 'n3' },
      }),
      [],
      nodes(node('n3', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })),
      'fits n3',
    ],
    [
      'is not kept off by a mere preference',
      asking({ nodeSelector: { [HOST]: 'n3' } }),
      [],
      nodes(node('n3', { taints: [{ key: 'gpu', value: '', effect: 'PreferNoSchedule' }] })),
      'fits n3',
    ],
    [
      'that selects its own node alone returns to it',
      asking({ nodeSelector: { [HOST]: 'n1' } }),
      [],
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't match Pod's node affinity/selector.`,
    ],
    [
      'goes by terms of affinity, of which one must hold',
      asking({ nodeAffinity: [inNode(ZONE, 'In', 'nowhere'), inNode(HOST, 'NotIn', 'n2', 'n4')] }),
      [],
      {},
      'fits n3',
    ],
    [
      'goes by numbers in labels',
      asking({ nodeAffinity: [inNode('rank', 'Gt', '4')] }),
      [],
      nodes(node('n2', { labels: { rank: '4' } }), node('n3', { labels: { rank: '10' } })),
      'fits n3',
    ],
    [
      'goes by the node’s name',
      asking({
        nodeAffinity: [
          { expressions: [], fields: [{ key: 'metadata.name', operator: 'In', values: ['n4'] }] },
        ],
      }),
      [],
      {},
      'fits n4',
    ],
    [
      'goes nowhere by terms that ask nothing',
      asking({ nodeAffinity: [{ expressions: [], fields: [] }] }),
      [],
      {},
      `no-fit: ${CORDONED}, 3 node(s) didn't match Pod's node affinity/selector.`,
    ],
    [
      'does not go where a resource is short, and all that is short is told',
      asking({ requests: { cpu: 1600, memory: 3 * 2 ** 30 } }),
      [...others({ requests: { cpu: 500 } }), pod('m', 'n2', { requests: { memory: 2 ** 31 } })],
      {},
      `in-place: 1 Insufficient memory, ${CORDONED}, 3 Insufficient cpu.`,
    ],
    [
      'goes where exactly enough is left',
      asking({ requests: { cpu: 1500 } }),
      [
        ...others({ requests: { cpu: 501 } }, ['n2', 'n3']),
        pod('m', 'n4', { requests: { cpu: 500 } }),
      ],
      {},
      'fits n4',
    ],
    [
      'does not go where a resource is unknown',
      asking({ requests: { 'example.com/gpu': 1 } }),
      [],
      {},
      `no-fit: ${CORDONED}, 3 Insufficient example.com/gpu.`,
    ],
    [
      'does not go where no more pods may be',
      asking({}),
      others(),
      nodes(...['n2', 'n3', 'n4'].map((name) => node(name, { allocatable: { pods: 1 } }))),
      `in-place: ${CORDONED}, 3 Too many pods.`,
    ],
    [
      'finds room where a pod has finished',
      asking({ requests: { cpu: 2000 } }),
      [
        ...others({ requests: { cpu: 100 } }),
        pod('done', 'n3', { requests: { cpu: 2000 } }, { phase: 'Succeeded' }),
      ].filter(({ name }) => name !== 'o-1'),
      {},
      'fits n3',
    ],
    [
      'does not share a port of the node',
      asking({ ports: [{ ip: '0.0.0.0', protocol: 'TCP', port: 80 }] }),
      others({ ports: [{ ip: '10.0.0.1', protocol: 'TCP', port: 80 }] }),
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't have free ports for the requested pod ports.`,
    ],
    [
      'shares a port of another protocol or address',
      asking({ ports: [{ ip: '10.0.0.2', protocol: 'TCP', port: 80 }] }),
      [
        ...others({ ports: [{ ip: '10.0.0.1', protocol: 'TCP', port: 80 }] }),
        pod('u', 'n2', { ports: [{ ip: '0.0.0.0', protocol: 'UDP', port: 80 }] }),
      ],
      {},
      'fits n2',
    ],
    [
      'keeps apart from others by host',
      asking({ antiAffinity: [term('o')] }),
      others(),
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't match pod anti-affinity rules.`,
    ],
    [
      'keeps apart by the whole zone',
      asking({ antiAffinity: [term('o', ZONE)] }),
      others({}, ['n2', 'n3']),
      {},
      'fits n4',
    ],
    [
      'does not keep apart from what is in another namespace',
      asking({ antiAffinity: [term('o')] }),
      others().map((one) => ({ ...one, namespace: 'elsewhere' })),
      {},
      'fits n2',
    ],
    [
      'keeps apart by the labels of namespaces',
      asking({
        antiAffinity: [
          term('o', HOST, {
            namespaceSelector: { matchLabels: { team: 'b' }, matchExpressions: [] },
          }),
        ],
      }),
      others().map((one) => ({ ...one, namespace: 'yard' })),
      { namespaces: new Map([['yard', { team: 'b' }]]) },
      `in-place: ${CORDONED}, 3 node(s) didn't match pod anti-affinity rules.`,
    ],
    [
      'is kept apart by others',
      asking({}),
      others({ antiAffinity: [term('p', ZONE)] }, ['n2', 'n3']),
      {},
      'fits n4',
    ],
    [
      'is kept apart by others everywhere',
      asking({}),
      others({ antiAffinity: [term('p')] }),
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't satisfy existing pods anti-affinity rules.`,
    ],
    [
      'goes with those that it belongs to',
      asking({ affinity: [term('o')] }),
      others({}, ['n3']),
      {},
      'fits n3',
    ],
    [
      'goes nowhere when those were on its own node',
      asking({ affinity: [term('o')] }),
      [pod('o-0', 'n1')],
      {},
      `no-fit: ${CORDONED}, 3 node(s) didn't match pod affinity rules.`,
    ],
    [
      'is the first of those that it belongs to',
      asking({ affinity: [term('p')] }),
      [],
      {},
      'fits n2',
    ],
    [
      'is counted by all its terms of affinity together',
      asking({
        affinity: [
          term('o'),
          {
            ...term('x'),
            selector: {
              matchLabels: {},
              matchExpressions: [{ key: 'tier', operator: 'Exists', values: [] }],
            },
          },
        ],
      }),
      [pod('o-0', 'n2'), pod('o-1', 'n4', {}, { labels: { app: 'o', tier: '1' } })],
      {},
      'fits n4',
    ],
    [
      'spreads evenly: a cordoned node still counts',
      asking({ spread: [evenly('p')] }),
      ['n2', 'n3', 'n4'].map((on, index) => pod(`p-${index}`, on)),
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't match pod topology spread constraints.`,
    ],
    [
      'spreads evenly, and a tainted node does not count where that is asked',
      asking({ spread: [evenly('p', HOST, { nodeTaintsPolicy: 'Honor' })] }),
      ['n2', 'n3', 'n4'].map((on, index) => pod(`p-${index}`, on)),
      {},
      'fits n2',
    ],
    [
      'spreads evenly over the nodes that it selects',
      asking({ spread: [evenly('p')], nodeSelector: { pool: 'b' } }),
      [pod('p-0', 'n2'), pod('p-1', 'n3')],
      nodes(node('n2', { labels: { pool: 'b' } }), node('n3', { labels: { pool: 'b' } })),
      'fits n2',
    ],
    [
      'spreads evenly over more domains than there are',
      asking({ spread: [evenly('p', HOST, { minDomains: 5 })] }),
      ['n2', 'n3', 'n4'].map((on, index) => pod(`p-${index}`, on)),
      {},
      `in-place: ${CORDONED}, 3 node(s) didn't match pod topology spread constraints.`,
    ],
    [
      'spreads over nothing that has no label',
      asking({ spread: [evenly('p', 'rack')] }),
      [],
      {},
      `no-fit: ${CORDONED}, 3 node(s) didn't match pod topology spread constraints (missing required label).`,
    ],
    [
      'spreads by its own revision',
      asking(
        { spread: [evenly('p', HOST, { matchLabelKeys: ['rev'] })] },
        { labels: { app: 'p', rev: '2' } },
      ),
      ['n2', 'n3', 'n4'].map((on, index) =>
        pod(`p-${index}`, on, {}, { labels: { app: 'p', rev: '1' } }),
      ),
      {},
      'fits n2',
    ],
    [
      'does not count those that are going',
      asking({ spread: [evenly('p')] }),
      ['n2', 'n3', 'n4'].map((on, index) =>
        pod(`p-${index}`, on, {}, { deleting: on === 'n3' ? 1 : undefined }),
      ),
      {},
      'fits n3',
    ],
  ])('%s', (_name, one, there, more, answer) => {
    expect(drain(cluster([one, ...there], more), 'p')).toEqual([answer])
  })

  test.each<[string, Partial<PlacedPod['demands']>, Partial<ClusterView>, RegExp]>([
    ['of another scheduler', { scheduler: 'volcano' }, {}, /scheduler volcano/],
    ['behind a gate', { gates: ['wait'] }, {}, /scheduling gate wait/],
    ['with claims of devices', { resourceClaims: ['gpu'] }, {}, /resource claims \(gpu\)/],
    [
      'in a cluster whose pods may not be read',
      {},
      { unread: { pods: 'pods may not be read' } },
      /^pods may not be read$/,
    ],
    [
      'that belongs to namespaces that may not be read',
      {
        affinity: [
          term('o', HOST, { namespaceSelector: { matchLabels: { a: 'b' }, matchExpressions: [] } }),
        ],
      },
      { unread: { namespaces: 'no right' } },
      /selects namespaces, and no right/,
    ],
    [
      'kept apart by namespaces that may not be read',
      {
        antiAffinity: [
          term('o', HOST, { namespaceSelector: { matchLabels: { a: 'b' }, matchExpressions: [] } }),
        ],
        nodeSelector: { [HOST]: 'nowhere' },
      },
      { unread: { namespaces: 'no right' } },
      /labels of namespaces, and no right/,
    ],
  ])('%s is not judged', (_name, asks, more, why) => {
    const [answer] = placePods(cluster([asking(asks)], more), new Set(['n1']), [asking(asks)])
    expect(answer).toMatchObject({ kind: 'unknown', why: expect.stringMatching(why) })
  })

  test('that could only stay by evicting others is not counted on, and that is said', () => {
    const full = others({ requests: { cpu: 2000 } })
    const answer = (asks: Partial<PlacedPod['demands']>) =>
      placePods(
        cluster([
          ...full,
          pod(
            'q',
            'n1',
            { requests: { cpu: 2000 } },
            { owner: { kind: 'DaemonSet', name: 'd', uid: 'd' } },
          ),
        ]),
        new Set(['n1']),
        [asking({ requests: { cpu: 100 }, ...asks })],
      )[0]
    expect(answer({ priority: 5 })).toMatchObject({ kind: 'no-fit', preemption: true })
    expect(answer({ priority: 5, preempts: false })).toMatchObject({
      kind: 'no-fit',
      preemption: false,
    })
    expect(answer({ priority: 0 })).toMatchObject({ kind: 'no-fit', preemption: false })
    expect(answer({ priority: 5, nodeSelector: { [HOST]: 'nowhere' } })).toMatchObject({
      kind: 'no-fit',
      preemption: false,
    })
  })

  test('is told why by node, in rows that stay few', () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      node(`m${index}`, {
        taints: [{ key: 'pool', value: index % 2 === 0 ? 'a' : 'b', effect: 'NoSchedule' }],
      }),
    )
    const [answer] = placePods(
      cluster([asking({})], { nodes: [node('n1'), ...many] }),
      new Set(['n1']),
      [asking({})],
    )
    expect(answer).toMatchObject({
      kind: 'in-place',
      why: '0/41 nodes are available: 1 node(s) were unschedulable, 40 node(s) had untolerated taint(s).',
      reasons: [
        {
          reason: 'node(s) had untolerated taint(s) {pool: a}',
          nodes: 20,
          names: ['m0', 'm2', 'm4', 'm6', 'm8'],
        },
        {
          reason: 'node(s) had untolerated taint(s) {pool: b}',
          nodes: 20,
          names: ['m1', 'm3', 'm5', 'm7', 'm9'],
        },
        {
          reason: 'node(s) were unschedulable once this drain has cordoned it',
          nodes: 1,
          names: ['n1'],
        },
      ],
    })
  })
})

describe('several pods', () => {
  test('take up room from each other, the highest priority first', () => {
    const view = cluster([
      ...others({ requests: { cpu: 1500 } }, ['n2', 'n3']),
      pod('o-9', 'n4', { requests: { cpu: 1000 } }),
      pod('low', 'n1', { requests: { cpu: 1000 } }),
      pod('high', 'n1', { requests: { cpu: 1000 }, priority: 9 }),
    ])
    expect(drain(view)).toEqual([`in-place: ${CORDONED}, 3 Insufficient cpu.`, 'fits n4'])
  })

  test('of one ensemble compete for the nodes that are free of members', () => {
    const member = (ordinal: number, on: string): PlacedPod =>
      pod(`zk-${ordinal}`, on, { antiAffinity: [term('zk', ZONE)] })
    const view = cluster([member(0, 'n1'), member(1, 'n4'), member(2, 'n2')])
    expect(placePods(view, new Set(['n1', 'n4']), view.pods.slice(0, 2)).map(told)).toEqual([
      'fits n3',
      expect.stringMatching(
        /^in-place: 2 node\(s\) didn't match pod anti-affinity rules, 2 node\(s\) were unschedulable\.$/,
      ),
    ])
  })

  test('that stay with the node (of DaemonSets, of files on it) keep their room when it is uncordoned', () => {
    const stays = [
      pod(
        'd',
        'n1',
        { requests: { cpu: 1500 } },
        { owner: { kind: 'DaemonSet', name: 'd', uid: 'd' } },
      ),
      pod('m', 'n1', { requests: { cpu: 200 } }, { mirror: true, owner: undefined }),
    ]
    expect(
      drain(
        cluster([...stays, asking({ requests: { cpu: 301 }, nodeSelector: { [HOST]: 'n1' } })]),
        'p',
      ),
    ).toEqual([expect.stringMatching(/^no-fit/)])
    expect(
      drain(
        cluster([...stays, asking({ requests: { cpu: 300 }, nodeSelector: { [HOST]: 'n1' } })]),
        'p',
      ),
    ).toEqual([expect.stringMatching(/^in-place/)])
  })
})

describe('a plan over several nodes', () => {
  const member = (ordinal: number): PlacedPod =>
    pod(`zk-${ordinal}`, `n${ordinal + 1}`, { antiAffinity: [term('zk')] })
  const three = cluster([member(0), member(1), member(2)])
  const plan = (staysCordoned: boolean): readonly (readonly string[])[] =>
    planPlacements(
      three,
      ['n1', 'n2', 'n3'].map((name) => ({ node: name, staysCordoned })),
    ).map(({ answers }) => answers.map((answer) => `${answer.pod.name} ${told(answer)}`))

  test('moves the members along when each node is uncordoned before the next', () => {
    expect(plan(false)).toEqual([['zk-0 fits n4'], ['zk-1 fits n1'], ['zk-2 fits n2']])
  })

  test('sees beforehand that the second drain leaves a member without a node when the first stays cordoned', () => {
    expect(plan(true)).toEqual([
      ['zk-0 fits n4'],
      [
        expect.stringMatching(
          /^zk-1 in-place: 2 node\(s\) didn't match pod anti-affinity rules, 2 node\(s\) were unschedulable\.$/,
        ),
      ],
      [expect.stringMatching(/^zk-2 in-place/)],
    ])
  })

  test('finds a pod where the step before has put it', () => {
    const steps = planPlacements(
      cluster([pod('p', 'n1', { nodeAffinity: [inNode(HOST, 'In', 'n1', 'n2')] })]),
      [
        { node: 'n1', staysCordoned: false },
        { node: 'n2', staysCordoned: false },
        { node: 'gone', staysCordoned: false },
      ],
    )
    expect(steps.map(({ node: name, answers }) => [name, ...answers.map(told)])).toEqual([
      ['n1', 'fits n2'],
      ['n2', 'fits n1'],
      ['gone'],
    ])
  })

  test('leaves what somebody else has cordoned as it was', () => {
    const view = cluster(
      [pod('p', 'n2', { nodeSelector: { half: 'x' } })],
      nodes(
        node('n1', { unschedulable: true, labels: { half: 'x' } }),
        node('n2', { labels: { half: 'x' } }),
      ),
    )
    const steps = planPlacements(view, [
      { node: 'n1', staysCordoned: false },
      { node: 'n2', staysCordoned: false },
    ])
    expect(steps[1]?.answers.map(told)).toEqual([
      "in-place: 2 node(s) didn't match Pod's node affinity/selector, 2 node(s) were unschedulable.",
    ])
  })
})
