// The partition is what holds a roll: read wrongly, or set with a loss of the strategy beside it,
// the controller replaces members by itself.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { partitionOf, withPartition } from '../../../src/manifests/partition.ts'

function setWith(updateStrategy?: unknown): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk' },
    spec: { replicas: 3, ...(updateStrategy === undefined ? {} : { updateStrategy }) },
  }
}

test.each<[string, unknown, number | undefined]>([
  ['nothing', undefined, 0],
  ['null', null, 0],
  ['RollingUpdate alone', { type: 'RollingUpdate' }, 0],
  ['an empty rollingUpdate', { type: 'RollingUpdate', rollingUpdate: null }, 0],
  ['a canary', { rollingUpdate: { partition: 2 } }, 2],
  ['OnDelete', { type: 'OnDelete' }, undefined],
])('a manifest that says %s', (_, strategy, partition) => {
  expect(partitionOf(setWith(strategy))).toBe(partition)
})

describe('another partition', () => {
  test('leaves everything beside it as it is, the given object too', () => {
    const set = setWith({
      type: 'RollingUpdate',
      rollingUpdate: { partition: 0, maxUnavailable: 1 },
    })
    expect(withPartition(set, 3)).toEqual(
      setWith({ type: 'RollingUpdate', rollingUpdate: { partition: 3, maxUnavailable: 1 } }),
    )
    expect(partitionOf(set)).toBe(0)
  })

  test('is there where the manifest says nothing of a strategy', () => {
    expect(withPartition(setWith(), 2)).toEqual(
      setWith({ type: 'RollingUpdate', rollingUpdate: { partition: 2 } }),
    )
  })
})
