// Members that run without being Ready, pods that are lost or don't go away, and the roll that an
// unready old pod holds up.

import { whyNotGone } from './deletion.ts'
import { availableAt, mayStay, observed, rolls } from '../members/members.ts'
import { isNew, oneLine, type MemberCase, type Situation, type Symptom } from './symptom.ts'

const STUCK_TERMINATING_MS = 180_000
/** Controllers take a finalizer away within seconds. */
const FINALIZER_GRACE_MS = 90_000
const FAILED_AGAIN = 3
const OLD_POD_GRACE_MS = 120_000
const BROKEN_OLD_POD_GRACE_MS = 10_000

/**
 * A pod that runs but isn't Ready: only the member's timeout ends that, because a rejoin may take
 * minutes.
 */
export function readinessSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, set, events, standings } = member
  if (pod.ready || pod.phase !== 'Running') return []
  const common = {
    key: `readiness/${pod.uid}`,
    code: 'NOT_READY',
    ordinal: member.ordinal,
    object: `pod/${pod.name}`,
    graceMs: 'never',
    explains: true,
    ...(pod.readySince === undefined ? {} : { since: pod.readySince }),
  } as const
  const others = standings.filter(
    (standing) => standing.state !== 'extra' && standing.ordinal !== member.ordinal,
  )
  // A probe that asks for quorum fails on healthy members while others are away.
  const against =
    isNew(set, pod) &&
    others.every((standing) => standing.state === 'available' || standing.state === 'old-revision')
  const nodeAway = events.findLast((event) => event.reason === 'NodeNotReady')
  if (nodeAway !== undefined)
    return [
      {
        ...common,
        reason: 'NodeNotReady',
        message: `${pod.name}: its node ${pod.node ?? ''} is not ready`,
        fix: 'Bring the node back; the member follows by itself.',
        againstRevision: false,
      },
    ]
  if (pod.openGates.length > 0 && pod.containers.every((container) => container.ready)) {
    const gates = pod.openGates.join(', ')
    return [
      {
        ...common,
        reason: 'ReadinessGatesNotReady',
        message: `${pod.name}: readiness gate ${gates} is not True`,
        fix: 'Find the controller that sets this condition on pods: it has not done so.',
        againstRevision: false,
      },
    ]
  }
  const waiting = pod.containers.find(
    (container) => !container.ready && container.state.kind === 'running',
  )
  if (waiting === undefined) return []
  const probe = events.findLast(
    (event) =>
      event.reason === 'Unhealthy' &&
      /^(?:Readiness|Startup) probe/.test(event.message) &&
      (event.object.fieldPath?.includes(`{${waiting.name}}`) ?? true),
  )
  const said =
    probe === undefined
      ? 'runs, but is not Ready'
      : `${oneLine(probe.message).replace(/:$/, '')} (${probe.count} times)`
  return [
    {
      ...common,
      container: waiting.name,
      reason: probe === undefined ? 'NotReady' : 'ReadinessProbeFailed',
      message: `${pod.name}, container ${waiting.name}: ${said}`,
      againstRevision: against,
    },
  ]
}

/** Pods in the phase Failed are replaced by the controller; three in a row are no accident. */
export function failedSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, failedPods, ordinal } = member
  if (pod.phase !== 'Failed') return []
  const times = failedPods.get(ordinal)?.length ?? 1
  const why = [pod.reason, pod.message]
    .flatMap((part) => (part === undefined || part === '' ? [] : [oneLine(part)]))
    .join(': ')
  return [
    {
      key: `failed/${ordinal}`,
      code: 'NOT_READY',
      ordinal,
      object: `pod/${pod.name}`,
      reason: pod.reason ?? 'Failed',
      message: `${pod.name}: failed on ${pod.node ?? 'no node'}${why === '' ? '' : ` (${why})`}${times > 1 ? `, ${times} times in a row` : ''}`,
      graceMs: times >= FAILED_AGAIN ? 0 : 'never',
      againstRevision: false,
      explains: true,
    },
  ]
}

/**
 * Reasons of a pod that should be gone: it keeps its replacement from being made, also where it is
 * to be replaced.
 */
const HANGS = {
  grace: 'GracePeriod',
  finalizer: 'HeldByFinalizer',
  node: 'NodeNotReady',
  process: 'StillRunning',
  volume: 'NotLetGo',
  unknown: 'StuckTerminating',
} as const
const HANGING: ReadonlySet<string> = new Set(Object.values(HANGS))

export function isHanging(reason: string): boolean {
  return HANGING.has(reason)
}

/**
 * A pod that was evicted and is still there. The server's grace period is waited for, and more.
 */
export function terminatingSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, now, events, view } = member
  const told = pod.node === undefined ? undefined : view.nodes?.get(pod.node)
  const why = whyNotGone(
    pod,
    told ?? (events.some((event) => event.reason === 'NodeNotReady') ? 'not ready' : undefined),
    now,
  )
  if (why === undefined) return []
  const graceMs =
    why.cause === 'grace' || now <= why.since
      ? 'never'
      : why.cause === 'finalizer'
        ? FINALIZER_GRACE_MS
        : STUCK_TERMINATING_MS
  return [
    {
      key: `terminating/${pod.uid}/${why.cause}`,
      code: 'NOT_READY',
      ordinal: member.ordinal,
      object: `pod/${pod.name}`,
      reason: HANGS[why.cause],
      since: why.since,
      message: `${pod.name}: is being deleted and not gone: ${why.what}`,
      fix: why.fix,
      graceMs,
      againstRevision: false,
      explains: true,
    },
  ]
}

/**
 * The forced-rollback trap (kubernetes/kubernetes#67250): under OrderedReady the controller stops
 * at the lowest member that isn't Ready
 * before it replaces old pods, so an unready pod of another revision waits forever for itself.
 * Current and update revision may name the
 * same revision here: that is so after an unfinished roll was taken back.
 */
export function stuckSymptoms(
  situation: Situation,
  pods: readonly MemberCase[],
  faults: readonly Symptom[],
): readonly Symptom[] {
  const { set, standings } = situation
  if (
    !observed(set) ||
    set.podManagement !== 'OrderedReady' ||
    set.strategy.type !== 'RollingUpdate'
  )
    return []
  const first = standings.find(
    (standing) =>
      standing.state !== 'available' &&
      standing.state !== 'old-revision' &&
      standing.state !== 'extra',
  )
  const member = first === undefined ? undefined : pods.find((one) => one.ordinal === first.ordinal)
  if (member === undefined) return []
  const { pod, ordinal } = member
  if (
    pod.deleting !== undefined ||
    pod.phase === 'Failed' ||
    mayStay(set, ordinal, pod.revision) ||
    !rolls(set, ordinal) ||
    availableAt(set, pod) !== undefined
  )
    return []
  // An old pod is given up when its own fault would end a wait; one that may still come up gets
  // longer.
  const fault = faults.filter(
    (one) => one.ordinal === ordinal && one.graceMs !== 'never' && one.confirmed !== false,
  )[0]
  const graceMs =
    fault === undefined || fault.graceMs === 'never'
      ? OLD_POD_GRACE_MS
      : Math.max(BROKEN_OLD_POD_GRACE_MS, fault.graceMs)
  return [
    {
      key: `stuck/${pod.uid}/${fault?.key ?? 'unready'}`,
      code: 'NOT_READY',
      ordinal,
      object: `pod/${pod.name}`,
      reason: 'StuckOnOldRevision',
      message: `${pod.name}: is not Ready at another revision ${pod.revision ?? 'unknown'}, and under OrderedReady the controller does not replace it before it is`,
      fix: `Delete it, and it comes back at the revision that is wanted: kubectl -n ${set.namespace} delete pod ${pod.name}`,
      graceMs,
      againstRevision: false,
      explains: true,
    },
  ]
}
