// Fields that are taken without need are fought over with their owner; fields that are not taken
// stay for ever, or stop the deploy with a conflict that nobody made.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject, ManagedFields } from '../../../../src/kube/kube.ts'
import {
  isOursOrKubectl,
  ownersOf,
  takingOver,
  takingsOf,
} from '../../../../src/procedures/apply/takings.ts'

const APPLIED: ManagedFields = {
  manager: 'kubectl-client-side-apply',
  operation: 'Update',
  fieldsV1: {
    'f:metadata': {
      'f:annotations': { 'f:kubectl.kubernetes.io/last-applied-configuration': {} },
    },
    'f:spec': { 'f:replicas': {}, 'f:template': { 'f:spec': {} } },
  },
}
const ROLLED_BACK: ManagedFields = {
  manager: 'kubectl',
  operation: 'Update',
  fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': {} } } },
}
const SET_BY_HAND: ManagedFields = {
  manager: 'kubectl-set',
  operation: 'Update',
  fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': {} } } },
}
const SCALED: ManagedFields = {
  manager: 'kubectl',
  operation: 'Update',
  subresource: 'scale',
  fieldsV1: { 'f:spec': { 'f:replicas': {} } },
}
const AUTOSCALED: ManagedFields = {
  ...SCALED,
  manager: 'kube-controller-manager',
}
const OURS: ManagedFields = {
  manager: 'zk-ensemble-action',
  operation: 'Apply',
  fieldsV1: { 'f:spec': { 'f:serviceName': {} } },
}
const STATUS: ManagedFields = {
  manager: 'kube-controller-manager',
  operation: 'Update',
  subresource: 'status',
  fieldsV1: { 'f:status': { 'f:replicas': {} } },
}

function setWith(...managedFields: readonly ManagedFields[]): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', resourceVersion: '7', managedFields },
    status: { updateRevision: 'zk-good' },
  }
}

describe('what becomes ours', () => {
  const verified = new Set(['zk-good'])

  test.each<[string, ManagedFields, Parameters<typeof takingsOf>[1], 'whole' | 'part' | 'none']>([
    ['what kubectl apply made', APPLIED, {}, 'whole'],
    ['a rollback by kubectl to a revision that was verified', ROLLED_BACK, { verified }, 'whole'],
    ['a rollback to one that was not', ROLLED_BACK, { verified: new Set(['zk-bad']) }, 'none'],
    ['a change by hand, by a deploy', SET_BY_HAND, { verified }, 'none'],
    [
      'a change by hand, by an undo that was asked for',
      SET_BY_HAND,
      { taking: 'revision' },
      'part',
    ],
    ['a count set by hand, by an undo', SCALED, { taking: 'revision' }, 'none'],
    ['a count set by hand, by a scale', SCALED, { taking: 'replicas' }, 'part'],
    ['a template changed by hand, by a scale', SET_BY_HAND, { taking: 'replicas' }, 'none'],
    ["an autoscaler's count, by a scale", AUTOSCALED, { taking: 'replicas' }, 'none'],
    ['our own', OURS, { taking: 'revision' }, 'none'],
  ])('%s', (_what, entry, toTake, expected) => {
    const [taking, ...more] = takingsOf(setWith(entry), toTake)
    expect(more).toEqual([])
    expect(taking === undefined ? 'none' : taking.hand === undefined ? 'whole' : 'part').toBe(
      expected,
    )
  })

  test('nobody wishes for a status: only other owners of what is wanted count', () => {
    const live = setWith(APPLIED, OURS, STATUS)
    expect(ownersOf(live, takingsOf(live, {})).others).toBe(0)
    const shared = setWith(APPLIED, AUTOSCALED)
    expect(ownersOf(shared, takingsOf(shared, {})).others).toBe(1)
  })
})

describe('taking over', () => {
  test('one entry has it all then, and a writer in between makes it a conflict', () => {
    expect(takingOver(setWith(APPLIED, OURS, STATUS), {})).toEqual([
      {
        op: 'replace',
        path: '/metadata/managedFields',
        value: [
          STATUS,
          {
            manager: 'zk-ensemble-action',
            operation: 'Apply',
            fieldsV1: {
              'f:metadata': {
                'f:annotations': { 'f:kubectl.kubernetes.io/last-applied-configuration': {} },
              },
              'f:spec': { 'f:replicas': {}, 'f:template': { 'f:spec': {} }, 'f:serviceName': {} },
            },
          },
        ],
      },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ])
  })

  test('nothing is written where nothing is taken', () => {
    expect(takingOver(setWith(OURS, AUTOSCALED, STATUS), { taking: 'revision' })).toBeUndefined()
  })
})

test.each<[string, ManagedFields, boolean]>([
  ['ours', OURS, true],
  ['what kubectl apply made', APPLIED, true],
  ['a rollback by kubectl', ROLLED_BACK, false],
  ['a count set through the scale subresource', SCALED, false],
  ['an autoscaler', AUTOSCALED, false],
])('%s counts as written by us or by kubectl apply: %#', (_whose, entry, expected) => {
  expect(isOursOrKubectl(entry)).toBe(expected)
})
