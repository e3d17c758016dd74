// A server that goes back to an older version may not read its data: said before the merge it costs
// a line, afterwards a restore.

import { expect, test } from '@jest/globals'
import { versionRisk } from '../../../../src/decide/rollout/versions.ts'

test.each([
  ['zookeeper:3.9.5', 'zookeeper:3.8.4', /goes back from 3.9.5 to 3.8.4: what servers/],
  ['zookeeper:3.9', 'zookeeper:3.8', /goes back from 3.9 to 3.8/],
  [
    'registry:5000/zookeeper:3.9.5',
    'zookeeper:3.9.4@sha256:00',
    /^the image goes back from 3.9.5 to 3.9.4$/,
  ],
  [
    'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10',
    'zookeeper:3.9',
    /from 3.4.10 to 3.9: a server of 3.5.4 or later/,
  ],
])('%s to %s', (before, after, words) =>
  expect(versionRisk('zookeeper', before, after)?.message).toMatch(words),
)

test.each([
  ['zookeeper:3.8.4', 'zookeeper:3.9.5'],
  ['zookeeper:3.9.4', 'zookeeper:3.9.5'],
  ['zookeeper:3.9.5', 'zookeeper:3.9'],
  ['zookeeper', 'zookeeper:latest'],
  ['localhost:5000/zookeeper', 'zookeeper:3.4.10'],
  ['zookeeper:3.9@sha256:aa', 'zookeeper:3.9@sha256:bb'],
])('nothing is known against %s to %s', (before, after) =>
  expect(versionRisk('zookeeper', before, after)).toBeUndefined(),
)

test('Cassandra goes back too', () =>
  expect(versionRisk('cassandra', 'cassandra:5.0.2', 'cassandra:4.1.7')?.message).toContain(
    'goes back from 5.0.2 to 4.1.7',
  ))
test('of pods without a membership nothing is said', () =>
  expect(versionRisk('none', 'web:2.0', 'web:1.0')).toBeUndefined())
