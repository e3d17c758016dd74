// Our decision where a pod can go beside the real scheduler's, for the same pods at the same
// moment: a drain that is refused, or allowed, wrongly costs members.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { z } from 'zod'
import { systemClock } from '../../src/clock.ts'
import type { PlacementAnswer } from '../../src/decide/placement/plan-placements.ts'
import { placePods } from '../support/place-pods.ts'
import { connectKube } from '../../src/kube/connect.ts'
import { readCluster } from '../../src/procedures/drain/read-cluster.ts'
import type { ClusterView, PlacedPod } from '../../src/view/scheduling.ts'
import { inNamespace, kubectl, kubectlApply } from './cluster.ts'
import { cases, rivals, type Case } from './placement-cases.ts'

jest.setTimeout(300_000)

const HOST = 'kubernetes.io/hostname'

const podList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({ nodeName: z.string().optional() }),
      status: z.object({
        conditions: z
          .array(
            z.object({
              type: z.string(),
              status: z.string(),
              reason: z.string().optional(),
              message: z.string().optional(),
            }),
          )
          .optional(),
      }),
    }),
  ),
})

interface Verdict {
  readonly node: string | undefined
  /** Of the condition PodScheduled, without what it says about preemption. */
  readonly message: string | undefined
}

/** Until each of these pods has a node, or was refused one. */
async function verdicts(
  namespace: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Verdict>> {
  for (let looked = 0; ; looked++) {
    const { items } = podList.parse(
      JSON.parse(await kubectl('get', 'pods', '-n', namespace, '-o', 'json')),
    )
    const found = items.flatMap(
      ({ metadata, spec, status }): readonly (readonly [string, Verdict])[] => {
        const refused = status.conditions?.find(
          ({ type, status: value }) => type === 'PodScheduled' && value === 'False',
        )
        if (
          !names.includes(metadata.name) ||
          (spec.nodeName === undefined && refused === undefined)
        )
          return []
        return [
          [
            metadata.name,
            {
              node: spec.nodeName,
              message: refused?.message?.replace(
                / (no new claims to deallocate, )?preemption: .*$/s,
                '',
              ),
            },
          ],
        ]
      },
    )
    if (found.length === names.length) return new Map(found)
    if (looked === 240)
      throw new Error(
        `not judged by the scheduler: ${names.filter((name) => !found.some(([one]) => one === name)).join(', ')}`,
      )
    await systemClock.sleep(500)
  }
}

async function readAll(): Promise<ClusterView> {
  const temp = mkdtempSync(join(tmpdir(), 'placement-'))
  const { kube } = await connectKube({
    kubeconfig: undefined,
    context: undefined,
    env: process.env,
    workspace: temp,
    temp,
    clock: systemClock,
  })
  try {
    return await readCluster(
      kube,
      new Set(
        (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' '),
      ),
      AbortSignal.timeout(60_000),
    )
  } finally {
    kube.close()
    rmSync(temp, { recursive: true })
  }
}

type Spec = Readonly<Record<string, unknown>>

function podOf(name: string, labels: Readonly<Record<string, string>>, spec: Spec): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: 'registry.k8s.io/pause:3.6' }],
      ...spec,
    },
  }
}

const mounting = (one: Case): Spec =>
  one.localClaim === undefined
    ? {}
    : { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: one.name } }] }

/** With what it asks for and, beside that, not on this node. */
function judged(one: Case, not: string): object {
  const affinity = z.looseObject({}).parse(one.spec['affinity'] ?? {})
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: HOST, operator: 'NotIn', values: [not] }] }],
    },
  }
  return podOf(one.name, one.labels ?? {}, {
    ...one.spec,
    ...mounting(one),
    affinity: { ...affinity, nodeAffinity },
  })
}

const apply = (namespace: string, objects: readonly object[]): Promise<void> =>
  kubectlApply(namespace, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))

function answerOf(
  cluster: ClusterView,
  pod: PlacedPod,
  drained: readonly string[],
): PlacementAnswer {
  const [answer] = placePods(cluster, new Set(drained), [pod])
  if (answer === undefined) throw new Error(`no answer for ${pod.name}`)
  return answer
}

test('where a pod can go, and why not: the same answer as the scheduler of the cluster, in the same words', async () => {
  const nodes = (
    await kubectl(
      'get',
      'nodes',
      '-o',
      `jsonpath={.items[*].metadata.labels.kubernetes\\.io/hostname}`,
    )
  )
    .split(' ')
    .toSorted()
  const [away = ''] = nodes
  await inNamespace('placement', async (namespace) => {
    const claims = cases.flatMap(({ name, localClaim }) =>
      localClaim === undefined
        ? []
        : [
            {
              apiVersion: 'v1',
              kind: 'PersistentVolumeClaim',
              metadata: { name },
              spec: {
                storageClassName: localClaim,
                accessModes: ['ReadWriteOnce'],
                resources: { requests: { storage: '1Mi' } },
              },
            },
          ],
    )
    const there = cases.flatMap((one) => [
      ...(one.there ?? []).map(({ on, labels, spec }, index) =>
        podOf(`${one.name}-there-${index}`, labels ?? {}, {
          ...spec,
          nodeSelector: { [HOST]: nodes[on] ?? '' },
        }),
      ),
      ...(one.localClaim === undefined
        ? []
        : [podOf(`${one.name}-there-0`, {}, { ...mounting(one), nodeSelector: { [HOST]: away } })]),
    ])
    await apply(namespace, [...claims, ...there])
    const standing = await verdicts(
      namespace,
      cases.flatMap((one) =>
        [...(one.there ?? []), ...(one.localClaim === undefined ? [] : [one])].map(
          (_, index) => `${one.name}-there-${index}`,
        ),
      ),
    )
    expect([...standing].filter(([, { node }]) => node === undefined)).toEqual([])

    await apply(
      namespace,
      [...cases, ...rivals].map((one) => judged(one, away)),
    )
    const real = await verdicts(
      namespace,
      [...cases, ...rivals].map(({ name }) => name),
    )
    const cluster = await readAll()
    const pod = (name: string): PlacedPod => {
      const found = cluster.pods.find((one) => one.namespace === namespace && one.name === name)
      if (found === undefined) throw new Error(`${name} is not in the list`)
      return found
    }
    for (const one of cases) {
      const verdict = real.get(one.name)
      const answer = answerOf(cluster, pod(one.name), [])
      const said = answer.kind === 'no-fit' ? answer.why : undefined
      expect({ case: one.name, kind: answer.kind, message: said }).toEqual({
        case: one.name,
        kind: one.kind,
        message: one.kind === 'no-fit' ? verdict?.message : undefined,
      })
      if (verdict?.node === undefined) continue
      // The place that the scheduler chose is one that we allow, too.
      const others = {
        ...cluster,
        nodes: cluster.nodes.map((node) =>
          node.name === verdict.node ? node : { ...node, unschedulable: true },
        ),
      }
      expect(answerOf(others, pod(one.name), [])).toMatchObject({
        kind: 'fits',
        node: verdict.node,
      })
    }
    // Together they have fewer places than they are: what one takes, the other lacks.
    const landed = rivals.filter(({ name }) => real.get(name)?.node !== undefined)
    expect(
      placePods(
        cluster,
        new Set(),
        rivals.map(({ name }) => pod(name)),
      )
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(['fits', 'fits', 'fits', 'no-fit'])
    expect(landed).toHaveLength(3)
    // The pod whose volume is tied to the node that is drained: only there, once it is uncordoned.
    const untied = pod('tied-volume')
    const tied = answerOf(
      cluster,
      { ...untied, node: away, demands: { ...untied.demands, nodeAffinity: undefined } },
      [away],
    )
    expect(tied).toMatchObject({ kind: 'in-place', node: away })
    expect(tied.kind === 'in-place' ? tied.why : '').toBe(
      "0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) didn't match PersistentVolume's node affinity.",
    )
  })
})
