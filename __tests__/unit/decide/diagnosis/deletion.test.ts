// A pod that doesn't go for a finalizer's sake is not freed by a reboot of its node, and one whose
// node is dark must never be forced away while the machine runs.

import { expect, test } from '@jest/globals'
import { whyNotGone, type NodeNow } from '../../../../src/decide/diagnosis/deletion.ts'
import type { PodView } from '../../../../src/view/workload.ts'
import { container, ended, pod, SECOND, T0, unscheduled } from '../given.ts'

const over = { deleting: T0 - 20 * SECOND }
const within = { deleting: T0 + 20 * SECOND }
const done = { containers: [container({ ready: false, state: ended(0) })] }

test.each<[string, PodView, NodeNow, string | undefined, RegExp, RegExp]>([
  ['a pod that stays', pod(2), 'ready', undefined, /^$/, /^$/],
  [
    'a server that takes its time',
    pod(2, within),
    'ready',
    'grace',
    /^zookeeper has not ended yet: 20\.0s of its grace period are left/,
    /it is ended when its grace period is over/,
  ],
  [
    'a preStop hook that runs',
    pod(2, { ...within, preStop: ['zookeeper'] }),
    'ready',
    'grace',
    /^its preStop hook \(container zookeeper\), or its server after it, has not ended yet: 20\.0s/,
    /counts for the preStop hook too/,
  ],
  [
    'a finalizer, once the containers have ended',
    pod(2, { ...within, ...done, finalizers: ['example.com/backup'] }),
    'ready',
    'finalizer',
    /held by the finalizer example\.com\/backup/,
    /patch pod zk-2 --type=json -p '\[\{"op":"remove","path":"\/metadata\/finalizers"\}\]'/,
  ],
  [
    'a finalizer of a pod that never had a node',
    unscheduled(2, 'x', { deleting: T0, finalizers: ['a/b', 'c/d'] }),
    undefined,
    'finalizer',
    /the finalizers a\/b, c\/d/,
    /Whoever set it/,
  ],
  [
    'a finalizer while the server still ends: that comes first',
    pod(2, { ...within, finalizers: ['example.com/backup'] }),
    'ready',
    'grace',
    /has not ended yet/,
    /it is ended when its grace period is over/,
  ],
  [
    'a node that is not Ready',
    pod(2, over),
    'not ready',
    'node',
    /^its node node-3 is not Ready: the kubelet there/,
    /Only if its machine is off for certain.*: kubectl taint nodes node-3 node\.kubernetes\.io\/out-of-service=nodeshutdown:NoExecute/,
  ],
  [
    'a node that is gone',
    pod(2, over),
    'gone',
    'node',
    /node-3 is not in the cluster any more/,
    /removes the pods of such a node/,
  ],
  [
    "a process that can't be killed",
    pod(2, over),
    'ready',
    'process',
    /^zookeeper still runs although its grace period is over$/,
    /The node node-3 is Ready, but its kubelet can't end the process/,
  ],
  [
    'the same where the node may not be read',
    pod(2, over),
    undefined,
    'unknown',
    /whether its node node-3 is Ready could not be read/,
    /kubectl get node node-3/,
  ],
  [
    "a volume that can't be unmounted",
    pod(2, { ...over, ...done }),
    'ready',
    'volume',
    /its kubelet on node-3 does not remove it: most often a volume that can't be unmounted$/,
    /kubectl get volumeattachments\. Not --force/,
  ],
])('%s', (_, one, node, cause, what, fix) => {
  const why = whyNotGone(one, node, T0)
  expect(why?.cause).toBe(cause)
  expect(why?.what ?? '').toMatch(what)
  expect(why?.fix ?? '').toMatch(fix)
})
