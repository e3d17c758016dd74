// One seed from its beginning to its end: an ensemble with data, an operation under trouble, quiet,
// and a second run that is to reach the goal.

import { randomFrom } from '../../support/random.ts'
import type { SimulatedCluster } from '../../support/cluster/cluster.ts'
import { startCluster } from '../../support/cluster/cluster.ts'
import type { Happening } from '../../support/cluster/history.ts'
import { at, items, number, parse, text, type Json } from '../../support/cluster/json.ts'
import { clusterClock, runHere, startRun, untilHere, type Ended } from '../../support/in-process.ts'
import { befall, planFrom, play, type Place, type Trouble } from './schedule.ts'

export interface Scenario {
  /** The manifest that runs and is verified, and the one beside it (`after.yaml`). */
  readonly before: string
  readonly after: string
  readonly replicas: number
  /** In the end, where that is another number. */
  readonly members?: number
  readonly kinds: readonly Trouble[]
  /** At most so many troubles within so many simulated milliseconds. */
  readonly most: number
  readonly withinMs: number
  /** What was done before the run under trouble begins. */
  readonly stage?: (place: Place) => Promise<void>
  /** Inputs of the run under trouble. */
  readonly inputs: Readonly<Record<string, string>>
  /** Inputs of the run in the quiet after it, which is to succeed. */
  readonly next: Readonly<Record<string, string>>
}

/** How the ensemble stands, beside its members. */
export interface Stands {
  readonly underWay: Json
  /** The ControllerRevision that was verified last. */
  readonly verified: string
  /** The one that is wanted. */
  readonly wanted: string
  readonly partition: number
  readonly holder: string
  /** Of the pods that are there: which, at which revision. */
  readonly pods: readonly { readonly uid: string; readonly revision: string }[]
}

export interface Played {
  readonly run: Ended
  readonly second: Ended
  /** Milliseconds from the beginning of the run under trouble to its end, and when each began. */
  readonly tookMs: number
  readonly beganAt: number
  readonly secondAt: number
  readonly killed: boolean
  /** Before the run, at its end, after the second. */
  readonly stood: { readonly before: Stands; readonly between: Stands; readonly after: Stands }
  /** Of both runs and the quiet between them. */
  readonly history: readonly Happening[]
  /** Members that serve some minutes after the end, with the paths that each shows. */
  readonly data: readonly (readonly string[])[]
  /** What went wrong and how each run ended, for the message of a failure. */
  readonly told: string
}

export const NAMES = ['run', 'second'] as const
const QUIET_MS = 120_000
const SET = 'zk'

export async function playSeed(seed: number, scenario: Scenario): Promise<Played> {
  const clock = clusterClock()
  const cluster = await startCluster({
    clock,
    nodes: Math.max(4, scenario.replicas, scenario.members ?? 0),
    images: {
      'registry.k8s.io/kubernetes-zookeeper:dies': {
        exit: { code: 1, afterMs: 500, log: 'no such option' },
      },
    },
  })
  try {
    const place: Place = {
      cluster,
      clock,
      namespace: 'default',
      set: SET,
      replicas: scenario.replicas,
    }
    const files = { 'before.yaml': scenario.before, 'after.yaml': scenario.after }
    const first = await runHere({
      cluster,
      clock,
      files,
      inputs: { manifests: 'before.yaml' },
      name: 'first',
    })
    if (first.exitCode !== 0)
      throw new Error(`seed ${seed}: the ensemble did not come up: ${first.report.message}`)
    const members = cluster.zookeeper('default', SET)
    members.put('/orders', 'paid')
    await scenario.stage?.(place)
    const [before, from, beganAt] = [standing(cluster), cluster.history.length, clock.now()]
    const plan = planFrom(randomFrom(seed), scenario.kinds, scenario.most, scenario.withinMs)
    const started = startRun({ cluster, clock, files, inputs: scenario.inputs, name: NAMES[0] })
    const troubles = await play(place, started, plan, befall)
    const run = await started.ended
    const [tookMs, between] = [clock.now() - beganAt, standing(cluster)]
    await clock.sleep(QUIET_MS)
    const secondAt = clock.now()
    const second = await runHere({ cluster, clock, files, inputs: scenario.next, name: NAMES[1] })
    const after = standing(cluster)
    await untilHere(
      clock,
      'members that come back by themselves',
      () => members.serving().length === (scenario.members ?? scenario.replicas),
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
      tookMs,
      beganAt,
      secondAt,
      killed: troubles.some((line) => / kill /.test(line)),
      stood: { before, between, after },
      told,
      history: cluster.history.slice(from),
      data: members.serving().map((ordinal) => members.paths(ordinal)),
    }
  } finally {
    await cluster.stop()
  }
}

function standing({ objects }: SimulatedCluster): Stands {
  const set = objects.get('StatefulSet', 'default', SET)
  const record = text(
    objects.get('ConfigMap', 'default', `zk-ensemble-${SET}`),
    'data',
    'record.json',
  )
  const known = record === '' ? {} : parse(record)
  return {
    underWay: at(known, 'underWay') ?? null,
    verified: text(items(known, 'revisions').at(-1), 'controllerRevision'),
    wanted: text(set, 'status', 'updateRevision'),
    partition: number(set, ['spec', 'updateStrategy', 'rollingUpdate', 'partition']),
    holder: text(objects.get('Lease', 'default', `zk-ensemble-${SET}`), 'spec', 'holderIdentity'),
    pods: objects.list('Pod', 'default').map((pod) => ({
      uid: text(pod, 'metadata', 'uid'),
      revision: text(pod, 'metadata', 'labels', 'controller-revision-hash'),
    })),
  }
}
