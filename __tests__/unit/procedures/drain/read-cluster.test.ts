// What could not be read must leave an answer open: a right that is missing must never look like a
// cluster without pods, volumes or limits.

import { expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube, KubeObject } from '../../../../src/kube/kube.ts'
import { placePods } from '../../../support/place-pods.ts'
import { readCluster } from '../../../../src/procedures/drain/read-cluster.ts'

const never = new AbortController().signal
const object = (kind: string, name: string, rest: object = {}, namespace?: string): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  ...rest,
})
const pod = (name: string, namespace: string, node: string, claim: string): KubeObject =>
  object(
    'Pod',
    name,
    {
      spec: {
        nodeName: node,
        containers: [],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: claim } }],
      },
    },
    namespace,
  )
const ready = { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { pods: '9' } }

const held: Readonly<Record<string, readonly KubeObject[]>> = {
  Pod: [pod('a', 'zoo', 'n1', 'd'), pod('b', 'yard', 'n2', 'd')],
  Node: [object('Node', 'n1', { status: ready }), object('Node', 'n2', { status: ready })],
  Namespace: [object('Namespace', 'zoo')],
  PersistentVolume: [
    object('PersistentVolume', 'pv', {
      spec: { claimRef: { namespace: 'zoo', name: 'd' } },
      status: { phase: 'Bound' },
    }),
  ],
  PersistentVolumeClaim: [
    object(
      'PersistentVolumeClaim',
      'd',
      { spec: { volumeName: 'pv' }, status: { phase: 'Bound' } },
      'zoo',
    ),
  ],
}

function cluster(refuse: (kind: string) => number | undefined = () => undefined): {
  readonly kube: Pick<Kube, 'listAs'>
  readonly asked: string[]
} {
  const asked: string[] = []
  return {
    asked,
    kube: {
      listAs: (kind, options, view) => {
        asked.push(
          options.namespace === undefined ? kind.kind : `${kind.kind} of ${options.namespace}`,
        )
        const status = refuse(kind.kind)
        return status === undefined
          ? Promise.resolve((held[kind.kind] ?? []).map(view))
          : Promise.reject(new KubeFailure({ status, reason: 'X', message: 'no', request: 'list' }))
      },
    },
  }
}

test('each list is read once, claims only of namespaces whose pods are moved', async () => {
  const { kube, asked } = cluster()
  const read = await readCluster(kube, new Set(['n1']), never)
  expect(asked.toSorted()).toEqual([
    'CSINode',
    'Namespace',
    'Node',
    'PersistentVolume',
    'PersistentVolumeClaim of zoo',
    'Pod',
    'StorageClass',
    'VolumeAttachment',
  ])
  expect(read.unread).toEqual({})
  expect(placePods(read, new Set(['n1']), read.pods.slice(0, 1))).toMatchObject([
    { kind: 'fits', node: 'n2' },
  ])
})

test.each([
  ['Pod', /pods of all namespaces/],
  ['Node', /nodes/],
  ['PersistentVolume', /PersistentVolumes/],
])('without the right to read %s the answer is open, and says so', async (kind, why) => {
  const read = await readCluster(
    cluster((one) => (one === kind ? 403 : undefined)).kube,
    new Set(['n1']),
    never,
  )
  const [moved] =
    kind === 'Pod' ? (await readCluster(cluster().kube, new Set(['n1']), never)).pods : read.pods
  expect(moved === undefined ? [] : placePods(read, new Set(['n1']), [moved])).toMatchObject([
    { kind: 'unknown', why: expect.stringMatching(why) },
  ])
})

test('a failure that is no missing right is one: half a cluster is never judged', async () => {
  await expect(
    readCluster(
      cluster((kind) => (kind === 'Node' ? 500 : undefined)).kube,
      new Set(['n1']),
      never,
    ),
  ).rejects.toMatchObject({ status: 500 })
})
