// An ensemble whose nodes a test drains, in the simulated cluster, and what must hold after every
// one of these tests.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from '@jest/globals'
import type { Clock } from '../../../src/clock.ts'
import type { Run } from '../../../src/run.ts'
import {
  byRuns,
  takenTogether,
  takenWhileAClaimGoes,
  takenWhileOneWasOut,
} from '../../model/rolls/invariants.ts'
import {
  startCluster,
  type ClusterOptions,
  type SimulatedCluster,
} from '../../support/cluster/cluster.ts'
import { at, parse, text, type Json } from '../../support/cluster/json.ts'
import {
  clusterClock,
  runHere,
  startRun,
  untilHere,
  type Ended,
  type Started,
} from '../../support/in-process.ts'

export const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
/** A second ensemble in the same namespace. */
export const OTHER = TUTORIAL.replaceAll('zk-hs', 'other-hs')
  .replaceAll('zk-cs', 'other-cs')
  .replaceAll('zk-pdb', 'other-pdb')
  .replaceAll('app: zk', 'app: other')
  .replaceAll('- zk\n', '- other\n')
  .replace(
    'kind: StatefulSet\nmetadata:\n  name: zk\n',
    'kind: StatefulSet\nmetadata:\n  name: other\n',
  )
export const MARK = 'zk-ensemble-action/cordon'
export const ALL = 'zk-0\nzk-1\nzk-2'
export const MEMBERS = ['zk-0', 'zk-1', 'zk-2']

export type Inputs = Readonly<Record<string, string>>

export interface Given {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  start(
    inputs: Inputs,
    more?: {
      readonly name?: string
      readonly command?: Run['command']
      readonly onLine?: (line: string) => void
    },
  ): Started
  readonly drain: (inputs: Inputs, name?: string) => Promise<Ended>
  readonly nodeOf: (pod: string) => string
  readonly cordoned: () => readonly string[]
  readonly record: () => Json
  /** What the runs named did to nodes and pods. */
  readonly touched: (...names: readonly string[]) => readonly string[]
}

export async function withEnsemble(
  options: ClusterOptions,
  work: (given: Given) => Promise<void>,
  manifest = TUTORIAL,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, ...options })
  try {
    const deployed = await runHere({
      cluster,
      clock,
      name: 'deploy',
      inputs: { manifests: 'zk.yaml', verify: 'quick' },
      files: { 'zk.yaml': manifest },
    })
    expect(deployed.report).toMatchObject({ result: 'succeeded' })
    const start: Given['start'] = (inputs, { name = 'run', ...more } = {}) =>
      startRun({
        cluster,
        clock,
        name,
        inputs: { operation: 'drain', name: 'zk', ...inputs },
        ...more,
      })
    const from = cluster.history.length
    await work({
      cluster,
      clock,
      start,
      drain: (inputs, name) => start(inputs, name === undefined ? {} : { name }).ended,
      nodeOf: (pod) => text(cluster.objects.get('Pod', 'default', pod), 'spec', 'nodeName'),
      cordoned: () =>
        cluster.objects
          .list('Node')
          .filter(
            (node) =>
              at(node, 'spec', 'unschedulable') === true ||
              text(node, 'metadata', 'annotations', MARK) !== '',
          )
          .map((node) => text(node, 'metadata', 'name')),
      record: () =>
        parse(
          text(
            cluster.objects.get('ConfigMap', 'default', 'zk-ensemble-zk'),
            'data',
            'record.json',
          ),
        ),
      touched: (...names) =>
        cluster.requests
          .filter(
            ({ by, verb, kind, dryRun }) =>
              names.includes(by) &&
              !dryRun &&
              ((kind === 'Node' && verb === 'patch') ||
                verb === 'eviction' ||
                (kind === 'Pod' && verb === 'delete')),
          )
          .map(({ by, verb, name }) => `${by} ${verb} ${name}`),
    })
    for (const befell of Map.groupBy(cluster.history.slice(from), ({ set }) => set).values()) {
      expect(takenTogether(befell, byRuns('run', 'second'))).toEqual([])
      expect(takenWhileAClaimGoes(befell, byRuns('run', 'second'))).toEqual([])
      expect(takenWhileOneWasOut(befell, byRuns('run', 'second'), 3)).toEqual([])
    }
  } finally {
    await cluster.stop()
  }
}

export function wanted(ended: Ended, result: string, code: string): void {
  expect([
    ended.report.result,
    ended.report.code,
    ended.report.message,
    ...(ended.report.code === code ? [] : [ended.lines.join('\n'), ...ended.faults]),
  ]).toEqual([result, code, ended.report.message])
}

/** Nothing that a drain leaves while it is under way is left. */
export function settled({ cluster, record, cordoned }: Given): void {
  expect(cordoned()).toEqual([])
  expect(record()).toMatchObject({ underWay: null })
  expect(at(record(), 'maintenance') ?? null).toBeNull()
  expect(at(record(), 'drain') ?? null).toBeNull()
  expect(
    text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity'),
  ).toBe('')
}

export async function whole({ cluster, clock }: Given): Promise<void> {
  await untilHere(
    clock,
    'every member serving',
    () => cluster.zookeeper('default', 'zk').serving().length === 3,
  )
}
