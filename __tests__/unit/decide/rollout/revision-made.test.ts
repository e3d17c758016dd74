// A template that is taken for a revision that it does not make would have serving members replaced
// by the controller alone.

import { expect, test } from '@jest/globals'
import { revisionMade } from '../../../../src/decide/rollout/revision-made.ts'

const TEMPLATE = { metadata: { labels: { app: 'zk' } }, spec: { containers: [{ name: 'zk' }] } }
const HISTORY = [
  { name: 'zk-other', template: undefined },
  { name: 'zk-1', template: TEMPLATE },
]

test.each([
  ['the same', TEMPLATE, 'zk-1'],
  ['in another order', { spec: TEMPLATE.spec, metadata: TEMPLATE.metadata }, 'zk-1'],
  [
    'with a null, as some versions write it',
    { ...TEMPLATE, metadata: { creationTimestamp: null, ...TEMPLATE.metadata } },
    'zk-1',
  ],
  [
    'with an annotation more',
    { ...TEMPLATE, metadata: { ...TEMPLATE.metadata, annotations: { restartedAt: 'now' } } },
    undefined,
  ],
  ['none', undefined, undefined],
])('%s', (_, template, name) => expect(revisionMade(template, HISTORY)).toBe(name))
