// Writes what an apply would change into the report: each object, its diff without secrets, and
// whose fields it takes.

import { lostFields } from '../../decide/apply/lost-fields.ts'
import { isOursOrKubectl } from '../apply/takings.ts'
import { FIELD_MANAGER, objectName } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { secretValues } from '../../manifests/secret-values.ts'
import { diffOf } from '../../report/object-diff.ts'
import type { DiffRow } from '../../report/run-report.ts'
import type { Run } from '../../run.ts'
import { outcomeOf, type PlannedChange } from '../apply/plan-changes.ts'
import { noteOf } from '../apply/apply-all.ts'

/** `missing`: the namespace that a deploy would make; `hidden`: secrets of the inputs. */
export function tellChanges(
  { journal, report }: Run,
  plan: readonly PlannedChange[],
  { missing, hidden }: { readonly missing: string | undefined; readonly hidden: readonly string[] },
): void {
  if (missing !== undefined) report.row({ object: `namespace/${missing}`, change: 'created' })
  const known = [
    ...hidden,
    ...secretValues(
      plan.flatMap(({ manifest, live }) => [
        manifest,
        ...(live === undefined ? [] : [{ object: live }]),
      ]),
    ),
  ]
  for (const planned of plan) {
    const {
      manifest: { object },
      awaits,
    } = planned
    const change = outcomeOf(planned)
    const note =
      awaits === undefined
        ? noteOf(planned)
        : `its kind comes with customresourcedefinition/${awaits.metadata.name}, so that it could not be tried`
    report.row({
      object: objectName(object),
      change,
      ...(note === undefined ? {} : { note }),
    })
    journal.info(
      `${objectName(object)} would be ${change === 'unchanged' ? 'left as it is' : change}${note === undefined ? '' : ` (${note})`}`,
    )
    if (change !== 'unchanged') report.differs(diffRow({ ...planned, change }, known))
  }
}

function diffRow(
  { manifest: { object }, live, result, change, compared }: PlannedChange,
  known: readonly string[],
): DiffRow {
  const after = live === undefined ? object : result
  const lost =
    live === undefined || result === undefined || compared === true
      ? []
      : lostFields(
          (live.metadata.managedFields ?? []).filter((entry) => !isOursOrKubectl(entry)),
          result.metadata.managedFields ?? [],
          FIELD_MANAGER,
        )
  return {
    object: objectName(object),
    change,
    lines: after === undefined ? [] : [...diffOf(live, after, known)],
    lost: lost.map(
      ({ from, fields }) =>
        `${from} would lose ${fields.slice(0, 20).join(', ')}${fields.length > 20 ? ` and ${fields.length - 20} more` : ''}`,
    ),
  }
}

/** Where there is no cluster: the objects as they would be sent. */
export function tellRendered(
  { report }: Run,
  manifests: readonly Manifest[],
  hidden: readonly string[],
): void {
  const known = [...hidden, ...secretValues(manifests)]
  for (const { object } of manifests)
    report.differs({
      object: objectName(object),
      change: 'rendered',
      lines: [...diffOf(undefined, object, known)],
      lost: [],
    })
}
