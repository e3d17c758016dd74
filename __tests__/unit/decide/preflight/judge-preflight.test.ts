// What a deploy would run into is told before anything is sent, and nothing that would go well is
// refused.

import { describe, expect, test } from '@jest/globals'
import { storageNeeds } from '../../../../src/decide/preflight/storage.ts'
import { judgePreflight, looksLeftOut } from '../../../../src/decide/preflight/judge-preflight.ts'
import type { OwnedObject, PreflightInput } from '../../../../src/decide/preflight/finding.ts'
import type { NodeView, StorageClassView } from '../../../../src/view/surroundings.ts'
import type { OfferedVolume } from '../../../../src/view/scheduling.ts'
import type { ClaimTemplate } from '../../../../src/view/workload.ts'
import { claim, claimTemplate, offered, onNode, SECOND, set, T0 } from '../given.ts'

const GI = 2 ** 30

function storageClass(name: string, change: Partial<StorageClassView> = {}): StorageClassView {
  return {
    name,
    provisioner: 'rancher.io/local-path',
    isDefault: false,
    bindingMode: 'WaitForFirstConsumer',
    created: T0,
    ...change,
  }
}

function node(name: string, change: Partial<NodeView> = {}): NodeView {
  return {
    name,
    uid: name,
    ready: true,
    unschedulable: false,
    labels: { 'kubernetes.io/hostname': name },
    annotations: {},
    taints: [],
    bootId: undefined,
    allocatable: {},
    ...change,
  }
}

function owned(change: Partial<OwnedObject> = {}): OwnedObject {
  return {
    object: 'statefulset/zk',
    labels: {},
    annotations: {},
    owners: [],
    managers: [],
    ...change,
  }
}

const spec = {
  replicas: 3,
  serviceName: 'zk-hs',
  selector: { matchLabels: { app: 'zk' } },
  podManagementPolicy: 'OrderedReady',
  volumeClaimTemplates: [
    {
      metadata: { name: 'datadir' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
    },
  ],
}
const asServed = {
  ...spec,
  revisionHistoryLimit: 10,
  volumeClaimTemplates: [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'datadir', creationTimestamp: null },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '10Gi' } },
        volumeMode: 'Filesystem',
      },
      status: { phase: 'Pending' },
    },
  ],
}

const template = (name: string | undefined, change: Partial<ClaimTemplate> = {}) => ({
  claimTemplates: [claimTemplate({ storageClass: name, ...change })],
})

/** Three volumes of this class, each on a node of its own. */
const byHand = (storageClass: string): readonly OfferedVolume[] =>
  [1, 2, 3].map((number) =>
    offered(`hand-${number}`, { storageClass, ...onNode(`node-${number}`) }),
  )

const placing = { nodeSelector: {}, tolerations: [], apart: ['kubernetes.io/hostname'] }

function input(
  change: Partial<Omit<PreflightInput, 'wanted'>> & {
    readonly wanted?: Partial<PreflightInput['wanted']>
  } = {},
): PreflightInput {
  const { wanted, ...rest } = change
  return {
    now: T0,
    deadline: T0 + 900 * SECOND,
    credentialsEnd: undefined,
    live: undefined,
    namespace: 'present',
    makesNamespace: false,
    membership: 'listed',
    classes: [storageClass('standard', { isDefault: true }), storageClass('local')],
    ownClasses: [],
    ownVolumes: [],
    volumes: [],
    drivers: [],
    claims: [],
    claimsInUse: undefined,
    nodes: ['node-1', 'node-2', 'node-3', 'node-4'].map((name) => node(name)),
    objects: [],
    ...rest,
    wanted: {
      name: 'zk',
      namespace: 'prod',
      replicas: 3,
      start: 0,
      ...template(undefined),
      retention: { whenScaled: 'Retain', whenDeleted: 'Retain' },
      placing,
      spec,
      ...wanted,
    },
  }
}

const live = { view: set(), spec: asServed }

const scaling = { words: 'a scale of zk was begun and has not ended', end: 'scale it again' }

/** `severity code message` of each. */
function told(change: Parameters<typeof input>[0]): readonly string[] {
  return judgePreflight(input(change)).map(
    ({ severity, code, message }) => `${severity} ${code} ${message}`,
  )
}

/** Rows of: what, input, the findings' beginnings or parts in order; none means clean. */
type Row = readonly [string, Parameters<typeof input>[0], readonly string[]]

function check(_: string, change: Parameters<typeof input>[0], parts: readonly string[]): void {
  const findings = told(change)
  expect(findings).toHaveLength(parts.length)
  parts.forEach((part, index) => expect(findings[index]).toContain(part))
}

describe('nothing is said', () => {
  test.each<Row>([
    ['of a first install that fits', {}, []],
    ['of an unchanged second deploy', { live, claims: [claim(0), claim(1), claim(2)] }, []],
    [
      'where nothing could be read',
      {
        classes: undefined,
        claims: undefined,
        nodes: undefined,
        volumes: undefined,
        drivers: undefined,
        namespace: 'unknown',
      },
      [],
    ],
    ['of a namespace that will be made', { namespace: 'missing', makesNamespace: true }, []],
    [
      'of a class that the manifests bring',
      { wanted: template('mine'), ownClasses: [storageClass('mine')] },
      [],
    ],
    [
      'of a class without provisioner that the manifests bring with its volumes',
      {
        wanted: template('mine'),
        ownClasses: [storageClass('mine', { provisioner: 'kubernetes.io/no-provisioner' })],
        ownVolumes: byHand('mine'),
      },
      [],
    ],
    [
      'of volumes made by hand, for which no class object is needed',
      { wanted: template('manual'), volumes: byHand('manual') },
      [],
    ],
    [
      'of volumes that the manifests bring',
      { wanted: template('manual'), ownVolumes: byHand('manual') },
      [],
    ],
    [
      'of volumes without a class, for a template that asks for no class, or names none where no class is the default',
      { wanted: template(undefined), classes: [], volumes: byHand('') },
      [],
    ],
    [
      'of volumes without a class that nobody may look at',
      { wanted: template(''), volumes: undefined },
      [],
    ],
    [
      'of a class that is gone, when every claim is bound',
      {
        live,
        wanted: { ...template('gone') },
        claims: [0, 1, 2].map((ordinal) => claim(ordinal, { storageClass: 'gone' })),
      },
      [],
    ],
    ['of credentials that last', { credentialsEnd: T0 + 3600 * SECOND }, []],
    [
      'of pods that are no members',
      {
        live,
        membership: 'pods',
        wanted: { replicas: 5 },
        nodes: undefined,
        claims: [0, 1, 2].map((ordinal) => claim(ordinal)),
      },
      [],
    ],
    [
      'of an ensemble that was scaled to nothing',
      { live: { ...live, view: set({ replicas: 0 }) } },
      [],
    ],
    [
      'of labels that every rendered chart carries',
      {
        objects: [
          owned({
            labels: { 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': 'zk' },
          }),
        ],
      },
      [],
    ],
    [
      'of kubectl scale',
      {
        objects: [
          owned({ managers: [{ manager: 'kubectl', operation: 'Update', subresource: 'scale' }] }),
        ],
      },
      [],
    ],
    [
      'of controllers that write the status',
      {
        objects: [
          owned({
            managers: [
              { manager: 'kube-controller-manager', operation: 'Update', subresource: 'status' },
            ],
          }),
        ],
      },
      [],
    ],
  ])('%s', check)
})

describe('namespace and credentials', () => {
  test.each<Row>([
    [
      'a namespace that is missing',
      { namespace: 'missing' },
      ['error NOT_FOUND namespace prod is not there'],
    ],
    [
      'a namespace on its way out',
      { namespace: 'terminating', makesNamespace: true },
      ['error NOT_FOUND namespace prod is being deleted'],
    ],
    [
      'credentials that end too soon',
      { credentialsEnd: T0 + 300 * SECOND },
      ['warning ACCESS_DENIED the credentials end in 5m00s, before the timeout of 15m00s'],
    ],
    [
      'credentials that have ended',
      { credentialsEnd: T0 - SECOND },
      ['error ACCESS_DENIED the credentials have ended'],
    ],
  ])('%s', check)
})

describe('storage', () => {
  test.each<Row>([
    [
      'a class that is not there, with those that are',
      { wanted: template('fast') },
      [
        'error CLAIM_PENDING storage class "fast" of the claim template datadir is not there; there are: standard (default), local',
      ],
    ],
    [
      'a class that is not there where nobody may look for volumes made by hand',
      { wanted: template('manual'), volumes: undefined },
      [
        'warning CLAIM_PENDING storage class "manual" of the claim template datadir is not there, and whether volumes were made by hand',
      ],
    ],
    [
      'volumes made by hand, one too few',
      { wanted: template('manual'), volumes: byHand('manual').slice(1) },
      [
        'error CLAIM_PENDING no volume is there for the claim datadir-zk-2: hand-2, hand-3 go to the others',
      ],
    ],
    [
      'the same of a class that something may still make volumes of',
      {
        wanted: template('local'),
        classes: [storageClass('local', { provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: byHand('local').slice(1),
      },
      ['warning CLAIM_PENDING no volume is there for the claim datadir-zk-2'],
    ],
    [
      'volumes without a class, none there',
      { wanted: template(''), volumes: byHand('manual') },
      [
        'error CLAIM_PENDING the claim template datadir asks for volumes that were made by hand (storageClassName: ""), and there is none without a class',
      ],
    ],
    [
      'volumes made by hand on a node that is cordoned',
      {
        wanted: template('manual'),
        volumes: byHand('manual'),
        nodes: ['node-1', 'node-2', 'node-3', 'node-4'].map((name) =>
          node(name, { unschedulable: name === 'node-2' }),
        ),
      },
      [
        'warning CLAIM_PENDING the claim datadir-zk-2 may find no volume: hand-2 lies where no member can run now',
      ],
    ],
    [
      'volumes made by hand, of which running members have theirs',
      {
        live,
        wanted: template('manual'),
        volumes: byHand('manual').slice(2),
        claims: [claim(0, { storageClass: 'manual' }), claim(1, { storageClass: 'manual' })],
      },
      [],
    ],
    [
      'no default',
      { classes: [storageClass('local')] },
      [
        'error CLAIM_PENDING the claim template datadir names no storage class and no class is the default',
      ],
    ],
    ['no class at all', { classes: [] }, ['there is none']],
    [
      'two defaults',
      {
        classes: [
          storageClass('old', { isDefault: true, created: T0 - SECOND }),
          storageClass('new', { isDefault: true }),
        ],
      },
      [
        'warning CLAIM_PENDING 2 storage classes are the default (new, old); the newest, new, is taken',
      ],
    ],
    [
      'a class without provisioner and no volume',
      {
        wanted: template('local'),
        classes: [storageClass('local', { provisioner: 'kubernetes.io/no-provisioner' })],
      },
      ['warning CLAIM_PENDING storage class "local" has no provisioner'],
    ],
    [
      'a class copied from minikube',
      {
        wanted: template('fast'),
        classes: [storageClass('fast', { provisioner: 'k8s.io/minikube-hostpath' })],
      },
      ['warning CLAIM_PENDING storage class "fast" needs the provisioner k8s.io/minikube-hostpath'],
    ],
    [
      'the same class, brought by the manifests as every tutorial does',
      {
        wanted: template('fast'),
        classes: [],
        ownClasses: [storageClass('fast', { provisioner: 'k8s.io/minikube-hostpath' })],
      },
      ['warning CLAIM_PENDING storage class "fast" needs the provisioner k8s.io/minikube-hostpath'],
    ],
    [
      'a default class that the manifests bring, without provisioner or volumes',
      {
        classes: [],
        ownClasses: [
          storageClass('mine', { isDefault: true, provisioner: 'kubernetes.io/no-provisioner' }),
        ],
      },
      ['warning CLAIM_PENDING storage class "mine" has no provisioner'],
    ],
    [
      'the same on minikube',
      {
        wanted: { ...template('fast'), placing: { ...placing, apart: [] } },
        classes: [storageClass('fast', { provisioner: 'k8s.io/minikube-hostpath' })],
        nodes: [node('minikube', { labels: { 'minikube.k8s.io/name': 'minikube' } })],
      },
      [],
    ],
    [
      'a CSI driver that is not installed',
      {
        wanted: template('gp3'),
        classes: [storageClass('gp3', { provisioner: 'ebs.csi.aws.com' })],
      },
      ['warning CLAIM_PENDING storage class "gp3" needs the CSI driver ebs.csi.aws.com'],
    ],
    [
      'an in-tree name whose driver is not installed',
      {
        wanted: template('gp2'),
        classes: [storageClass('gp2', { provisioner: 'kubernetes.io/aws-ebs' })],
        drivers: ['pd.csi.storage.gke.io'],
      },
      ['needs the CSI driver ebs.csi.aws.com'],
    ],
    [
      'one that is',
      {
        wanted: template('gp2'),
        classes: [storageClass('gp2', { provisioner: 'kubernetes.io/aws-ebs' })],
        drivers: ['ebs.csi.aws.com'],
      },
      [],
    ],
    [
      'a driver that has made a volume already',
      {
        wanted: template('gp3'),
        classes: [storageClass('gp3', { provisioner: 'ebs.csi.aws.com' })],
        claims: [claim(7, { name: 'other', storageClass: 'gp3' })],
      },
      [],
    ],
  ])('%s', check)

  test('points at the line of the class', () => {
    expect(judgePreflight(input({ wanted: template('fast') }))[0]?.path).toEqual([
      'spec',
      'volumeClaimTemplates',
      0,
      'spec',
      'storageClassName',
    ])
  })

  const pending = { phase: 'Pending', capacity: undefined, volume: undefined } as const
  test.each<Row>([
    [
      'bound, on a first install: its data comes with it',
      { claims: [claim(0), claim(1)] },
      [
        'warning CLAIM_PENDING claims of an earlier installation are there and will be used with their data: datadir-zk-0, datadir-zk-1',
      ],
    ],
    [
      'that pods hold whose set was deleted without them: no leftover, and nobody is told to delete it',
      { claims: [claim(0), claim(1)], claimsInUse: new Set(['datadir-zk-0', 'datadir-zk-1']) },
      [],
    ],
    [
      'smaller than wanted',
      { live, claims: [claim(0, { capacity: 5 * GI })] },
      [
        'warning CLAIM_PENDING the claim datadir-zk-0 of a member that is there has 5Gi where the template now says 10Gi',
      ],
    ],
    [
      'of another class, bound',
      { live, wanted: { ...template('local'), spec: {} }, claims: [claim(0)] },
      [
        'warning CLAIM_PENDING the claim datadir-zk-0 of a member that is there has class "standard" where the template now says "local"',
      ],
    ],
    [
      'of another class, Pending',
      { wanted: template('local'), claims: [claim(1, { ...pending, storageClass: 'fast' })] },
      [
        'error CLAIM_PENDING the claim datadir-zk-1, left over from an earlier installation, is Pending and has class "fast"',
      ],
    ],
    [
      'of a class that is gone',
      { claims: [claim(1, { ...pending, storageClass: 'fast' })] },
      [
        'error CLAIM_PENDING the claim datadir-zk-1, left over from an earlier installation, is Pending: its class "fast" is not there',
      ],
    ],
    ['Pending for its first consumer, as it should be', { claims: [claim(1, pending)] }, []],
    [
      'Pending though its class binds at once',
      {
        classes: [storageClass('standard', { isDefault: true, bindingMode: 'Immediate' })],
        claims: [claim(1, pending)],
      },
      ['warning CLAIM_PENDING the claim datadir-zk-1 is Pending although its class binds at once'],
    ],
    [
      'without its volume',
      { live, claims: [claim(2, { phase: 'Lost' })] },
      [
        'error CLAIM_PENDING the claim datadir-zk-2 of zk-2 is Lost: it has no volume any more (pvc-2)',
      ],
    ],
    [
      'being deleted before a first install',
      { claims: [claim(2, { deleting: true })] },
      ['error CLAIM_PENDING the claim datadir-zk-2 is being deleted'],
    ],
    [
      'being deleted under a member that runs',
      { live, claims: [claim(2, { deleting: true })] },
      ['error CLAIM_PENDING the claim datadir-zk-2 of zk-2 is being deleted: it goes with the pod'],
    ],
    [
      'of a member that is not wanted, or of another set',
      {
        live,
        claims: [claim(7, { phase: 'Lost' }), claim(0, { name: 'datadir-zk2-0', phase: 'Lost' })],
      },
      [],
    ],
    [
      'of a node that has left the ring: whoever comes with it never joins',
      { live, membership: 'ring', wanted: { replicas: 4 }, claims: [claim(0), claim(3)] },
      [
        'error CLAIM_PENDING datadir-zk-3 holds data of a node that has left the ring: no new member joins with it',
      ],
    ],
    [
      'of a ring that was stopped with all its members: they are its own',
      {
        live: { ...live, view: set({ replicas: 0 }) },
        membership: 'ring',
        claims: [claim(0), claim(1), claim(2)],
      },
      [],
    ],
  ])('a claim left over, %s', check)
})

describe('immutable fields', () => {
  const changed = (change: Readonly<Record<string, unknown>>) => ({
    live,
    claims: [claim(0), claim(1), claim(2)],
    wanted: { spec: { ...spec, ...change } },
  })
  const claims = (change: object, metadata: object = {}) =>
    changed({
      volumeClaimTemplates: [
        {
          metadata: { name: 'datadir', ...metadata },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '10Gi' } },
            ...change,
          },
        },
      ],
    })

  test.each<Row>([
    [
      'serviceName',
      changed({ serviceName: 'other' }),
      [
        "error IMMUTABLE_FIELD spec.serviceName can't be changed: it is zk-hs in the cluster, the manifest says other",
      ],
    ],
    [
      'podManagementPolicy',
      changed({ podManagementPolicy: 'Parallel' }),
      [
        "spec.podManagementPolicy can't be changed: it is OrderedReady in the cluster, the manifest says Parallel",
      ],
    ],
    [
      'selector',
      changed({ selector: { matchLabels: { app: 'zookeeper' } } }),
      ["spec.selector can't be changed"],
    ],
    [
      'the size of a claim',
      claims({ resources: { requests: { storage: '20Gi' } } }),
      [
        "spec.volumeClaimTemplates[0].spec.resources.requests.storage can't be changed: it is 10Gi in the cluster, the manifest says 20Gi",
      ],
    ],
    [
      'the class of a claim',
      claims({ storageClassName: 'fast' }),
      [
        "spec.volumeClaimTemplates[0].spec.storageClassName can't be changed: it is not set in the cluster, the manifest says fast",
      ],
    ],
    [
      'a label of a claim',
      claims({}, { labels: { a: 'b' } }),
      ["spec.volumeClaimTemplates[0].metadata.labels can't be changed"],
    ],
    [
      'another claim',
      changed({
        volumeClaimTemplates: [
          ...spec.volumeClaimTemplates,
          { metadata: { name: 'log' }, spec: {} },
        ],
      }),
      [
        "spec.volumeClaimTemplates can't be changed: it is datadir in the cluster, the manifest says datadir, log",
      ],
    ],
    ['not a size in other words', claims({ resources: { requests: { storage: '10240Mi' } } }), []],
    ['not what the server fills in', claims({ volumeMode: 'Filesystem' }), []],
    [
      'not an empty map',
      changed({ selector: { matchLabels: { app: 'zk' }, matchExpressions: [] } }),
      [],
    ],
    [
      'not a field that is left out: a server-side apply leaves it as it is',
      { live, wanted: { spec: { replicas: 3 } }, claims: [claim(0), claim(1), claim(2)] },
      [],
    ],
    [
      'not what may change',
      changed({
        replicas: 3,
        minReadySeconds: 10,
        updateStrategy: { type: 'OnDelete' },
        template: {},
      }),
      [],
    ],
    ['nothing on a first install', { wanted: { spec: { serviceName: 'x' } } }, []],
  ])('%s', check)

  test('come with the orphan-delete that keeps the pods running, and the place of the field', () => {
    const [finding] = judgePreflight(input(claims({ storageClassName: 'fast' })))
    expect(finding).toMatchObject({
      path: ['spec', 'volumeClaimTemplates', 0, 'spec', 'storageClassName'],
      fix: expect.stringContaining('--cascade=orphan'),
    })
  })

  test('but for one more claim template: no pod that runs could be given it', () => {
    const [one] = spec.volumeClaimTemplates
    const [finding] = judgePreflight(
      input({
        live,
        wanted: {
          spec: { ...spec, volumeClaimTemplates: [one, { ...one, metadata: { name: 'logs' } }] },
        },
      }),
    )
    expect(finding?.code).toBe('IMMUTABLE_FIELD')
    expect(finding?.fix).toBe(
      'Keep it as it is. A claim is added by hand, to one member after the other, the lowest ordinal first.',
    )
  })
})

describe('the number of members', () => {
  test.each<Row>([
    [
      'that shrinks',
      { live, wanted: { replicas: 1 }, claims: undefined },
      [
        'error MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 1: a deploy removes no member',
      ],
    ],
    [
      'that grows',
      { live, wanted: { replicas: 5 }, claims: undefined, nodes: undefined, listed: 3 },
      [],
    ],
    [
      'that grows although its list can not be changed',
      {
        live,
        wanted: { replicas: 4 },
        claims: undefined,
        growth: { refused: 'some members are observers', manual: 'by hand' },
      },
      [
        "error MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 4, and this action can't add members to it: some members are observers",
      ],
    ],
    [
      'that a list does not follow by two',
      { live, wanted: { replicas: 3 }, claims: undefined, listed: 1 },
      [
        'error MEMBERSHIP_CHANGE the set has 3 replicas in the cluster, but the member list there names 1',
      ],
    ],
    [
      'whose list can not be changed and need not',
      { live, claims: undefined, growth: { refused: 'x', manual: 'y' } },
      [],
    ],
    [
      'of a ring that shrinks: a member that is not decommissioned takes its copies with it',
      { live, membership: 'ring', wanted: { replicas: 2 }, claims: undefined },
      [
        'error MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 2: a deploy removes no member',
      ],
    ],
    [
      'of a ring that a node was told to leave, whatever the manifest says: it does not come back',
      { live, membership: 'ring', claims: undefined, scaling: { ...scaling, to: 2 } },
      ['error CONFLICT a scale of zk was begun and has not ended: zk-2 may be leaving the ring'],
    ],
    [
      'of a ring that shrinks, said once',
      {
        live,
        membership: 'ring',
        wanted: { replicas: 2 },
        claims: undefined,
        scaling: { ...scaling, to: 2 },
      },
      ['error CONFLICT a scale of zk was begun'],
    ],
    [
      'of a ring whose scale up was cut off: a deploy continues it',
      { live, membership: 'ring', claims: undefined, scaling: { ...scaling, to: 3 } },
      [],
    ],
    [
      'of a ring that grows',
      { live, membership: 'ring', wanted: { replicas: 5 }, claims: undefined, nodes: undefined },
      [],
    ],
    [
      'of a kind that only the ensemble knows, down',
      { live, membership: 'closed', wanted: { replicas: 1 }, claims: undefined },
      [
        'error MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 1: a deploy removes no member',
      ],
    ],
    [
      'of a kind that only the ensemble knows, up',
      { live, membership: 'closed', wanted: { replicas: 4 }, claims: undefined, nodes: undefined },
      [
        "error MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 4, and this action can't add members to it: who its members are is known to the ensemble alone",
      ],
    ],
    [
      'of a kind that only the ensemble knows, unchanged',
      { live, membership: 'closed', claims: undefined },
      [],
    ],
    [
      'of pods that are no members, fewer: said, not refused',
      { live, membership: 'pods', wanted: { replicas: 1 }, claims: undefined },
      [
        'warning MEMBERSHIP_CHANGE the ensemble has 3 members, the manifest says 1: 2 of them go, and the claims stay',
      ],
    ],
    [
      'whose ordinals move',
      { live, wanted: { start: 1 }, claims: undefined },
      ['error MEMBERSHIP_CHANGE the first ordinal is 0 in the cluster, the manifest says 1'],
    ],
  ])('%s', check)
})

describe('room', () => {
  test.each<Row>([
    [
      'on too few nodes',
      { nodes: [node('a'), node('b')] },
      [
        'warning UNSCHEDULABLE 3 members must be apart by kubernetes.io/hostname, but only 2 nodes take them (2 of 2 nodes',
      ],
    ],
    [
      'on nodes that are cordoned, away or tainted',
      {
        nodes: [
          node('a'),
          node('b', { unschedulable: true }),
          node('c', { ready: false }),
          node('d', {
            taints: [
              { key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' },
            ],
          }),
        ],
      },
      ['only 1 node takes them (1 of 4 nodes'],
    ],
    [
      'on nodes whose taint is tolerated or only preferred',
      {
        wanted: {
          placing: {
            ...placing,
            tolerations: [{ key: 'a', operator: 'Exists', value: undefined, effect: undefined }],
          },
        },
        nodes: [
          node('a', { taints: [{ key: 'a', value: 'x', effect: 'NoSchedule' }] }),
          node('b', { taints: [{ key: 'b', value: '', effect: 'PreferNoSchedule' }] }),
          node('c'),
        ],
      },
      [],
    ],
    [
      'on selected nodes',
      { wanted: { placing: { ...placing, nodeSelector: { disk: 'ssd' } } } },
      ['only 0 nodes take them'],
    ],
    [
      'in zones',
      {
        wanted: { placing: { ...placing, apart: ['topology.kubernetes.io/zone'] } },
        nodes: ['a', 'b', 'c'].map((name) =>
          node(name, { labels: { 'topology.kubernetes.io/zone': name === 'c' ? 'y' : 'x' } }),
        ),
      },
      ['only 2 values of topology.kubernetes.io/zone have a node that takes them'],
    ],
    ['without a rule', { wanted: { placing: { ...placing, apart: [] } }, nodes: [node('a')] }, []],
  ])('%s', check)
})

describe('others who write the objects', () => {
  const manager = (name: string, subresource?: string) => [
    owned({ managers: [{ manager: name, operation: 'Apply', subresource }] }),
  ]
  test.each<Row>([
    [
      'an operator',
      {
        objects: [owned({ owners: [{ kind: 'ZookeeperCluster', name: 'zk', controller: true }] })],
      },
      ['error CONFLICT statefulset/zk is controlled by zookeepercluster/zk'],
    ],
    [
      'Argo CD by its manager',
      { objects: manager('argocd-controller') },
      ['warning CONFLICT statefulset/zk is also applied by Argo CD'],
    ],
    [
      'Argo CD by its annotation',
      {
        objects: [
          owned({
            annotations: { 'argocd.argoproj.io/tracking-id': 'zk:apps/StatefulSet:prod/zk' },
          }),
        ],
      },
      ['Argo CD'],
    ],
    [
      'Flux',
      { objects: [owned({ labels: { 'kustomize.toolkit.fluxcd.io/name': 'zk' } })] },
      ['Flux'],
    ],
    ["Flux's Helm", { objects: manager('helm-controller') }, ['Flux']],
    [
      "somebody's own Service with the name of a member",
      {
        objects: [
          owned({
            object: 'service/zk-0',
            builtIn: true,
            managers: [
              { manager: 'kubectl-client-side-apply', operation: 'Update', subresource: undefined },
            ],
          }),
        ],
      },
      ['error CONFLICT service/zk-0 is there already and was not made for this ensemble'],
    ],
    [
      'one that this action applied',
      {
        objects: [
          owned({
            object: 'service/zk-0',
            builtIn: true,
            managers: [
              ...(manager('zk-ensemble-action')[0]?.managers ?? []),
              { manager: 'kubectl-edit', operation: 'Update', subresource: undefined },
            ],
          }),
        ],
      },
      [],
    ],
    [
      'one that was copied from the built-in ensemble',
      {
        objects: [
          owned({
            object: 'service/zk-0',
            builtIn: true,
            labels: { 'app.kubernetes.io/managed-by': 'zk-ensemble-action' },
          }),
        ],
      },
      [],
    ],
    [
      'one that the manifests name',
      {
        objects: [
          owned({ object: 'service/zk-0', managers: manager('kubectl')[0]?.managers ?? [] }),
        ],
      },
      [],
    ],
    [
      'Helm',
      {
        objects: [
          owned({ annotations: { 'meta.helm.sh/release-name': 'zk' } }),
          owned({
            object: 'service/zk-cs',
            managers: [{ manager: 'helm', operation: 'Update', subresource: undefined }],
          }),
        ],
      },
      ['warning CONFLICT statefulset/zk, service/zk-cs are also applied by Helm'],
    ],
    [
      'an autoscaler',
      { objects: manager('kube-controller-manager', 'scale') },
      ['warning CONFLICT an autoscaler sets the replicas of statefulset/zk'],
    ],
  ])('%s', check)
})

test('says which looks were left out', () => {
  expect(looksLeftOut(input({ classes: undefined, claims: undefined, nodes: undefined }))).toEqual([
    'storage classes',
    'claims left over',
    'room on the nodes',
  ])
  expect(looksLeftOut(input())).toEqual([])
})

describe('what must be read of the storage', () => {
  const classes = [
    storageClass('standard', { isDefault: true, provisioner: 'ebs.csi.aws.com' }),
    storageClass('local', { provisioner: 'kubernetes.io/no-provisioner' }),
    storageClass('old', { provisioner: 'rancher.io/local-path' }),
  ]
  test.each([
    [
      'a class that is not there: volumes made by hand',
      ['manual'],
      { volumes: true, drivers: false },
    ],
    ['a class without a provisioner: the same', ['local'], { volumes: true, drivers: false }],
    ['a CSI class: its driver', [undefined], { volumes: false, drivers: true }],
    ['a class of another kind: nothing', ['old'], { volumes: false, drivers: false }],
    ['no claims: nothing', [], { volumes: false, drivers: false }],
  ])('%s', (_what, wanted, needs) => expect(storageNeeds(classes, [], wanted)).toEqual(needs))

  test('a driver that has given a volume already is not asked for', () => {
    expect(
      storageNeeds(classes, [claim(0, { phase: 'Bound', storageClass: 'standard' })], ['standard']),
    ).toEqual({ volumes: false, drivers: false })
  })
})
