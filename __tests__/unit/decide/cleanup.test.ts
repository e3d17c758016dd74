// A wrong answer here deletes what nobody can bring back, or leaves a preview that costs money for
// ever.

import { describe, expect, test } from '@jest/globals'
import {
  belongs,
  expiryOf,
  madeByApply,
  makerOf,
  othersIn,
  settledMade,
  whyLeft,
  type Claiming,
} from '../../../src/decide/cleanup.ts'
import type { KubeObject } from '../../../src/kube/kube.ts'

const OURS = 'zk-ensemble-action'
const T = '2026-11-28T10:00:00Z'
const LATER = '2026-11-28T11:00:00Z'
const applied = (
  time: string,
  manager = OURS,
  operation = 'Apply',
): { manager: string; operation: string; time: string } => ({ manager, operation, time })

describe('whose a namespace is', () => {
  const label = { 'zk-ensemble-action/managed': 'true' }
  test.each([
    [
      'label and annotation',
      { labels: label, annotations: { 'zk-ensemble-action/repository': 'a/b' } },
      'ours',
    ],
    ['the label alone', { labels: label }, 'unnamed'],
    [
      'an empty annotation',
      { labels: label, annotations: { 'zk-ensemble-action/repository': '' } },
      'unnamed',
    ],
    [
      'the annotation alone',
      { annotations: { 'zk-ensemble-action/repository': 'a/b' } },
      'not made here',
    ],
    [
      'another value of the label',
      {
        labels: { 'zk-ensemble-action/managed': 'false' },
        annotations: { 'zk-ensemble-action/repository': 'a/b' },
      },
      'not made here',
    ],
    [
      'another repository',
      { labels: label, annotations: { 'zk-ensemble-action/repository': 'a/bc' } },
      'another',
    ],
  ])('%s', (_, metadata, kind) => expect(makerOf(metadata, 'a/b').kind).toBe(kind))
})

test.each([
  ['2026-11-28T09:59:59Z', 'over'],
  ['2026-11-28T10:00:00.000Z', 'over'],
  ['2026-11-28T10:00:01Z', 'to come'],
  ['2026-11-28T12:00:00+02:00', 'over'],
  ['', 'none'],
  ['2020', 'unreadable'],
  ['yesterday', 'unreadable'],
  ['0', 'unreadable'],
  ['2026-11-28', 'unreadable'],
])('a time that is over is one that can be read and lies in the past: %s', (text, kind) => {
  expect(
    expiryOf({ annotations: { 'zk-ensemble-action/expires-at': text } }, Date.parse(T)).kind,
  ).toBe(kind)
})

test.each([
  ['made by our apply', [applied(T)], true],
  [
    'made by our apply, changed later by others',
    [applied(T), applied(LATER, 'kubectl-edit', 'Update')],
    true,
  ],
  [
    "its status is its controller's",
    [applied(T), { ...applied(T, 'kube-controller-manager', 'Update'), subresource: 'status' }],
    true,
  ],
  [
    'made by others, applied later by us',
    [applied(T, 'kubectl-client-side-apply', 'Update'), applied(LATER)],
    false,
  ],
  ['made by others in the same second', [applied(T, 'kubectl', 'Apply'), applied(T)], false],
  ['applied by us again since: not known any more', [applied(LATER)], false],
  ['nobody is known', [], false],
])('who made an object is told by the server: %s', (_, managedFields, ours) => {
  expect(madeByApply({ creationTimestamp: T, managedFields }, OURS)).toBe(ours)
})

const live = (
  uid: string,
  namespace: string | undefined,
  managedFields: KubeObject['metadata']['managedFields'] = [],
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace, uid, creationTimestamp: T, managedFields },
})

test.each([
  [
    'the same, applied by us again since',
    'u',
    live('u', 'ns', [applied(LATER), applied(LATER, 'kubectl-edit', 'Update')]),
    false,
  ],
  [
    'whose UID somebody wrote into the record, and that we never applied',
    'u',
    live('u', 'ns', [applied(T, 'helm', 'Update')]),
    true,
  ],
  ['recreated', 'u', live('v', 'ns', [applied(T)]), true],
  ['of the whole cluster', 'u', live('u', undefined, [applied(T)]), true],
  ['of another namespace', 'u', live('u', 'other', [applied(T)]), true],
  ['about to be made, and made', '', live('u', 'ns', [applied(T)]), false],
  [
    'about to be made, and made by others',
    '',
    live('u', 'ns', [applied(T, 'kubectl', 'Update')]),
    true,
  ],
])('a recorded object goes only while it is the same: %s', (_, uid, object, stays) => {
  expect(whyLeft({ uid }, object, 'ns', OURS) !== undefined).toBe(stays)
})

test('what was about to be made is known by its UID once it is seen, and never when others made it', () => {
  const made = (
    name: string,
    uid: string,
  ): { apiVersion: string; kind: string; name: string; uid: string } => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    uid,
  })
  const seen = (
    name: string,
    uid: string | undefined,
    by = OURS,
  ): { object: KubeObject; live: KubeObject | undefined } => {
    const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }
    return {
      object,
      live:
        uid === undefined
          ? undefined
          : {
              ...object,
              metadata: { name, uid, creationTimestamp: T, managedFields: [applied(T, by)] },
            },
    }
  }
  expect(
    settledMade(
      [made('a', ''), made('b', ''), made('c', 'old'), made('d', 'kept')],
      [
        seen('a', 'ua'),
        seen('b', 'ub', 'kubectl'),
        seen('c', undefined),
        seen('e', undefined),
        seen('f', 'uf'),
      ],
      OURS,
    ),
  ).toEqual([made('a', 'ua'), made('d', 'kept'), made('c', ''), made('e', '')])
})

describe('whose a claim is', () => {
  const claiming: Claiming = {
    sets: [{ name: 'zk', uid: 'set', templates: ['data', 'logs'], labels: { app: 'zk' } }],
    recorded: new Set(['r']),
    own: new Set(['set', 'pod']),
    users: new Map([['data-zk-2', 'backup']]),
  }
  const claim = (
    name: string,
    more: {
      uid?: string
      labels?: Record<string, string>
      owners?: { kind: string; name: string; uid: string }[]
    } = {},
  ): Parameters<typeof belongs>[0] => ({
    name,
    uid: more.uid ?? 'x',
    labels: more.labels ?? { app: 'zk' },
    owners: more.owners ?? [],
  })
  test.each([
    ["a member's", claim('data-zk-0'), 'ours'],
    ['of a member that left long ago', claim('logs-zk-11'), 'ours'],
    [
      'owned by the set or its pod',
      claim('data-zk-0', { owners: [{ kind: 'Pod', name: 'zk-0', uid: 'pod' }] }),
      'ours',
    ],
    [
      'owned by somebody else',
      claim('data-zk-0', { owners: [{ kind: 'Cluster', name: 'db', uid: 'other' }] }),
      'in doubt',
    ],
    ['without the labels', claim('data-zk-0', { labels: {} }), 'in doubt'],
    ['used by a pod of others', claim('data-zk-2'), 'in doubt'],
    ['of the set zk-1', claim('data-zk-1-0'), 'not ours'],
    ['a number that no ordinal is', claim('data-zk-01'), 'not ours'],
    ['of another template', claim('cache-zk-0'), 'not ours'],
    ["by its name alone like a member's", claim('mydata-zk-0'), 'not ours'],
    ['recorded, its set gone', claim('whatever', { uid: 'r', labels: {} }), 'ours'],
  ])('%s', (_, one, kind) => expect(belongs(one, claiming).kind).toBe(kind))
})

test("everything else in a namespace is others', but for what goes with ours and what the cluster puts there", () => {
  const one = (
    kind: string,
    name: string,
    uid: string,
    owners: string[] = [],
    tokenOf?: string,
  ): Parameters<typeof othersIn>[0][number] => ({
    apiVersion: 'v1',
    kind,
    name,
    uid,
    owners,
    ...(tokenOf === undefined ? {} : { tokenOf }),
  })
  const contents = [
    one('StatefulSet', 'zk', 'set'),
    one('Pod', 'zk-0', 'pod', ['set']),
    one('ControllerRevision', 'zk-1', 'rev', ['set']),
    one('PersistentVolumeClaim', 'of-pod', 'c', ['pod']),
    one('ConfigMap', 'kube-root-ca.crt', 'a'),
    one('ServiceAccount', 'default', 'b'),
    one('Event', 'e', 'd'),
    one('EndpointSlice', 'zk-x', 'f', ['svc']),
    one('Endpoints', 'zk', 'g'),
    one('Secret', 'default-token', 'h', [], 'default'),
    one('Pod', 'theirs', 'p2'),
    one('Secret', 'token', 's2', [], 'robot'),
    one('ServiceAccount', 'robot', 'sa2'),
    one('ConfigMap', 'half', 'cm2', ['set', 'elsewhere']),
    one('ControllerRevision', 'orphan', 'rev2'),
  ]
  expect(othersIn(contents, new Set(['set'])).map(({ name }) => name)).toEqual([
    'theirs',
    'token',
    'robot',
    'half',
    'orphan',
  ])
})
