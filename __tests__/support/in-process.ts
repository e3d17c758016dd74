// Runs an operation of the action in the test's own process, on a clock that the test shares with
// the simulated cluster: no bundle, no waiting, and a run can be cancelled or cut off at any
// request.

import { relative } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../src/clock.ts'
import { connectKube } from '../../src/kube/connect.ts'
import type { Kube } from '../../src/kube/kube.ts'
import { main } from '../../src/main.ts'
import type { ManifestIo } from '../../src/manifests/io.ts'
import type { RunReport } from '../../src/report/run-report.ts'
import type { PostState, Run } from '../../src/run.ts'
import type { SimulatedCluster } from './cluster/cluster.ts'
import { idleClock } from './idle-clock.ts'

/** A kube client and its server pass a request on within so many turns of the event loop. */
const CLUSTER_TURNS = 24
const WORKSPACE = '/workspace'

/**
 * A clock for a cluster and the runs at it; `turns`: more of them where a run sends many requests
 * at once.
 */
export function clusterClock(turns = CLUSTER_TURNS): Clock {
  return idleClock(undefined, turns)
}

export interface InProcessRun {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  /** Kebab-case, as a workflow gives them. */
  readonly inputs: Readonly<Record<string, string>>
  /** Files of the workspace, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** By which the cluster's log, history and faults know it; default `run`. */
  readonly name?: string
  readonly onLine?: (line: string) => void
  /** What a maintenance command does; without it none can be run. */
  readonly command?: Run['command']
}

export interface Ended {
  readonly exitCode: number
  readonly report: RunReport
  /** The log, line by line, with the milliseconds since the run began. */
  readonly lines: readonly string[]
  /** Details of a fault of ours. */
  readonly faults: readonly string[]
  /** What the post step would get. */
  readonly state: PostState
}

export interface Started {
  readonly ended: Promise<Ended>
  /** As SIGINT does. */
  cancel(): void
  /** As the end of its runner does: the n-th request from now is the last that is served. */
  kill(atRequest?: number): void
}

/** Begins a run; never rejects because the step failed. */
export function startRun(run: InProcessRun): Started {
  const { cluster, clock } = run
  const name = run.name ?? 'run'
  const cancelled = new AbortController()
  const lines: string[] = []
  const faults: string[] = []
  const began = clock.now()
  let state: PostState = {}
  let connected: Promise<Kube> | undefined
  let shown: RunReport | undefined
  const over = new AbortController()
  const say = (line: string): void => {
    lines.push(`${String(clock.now() - began).padStart(7)} ${line}`)
    run.onLine?.(line)
  }
  const connect = async (): Promise<Kube> =>
    (
      await connectKube({
        kubeconfig: cluster.kubeconfigFor(name),
        env: {},
        workspace: WORKSPACE,
        temp: '/temp',
        clock,
        line: cluster.line,
      })
    ).kube

  async function begin(): Promise<Ended> {
    const exitCode = await main({
      env: Object.fromEntries(
        Object.entries(run.inputs).map(([id, value]) => [`INPUT_${id.toUpperCase()}`, value]),
      ),
      now: () => clock.now(),
      runUrl: `https://github.com/example/shop/actions/runs/${name}`,
      helpUrl: 'https://github.com/org/zk-ensemble-action/blob/v1/docs/troubleshooting.md',
      cancelled: cancelled.signal,
      run: (report) => ({
        clock,
        signal: cancelled.signal,
        report,
        holder: {
          repository: 'example/shop',
          runId: name,
          attempt: '1',
          runUrl: `https://github.com/example/shop/actions/runs/${name}`,
        },
        runId: `${name}-1-${began.toString(36)}`,
        journal: {
          async phase(title, work) {
            report.begins(title)
            say(`== ${title}`)
            let result = ''
            const value = await work((line) => (result = line))
            say(`${title}: ${result}`)
            return value
          },
          info: say,
          debug: () => undefined,
          warning: (text) => say(`warning: ${text}`),
          notice: (text) => say(`notice: ${text}`),
          verdict: (text) => say(`error: ${text}`),
        },
        hostname: 'runner-1',
        manifestIo: memoryFiles(run.files ?? {}),
        hasCluster: () => Promise.resolve(true),
        connect: () => (connected ??= connect()),
        publish: () => undefined,
        command:
          run.command ??
          (() => Promise.reject(new Error('this run has no machine to run commands on'))),
        remember: (given) => (state = given),
      }),
      show: (report) => (shown = report),
      say,
      debug: (text) => faults.push(text),
    })
    await connected?.then(
      (kube) => kube.close(),
      () => undefined,
    )
    if (shown === undefined) throw new Error('the run showed no report')
    return { exitCode, report: shown, lines, faults, state }
  }
  /** Once it is cut off nothing that it does is seen any more: it need not keep trying. */
  async function buried(atRequest: number): Promise<void> {
    const served = (): number => cluster.requests.filter(({ by }) => by === name).length
    const last = served() + atRequest
    while (served() < last && !over.signal.aborted) await clock.sleep(500)
    cancelled.abort(new Error('killed'))
  }

  return {
    ended: begin().finally(() => over.abort()),
    cancel: () => cancelled.abort(new Error('cancelled')),
    kill(atRequest = 0) {
      cluster.faults.cutOff(name, atRequest)
      void buried(atRequest)
    },
  }
}

/** Runs it to its end. */
export function runHere(run: InProcessRun): Promise<Ended> {
  return startRun(run).ended
}

/** Resolves when it holds, by the cluster's clock; rejects after simulated minutes. */
export async function untilHere(
  clock: Clock,
  what: string,
  holds: () => boolean,
  minutes = 20,
): Promise<void> {
  const end = clock.now() + minutes * 60_000
  while (!holds()) {
    if (clock.now() > end) throw new Error(`in vain: ${what}`)
    await clock.sleep(100)
    await turn()
  }
}

function memoryFiles(files: Readonly<Record<string, string>>): ManifestIo {
  const pathOf = (path: string): string => relative(WORKSPACE, path)
  const missing = (path: string): Error =>
    Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), {
      code: 'ENOENT',
    })
  return {
    workspace: WORKSPACE,
    temp: undefined,
    open(path) {
      const text = files[pathOf(path)]
      return Promise.resolve(
        text === undefined
          ? undefined
          : { kind: 'file', real: path, size: Buffer.byteLength(text), bytes: Buffer.from(text) },
      )
    },
    realpath: (path) => Promise.resolve(path),
    stat(path) {
      const text = files[pathOf(path)]
      return Promise.resolve(
        text === undefined ? undefined : { kind: 'file', size: Buffer.byteLength(text) },
      )
    },
    readDirectory: () => Promise.resolve([]),
    glob: () => Promise.resolve([]),
    run: ({ command }) => Promise.reject(missing(command)),
    hide: () => undefined,
    fetch: () => Promise.reject(new Error('no network')),
  }
}
