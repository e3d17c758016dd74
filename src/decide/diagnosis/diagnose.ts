// Why members aren't there: every known fault with the grace it deserves, so that a deploy ends
// early without false alarms.

import { byPrecedence } from '../../codes.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { memberStandings, observed, ownPods, rolls } from '../members/members.ts'
import { claimSymptoms } from './claims.ts'
import { configurationSymptoms } from './configuration.ts'
import { followCrashes, type CrashHistory } from './crash-history.ts'
import { crashSymptoms } from './crashes.ts'
import { creationSymptoms } from './creation.ts'
import { imagePullSymptoms } from './image-pull.ts'
import { failedSymptoms, readinessSymptoms, terminatingSymptoms } from './readiness.ts'
import { schedulingSymptoms } from './scheduling.ts'
import { stuckSymptoms } from './stuck-roll.ts'
import {
  crashKey,
  eventsOf,
  isNew,
  type Fault,
  type MemberCase,
  type Situation,
  type Symptom,
} from './symptom.ts'
import { volumeSymptoms } from './volumes.ts'

/**
 * One cause, judged. `terminal` ends the wait, `graced` becomes terminal when it lasts,
 * `informative` never does by itself.
 */
export interface Diagnosis extends Fault {
  readonly class: 'terminal' | 'graced' | 'informative'
  /** Milliseconds since the epoch. */
  readonly since: number
  /**
   * When it becomes terminal by time alone; absent where more evidence is needed first. Always
   * after `now`.
   */
  readonly graceUntil?: number
}

/** What one look leaves for the next. */
export interface DiagnosisMemory {
  readonly seen: ReadonlyMap<string, { readonly since: number; readonly last: number }>
  readonly crashes: ReadonlyMap<string, CrashHistory>
  readonly failedPods: ReadonlyMap<number, readonly string[]>
  /** More looks follow. */
  readonly waits: boolean
}

/** For a look that no other follows. */
export function newMemory(): DiagnosisMemory {
  return { seen: new Map(), crashes: new Map(), failedPods: new Map(), waits: false }
}

/** Before the first look of a wait. */
export function memoryOfWait(): DiagnosisMemory {
  return { ...newMemory(), waits: true }
}

/**
 * A fault that wasn't there for this long has begun again when it comes back; the kubelet
 * alternates faster between an error and its back-off.
 */
const LINGER_MS = 30_000

/** The findings of one look, the gravest first. */
export function diagnose(
  view: EnsembleView,
  now: number,
  memory: DiagnosisMemory,
): { readonly findings: readonly Diagnosis[]; readonly memory: DiagnosisMemory } {
  const { set } = view
  if (set === undefined) return { findings: [], memory }
  const crashes = crashesOf(view, now, memory)
  const failedPods = failedOf(view, memory)
  const situation: Situation = {
    view,
    set,
    now,
    standings: memberStandings(view, now),
    crashes,
    failedPods,
  }
  const symptoms = symptomsOf(situation)
  const seen = remember(memory.seen, symptoms, now)
  const findings = symptoms
    .map((symptom) => {
      const firstSeen = seen.get(symptom.key)?.since ?? now
      const { seenMs = 0 } = symptom
      return judge(situation, symptom, firstSeen, memory.waits ? firstSeen + seenMs : now)
    })
    .toSorted(byGravity)
  return { findings, memory: { ...memory, seen, crashes, failedPods } }
}

function symptomsOf(situation: Situation): readonly Symptom[] {
  const { view, set } = situation
  const members = ownPods(view).flatMap((pod): MemberCase[] =>
    pod.ordinal === undefined || pod.ordinal < set.start || pod.ordinal >= set.start + set.replicas
      ? []
      : [
          {
            ...situation,
            pod,
            ordinal: pod.ordinal,
            events: eventsOf(view, 'Pod', pod.name, pod.uid),
          },
        ],
  )
  const ofMembers = members.flatMap((member) => memberSymptoms(member))
  // One that is too many is waited for as well when members are removed.
  const leaving = ownPods(view).flatMap((pod) =>
    pod.ordinal === undefined || members.some((member) => member.pod === pod)
      ? []
      : terminatingSymptoms({
          ...situation,
          pod,
          ordinal: pod.ordinal,
          events: eventsOf(view, 'Pod', pod.name, pod.uid),
        }),
  )
  const claims = claimSymptoms(situation)
  const blockedByClaim = new Set(
    claims.filter((symptom) => symptom.explains).map((symptom) => symptom.ordinal),
  )
  // The claim's own fault says more than the pod that waits for it.
  const own = ofMembers.filter(
    (symptom) =>
      !(
        symptom.key.startsWith('scheduling/') &&
        symptom.code === 'CLAIM_PENDING' &&
        blockedByClaim.has(symptom.ordinal)
      ),
  )
  return [
    ...own,
    ...leaving,
    ...claims,
    ...creationSymptoms(situation),
    ...stuckSymptoms(situation, members, [...own, ...claims]),
  ]
}

function memberSymptoms(member: MemberCase): readonly Symptom[] {
  if (member.pod.deleting !== undefined) return terminatingSymptoms(member)
  const failing = [
    ...imagePullSymptoms(member),
    ...configurationSymptoms(member),
    ...schedulingSymptoms(member),
    ...crashSymptoms(member),
    ...volumeSymptoms(member),
    ...failedSymptoms(member),
  ]
  return failing.length > 0 ? failing : readinessSymptoms(member)
}

/** `earliest`: it is not final before that. */
function judge(
  situation: Situation,
  symptom: Symptom,
  firstSeen: number,
  earliest: number,
): Diagnosis {
  const { set, now, view } = situation
  const since = symptom.since ?? firstSeen
  const pod = ownPods(view).find((one) => `pod/${one.name}` === symptom.object)
  const old = pod !== undefined && !isNew(set, pod) ? pod : undefined
  const { code, ordinal, object, container, reason, message, fix, explains } = symptom
  return {
    code,
    ordinal,
    object,
    reason,
    explains,
    since,
    againstRevision: symptom.againstRevision && observed(set),
    message:
      old !== undefined && !symptom.key.startsWith('stuck/')
        ? `${message} (at another revision ${old.revision ?? 'unknown'})`
        : message,
    ...(container === undefined ? {} : { container }),
    ...(fix === undefined ? {} : { fix }),
    ...(endsNothing(situation, symptom, old)
      ? { class: 'informative' }
      : classOf(symptom, since, earliest, now)),
  }
}

/**
 * A pod that the controller replaces anyway, or a verdict on a generation that it hasn't seen,
 * ends no wait; the stuck rule speaks for itself. `old`: its pod, where that is of another revision.
 */
function endsNothing({ set }: Situation, { key }: Symptom, old: PodView | undefined): boolean {
  if (!observed(set)) return true
  if (key.startsWith('stuck/') || key.startsWith('terminating/')) return false
  return old?.ordinal !== undefined && rolls(set, old.ordinal)
}

/** Whether it ends the wait now, later or never. */
function classOf(
  { graceMs, confirmed }: Symptom,
  since: number,
  earliest: number,
  now: number,
): Pick<Diagnosis, 'class' | 'graceUntil'> {
  if (graceMs === 'never') return { class: 'informative' }
  if (confirmed === false) return { class: 'graced' }
  const until = Math.max(since + graceMs, earliest)
  return until <= now ? { class: 'terminal' } : { class: 'graced', graceUntil: until }
}

const GRAVITY = { terminal: 0, graced: 1, informative: 2 } as const

function byGravity(a: Diagnosis, b: Diagnosis): number {
  return (
    GRAVITY[a.class] - GRAVITY[b.class] ||
    Number(b.explains) - Number(a.explains) ||
    byPrecedence(a.code, b.code) ||
    (a.ordinal ?? 0) - (b.ordinal ?? 0)
  )
}

function remember(
  before: DiagnosisMemory['seen'],
  symptoms: readonly Symptom[],
  now: number,
): DiagnosisMemory['seen'] {
  const kept = [...before].filter(([, { last }]) => now - last <= LINGER_MS)
  const seen = new Map(kept)
  for (const { key } of symptoms) seen.set(key, { since: seen.get(key)?.since ?? now, last: now })
  return seen
}

function crashesOf(
  view: EnsembleView,
  now: number,
  memory: DiagnosisMemory,
): DiagnosisMemory['crashes'] {
  const crashes = new Map<string, CrashHistory>()
  for (const pod of ownPods(view)) {
    for (const [containers, isInit] of [
      [pod.initContainers, true],
      [pod.containers, false],
    ] as const) {
      for (const container of containers) {
        const key = crashKey(pod, container.name)
        crashes.set(key, followCrashes(memory.crashes.get(key), pod, container, isInit, now))
      }
    }
  }
  return crashes
}

/** Forgotten once the ordinal's pod is Ready. */
function failedOf(view: EnsembleView, memory: DiagnosisMemory): DiagnosisMemory['failedPods'] {
  const failed = new Map(memory.failedPods)
  for (const pod of ownPods(view)) {
    if (pod.ordinal === undefined) continue
    const before = failed.get(pod.ordinal) ?? []
    if (pod.ready) failed.delete(pod.ordinal)
    else if (pod.phase === 'Failed' && !before.includes(pod.uid))
      failed.set(pod.ordinal, [...before, pod.uid])
  }
  return failed
}
