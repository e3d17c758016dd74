// What stands at each ordinal of a set, from its pods alone: which are the set's own, which too
// many, and how far each member has come.

import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView, SetView } from '../../view/workload.ts'

export type MemberCondition =
  | 'missing'
  | 'failed'
  | 'pending'
  | 'creating'
  | 'running-not-ready'
  | 'ready-not-yet-available'
  | 'available'
  | 'terminating'
  | 'old-revision'
  | 'extra'

/** One ordinal, wanted or too many, and the pod that stands there. */
export interface MemberStanding {
  readonly ordinal: number
  readonly pod: string
  /** `old-revision`: available, but its replacement at the update revision is still to come. */
  readonly state: MemberCondition
  /**
   * The state in words, free of counters that tick, so that it changes only when the member does.
   */
  readonly text: string
  readonly node?: string | undefined
  /**
   * What is wrong with it, in a word or two (`ErrImagePull`); undefined for one that is on its way,
   * or that was told to end.
   */
  readonly fault?: string | undefined
  /** Undefined when nothing stands there. */
  readonly uid: string | undefined
  readonly revision: string | undefined
  /**
   * Whether that revision may stay: the update revision, or the current one below the partition.
   */
  readonly atRevision: boolean
  /**
   * Ready condition and `minReadySeconds` both held; milliseconds since the epoch when it is (or
   * was) so; undefined while it isn't Ready.
   */
  readonly availableAt: number | undefined
}

/** The set's own pods, by UID of their owner; a label proves nothing. */
export function ownPods(view: EnsembleView): readonly PodView[] {
  const { set } = view
  return set === undefined ? [] : view.pods.filter((pod) => pod.owner?.uid === set.uid)
}

/** Pods with the members' labels that belong to somebody else, or to nobody. */
export function strangers(view: EnsembleView): readonly PodView[] {
  const { set } = view
  return set === undefined ? [] : view.pods.filter((pod) => pod.owner?.uid !== set.uid)
}

export function wantedOrdinals(set: Pick<SetView, 'start' | 'replicas'>): readonly number[] {
  return Array.from({ length: set.replicas }, (_, index) => set.start + index)
}

/**
 * Whether the controller has seen this generation; until then its revisions in the status are those
 * of an earlier template.
 */
export function observed(set: SetView, generation = set.generation): boolean {
  return (
    set.status.updateRevision !== '' &&
    set.observedGeneration >= Math.max(set.generation, generation)
  )
}

/**
 * Whether the controller replaces a pod of another revision at this ordinal by itself. The
 * partition counts from the first ordinal.
 */
export function rolls(set: SetView, ordinal: number): boolean {
  return set.strategy.type === 'RollingUpdate' && ordinal >= set.start + set.strategy.partition
}

/**
 * Whether a member may stay at this revision: under OnDelete any may, since nobody but a person
 * replaces it.
 */
export function mayStay(set: SetView, ordinal: number, revision: string | undefined): boolean {
  if (revision === set.status.updateRevision || set.strategy.type === 'OnDelete') return true
  return !rolls(set, ordinal) && revision === set.status.currentRevision
}

/**
 * A container that died and runs again must run this long: without a readiness probe it is Ready at
 * once, also between two deaths.
 */
const SETTLE_MS = 10_000

/**
 * When a pod counts as available: `minReadySeconds` after its Ready condition turned True. Computed
 * for each pod, because the
 * controller's own counters promote a revision before that time is over
 * (kubernetes/kubernetes#136831).
 */
export function availableAt(set: SetView, pod: PodView): number | undefined {
  if (!pod.ready || pod.deleting !== undefined || pod.phase !== 'Running') return undefined
  const restarted = pod.containers.map((container) =>
    container.restarts > 0 && container.state.kind === 'running'
      ? container.state.since + SETTLE_MS
      : 0,
  )
  return Math.max((pod.readySince ?? pod.created) + set.minReadySeconds * 1000, ...restarted)
}

/** Every wanted ordinal in ascending order, then the pods that are too many. */
export function memberStandings(view: EnsembleView, now: number): readonly MemberStanding[] {
  const { set } = view
  if (set === undefined) return []
  const own = ownPods(view)
  const wanted = wantedOrdinals(set).map((ordinal) =>
    standingOf(view, set, ordinal, liveliest(own.filter((pod) => pod.ordinal === ordinal)), now),
  )
  const extra = own.filter(
    (pod) =>
      pod.ordinal === undefined ||
      pod.ordinal < set.start ||
      pod.ordinal >= set.start + set.replicas,
  )
  return [
    ...wanted,
    ...extra
      .toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0))
      .map((pod) => extraStanding(pod)),
  ]
}

/** A name holds one pod at a time; of two in a torn snapshot the newer counts. */
function liveliest(pods: readonly PodView[]): PodView | undefined {
  return pods.toSorted((a, b) => b.created - a.created)[0]
}

function extraStanding(pod: PodView): MemberStanding {
  const text =
    pod.deleting === undefined ? 'too many: waits to be removed' : 'too many: terminating'
  return {
    ordinal: pod.ordinal ?? -1,
    pod: pod.name,
    state: 'extra',
    text,
    uid: pod.uid,
    revision: pod.revision,
    atRevision: false,
    availableAt: undefined,
  }
}

function standingOf(
  view: EnsembleView,
  set: SetView,
  ordinal: number,
  pod: PodView | undefined,
  now: number,
): MemberStanding {
  const name = `${set.name}-${ordinal}`
  if (pod === undefined) {
    const stranger = strangers(view).find((candidate) => candidate.name === name)
    const text =
      stranger === undefined
        ? 'missing'
        : `missing: a pod of that name belongs to ${stranger.owner === undefined ? 'nobody' : `${stranger.owner.kind.toLowerCase()}/${stranger.owner.name}`}`
    return {
      ordinal,
      pod: name,
      state: 'missing',
      text,
      uid: undefined,
      revision: undefined,
      atRevision: false,
      availableAt: undefined,
    }
  }
  const atRevision = mayStay(set, ordinal, pod.revision)
  const at = availableAt(set, pod)
  const { state, text, fault } = conditionOf(set, pod, at, now)
  const common = {
    ordinal,
    pod: pod.name,
    node: pod.node,
    fault,
    uid: pod.uid,
    revision: pod.revision,
    atRevision,
    availableAt: at,
  }
  if (atRevision) return { ...common, state, text }
  const other = `at another revision ${pod.revision ?? 'unknown'}`
  if (state === 'available')
    return { ...common, state: 'old-revision', text: `${text} ${other}, to be replaced` }
  return { ...common, state, text: state === 'terminating' ? text : `${text}, ${other}` }
}

function conditionOf(
  set: SetView,
  pod: PodView,
  at: number | undefined,
  now: number,
): Pick<MemberStanding, 'state' | 'text' | 'fault'> {
  const where = pod.node === undefined ? '' : ` on ${pod.node}`
  if (pod.deleting !== undefined) return { state: 'terminating', text: `terminating${where}` }
  if (pod.phase === 'Failed')
    return { state: 'failed', text: `${ended(pod)}${where}`, fault: ended(pod) }
  if (pod.phase === 'Succeeded') return { state: 'failed', text: `${ended(pod)}${where}` }
  if (at !== undefined)
    return at <= now
      ? { state: 'available', text: `available${where}` }
      : {
          state: 'ready-not-yet-available',
          text: `Ready${where}, ${(pod.readySince ?? pod.created) + set.minReadySeconds * 1000 < at ? 'restarted just now' : `available after ${set.minReadySeconds} s of it`}`,
        }
  return comingUp(pod, where)
}

/** It is neither Ready nor at its end. */
function comingUp(pod: PodView, where: string): Pick<MemberStanding, 'state' | 'text' | 'fault'> {
  if (pod.node === undefined)
    return {
      state: 'pending',
      text:
        pod.unscheduled?.reason === 'SchedulingGated'
          ? 'pending: held by a scheduling gate'
          : 'pending: waits for a node',
    }
  const block = blockOf(pod)
  const why = block === undefined ? '' : ` (${block.text})`
  return pod.phase === 'Pending'
    ? { state: 'creating', text: `creating${where}${why}`, fault: block?.fault }
    : { state: 'running-not-ready', text: `running${where}, not Ready${why}`, fault: block?.fault }
}

/** `failed (Evicted)`. */
function ended({ phase, reason }: PodView): string {
  return `${phase.toLowerCase()}${reason === undefined ? '' : ` (${reason})`}`
}

/**
 * What is wrong with a pod by its own account, in a few words; undefined where nothing is, or where
 * it is merely on its way.
 */
export function faultOf(pod: PodView): string | undefined {
  if (pod.phase === 'Failed') return ended(pod)
  return blockOf(pod)?.text ?? (pod.node === undefined ? pod.unscheduled?.message : undefined)
}

interface Block {
  /** `zookeeper: ErrImagePull`. */
  readonly text: string
  /** The reason alone, where it is a fault. */
  readonly fault: string | undefined
}

/** A process that was told to end exits so (SIGTERM), as in a hand-over and an eviction. */
const TOLD_TO_END = 143

/** The first container that isn't up, with the reason that the kubelet gives. */
function blockOf(pod: PodView): Block | undefined {
  for (const container of [...pod.initContainers, ...pod.containers]) {
    const { state } = container
    if (
      state.kind === 'waiting' &&
      state.reason !== 'PodInitializing' &&
      state.reason !== 'ContainerCreating'
    ) {
      const fault = steady(state.reason)
      return { text: `${container.name}: ${fault}`, fault }
    }
    if (state.kind === 'terminated' && state.exitCode !== 0) {
      const end = `exited with ${state.exitCode}`
      return {
        text: `${container.name}: ${end}`,
        fault: state.exitCode === TOLD_TO_END ? undefined : end,
      }
    }
  }
  return pod.openGates.length > 0 && pod.containers.every((container) => container.ready)
    ? { text: `readiness gate ${pod.openGates.join(', ')}`, fault: undefined }
    : undefined
}

/**
 * The kubelet alternates between the failure and its back-off; one word for both keeps the line
 * from flapping.
 */
function steady(reason: string): string {
  return reason === 'ImagePullBackOff' ? 'ErrImagePull' : reason
}
