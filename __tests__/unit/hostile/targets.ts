// What reads from outside, each with inputs near to real ones: a parser may say no in its own
// words, and nothing else may come out of it.

import { gzipSync } from 'node:zlib'
import { CORDON_ANNOTATION, cordonManager, markOf } from '../../../src/decide/drain/cordon.ts'
import {
  parseRelease,
  parseCluster,
  parseStatus as parseRing,
} from '../../../src/ensemble/cassandra/status.ts'
import { parseConfig, parseServerLine } from '../../../src/manifests/zoo-config.ts'
import { parseIdentity } from '../../../src/ensemble/zookeeper/read-identity.ts'
import { readMulti } from '../../../src/ensemble/zookeeper/multi.ts'
import {
  frameSplitter,
  readConnectReply,
  readFrame,
  readHeader,
  readStat,
  readTexts,
  WireFault,
} from '../../../src/ensemble/zookeeper/wire.ts'
import { parseConf, parseSrvr } from '../../../src/ensemble/zookeeper/word-answers.ts'
import { harmlessLines } from '../../../src/github/command.ts'
import { readState } from '../../../src/github/state.ts'
import { parseDuration } from '../../../src/inputs/values.ts'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { KubeconfigInvalid, readKubeconfigs } from '../../../src/kube/kubeconfig.ts'
import { parseBody, parseObject, parsePage } from '../../../src/kube/objects.ts'
import { failureOf } from '../../../src/kube/status.ts'
import { exitStatus } from '../../../src/kube/streams.ts'
import {
  toBudget,
  toClaim,
  toEvent,
  toNode,
  toPod,
  toRevision,
  toSet,
  toVolume,
  ViewError,
} from '../../../src/kube/views/index.ts'
import { ownedPart } from '../../../src/manifests/owned.ts'
import { parseText } from '../../support/parse-text.ts'
import { unpack } from '../../../src/record/kept.ts'
import { keptOf, readRecord, type StoredRecord } from '../../../src/record/record.ts'
import { EnsembleError } from '../../../src/errors.ts'
import { block, cell, inline, plainLine, shellWord } from '../../../src/report/escape.ts'
import { quantityOf } from '../../../src/view/quantity.ts'
import { nearBytes, nearText, nearValue } from '../../support/fuzz.ts'
import { HOSTILE_TEXTS } from './texts.ts'

export interface Target {
  readonly name: string
  /** Of the inputs that others get, where one takes a hundred times as long; default 1. */
  readonly share?: number
  /** One input through the reader; throws what nobody expects of it. */
  readonly run: (random: () => number) => void | Promise<void>
}

/** Runs `work`; an error of one of these classes is an answer. */
function answering(
  work: () => unknown,
  ...refusals: readonly (abstract new (...given: never[]) => Error)[]
): void {
  try {
    work()
  } catch (error) {
    if (!refusals.some((refusal) => error instanceof refusal)) throw error
  }
}

const SRVR = [
  'Zookeeper version: 3.9.5-3b8e1a3b, built on 2026-02-03 10:11 UTC\nLatency min/avg/max: 0/0.6/12\nReceived: 120\nSent: 119\nConnections: 2\nOutstanding: 0\nZxid: 0x5000000a1\nMode: leader\nNode count: 7\nProposal sizes last/min/max: 32/32/92\n',
  'This ZooKeeper instance is not currently serving requests\n',
  'srvr is not executed because it is not in the whitelist.\n',
]
const CONF = [
  'clientPort=2181\ndataDir=/data/version-2\nserverId=1\nmembership: \nserver.1=zk-0.zk-hs.shop.svc.cluster.local:2888:3888:participant;0.0.0.0:2181\nserver.2=zk-1.zk-hs:2888:3888:observer\nversion=100000000\n',
]
const RING = [
  'Datacenter: dc1\n===============\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address      Load       Tokens  Owns (effective)  Host ID                               Rack\nUN  10.244.1.12  104.3 KiB  4       100.0%            1b7f6ad3-5a4e-4f70-9a53-8ff6a7e9b1c3  rack1\n',
  'Cluster Information:\n\tName: x\n\tSchema versions:\n\t\tabc: [10.0.0.1, 10.0.0.2]\n\t\tUNREACHABLE: [10.0.0.3]\n',
  'ReleaseVersion: 5.0.9\n',
]
const EXIT = [
  '{"metadata":{},"status":"Success"}',
  '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
  '{"status":"Failure","message":"container not found"}',
]
const STATUS = [
  '{"kind":"Status","status":"Failure","message":"Cannot evict pod as it would violate the pod\'s disruption budget.","reason":"TooManyRequests","details":{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget zk-pdb needs 2 healthy pods and has 2 currently"}],"retryAfterSeconds":10},"code":429}',
  '{"kind":"Status","message":"Apply failed with 1 conflict: conflict with \\"kubectl\\" using apps/v1: .spec.replicas","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \\"kubectl\\" using apps/v1","field":".spec.replicas"}]},"code":409}',
  '{"kind":"Status","message":"pods is forbidden: User \\"jane\\" cannot list resource \\"pods\\" in API group \\"\\" in the namespace \\"zoo\\"","code":403}',
]
const MANIFEST = [
  'apiVersion: v1\nkind: Service\nmetadata:\n  name: zk-hs\n  labels: {app: zk}\nspec:\n  clusterIP: None\n  ports:\n  - port: 2888\n    name: server\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: zk\nspec:\n  replicas: 3\n  template: &t\n    spec:\n      containers:\n      - name: a\n        image: zookeeper:3.9\n',
  '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"p":"x"}}]}',
]
const KUBECONFIG = [
  'apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: QUJD}\nusers:\n- name: a\n  user: {token: secret, exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks], env: [{name: A, value: b}]}}\ncontexts:\n- name: a\n  context: {cluster: a, user: a, namespace: shop}\n',
]
const STATE = [
  '{"version":1,"lock":{"namespace":"default","lease":"zk-ensemble-zk","identity":"a/b/1/c"},"nodes":[{"name":"node-1","ensemble":"default/zk"}]}',
]
const MARK = [
  '{"ensemble":"default/zk","identity":"org/repo/7/1/abcd","runUrl":"https://ci.example/run/7","at":"2026-01-01T00:00:00Z"}',
]
const RECORD = [
  '{"version":1,"ensemble":{"name":"zk","uid":"u"},"revisions":[{"digest":"sha256:a","controllerRevision":"zk-1","image":"i","verifiedAt":"2026-01-01T00:00:00Z","origin":"deploy","version":"3.9.5","runUrl":""}],"made":[{"apiVersion":"v1","kind":"Service","name":"zk-hs","uid":"u"}],"underWay":null,"maintenance":{"runUrl":"","since":"x","nodes":[]}}',
]
const OWNED = [
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'zk',
      namespace: 'shop',
      managedFields: [
        {
          manager: 'zk-ensemble-action',
          operation: 'Apply',
          fieldsV1: {
            'f:spec': {
              'f:replicas': {},
              'f:template': {
                'f:spec': { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {} } } },
              },
            },
          },
        },
      ],
    },
    spec: { replicas: 3, template: { spec: { containers: [{ name: 'a', image: 'x' }] } } },
  },
]
const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'zk-0',
      namespace: 'shop',
      uid: 'u',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'controller-revision-hash': 'zk-1' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'zk', uid: 's', controller: true },
      ],
    },
    spec: {
      nodeName: 'node-1',
      containers: [
        { name: 'a', image: 'x', resources: { requests: { cpu: '500m', memory: '1Gi' } } },
      ],
      volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd-zk-0' } }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:10Z' }],
      containerStatuses: [
        {
          name: 'a',
          image: 'x',
          ready: true,
          restartCount: 1,
          state: { running: { startedAt: '2026-01-01T00:00:05Z' } },
          lastState: { terminated: { exitCode: 1, reason: 'Error' } },
        },
      ],
    },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop', uid: 's', generation: 2 },
    spec: {
      replicas: 3,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
      template: { metadata: { labels: { app: 'zk' } }, spec: { containers: [{ name: 'a' }] } },
    },
    status: { observedGeneration: 2, replicas: 3, currentRevision: 'zk-1', updateRevision: 'zk-2' },
  },
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', uid: 'n' },
    spec: { unschedulable: true, taints: [{ key: 'a', effect: 'NoSchedule' }] },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      allocatable: { cpu: '4', memory: '16Gi', pods: '110' },
      nodeInfo: { bootID: 'b' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'd-zk-0', namespace: 'shop', uid: 'c' },
    spec: {
      storageClassName: 'standard',
      volumeName: 'pv-1',
      resources: { requests: { storage: '1Gi' } },
      accessModes: ['ReadWriteOnce'],
    },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'zk-pdb', namespace: 'shop', uid: 'b', generation: 1 },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'zk' } } },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 1,
      currentHealthy: 3,
      desiredHealthy: 2,
      expectedPods: 3,
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'shop', uid: 'e', creationTimestamp: '2026-01-01T00:00:00Z' },
    involvedObject: { kind: 'Pod', name: 'zk-0', uid: 'u' },
    reason: 'BackOff',
    message: 'x',
    type: 'Warning',
    count: 3,
    lastTimestamp: '2026-01-01T00:00:00Z',
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: 'zk-1',
      namespace: 'shop',
      uid: 'r',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'zk', uid: 's', controller: true },
      ],
    },
    revision: 1,
    data: { spec: { template: { spec: { containers: [{ name: 'a', image: 'x' }] } } } },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv-1', uid: 'v' },
    spec: {
      capacity: { storage: '1Gi' },
      claimRef: { namespace: 'shop', name: 'd-zk-0' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }],
        },
      },
    },
    status: { phase: 'Bound' },
  },
]
const VIEWS = [toPod, toSet, toNode, toClaim, toBudget, toEvent, toRevision, toVolume]
const FRAMES = [
  Buffer.from('0000001400000001000000020000000300000000000000610000', 'hex'),
  Buffer.from(
    '0000002500000000000027100100000000000001000000100000000000000000000000000000000000',
    'hex',
  ),
  Buffer.from(`00000010000000020000000000000001${'00000000'.repeat(30)}`, 'hex'),
]
const NEVER = new AbortController().signal

/** Nothing that is shown begins a command, ends a block or breaks out of a quote. */
function expectTame(text: string): void {
  for (const line of harmlessLines(text))
    if (/^\s*::/.test(line) || line.includes('##['))
      throw new Error(`a command is left: ${JSON.stringify(line.slice(0, 80))}`)
  if (/[\r\n\u2028\u2029\u0085]/.test(plainLine(text))) throw new Error('a line end is left')
  if (/[<>|`]/.test(inline(text).replaceAll('<!-- -->', ''))) throw new Error('markup is left')
  if (!block([text]).endsWith('</pre>') || block([text]).split('</pre>').length !== 2)
    throw new Error('the block ends early')
  if (/^'.*[^\\']'[^'\\]/s.test(shellWord(text).replaceAll("'\\''", '')))
    throw new Error('the word ends early')
  cell(text)
}

export const TARGETS: readonly Target[] = [
  {
    name: 'frames of the wire',
    run: (random) =>
      answering(
        () =>
          frameSplitter()(nearBytes(FRAMES, random)).forEach((bytes) =>
            readHeader(readFrame(bytes)),
          ),
        WireFault,
      ),
  },
  {
    name: 'greetings, stats, lists and multis',
    run: (random) => {
      const bytes = nearBytes(FRAMES, random)
      for (const read of [
        (): unknown => readConnectReply(bytes),
        (): unknown => readStat(readFrame(bytes)),
        (): unknown => readTexts(readFrame(bytes)),
        (): unknown => readMulti(readFrame(bytes)),
      ])
        answering(read, WireFault)
    },
  },
  {
    name: 'four-letter words',
    run: (random) => {
      parseSrvr(nearText(SRVR, random))
      parseConf(nearText(CONF, random))
    },
  },
  {
    name: 'zoo.cfg',
    run: (random) => {
      parseConfig(nearText(CONF, random), nearText(CONF, random))
      parseServerLine(
        'server.1',
        nearText(['zk-0.zk-hs:2888:3888:participant;2181', 'a:1:2|b:1:2'], random),
      )
    },
  },
  {
    name: 'nodetool',
    run: (random) => {
      const text = nearText(RING, random)
      parseRing(text)
      parseCluster(text)
      parseRelease(text)
    },
  },
  {
    name: 'the place of zoo.cfg',
    run: (random) =>
      void parseIdentity(nearText(['nonce begin\n/conf/zoo.cfg\nnonce end\n'], random), 'nonce'),
  },
  {
    name: 'the exit of an exec',
    run: (random) => void exitStatus(nearText(EXIT, random), 'exec in zk-0'),
  },
  {
    name: 'a refusal of the API',
    run: (random) =>
      void explainFailure(
        failureOf(
          {
            status: [400, 403, 404, 409, 422, 429, 500][Math.floor(random() * 7)] ?? 500,
            body: nearText(STATUS, random),
            retryAfter: nearText(['5'], random),
          },
          'apply secrets a in namespace zoo',
        ),
      ),
  },
  {
    name: 'objects of the API as views',
    share: 0.2,
    run: (random) => {
      const object = parseObject(nearValue(OBJECTS, random))
      if (object !== undefined) for (const view of VIEWS) answering(() => view(object), ViewError)
      parsePage(nearValue([{ metadata: { resourceVersion: '1' }, items: OBJECTS }], random), {
        apiVersion: 'v1',
        kind: 'Pod',
      })
      answering(() => parseBody(nearText(STATUS, random), 'get x'), KubeFailure)
    },
  },
  {
    name: 'managedFields',
    run: (random) => {
      const object = parseObject(nearValue(OWNED, random))
      if (object === undefined) return
      ownedPart(object, () => true)
      cordonManager(object.metadata.managedFields)
    },
  },
  {
    name: 'quantities and durations',
    run: (random) => {
      quantityOf(nearText(['500m', '1Gi', '1.5', '1e3', '100k'], random))
      parseDuration(nearText(['15m', '1h30m', '500ms', '1.5h'], random))
    },
  },
  {
    name: 'saved state and marks',
    run: (random) => {
      readState({ 'STATE_zk-ensemble': nearText(STATE, random) })
      markOf({ [CORDON_ANNOTATION]: nearText(MARK, random) })
    },
  },
  {
    name: 'the record',
    share: 0.2,
    run: async (random) => {
      const object = parseObject({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'zk-ensemble-zk', namespace: 'shop' },
        data: { 'record.json': nearText(RECORD, random) },
        binaryData: nearValue(
          [{ 'objects-sha256-a': gzipSync(JSON.stringify(OWNED)).toString('base64') }],
          random,
        ),
      })
      let stored: StoredRecord
      try {
        stored = await readRecord({ get: () => Promise.resolve(object) }, 'shop', 'zk', NEVER)
      } catch (error) {
        if (error instanceof EnsembleError && error.code === 'CONFLICT') return
        throw error
      }
      keptOf(stored, 'sha256:a')
      unpack(nearText([gzipSync(JSON.stringify(OWNED)).toString('base64')], random), {
        namespace: 'shop',
        name: 'zk',
        content: undefined,
      })
    },
  },
  {
    name: 'a kubeconfig',
    share: 0.1,
    run: (random) =>
      answering(
        () =>
          readKubeconfigs([
            {
              from: 'the input kubeconfig',
              text: nearText(KUBECONFIG, random),
              file: undefined,
              inWorkspace: false,
            },
          ]),
        KubeconfigInvalid,
      ),
  },
  {
    name: 'manifests',
    share: 0.1,
    run: (random) =>
      void parseText({ file: 'zk.yaml', text: nearText(MANIFEST, random), lines: true }),
  },
  {
    name: 'what is shown',
    run: (random) =>
      expectTame(
        nearText(
          HOSTILE_TEXTS.filter((text) => text.length < 1000),
          random,
        ),
      ),
  },
]
