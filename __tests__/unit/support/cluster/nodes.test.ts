// Drains are tried at simulated nodes: a node that is back too soon, or volumes that are released
// too early, would prove nothing about real ones.

import { describe, expect, test } from '@jest/globals'
import type { ClusterOptions, SimulatedCluster } from '../../../support/cluster/cluster.ts'
import { startCluster } from '../../../support/cluster/cluster.ts'
import { fields, items, parse, text, type Fields } from '../../../support/cluster/json.ts'
import { clusterClock, untilHere } from '../../../support/in-process.ts'
import type { Clock } from '../../../../src/clock.ts'
import { set } from './given.ts'

interface Here {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  readonly pod: (name: string) => Fields
  readonly node: (name: string) => Fields
  readonly until: (what: string, holds: () => boolean) => Promise<void>
}

const ANTI = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
      ],
    },
  },
}

function claims(storageClassName: string): Fields[] {
  return [
    {
      metadata: { name: 'data' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        resources: { requests: { storage: '1Gi' } },
      },
    },
  ]
}

const condition = (object: Fields, type: string): Fields =>
  items(object, 'status', 'conditions')
    .filter((one) => text(one, 'type') === type)
    .flatMap((one) =>
      typeof one === 'object' && one !== null && !Array.isArray(one) ? [one] : [],
    )[0] ?? {}
const readiness = (object: Fields): string => text(condition(object, 'Ready'), 'status')

/** Two members that never share a node, on two nodes unless it is said otherwise. */
async function withMembers(
  storage: string | undefined,
  options: ClusterOptions,
  work: (here: Here) => Promise<void>,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 2, ...options })
  try {
    const until: Here['until'] = (what, holds) => untilHere(clock, what, holds)
    const pod = (name: string): Fields => cluster.objects.get('Pod', 'default', name) ?? {}
    const wanted = set({
      replicas: 2,
      pod: ANTI,
      spec: storage === undefined ? {} : { volumeClaimTemplates: claims(storage) },
    })
    cluster.objects.put('StatefulSet', fields(parse(JSON.stringify(wanted))))
    await until('both Ready', () =>
      ['web-0', 'web-1'].every((name) => readiness(pod(name)) === 'True'),
    )
    await work({
      cluster,
      clock,
      until,
      pod,
      node: (name) => cluster.objects.get('Node', '', name) ?? {},
    })
  } finally {
    await cluster.stop()
  }
}

const homeOf = (pod: Fields): string => text(pod, 'spec', 'nodeName')

describe('a cordoned node', () => {
  test('takes no pod: a member that fits nowhere says why in the words of the real scheduler, and goes home at the uncordon', () =>
    withMembers(undefined, {}, async ({ cluster, pod, until }) => {
      const home = homeOf(pod('web-1'))
      cluster.somebody.cordon(home)
      cluster.somebody.delete('Pod', 'default', 'web-1')
      await until(
        'a replacement that fits nowhere',
        () => text(condition(pod('web-1'), 'PodScheduled'), 'status') === 'False',
      )
      expect(condition(pod('web-1'), 'PodScheduled')).toMatchObject({
        reason: 'Unschedulable',
        message: expect.stringMatching(
          /^0\/2 nodes are available: 1 node\(s\) didn't match pod anti-affinity rules, 1 node\(s\) were unschedulable\./,
        ),
      })
      cluster.somebody.uncordon(home)
      await until('the member Ready', () => readiness(pod('web-1')) === 'True')
      expect(homeOf(pod('web-1'))).toBe(home)
    }))

  test('keeps a member with a local volume waiting although another node is free', () =>
    withMembers('local', { nodes: 3 }, async ({ cluster, pod, until }) => {
      const home = homeOf(pod('web-1'))
      cluster.somebody.cordon(home)
      cluster.somebody.delete('Pod', 'default', 'web-1')
      await until(
        'a replacement that fits nowhere',
        () => text(condition(pod('web-1'), 'PodScheduled'), 'status') === 'False',
      )
      expect(text(condition(pod('web-1'), 'PodScheduled'), 'message')).toContain(
        "2 node(s) didn't match PersistentVolume's node affinity",
      )
      cluster.somebody.uncordon(home)
      await until('the member Ready', () => readiness(pod('web-1')) === 'True')
      expect(homeOf(pod('web-1'))).toBe(home)
    }))
})

describe('a node without power', () => {
  test('keeps its pods, which are not Ready; with power again it has another boot id and the same pods serve', () =>
    withMembers(undefined, {}, async ({ cluster, pod, node, until }) => {
      const [home, uid] = [homeOf(pod('web-1')), text(pod('web-1'), 'metadata', 'uid')]
      const boot = text(node(home), 'status', 'nodeInfo', 'bootID')
      cluster.nodes.cutPower(home)
      await until('a member that is not Ready', () => readiness(pod('web-1')) === 'False')
      expect(readiness(node(home))).toBe('Unknown')
      expect(text(pod('web-1'), 'status', 'phase')).toBe('Running')
      expect(items(node(home), 'spec', 'taints').map((taint) => text(taint, 'effect'))).toEqual([
        'NoSchedule',
        'NoExecute',
      ])
      cluster.nodes.power(home)
      await until('the member Ready', () => readiness(pod('web-1')) === 'True')
      expect(text(pod('web-1'), 'metadata', 'uid')).toBe(uid)
      expect(text(pod('web-1'), 'status', 'containerStatuses', 0, 'restartCount')).toBe('1')
      expect(readiness(node(home))).toBe('True')
      expect(items(node(home), 'spec', 'taints')).toEqual([])
      expect(text(node(home), 'status', 'nodeInfo', 'bootID')).not.toBe(boot)
    }))

  test('that stays dark: its pods are told to end after five minutes, and end when it is back', () =>
    withMembers(undefined, {}, async ({ cluster, pod, until }) => {
      const [home, uid] = [homeOf(pod('web-1')), text(pod('web-1'), 'metadata', 'uid')]
      cluster.nodes.cutPower(home)
      await until(
        'a pod that is told to end',
        () => text(pod('web-1'), 'metadata', 'deletionTimestamp') !== '',
      )
      expect(text(pod('web-1'), 'metadata', 'uid')).toBe(uid)
      cluster.nodes.power(home)
      await until(
        'a new member',
        () => readiness(pod('web-1')) === 'True' && text(pod('web-1'), 'metadata', 'uid') !== uid,
      )
    }))

  test('back before anybody noticed: it was never NotReady, but every process has started again', () =>
    withMembers(undefined, {}, async ({ cluster, pod, node, until }) => {
      const home = homeOf(pod('web-1'))
      const since = text(condition(node(home), 'Ready'), 'lastTransitionTime')
      cluster.nodes.reboot(home, 10_000)
      await until(
        'a container that started again',
        () =>
          text(pod('web-1'), 'status', 'containerStatuses', 0, 'restartCount') === '1' &&
          readiness(pod('web-1')) === 'True',
      )
      expect(text(condition(node(home), 'Ready'), 'lastTransitionTime')).toBe(since)
    }))

  test('that is removed: its pods are collected, and come back where there is room', () =>
    withMembers(undefined, { nodes: 3 }, async ({ cluster, pod, until }) => {
      const [home, uid] = [homeOf(pod('web-1')), text(pod('web-1'), 'metadata', 'uid')]
      cluster.nodes.remove(home)
      expect(cluster.objects.list('Node')).toHaveLength(2)
      await until(
        'a new member elsewhere',
        () => readiness(pod('web-1')) === 'True' && text(pod('web-1'), 'metadata', 'uid') !== uid,
      )
      expect(homeOf(pod('web-1'))).not.toBe(home)
    }))
})

describe('volumes that are attached', () => {
  test('stay attached to the node a while after their pod has gone', () =>
    withMembers(
      'standard',
      { nodes: 3, detachMs: 8000 },
      async ({ cluster, clock, pod, until }) => {
        const home = homeOf(pod('web-1'))
        const there = (): readonly string[] =>
          cluster.objects
            .list('VolumeAttachment')
            .filter((one) => text(one, 'spec', 'nodeName') === home)
            .map((one) => text(one, 'spec', 'source', 'persistentVolumeName'))
        const volume = text(
          cluster.objects.get('PersistentVolumeClaim', 'default', 'data-web-1'),
          'spec',
          'volumeName',
        )
        expect(there()).toEqual([volume])
        cluster.somebody.cordon(home)
        const uid = text(pod('web-1'), 'metadata', 'uid')
        cluster.somebody.delete('Pod', 'default', 'web-1')
        await until('the pod gone', () => text(pod('web-1'), 'metadata', 'uid') !== uid)
        expect(there()).toEqual([volume])
        const gone = clock.now()
        await until('the volume detached', () => there().length === 0)
        expect(clock.now() - gone).toBeGreaterThan(7000)
      },
    ))

  test('that are local are not', () =>
    withMembers('local', { detachMs: 8000 }, ({ cluster }) => {
      expect(cluster.objects.list('VolumeAttachment')).toEqual([])
      return Promise.resolve()
    }))
})
