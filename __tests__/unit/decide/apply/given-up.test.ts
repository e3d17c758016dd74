// What kubectl apply wrote and a manifest no longer has goes with the first deploy. Not seen,
// members would roll that nobody was told of.

import { expect, test } from '@jest/globals'
import { withoutGivenUp } from '../../../../src/decide/apply/given-up.ts'

const OBJECT = {
  metadata: { labels: { app: 'zk', team: 'data' } },
  spec: {
    replicas: 3,
    containers: [
      {
        name: 'zk',
        image: 'a',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
    ],
    finalizers: ['x', 'y'],
  },
}
const WANTED = {
  metadata: { labels: { app: 'zk' } },
  spec: {
    containers: [{ name: 'zk', image: 'b', env: [{ name: 'A', value: '1' }] }],
    finalizers: ['x'],
  },
}
const TAKEN = {
  'f:metadata': { 'f:labels': { '.': {}, 'f:app': {}, 'f:team': {} } },
  'f:spec': {
    'f:replicas': {},
    'f:containers': {
      'k:{"name":"zk"}': {
        '.': {},
        'f:name': {},
        'f:image': {},
        'f:env': {
          '.': {},
          'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} },
          'k:{"name":"B"}': { '.': {}, 'f:name': {}, 'f:value': {} },
        },
      },
    },
    'f:finalizers': { 'v:"x"': {}, 'v:"y"': {} },
  },
}

test('fields, items of lists and of sets that the manifest left out go', () =>
  expect(withoutGivenUp(OBJECT, WANTED, { taken: [TAKEN], kept: [] })).toEqual({
    metadata: { labels: { app: 'zk' } },
    spec: {
      containers: [{ name: 'zk', image: 'a', env: [{ name: 'A', value: '1' }] }],
      finalizers: ['x'],
    },
  }))

test('what somebody else owns too stays', () =>
  expect(
    withoutGivenUp(OBJECT, WANTED, {
      taken: [TAKEN],
      kept: [
        { 'f:spec': { 'f:replicas': {} } },
        { 'f:metadata': { 'f:labels': { 'f:team': {} } } },
      ],
    }),
  ).toMatchObject({ metadata: { labels: { team: 'data' } }, spec: { replicas: 3 } }))

test('what was never taken stays', () =>
  expect(
    withoutGivenUp(OBJECT, WANTED, { taken: [{ 'f:spec': { 'f:replicas': {} } }], kept: [] }),
  ).toEqual({ ...OBJECT, spec: { containers: OBJECT.spec.containers, finalizers: ['x', 'y'] } }))

test('a tree that is no tree takes nothing', () =>
  expect(withoutGivenUp(OBJECT, WANTED, { taken: [undefined, 'x', []], kept: [] })).toEqual(OBJECT))
