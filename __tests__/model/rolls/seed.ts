// One seed from its beginning to its end: an ensemble with data, a change under trouble, quiet, and the same change once more.

import type { SimulatedCluster } from '../../support/cluster/cluster.ts'
import { startCluster } from '../../support/cluster/cluster.ts'
import type { Happening } from '../../support/cluster/history.ts'
import { clusterClock, runHere, startRun, type Ended } from '../../support/in-process.ts'
import { randomFrom } from '../readiness/set-model.ts'
import { planFrom, play, type Trouble } from './schedule.ts'

export interface SeedOptions {
  /** The manifest that runs, and the one that is deployed under trouble. */
  readonly before: string
  readonly after: string
  /** Name of the StatefulSet, in the namespace `default`. */
  readonly set: string
  readonly replicas: number
  readonly kinds: readonly Trouble[]
  /** At most so many troubles within so many simulated milliseconds. */
  readonly most: number
  readonly withinMs: number
  /** Inputs of the run under trouble; by default a deploy of `after`. The run after it has the same. */
  readonly inputs?: Readonly<Record<string, string>>
  /** Images beside the usual ones, or changes before anything runs. */
  readonly prepare?: (cluster: SimulatedCluster) => void
}

export interface Played {
  readonly run: Ended
  readonly second: Ended
  /** What went wrong, one line each. */
  readonly troubles: readonly string[]
  /** Of both runs and the quiet between them. */
  readonly history: readonly Happening[]
  /** Members that serve some minutes after the end, with the paths that each shows. */
  readonly data: readonly (readonly string[])[]
  /** For the message of a failure. */
  readonly told: string
}

export const NAMES = ['run', 'second'] as const
const QUIET_MS = 180_000

export async function playSeed(seed: number, options: SeedOptions): Promise<Played> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock })
  try {
    options.prepare?.(cluster)
    const files = { 'before.yaml': options.before, 'after.yaml': options.after }
    const first = await runHere({ cluster, clock, files, inputs: { manifests: 'before.yaml' }, name: 'first' })
    if (first.exitCode !== 0) throw new Error(`seed ${seed}: the ensemble did not come up: ${first.report.message}`)
    const members = cluster.zookeeper('default', options.set)
    members.put('/orders', 'paid')
    const from = cluster.history.length
    const inputs = options.inputs ?? { manifests: 'after.yaml' }
    const plan = planFrom(randomFrom(seed), options.kinds, options.most, options.withinMs)
    const started = startRun({ cluster, clock, files, inputs, name: NAMES[0] })
    const troubles = await play({ cluster, clock, namespace: 'default', set: options.set, replicas: options.replicas }, started, plan)
    const run = await started.ended
    await clock.sleep(QUIET_MS)
    const second = await runHere({ cluster, clock, files, inputs, name: NAMES[1] })
    await clock.sleep(QUIET_MS)
    const told = [`seed ${seed}`, ...troubles, run.report.message, second.report.message].join('\n')
    return { run, second, troubles, history: cluster.history.slice(from), data: members.serving().map((ordinal) => members.paths(ordinal)), told }
  } finally {
    await cluster.stop()
  }
}
