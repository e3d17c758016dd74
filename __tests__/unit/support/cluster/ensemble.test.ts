// The simulated members lose and keep data, come back and stay outside where real ones were seen
// to.

import { describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import type { Clock } from '../../../../src/clock.ts'
import { stepDownCommand } from '../../../../src/ensemble/zookeeper/step-down.ts'
import { connectKube } from '../../../../src/kube/connect.ts'
import { example } from '../../../bundle/given.ts'
import { startCluster, type SimulatedCluster } from '../../../support/cluster/cluster.ts'
import { at, fields, number, parse, put, text } from '../../../support/cluster/json.ts'
import { clusterClock, untilHere } from '../../../support/in-process.ts'
import { signal } from './given.ts'

const TUTORIAL = example('zookeeper-tutorial.yaml').replaceAll(
  'initialDelaySeconds: 10',
  'initialDelaySeconds: 1',
)

interface Place {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  /**
   * Somebody applies the tutorial with so many members, and waits until all of them are Ready and
   * have had time to join.
   */
  readonly apply: (members: number, listed?: number) => Promise<void>
}

async function withTutorial(work: (place: Place) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 6 })
  const set = (): ReturnType<typeof cluster.objects.get> =>
    cluster.objects.get('StatefulSet', 'default', 'zk')
  try {
    await work({
      cluster,
      clock,
      async apply(members, listed = members) {
        for (const document of parseAllDocuments(
          TUTORIAL.replace('replicas: 3', `replicas: ${members}`).replaceAll(
            '--servers=3',
            `--servers=${listed}`,
          ),
        )) {
          const object = fields(parse(JSON.stringify(document.toJS())))
          put(object, ['metadata', 'namespace'], 'default')
          cluster.somebody.apply(object)
        }
        const counted = ['readyReplicas', 'updatedReplicas', 'replicas']
        const done = (): boolean =>
          at(set(), 'status', 'observedGeneration') === at(set(), 'metadata', 'generation') &&
          counted.every((count) => number(set(), ['status', count]) === members)
        if (members === listed) await untilHere(clock, `${members} members`, done)
        await clock.sleep(60_000)
      },
    })
  } finally {
    await cluster.stop()
  }
}

describe('members', () => {
  test.each([
    { steps: [1, 3], kept: false },
    { steps: [1, 2, 3], kept: true },
  ])('$steps: what was written before is there afterwards: $kept', async ({ steps, kept }) => {
    await withTutorial(async ({ cluster, apply }) => {
      const members = cluster.zookeeper('default', 'zk')
      for (const count of steps) {
        await apply(count)
        if (count === 1) members.put('/orders', 'paid')
      }
      expect(members.serving()).toEqual([0, 1, 2])
      for (const ordinal of [0, 1, 2]) expect(members.paths(ordinal).includes('/orders')).toBe(kept)
    })
  })

  test('a list that leaves a member out ends its server, and the others continue', () =>
    withTutorial(async ({ cluster, apply }) => {
      await apply(3)
      await apply(3, 2)
      expect(
        text(
          cluster.objects.get('Pod', 'default', 'zk-2'),
          'status',
          'containerStatuses',
          0,
          'lastState',
          'terminated',
          'exitCode',
        ),
      ).toBe('1')
      expect(cluster.zookeeper('default', 'zk').serving()).toEqual([0, 1])
    }))

  test('a leader that steps down restarts in its pod, at its address, and another leads', () =>
    withTutorial(async ({ cluster, clock, apply }) => {
      await apply(3)
      const members = cluster.zookeeper('default', 'zk')
      const leader = members.serving().find((ordinal) => members.mode(ordinal) === 'leader') ?? 0
      const pod = (): ReturnType<typeof cluster.objects.get> =>
        cluster.objects.get('Pod', 'default', `zk-${leader}`)
      const before = pod()
      const { kube } = await connectKube({
        kubeconfig: cluster.kubeconfigFor('run'),
        env: {},
        workspace: '/nowhere',
        temp: '/nowhere',
        clock,
      })
      await kube.exec(
        { name: `zk-${leader}`, namespace: 'default' },
        'kubernetes-zookeeper',
        stepDownCommand(),
        { timeoutMs: 10_000 },
        signal,
      )
      await untilHere(
        clock,
        'back',
        () =>
          members.serving().length === 3 &&
          number(pod(), ['status', 'containerStatuses', 0, 'restartCount']) === 1,
      )
      kube.close()
      expect(text(pod(), 'metadata', 'uid')).toBe(text(before, 'metadata', 'uid'))
      expect(text(pod(), 'status', 'podIP')).toBe(text(before, 'status', 'podIP'))
      expect(
        text(pod(), 'status', 'containerStatuses', 0, 'lastState', 'terminated', 'exitCode'),
      ).toBe('143')
      expect(members.mode(leader)).toBe('follower')
      expect(
        cluster.history
          .filter(({ by }) => by === 'run')
          .map(({ what, ordinal, verb }) => [what, ordinal, verb]),
      ).toEqual([['outside', leader, 'exec']])
    }))
})

test("somebody's scale owns the replicas: another's apply conflicts and names kubectl and the subresource", () =>
  withTutorial(async ({ cluster, clock, apply }) => {
    await apply(3)
    cluster.somebody.scale('default', 'zk', 2)
    const { kube } = await connectKube({
      kubeconfig: cluster.kubeconfig,
      env: {},
      workspace: '/nowhere',
      temp: '/nowhere',
      clock,
    })
    const wanted = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'zk', namespace: 'default' },
      spec: { replicas: 3 },
    }
    await expect(kube.apply(wanted, {}, signal)).rejects.toMatchObject({
      status: 409,
      message:
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    })
    kube.close()
  }))
