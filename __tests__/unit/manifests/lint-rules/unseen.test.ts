// What the lint can't see is not absent: ensembles that run well and look like none of our examples
// must be let through, and an error must be proven.

import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { lint } from '../../../../src/manifests/lint.ts'
import type { ClusterSeen } from '../../../../src/manifests/lint-rules/rule.ts'
import { withCluster, type Told } from '../../../../src/manifests/lint-subject.ts'
import type { Manifest } from '../../../../src/manifests/manifest.ts'
import type { ConfigMaps } from '../../../../src/manifests/mounted-files.ts'
import { parseService } from '../../../../src/manifests/shapes.ts'
import { edited, load } from '../given.ts'

type Edit = readonly [from: string, to: string]

function given(path: string): string {
  return readFileSync(new URL(`../../../cases/${path}`, import.meta.url), 'utf8')
}

/** Messages of errors, and of warnings where they are asked for. */
async function errorsOf(text: string): Promise<readonly string[]> {
  return (await load(text)).findings
    .filter(({ severity }) => severity === 'error')
    .map(({ message }) => message)
}

/** Findings once the cluster was asked; `error: …`. */
async function withClusterOf(text: string, told: Partial<Told>): Promise<readonly string[]> {
  const { loaded, error } = await load(text)
  if (loaded === undefined) throw error ?? new Error('not loaded')
  const cluster: ClusterSeen = { headless: 'absent', first: true }
  return lint(
    withCluster(loaded.linted, {
      namespace: 'shop',
      configMaps: new Map(),
      running: 1,
      cluster,
      ...told,
    }),
  ).map(({ severity, message, fix }) => `${severity}: ${message} | ${fix ?? ''}`)
}

test.each([
  'script-in-configmap/manifest.yaml',
  'service-elsewhere/manifest.yaml',
  'replicas-left-out/manifest.yaml',
  'log-dir-as-advised/manifest.yaml',
  'mirrored-image/manifest.yaml',
  'mirrored-image/with-name.yaml',
  'client-port-elsewhere/manifest.yaml',
  'client-port-elsewhere/tls.yaml',
])('%s has no error', async (path) => {
  expect(await errorsOf(given(path))).toEqual([])
  expect((await load(given(path))).loaded?.profile).toBe('zookeeper')
})

const COMMAND: Edit = [
  "command: [bash, -c, 'export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground']",
  'command: [sh, -c, "exec /scripts/run.sh"]',
]
const NO_LIST: Edit = ['- {name: ZOO_SERVERS', '- {name: ZOO_SERVER']
const MOUNT: Edit = [
  '- {name: data, mountPath: /data}',
  '- {name: data, mountPath: /data}\n        - {name: scripts, mountPath: /scripts}',
]
function volume(what: string): Edit {
  return [
    '      containers:',
    `      volumes:\n      - {name: scripts, ${what}}\n      containers:`,
  ]
}
function configMap(name: string, data: Readonly<Record<string, string>>): string {
  return `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })}\n`
}
const RUN =
  '#!/bin/sh\n# export ZOO_SERVERS here once\nexport ZOO_MY_ID=$((${HOSTNAME##*-} + 1)) ZOO_SERVERS="$LIST"\nexec /docker-entrypoint.sh zkServer.sh start-foreground\n'

describe('where settings may come from', () => {
  test.each<[string, string]>([
    [
      'a script of a ConfigMap',
      edited(COMMAND, NO_LIST, MOUNT, volume('configMap: {name: s}')) +
        configMap('s', { 'run.sh': RUN }),
    ],
    [
      'one of a projected volume, under another name',
      edited(
        COMMAND,
        NO_LIST,
        MOUNT,
        volume('projected: {sources: [{configMap: {name: s, items: [{key: a, path: run.sh}]}}]}'),
      ) + configMap('s', { a: RUN }),
    ],
    [
      'one that another script runs',
      edited(COMMAND, NO_LIST, MOUNT, volume('configMap: {name: s}')) +
        configMap('s', { 'run.sh': 'exec /scripts/two.sh', 'two.sh': RUN }),
    ],
    ['a script of a Secret', edited(COMMAND, NO_LIST, MOUNT, volume('secret: {secretName: s}'))],
    [
      'a script of a ConfigMap that is elsewhere',
      edited(COMMAND, NO_LIST, MOUNT, volume('configMap: {name: elsewhere}')),
    ],
    ['a script that the image has', edited(COMMAND, NO_LIST)],
    [
      'variables of a Secret',
      edited(NO_LIST, [
        '        env:\n',
        '        envFrom: [{secretRef: {name: settings}}]\n        env:\n',
      ]),
    ],
    [
      'variables of a ConfigMap, with a prefix',
      edited(
        [
          `{name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181}`,
          '{name: OTHER, value: a}',
        ],
        [
          '        env:\n',
          '        envFrom: [{prefix: ZOO_, configMapRef: {name: s}}]\n        env:\n',
        ],
      ) +
        configMap('s', {
          SERVERS:
            'server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181',
        }),
    ],
    [
      'a zoo.cfg of a ConfigMap with line ends of Windows',
      edited(
        NO_LIST,
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: scripts, mountPath: /conf/zoo.cfg, subPath: zoo.cfg}',
        ],
        volume('configMap: {name: s}'),
      ) +
        configMap('s', {
          'zoo.cfg':
            'dataDir=/data\r\nclientPort=2181\r\nserver.1=zk-0.zk-hs:2888:3888\r\nserver.2=zk-1.zk-hs:2888:3888\r\nserver.3=zk-2.zk-hs:2888:3888\r\n',
        }),
    ],
    [
      'a port in extra settings of several lines',
      edited(
        ['zk-1.zk-hs:2888:3888;2181', 'zk-1.zk-hs:2888:3888'],
        [
          '{name: ZOO_DATA_LOG_DIR',
          '{name: ZOO_CFG_EXTRA, value: "quorumListenOnAllIPs=true\\nclientPort=2181\\nclientPortAddress=0.0.0.0"}\n        - {name: ZOO_DATA_LOG_DIR',
        ],
      ),
    ],
    [
      'extra settings that are elsewhere',
      edited(
        ['zk-1.zk-hs:2888:3888;2181', 'zk-1.zk-hs:2888:3888'],
        [
          '{name: ZOO_DATA_LOG_DIR',
          '{name: ZOO_CFG_EXTRA, valueFrom: {secretKeyRef: {name: s, key: k}}}\n        - {name: ZOO_DATA_LOG_DIR',
        ],
      ),
    ],
    [
      "another vendor's image",
      edited(
        NO_LIST,
        ['zookeeper:3.9', 'registry.example.org/mirror/zookeeper:3.9.3-debian-12-r8'],
        ['mountPath: /data}', 'mountPath: /bitnami/zookeeper}'],
      ),
    ],
    [
      'an image that nobody knows',
      edited(
        NO_LIST,
        ['zookeeper:3.9', 'registry.example.org/team/zookeeper:7'],
        ['/docker-entrypoint.sh zkServer.sh', '/our-start'],
      ),
    ],
    [
      'an image with a name of its own',
      edited(
        NO_LIST,
        ['zookeeper:3.9', 'confluentinc/cp-zookeeper:7.5.0'],
        ['/docker-entrypoint.sh zkServer.sh', '/etc/confluent/docker/run'],
      ),
    ],
    [
      'a claim for something else that all share',
      edited(
        [
          '- {name: data, mountPath: /data}',
          '- {name: data, mountPath: /data}\n        - {name: backup, mountPath: /backup}',
        ],
        [
          '      containers:',
          '      volumes:\n      - {name: backup, persistentVolumeClaim: {claimName: one}}\n      containers:',
        ],
      ),
    ],
    [
      'members of another set in the list',
      edited([
        'server.3=zk-2.zk-hs:2888:3888;2181',
        'server.3=zk-2.zk-hs:2888:3888;2181 server.4=watch-0.zk-hs:2888:3888:observer;2181',
      ]),
    ],
    [
      'a probe whose words only look like it',
      edited(
        ["'srvr | grep Mode'", "'/ready --mode=process'"],
        ['podManagementPolicy: Parallel', 'podManagementPolicy: OrderedReady'],
      ),
    ],
    [
      'a probe that is content with ruok until the member has joined once',
      edited(
        [
          "'srvr | grep Mode'",
          "'if srvr | grep Mode; then touch /data/joined; else test ! -e /data/joined && ruok | grep imok; fi'",
        ],
        ['podManagementPolicy: Parallel', 'podManagementPolicy: OrderedReady'],
      ),
    ],
  ])('%s', async (_what, text) => {
    expect(await errorsOf(text)).toEqual([])
  })

  test('a script that is read is judged: one that gives every member the same id is refused', async () => {
    const text =
      edited(COMMAND, MOUNT, volume('configMap: {name: s}')) +
      configMap('s', { 'run.sh': 'exec /docker-entrypoint.sh zkServer.sh start-foreground' })
    expect(await errorsOf(text)).toEqual([
      'ZOO_MY_ID is set nowhere: every member would have the id 1',
    ])
  })

  test('so are variables of a ConfigMap, wherever it is', async () => {
    const list = 'server.1=zk-0.zk-hs:2888:3888;2181'
    const text = edited([
      `{name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181}`,
      '{name: ZOO_SERVERS, valueFrom: {configMapKeyRef: {name: s, key: list}}}',
    ])
    expect(await errorsOf(text + configMap('s', { list }))).toEqual([
      'ZOO_SERVERS names 1 members, the set has 3',
    ])
    expect(await errorsOf(text)).toEqual([])
    expect(
      (await withClusterOf(text, { configMaps: new Map([['s', { list }]]) })).join('\n'),
    ).toMatch(/error: ZOO_SERVERS names 1 members/)
  })
})

describe('what the cluster tells', () => {
  const NONE: ConfigMaps = new Map()
  const elsewhere = given('service-elsewhere/manifest.yaml')
  function service(spec: unknown): ClusterSeen {
    const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'keeper-peers' }, spec }
    const shape = parseService(object)
    const manifest: Manifest = {
      object,
      place: { file: 'zk.yaml' },
      placeOf: () => ({ file: 'zk.yaml', line: 1 }),
    }
    if (shape === undefined) throw new Error('no service')
    return { headless: { manifest, shape }, first: true }
  }

  test.each<[string, ClusterSeen, RegExp | undefined]>([
    [
      'a sound one',
      service({ clusterIP: 'None', publishNotReadyAddresses: true, selector: { app: 'keeper' } }),
      undefined,
    ],
    [
      'none',
      { headless: 'absent', first: true },
      /^error: serviceName keeper-peers is no service of these manifests, and there is none in the cluster \| apply first what brings/,
    ],
    [
      'one that may not be read',
      { headless: 'unreadable', first: true },
      /^warning: service keeper-peers is none of these manifests, and whether the cluster has it may not be looked at/,
    ],
    [
      'one that is not headless',
      service({
        clusterIP: '10.0.0.1',
        selector: { app: 'keeper' },
        publishNotReadyAddresses: true,
      }),
      /^error: service keeper-peers in the cluster is not headless.*where it is applied from/,
    ],
    [
      'one over other pods',
      service({ clusterIP: 'None', selector: { app: 'web' }, publishNotReadyAddresses: true }),
      /^error: service keeper-peers in the cluster doesn't select the members.*where that service is applied from/,
    ],
    [
      'one whose endpoints somebody else makes',
      service({ clusterIP: 'None', publishNotReadyAddresses: true }),
      /^warning: service keeper-peers in the cluster doesn't select/,
    ],
  ])('the headless service of another stack: %s', async (_what, cluster, words) => {
    const found = (await withClusterOf(elsewhere, { cluster })).filter((line) =>
      line.includes('keeper-peers'),
    )
    if (words === undefined) expect(found).toEqual([])
    else expect(found.join('\n')).toMatch(words)
  })

  test('replicas left out: the count that runs is the one that is judged, and a first install is told of replicas', async () => {
    const text = given('replicas-left-out/manifest.yaml')
    expect(
      (await withClusterOf(text, { running: 3 })).filter((line) => line.startsWith('error')),
    ).toEqual([])
    expect(
      (await withClusterOf(text, { running: 0 })).filter((line) => line.startsWith('error')),
    ).toEqual([])
    expect(
      (await withClusterOf(text, { running: 1 })).filter((line) => line.startsWith('error')),
    ).toEqual([
      'error: ZOO_SERVERS names 3 members, replicas is left out, so the set has 1 | write replicas: 3; once that many run it may be left out again',
    ])
  })

  test('a log directory that nobody makes is named before it crashes, and only on a first install', async () => {
    const text = given('log-dir-as-advised/manifest.yaml')
    expect((await withClusterOf(text, {})).join('\n')).toMatch(
      /warning: nobody makes \/data\/log.*subPath: log/,
    )
    expect(
      (await withClusterOf(text, { cluster: { headless: 'absent', first: false } })).join('\n'),
    ).not.toMatch(/nobody makes/)
  })

  test('what could not be looked at is said once, as a warning', async () => {
    const found = await withClusterOf(
      edited(COMMAND, NO_LIST, MOUNT, volume('secret: {secretName: s}')),
      { configMaps: NONE },
    )
    expect(found.filter((line) => line.includes('could not look'))).toEqual([
      expect.stringMatching(
        /^warning: the lint could not look at \/scripts\/run\.sh \(secret\/s\): member list, ids and directories were not checked/,
      ),
    ])
    expect(found.filter((line) => line.startsWith('error'))).toEqual([])
  })

  test('a read-only file below /conf stops the entrypoint of the official image, unless it runs as the image’s user', async () => {
    const mount: Edit = [
      '- {name: data, mountPath: /data}',
      '- {name: data, mountPath: /data}\n        - {name: scripts, mountPath: /conf/zoo.cfg, subPath: zoo.cfg}',
    ]
    const root = edited(mount, volume('configMap: {name: s}'))
    expect((await load(root)).findings.map(({ message }) => message).join('\n')).toMatch(
      /\/conf\/zoo\.cfg is read-only/,
    )
    const user = edited(mount, [
      '      containers:',
      '      securityContext: {runAsUser: 1000}\n      volumes:\n      - {name: scripts, configMap: {name: s}}\n      containers:',
    ])
    expect((await load(user)).findings).toEqual([])
  })
})
