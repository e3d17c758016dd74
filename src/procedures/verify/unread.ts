// Keeps a revision from counting as verified while members run that have not read its ConfigMaps:
// an undo would go back to what nobody ever ran.

import { ownPods } from '../../decide/members/members.ts'
import { livesOf, readsConfigMap, stillLiving } from '../../decide/rollout/unread.ts'
import type { KubeObject } from '../../kube/kube.ts'
import type { EnsembleRecord, VerifiedRevision } from '../../record/record.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { Inspected } from '../apply/preflight.ts'
import type { HeldRecord } from '../../record/held-record.ts'
import type { Recorder } from '../../report/recorder.ts'

type Applied = Omit<VerifiedRevision, 'verifiedAt' | 'runUrl'>

/**
 * Lives of members (see livesOf) that were there before a ConfigMap of theirs was changed, by this
 * deploy or by one whose members have not started since.
 */
export function unreadBefore(
  { plan, setManifest }: Pick<Inspected, 'plan' | 'setManifest'>,
  { underWay, revisions }: EnsembleRecord,
  before: EnsembleView,
): readonly string[] {
  const changed = plan.some(
    ({ manifest: { object }, change }) =>
      object.kind === 'ConfigMap' &&
      change !== 'unchanged' &&
      readsConfigMap(setManifest.object, object.metadata.name),
  )
  return changed ? livesOf(before) : (underWay?.unread ?? revisions.at(-1)?.unread ?? [])
}

/**
 * How the revision is recorded: not as verified while one of `lives` continues, unless it was
 * verified before; undefined where nothing is to be recorded.
 */
export function appliedRevision(
  { revisions }: EnsembleRecord,
  applied: Applied,
  lives: readonly string[],
  view: EnsembleView,
  checked: boolean,
): Applied | undefined {
  const once = revisions.some((entry) => entry.digest === applied.digest && entry.verifiedAt !== '')
  if (!once && stillLiving(lives, view).length > 0) return { ...applied, unread: [...lives] }
  return checked ? applied : undefined
}

interface Deployed {
  /** See unreadBefore. */
  readonly unread: readonly string[]
  readonly view: EnsembleView
  /** In full. */
  readonly checked: boolean
  readonly objects: readonly KubeObject[]
  readonly report: Recorder
}

/**
 * Ends a deploy in the record, and says in the report how the ensemble stands; true when the
 * revision counts as verified.
 */
export async function recordApplied(
  record: HeldRecord,
  applied: Applied,
  { unread, view, checked, objects, report }: Deployed,
  signal: AbortSignal,
): Promise<boolean> {
  const { controllerRevision } = applied
  const pods = ownPods(view)
  const runs = pods.length === 0 || pods.some(({ revision: its }) => its === controllerRevision)
  const revision = appliedRevision(record.current, applied, unread, view, checked && runs)
  await record.verified(revision, { uid: view.set?.uid ?? '', objects }, signal)
  if (!runs) {
    report.stands('every member is available, at an earlier revision')
    report.note(
      `No member runs revision ${controllerRevision} yet, so it does not count as verified. Deploy again: members are replaced one by one.`,
    )
    return false
  }
  if (revision?.unread === undefined) {
    report.stands(checked ? 'every member is available and verified' : 'every member is available')
    return checked
  }
  const names = stillLiving(revision.unread, view)
  const [have, they] = names.length === 1 ? ['has', 'it has'] : ['have', 'they have']
  report.stands(
    `every member is available; ${names.join(', ')} ${have} not read a changed ConfigMap yet`,
  )
  report.note(
    `${names.join(', ')} ${have} not started since a ConfigMap of the members was changed: this revision counts as verified once ${they} (operation: restart). Until then an undo restores the earlier ConfigMaps.`,
  )
  return false
}

/**
 * No restart is under way any more; `checked` in full, the revision whose ConfigMaps every
 * member has read by now is verified.
 */
export async function endRestart(
  record: HeldRecord,
  view: EnsembleView,
  checked: boolean,
  signal: AbortSignal,
): Promise<void> {
  const last = record.current.revisions.at(-1)
  const read =
    last?.unread !== undefined &&
    last.controllerRevision === view.set?.status.updateRevision &&
    stillLiving(last.unread, view).length === 0
  if (read && checked) await record.lastRead(signal)
  else await record.end(signal)
}
