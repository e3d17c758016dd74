// The ensemble as a run addresses it. Where clients are sent: a name that no DNS knows costs each of
// them its connection; what the template requires of nodes: members that share one as they may are no
// failure.

import { expect, test } from '@jest/globals'
import type { Target } from '../../../../src/procedures/open/ensemble.ts'
import { parseText } from '../../../support/parse-text.ts'
import {
  connectionString,
  ownPortOf,
  targetOf,
} from '../../../../src/procedures/open/ensemble-target.ts'
import { edited, SOUND } from '../../manifests/given.ts'

function connection(text: string, replicas: number): string {
  return connectionString(target(text), 0, replicas)
}

function target(text: string): Target {
  const objects = parseText({ file: 'zk.yaml', text, lines: true }).manifests.map(
    ({ object }) => object,
  )
  const set = objects.find(({ kind }) => kind === 'StatefulSet')
  if (set === undefined) throw new Error('no set')
  return targetOf(set, objects, 'zookeeper', 'shop')
}

test.each([
  [
    'by the pods of a headless service',
    SOUND,
    3,
    'zk-0.zk-hs.shop.svc:2181,zk-1.zk-hs.shop.svc:2181,zk-2.zk-hs.shop.svc:2181',
  ],
  [
    'a server alone behind a service of its own',
    edited(['  serviceName: zk-hs\n', '  serviceName: zk-cs\n']),
    1,
    'zk-cs.shop.svc:2181',
  ],
  [
    'a server alone without a service name',
    edited(['  serviceName: zk-hs\n', '']),
    1,
    'zk-cs.shop.svc:2181',
  ],
])('%s', (_what, text, replicas, expected) => {
  expect(connection(text, replicas)).toBe(expected)
})

test('clients are sent to the port that the members themselves have, once all who told it agree', () => {
  const told = (clientPort: number | undefined): Parameters<typeof ownPortOf>[0][number] => ({
    identity: { name: 'zk-0', listed: undefined, user: undefined, data: undefined, clientPort },
  })
  expect(ownPortOf([told(12181), told(undefined), {}, told(12181)])).toBe(12181)
  expect(ownPortOf([told(12181), told(2181)])).toBeUndefined()
  expect(ownPortOf([told(undefined)])).toBeUndefined()
  expect(connectionString(target(SOUND), 5, 2, 12181)).toBe(
    'zk-5.zk-hs.shop.svc:12181,zk-6.zk-hs.shop.svc:12181',
  )
  // A Service has a port of its own, which may be another one than that of the pods behind it.
  const alone = edited(['  serviceName: zk-hs\n', ''])
  expect(connectionString(target(alone), 0, 1, 12181)).toBe('zk-cs.shop.svc:2181')
})

test.each([
  ['the members against each other', SOUND, true],
  [
    'the members against pods of others',
    edited([
      'labelSelector: {matchLabels: {app: zk}}',
      'labelSelector: {matchLabels: {app: kafka}}',
    ]),
    false,
  ],
  [
    'by zone alone',
    edited(['topologyKey: kubernetes.io/hostname', 'topologyKey: topology.kubernetes.io/zone']),
    false,
  ],
])('an anti-affinity of %s requires a node for each member', (_what, text, required) => {
  expect(target(text).requiresDistinctNodes).toBe(required)
})
