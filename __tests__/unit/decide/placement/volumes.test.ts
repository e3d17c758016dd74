// A member can only go where its volume goes: taken wrongly, its data stays behind on a node that
// is being maintained.

import { describe, expect, test } from '@jest/globals'
import type {
  ClusterView,
  NodeTerm,
  PlacedClaim,
  PlacedClass,
  PlacedPod,
} from '../../../../src/view/scheduling.ts'
import { cluster, drain, HOST, pod, volume, ZONE } from './given.ts'

const CORDONED = '1 node(s) were unschedulable'
const only = (key: string, ...values: readonly string[]): readonly NodeTerm[] => [
  { expressions: [{ key, operator: 'In', values }], fields: [] },
]
const claim = (name: string, more: Partial<PlacedClaim> = {}): PlacedClaim => ({
  name,
  namespace: 'zoo',
  phase: 'Bound',
  storageClass: 'disk',
  volume: name,
  accessModes: ['ReadWriteOnce'],
  deleting: false,
  ...more,
})
const disk = (more: Partial<PlacedClass> = {}): PlacedClass => ({
  name: 'disk',
  provisioner: 'csi.example.com',
  isDefault: false,
  bindingMode: 'WaitForFirstConsumer',
  created: 1,
  allowedTopologies: undefined,
  ...more,
})
const mounting = (...claims: readonly string[]): PlacedPod => pod('p', 'n1', {}, { claims })
const anew = (storageClass?: string): PlacedPod =>
  pod('p', 'n1', {}, { ephemeral: [{ name: 'scratch', storageClass }] })
const unbound = { phase: 'Pending', volume: undefined } as const
const DRIVER = 'csi.example.com'
const csi = (handle: string) => ({ csi: { driver: DRIVER, handle } })
const limits = ['n1', 'n2', 'n3', 'n4'].map((node) => ({ node, driver: DRIVER, count: 1 }))

describe('a pod with volumes', () => {
  test.each<[string, PlacedPod, Partial<ClusterView>, string]>([
    [
      'tied to its node returns to it',
      mounting('d'),
      { claims: [claim('d')], volumes: [volume('d', { nodeAffinity: only(HOST, 'n1') })] },
      `in-place: ${CORDONED}, 3 node(s) didn't match PersistentVolume's node affinity.`,
    ],
    [
      'goes within the zone of its volume',
      mounting('d'),
      { claims: [claim('d')], volumes: [volume('d', { nodeAffinity: only(ZONE, 'zone-a') })] },
      'fits n4',
    ],
    [
      'goes where all of its volumes go',
      mounting('d', 'e'),
      {
        claims: [claim('d'), claim('e')],
        volumes: [
          volume('d', { nodeAffinity: only(HOST, 'n1', 'n2') }),
          volume('e', { nodeAffinity: only(HOST, 'n1', 'n3') }),
        ],
      },
      `in-place: ${CORDONED}, 3 node(s) didn't match PersistentVolume's node affinity.`,
    ],
    [
      'goes anywhere with a volume of the network',
      mounting('d'),
      { claims: [claim('d')], volumes: [volume('d')] },
      'fits n2',
    ],
    [
      'goes by the zones that old volumes carry as labels',
      mounting('d'),
      {
        claims: [claim('d')],
        volumes: [
          volume('d', { labels: { 'failure-domain.beta.kubernetes.io/zone': 'zone-c__zone-x' } }),
        ],
      },
      'fits n3',
    ],
    [
      'goes nowhere without such a zone',
      mounting('d'),
      { claims: [claim('d')], volumes: [volume('d', { labels: { [ZONE]: 'zone-x' } })] },
      `no-fit: ${CORDONED}, 3 node(s) had no available volume zone.`,
    ],
    [
      'that is recreated goes where its class makes volumes',
      anew('disk'),
      { classes: [disk({ allowedTopologies: only(ZONE, 'zone-c') })] },
      'fits n3',
    ],
    [
      'that is recreated by the default class, of two the newer',
      anew(),
      {
        classes: [
          disk({ isDefault: true, allowedTopologies: only(ZONE, 'zone-b') }),
          disk({
            name: 'newer',
            isDefault: true,
            created: 2,
            allowedTopologies: only(ZONE, 'zone-c'),
          }),
        ],
      },
      'fits n3',
    ],
    [
      'that is recreated nowhere',
      anew('disk'),
      { classes: [disk({ allowedTopologies: only(ZONE, 'zone-x') })] },
      `no-fit: ${CORDONED}, 3 node(s) didn't find available persistent volumes to bind.`,
    ],
    [
      'that waits for its node goes where its class makes volumes',
      mounting('d'),
      {
        claims: [claim('d', unbound)],
        classes: [disk({ allowedTopologies: only(ZONE, 'zone-c') })],
      },
      'fits n3',
    ],
    [
      'is not put where the driver attaches no more',
      mounting('d'),
      {
        claims: [claim('d')],
        limits,
        volumes: [
          volume('d', csi('d')),
          ...['n2', 'n3', 'n4'].map((node) => volume(node, csi(node))),
        ],
        pods: [
          mounting('d'),
          ...['n2', 'n3', 'n4'].map((node) => pod(`o-${node}`, node, {}, { claims: [node] })),
        ],
      },
      `in-place: ${CORDONED}, 3 node(s) exceed max volume count.`,
    ],
    [
      'is not put where a volume is attached that nobody uses',
      mounting('d'),
      {
        claims: [claim('d')],
        limits,
        volumes: [
          volume('d', csi('d')),
          volume('x', { ...csi('x'), claim: undefined, phase: 'Released' }),
        ],
        attachments: ['n2', 'n3', 'n4'].map((node) => ({ node, attacher: DRIVER, volume: 'x' })),
      },
      `in-place: ${CORDONED}, 3 node(s) exceed max volume count.`,
    ],
    [
      'is put where its volume is attached already',
      mounting('d'),
      {
        claims: [claim('d')],
        limits,
        volumes: [volume('d', csi('d')), volume('n2', csi('n2')), volume('n3', csi('n3'))],
        pods: [
          mounting('d'),
          pod('o-1', 'n2', {}, { claims: ['n2'] }),
          pod('o-2', 'n3', {}, { claims: ['n3'] }),
          pod('o-3', 'n4', {}, { claims: ['d'] }),
        ],
      },
      'fits n4',
    ],
    [
      'goes nowhere while another pod has the volume for itself',
      mounting('d'),
      {
        claims: [claim('d', { accessModes: ['ReadWriteOncePod'] })],
        volumes: [volume('d')],
        pods: [mounting('d'), pod('o-1', 'n3', {}, { claims: ['d'] })],
      },
      `no-fit: ${CORDONED}, 3 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.`,
    ],
    [
      'whose claim is not there is not judged',
      mounting('d'),
      {},
      'unknown: the claim d is not there',
    ],
    [
      'whose claim is being deleted is not judged',
      mounting('d'),
      { claims: [claim('d', { deleting: true })] },
      'unknown: the claim d is being deleted',
    ],
    [
      'whose claim has lost its volume is not judged',
      mounting('d'),
      { claims: [claim('d', { phase: 'Lost' })] },
      'unknown: the claim d has lost its volume',
    ],
    [
      'whose volume is not there is not judged',
      mounting('d'),
      { claims: [claim('d')] },
      'unknown: the volume d of the claim d is not there',
    ],
    [
      'whose claim is bound before it has a node is not judged',
      mounting('d'),
      { claims: [claim('d', unbound)], classes: [disk({ bindingMode: 'Immediate' })] },
      'unknown: the claim d is not bound, and class disk chooses the place of a volume before its pod has a node',
    ],
    [
      'whose class makes no volumes is not judged',
      mounting('d'),
      {
        claims: [claim('d', unbound)],
        classes: [disk({ provisioner: 'kubernetes.io/no-provisioner' })],
      },
      'unknown: the claim d is not bound, and class disk makes no volumes',
    ],
    [
      'whose class is not there is not judged',
      anew('x'),
      {},
      'unknown: the volume scratch is created again with the pod, and its storage class is not there',
    ],
    [
      'is judged by the volume alone where claims may not be read',
      mounting('d'),
      {
        volumes: [volume('d', { nodeAffinity: only(HOST, 'n3') })],
        unread: { claims: 'claims may not be read' },
      },
      'fits n3',
    ],
    [
      'is not judged where neither may be read',
      mounting('d'),
      { unread: { claims: 'claims may not be read' } },
      'unknown: claims may not be read',
    ],
    [
      'is not judged where volumes may not be read',
      mounting('d'),
      { claims: [claim('d')], unread: { volumes: 'volumes may not be read' } },
      'unknown: volumes may not be read',
    ],
    [
      'is not judged where classes may not be read and one is needed',
      anew('disk'),
      { unread: { classes: 'classes may not be read' } },
      'unknown: the volume scratch is created again with the pod, and classes may not be read',
    ],
    [
      'is not judged where limits may not be read and may count',
      mounting('d'),
      {
        claims: [claim('d')],
        volumes: [volume('d', csi('d'))],
        unread: { limits: 'CSINodes may not be read' },
      },
      'unknown: its volumes count against a limit of the node, and CSINodes may not be read',
    ],
  ])('%s', (_name, one, more, answer) => {
    expect(drain(cluster(more.pods ?? [one], more), 'p')).toEqual([answer])
  })
})
