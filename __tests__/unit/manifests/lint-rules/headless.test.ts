// A headless service is asked for where members are looked up by the names that it gives them, and
// nowhere else: else a server alone, or members behind Services of their own, could not be
// deployed.

import { expect, test } from '@jest/globals'
import { edited, load } from '../given.ts'

const NOT_HEADLESS = ['  clusterIP: None\n', ''] as const
const LIST =
  'server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181'

function said(
  findings: readonly { readonly severity: string; readonly message: string }[],
): readonly string[] {
  return findings
    .filter(({ message }) => /names of their own|no serviceName|is no service/.test(message))
    .map(({ severity, message }) => `${severity}: ${message}`)
}

function memberServices(): string {
  return [0, 1, 2]
    .map(
      (ordinal) =>
        `---\napiVersion: v1\nkind: Service\nmetadata: {name: zk-${ordinal}}\nspec: {publishNotReadyAddresses: true, selector: {app: zk, statefulset.kubernetes.io/pod-name: zk-${ordinal}}, ports: [{name: server, port: 2888}, {name: election, port: 3888}]}\n`,
    )
    .join('')
}

test.each([
  [
    'members that the list names below it',
    edited(NOT_HEADLESS),
    ['error: service zk-hs is not headless: members would have no names of their own'],
  ],
  [
    'members whose list nobody can read',
    edited(NOT_HEADLESS, [`value: ${LIST}`, 'valueFrom: {secretKeyRef: {name: zk, key: servers}}']),
    ['warning: service zk-hs is not headless: members would have no names of their own'],
  ],
  [
    'members that have Services of their own',
    edited(NOT_HEADLESS, [LIST, LIST.replaceAll('.zk-hs', '')]) + memberServices(),
    [],
  ],
  [
    'a script that makes names of the domain',
    edited(
      NOT_HEADLESS,
      [`- {name: ZOO_SERVERS, value: ${LIST}}`, '- {name: X, value: z}'],
      [
        "'export ZOO_MY_ID=$((",
        "'DOMAIN=$(hostname -d); export ZOO_SERVERS=server.1=zk-0.$DOMAIN:2888:3888 ZOO_MY_ID=$((",
      ],
    ),
    ['error: service zk-hs is not headless: members would have no names of their own'],
  ],
  [
    'one server alone',
    edited(
      NOT_HEADLESS,
      ['replicas: 3', 'replicas: 1'],
      [`- {name: ZOO_SERVERS, value: ${LIST}}`, '- {name: X, value: z}'],
    ),
    [],
  ],
  [
    'one server alone, without any service',
    edited(
      ['  serviceName: zk-hs\n', ''],
      ['replicas: 3', 'replicas: 1'],
      [`- {name: ZOO_SERVERS, value: ${LIST}}`, '- {name: X, value: z}'],
    ),
    [],
  ],
  [
    'one member whose list names it',
    edited(
      NOT_HEADLESS,
      ['replicas: 3', 'replicas: 1'],
      [LIST, 'server.1=zk-0.zk-hs:2888:3888;2181'],
    ),
    ['error: service zk-hs is not headless: members would have no names of their own'],
  ],
])('%s', async (_what, text, words) => {
  expect(said((await load(text)).findings)).toEqual(words)
})
