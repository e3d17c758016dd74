// An apply that is taken for unchanged isn't sent, and one that rolls no member must be said to
// roll none: both are read off two objects.

import { describe, expect, test } from '@jest/globals'
import { compareObjects, ownsSame, rollsMembers } from '../../../../src/decide/apply/changes.ts'
import type { KubeObject, ManagedFields } from '../../../../src/kube/kube.ts'

function object(
  change: {
    readonly metadata?: Partial<KubeObject['metadata']>
    readonly [field: string]: unknown
  } = {},
): KubeObject {
  const { metadata, ...rest } = change
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'prod', ...metadata },
    ...rest,
  }
}

const template = (image: string, more: object = {}) => ({
  replicas: 3,
  template: {
    metadata: { labels: { app: 'zk' } },
    spec: { containers: [{ name: 'zk', image, ...more }] },
  },
})

describe('the paths that an apply would change', () => {
  test.each<readonly [string, KubeObject, KubeObject, readonly string[]]>([
    [
      'none in the same object',
      object({ spec: template('a') }),
      object({ spec: template('a') }),
      [],
    ],
    [
      'none in what the server writes',
      object({
        metadata: {
          resourceVersion: '1',
          generation: 1,
          uid: 'a',
          creationTimestamp: 'x',
          managedFields: [],
        },
        status: { replicas: 3 },
      }),
      object({ metadata: { resourceVersion: '2', generation: 2 } }),
      [],
    ],
    ['none between absent and null', object({ spec: { a: null } }), object({ spec: {} }), []],
    [
      'none in the order of keys',
      object({ spec: { a: 1, b: 2 } }),
      object({ spec: { b: 2, a: 1 } }),
      [],
    ],
    [
      'an image',
      object({ spec: template('a') }),
      object({ spec: template('b') }),
      ['spec.template.spec.containers[0].image'],
    ],
    [
      'a field that comes and one that goes',
      object({ spec: { a: 1 } }),
      object({ spec: { b: 1 } }),
      ['spec.a', 'spec.b'],
    ],
    [
      'a list of another length, as a whole',
      object({ spec: { list: [1, 2] } }),
      object({ spec: { list: [1] } }),
      ['spec.list'],
    ],
    [
      'an annotation with dots in its name',
      object({ metadata: { annotations: { 'a.b/c': '1' } } }),
      object({ metadata: { annotations: { 'a.b/c': '2' } } }),
      ['metadata.annotations["a.b/c"]'],
    ],
    [
      'a key of a ConfigMap',
      object({ data: { 'zoo.cfg': 'a' } }),
      object({ data: { 'zoo.cfg': 'b' } }),
      ['data["zoo.cfg"]'],
    ],
    [
      'a value that changes its type',
      object({ spec: { a: '1' } }),
      object({ spec: { a: 1 } }),
      ['spec.a'],
    ],
    [
      'a deletion mark',
      object({ metadata: { deletionTimestamp: 'x' } }),
      object(),
      ['metadata.deletionTimestamp'],
    ],
  ])('%s', (_, live, dryRun, paths) => {
    expect(compareObjects(live, dryRun)).toEqual(paths)
  })

  test('never show a value, so that a Secret stays one', () => {
    const paths = compareObjects(
      object({ kind: 'Secret', data: { password: 'aHVudGVyMg==' } }),
      object({ kind: 'Secret', data: { password: 'c2VjcmV0' } }),
    )
    expect(paths.join()).toBe('data.password')
  })
})

describe('members roll', () => {
  test.each<readonly [string, readonly string[], boolean]>([
    ['for an image', ['spec.template.spec.containers[0].image'], true],
    ["for a template's annotation", ['spec.template.metadata.annotations["a.b/c"]'], true],
    [
      'not for the number of members or the partition',
      ['spec.replicas', 'spec.updateStrategy.rollingUpdate.partition'],
      false,
    ],
    ["not for the set's own labels", ['metadata.labels.app'], false],
    ['not for a field that only begins with the same letters', ['spec.templateGeneration'], false],
    ['not for nothing', [], false],
  ])('%s', (_, paths, rolls) => {
    expect(rollsMembers(paths)).toBe(rolls)
  })
})

describe('our fields are the same', () => {
  const ours = (fieldsV1: unknown, more: Partial<ManagedFields> = {}): ManagedFields => ({
    manager: 'us',
    operation: 'Apply',
    apiVersion: 'apps/v1',
    fieldsV1,
    ...more,
  })
  const owned = (...managedFields: readonly ManagedFields[]) =>
    object({ metadata: { managedFields } })
  const fields = { 'f:spec': { 'f:replicas': {} } }

  test.each<readonly [string, KubeObject, KubeObject, boolean]>([
    [
      'with the same entry at another time',
      owned(ours(fields, { time: '1' })),
      owned(ours(fields, { time: '2' })),
      true,
    ],
    [
      "with a field more: the apply must be sent, or the field stays somebody else's",
      owned(ours(fields)),
      owned(ours({ 'f:spec': { 'f:replicas': {}, 'f:template': {} } })),
      false,
    ],
    [
      'with a field given up',
      owned(ours({ 'f:spec': { 'f:replicas': {}, 'f:template': {} } })),
      owned(ours(fields)),
      false,
    ],
    ['without an entry before', owned(), owned(ours(fields)), false],
    [
      'whatever others own',
      owned(ours(fields), { manager: 'kubectl', operation: 'Update', fieldsV1: { a: {} } }),
      owned(ours(fields)),
      true,
    ],
    [
      'also of our own Updates and of the status',
      owned(
        ours(fields),
        ours({ x: {} }, { operation: 'Update' }),
        ours({ y: {} }, { subresource: 'status' }),
      ),
      owned(ours(fields)),
      true,
    ],
    [
      'unless the API version moved',
      owned(ours(fields, { apiVersion: 'apps/v1beta2' })),
      owned(ours(fields)),
      false,
    ],
  ])('%s', (_, live, dryRun, same) => {
    expect(ownsSame(live, dryRun, 'us')).toBe(same)
  })
})
