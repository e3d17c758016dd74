// One seed of a drain from its beginning to its end: an ensemble with data and a co-located one
// with a budget, a drain under trouble, quiet, and a second run that is to reach the goal.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { randomFrom } from '../../support/random.ts'
import type { Run } from '../../../src/run.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import type { Happening } from '../../support/cluster/history.ts'
import { at, parse, text, type Fields, type Json } from '../../support/cluster/json.ts'
import { isReady } from '../../support/cluster/store.ts'
import { clusterClock, runHere, startRun, untilHere, type Ended } from '../../support/in-process.ts'
import { planFrom, play, type Place } from '../rolls/schedule.ts'
import { befallNodes, MARK, type NodeTrouble, type Theirs } from './schedule.ts'

export interface Scenario {
  readonly nodes: number
  /** Class of the members' volumes. */
  readonly storage: 'standard' | 'local'
  readonly kinds: readonly NodeTrouble[]
  readonly most: number
  readonly withinMs: number
  /** Each node is rebooted by the maintenance command. */
  readonly reboot: boolean
}

/** How the nodes and the record stand. */
export interface Stands {
  /** Cordoned, or with our mark. */
  readonly cordoned: readonly string[]
  /** Cordoned by somebody else, who has not uncordoned it. */
  readonly theirs: readonly string[]
  readonly maintenance: Json
  readonly drain: Json
  readonly underWay: Json
  readonly holder: string
}

export interface Played {
  readonly run: Ended
  readonly second: Ended
  readonly killed: boolean
  /** Simulated milliseconds of the run under trouble. */
  readonly tookMs: number
  /** Nodes that were to be drained. */
  readonly asked: readonly string[]
  readonly between: Stands
  readonly after: Stands
  readonly history: readonly Happening[]
  /** Members that serve in the end, with the paths that each shows. */
  readonly data: readonly (readonly string[])[]
  readonly told: string
}

export const NAMES = ['run', 'second'] as const
const QUIET_MS = 180_000
const SET = 'zk'
const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')

export async function playSeed(seed: number, scenario: Scenario): Promise<Played> {
  const clock = clusterClock()
  const cluster = await startCluster({
    clock,
    nodes: scenario.nodes,
    ...(scenario.storage === 'standard' ? { detachMs: 5000 } : {}),
  })
  try {
    if (scenario.storage === 'local')
      for (const name of ['standard', 'local'])
        cluster.objects.put('StorageClass', classOf(name, name === 'local'))
    const place: Place = { cluster, clock, namespace: 'default', set: SET, replicas: 3 }
    const first = await runHere({
      cluster,
      clock,
      files: { 'zk.yaml': TUTORIAL },
      inputs: { manifests: 'zk.yaml' },
      name: 'first',
    })
    if (first.exitCode !== 0)
      throw new Error(`seed ${seed}: the ensemble did not come up: ${first.report.message}`)
    for (const object of neighbour()) cluster.objects.put(text(object, 'kind'), object)
    await untilHere(
      clock,
      'the neighbour',
      () => cluster.objects.list('Pod').filter(isReady).length === 5,
    )
    const members = cluster.zookeeper('default', SET)
    members.put('/orders', 'paid')
    const asked = [0, 1, 2].map((ordinal) =>
      text(cluster.objects.get('Pod', 'default', `${SET}-${ordinal}`), 'spec', 'nodeName'),
    )
    const inputs = {
      operation: 'drain',
      name: SET,
      nodes: asked.join('\n'),
      uncordon: 'after',
      timeout: '30m',
      'member-timeout': '3m',
      ...(scenario.reboot ? { 'maintenance-command': 'reboot' } : {}),
    }
    const command: Run['command'] = async ({ env }) => {
      const node = env['NODE_NAME'] ?? ''
      cluster.nodes.cutPower(node)
      await clock.sleep(20_000)
      cluster.nodes.power(node)
      await clock.sleep(6000)
      return { kind: 'exited', code: 0, last: '' }
    }
    const theirs: Theirs = new Set()
    const [from, beganAt] = [cluster.history.length, clock.now()]
    const plan = planFrom(randomFrom(seed), scenario.kinds, scenario.most, scenario.withinMs)
    const started = startRun({ cluster, clock, inputs, command, name: NAMES[0] })
    const troubles = await play(place, started, plan, befallNodes(theirs))
    const run = await started.ended
    const [tookMs, between] = [clock.now() - beganAt, standing(cluster, theirs)]
    await clock.sleep(QUIET_MS)
    const second = await runHere({ cluster, clock, inputs, command, name: NAMES[1] })
    const after = standing(cluster, theirs)
    await untilHere(
      clock,
      'members that come back by themselves',
      () => members.serving().length === 3,
      3,
    ).catch(() => undefined)
    const told = [
      `seed ${seed}`,
      ...troubles,
      ...[run, second].map(
        ({ report }) => `${report.result} ${report.code}: ${report.message} (${report.standing})`,
      ),
    ].join('\n')
    return {
      run,
      second,
      killed: troubles.some((line) => / kill /.test(line)),
      tookMs,
      asked,
      between,
      after,
      history: cluster.history.slice(from).filter(({ set }) => set === SET),
      data: members.serving().map((ordinal) => members.paths(ordinal)),
      told,
    }
  } finally {
    await cluster.stop()
  }
}

function standing({ objects }: SimulatedCluster, theirs: Theirs): Stands {
  const record = parse(
    text(objects.get('ConfigMap', 'default', `zk-ensemble-${SET}`), 'data', 'record.json'),
  )
  return {
    cordoned: objects
      .list('Node')
      .filter(
        (node) =>
          at(node, 'spec', 'unschedulable') === true ||
          text(node, 'metadata', 'annotations', MARK) !== '',
      )
      .map((node) => text(node, 'metadata', 'name')),
    theirs: [...theirs].toSorted(),
    maintenance: at(record, 'maintenance') ?? null,
    drain: at(record, 'drain') ?? null,
    underWay: at(record, 'underWay') ?? null,
    holder: text(objects.get('Lease', 'default', `zk-ensemble-${SET}`), 'spec', 'holderIdentity'),
  }
}

function classOf(name: string, byDefault: boolean): Fields {
  return {
    apiVersion: 'storage.k8s.io/v1',
    metadata: {
      name,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(byDefault) },
    },
  }
}

/** Two pods of somebody's web server, one of which may be away. */
function neighbour(): readonly Fields[] {
  const labels: Fields = { app: 'web' }
  const container: Fields = {
    name: 'c',
    image: 'busybox:1.36',
    command: ['sleep', 'infinity'],
    readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 5, periodSeconds: 1 },
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web', namespace: 'default' },
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    },
  ]
}
