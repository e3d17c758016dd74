// Pods without a node: told with the scheduler's own arithmetic, final after a minute unless nodes
// are being added, sooner where storage makes it impossible.

import { isNew, oneLine, type MemberCase, type Symptom } from './symptom.ts'

const GRACE_MS = 60_000
/** A node that reboots or is uncordoned within seconds must not end a deploy. */
const IMPOSSIBLE_GRACE_MS = 5_000
/**
 * A node that has come back is tried within the scheduler's longest pause between two tries, 10 s
 * (podMaxBackoffSeconds of its configuration): until then its sentence is that of before.
 */
const TRIED_AGAIN_MS = 15_000
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
/** Reasons that pass when a node comes back or is uncordoned. */
const NODE_OUT =
  /were unschedulable|node\.kubernetes\.io\/(?:not-ready|unreachable|unschedulable|disk-pressure|memory-pressure|pid-pressure|network-unavailable)|were not ready/
/** Reasons that stay as they are until someone changes nodes or template. */
const NODE_UNFIT = /node affinity\/selector|untolerated taint/

/** One reason of the scheduler's text and the number of nodes that it holds for. */
interface NodeReason {
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

/** A member's pod without a node, and what the scheduler says of it. */
interface Unplaced {
  readonly member: MemberCase
  readonly since: number
  /** The scheduler's sentence, without its words on preemption. */
  readonly text: string
  readonly reasons: readonly NodeReason[]
}

type Found = Pick<Symptom, 'code' | 'message' | 'fix' | 'graceMs' | 'againstRevision'>

export function schedulingSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod } = member
  const { unscheduled } = pod
  if (unscheduled === undefined || pod.node !== undefined) return []
  const { reason, since, message } = unscheduled
  const unplaced = {
    member,
    since,
    text: oneLine(message).replace(/ (?:no new claims to deallocate, )?preemption: .*$/, ''),
    reasons: nodeReasons(message),
  }
  const found =
    reason === 'SchedulingGated'
      ? gated(pod.name)
      : (claimInTheWay(unplaced) ??
        nodeComes(unplaced) ??
        volumeOutOfReach(unplaced) ??
        noNodeTakesIt(unplaced))
  return [
    {
      key: `scheduling/${pod.uid}`,
      ordinal: member.ordinal,
      object: `pod/${pod.name}`,
      reason,
      since,
      seenMs: found.graceMs === 'never' ? 0 : Math.min(found.graceMs, TRIED_AGAIN_MS),
      explains: true,
      ...found,
    },
  ]
}

function gated(pod: string): Found {
  return {
    code: 'UNSCHEDULABLE',
    message: `${pod}: held by a scheduling gate that nobody has lifted`,
    fix: 'See who sets the schedulingGates of the pod template; that controller must lift them.',
    graceMs: 'never',
    againstRevision: false,
  }
}

function claimInTheWay({ member, text }: Unplaced): Found | undefined {
  if (!CLAIM_IN_THE_WAY.test(text)) return undefined
  return {
    code: 'CLAIM_PENDING',
    message: `${member.pod.name}: ${text}`,
    graceMs: CLAIM_GRACE_MS * 2,
    againstRevision: false,
  }
}

/** An autoscaler has said that it adds a node for this pod. */
function nodeComes({ member, text, since }: Unplaced): Found | undefined {
  const { pod, events, now } = member
  const coming = events.findLast((event) => NODE_IS_COMING.has(event.reason))
  if (coming === undefined || now - coming.last >= NODE_COMES_MS) return undefined
  return {
    code: 'UNSCHEDULABLE',
    message: `${pod.name}: ${text}; a node is being added (${coming.reason}: ${oneLine(coming.message)})`,
    graceMs: coming.last + NODE_COMES_MS - since,
    againstRevision: false,
  }
}

/** Its volume lies where it can't run, or there is none for its claim. */
function volumeOutOfReach({ member, text, reasons }: Unplaced): Found | undefined {
  const byVolume = reasons.some(({ reason }) => VOLUME_AFFINITY.test(reason))
  const noVolume = reasons.some(({ reason }) => NO_VOLUME.test(reason))
  if (!byVolume && !noVolume) return undefined
  const impossible = reasons.every(({ reason }) => staysSo(reason))
  const common = {
    graceMs: impossible ? IMPOSSIBLE_GRACE_MS : GRACE_MS,
    againstRevision: false,
  }
  const { name } = member.pod
  if (!byVolume)
    return {
      ...common,
      code: 'CLAIM_PENDING',
      message: `${name}: no PersistentVolume is there for its claim: ${text}`,
      fix: 'Make a PersistentVolume that fits, or use a class with a provisioner.',
    }
  const why = impossible
    ? 'no node that is left can reach its volume'
    : "the node that can reach its volume can't take it"
  return {
    ...common,
    code: 'UNSCHEDULABLE',
    message: `${name}: ${why}: ${text}`,
    fix: hasNodeOut(reasons)
      ? 'Uncordon or repair the node of the volume.'
      : 'Free the node of the volume, or bring it back; if it is gone for good, the claim must be deleted and the member resynced.',
  }
}

function noNodeTakesIt({ member, text, reasons }: Unplaced): Found {
  const { pod, set, events } = member
  const refused = events.some((event) => event.reason === 'NotTriggerScaleUp')
  return {
    code: 'UNSCHEDULABLE',
    message: `${pod.name}: ${text}${refused ? '; the autoscaler adds no node for it' : ''}`,
    graceMs: GRACE_MS,
    againstRevision: isNew(set, pod) && !hasNodeOut(reasons),
  }
}

/** No node that comes back changes it. */
function staysSo(reason: string): boolean {
  return (
    VOLUME_AFFINITY.test(reason) ||
    NO_VOLUME.test(reason) ||
    (NODE_UNFIT.test(reason) && !NODE_OUT.test(reason))
  )
}

function hasNodeOut(reasons: readonly NodeReason[]): boolean {
  return reasons.some(({ reason }) => NODE_OUT.test(reason))
}
