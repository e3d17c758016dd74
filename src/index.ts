// The entry for main and post: builds the run from the runner's environment and the operating
// system, and chooses which of the two runs.

import './parse-without-eval.ts'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from './clock.ts'
import { failure } from './errors.ts'
import { listenForCancel } from './github/cancellation.ts'
import { command } from './github/command.ts'
import { runnerFiles } from './github/files.ts'
import { createLog, type Log } from './github/log.ts'
import { loadMasker, maskSecrets } from './github/mask.ts'
import { writeOutputs } from './github/outputs.ts'
import { reportFilePath, writeReportFile } from './github/report-file.ts'
import { readRunner } from './github/runner.ts'
import { readState, saveState } from './github/state.ts'
import { writeSummary } from './github/summary.ts'
import { createVoice } from './github/voice.ts'
import type { Inputs } from './inputs/inputs.ts'
import { secretsIn } from './inputs/login.ts'
import type { Kube } from './kube/kube.ts'
import { main } from './main.ts'
import { post } from './post.ts'
import type { RunProgram } from './program.ts'
import { verdictAnnotation } from './report/annotations.ts'
import { jsonReportText } from './report/json-report.ts'
import { plainLine } from './report/escape.ts'
import { outputsOf } from './report/outputs.ts'
import type { Recorder } from './report/recorder.ts'
import type { RunReport } from './report/run-report.ts'
import { COMMENT_LIMIT, summaryText } from './report/summary.ts'
import { closingLines } from './report/verdict.ts'
import type { PostState, Run } from './run.ts'

const env = process.env
// Not by `new URL('..', …)`: the bundler would take that for a file to be copied.
const home = dirname(dirname(fileURLToPath(import.meta.url)))
const runner = readRunner(env, process.cwd(), home)
const voice = createVoice((line) => void process.stdout.write(line))
const { write } = voice
/** Not the run's id alone: a job may use the action several times. */
const runId = `${runner.runId}-${runner.attempt}-${randomUUID().slice(0, 8)}`
const reportFile = reportFilePath(runner.temp)
const summaryFile = reportFile.replace(/report(-\w+)\.json$/, 'summary$1.md')
/** For the last lines to be read; milliseconds. */
const FLUSH_MS = 3_000

/** Loaded late: few runs start a program. */
const run: RunProgram = async (request, signal) =>
  (await import('./github/program.ts')).programs({
    env,
    directory: runner.workspace,
    clock: systemClock,
  })(request, signal)

async function connect(
  kubeconfig: string | undefined,
  context: string | undefined,
  tell: (line: string) => void,
  trace?: (line: string) => void,
): Promise<Kube> {
  const [mask, { connectKube }] = await Promise.all([
    loadMasker(env, voice.aside),
    import('./kube/connect.ts'),
  ])
  mask(['zookeeper-auth', 'cassandra-auth'].flatMap((id) => secretsIn(given(id))))
  const { kube, secrets } = await connectKube({
    kubeconfig,
    context,
    env,
    workspace: runner.workspace,
    temp: runner.temp,
    clock: systemClock,
    onSecret: (secret) => mask([secret]),
    run,
    say: (line) => tell(plainLine(line, 2000)),
    trace,
  })
  mask(secrets)
  return kube
}

function given(id: string): string | undefined {
  const value = env[`INPUT_${id.toUpperCase()}`]?.trim()
  return value === undefined || value === '' ? undefined : value
}

async function runMain(): Promise<void> {
  const cancellation = listenForCancel(
    process,
    (code) => process.exit(code),
    (line) => write(`${line}\n`),
  )
  const phases: RunReport['phases'] = []
  const log = createLog({
    write,
    now: () => systemClock.now(),
    debug: runner.debug,
    onPhase: (row) => phases.push(row),
  })
  const client = oneClient(log)
  const code = await main({
    env,
    now: () => systemClock.now(),
    runUrl: runner.runUrl,
    helpUrl: runner.helpUrl,
    cancelled: cancellation.signal,
    say: (line) => log.info(line),
    debug: (text) => log.debug(text),
    run: (report) => runOf(report, log, client.connect, cancellation.signal),
    show(report, kind) {
      report.phases = phases
      show(report, kind, log)
    },
  })
  cancellation.dispose()
  client.close()
  await end(code)
}

/** The client of the whole run, made when it is first asked for. */
function oneClient(log: Log): { readonly connect: Run['connect']; readonly close: () => void } {
  let kube: Promise<Kube> | undefined
  return {
    connect: (inputs) =>
      (kube ??= connect(
        inputs.kubeconfig,
        inputs.context,
        (line) => log.info(line),
        runner.debug ? (line) => log.debug(line) : undefined,
      )),
    close: () =>
      void kube?.then(
        (client) => client.close(),
        () => undefined,
      ),
  }
}

/** What an operation is given here: the runner's side, and this machine's. */
function runOf(report: Recorder, log: Log, connected: Run['connect'], signal: AbortSignal): Run {
  return {
    clock: systemClock,
    signal,
    journal: {
      ...log,
      phase: (title, work) => {
        report.begins(title)
        return log.phase(title, work)
      },
    },
    report,
    holder: {
      repository: runner.repository,
      runId: runner.runId,
      attempt: runner.attempt,
      runUrl: runner.runUrl,
    },
    runId,
    hostname: hostname(),
    manifestIo: runnerFiles(runner.workspace, runner.temp, {
      env,
      run,
      hide: (secrets) =>
        maskSecrets((secret) => write(`${command('add-mask', {}, secret)}\n`), secrets, env),
    }),
    hasCluster: async (inputs) =>
      (await import('./kube/sources.ts')).namesCluster({
        kubeconfig: inputs.kubeconfig,
        env,
        workspace: runner.workspace,
      }),
    connect: connected,
    command: async (request, until) =>
      (await import('./github/maintenance-command.ts')).runScript(
        { env, workspace: runner.workspace, temp: runner.temp, clock: systemClock, voice },
        request,
        until,
      ),
    publish: () =>
      void writeOutputs(env, outputsOf(report.shown, { report: reportFile, summary: summaryFile })),
    remember,
  }
}

function remember(state: PostState): void {
  try {
    saveState(env, state)
  } catch (error) {
    throw failure(
      'refused',
      'INTERNAL',
      "the runner's file for the state of this step (GITHUB_STATE) can't be written: without it the post step could not uncordon nodes or release the lock after a run was killed",
      {},
      error,
    )
  }
}

/** The report in every form that it has: file, page, outputs, log, and the one annotation. */
function show(report: RunReport, kind: Inputs['summary'], log: Log): void {
  const path = writeReportFile(reportFile, jsonReportText(report)) ? reportFile : undefined
  // Who switched the page off may still post the file as a comment.
  const shown = kind === 'off' ? 'full' : kind
  const comment = writeReportFile(summaryFile, summaryText(report, COMMENT_LIMIT, shown))
    ? summaryFile
    : undefined
  writeOutputs(env, outputsOf(report, { report: path, summary: comment }))
  const summary = kind !== 'off' && writeSummary(env, (limit) => summaryText(report, limit, kind))
  log.closeWarnings()
  const counts = Object.entries(report.requests).map(([request, count]) => `${request} ${count}`)
  if (counts.length > 0) log.debug(`requests to the API server: ${counts.join(', ')}`)
  for (const line of closingLines(report, { reportFile: path, summary })) log.info(line)
  const verdict = verdictAnnotation(report)
  if (verdict !== undefined) log.verdict(verdict.text, verdict.place, verdict.title)
}

async function runPost(): Promise<void> {
  const log = createLog({ write, now: () => systemClock.now(), debug: runner.debug })
  // Each line may name what somebody wrote into the cluster: one line of text, as main's are.
  await post(
    readState(env),
    () => connect(given('kubeconfig'), given('context'), (line) => log.info(line)),
    (line) => log.info(plainLine(line, 2000)),
  )
  await end(0)
}

/**
 * Once all is told and written: whatever is still open, a connection, a timer, a program, would
 * keep the step running until the job's own limit.
 */
async function end(code: number): Promise<never> {
  const flushed = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => void stream.write('', () => resolve())),
  )
  // A reader that reads no more must not hold it up either.
  await Promise.race([Promise.all(flushed), systemClock.sleep(FLUSH_MS)])
  return process.exit(code)
}

await (env['ZK_ENSEMBLE_STEP'] === 'post' ? runPost() : runMain())
