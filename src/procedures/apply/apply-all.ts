// Applies what was planned, one object after the other in dependency order, and tells of each
// whether it was created, configured or not touched.

import { objectName, type KubeObject } from '../../kube/kube.ts'
import type { Ensemble } from '../open/ensemble.ts'
import { applyPlanned } from './apply.ts'
import { awaitServed } from './own-kinds.ts'
import type { PlannedChange } from './plan-changes.ts'
import type { Inspected } from './preflight.ts'

export interface Applied {
  /** The StatefulSet as the server has it now. */
  readonly set: KubeObject
  /** Objects that this run created. */
  readonly created: readonly KubeObject[]
}

/**
 * `first`: the StatefulSet as it is to be applied first: with its partition raised where a roll is
 * paced. `rolls`: members will be replaced.
 */
export async function applyAll(
  ensemble: Pick<Ensemble, 'kube' | 'run'>,
  ground: Inspected,
  { first, rolls }: { readonly first: KubeObject; readonly rolls: boolean },
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Applied> {
  const { kube, run } = ensemble
  const { journal, report } = run
  const created: KubeObject[] = []
  const count = { created: 0, configured: 0, unchanged: 0 }
  let set: KubeObject = ground.setManifest.object
  let applied = 0
  for (const planned of ground.plan) {
    if (planned.awaits !== undefined)
      await awaitServed(kube, run.clock, planned.awaits, planned.manifest.object, signal)
    const name = objectName(planned.manifest.object)
    const { object, change } = await applyPlanned(
      ensemble,
      planned.manifest === ground.setManifest ? held(planned, first) : planned,
      (now) => {
        report.did({ what: `${name} ${now.change}` })
        report.stands(`${applied + 1} of ${ground.plan.length} objects were applied`)
      },
      signal,
    )
    applied += 1
    count[change] += 1
    if (planned.manifest === ground.setManifest) set = object
    if (change === 'created') created.push(object)
    const note = noteOf(planned)
    report.row({ object: name, change, ...(note === undefined ? {} : { note }) })
    journal.info(`${name} ${change}${note === undefined ? '' : ` (${note})`}`)
  }
  if (report.changed && ground.live !== undefined && !rolls)
    report.note(
      'The pod template did not change: no member is replaced. A server reads a changed ConfigMap only when it starts.',
    )
  done(
    (['created', 'configured', 'unchanged'] as const)
      .flatMap((change) => (count[change] === 0 ? [] : [`${count[change]} ${change}`]))
      .join(', '),
  )
  return { set, created }
}

/** What of it changes, in a few words. */
export function noteOf({
  takeOver,
  paths,
}: Pick<PlannedChange, 'takeOver' | 'paths'>): string | undefined {
  if (takeOver) return 'taken over from kubectl apply'
  return paths.length === 0
    ? undefined
    : paths.slice(0, 3).join(', ') + (paths.length > 3 ? ` and ${paths.length - 3} more` : '')
}

/**
 * Raising the partition is a change of its own: a set that is unchanged otherwise is applied all
 * the same.
 */
function held(planned: PlannedChange, first: KubeObject): PlannedChange {
  if (first === planned.manifest.object) return planned
  return {
    ...planned,
    manifest: {
      ...planned.manifest,
      object: first,
      placeOf: (path) => planned.manifest.placeOf(path),
    },
    change: planned.change === 'unchanged' ? 'configured' : planned.change,
  }
}
