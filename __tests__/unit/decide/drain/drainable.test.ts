// A pod that is evicted although its data goes with it is lost data; one that is not touched
// silently is a node that is not empty.

import { describe, expect, test } from '@jest/globals'
import { sortPods, type DrainFlags } from '../../../../src/decide/drain/drainable.ts'
import type { NodePod } from '../../../../src/view/node-pod.ts'
import { nodePod } from './given.ts'

const flags: DrainFlags = {
  ignoreDaemonsets: true,
  deleteEmptydirData: false,
  evictUnmanaged: false,
}

const pod = (change: Partial<NodePod> = {}): NodePod =>
  nodePod({ labels: {}, owner: { kind: 'ReplicaSet', name: 'web', uid: 'o' }, ...change })

const daemon = { kind: 'DaemonSet', name: 'logs', uid: 'd' }

function sorted(
  change: Partial<NodePod>,
  given: Partial<DrainFlags> = {},
  daemonSets: ReadonlySet<string> | undefined = new Set(['shop/logs']),
): string {
  const { evict, leave, refused, warnings } = sortPods(
    [pod(change)],
    { ...flags, ...given },
    daemonSets,
  )
  return [
    ...evict.map(() => 'evict'),
    ...leave.map(({ why }) => `leave: ${why}`),
    ...refused.map(({ why }) => `refuse: ${why}`),
    ...warnings.map((one) => `warning: ${one}`),
  ].join(' / ')
}

describe('a pod of a node', () => {
  test.each<[string, Partial<NodePod>, Partial<DrainFlags>, string]>([
    ['with a controller is evicted', {}, {}, 'evict'],
    ['that is on its way out is waited for like the evicted', { deleting: 1 }, {}, 'evict'],
    [
      'of a DaemonSet is not touched',
      { owner: daemon },
      {},
      'leave: DaemonSet-managed: it would come back at once',
    ],
    [
      'of a DaemonSet stops it where that was asked for',
      { owner: daemon },
      { ignoreDaemonsets: false },
      'refuse: DaemonSet-managed Pods (use ignore-daemonsets to ignore)',
    ],
    [
      'of a DaemonSet that has ended is evicted',
      { owner: daemon, phase: 'Succeeded' },
      { ignoreDaemonsets: false },
      'evict',
    ],
    [
      "of a DaemonSet that is gone is nobody's",
      { owner: { ...daemon, name: 'old' } },
      {},
      'refuse: its DaemonSet old is gone (use evict-unmanaged to override)',
    ],
    [
      'the same with evict-unmanaged',
      { owner: { ...daemon, name: 'old' } },
      { evictUnmanaged: true },
      'evict / warning: shop/web-1: its DaemonSet old is gone: no controller recreates it',
    ],
    [
      'that the kubelet runs from a file is not touched',
      { mirror: true, owner: { kind: 'Node', name: 'node-1', uid: 'n' }, emptyDirs: ['x'] },
      {},
      'leave: static pod: the kubelet runs it from a file on the node',
    ],
    [
      'with an emptyDir stops it',
      { emptyDirs: ['cache', 'tmp'] },
      {},
      'refuse: Pods with local storage (use delete-emptydir-data to override)',
    ],
    [
      'with an emptyDir is evicted where that was asked for',
      { emptyDirs: ['cache', 'tmp'] },
      { deleteEmptydirData: true },
      'evict / warning: shop/web-1: the data of its emptyDir cache, tmp is deleted',
    ],
    [
      'with an emptyDir that has ended is evicted',
      { emptyDirs: ['cache'], phase: 'Failed' },
      {},
      'evict',
    ],
    [
      'of the built-in ensemble is evicted, whose emptyDir holds nothing worth keeping',
      { emptyDirs: ['run'], labels: { 'app.kubernetes.io/managed-by': 'zk-ensemble-action' } },
      {},
      'evict',
    ],
    [
      'without a controller stops it',
      { owner: undefined },
      {},
      'refuse: Pods that declare no controller (use evict-unmanaged to override)',
    ],
    [
      'without a controller is evicted where that was asked for',
      { owner: undefined },
      { evictUnmanaged: true },
      'evict / warning: shop/web-1: declares no controller: no controller recreates it',
    ],
    [
      'without a controller that has ended is evicted',
      { owner: undefined, phase: 'Succeeded' },
      {},
      'evict',
    ],
    [
      'with two faults names both',
      { owner: undefined, emptyDirs: ['a'] },
      {},
      'refuse: Pods with local storage (use delete-emptydir-data to override); Pods that declare no controller (use evict-unmanaged to override)',
    ],
    [
      'keeps each warning',
      { owner: undefined, emptyDirs: ['a'] },
      { evictUnmanaged: true, deleteEmptydirData: true },
      'evict / warning: shop/web-1: the data of its emptyDir a is deleted / warning: shop/web-1: declares no controller: no controller recreates it',
    ],
  ])('%s', (_, change, given, expected) => {
    expect(sorted(change, given)).toBe(expected)
  })

  test('of a DaemonSet is believed to have one where DaemonSets may not be read', () => {
    expect(sortPods([pod({ owner: daemon })], flags, undefined).leave).toHaveLength(1)
  })
})
