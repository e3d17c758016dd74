// Loading answers before any request is sent: which set is meant, what kind it is, in what order it
// goes, and all that stands against it at once.

import { describe, expect, test } from '@jest/globals'
import { parsePodSpec } from '../../../src/manifests/shapes.ts'
import { detectProfile, memberContainer, resolveProfile } from '../../../src/manifests/ensemble.ts'
import { edited, lineOf, load, SOUND } from './given.ts'

const OTHER_SET = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx:1.27, ports: [{containerPort: 80}]}]}}
`

describe('which set is the ensemble', () => {
  test('the only one', async () => {
    const { loaded } = await load(SOUND)
    expect(loaded?.set.object.metadata.name).toBe('zk')
    expect(loaded?.profile).toBe('zookeeper')
    expect(loaded?.manifests).toContain(loaded?.set)
  })

  test('two without a name are refused, with both places', async () => {
    const { findings } = await load({ 'zk.yaml': SOUND, 'web.yaml': OTHER_SET })
    expect(findings).toMatchObject([
      {
        code: 'INPUT_INVALID',
        input: 'name',
        message: 'the manifests hold more than one StatefulSet: zk (zk.yaml:30), web (web.yaml:1)',
        place: { file: 'web.yaml', line: 1 },
      },
    ])
  })

  test('two with a name: the one of the name, and the other is applied beside it', async () => {
    const { loaded } = await load({ 'zk.yaml': SOUND, 'web.yaml': OTHER_SET }, { name: 'zk' })
    expect(loaded?.set.object.metadata.name).toBe('zk')
    expect(loaded?.manifests).toHaveLength(5)
  })

  test('a name that is not there is refused with those that are', async () => {
    expect((await load(SOUND, { name: 'zoo' })).findings).toMatchObject([
      {
        code: 'INPUT_INVALID',
        input: 'name',
        message: 'name: the manifests hold no StatefulSet zoo, but zk (zk.yaml:30)',
      },
    ])
  })

  test('no set at all is refused', async () => {
    expect((await load(SOUND.split('---').slice(0, 2).join('---'))).findings).toMatchObject([
      { code: 'MANIFEST_INVALID', message: 'the manifests hold no StatefulSet' },
    ])
  })

  test('an object from two files is refused: which of them would win would depend on their order', async () => {
    const { findings } = await load({ 'a.yaml': SOUND, 'b.yaml': SOUND.split('---')[0] ?? '' })
    expect(findings).toMatchObject([
      {
        code: 'MANIFEST_INVALID',
        message: 'Service zk-hs is there already in a.yaml, line 1',
        place: { file: 'b.yaml', line: 1 },
      },
    ])
  })
})

describe('what kind of ensemble it is', () => {
  function spec(...containers: readonly Readonly<Record<string, unknown>>[]) {
    const parsed = parsePodSpec({
      containers: containers.map((container, index) => ({ name: `c${index}`, ...container })),
    })
    if (parsed === undefined) throw new Error('not a pod spec')
    return parsed
  }
  const ports = (...numbers: readonly number[]) => ({
    ports: numbers.map((containerPort) => ({ containerPort })),
  })

  test.each<[string | undefined, readonly Readonly<Record<string, unknown>>[]]>([
    ['zookeeper', [{ image: 'zookeeper:3.9' }]],
    ['zookeeper', [{ image: 'registry.example.org:5000/a/zookeeper@sha256:00' }]],
    ['zookeeper', [{ image: 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10' }]],
    ['zookeeper', [{ image: 'corp/base:1', ...ports(2181, 2888, 3888) }]],
    ['cassandra', [{ image: 'cassandra:5.0' }]],
    ['cassandra', [{ image: 'corp/db:1', ...ports(9042, 7000) }]],
    ['zookeeper', [{ image: 'corp/zookeeper-exporter:1' }, { image: 'zookeeper:3.9' }]],
    [undefined, [{ image: 'corp/zookeeper-exporter:1', ...ports(9141) }]],
    [undefined, [{ image: 'corp/proxy:1', ...ports(2181) }]],
    [undefined, [{ image: 'nginx:1.27', ...ports(80) }]],
  ])('%s: %j', (profile, containers) => {
    expect(detectProfile(spec(...containers))).toBe(profile)
  })

  test('what says nothing is refused in words, not guessed', async () => {
    const { findings } = await load(OTHER_SET)
    expect(findings).toMatchObject([
      {
        code: 'INPUT_INVALID',
        input: 'profile',
        message:
          'statefulset/web: neither the image (nginx:1.27) nor the ports (80) say what kind of ensemble it is',
        place: { file: 'zk.yaml', line: 6 },
      },
    ])
    expect(() => resolveProfile('auto', spec({ image: 'nginx' }), 'statefulset/web')).toThrow(
      'neither the image (nginx)',
    )
  })

  test('what the user says counts', async () => {
    expect((await load(OTHER_SET, { profile: 'none' })).loaded?.profile).toBe('none')
  })

  test.each<[string, number, readonly Readonly<Record<string, unknown>>[]]>([
    ['c0', 2181, [{ image: 'zookeeper:3.9' }]],
    [
      'c0',
      12181,
      [
        {
          image: 'zookeeper:3.9',
          ports: [{ containerPort: 2888 }, { containerPort: 12181, name: 'client' }],
        },
      ],
    ],
    ['c1', 2181, [{ image: 'corp/sidecar:1', ...ports(9000) }, { image: 'zookeeper:3.9' }]],
    [
      'c0',
      2281,
      [
        {
          image: 'kubernetes-zookeeper:1',
          command: ['sh', '-c', 'start-zookeeper --client_port=2281'],
        },
      ],
    ],
    [
      'c0',
      2222,
      [
        {
          image: 'zookeeper:3.9',
          env: [{ name: 'ZOO_SERVERS', value: 'server.1=a:2888:3888;0.0.0.0:2222' }],
        },
      ],
    ],
    ['c0', 9042, [{ image: 'cassandra:5' }]],
    // One beside the server that has its programs, for backups: nobody listens there.
    [
      'c1',
      2181,
      [
        { image: 'zookeeper:3.9', command: ['sleep', 'infinity'] },
        { image: 'zookeeper:3.9', ...ports(2888, 3888) },
      ],
    ],
    [
      'c1',
      2181,
      [
        { image: 'zookeeper:3.9', command: ['sleep', 'infinity'] },
        { image: 'zookeeper:3.9', command: ['bash', '-c', 'exec zkServer.sh start-foreground'] },
      ],
    ],
  ])('the member is in %s and listens at %d', (name, clientPort, containers) => {
    const pod = spec(...containers)
    expect(memberContainer(pod, detectProfile(pod) ?? 'none')).toMatchObject({ name, clientPort })
  })
})

describe('what is handed on', () => {
  test('objects come in the order in which they can be applied', async () => {
    const scrambled = [
      ...SOUND.split('---\n'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n',
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n',
      'apiVersion: example.org/v1\nkind: Odd\nmetadata: {name: o}\n',
    ].reverse()
    const { loaded } = await load(scrambled.join('---\n'))
    expect(loaded?.manifests.map(({ object }) => `${object.kind} ${object.metadata.name}`)).toEqual(
      [
        'Namespace ns',
        'ConfigMap c',
        'Service zk-cs',
        'Service zk-hs',
        'PodDisruptionBudget zk-pdb',
        'StatefulSet zk',
        'Odd o',
      ],
    )
  })

  test("the image replaces that of the member's container and nothing else, and places stay", async () => {
    const text = edited([
      '      - name: server',
      '      - {name: sidecar, image: busybox:1.36}\n      - name: server',
    ])
    const { loaded } = await load(text, { image: 'zookeeper:3.9.5' })
    const before = (await load(text)).loaded
    const images = (object: unknown): unknown =>
      JSON.parse(JSON.stringify(object).replace('zookeeper:3.9.5', 'zookeeper:3.9'))
    expect(JSON.stringify(loaded?.set.object)).toContain('"image":"zookeeper:3.9.5"')
    expect(images(loaded?.set.object)).toEqual(before?.set.object)
    expect(loaded?.set.placeOf(['spec', 'replicas']).line).toBe(
      before?.set.placeOf(['spec', 'replicas']).line,
    )
  })

  test('all faults of all files are told at once, errors first', async () => {
    const { error } = await load({
      'a.yaml': edited(['replicas: 3', 'replicas: "3"']),
      'b.yaml': 'kind: A\n',
      'c.yaml': 'x: [\n',
    })
    expect(error?.outcome).toBe('refused')
    expect(
      error?.findings.map(
        (finding) => `${finding.place?.file ?? ''}:${finding.place?.line ?? 0} ${finding.code}`,
      ),
    ).toEqual([
      'b.yaml:1 MANIFEST_INVALID',
      'b.yaml:1 MANIFEST_INVALID',
      'c.yaml:2 MANIFEST_INVALID',
      'a.yaml:36 MANIFEST_INVALID',
    ])
  })

  test('a null is as good as nothing, as it is to the API', async () => {
    expect(
      (
        await load(
          edited(
            ['name: ZK_SERVER_HEAP, value: "512"', 'name: EMPTY, value: null'],
            ['resources: {limits: {memory: 1Gi}}', 'resources: null'],
          ),
        )
      ).findings,
    ).toEqual([])
  })

  test('an object without a namespace goes where the set goes', async () => {
    expect(
      (
        await load(
          edited([
            'kind: StatefulSet\nmetadata:\n',
            'kind: StatefulSet\nmetadata:\n  namespace: prod\n',
          ]),
        )
      ).findings,
    ).toEqual([])
  })

  test('a field of the wrong kind is told with its line', async () => {
    const text = edited(['containerPort: 2888', 'containerPort: "2888"'])
    const { findings } = await load(text)
    expect(findings).toMatchObject([
      {
        code: 'MANIFEST_INVALID',
        object: 'statefulset/zk',
        fix: 'write containerPort as a number without quotes',
      },
    ])
    expect(lineOf(text, findings[0])).toContain('containerPort: "2888"')
  })
})
