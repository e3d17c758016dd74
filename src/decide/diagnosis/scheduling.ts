// Pods without a node: told with the scheduler's own arithmetic, final after a minute unless nodes
// are being added, sooner where storage makes it impossible.

import { isNew, oneLine, type MemberCase, type Symptom } from './symptom.ts'

const GRACE_MS = 60_000
/** A node that reboots or is uncordoned within seconds must not end a deploy. */
const IMPOSSIBLE_GRACE_MS = 5_000
/** How long autoscalers give a node to appear. */
const NODE_COMES_MS = 900_000
const CLAIM_GRACE_MS = 30_000

/** Events of cluster-autoscaler (TriggeredScaleUp) and Karpenter (Nominated). */
const NODE_IS_COMING = new Set(['TriggeredScaleUp', 'Nominated'])

const VOLUME_AFFINITY =
  /volume node affinity conflict|didn't match PersistentVolume's node affinity/
const NO_VOLUME = /didn't find available persistent volumes to bind|no available persistent volumes/
const CLAIM_IN_THE_WAY =
  /unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]*" (?:not found|is being deleted)|bound to non-existent persistentvolume/i
/** Reasons that pass when a node comes back or is given back. */
const NODE_OUT =
  /were unschedulable|node\.kubernetes\.io\/(?:not-ready|unreachable|unschedulable|disk-pressure|memory-pressure|pid-pressure|network-unavailable)|were not ready/
/** Reasons that stay as they are until someone changes nodes or template. */
const NODE_UNFIT = /node affinity\/selector|untolerated taint/

/** One reason of the scheduler's text and the number of nodes that it holds for. */
export interface NodeReason {
  readonly nodes: number
  readonly reason: string
}

/**
 * `0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu. preemption: …` → its
 * reasons, the preemption's left out.
 */
function nodeReasons(message: string): readonly NodeReason[] {
  const head = /^\d+\/\d+ nodes are available: (.*)$/.exec(oneLine(message))?.[1]
  if (head === undefined) return []
  const text = head
    .replace(/\.? (?:no new claims to deallocate|preemption:).*$/, '')
    .replace(/\.$/, '')
  return text.split(/, (?=\d+ )/).flatMap((part) => {
    const match = /^(\d+) (.*)$/.exec(part)
    return match === null ? [] : [{ nodes: Number(match[1]), reason: match[2] ?? '' }]
  })
}

export function schedulingSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, set, events, now } = member
  const { unscheduled } = pod
  if (unscheduled === undefined || pod.node !== undefined) return []
  const common = {
    key: `scheduling/${pod.uid}`,
    ordinal: member.ordinal,
    object: `pod/${pod.name}`,
    reason: unscheduled.reason,
    since: unscheduled.since,
    explains: true,
  } as const
  if (unscheduled.reason === 'SchedulingGated') {
    return [
      {
        ...common,
        code: 'UNSCHEDULABLE',
        message: `${pod.name}: held by a scheduling gate that nobody has lifted`,
        fix: 'See who sets the schedulingGates of the pod template; that controller must lift them.',
        graceMs: 'never',
        againstRevision: false,
      },
    ]
  }
  const text = oneLine(unscheduled.message).replace(
    / (?:no new claims to deallocate, )?preemption: .*$/,
    '',
  )
  if (CLAIM_IN_THE_WAY.test(text)) {
    return [
      {
        ...common,
        code: 'CLAIM_PENDING',
        message: `${pod.name}: ${text}`,
        graceMs: CLAIM_GRACE_MS * 2,
        againstRevision: false,
      },
    ]
  }
  const coming = events.findLast((event) => NODE_IS_COMING.has(event.reason))
  if (coming !== undefined && now - coming.last < NODE_COMES_MS) {
    return [
      {
        ...common,
        code: 'UNSCHEDULABLE',
        message: `${pod.name}: ${text}; a node is being added (${coming.reason}: ${oneLine(coming.message)})`,
        graceMs: coming.last + NODE_COMES_MS - unscheduled.since,
        againstRevision: false,
      },
    ]
  }
  const reasons = nodeReasons(unscheduled.message)
  const byVolume = reasons.some(({ reason }) => VOLUME_AFFINITY.test(reason))
  const noVolume = reasons.some(({ reason }) => NO_VOLUME.test(reason))
  const nodeOut = reasons.some(({ reason }) => NODE_OUT.test(reason))
  if (byVolume || noVolume) {
    const impossible = reasons.every(
      ({ reason }) =>
        VOLUME_AFFINITY.test(reason) ||
        NO_VOLUME.test(reason) ||
        (NODE_UNFIT.test(reason) && !NODE_OUT.test(reason)),
    )
    const why = byVolume
      ? impossible
        ? 'no node that is left can reach its volume'
        : "the node that can reach its volume can't take it"
      : 'no PersistentVolume is there for its claim'
    const fix = byVolume
      ? nodeOut
        ? 'Uncordon or repair the node of the volume.'
        : 'Free the node of the volume, or bring it back; if it is gone for good, the claim must be deleted and the member resynced.'
      : 'Make a PersistentVolume that fits, or use a class with a provisioner.'
    return [
      {
        ...common,
        code: noVolume && !byVolume ? 'CLAIM_PENDING' : 'UNSCHEDULABLE',
        message: `${pod.name}: ${why}: ${text}`,
        fix,
        graceMs: impossible ? IMPOSSIBLE_GRACE_MS : GRACE_MS,
        againstRevision: false,
      },
    ]
  }
  const refused = events.findLast((event) => event.reason === 'NotTriggerScaleUp')
  const scaler = refused === undefined ? '' : '; the autoscaler adds no node for it'
  return [
    {
      ...common,
      code: 'UNSCHEDULABLE',
      message: `${pod.name}: ${text}${scaler}`,
      graceMs: GRACE_MS,
      againstRevision: isNew(set, pod) && !nodeOut,
    },
  ]
}
