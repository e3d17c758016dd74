// Runs of every kind at the simulated cluster, on its clock, and the job summary that each one
// leaves: what the tests compare with the stored pages, and what the pictures are taken of.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../src/clock.ts'
import { summaryText } from '../../src/report/summary.ts'
import { startCluster, type SimulatedCluster } from '../support/cluster/cluster.ts'
import { clusterClock, startRun, type Ended } from '../support/in-process.ts'

export type Inputs = Readonly<Record<string, string>>

/** A page of a run, by the name of the file that keeps it. */
export interface Page {
  readonly name: string
  readonly text: string
}

interface More {
  /** Replaced in the manifest, which has them. */
  readonly changes?: readonly (readonly [string, string])[]
  /** Cancelled at the first line of the log that has it. */
  readonly cancelAt?: string
}

interface Stage {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  /** A run whose page nobody looks at; rejects when its result and code are others. */
  readonly run: (ends: string, inputs: Inputs, more?: More) => Promise<Ended>
  /** The same, and its page is kept under `name`. */
  readonly show: (name: string, ends: string, inputs: Inputs, more?: More) => Promise<void>
}

const MANIFEST = 'k8s/zookeeper.yaml'
const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
)
const ENSEMBLE = { name: 'zk', namespace: 'shop' }
const DEPLOY = { manifests: MANIFEST, namespace: 'shop', 'create-namespace': 'true' }
const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'
const BAD_IMAGE = [IMAGE, 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.99'] as const
const MORE_CPU = ['cpu: "0.5"', 'cpu: "0.6"'] as const
const ALL = 'zk-0\nzk-1\nzk-2'

function changed(changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the tutorial's manifest has no ${from}`)
    return text.replaceAll(from, to)
  }, TUTORIAL)
}

async function onStage(nodes: number, play: (stage: Stage) => Promise<void>): Promise<Page[]> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes })
  const pages: Page[] = []
  let runs = 8_000_000
  const run: Stage['run'] = async (ends, inputs, { changes = [], cancelAt } = {}) => {
    const started = startRun({
      cluster,
      clock,
      name: String(++runs),
      inputs,
      files: { [MANIFEST]: changed(changes) },
      command: async () => {
        await clock.sleep(20_000)
        return { kind: 'exited', code: 0, last: '' }
      },
      onLine: (line) => {
        if (cancelAt !== undefined && line.includes(cancelAt)) started.cancel()
      },
    })
    const ended = await started.ended
    const { result, code, message } = ended.report
    const was = `${result} ${code}`.trim()
    if (was !== ends) throw new Error(`${was}, not ${ends}: ${message}\n${ended.lines.join('\n')}`)
    return ended
  }
  try {
    await play({
      cluster,
      clock,
      run,
      async show(name, ...asked) {
        pages.push({ name, text: summaryText((await run(...asked)).report) })
      },
    })
    return pages
  } finally {
    await cluster.stop()
  }
}

/** Ten minutes between two runs, in which nothing happens. */
const later = (clock: Clock): Promise<void> => clock.sleep(600_000)

/** Each a cluster of its own, whose runs follow one another. */
export const SCENES: Readonly<Record<string, () => Promise<Page[]>>> = {
  'deploys of one ensemble, and what is asked about it': () =>
    onStage(5, async ({ show, clock }) => {
      await show('first-install', 'succeeded', DEPLOY)
      await later(clock)
      await show('unchanged', 'unchanged', DEPLOY)
      await show('plan', 'planned', { ...DEPLOY, operation: 'plan' }, { changes: [MORE_CPU] })
      await show('deploy', 'succeeded', DEPLOY, { changes: [MORE_CPU] })
      await later(clock)
      await show('undone', 'undone IMAGE_PULL', DEPLOY, { changes: [MORE_CPU, BAD_IMAGE] })
      await show('history', 'succeeded', { ...ENSEMBLE, operation: 'history' })
      await show('undo', 'succeeded', { ...ENSEMBLE, operation: 'undo' })
      await show('status', 'succeeded', { ...ENSEMBLE, operation: 'status' })
      await show('verify', 'succeeded', { ...ENSEMBLE, operation: 'verify' })
      await show('restart', 'succeeded', { ...ENSEMBLE, operation: 'restart' })
      await show('scale', 'succeeded', { ...ENSEMBLE, operation: 'scale', replicas: '5' })
      await show('cleanup', 'succeeded', {
        ...ENSEMBLE,
        operation: 'cleanup',
        'delete-claims': 'true',
      })
    }),
  'nodes are drained and given back': () =>
    onStage(4, async ({ run, show, clock }) => {
      await run('succeeded', DEPLOY)
      const drain = { ...ENSEMBLE, operation: 'drain' }
      await show('drain', 'succeeded', {
        ...drain,
        members: ALL,
        'maintenance-command': 'sudo apt-get -y upgrade',
      })
      await later(clock)
      await show('drain-dry-run', 'planned', {
        ...drain,
        members: ALL,
        'dry-run': 'true',
        uncordon: 'after',
      })
      await show('drain-cordoned', 'succeeded', { ...drain, nodes: 'node-1' })
      await show('drain-refused', 'refused DRAIN_REFUSED', { ...drain, nodes: 'node-2' })
      await show('uncordon', 'succeeded', { ...ENSEMBLE, operation: 'uncordon', nodes: 'node-1' })
    }),
  'what is broken': () =>
    onStage(4, async ({ run, show, cluster }) => {
      await show('first-install-failed', 'failed IMAGE_PULL', DEPLOY, { changes: [BAD_IMAGE] })
      await run('succeeded', DEPLOY)
      await show('cancelled', 'cancelled CANCELLED', DEPLOY, {
        changes: [MORE_CPU],
        cancelAt: 'zk-2: terminating',
      })
      await run('succeeded', DEPLOY)
      await show('input-refused', 'refused INPUT_INVALID', { ...DEPLOY, timeout: '15' })
      await show('lint-refused', 'refused LINT_FAILED', DEPLOY, {
        changes: [['policy/v1', 'policy/v1beta1']],
      })
      await show('preflight-refused', 'refused IMMUTABLE_FIELD', DEPLOY, {
        changes: [['OrderedReady', 'Parallel']],
      })
      await show(
        'kept',
        'failed IMAGE_PULL',
        { ...DEPLOY, 'on-failure': 'keep' },
        { changes: [BAD_IMAGE] },
      )
      await show('status-broken', 'failed IMAGE_PULL', { ...ENSEMBLE, operation: 'status' })
      await run('succeeded', { ...ENSEMBLE, operation: 'undo' })
      for (const ordinal of [1, 2]) cluster.faultMember('shop', 'zk', ordinal, { notServing: true })
      await show('verify-broken', 'failed QUORUM_LOST', { ...ENSEMBLE, operation: 'verify' })
    }),
}
