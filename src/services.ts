// What an operation is given: the effects it may use, passed in by the entry, so that a test can pass its own.

import type { Clock } from './clock.ts'
import type { Kube } from './kube/kube.ts'
import type { Inputs } from './inputs/inputs.ts'
import type { ManifestIo } from './manifests/io.ts'
import type { Holder } from './record/lock.ts'
import type { Journal } from './report/journal.ts'
import type { RunReport } from './report/run-report.ts'

export interface Services {
  readonly clock: Clock
  /** Aborted by a cancel of the run. */
  readonly signal: AbortSignal
  readonly journal: Journal
  /** Filled in as the run goes; rendered on every path. */
  readonly report: RunReport
  readonly holder: Holder
  /** Unique to this run: names the check's data. */
  readonly runId: string
  readonly manifestIo: ManifestIo
  /** Connects once; later calls give the same client. */
  connect(inputs: Inputs): Promise<Kube>
  /** Writes the outputs as they stand: the runner keeps the last value, also after a kill. */
  publish(): void
  /** Tells the post step what to give back, before it is taken. */
  remember(state: PostState): void
}

/** What the post step needs to give back what a killed main left. */
export interface PostState {
  readonly lock?: { readonly namespace: string; readonly lease: string; readonly identity: string }
  /** Nodes that may carry a cordon made under this lock, for the ensemble `namespace/name`. */
  readonly nodes?: readonly { readonly name: string; readonly ensemble: string }[]
}
