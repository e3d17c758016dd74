// Volumes made by hand are given to claims as Kubernetes' binder gives them: who would wait for
// ever is told before anything is applied, and nobody else.

import { describe, expect, test } from '@jest/globals'
import { shortageOf, type OpenClaim } from '../../../../src/decide/preflight/hand-made.ts'
import type { OfferedVolume } from '../../../../src/view/scheduling.ts'
import type { NodeView } from '../../../../src/view/surroundings.ts'
import type { ClaimTemplate } from '../../../../src/view/workload.ts'
import { claimTemplate, offered, onNode } from '../given.ts'

const GI = 2 ** 30

function nodes(...names: readonly string[]): readonly NodeView[] {
  return names.map((name) => ({
    name,
    uid: name,
    ready: true,
    unschedulable: false,
    labels: { 'kubernetes.io/hostname': name, zone: name === 'c' ? 'y' : 'x' },
    annotations: {},
    taints: [],
    bootId: undefined,
    allocatable: {},
  }))
}

const open = (count: number, template: ClaimTemplate): readonly OpenClaim[] =>
  Array.from({ length: count }, (_, ordinal) => ({
    name: `${template.name}-zk-${ordinal}`,
    ordinal,
    template,
  }))
const many = (change: Partial<OfferedVolume>): readonly OfferedVolume[] =>
  [1, 2, 3].map((number) => offered(`hand-${number}`, change))
const each = (...where: readonly string[]): readonly OfferedVolume[] =>
  where.map((node, index) => offered(`hand-${index + 1}`, onNode(node)))

interface Given {
  readonly asks?: Partial<ClaimTemplate>
  readonly claims?: readonly OpenClaim[]
  readonly volumes: readonly OfferedVolume[]
  readonly nodes?: readonly NodeView[] | undefined
  readonly apart?: boolean
}

/** `sure|may: claims: why`, or `none`. */
function told(given: Given): string {
  const shortage = shortageOf({
    namespace: 'prod',
    claims: given.claims ?? open(3, claimTemplate(given.asks)),
    volumes: given.volumes,
    nodes: 'nodes' in given ? given.nodes : nodes('a', 'b', 'c'),
    apart: given.apart ?? true,
  })
  return shortage === undefined
    ? 'none'
    : `${shortage.sure ? 'sure' : 'may'}: ${shortage.claims.map(({ name }) => name).join(' ')}: ${shortage.why}`
}

describe('every claim finds a volume', () => {
  test.each<readonly [string, Given]>([
    ['of its size, reached by all nodes', { volumes: many({}) }],
    ['that is larger', { volumes: many({ capacity: 20 * GI }) }],
    [
      'of more access modes than it asks for',
      { volumes: many({ accessModes: ['ReadWriteMany', 'ReadWriteOnce'] }) },
    ],
    ['on a node of its own', { volumes: each('c', 'a', 'b') }],
    [
      'in a zone, by an expression of its affinity',
      {
        volumes: many({
          nodeAffinity: [
            { expressions: [{ key: 'zone', operator: 'Exists', values: [] }], fields: [] },
          ],
        }),
      },
    ],
    [
      'of the labels that are selected',
      {
        asks: { selector: { matchLabels: { disk: 'ssd' }, matchExpressions: [] } },
        volumes: many({ labels: { disk: 'ssd' } }),
      },
    ],
    [
      'that is a raw device, as it asks',
      { asks: { volumeMode: 'Block' }, volumes: many({ volumeMode: 'Block' }) },
    ],
    [
      'that is kept for it by name',
      {
        volumes: [0, 1, 2].map((ordinal) =>
          offered(`hand-${ordinal}`, { claim: `prod/datadir-zk-${ordinal}` }),
        ),
      },
    ],
    [
      'where one must leave another to the one that it is kept for',
      {
        volumes: [
          offered('hand-1'),
          offered('hand-2', { claim: 'prod/datadir-zk-0' }),
          offered('hand-3'),
        ],
      },
    ],
    ['that was made a moment ago', { volumes: many({ phase: 'Pending' }) }],
    [
      'for two templates of each member',
      {
        claims: [...open(3, claimTemplate()), ...open(3, claimTemplate({ name: 'log', size: GI }))],
        volumes: ['a', 'b', 'c'].flatMap((node) => [
          offered(`data-${node}`, onNode(node)),
          offered(`log-${node}`, { capacity: GI, ...onNode(node) }),
        ]),
      },
    ],
    ['on one node, where members may share one', { volumes: each('a', 'a', 'a'), apart: false }],
    [
      'wherever it lies, where nodes could not be read',
      { volumes: each('x', 'x', 'x'), nodes: undefined },
    ],
  ])('%s', (_, given) => expect(told(given)).toBe('none'))
})

describe('no volume is there, whatever becomes of the nodes', () => {
  const rest = many({}).slice(0, 2)
  test.each<readonly [string, Given, string]>([
    ['too few', { volumes: rest }, 'sure: datadir-zk-2: hand-1, hand-2 go to the others'],
    [
      'one is too small',
      { volumes: [...rest, offered('hand-3', { capacity: GI / 2 })] },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 has 512Mi, 10Gi is asked for',
    ],
    [
      'access modes',
      { asks: { accessModes: ['ReadWriteMany'] }, volumes: many({}) },
      'sure: datadir-zk-0 datadir-zk-1 datadir-zk-2: hand-1, hand-2, hand-3 does not allow ReadWriteMany',
    ],
    [
      'ReadWriteOncePod is a mode of its own',
      { asks: { accessModes: ['ReadWriteOncePod'] }, volumes: many({}) },
      'sure: datadir-zk-0 datadir-zk-1 datadir-zk-2: hand-1, hand-2, hand-3 does not allow ReadWriteOncePod',
    ],
    [
      'volumeMode',
      { volumes: many({ volumeMode: 'Block' }) },
      'sure: datadir-zk-0 datadir-zk-1 datadir-zk-2: hand-1, hand-2, hand-3 has the volumeMode Block, Filesystem is asked for',
    ],
    [
      'labels',
      {
        asks: { selector: { matchLabels: { disk: 'ssd' }, matchExpressions: [] } },
        volumes: many({ labels: { disk: 'hdd' } }),
      },
      'sure: datadir-zk-0 datadir-zk-1 datadir-zk-2: hand-1, hand-2, hand-3 has not the labels that the claim template selects',
    ],
    [
      'one has the data of an earlier installation',
      {
        volumes: [
          ...rest,
          offered('hand-3', { phase: 'Released', claim: 'old/datadir-zk-0', taken: true }),
        ],
      },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 is Released: it has the data of the claim old/datadir-zk-0 that is gone',
    ],
    [
      'one is somebody else’s',
      {
        volumes: [...rest, offered('hand-3', { phase: 'Bound', claim: 'shop/data', taken: true })],
      },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 belongs to the claim shop/data',
    ],
    [
      'one is kept for somebody else',
      { volumes: [...rest, offered('hand-3', { claim: 'shop/data' })] },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 is kept for the claim shop/data',
    ],
    [
      'one is kept for the same name in another namespace',
      { volumes: [...rest, offered('hand-3', { claim: 'test/datadir-zk-2' })] },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 is kept for the claim test/datadir-zk-2',
    ],
    [
      'one is being deleted',
      { volumes: [...rest, offered('hand-3', { deleting: true })] },
      'sure: datadir-zk-2: hand-1, hand-2 go to the others; hand-3 is being deleted',
    ],
    [
      'the template names one volume for all',
      { asks: { volume: 'hand-1' }, volumes: many({}) },
      'sure: datadir-zk-1 datadir-zk-2: hand-1 goes to the others; hand-2, hand-3 is not hand-1, which the claim template names',
    ],
    [
      'two templates want the same three',
      {
        claims: [...open(3, claimTemplate()), ...open(3, claimTemplate({ name: 'log' }))],
        volumes: many({}),
      },
      'sure: log-zk-0 log-zk-1 log-zk-2: hand-1, hand-2, hand-3 go to the others',
    ],
  ])('%s', (_, given, expected) => expect(told(given)).toBe(expected))
})

describe('as the nodes stand now, one may find none', () => {
  test.each<readonly [string, Given, string]>([
    [
      'one lies on a node that takes no member',
      { volumes: each('a', 'b', 'd') },
      'may: datadir-zk-2: hand-3 lies where no member can run now (its node is not Ready, cordoned, tainted, not selected or not there)',
    ],
    [
      'two lie on one node, and members must be apart',
      { volumes: each('a', 'b', 'b') },
      'may: datadir-zk-2: the volumes that fit lie on 2 of the nodes that take members, and members must not share one',
    ],
    [
      'two kinds of one member’s volumes lie on different nodes',
      {
        claims: [
          ...open(1, claimTemplate()),
          ...open(
            1,
            claimTemplate({
              name: 'log',
              selector: { matchLabels: { kind: 'log' }, matchExpressions: [] },
            }),
          ),
        ],
        volumes: [
          offered('data', onNode('a')),
          offered('log', { labels: { kind: 'log' }, ...onNode('b') }),
        ],
      },
      'may: datadir-zk-0 log-zk-0: the volumes that fit lie on 0 of the nodes that take members, and members must not share one',
    ],
  ])('%s', (_, given, expected) => expect(told(given)).toBe(expected))
})
