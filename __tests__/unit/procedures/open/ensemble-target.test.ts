// Where clients are sent: a name that no DNS knows costs each of them its connection.

import { expect, test } from '@jest/globals'
import { parseText } from '../../../support/parse-text.ts'
import { connectionString, targetOf } from '../../../../src/procedures/open/ensemble-target.ts'
import { edited, SOUND } from '../../manifests/given.ts'

function connection(text: string, replicas: number): string {
  const objects = parseText({ file: 'zk.yaml', text, lines: true }).manifests.map(
    ({ object }) => object,
  )
  const set = objects.find(({ kind }) => kind === 'StatefulSet')
  if (set === undefined) throw new Error('no set')
  return connectionString(targetOf(set, objects, 'zookeeper', 'shop'), 0, replicas)
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
