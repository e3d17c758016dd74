// Would the earlier revision make the members another way? A wrong "no" leaves a broken ensemble to
// the night, a wrong "yes" begins a rollback that can only fail.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import type { Manifest } from '../../../../src/manifests/manifest.ts'
import { compareMembers } from '../../../../src/procedures/deploy/same-members.ts'
import { parseText } from '../../../support/parse-text.ts'
import { edited, SOUND } from '../../manifests/given.ts'

type Edit = readonly [from: string, to: string]

function manifestsOf(text: string): readonly Manifest[] {
  return parseText({ file: 'zk.yaml', text, lines: true }).manifests
}

function objectsOf(text: string): readonly KubeObject[] {
  return manifestsOf(text).map(({ object }) => object)
}

function compared(before: string, after: string): ReturnType<typeof compareMembers> {
  const manifests = manifestsOf(after)
  const setManifest = manifests.find(({ object }) => object.kind === 'StatefulSet')
  if (setManifest === undefined) throw new Error('no set')
  return compareMembers({ manifests, setManifest, profile: 'zookeeper' }, objectsOf(before))
}

const CONTAINERS: Edit = [
  '      containers:\n',
  '      nodeSelector: {disk: fast}\n      containers:\n',
]
const TO_POD = (line: string): Edit => ['      containers:\n', `      ${line}\n      containers:\n`]
const TO_CONTAINER = (line: string): Edit => [
  '        image: zookeeper:3.9\n',
  `        image: zookeeper:3.9\n        ${line}\n`,
]

describe('the scheduler reads the same of both', () => {
  test.each<[string, ...Edit[]]>([
    ['another image', ['image: zookeeper:3.9', 'image: zookeeper:3.9.5']],
    ['another setting', ['value: "512"', 'value: "600"']],
    ['another directory', TO_CONTAINER('workingDir: /data')],
    [
      'a label that no selector of the members names',
      ['      labels: {app: zk}\n', '      labels: {app: zk, version: "2"}\n'],
    ],
    ['the same memory in another unit', ['limits: {memory: 1Gi}', 'limits: {memory: 1024Mi}']],
    [
      'the limit, written as the request that it is',
      ['resources: {limits: {memory: 1Gi}}', 'resources: {requests: {memory: 1Gi}}'],
    ],
    ['what the server fills in', TO_POD('schedulerName: default-scheduler')],
    [
      'a ConfigMap by another name',
      TO_POD('volumes: [{name: conf, configMap: {name: zk-conf-2}}]'),
    ],
    [
      'a sidecar that requests nothing',
      ['      containers:\n', '      containers:\n      - {name: log, image: log}\n'],
    ],
    ['more members', ['  replicas: 3\n', '  replicas: 5\n']],
  ])('with %s', (_what, ...edits) => {
    expect(compared(SOUND, edited(...edits)).asksSame).toBe(true)
    expect(compared(edited(...edits), SOUND).asksSame).toBe(true)
  })
})

describe('the scheduler may read another thing of them', () => {
  test.each<[string, ...Edit[]]>([
    ['a node selector', CONTAINERS],
    [
      'the anti-affinity',
      ['topologyKey: kubernetes.io/hostname', 'topologyKey: topology.kubernetes.io/zone'],
    ],
    [
      'a preference',
      [
        '          requiredDuringSchedulingIgnoredDuringExecution:\n',
        '          preferredDuringSchedulingIgnoredDuringExecution:\n          - {weight: 1, podAffinityTerm: {topologyKey: disk}}\n          requiredDuringSchedulingIgnoredDuringExecution:\n',
      ],
    ],
    ['a toleration', TO_POD('tolerations: [{key: dedicated, operator: Exists}]')],
    [
      'a spread',
      TO_POD(
        'topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: zk}}}]',
      ),
    ],
    [
      'a label that the anti-affinity goes by',
      ['      labels: {app: zk}\n', '      labels: {app: zk2}\n'],
    ],
    ['the memory', ['limits: {memory: 1Gi}', 'limits: {memory: 2Gi}']],
    [
      'a request beside the limit',
      ['limits: {memory: 1Gi}', 'limits: {memory: 1Gi}, requests: {cpu: 1}'],
    ],
    [
      'an init container that needs more',
      TO_POD('initContainers: [{name: i, image: i, resources: {requests: {memory: 4Gi}}}]'),
    ],
    [
      'a port of the node',
      [
        '{name: server, containerPort: 2888}',
        '{name: server, containerPort: 2888, hostPort: 2888}',
      ],
    ],
    ['the network of the node', TO_POD('hostNetwork: true')],
    ['its priority', TO_POD('priorityClassName: high')],
    ['its runtime', TO_POD('runtimeClassName: gvisor')],
    ['its scheduler', TO_POD('schedulerName: mine')],
    ['one node by name', TO_POD('nodeName: node-1')],
    [
      'another claim',
      TO_POD('volumes: [{name: shared, persistentVolumeClaim: {claimName: shared}}]'),
    ],
    ['the size of its claim', ['requests: {storage: 1Gi}', 'requests: {storage: 2Gi}']],
    [
      'the class of its claim',
      ['accessModes: [ReadWriteOnce]', 'accessModes: [ReadWriteOnce], storageClassName: local'],
    ],
  ])('with another thing in %s', (_what, ...edits) => {
    const after = edited(...edits)
    expect([compared(SOUND, after), compared(after, SOUND)]).toMatchObject([
      { asksSame: false },
      { asksSame: false },
    ])
  })

  test.each([
    [
      'has a selector by what only the made pod has',
      'labelSelector: {matchLabels: {app: zk}}',
      'labelSelector: {matchExpressions: [{key: controller-revision-hash, operator: Exists}]}',
    ],
    [
      'takes the ports of its node',
      '      containers:\n',
      '      hostNetwork: true\n      containers:\n',
    ],
  ])('where the template %s', (_what, from, to) => {
    const text = SOUND.replace(from, to)
    expect(compared(text, text).asksSame).toBe(false)
  })

  test('where no earlier StatefulSet is known', () => {
    const { manifests, setManifest } = {
      manifests: manifestsOf(SOUND),
      setManifest: manifestsOf(SOUND)[3],
    }
    if (setManifest === undefined) throw new Error('no set')
    expect(compareMembers({ manifests, setManifest, profile: 'zookeeper' }, [])).toEqual({
      asksSame: false,
      makesSame: false,
    })
  })
})

const CONFIG =
  '\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: zk-config}\ndata: {heap: "512"}\n'
const FIVE: Edit = ['  replicas: 3\n', '  replicas: 5\n']
const LIST: Edit = [
  'server.3=zk-2.zk-hs:2888:3888;2181}',
  'server.3=zk-2.zk-hs:2888:3888;2181 server.4=zk-3.zk-hs:2888:3888;2181 server.5=zk-4.zk-hs:2888:3888;2181}',
]

describe('each member is made the same way', () => {
  const grown = edited(FIVE, LIST)

  test.each([
    ['with two more members in the list', SOUND, grown],
    ['with the same files beside them', SOUND + CONFIG, grown + CONFIG],
    [
      'with a Service for each that is new',
      SOUND,
      `${grown}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: zk-3}\nspec: {selector: {app: zk}, ports: [{port: 2181}]}\n`,
    ],
    [
      'with a budget for as many',
      SOUND,
      grown.replace('  maxUnavailable: 1\n', '  minAvailable: 3\n'),
    ],
  ])('%s', (_what, before, after) => {
    expect(compared(before, after)).toEqual({ asksSame: true, makesSame: true })
  })
})

describe('members may be made another way', () => {
  const grown = edited(FIVE, LIST)

  test.each([
    ['by another image', SOUND, grown.replace('image: zookeeper:3.9', 'image: zookeeper:3.9.5')],
    ['by a file that is another', SOUND + CONFIG, grown + CONFIG.replace('512', '600')],
    ['by a file that was not there', SOUND, grown + CONFIG],
    [
      'by a Service that leads elsewhere',
      SOUND,
      grown.replace('selector: {app: zk}', 'selector: {app: zk2}'),
    ],
    [
      'by another setting of the set',
      SOUND,
      grown.replace('  replicas: 5\n', '  replicas: 5\n  minReadySeconds: 5\n'),
    ],
  ])('%s', (_what, before, after) => {
    expect(compared(before, after).makesSame).toBe(false)
  })
})
