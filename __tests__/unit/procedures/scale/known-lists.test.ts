// Members that still know a list two steps away can form a majority beside the new one: which lists
// are known decides whether a change that was cut off is finished first.

import { describe, expect, test } from '@jest/globals'
import type { Kube, KubeObject } from '../../../../src/kube/kube.ts'
import { builtInEnsemble } from '../../../../src/manifests/built-in.ts'
import { withMembers } from '../../../../src/manifests/member-list.ts'
import { parsePodSpec, parseSet } from '../../../../src/manifests/shapes.ts'
import { knownLists, podsWithout } from '../../../../src/procedures/scale/known-lists.ts'
import { parseInputs } from '../../../support/parse-inputs.ts'
import { OLD, pod, set, view } from '../../decide/given.ts'

const never = new AbortController().signal

function setOf(count: number): KubeObject {
  const built = builtInEnsemble(parseInputs({ INPUT_NAME: 'zk', INPUT_REPLICAS: '3' })).find(
    (manifest) => manifest.object.kind === 'StatefulSet',
  )?.object
  const resized = built === undefined ? undefined : withMembers(built, count, 'zookeeper')
  if (resized === undefined || 'refused' in resized) throw new Error('no set')
  return resized.set
}

/** As a pod has it: the template of a set of so many members, with what the API server adds. */
function podSpecOf(count: number): unknown {
  const spec = parseSet(setOf(count))?.spec.template.spec
  if (spec === undefined || parsePodSpec(spec) === undefined) throw new Error('no pod spec')
  const [container] = spec.containers
  return {
    ...spec,
    nodeName: 'node-1',
    hostname: 'zk-0',
    containers: [
      {
        ...container,
        volumeMounts: [
          ...(container?.volumeMounts ?? []),
          { name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
        ],
      },
    ],
  }
}

/**
 * `lists`: what the pod of each ordinal was started with; `atOld`: ordinals of the older revision.
 */
function shown(
  lists: readonly unknown[],
  atOld: readonly number[],
): {
  readonly kube: Pick<Kube, 'list'>
  readonly seen: ReturnType<typeof view>
  readonly asked: () => number
} {
  let asked = 0
  const pods = lists.map((_, ordinal) =>
    pod(ordinal, atOld.includes(ordinal) ? { revision: OLD } : {}),
  )
  const items = lists.map((list, ordinal): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `zk-${ordinal}`, uid: `uid-${ordinal}` },
    spec: typeof list === 'number' ? podSpecOf(list) : list,
  }))
  const kube: Pick<Kube, 'list'> = {
    list() {
      asked++
      return Promise.resolve({ items, resourceVersion: '1' })
    },
  }
  return { kube, seen: view(pods, { set: set({ replicas: lists.length }) }), asked: () => asked }
}

describe('the lists that running members know beside that of the template', () => {
  test('are those of the pods of older revisions', async () => {
    const { kube, seen } = shown([5, 5, 4, 4], [0, 1])
    expect(await knownLists(kube, setOf(4), seen, 'zookeeper', never)).toEqual([5])
  })

  test('may be several, after several changes that were cut off', async () => {
    const { kube, seen } = shown([5, 3, 4, 4], [0, 1])
    expect(await knownLists(kube, setOf(4), seen, 'zookeeper', never)).toEqual([3, 5])
  })

  test('are none where every pod has the template, and nobody is asked', async () => {
    const { kube, seen, asked } = shown([4, 4, 4, 4], [])
    expect(await knownLists(kube, setOf(4), seen, 'zookeeper', never)).toEqual([])
    expect(asked()).toBe(0)
  })

  test.each([
    ['that has no container', { containers: [] }],
    ['that can not be read', 'odd'],
    [
      'whose list comes from elsewhere',
      { containers: [{ name: 'zookeeper', image: 'zookeeper:3.9' }] },
    ],
  ])('are not known with a pod %s', async (_, odd) => {
    const { kube, seen } = shown([odd, 4, 4, 4], [0])
    expect(await knownLists(kube, setOf(4), seen, 'zookeeper', never)).toBe('unknown')
  })

  test('are of no matter where nobody votes', async () => {
    const { kube, seen, asked } = shown([5, 4, 4, 4], [0])
    expect(await knownLists(kube, setOf(4), seen, 'cassandra', never)).toEqual([])
    expect(asked()).toBe(0)
  })
})

describe('the pods whose list lacks the member that goes', () => {
  test('are those that were started with the shorter one: they can not follow it', async () => {
    const { kube, seen } = shown([4, 3, 4, 4], [1])
    expect(await podsWithout(3, kube, setOf(4), seen, never)).toEqual(new Set(['uid-1']))
  })

  test('are none where all have one template, and nobody is asked', async () => {
    const { kube, seen, asked } = shown([4, 4, 4, 4], [])
    expect(await podsWithout(3, kube, setOf(4), seen, never)).toEqual(new Set())
    expect(asked()).toBe(0)
  })

  test('are not those whose list can not be read', async () => {
    const { kube, seen } = shown([4, 'odd', 4, 4], [1])
    expect(await podsWithout(3, kube, setOf(4), seen, never)).toEqual(new Set())
  })
})
