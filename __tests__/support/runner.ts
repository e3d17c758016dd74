// Starts the bundle as the GitHub runner starts it: the same environment, command files, signals
// and post step; and reads back what the runner reads.

import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'
import { scratch } from './scratch.ts'
import { startOwn, warmProcesses } from './warm/start.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Set by `npm test`: a run of the bundle needs 0.1 s of CPU less. */
const COMPILED = process.env['NODE_COMPILE_CACHE']

export interface ActionRun {
  /** Inputs as a workflow gives them, kebab-case; the others get their default from action.yml. */
  readonly inputs: Readonly<Record<string, string>>
  /** Added to the step's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Text of a kubeconfig; written to RUNNER_TEMP and named by KUBECONFIG. */
  readonly kubeconfig?: string
  /** Files of the workspace, by path. */
  readonly files?: Readonly<Record<string, string>>
  /**
   * At the first line that matches: SIGINT, after 7.5 s SIGTERM, after 10 s the end, as the runner
   * cancels.
   */
  readonly cancelAt?: RegExp
  /** At the first line that matches: SIGKILL, as when the runner is lost. */
  readonly killAt?: RegExp
  /** Gets, before the start, what cancels the run. */
  readonly cancelWhen?: (cancel: () => void) => void
  readonly onLine?: (line: string) => void
  /** Told the process once it is started. */
  readonly onStart?: (child: ChildProcess) => void
  /**
   * It may run in a process that has run others before, where the test isn't about the process:
   * a run needs a third of the CPU then.
   */
  readonly warm?: boolean
  /** A run before this one in the same job: workspace and RUNNER_TEMP are its. */
  readonly job?: Job
}

/** What the steps of one job share on the runner. */
export interface Job {
  readonly directory: string
  readonly workspace: string
  readonly temp: string
  /** Names it in GITHUB_RUN_ID. */
  readonly runId: string
}

export interface Annotation {
  readonly kind: 'error' | 'warning' | 'notice'
  readonly message: string
  readonly title: string
  readonly file: string
  readonly line: number | undefined
}

export interface Finished {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly outputs: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
  readonly summary: string
  /** Standard output, line by line, as the runner gets it. */
  readonly lines: readonly string[]
  readonly stderr: string
  readonly annotations: readonly Annotation[]
  readonly masks: readonly string[]
  /** Milliseconds from the first signal to the end; undefined when none was sent. */
  readonly endedAfterSignalMs: number | undefined
  readonly job: Job
  /** Runs the post step with what main saved. */
  post(more?: { readonly env?: Readonly<Record<string, string>> }): Promise<Finished>
}

const actionSchema = z.object({
  inputs: z.record(z.string(), z.object({ default: z.string().optional() })),
  runs: z.object({ main: z.string(), post: z.string() }),
})

function action(): z.infer<typeof actionSchema> {
  return actionSchema.parse(parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')))
}

/** A directory for a job, removed with `endJob`. */
export function newJob(directory = mkdtempSync(join(tmpdir(), 'zk-ensemble-job-'))): Job {
  const job = {
    directory,
    workspace: join(directory, 'workspace'),
    temp: join(directory, 'temp'),
    runId: String(1_000_000 + Math.floor(Math.random() * 8_000_000)),
  }
  for (const path of [job.workspace, job.temp, join(directory, 'home')]) mkdirSync(path)
  return job
}

export function endJob(job: Job): void {
  rmSync(job.directory, { recursive: true, force: true })
}

/** Runs main to its end; never rejects because the step failed. */
export async function runAction(run: ActionRun): Promise<Finished> {
  return runStep(run, run.job ?? newJob(scratch('job')), 'main', {})
}

async function runStep(
  run: ActionRun,
  job: Job,
  stage: 'main' | 'post',
  state: Readonly<Record<string, string>>,
): Promise<Finished> {
  const { inputs, runs } = action()
  const files = Object.fromEntries(
    ['OUTPUT', 'STATE', 'ENV', 'PATH', 'STEP_SUMMARY'].map((name) => [
      name,
      join(job.temp, `${name.toLowerCase()}-${randomUUID()}`),
    ]),
  )
  for (const path of Object.values(files)) writeFileSync(path, '')
  for (const [path, text] of Object.entries(run.files ?? {})) {
    mkdirSync(join(job.workspace, path, '..'), { recursive: true })
    writeFileSync(join(job.workspace, path), text)
  }
  const kubeconfig = join(job.temp, 'kubeconfig')
  if (run.kubeconfig !== undefined) writeFileSync(kubeconfig, run.kubeconfig)
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: join(job.directory, 'home'),
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: job.workspace,
    RUNNER_TEMP: job.temp,
    RUNNER_OS: 'Linux',
    GITHUB_RUN_ID: job.runId,
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_REPOSITORY: 'example/shop',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_ACTION_REPOSITORY: 'org/zk-ensemble-action',
    GITHUB_ACTION_REF: 'v1',
    GITHUB_WORKFLOW: 'deploy',
    GITHUB_ACTOR: 'octocat',
    GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
    ...Object.fromEntries(Object.entries(files).map(([name, path]) => [`GITHUB_${name}`, path])),
    ...(COMPILED === undefined ? {} : { NODE_COMPILE_CACHE: COMPILED }),
    ...(run.kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }),
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, { default: value }]) => [
        `INPUT_${name.toUpperCase()}`,
        run.inputs[name] ?? value ?? '',
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(run.inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
    ),
    ...Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value])),
    ...run.env,
  }
  // For work on the action: ZK_ENSEMBLE_DIST names a directory with a bundle that isn't committed
  // yet.
  const entry = join(
    process.env['ZK_ENSEMBLE_DIST'] ?? join(ROOT, dirname(runs.main)),
    basename(runs[stage]),
  )
  const lines: string[] = []
  let signalled: number | undefined
  const timers: NodeJS.Timeout[] = []
  const onLine = (line: string): void => {
    lines.push(line)
    run.onLine?.(line)
    if (stage !== 'main' || signalled !== undefined) return
    if (run.killAt?.test(line) === true) {
      signalled = performance.now()
      child.kill('SIGKILL')
    } else if (run.cancelAt?.test(line) === true) {
      signalled = performance.now()
      cancel(child, timers)
    }
  }
  const start = isAboutTheProcess(run) ? startOwn : warmProcesses.start.bind(warmProcesses)
  const { child, ended } = start({ entry, directory: job.workspace, env }, onLine)
  run.onStart?.(child)
  run.cancelWhen?.(() => {
    if (signalled !== undefined) return
    signalled = performance.now()
    cancel(child, timers)
  })
  const { exitCode, signal, stderr } = await ended
  for (const timer of timers) clearTimeout(timer)
  const saved = readCommandFile(files['STATE'] ?? '')
  return {
    exitCode,
    signal,
    outputs: readCommandFile(files['OUTPUT'] ?? ''),
    state: saved,
    summary: readFileSync(files['STEP_SUMMARY'] ?? '', 'utf8'),
    lines,
    stderr,
    ...readCommands(lines),
    endedAfterSignalMs: signalled === undefined ? undefined : performance.now() - signalled,
    job,
    post: (more) => runStep({ ...run, env: { ...run.env, ...more?.env } }, job, 'post', saved),
  }
}

/** Signals, its end, what Node reads when it starts: nothing of that in a process that others use. */
function isAboutTheProcess({
  warm,
  cancelAt,
  killAt,
  cancelWhen,
  onStart,
  env,
}: ActionRun): boolean {
  return (
    warm !== true ||
    [cancelAt, killAt, cancelWhen, onStart].some((one) => one !== undefined) ||
    Object.keys(env ?? {}).some((name) => name.startsWith('NODE_'))
  )
}

/** The runner's ladder: SIGINT, SIGTERM after 7.5 s, the end after 10 s. */
function cancel(child: ChildProcess, timers: NodeJS.Timeout[]): void {
  child.kill('SIGINT')
  timers.push(
    setTimeout(() => child.kill('SIGTERM'), 7500),
    setTimeout(() => child.kill('SIGKILL'), 10_000),
  )
}

/** A command file: `name=value` or a heredoc; the last value of a name counts. */
export function readCommandFile(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').split('\n')
  const found: Record<string, string> = {}
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const heredoc = /^([^=<]+)<<(.+)$/.exec(line)
    if (heredoc === null) {
      const equals = line.indexOf('=')
      if (equals > 0) found[line.slice(0, equals)] = line.slice(equals + 1)
      continue
    }
    const end = lines.indexOf(heredoc[2] ?? '', at + 1)
    if (end < 0) throw new Error(`the entry ${heredoc[1] ?? ''} has no end`)
    found[heredoc[1] ?? ''] = lines.slice(at + 1, end).join('\n')
    at = end
  }
  return found
}

export interface Command {
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly message: string
}

/** A workflow command; undefined for a line of text. */
export function readCommand(line: string): Command | undefined {
  const found = /^\s*::([^\s:]+)(?: ([^:]*(?:%3A[^:]*)*))?::(.*)$/.exec(line)
  if (found === null) return undefined
  const plain = (text: string): string =>
    text
      .replaceAll('%3A', ':')
      .replaceAll('%2C', ',')
      .replaceAll('%0D', '\r')
      .replaceAll('%0A', '\n')
      .replaceAll('%25', '%')
  const pairs = (found[2] ?? '')
    .split(',')
    .filter((pair) => pair !== '')
    .map(
      (pair) =>
        [pair.slice(0, pair.indexOf('=')), plain(pair.slice(pair.indexOf('=') + 1))] as const,
    )
  return {
    name: found[1] ?? '',
    properties: Object.fromEntries(pairs),
    message: plain(found[3] ?? ''),
  }
}

/**
 * Annotations and masks, as the runner takes them from the log: nothing between stop-commands and
 * its token counts.
 */
export function readCommands(lines: readonly string[]): {
  annotations: Annotation[]
  masks: string[]
} {
  const annotations: Annotation[] = []
  const masks: string[] = []
  let stopped: string | undefined
  for (const command of lines.map(readCommand)) {
    if (command === undefined) continue
    const { name, properties, message } = command
    if (stopped !== undefined) stopped = name === stopped ? undefined : stopped
    else if (name === 'stop-commands') stopped = message
    else if (name === 'add-mask') masks.push(message)
    else if (name === 'error' || name === 'warning' || name === 'notice') {
      const line = properties['line']
      annotations.push({
        kind: name,
        message,
        title: properties['title'] ?? '',
        file: properties['file'] ?? '',
        line: line === undefined ? undefined : Number(line),
      })
    }
  }
  return { annotations, masks }
}
