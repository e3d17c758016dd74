// Members that run without being Ready, and pods that fail or don't go away.

import { whyNotGone } from './deletion.ts'
import { isNew, oneLine, type MemberCase, type Symptom } from './symptom.ts'

const STUCK_TERMINATING_MS = 180_000
/** Controllers remove a finalizer within seconds. */
const FINALIZER_GRACE_MS = 90_000
const FAILED_AGAIN = 3

/**
 * A pod that runs but isn't Ready: only the member's timeout ends that, because a rejoin may take
 * minutes.
 */
export function readinessSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod } = member
  if (pod.ready || pod.phase !== 'Running') return []
  const found = nodeAway(member) ?? gateOpen(member) ?? containerUnready(member)
  if (found === undefined) return []
  return [
    {
      key: `readiness/${pod.uid}`,
      code: 'NOT_READY',
      ordinal: member.ordinal,
      object: `pod/${pod.name}`,
      graceMs: 'never',
      explains: true,
      ...(pod.readySince === undefined ? {} : { since: pod.readySince }),
      ...found,
    },
  ]
}

type Unready = Pick<Symptom, 'reason' | 'message' | 'againstRevision' | 'fix' | 'container'>

function nodeAway({ pod, events }: MemberCase): Unready | undefined {
  if (!events.some((event) => event.reason === 'NodeNotReady')) return undefined
  return {
    reason: 'NodeNotReady',
    message: `${pod.name}: its node ${pod.node ?? ''} is not ready`,
    fix: 'Bring the node back; the member follows by itself.',
    againstRevision: false,
  }
}

function gateOpen({ pod }: MemberCase): Unready | undefined {
  if (pod.openGates.length === 0 || pod.containers.some((container) => !container.ready))
    return undefined
  return {
    reason: 'ReadinessGatesNotReady',
    message: `${pod.name}: readiness gate ${pod.openGates.join(', ')} is not True`,
    fix: 'Find the controller that sets this condition on pods: it has not done so.',
    againstRevision: false,
  }
}

function containerUnready(member: MemberCase): Unready | undefined {
  const { pod, set, events } = member
  const unready = pod.containers.find(
    (container) => !container.ready && container.state.kind === 'running',
  )
  if (unready === undefined) return undefined
  const probe = events.findLast(
    (event) =>
      event.reason === 'Unhealthy' &&
      /^(?:Readiness|Startup) probe/.test(event.message) &&
      (event.object.fieldPath?.includes(`{${unready.name}}`) ?? true),
  )
  const said =
    probe === undefined
      ? 'runs, but is not Ready'
      : `${oneLine(probe.message).replace(/:$/, '')} (${probe.count} times)`
  return {
    container: unready.name,
    reason: probe === undefined ? 'NotReady' : 'ReadinessProbeFailed',
    message: `${pod.name}, container ${unready.name}: ${said}`,
    // A probe that asks for quorum fails on healthy members while others are away.
    againstRevision: isNew(set, pod) && othersAreThere(member),
  }
}

function othersAreThere({ standings, ordinal }: MemberCase): boolean {
  return standings
    .filter((standing) => standing.state !== 'extra' && standing.ordinal !== ordinal)
    .every((standing) => standing.state === 'available' || standing.state === 'old-revision')
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
