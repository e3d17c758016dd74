// What an operation is given: the effects it may use, passed in by the entry, so that a test can
// pass its own.

import type { Clock } from './clock.ts'
import type { Kube } from './kube/kube.ts'
import type { Inputs } from './inputs/inputs.ts'
import type { ManifestIo } from './manifests/io.ts'
import type { Holder } from './record/lock.ts'
import type { Journal } from './report/journal.ts'
import type { Recorder } from './report/recorder.ts'

export interface Run {
  readonly clock: Clock
  /** Aborted by a cancel of the run. */
  readonly signal: AbortSignal
  readonly journal: Journal
  /** Filled in as the run goes; rendered on every path. */
  readonly report: Recorder
  readonly holder: Holder
  /** Unique to this run: names the check's data. */
  readonly runId: string
  /** Of the machine that this runs on; in a pod the pod's name. */
  readonly hostname: string
  readonly manifestIo: ManifestIo
  /**
   * Whether a kubeconfig is given or at hand, or this runner is a Pod: without one there is nothing
   * to connect to.
   */
  hasCluster(inputs: Inputs): Promise<boolean>
  /** Connects once; later calls give the same client. */
  connect(inputs: Inputs): Promise<Kube>
  /** Writes the outputs as they stand: the runner keeps the last value, also after a kill. */
  publish(): void
  /** Tells the post step what to release, before it is taken. */
  remember(state: PostState): void
  /** Runs a bash script of the user's on this machine; rejects when bash can't be started. */
  command(request: CommandRequest, signal: AbortSignal): Promise<CommandOutcome>
}

export interface CommandRequest {
  readonly script: string
  /** Added to the step's environment. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** `last`: the last line that it printed, as it came. */
export type CommandOutcome =
  | { readonly kind: 'exited'; readonly code: number; readonly last: string }
  | { readonly kind: 'timed-out' | 'cancelled'; readonly last: string }

/** What the post step needs to release what a killed main left. */
export interface PostState {
  readonly lock?: { readonly namespace: string; readonly lease: string; readonly identity: string }
  /** Nodes that may carry a cordon made under this lock, for the ensemble `namespace/name`. */
  readonly nodes?: readonly { readonly name: string; readonly ensemble: string }[]
}
