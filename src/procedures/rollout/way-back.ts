// What a deploy that did not succeed leaves behind, and the commands by which a person rolls it
// back, to be followed as they stand.

import { codeRow, type Code } from '../../codes.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import type { Recorder } from '../../report/recorder.ts'

/** Looking up a revision must not hold up the end of a run whose cluster is away. */
const LOOK_UP_MS = 3_000

export interface Ended {
  readonly firstInstall: boolean
  /** Of the failure, undefined for one of the API or of ours. */
  readonly code: Code | undefined
  /** The run itself replaced the members one by one: without it nobody continues. */
  readonly paced: boolean
  /** Where its roll is, see RollPlace; empty where none is on its way. */
  readonly rollAt: string
  /** What was applied, in words. */
  readonly applied: string
}

/** Says in the report how the cluster stands. */
export function explainStanding(
  report: Recorder,
  { firstInstall, code, paced, rollAt, applied }: Ended,
): void {
  const ready = `${report.readyReplicas ?? 0} of ${report.replicas ?? 0} members are ready`
  if (!report.changed) {
    report.stands(`nothing was changed; ${ready}`)
    return
  }
  report.stands(`${applied} applied, ${ready}; ${whatNow(code, paced, rollAt)}`)
  if (firstInstall)
    report.note(
      'This was the first install: there is nothing to roll back to. Everything was left as it is, claims included, so that it can be looked at.',
    )
}

function whatNow(code: Code | undefined, paced: boolean, rollAt: string): string {
  const halted = rollAt === '' ? '' : `the roll is halted ${rollAt}; `
  const leaves = code === undefined ? undefined : codeRow(code).leaves
  if (leaves === 'stuck') return `${halted}it stays so until the cause is fixed`
  if (leaves === 'unverified') return 'the ensemble is not verified'
  if (paced)
    return `${halted === '' ? 'nothing continues by itself: members that were not replaced keep their revision; ' : halted}the next run continues from here`
  return 'the StatefulSet controller continues by itself, and the next run waits for it and verifies'
}

/**
 * Adds the commands that roll it back: to the revision that the members ran before, whatever
 * revisions lie between, and rid of the pods that would
 * stay stuck. `before`: the StatefulSet before this run. Where that revision is wanted again
 * already, only the stuck pods are named. Never rejects.
 */
export async function offerWayBack(
  kube: Pick<Kube, 'get'>,
  report: Recorder,
  before: KubeObject,
): Promise<void> {
  const { name, namespace = 'default' } = before.metadata
  // The template before this run may itself be one that failed: only what the members ran is worth
  // going back to.
  const ran = toSet(before).status.currentRevision
  if (!report.changed || ran === '') return
  const stuck = report.members.filter(
    (member) => !member.ready && member.revision !== undefined && member.revision !== ran,
  )
  const frees = stuck.map(
    ({ pod }) =>
      `kubectl -n ${namespace} delete pod ${pod} # not Ready: the controller does not replace it by itself`,
  )
  if (ran === report.revision) {
    // It is wanted already: an undo would bring the fault back.
    report.offer(...frees)
    return
  }
  const revision = await numberIfReadable(kube, ran, namespace)
  if (revision === undefined) {
    report.note(
      `To roll back to revision ${ran}, deploy the earlier manifests again${stuck.length === 0 ? '' : `, then delete ${stuck.map(({ pod }) => pod).join(', ')}: the controller does not replace a pod that is not Ready`}.`,
    )
    return
  }
  report.offer(
    `kubectl -n ${namespace} rollout undo statefulset/${name} --to-revision=${revision} # back to ${ran}`,
  )
  report.offer(...frees)
}

/** Of a ControllerRevision; undefined where it may not be read, or not in a moment. */
async function numberIfReadable(
  kube: Pick<Kube, 'get'>,
  name: string,
  namespace: string,
): Promise<number | undefined> {
  const found = await kube
    .get(
      { apiVersion: 'apps/v1', kind: 'ControllerRevision', name, namespace },
      AbortSignal.timeout(LOOK_UP_MS),
    )
    .catch(() => undefined)
  const revision = found?.['revision']
  return typeof revision === 'number' ? revision : undefined
}

/**
 * The undo failed as well: what it says first is in what state the ensemble is; the failure that it
 * was for stays in the findings.
 */
export function undoFailed(
  report: Recorder,
  first: EnsembleError,
  second: unknown,
  revision: string,
): EnsembleError {
  const why =
    second instanceof EnsembleError
      ? `${second.code}: ${second.message}`
      : second instanceof Error
        ? second.message
        : String(second)
  const about = second instanceof EnsembleError ? second.findings[0] : undefined
  const finding: Finding = {
    code: 'UNDO_FAILED',
    severity: 'error',
    message: `${report.readyReplicas ?? 0} of ${report.replicas ?? 0} members are ready, ${report.standing}; rolling back to ${revision} failed (${why}) after the change had failed (${first.code}: ${first.message})`,
    ...(about?.object === undefined ? {} : { object: about.object }),
    ...(about?.ordinal === undefined ? {} : { ordinal: about.ordinal }),
    ...(about?.fix === undefined ? {} : { fix: about.fix }),
    ...(about?.orSet === undefined ? {} : { orSet: about.orSet }),
  }
  return new EnsembleError('failed', [finding, ...first.findings], { cause: second })
}
