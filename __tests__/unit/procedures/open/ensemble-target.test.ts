// The ensemble as a run addresses it. Where clients are sent: a name that no DNS knows costs each of
// them its connection; what the template requires of nodes: members that share one as they may are no
// failure.

import { expect, test } from '@jest/globals'
import type { Target } from '../../../../src/procedures/open/ensemble.ts'
import { parseText } from '../../../support/parse-text.ts'
import { connectionString, targetOf } from '../../../../src/procedures/open/ensemble-target.ts'
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
