// The lint stands between a manifest and a cluster: what loses data, quorum or the first start must
// stop, what only is unwise must not, and each points at its line.

import { describe, expect, test } from '@jest/globals'
import { edited, lineOf, load, SOUND } from './given.ts'

type Edit = readonly [from: string, to: string]
type Case = readonly [what: string, edits: readonly Edit[], words: RegExp, line: RegExp]

const TUTORIAL: readonly Edit[] = [
  ['zookeeper:3.9', 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'],
  [
    "command: [bash, -c, 'export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground']",
    'command: [sh, -c, "start-zookeeper --servers=3 --data_dir=/data/d --data_log_dir=/data/l --heap=512M --purge_interval=12"]',
  ],
  [
    '        - {name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181}\n',
    '',
  ],
]

async function outcome(edits: readonly Edit[], inputs: Readonly<Record<string, string>> = {}) {
  const text = edited(...edits)
  const { findings, error } = await load(text, inputs)
  return { text, findings, error }
}

test('a sound ensemble has nothing to answer for', async () => {
  expect((await load(SOUND)).findings).toEqual([])
})

describe('errors stop the run', () => {
  const cases: readonly Case[] = [
    [
      'a budget of an API that is gone',
      [['policy/v1\n', 'policy/v1beta1\n']],
      /policy\/v1beta1 is gone since Kubernetes 1.25/,
      /^apiVersion: policy\/v1beta1/,
    ],
    ['no service name', [['  serviceName: zk-hs\n', '']], /no serviceName/, /^spec:/],
    [
      'a service that is not headless',
      [['  clusterIP: None\n', '']],
      /zk-hs is not headless/,
      /^spec:/,
    ],
    [
      'a headless service over other pods',
      [
        [
          'selector: {app: zk}\n  ports:\n  - {name: server',
          'selector: {app: zookeeper}\n  ports:\n  - {name: server',
        ],
      ],
      /doesn't select the members/,
      /^selector: \{app: zookeeper\}/,
    ],
    [
      'a set over other pods',
      [
        [
          '  selector:\n    matchLabels: {app: zk}\n  template',
          '  selector:\n    matchLabels: {app: zookeeper}\n  template',
        ],
      ],
      /doesn't take the labels of its own template/,
      /^selector:/,
    ],
    [
      'more members than the list names',
      [['replicas: 3', 'replicas: 5']],
      /ZOO_SERVERS names 3 members, the set has 5/,
      /ZOO_SERVERS/,
    ],
    [
      'an entry without a client port',
      [['zk-1.zk-hs:2888:3888;2181', 'zk-1.zk-hs:2888:3888']],
      /no port for clients/,
      /ZOO_SERVERS/,
    ],
    [
      'two members of one id in the list',
      [['server.2=', 'server.1=']],
      /one id to two members/,
      /ZOO_SERVERS/,
    ],
    [
      'a version that does not know the client port',
      [['zookeeper:3.9', 'zookeeper:3.4.14']],
      /doesn't know the ;2181/,
      /ZOO_SERVERS/,
    ],
    [
      'no list',
      [['- {name: ZOO_SERVERS', '- {name: ZOO_SERVER']],
      /each of the 3 members would run alone/,
      /^env:/,
    ],
    [
      'one id for all',
      [
        [
          "[bash, -c, 'export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground']",
          '[]',
        ],
        [
          '{name: ZOO_DATA_LOG_DIR',
          '{name: ZOO_MY_ID, value: "1"}\n        - {name: ZOO_DATA_LOG_DIR',
        ],
      ],
      /ZOO_MY_ID is 1 for every member/,
      /ZOO_MY_ID/,
    ],
    [
      'no id',
      [['export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); ', '']],
      /ZOO_MY_ID is set nowhere/,
      /^env:/,
    ],
    [
      'data outside the claim',
      [['mountPath: /data}', 'mountPath: /var/zk}']],
      /data directory \/data is not on a claim/,
      /^volumeMounts:/,
    ],
    [
      'a log outside the claim',
      [['        - {name: ZOO_DATA_LOG_DIR, value: /data/log}\n', '']],
      /transaction log \/datalog is not on a claim.*lost/,
      /^volumeMounts:/,
    ],
    [
      'a log on a volume that hides the claim',
      [['mountPath: /data}', 'mountPath: /data}\n        - {name: scratch, mountPath: /data/log}']],
      /transaction log/,
      /^volumeMounts:/,
    ],
    [
      'one claim for all',
      [
        [
          '      containers:',
          '      volumes:\n      - {name: data, persistentVolumeClaim: {claimName: one}}\n      containers:',
        ],
        [
          '  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n',
          '',
        ],
      ],
      /share one claim/,
      /persistentVolumeClaim/,
    ],
    [
      'a budget that gives the quorum away',
      [['maxUnavailable: 1', 'maxUnavailable: 2']],
      /lets 2 of 3 members go at once, the quorum needs 2/,
      /^maxUnavailable: 2/,
    ],
    [
      'a budget in percent that does',
      [['maxUnavailable: 1', 'maxUnavailable: 50%']],
      /lets 2 of 3/,
      /^maxUnavailable/,
    ],
    [
      'a budget of both kinds',
      [['maxUnavailable: 1', 'maxUnavailable: 1\n  minAvailable: 2']],
      /exclude each other/,
      /^minAvailable/,
    ],
    [
      'two budgets',
      [
        [
          '---\napiVersion: apps/v1',
          '---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: other}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: apps/v1',
        ],
      ],
      /second budget.*refuses every eviction/,
      /selector: \{\}/,
    ],
    [
      'a budget that counts others',
      [
        [
          '---\napiVersion: apps/v1',
          '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {metadata: {labels: {app: zk}}}}\n---\napiVersion: apps/v1',
        ],
      ],
      /counts the pods of deployment\/web/,
      /^selector:/,
    ],
    [
      'quorum readiness in order',
      [['podManagementPolicy: Parallel', 'podManagementPolicy: OrderedReady']],
      /first start never ends/,
      /^readinessProbe/,
    ],
    [
      'quorum readiness behind names of Ready members only',
      [['publishNotReadyAddresses: true', 'publishNotReadyAddresses: false']],
      /never find each other/,
      /^readinessProbe/,
    ],
    [
      'a heap over the limit',
      [['limits: {memory: 1Gi}', 'limits: {memory: 512Mi}']],
      /512M doesn't fit into the memory limit of 512Mi/,
      /ZK_SERVER_HEAP/,
    ],
    [
      'a roll of two at once',
      [
        [
          '  podManagementPolicy: Parallel',
          '  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}\n  podManagementPolicy: Parallel',
        ],
      ],
      /2 of 3 members at once/,
      /maxUnavailable: 2/,
    ],
    [
      "the tutorial's flag beside the count",
      [...TUTORIAL, ['replicas: 3', 'replicas: 5']],
      /--servers=3, but the set has 5/,
      /^command/,
    ],
    [
      "the tutorial's script without the flag",
      [...TUTORIAL, ['--servers=3 ', '']],
      /would run alone/,
      /^command/,
    ],
    [
      "the tutorial's log outside the claim",
      [...TUTORIAL, ['--data_log_dir=/data/l ', '']],
      /transaction log \/var\/lib\/zookeeper\/log/,
      /^volumeMounts/,
    ],
    [
      "the tutorial's heap over the limit",
      [...TUTORIAL, ['--heap=512M', '--heap=2G']],
      /2048M/,
      /^command/,
    ],
  ]
  test.each(cases)('%s', async (_what, edits, words, line) => {
    const { text, findings, error } = await outcome(edits)
    const found = findings.find((finding) => words.test(finding.message))
    expect(findings.map((finding) => finding.message).join('\n')).toMatch(words)
    expect(found).toMatchObject({ code: 'LINT_FAILED', severity: 'error' })
    expect(lineOf(text, found)).toMatch(line)
    expect(found?.fix).toBeTruthy()
    expect(error).toMatchObject({ code: 'LINT_FAILED', outcome: 'refused' })
  })
})

describe('warnings do not', () => {
  const cases: readonly Case[] = [
    [
      'an even count',
      [
        ['replicas: 3', 'replicas: 4'],
        ['server.3=', 'server.4=zk-3.zk-hs:2888:3888;2181 server.3='],
      ],
      /4 members tolerate no more failures than 3/,
      /^replicas: 4/,
    ],
    [
      'two members, whose budget cannot spare one and must',
      [
        ['replicas: 3', 'replicas: 2'],
        [' server.3=zk-2.zk-hs:2888:3888;2181', ''],
      ],
      /two members tolerate no failure/,
      /^replicas: 2/,
    ],
    [
      'an entry without a client port, of a version that nobody knows',
      [
        ['zk-1.zk-hs:2888:3888;2181', 'zk-1.zk-hs:2888:3888'],
        ['zookeeper:3.9', 'zookeeper:corp-2024'],
      ],
      /does not say its version/,
      /ZOO_SERVERS/,
    ],
    ['no budget', [['kind: PodDisruptionBudget', 'kind: Other']], /no disruption budget/, /^spec:/],
    [
      'a budget over other pods',
      [['    matchLabels: {app: zk}\n---', '    matchLabels: {app: zookeeper}\n---']],
      /zk-pdb doesn't select the members/,
      /^selector:/,
    ],
    [
      'a budget that lets nobody go',
      [['maxUnavailable: 1', 'maxUnavailable: 0']],
      /every drain will be refused/,
      /^maxUnavailable/,
    ],
    [
      'a budget that asks for all',
      [['maxUnavailable: 1', 'minAvailable: 100%']],
      /every drain will be refused/,
      /^minAvailable/,
    ],
    [
      'a budget in absolute numbers',
      [['maxUnavailable: 1', 'minAvailable: 2']],
      /right for 3 members only/,
      /^minAvailable/,
    ],
    [
      'no claim',
      [
        [
          '  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n',
          '',
        ],
        ['      containers:', '      volumes: [{name: data, emptyDir: {}}]\n      containers:'],
      ],
      /data goes with its pod/,
      /^spec:/,
    ],
    [
      'a class named as in 2016',
      [
        [
          '- metadata: {name: data}',
          '- metadata: {name: data, annotations: {volume.alpha.kubernetes.io/storage-class: anything}}',
        ],
      ],
      /has no effect any more/,
      /alpha/,
    ],
    [
      'a claim that nothing mounts',
      [['- metadata: {name: data}\n', '- metadata: {name: more}\n  - metadata: {name: data}\n']],
      /claim more is not mounted/,
      /more/,
    ],
    [
      'a volume over /conf',
      [
        [
          '        - {name: data, mountPath: /data}',
          '        - {name: data, mountPath: /data}\n        - {name: conf, mountPath: /conf}',
        ],
      ],
      /hides the image's logback.xml/,
      /conf/,
    ],
    [
      'a probe that asks the process',
      [["'srvr | grep Mode'", "'echo ruok | nc localhost 2181'"]],
      /member without quorum is Ready/,
      /^readinessProbe/,
    ],
    [
      'a probe that asks the port',
      [["{exec: {command: [bash, -c, 'srvr | grep Mode']}}", '{tcpSocket: {port: 2181}}']],
      /member without quorum is Ready/,
      /^readinessProbe/,
    ],
    [
      'no readiness probe',
      [["        readinessProbe: {exec: {command: [bash, -c, 'srvr | grep Mode']}}\n", '']],
      /no readiness probe/,
      /^- name: server/,
    ],
    [
      'a liveness probe that asks for the quorum',
      [
        [
          'livenessProbe: {tcpSocket: {port: client}}',
          'livenessProbe: {exec: {command: [zkServer.sh, status]}}',
        ],
      ],
      /restarts members that wait for their quorum/,
      /^livenessProbe/,
    ],
    [
      'names of Ready members only',
      [
        ['publishNotReadyAddresses: true', 'publishNotReadyAddresses: false'],
        ["'srvr | grep Mode'", 'ruok'],
      ],
      /publishes only Ready members/,
      /^spec:/,
    ],
    [
      'anti-affinity that is only preferred',
      [
        [
          'requiredDuringSchedulingIgnoredDuringExecution:\n          - topologyKey: kubernetes.io/hostname\n            labelSelector: {matchLabels: {app: zk}}',
          'preferredDuringSchedulingIgnoredDuringExecution:\n          - {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: zk}}}}',
        ],
      ],
      /only preferred/,
      /^podAntiAffinity/,
    ],
    [
      'anti-affinity to others',
      [['labelSelector: {matchLabels: {app: zk}}', 'labelSelector: {matchLabels: {app: web}}']],
      /nothing keeps members off the same node/,
      /^podAntiAffinity/,
    ],
    ['no purge', [['"12"', '"0"']], /never purged/, /PURGEINTERVAL/],
    [
      'no grace',
      [
        [
          '    spec:\n      affinity',
          '    spec:\n      terminationGracePeriodSeconds: 0\n      affinity',
        ],
      ],
      /grace period of 0/,
      /^terminationGracePeriodSeconds/,
    ],
    [
      "the image's own heap over the limit",
      [
        ['        - {name: ZK_SERVER_HEAP, value: "512"}\n', ''],
        ['memory: 1Gi', 'memory: 768Mi'],
      ],
      /1000M doesn't fit/,
      /^resources/,
    ],
    [
      'flags that count for the client too',
      [['{name: ZK_SERVER_HEAP, value: "512"}', '{name: JVMFLAGS, value: "-Xmx512m"}']],
      /every zkCli.sh/,
      /JVMFLAGS/,
    ],
    [
      'a sync limit in milliseconds',
      [
        [
          '{name: ZK_SERVER_HEAP',
          '{name: ZOO_SYNC_LIMIT, value: "2000"}\n        - {name: ZK_SERVER_HEAP',
        ],
      ],
      /2000 ticks/,
      /SYNC_LIMIT/,
    ],
    [
      'an image without a version',
      [['zookeeper:3.9', 'zookeeper']],
      /whatever is newest/,
      /^image/,
    ],
    [
      'a client port that leads nowhere',
      [['{name: client, port: 2181}', '{name: client, port: 2182}']],
      /port 2182 leads to 2182/,
      /2182/,
    ],
    ["the tutorial's image, which never purges", [...TUTORIAL], /misspells the key/, /^command/],
  ]
  test.each(cases)('%s', async (_what, edits, words, line) => {
    const { text, findings, error } = await outcome(edits)
    const found = findings.find((finding) => words.test(finding.message))
    expect(findings.map((finding) => finding.message).join('\n')).toMatch(words)
    expect(found).toMatchObject({ code: 'LINT_FAILED', severity: 'warning' })
    expect(lineOf(text, found)).toMatch(line)
    expect(found?.fix).toBeTruthy()
    expect(error).toBeUndefined()
  })
})

describe('what is sound is not touched', () => {
  test.each<[string, readonly Edit[]]>([
    [
      'a list that a ConfigMap holds elsewhere',
      [
        [
          '{name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181}',
          '{name: ZOO_SERVERS, valueFrom: {configMapKeyRef: {name: elsewhere, key: servers}}}',
        ],
      ],
    ],
    [
      'an id that an init container writes',
      [
        ['export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); ', ''],
        [
          '      containers:',
          "      initContainers: [{name: id, image: busybox:1.36, command: [sh, -c, 'echo 1 > /data/myid']}]\n      containers:",
        ],
      ],
    ],
    [
      "a zoo.cfg of the user's own",
      [
        ['        - {name: ZOO_DATA_LOG_DIR, value: /data/log}\n', ''],
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: cfg, mountPath: /conf/zoo.cfg, subPath: zoo.cfg}',
        ],
      ],
    ],
    [
      "a directory of the user's own configuration",
      [
        ['- {name: ZOO_SERVERS', '- {name: ZOO_SERVER'],
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: conf, mountPath: /conf}',
        ],
        [
          '      containers:',
          '      initContainers: [{name: fill, image: zookeeper:3.9, volumeMounts: [{name: conf, mountPath: /to}]}]\n      containers:',
        ],
      ],
    ],
    [
      'a /conf that an init container fills',
      [
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: conf, mountPath: /conf}',
        ],
        [
          '      containers:',
          '      initContainers: [{name: fill, image: zookeeper:3.9, volumeMounts: [{name: conf, mountPath: /to}]}]\n      containers:',
        ],
      ],
    ],
    [
      'a claim for the log alone',
      [
        ['value: /data/log', 'value: /txn/log'],
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: txn, mountPath: /txn}',
        ],
        ['- metadata: {name: data}\n', '- metadata: {name: txn}\n  - metadata: {name: data}\n'],
      ],
    ],
    ['a probe that nobody can judge', [["'srvr | grep Mode'", '/ready.sh']]],
    [
      'a mirror of the official image',
      [['zookeeper:3.9', 'registry.example.org:5000/mirror/zookeeper:3.9@sha256:0000']],
    ],
  ])('%s', async (_what, edits) => {
    expect((await outcome(edits)).findings).toEqual([])
  })

  test.each<[string, readonly Edit[]]>([
    [
      'a single member needs no budget, list, order or spread',
      [
        ['replicas: 3', 'replicas: 1'],
        ['kind: PodDisruptionBudget', 'kind: Other'],
        ['- {name: ZOO_SERVERS', '- {name: ZOO_SERVER'],
        ['podManagementPolicy: Parallel', 'podManagementPolicy: OrderedReady'],
        ['topologyKey: kubernetes.io/hostname', 'topologyKey: zone'],
      ],
    ],
  ])('%s', async (_what, edits) => {
    expect((await outcome(edits)).findings).toEqual([])
  })

  test("other kinds of ensembles are not judged by ZooKeeper's rules", async () => {
    const { findings } = await outcome(
      [
        ['zookeeper:3.9', 'registry.example.org/raft:1.0'],
        ['replicas: 3', 'replicas: 4'],
      ],
      { profile: 'none' },
    )
    expect(findings).toEqual([])
  })
})

describe('values are followed to where they are written', () => {
  const CONFIG =
    '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: zk-config}\ndata: {members: "5", heap: 4G}\n'
  const FROM_CONFIG: readonly Edit[] = [
    ...TUTORIAL,
    ['--servers=3', '--servers=$(MEMBERS)'],
    ['--heap=512M', '--heap=$HEAP'],
    [
      '{name: ZOO_DATA_LOG_DIR, value: /data/log}',
      '{name: MEMBERS, valueFrom: {configMapKeyRef: {name: zk-config, key: members}}}\n        - {name: HEAP, valueFrom: {configMapKeyRef: {name: zk-config, key: heap}}}',
    ],
  ]

  test('flags fed from a ConfigMap are judged by its values', async () => {
    const { findings } = await load(edited(...FROM_CONFIG) + CONFIG)
    expect(findings.map((finding) => finding.message).join('\n')).toMatch(
      /--servers=5, but the set has 3[\s\S]*4096M/,
    )
  })

  test('what cannot be known is not guessed at', async () => {
    const { findings } = await load(edited(...FROM_CONFIG))
    expect(findings.filter((finding) => finding.severity === 'error')).toEqual([])
  })

  test("the image that the input sets is the one that is judged, not the manifest's", async () => {
    expect((await load(SOUND, { image: 'zookeeper:3.4.14' })).error?.message).toMatch(
      /zookeeper:3.4.14 doesn't know/,
    )
  })
})

describe('Cassandra', () => {
  const RING: readonly Edit[] = [
    ['zookeeper:3.9', 'cassandra:5.0'],
    [
      '{name: ZOO_DATA_LOG_DIR, value: /data/log}',
      '{name: CASSANDRA_SEEDS, value: zk-0.zk-hs.default.svc.cluster.local}',
    ],
    ['mountPath: /data}', 'mountPath: /var/lib/cassandra}'],
  ]

  test('seeds of another namespace stop the run: these members would join that ring', async () => {
    const { text, findings } = await outcome(RING, { namespace: 'prod' })
    expect(findings.map((finding) => [finding.code, finding.severity])).toEqual([
      ['LINT_FAILED', 'error'],
    ])
    expect(findings[0]?.message).toMatch(
      /CASSANDRA_SEEDS names zk-0\.zk-hs\.default\.svc\.cluster\.local \(namespace default\).*would join that ring/,
    )
    expect(lineOf(text, findings[0])).toContain('CASSANDRA_SEEDS')
    expect((await outcome(RING, { namespace: 'default' })).findings).toEqual([])
  })

  test('data outside the claim stops the run', async () => {
    expect((await outcome(RING.slice(0, 2))).error?.message).toMatch(
      /\/var\/lib\/cassandra is not on a claim/,
    )
  })

  test('an even ring is a ring like any other', async () => {
    expect((await outcome([...RING, ['replicas: 3', 'replicas: 4']])).findings).toEqual([])
  })
})
