// Runs one operation and tells how it came out, on every path: the only catch of the action.

import { EnsembleError, failure, withWayAround, type Finding } from './errors.ts'
import type { Inputs } from './inputs/inputs.ts'
import { readInputs, takesInput } from './inputs/parse.ts'
import { warningText } from './report/annotations.ts'
import { messageFor } from './report/message.ts'
import type { RunReport } from './report/run-report.ts'
import type { Run } from './run.ts'
import { Recorder } from './report/recorder.ts'

/** The runner's side: how a report is shown, and what a run works with. */
export interface Runner {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly runUrl: string
  /** The troubleshooting page of the version that runs; empty where it is not known. */
  readonly helpUrl: string
  /** Aborted by SIGINT or SIGTERM. */
  readonly cancelled: AbortSignal
  run(report: Recorder): Run
  /** Shows the report: outputs, log, annotations, summary, JSON file. Never throws. */
  show(report: RunReport, summary: Inputs['summary']): void
  /** A line of the log. */
  say(line: string): void
  /** Details of a fault of ours, for the debug log. */
  debug(text: string): void
}

/** The exit code: 0 only for succeeded, unchanged and planned. */
export async function main(runner: Runner): Promise<number> {
  const report = new Recorder(runner.env['INPUT_OPERATION'] || 'deploy', runner)
  report.about({ runUrl: runner.runUrl, helpUrl: runner.helpUrl })
  const run = runner.run(report)
  const read = readInputs(runner.env)
  try {
    const inputs = await soundInputs(read, run)
    report.found(...inputs.warnings)
    for (const warning of inputs.warnings) run.journal.warning(warningText(warning))
    const operate = await operationOf(inputs)
    await operate(inputs, run)
  } catch (error) {
    settle(report, await asEnsembleError(error, report), runner)
  }
  report.closes(messageFor)
  runner.show(report.shown, read.inputs.summary)
  return report.result === 'succeeded' ||
    report.result === 'unchanged' ||
    report.result === 'planned'
    ? 0
    : 1
}

/**
 * The inputs; with a fault in them the manifests are read all the same, so that every fault of a
 * run is in one message.
 */
async function soundInputs(
  { inputs, faults, broken }: ReturnType<typeof readInputs>,
  run: Run,
): Promise<Inputs> {
  const [first, ...rest] = faults
  if (first === undefined) return inputs
  const readable =
    (inputs.operation === 'deploy' || inputs.operation === 'plan') &&
    inputs.manifests.length > 0 &&
    !broken.has('operation') &&
    !broken.has('manifests')
  throw new EnsembleError('refused', [
    first,
    ...rest,
    ...(readable ? await manifestFaults(inputs, run) : []),
    ...inputs.warnings,
  ])
}

async function manifestFaults(inputs: Inputs, run: Run): Promise<readonly Finding[]> {
  const { loadManifests } = await import('./manifests/load.ts')
  try {
    await loadManifests(inputs, run.manifestIo, run.signal)
    return []
  } catch (error) {
    if (error instanceof EnsembleError) return error.findings
    throw error
  }
}

/**
 * Only what the operation needs is loaded: a run that is refused never pays for the cluster client.
 */
async function operationOf(inputs: Inputs): Promise<(inputs: Inputs, run: Run) => Promise<void>> {
  switch (inputs.operation) {
    case 'deploy':
      if (inputs.dryRun) return (await import('./operations/plan.ts')).plan
      return (await import('./operations/deploy.ts')).deploy
    case 'verify':
      return (await import('./operations/verify.ts')).verify
    case 'undo':
      return (await import('./operations/undo.ts')).undo
    case 'restart':
      return (await import('./operations/restart.ts')).restart
    case 'history':
      return (await import('./operations/history.ts')).history
    case 'status':
      return (await import('./operations/status.ts')).status
    case 'scale':
      return (await import('./operations/scale.ts')).scale
    case 'uncordon':
      return (await import('./operations/uncordon.ts')).uncordon
    case 'drain':
      return (await import('./operations/drain.ts')).drain
    case 'plan':
      return (await import('./operations/plan.ts')).plan
    case 'cleanup':
      return (await import('./operations/cleanup.ts')).cleanup
  }
}

async function asEnsembleError(error: unknown, report: Recorder): Promise<unknown> {
  if (error instanceof EnsembleError) return error
  const outcome = report.changed ? 'failed' : 'refused'
  const { ViewError } = await import('./kube/views/shape.ts')
  if (error instanceof ViewError)
    return failure(
      outcome,
      'CHECK_IMPOSSIBLE',
      error.message,
      {
        fix: 'It does not have the shape that the Kubernetes API defines: look at it with kubectl, and check for a proxy between this runner and the API server.',
      },
      error,
    )
  const { KubeFailure } = await import('./kube/failure.ts')
  if (!(error instanceof KubeFailure)) return error
  const { explainFailure } = await import('./kube/explain.ts')
  return new EnsembleError(outcome, [explainFailure(error)], { cause: error })
}

function settle(report: Recorder, error: unknown, runner: Runner): void {
  if (runner.cancelled.aborted) {
    report.failed('cancelled', 'CANCELLED', [
      { code: 'CANCELLED', severity: 'error', message: `cancelled; ${report.standing}` },
    ])
    return
  }
  const { outcome, code, findings } =
    error instanceof EnsembleError ? error : ownFault(error, runner)
  report.failed(
    // What was refused has changed nothing: where something was, it has failed.
    outcome === 'refused' && report.changed ? 'failed' : outcome,
    code,
    findings.map((finding) =>
      withWayAround(finding, (input, value) => takesInput(runner.env, input, value)),
    ),
  )
}

/** Nothing of the cluster or of the inputs: its details are for the debug log. */
function ownFault(error: unknown, runner: Runner): EnsembleError {
  runner.debug(error instanceof Error ? (error.stack ?? error.message) : String(error))
  const name = error instanceof Error ? error.name : 'unknown'
  return failure('failed', 'INTERNAL', `a fault of the action itself: ${name}`)
}
