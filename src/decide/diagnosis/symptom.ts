// What every family of faults gives: a symptom with the grace it deserves, and the situation
// that it is read from.

import type { Code } from '../../codes.ts'
import type { EnsembleView, EventView } from '../../view/surroundings.ts'
import type { PodView, SetView } from '../../view/workload.ts'
import type { MemberStanding } from '../members/members.ts'
import type { CrashHistory } from './crash-history.ts'

/** One look at the set, with what earlier looks have left. */
export interface Situation {
  readonly view: EnsembleView
  readonly set: SetView
  readonly now: number
  readonly standings: readonly MemberStanding[]
  /** Deaths by container, keyed by `crashKey`. */
  readonly crashes: ReadonlyMap<string, CrashHistory>
  /** UIDs of the pods that an ordinal has lost to the phase Failed. */
  readonly failedPods: ReadonlyMap<number, readonly string[]>
}

/** One fault of one object, in words. */
export interface Fault {
  readonly code: Code
  readonly ordinal: number | undefined
  /** `pod/zk-2`. */
  readonly object: string
  readonly container?: string
  /** The cluster's own word where it has one: `ImagePullBackOff`. */
  readonly reason: string
  /** One line: object, container, cause, exit code, last event. */
  readonly message: string
  /** One line, better than the code's general advice. */
  readonly fix?: string
  /**
   * Speaks against the template or its companions, rather than against a node, the cluster or an
   * older revision.
   */
  readonly againstRevision: boolean
  /** Whether it accounts for a member that isn't there; false for what is only worth a word. */
  readonly explains: boolean
}

/** A fault as one look shows it. */
export interface Symptom extends Fault {
  /**
   * The same for the same fault of the same object in every look, also while its reason alternates.
   */
  readonly key: string
  /**
   * How long it may last before it is final, 0 for at once; `never`: it is told, but doesn't end a
   * wait by itself.
   */
  readonly graceMs: number | 'never'
  /**
   * A wait must have seen it for so long itself: who wrote it may have an answer for the world of
   * before only.
   */
  readonly seenMs?: number
  /** When it began; default: when it was first seen. Milliseconds since the epoch. */
  readonly since?: number
  /** False while too few sightings stand behind it: it doesn't become final, whatever the time. */
  readonly confirmed?: boolean
}

/** One member's pod in a situation, its own events oldest first. */
export interface MemberCase extends Situation {
  readonly pod: PodView
  readonly ordinal: number
  readonly events: readonly EventView[]
}

export function crashKey(pod: PodView, container: string): string {
  return `${pod.uid}/${container}`
}

/**
 * Events of one object, oldest first; by UID, because an earlier pod of the same name left events
 * too.
 */
export function eventsOf(
  view: EnsembleView,
  kind: string,
  name: string,
  uid: string | undefined,
): readonly EventView[] {
  return view.events
    .filter(
      (event) =>
        event.object.kind === kind &&
        event.object.name === name &&
        (uid === undefined || event.object.uid === undefined || event.object.uid === uid),
    )
    .toSorted((a, b) => a.last - b.last)
}

/**
 * Whether the event is about this container (`spec.containers{zk}`, `spec.initContainers{prep}`).
 */
export function isAbout(event: EventView, container: string): boolean {
  return event.object.fieldPath?.endsWith(`{${container}}`) ?? false
}

const LONGEST_LINE = 400

/**
 * One printable line of what the cluster wrote: line breaks, control characters and over-long texts
 * don't survive.
 */
export function oneLine(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/gu, ' ').trim()
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line
}

/** The gist of a container runtime's error, without the layers that passed it on. */
export function gist(text: string): string {
  let rest = oneLine(text)
  for (let before = ''; before !== rest;) {
    before = rest
    rest = rest
      .replace(/^Back-off pulling image "[^"]*":\s*/, '')
      .replace(/^Failed to pull image "[^"]*":\s*/, '')
      .replace(/^ErrImagePull:\s*/, '')
      .replace(/^rpc error: code = \w+ desc = /, '')
      .replace(/^failed to pull and unpack image "[^"]*":\s*/, '')
      .replace(/^failed to resolve (?:reference|image) "[^"]*":\s*/, '')
      .replace(
        /^failed to (?:create containerd task|create shim task|start container "[^"]*"):\s*/,
        '',
      )
      .replace(/^OCI runtime (?:create|start) failed:\s*/, '')
      .replace(/^runc (?:create|start) failed:\s*/, '')
      .replace(/^unable to start container process:\s*/, '')
      .replace(/^error during container init:\s*/, '')
  }
  return rest.replace(/: unknown$/, '').replace(/ \(pod: "[^"]*", container: [^)]*\)$/, '')
}

/** `zk-2, container zk`. */
export function place(pod: PodView, container: string): string {
  const kind = pod.initContainers.some((one) => one.name === container)
    ? 'init container'
    : 'container'
  return `${pod.name}, ${kind} ${container}`
}

/** Whether the pod is made from the template that is being rolled out. */
export function isNew(set: SetView, pod: PodView): boolean {
  return pod.revision === set.status.updateRevision
}
