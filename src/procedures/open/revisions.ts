// The history of a set as the cluster keeps it (ControllerRevisions), set beside what the record
// knows to be verified.

import type { ProfileName } from '../../view/profile-name.ts'
import type { Kube } from '../../kube/kube.ts'
import { selectorText, toRevision } from '../../kube/views/index.ts'
import { memberContainer } from '../../manifests/ensemble.ts'
import { parsePodSpec } from '../../manifests/shapes.ts'
import type { EnsembleRecord } from '../../record/record.ts'
import type { RevisionRow } from '../../report/run-report.ts'
import type { RevisionView } from '../../view/revision.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { SetView } from '../../view/workload.ts'

/**
 * Ascending by number. They carry the labels of the template, which the selector always takes;
 * whose they are the controller's owner reference says. Needs `list controllerrevisions`.
 */
export async function listRevisions(
  kube: Pick<Kube, 'list'>,
  set: SetView,
  signal: AbortSignal,
): Promise<readonly RevisionView[]> {
  const { items } = await kube.list(
    { apiVersion: 'apps/v1', kind: 'ControllerRevision' },
    { namespace: set.namespace, labels: selectorText(set.selector) },
    signal,
  )
  return items
    .map(toRevision)
    .filter((revision) => revision.owner === set.uid)
    .toSorted((a, b) => a.revision - b.revision)
}

/**
 * By number, or by name; undefined when the history has none such. A number changes hands when a
 * revision is restored, a name doesn't.
 */
export function findRevision(
  revisions: readonly RevisionView[],
  wanted: string,
): RevisionView | undefined {
  return (
    revisions.find((one) => one.name === wanted) ??
    (/^\d+$/.test(wanted) ? revisions.find((one) => one.revision === Number(wanted)) : undefined)
  )
}

/** Image of the member's container; empty when the revision holds no pod spec that can be read. */
export function imageOf(revision: RevisionView, profile: ProfileName): string {
  const spec = parsePodSpec(revision.template?.['spec'])
  return spec === undefined ? '' : (memberContainer(spec, profile)?.image ?? '')
}

/**
 * The history for people: first the revisions that only the record still knows (the cluster trims
 * its own to `revisionHistoryLimit`), then those of the
 * cluster, ascending. `current` is the one that the template asks for (status.updateRevision);
 * `members` says what runs. Without a record nothing is known of what was verified.
 */
export function revisionRows(
  revisions: readonly RevisionView[],
  view: EnsembleView,
  record: Pick<EnsembleRecord, 'revisions'> | undefined,
  profile: ProfileName,
): RevisionRow[] {
  const { set } = view
  const verified = (record?.revisions ?? []).filter((entry) => entry.verifiedAt !== '')
  // The same template with ConfigMaps that its members have not read: what runs was verified, what
  // is applied was not.
  const last = record?.revisions.at(-1)
  const pending = last?.verifiedAt === '' ? last.controllerRevision : undefined
  const running = (name: string): number =>
    view.pods.filter((pod) => pod.owner?.uid === set?.uid && pod.revision === name).length
  const current = (name: string): boolean => name === set?.status.updateRevision
  const kept = revisions.map((one): RevisionRow => ({
    revision: one.revision,
    name: one.name,
    image: imageOf(one, profile),
    changeCause: one.changeCause,
    created: one.created,
    current: current(one.name),
    members: running(one.name),
    verified:
      record === undefined
        ? undefined
        : one.name !== pending && verified.some((entry) => entry.controllerRevision === one.name),
  }))
  // The same template with other companions is verified under the same name more than once: the
  // latest tells the image.
  const lost = new Map(
    verified
      .filter((entry) => !revisions.some((one) => one.name === entry.controllerRevision))
      .map((entry) => [entry.controllerRevision, entry]),
  )
  const recorded = [...lost.values()].map((entry): RevisionRow => ({
    revision: undefined,
    name: entry.controllerRevision,
    image: entry.image,
    changeCause: '',
    created: undefined,
    current: current(entry.controllerRevision),
    members: running(entry.controllerRevision),
    verified: true,
  }))
  return [...recorded, ...kept]
}
