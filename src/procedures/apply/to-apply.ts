// One manifest that is to be applied, beside what stands in the cluster under its name: what every
// question about its apply is asked of.

import { takingsOf, type Taking, type ToTake } from './takings.ts'
import type { KubeObject } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'

export interface Planning extends ToTake {
  readonly force: boolean
  readonly dryRuns: boolean
  /** Whether the operation has the input force-conflicts. Default true. */
  readonly mayForce?: boolean
  /**
   * Objects whose apply may not be tried, not even dry; `there`: it exists. They are compared with
   * what stands in the cluster.
   */
  readonly untried?: ((object: KubeObject, there: boolean) => boolean) | undefined
  /**
   * UID of the StatefulSet that is changed: one that is gone is not made again, and another of its
   * name is not touched.
   */
  readonly set?: string | undefined
}

export interface ToApply {
  readonly manifest: Manifest
  /** Undefined when it isn't there yet. */
  readonly live: KubeObject | undefined
  /** Whose fields become ours with it. */
  readonly takings: readonly Taking[]
  readonly options: Planning
}

export function toApply(
  manifest: Manifest,
  live: KubeObject | undefined,
  options: Planning,
): ToApply {
  const takings = live === undefined ? [] : takingsOf(live, options)
  return { manifest, live, takings, options }
}
