// One manifest that is to be applied, beside what stands in the cluster under its name: what every
// question about its apply is asked of.

import { takingsOf, type Taking, type ToTake } from './takings.ts'
import type { KubeObject } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { partitionOf } from '../../manifests/partition.ts'

export interface Planning extends Omit<ToTake, 'rollingUpdate'> {
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
  readonly options: Planning & ToTake
}

export function toApply(
  manifest: Manifest,
  live: KubeObject | undefined,
  asked: Planning,
): ToApply {
  const onDelete =
    manifest.object.kind === 'StatefulSet' && partitionOf(manifest.object) === undefined
  const rollingUpdate = asked.force ? 'all' : asked.taking === undefined ? undefined : 'people'
  const options = onDelete ? ({ ...asked, rollingUpdate } as const) : asked
  const takings = live === undefined ? [] : takingsOf(live, options)
  return { manifest, live, takings, options }
}
