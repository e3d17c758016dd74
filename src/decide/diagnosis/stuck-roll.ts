// The roll that an unready pod of another revision holds up: under OrderedReady it is never
// replaced, because it isn't Ready.

import { availableAt, mayStay, observed, rolls } from '../members/members.ts'
import type { MemberCase, Situation, Symptom } from './symptom.ts'

const OLD_POD_GRACE_MS = 120_000
const BROKEN_OLD_POD_GRACE_MS = 10_000

/**
 * The forced-rollback trap (kubernetes/kubernetes#67250): under OrderedReady the controller stops
 * at the lowest member that isn't Ready before it replaces old pods, so an unready pod of another
 * revision waits forever for itself. Current and update revision may name the same revision here:
 * that is so after an unfinished roll was rolled back.
 */
export function stuckSymptoms(
  situation: Situation,
  pods: readonly MemberCase[],
  faults: readonly Symptom[],
): readonly Symptom[] {
  const { set } = situation
  const member = lowestUnready(situation, pods)
  if (!rollsInOrder(situation) || member === undefined || !waitsForItself(member)) return []
  const { pod, ordinal } = member
  const fault = faults.find(
    (one) => one.ordinal === ordinal && one.graceMs !== 'never' && one.confirmed !== false,
  )
  return [
    {
      key: `stuck/${pod.uid}/${fault?.key ?? 'unready'}`,
      code: 'NOT_READY',
      ordinal,
      object: `pod/${pod.name}`,
      reason: 'StuckOnOldRevision',
      message: `${pod.name}: is not Ready, at revision ${pod.revision ?? 'unknown'} instead of the one that is wanted; under OrderedReady the controller replaces a pod only once it is Ready`,
      fix: `Delete it, and it comes back at the revision that is wanted: kubectl -n ${set.namespace} delete pod ${pod.name}`,
      graceMs: graceOf(fault),
      againstRevision: false,
      explains: true,
    },
  ]
}

function rollsInOrder({ set }: Situation): boolean {
  return (
    observed(set) && set.podManagement === 'OrderedReady' && set.strategy.type === 'RollingUpdate'
  )
}

/** The member at which the controller stops. */
function lowestUnready(
  { standings }: Situation,
  pods: readonly MemberCase[],
): MemberCase | undefined {
  const first = standings.find(
    ({ state }) => state !== 'available' && state !== 'old-revision' && state !== 'extra',
  )
  return first === undefined ? undefined : pods.find((one) => one.ordinal === first.ordinal)
}

/** It is to be replaced, and the controller waits until it is Ready. */
function waitsForItself({ pod, set, ordinal }: MemberCase): boolean {
  const replacedAnyway = pod.deleting !== undefined || pod.phase === 'Failed'
  return (
    !replacedAnyway &&
    !mayStay(set, ordinal, pod.revision) &&
    rolls(set, ordinal) &&
    availableAt(set, pod) === undefined
  )
}

/**
 * An old pod is given up when its own fault would end a wait; one that may still come up gets
 * longer.
 */
function graceOf(fault: Symptom | undefined): number {
  return fault === undefined || fault.graceMs === 'never'
    ? OLD_POD_GRACE_MS
    : Math.max(BROKEN_OLD_POD_GRACE_MS, fault.graceMs)
}
