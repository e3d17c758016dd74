// The cluster of a run: connected once, named in the report with what it was asked, and for no
// longer than the run may take.

import type { Inputs } from '../../inputs/inputs.ts'
import type { Kube } from '../../kube/kube.ts'
import { inWords } from '../../report/doing.ts'
import type { Run } from '../../run.ts'
import { timeLimit } from '../../time-limit.ts'

/** Connects and does the work; what bounds the time of each part is the work's own affair. */
export async function withCluster(
  inputs: Inputs,
  run: Run,
  work: (kube: Kube) => Promise<void>,
): Promise<void> {
  const kube = await run.connect(inputs)
  run.report.about({ context: kube.context })
  try {
    await work(kube)
  } finally {
    run.report.about({ requests: { ...kube.requests } })
  }
}

/** The same, ended with TIMEOUT once the timeout is over. */
export async function withClusterInTime(
  inputs: Inputs,
  run: Run,
  work: (kube: Kube, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await withCluster(inputs, run, (kube) =>
    within(inputs.timeoutMs, run, (signal) => work(kube, signal)),
  )
}

/** Ends `work` with TIMEOUT when it takes longer. */
export async function within<T>(
  ms: number,
  { clock, report, signal }: Run,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = timeLimit(clock, ms, () => inWords(report), signal)
  try {
    return await work(limit.signal)
  } finally {
    limit.end()
  }
}
