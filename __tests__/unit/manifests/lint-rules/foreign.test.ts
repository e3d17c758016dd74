// A preview whose list names production's members joins production's quorum: it must be refused
// wherever the list is written, and nothing else may be.

import { describe, expect, test } from '@jest/globals'
import { edited, load, SOUND } from '../given.ts'

const LIST =
  'server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181'
const PROD = LIST.replaceAll('.zk-hs', '.zk-hs.prod.svc.cluster.local')
const CFG = PROD.replaceAll(' ', '\n    ')
const configMap = (text: string, name = 'zk-conf'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata:\n  zoo.cfg: |\n    dataDir=/data\n    ${text}\n---\n`

async function found(
  text: string,
  inputs: Readonly<Record<string, string>> = { namespace: 'pr7' },
): Promise<readonly string[]> {
  const { findings } = await load(text, inputs)
  return findings
    .filter(({ message }) => message.includes('would join'))
    .map(
      ({ code, severity, message, place }) => `${code} ${severity} ${place?.line ?? 0} ${message}`,
    )
}

describe('refused, with its line', () => {
  const mounted = edited([
    '      containers:',
    '      volumes:\n      - {name: conf, configMap: {name: zk-conf}}\n      containers:',
  ])
  const projected = edited([
    '      containers:',
    '      volumes:\n      - {name: conf, projected: {sources: [{configMap: {name: zk-conf}}]}}\n      containers:',
  ])
  const cases: readonly (readonly [what: string, text: string])[] = [
    ['the variable of the official image', edited([LIST, PROD])],
    ['one with roles', edited([LIST, PROD.replaceAll(':3888;', ':3888:participant;')])],
    [
      'in the way of other images, separated by commas',
      edited([
        LIST,
        'zk-0.zk-hs.prod.svc.cluster.local:2888:3888::1,zk-1.zk-hs.prod.svc.cluster.local:2888:3888::2',
      ]),
    ],
    [
      'several addresses a member',
      edited([LIST, 'server.1=zk-0.zk-hs.prod.svc:2888:3888|zk-0.alt.prod.svc:2888:3888;2181']),
    ],
    [
      'a domain that is a variable with a plain value',
      edited(
        [LIST, 'server.1=zk-0.$(DOMAIN):2888:3888;2181'],
        [
          '        - {name: ZOO_DATA_LOG_DIR',
          '        - {name: DOMAIN, value: zk-hs.prod.svc}\n        - {name: ZOO_DATA_LOG_DIR',
        ],
      ),
    ],
    [
      'a start script',
      edited([
        'export ZOO_MY_ID',
        'DOMAIN=zk-hs.prod.svc.cluster.local; for i in 1 2 3; do export ZOO_SERVERS="$ZOO_SERVERS server.$i=zk-$((i - 1)).$DOMAIN:2888:3888;2181"; done; export ZOO_MY_ID',
      ]),
    ],
    [
      'an init container',
      edited([
        '      containers:',
        '      initContainers:\n      - {name: conf, image: "busybox:1.36", command: [sh, -c, "echo server.1=zk-0.zk-hs.prod.svc:2888:3888 > /conf/zoo.cfg"]}\n      containers:',
      ]),
    ],
    ['a file of a mounted ConfigMap', configMap(CFG) + mounted],
    ['a file of a projected ConfigMap', configMap(CFG) + projected],
  ]
  test.each(cases)('%s', async (_what, text) => {
    expect(await found(text)).toEqual([
      expect.stringMatching(
        /^LINT_FAILED error [1-9]\d* .*namespace prod.*zk in namespace pr7.*join that ensemble/,
      ),
    ])
  })

  test('by the namespace of the manifests as by that of the input', async () => {
    const own = edited(
      [LIST, PROD],
      [
        'kind: StatefulSet\nmetadata:\n  name: zk',
        'kind: StatefulSet\nmetadata:\n  namespace: pr7\n  name: zk',
      ],
    )
    expect(await found(own, {})).toHaveLength(1)
  })
})

describe('let through', () => {
  const cases: readonly (readonly [what: string, text: string, namespace: string | undefined])[] = [
    ['into the namespace that it names', edited([LIST, PROD]), 'prod'],
    [
      'where the context decides on the namespace: preflight judges it',
      edited([LIST, PROD]),
      undefined,
    ],
    [
      'a namespace that the pod fills in',
      edited(
        [LIST, LIST.replaceAll('.zk-hs', '.zk-hs.$(NAMESPACE).svc')],
        [
          '        - {name: ZOO_DATA_LOG_DIR',
          '        - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}\n        - {name: ZOO_DATA_LOG_DIR',
        ],
      ),
      'pr7',
    ],
    ['a ConfigMap that the set does not read', configMap(CFG) + SOUND, 'pr7'],
    [
      'a comment',
      configMap(CFG.replaceAll('server.', '# server.')) +
        edited([
          '      containers:',
          '      volumes:\n      - {name: conf, configMap: {name: zk-conf}}\n      containers:',
        ]),
      'pr7',
    ],
    [
      'names outside of the cluster',
      edited([LIST, LIST.replaceAll('.zk-hs', '.example.org')]),
      'pr7',
    ],
  ]
  test.each(cases)('%s', async (_what, text, namespace) => {
    expect(await found(text, namespace === undefined ? {} : { namespace })).toEqual([])
  })
})

describe('other kinds', () => {
  test.each([
    [
      'etcd',
      '{name: ETCD_INITIAL_CLUSTER, value: "zk-0=http://zk-0.zk-hs.prod.svc:2380,zk-1=http://zk-1.zk-hs.prod.svc:2380"}',
    ],
    [
      'a controller quorum',
      '{name: CONTROLLER_QUORUM_VOTERS, value: "0@zk-0.zk-hs.prod.svc:9093,1@zk-1.zk-hs.prod.svc:9093"}',
    ],
  ])('%s', async (_what, variable) => {
    const text = edited(['- {name: ZOO_SERVERS', `- ${variable}\n        - {name: ZOO_SERVERS`])
    expect(
      await found(text, {
        namespace: 'pr7',
        profile: 'custom',
        'write-command': 'true',
        'read-command': 'true',
      }),
    ).toEqual([expect.stringMatching(/namespace prod/)])
  })
})
