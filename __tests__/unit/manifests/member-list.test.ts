// A member list that is changed wrongly splits an ensemble in two, each half with its own data; one
// that is left behind makes a member that never joins.

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { ProfileName } from '../../../src/view/profile-name.ts'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { budgetFor } from '../../../src/manifests/budget-size.ts'
import { builtInEnsemble, serverLines } from '../../../src/manifests/built-in.ts'
import { memberCountOf, withMembers } from '../../../src/manifests/member-list.ts'
import { containerSettings } from '../../../src/manifests/settings.ts'
import { parseSet } from '../../../src/manifests/shapes.ts'
import { parseInputs } from '../../support/parse-inputs.ts'
import { edited, load } from './given.ts'

async function setOf(yaml: string): Promise<KubeObject> {
  const { loaded, error } = await load(yaml)
  if (loaded === undefined) throw error ?? new Error('not loaded')
  return loaded.set.object
}

/** As loaded without lint: for what no lint would let through. */
function bare(
  container: Readonly<Record<string, unknown>>,
  spec: Readonly<Record<string, unknown>> = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk' },
    spec: {
      replicas: 3,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      template: {
        metadata: { labels: { app: 'zk' } },
        spec: { containers: [{ name: 'server', image: 'zookeeper:3.9', ...container }] },
      },
      ...spec,
    },
  }
}

function withInit(set: KubeObject, init: Readonly<Record<string, unknown>>): KubeObject {
  const shape = parseSet(set)
  return {
    ...set,
    spec: {
      ...shape?.spec,
      template: {
        ...shape?.spec.template,
        spec: {
          ...shape?.spec.template.spec,
          initContainers: [{ name: 'setup', image: 'busybox', ...init }],
        },
      },
    },
  }
}

const THREE =
  'server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181'
function listed(value: string, ...more: readonly { name: string; value: string }[]): KubeObject {
  return bare({ env: [{ name: 'ZOO_SERVERS', value }, ...more] })
}

function resized(set: KubeObject, count: number, profile: ProfileName = 'zookeeper'): KubeObject {
  const answer = withMembers(set, count, profile)
  if ('refused' in answer) throw new Error(answer.refused)
  return answer.set
}

function settingsOf(set: KubeObject): ReturnType<typeof containerSettings> {
  const container = parseSet(set)?.spec.template.spec.containers[0]
  if (container === undefined) throw new Error('no container')
  return containerSettings(container, new Map())
}

function valueOf(set: KubeObject, name: string): string | undefined {
  return settingsOf(set).env.get(name)?.value
}

const files = ['zookeeper-tutorial', 'zookeeper-five'] as const
const examples = new Map<string, KubeObject>()
beforeAll(async () => {
  for (const file of files)
    examples.set(
      file,
      await setOf(
        readFileSync(new URL(`../../../examples/manifests/${file}.yaml`, import.meta.url), 'utf8'),
      ),
    )
  examples.set('built-in', builtIn(3))
  examples.set('a list in several lines', listed(`\n  ${THREE.replaceAll(' ', '\n  ')}\n`))
})

function builtIn(replicas: number): KubeObject {
  const set = builtInEnsemble(
    parseInputs({ INPUT_NAME: 'zk', INPUT_REPLICAS: String(replicas) }),
  ).find((manifest) => manifest.object.kind === 'StatefulSet')
  if (set === undefined) throw new Error('no set')
  return set.object
}

describe('another number of members', () => {
  test.each([...files, 'built-in', 'a list in several lines'])(
    'of %s: there and back gives the same bytes',
    (name) => {
      const set = examples.get(name)
      if (set === undefined) throw new Error(name)
      const count = memberCountOf(set, 'zookeeper')
      if (typeof count !== 'number') throw new Error(count.refused)
      for (const other of [count + 1, count + 2, count - 1, 1]) {
        const there = resized(set, other)
        expect(memberCountOf(there, 'zookeeper')).toBe(other)
        expect(parseSet(there)?.spec.replicas).toBe(other)
        if (other > 1) expect(JSON.stringify(resized(there, count))).toBe(JSON.stringify(set))
      }
    },
  )

  test.each([1, 2, 4, 5])(
    'of the built-in ensemble is what it would have been made with: %i',
    (count) => {
      expect(resized(builtIn(3), count)).toEqual(builtIn(count))
      expect(valueOf(resized(builtIn(1), count), 'ZOO_SERVERS')).toBe(
        serverLines({ name: 'zk', replicas: count }),
      )
    },
  )

  test('keeps every entry that stays as it was written, and continues after the pattern of the last one', () => {
    const odd = listed(
      'server.1=zk-0.zk-hs.shop.svc.cluster.local:2888:3888;2181  server.2=zk-1.zk-hs:2888:3888:participant;0.0.0.0:2181',
    )
    expect(valueOf(resized(odd, 3), 'ZOO_SERVERS')).toBe(
      'server.1=zk-0.zk-hs.shop.svc.cluster.local:2888:3888;2181  server.2=zk-1.zk-hs:2888:3888:participant;0.0.0.0:2181  server.3=zk-2.zk-hs:2888:3888:participant;0.0.0.0:2181',
    )
  })

  test('follows ids and ordinals from where they begin', () => {
    const later = bare(
      { env: [{ name: 'ZOO_SERVERS', value: 'server.6=zk-5.zk-hs:2888:3888;2181' }] },
      { replicas: 1, ordinals: { start: 5 } },
    )
    expect(valueOf(resized(later, 2), 'ZOO_SERVERS')).toBe(
      'server.6=zk-5.zk-hs:2888:3888;2181 server.7=zk-6.zk-hs:2888:3888;2181',
    )
  })

  test.each([
    [
      'in args, in quotes',
      { args: ['start-zookeeper', '--servers="3"', '--heap=512M'] },
      { args: ['start-zookeeper', '--servers="4"', '--heap=512M'] },
    ],
    [
      'among other flags',
      { command: ['sh', '-c', 'start-zookeeper --servers=3 --server_port=2888'] },
      { command: ['sh', '-c', 'start-zookeeper --servers=4 --server_port=2888'] },
    ],
    [
      'by a variable',
      { command: ['sh', '-c', 'start-zookeeper --servers=$(N)'], env: [{ name: 'N', value: '3' }] },
      { command: ['sh', '-c', 'start-zookeeper --servers=$(N)'], env: [{ name: 'N', value: '4' }] },
    ],
  ])('changes --servers %s and nothing beside it', (_, before, after) => {
    expect(resized(bare(before), 4)).toEqual({
      ...bare(after),
      spec: { ...parseRaw(bare(after)), replicas: 4 },
    })
  })

  test.each([
    ['Services with the names of the pods', ['zk-0', 'zk-1', 'zk-2'], 'zk-3'],
    ['Services of other names', ['zk-0-peer', 'zk-1-peer', 'zk-2-peer'], 'zk-3-peer'],
    [
      'Services that are numbered from another number',
      ['member8', 'member9', 'member10'],
      'member11',
    ],
    [
      'a number in the name that is the same for all',
      ['zk3-node-0', 'zk3-node-1', 'zk3-node-2'],
      'zk3-node-3',
    ],
    [
      'full names',
      [
        'zk-0-peer.shop.svc.cluster.local',
        'zk-1-peer.shop.svc.cluster.local',
        'zk-2-peer.shop.svc.cluster.local',
      ],
      'zk-3-peer.shop.svc.cluster.local',
    ],
  ])('by %s continues as it counts', (_, hosts, fourth) => {
    const list = (names: readonly string[]): string =>
      names.map((host, index) => `server.${index + 1}=${host}:2888:3888;2181`).join(' ')
    const four = resized(listed(list(hosts)), 4)
    expect(valueOf(four, 'ZOO_SERVERS')).toBe(list([...hosts, fourth]))
    expect(resized(four, 3)).toEqual(listed(list(hosts)))
  })

  test('two addresses a member, each counts along', () => {
    const entry = (ordinal: number): string =>
      `server.${ordinal + 1}=zk-${ordinal}-peer:2888:3888|zk-${ordinal}.zk-hs:2889:3889;2181`
    expect(valueOf(resized(listed(`${entry(0)} ${entry(1)}`), 3), 'ZOO_SERVERS')).toBe(
      `${entry(0)} ${entry(1)} ${entry(2)}`,
    )
  })

  test('a member alone is standalone, and what somebody wrote for several is not touched', () => {
    const own = (value: string): KubeObject =>
      listed(THREE, { name: 'ZOO_STANDALONE_ENABLED', value })
    expect(valueOf(resized(own('true'), 4), 'ZOO_STANDALONE_ENABLED')).toBe('true')
    expect(valueOf(resized(own('false'), 1), 'ZOO_STANDALONE_ENABLED')).toBe('true')
    expect(valueOf(resized(resized(own('false'), 1), 2), 'ZOO_STANDALONE_ENABLED')).toBe('false')
  })

  test.each(['cassandra', 'custom', 'none'] as const)('is the count alone for %s', (profile) => {
    expect(resized(bare({}), 5, profile)).toEqual(bare({}, { replicas: 5 }))
    expect(memberCountOf(bare({}), profile)).toBe(3)
  })
})

function parseRaw(set: KubeObject): Readonly<Record<string, unknown>> {
  const { spec } = set
  return typeof spec === 'object' && spec !== null ? { ...spec } : {}
}

describe('is refused, with the way to do it by hand,', () => {
  const env = (value: string, ...more: readonly { name: string; value: string }[]) => ({
    env: [{ name: 'ZOO_SERVERS', value }, ...more],
  })
  test.each([
    ['where nothing says who the members are', bare({}), /neither --servers nor ZOO_SERVERS/],
    [
      'where the start script makes the list',
      bare({ command: ['bash', '-c', 'export ZOO_SERVERS=$(make-list)'] }),
      /start script/,
    ],
    [
      'where the start script makes another list than that of the pod',
      bare({
        command: ['bash', '-c', 'export ZOO_SERVERS="$(make-list)"; zkServer.sh start-foreground'],
        ...env(THREE),
      }),
      /start script/,
    ],
    [
      'where an init container names them too',
      withInit(bare(env(THREE)), {
        command: ['sh', '-c', 'echo server.1=zk-0.zk-hs:2888:3888 > /conf/zoo.cfg.dynamic'],
      }),
      /container setup names the members as well/,
    ],
    [
      'where a second container has a list of its own',
      withInit(bare(env(THREE)), env(THREE)),
      /container setup names the members as well/,
    ],
    [
      'where what else is configured is not known',
      bare({
        env: [
          { name: 'ZOO_SERVERS', value: THREE },
          { name: 'ZOO_CFG_EXTRA', valueFrom: { configMapKeyRef: { name: 's', key: 'k' } } },
        ],
      }),
      /ZOO_CFG_EXTRA comes from/,
    ],
    [
      'for a zoo.cfg of its own',
      bare({ ...env(THREE), volumeMounts: [{ name: 'conf', mountPath: '/conf' }] }),
      /zoo\.cfg of your own/,
    ],
    [
      'for a zoo.cfg that the start script writes',
      bare({ command: ['bash', '-c', 'cat > /conf/zoo.cfg'], ...env(THREE) }),
      /zoo\.cfg of your own/,
    ],
    [
      'for observers',
      bare(env(THREE.replace(';2181 server.2', ':observer;2181 server.2'))),
      /observers/,
    ],
    [
      'for observers by their type',
      bare(env(THREE, { name: 'ZOO_CFG_EXTRA', value: 'peerType=observer' })),
      /observers/,
    ],
    [
      'for groups',
      bare(env(THREE, { name: 'ZOO_CFG_EXTRA', value: 'group.1=1:2:3 weight.1=1' })),
      /groups or with weights/,
    ],
    [
      'for weights in a script',
      bare({
        command: ['sh', '-c', "printf 'weight.1=2' >> extra; zkServer.sh start-foreground"],
        ...env(THREE),
      }),
      /groups or with weights/,
    ],
    [
      'for weights',
      bare(env(THREE, { name: 'ZOO_CFG_EXTRA', value: 'tickTime=2000\nweight.1=2' })),
      /groups or with weights/,
    ],
    [
      'for dynamic reconfiguration',
      bare(env(THREE, { name: 'ZOO_CFG_EXTRA', value: 'reconfigEnabled=true' })),
      /dynamic reconfiguration/,
    ],
    [
      'for a list that the servers keep',
      bare(env(THREE, { name: 'ZOO_CFG_EXTRA', value: 'dynamicConfigFile=/data/zoo.dynamic' })),
      /dynamic reconfiguration/,
    ],
    [
      'where ids do not follow ordinals',
      bare(env(THREE.replace('server.3', 'server.7'))),
      /do not follow the ordinals/,
    ],
    [
      'where ordinals have a gap',
      bare(env(THREE.replace('zk-2', 'zk-4'))),
      /do not follow the ordinals/,
    ],
    [
      'for Services whose numbers do not follow the ordinals',
      bare(
        env(
          THREE.replaceAll(
            /zk-(\d)\.zk-hs/g,
            (_all, ordinal: string) => `peer-${Number(ordinal) * 2}`,
          ),
        ),
      ),
      /do not follow the ordinals/,
    ],
    [
      'for one Service with two numbers, of which nobody knows which counts',
      bare(env('server.1=zk3-peer-1:2888:3888;2181')),
      /do not follow the ordinals/,
    ],
    [
      'for addresses by number',
      bare(env('server.1=10.0.0.1:2888:3888;2181 server.2=10.0.0.2:2888:3888;2181')),
      /not of the form/,
    ],
    [
      'for machines',
      bare(env('server.1=zk1.example.org:2888:3888;2181 server.2=zk2.example.org:2888:3888;2181')),
      /not of the form/,
    ],
    ['for hosts of other names', bare(env(THREE.replaceAll('zk-', 'db-'))), /not of the form/],
    [
      'for entries of another form',
      bare(env('zk-0.zk-hs:2888:3888::1,zk-1.zk-hs:2888:3888::2')),
      /not of the form/,
    ],
    ['for an empty list', bare(env(' ')), /empty/],
    [
      'for a list from a Secret',
      bare({
        env: [{ name: 'ZOO_SERVERS', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
      }),
      /Secret, a ConfigMap/,
    ],
    [
      'for a list from a ConfigMap',
      bare({
        env: [{ name: 'ZOO_SERVERS', valueFrom: { configMapKeyRef: { name: 's', key: 'k' } } }],
      }),
      /Secret, a ConfigMap/,
    ],
    [
      'for a list that envFrom may bring',
      bare({ envFrom: [{ configMapRef: { name: 'zk' } }] }),
      /envFrom/,
    ],
    [
      'for a count from a ConfigMap',
      bare({
        command: ['start-zookeeper', '--servers=$(N)'],
        env: [{ name: 'N', valueFrom: { configMapKeyRef: { name: 's', key: 'k' } } }],
      }),
      /comes from N/,
    ],
    [
      'for a count that is computed',
      bare({ command: ['sh', '-c', 'start-zookeeper --servers=$((1+2))'] }),
      /no plain value/,
    ],
    [
      'for --servers given twice',
      bare({ command: ['sh', '-c', 'start-zookeeper --servers=1 --servers=3'] }),
      /more than once/,
    ],
    [
      'for --servers with other ordinals',
      bare({ command: ['sh', '-c', 'start-zookeeper --servers=3'] }, { ordinals: { start: 3 } }),
      /ordinals\.start/,
    ],
  ])('%s', (_, set, reason) => {
    const answer = withMembers(set, 4, 'zookeeper')
    expect(answer).toMatchObject({
      refused: expect.stringMatching(reason),
      manual: expect.stringMatching(/\w/),
    })
    expect(memberCountOf(set, 'zookeeper')).toEqual(answer)
  })

  test('as a sound manifest is not', async () => {
    expect(memberCountOf(await setOf(edited()), 'zookeeper')).toBe(3)
  })
})

describe('the disruption budget', () => {
  const budget = (spec: Readonly<Record<string, unknown>>): KubeObject => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'zk' },
    spec: { selector: {}, ...spec },
  })
  test.each([
    [2, 3, 5, 4],
    [2, 3, 4, 3],
    [3, 5, 3, 2],
    [4, 5, 3, 2],
    [1, 1, 3, 2],
    [1, 1, 2, 2],
    [2, 3, 2, 2],
    [2, 3, 1, 1],
    [3, 3, 5, 4],
    [0, 1, 3, 2],
    [9, 3, 5, 4],
  ])('minAvailable %i of %i members is of %i members %i', (minAvailable, from, to, after) => {
    expect(budgetFor(budget({ minAvailable }), from, to)).toEqual(budget({ minAvailable: after }))
  })

  test.each([{ maxUnavailable: 1 }, { maxUnavailable: '30%' }, { minAvailable: '60%' }, {}])(
    '%j is right for any number and stays',
    (spec) => {
      const given = budget(spec)
      expect(budgetFor(given, 3, 5)).toBe(given)
    },
  )
})
