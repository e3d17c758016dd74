// How an ensemble stands, for somebody who asks: done and serving, on its way, stuck, or halted by
// a partition or by hand-made replacement.

import { toEnd, type Scaling } from './during-scale.ts'
import { capital } from '../capital.ts'
import { formatSpan } from '../clock.ts'
import type { Finding } from '../errors.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import type { SetView } from '../view/workload.ts'
import type { Diagnosis } from './diagnosis/diagnose.ts'
import { chooseVerdict } from './diagnosis/evidence-choice.ts'
import { observed, ownPods, wantedOrdinals } from './members/members.ts'
import type { RolloutVerdict } from './rollout/rollout.ts'
import type { ServingVerdict } from './members/serving.ts'

/**
 * A roll that the set's own strategy holds: members stay at an older revision, and the controller
 * does nothing about it.
 */
export interface Held {
  /** What holds it, and which members. */
  readonly keeps: string
  /** The same and how far the roll is, in one line. */
  readonly text: string
}

/** What continues a change, for a sentence; `undo`: also an undo ends it. */
export interface WayOn {
  readonly again: string
  readonly undo: boolean
}

/** What earlier runs say about a held roll. */
export interface Background {
  /**
   * The change that was begun and is not recorded as finished, in words; undefined when there is
   * none or nothing is known.
   */
  readonly unfinished: string | undefined
  readonly way?: WayOn
  /** The run of that change shows signs of life; undefined where that can't be told. */
  readonly alive: boolean | undefined
  /**
   * The partition that the manifest of the latest verified revision has; undefined where it isn't
   * known.
   */
  readonly ownPartition: number | undefined
}

/** Undefined when nothing is held. */
export function heldRoll(view: EnsembleView): Held | undefined {
  const { set } = view
  if (set === undefined || !observed(set)) return undefined
  const partition = set.strategy.type === 'OnDelete' ? set.replicas : set.strategy.partition
  const pods = ownPods(view).filter(
    (pod) =>
      pod.ordinal !== undefined &&
      pod.ordinal >= set.start &&
      pod.ordinal < set.start + Math.min(partition, set.replicas) &&
      pod.revision !== set.status.updateRevision &&
      pod.deleting === undefined,
  )
  const [first] = pods
  if (first === undefined) return undefined
  const names = pods.toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0)).map((pod) => pod.name)
  const older = [...new Set(pods.map((pod) => pod.revision ?? 'unknown'))].join(' and ')
  const keeps =
    set.strategy.type === 'OnDelete'
      ? `updateStrategy OnDelete leaves ${listed(names)} at revision ${older} until each is deleted`
      : `partition ${partition} keeps ${listed(names)} at revision ${older}`
  return {
    keeps,
    text: `${keeps}; ${atNew(view, set)}`,
  }
}

/**
 * Whether a held roll is one that was to continue: a change is under way, or the partition is
 * higher than the manifest's own. A canary that the manifest itself asks for is none.
 */
export function isHalted(
  held: Held | undefined,
  view: EnsembleView,
  background: Background,
): boolean {
  if (held === undefined) return false
  if (background.unfinished !== undefined) return true
  const { set } = view
  return (
    set?.strategy.type === 'RollingUpdate' &&
    background.ownPartition !== undefined &&
    set.strategy.partition > background.ownPartition
  )
}

/** The halt as a finding: `what` holds the roll, and how it is finished. */
function haltFinding(what: string, set: SetView, { alive, way }: Background): Finding {
  const { again, undo } = way ?? { again: 'run the deploy again', undo: true }
  const common = {
    code: 'NOT_READY',
    severity: 'error',
    object: `statefulset/${set.name}`,
  } as const
  if (alive === true)
    return {
      ...common,
      message: `the roll continues step by step: ${what}`,
      fix: `Look again in a minute. If the run that holds the lock was killed, ${again}.`,
      orSet: WAIT,
    }
  return {
    ...common,
    message: `the roll is halted: ${what}`,
    fix: `${capital(again)}: it continues where the roll was halted, one member at a time, and puts the strategy back as the manifest has it.${undo ? ' To roll back instead: operation: undo.' : ''}`,
  }
}

/**
 * How far the set has come, in one line that agrees with what judgeStatus finds: `the roll is under
 * way: 2 of 3 members are at the wanted revision zk-…`.
 */
export function progressLine({
  view,
  verdict,
  diagnoses,
  background,
}: Pick<Look, 'view' | 'verdict' | 'diagnoses' | 'background'>): string {
  const { set } = view
  if (set === undefined) return 'the StatefulSet is not there'
  if (isRolling(view, set)) {
    const held = heldRoll(view)
    if (verdict.kind === 'waiting' && diagnoses.some(isFault))
      return `the roll is held up: ${atNew(view, set)}`
    if (isHalted(held, view, background) && background.alive !== true)
      return `the roll is halted: ${atNew(view, set)}`
    return `${verdict.kind === 'done' && held !== undefined && !isHalted(held, view, background) ? 'a part of the members is held back' : 'the roll is under way'}: ${atNew(view, set)}`
  }
  const available = verdict.members.filter((member) => member.state === 'available').length
  return `${available} of ${set.replicas} members ${available === 1 ? 'is' : 'are'} available`
}

function isRolling(view: EnsembleView, set: SetView): boolean {
  return (
    observed(set) &&
    // With OnDelete the controller never says that a roll is done.
    ((set.strategy.type !== 'OnDelete' &&
      set.status.currentRevision !== set.status.updateRevision) ||
      ownPods(view).some((pod) => pod.revision !== set.status.updateRevision))
  )
}

function atNew(view: EnsembleView, set: SetView): string {
  const wanted = wantedOrdinals(set)
  const there = ownPods(view).filter(
    (pod) =>
      pod.ordinal !== undefined &&
      wanted.includes(pod.ordinal) &&
      pod.revision === set.status.updateRevision &&
      pod.deleting === undefined,
  ).length
  return `${there} of ${set.replicas} members ${there === 1 ? 'is' : 'are'} at the wanted revision ${set.status.updateRevision}`
}

/** `zk-0, zk-1 and zk-2`. */
function listed(names: readonly string[]): string {
  return names.length < 2
    ? names.join('')
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

const LOOK_AGAIN = 'Look again in a minute.'
const WAIT = { input: 'wait', value: 'true' } as const

export interface Look {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly view: EnsembleView
  readonly verdict: RolloutVerdict
  readonly diagnoses: readonly Diagnosis[]
  readonly serving: ServingVerdict
  readonly background: Background
  /** What members would lose if they went now. */
  readonly losses: readonly Finding[]
  /** A change of the number of members that is not recorded as finished. */
  readonly scale?: Scaling | undefined
}

/** Everything that speaks against `done and healthy`, the errors first; empty when nothing does. */
export function judgeStatus(look: Look): readonly Finding[] {
  const diagnoses = worthTelling(look)
  const halt = haltIn(look, diagnoses)
  const found = judgeMembers(look, diagnoses, halt)
  const cut = cutOff(look, found)
  // A scale holds the roll itself: what ends the one ends the other.
  return cut.length === 0 ? found : [...cut, ...found.filter((one) => !halt.includes(one))]
}

/**
 * Members that come, or that leave, lack something until the scale has ended, and no waiting ends
 * one that was cut off.
 */
function cutOff(
  { scale, view, background: { alive } }: Look,
  found: readonly Finding[],
): readonly Finding[] {
  if (scale === undefined || !found.some(({ severity }) => severity !== 'warning')) return []
  const common = {
    code: 'NOT_READY',
    severity: 'error',
    object: `statefulset/${view.set?.name ?? ''}`,
    message: scale.words,
  } as const
  const fix = toEnd(scale, alive, LOOK_AGAIN)
  return [{ ...common, fix, ...(alive === true ? { orSet: WAIT } : {}) }]
}

/** What is told of a claim is told once, by what it means for the data. */
function worthTelling({ diagnoses, losses }: Look): readonly Diagnosis[] {
  return diagnoses.filter(
    (diagnosis) => diagnosis.explains || !losses.some((loss) => loss.object === diagnosis.object),
  )
}

/** The roll that is held though it was to continue; empty where none is. */
function haltIn(
  { view, verdict, background }: Look,
  diagnoses: readonly Diagnosis[],
): readonly Finding[] {
  const { set } = view
  const held = heldRoll(view)
  // How far the roll is, the errors of one that isn't done say, but for a fault that is proven.
  const counted =
    verdict.kind !== 'done' && !diagnoses.some((diagnosis) => diagnosis.class === 'terminal')
  return set !== undefined && held !== undefined && isHalted(held, view, background)
    ? [haltFinding(counted ? held.keeps : held.text, set, background)]
    : []
}

function judgeMembers(
  { now, view, verdict, serving, background, losses }: Look,
  diagnoses: readonly Diagnosis[],
  halt: readonly Finding[],
): readonly Finding[] {
  if (verdict.kind === 'done') return [...losses, ...halt, ...serving.findings]
  // While a roll is under way a member that rejoins is no fault; that no majority serves is one.
  const grave = serving.findings.map((finding): Finding =>
    finding.code === 'CHECK_FAILED' ? { ...finding, severity: 'warning' } : finding,
  )
  return [
    ...losses,
    ...notDone(
      view,
      verdict,
      diagnoses.map((diagnosis) => ({
        ...diagnosis,
        message: `${diagnosis.message}${lasting(now - diagnosis.since)}`,
      })),
      background,
    ),
    ...halt,
    ...grave,
  ]
}

/**
 * A fault is the headline; a member that is merely on its way, or restarted once, comes after how
 * far the roll is.
 */
export function isFault(diagnosis: Diagnosis): boolean {
  return (
    diagnosis.class === 'terminal' || (diagnosis.explains && diagnosis.graceUntil !== undefined)
  )
}

/** One look can't tell whether it will pass, but often for how long it has been so. */
function lasting(ms: number): string {
  return ms < 1000 ? '' : `, for ${formatSpan(ms)}`
}

function notDone(
  view: EnsembleView,
  verdict: RolloutVerdict & { readonly kind: 'waiting' },
  diagnoses: readonly Diagnosis[],
  background: Background,
): readonly Finding[] {
  const line = progressLine({ view, verdict, diagnoses, background })
  if (diagnoses.some(isFault))
    return chooseVerdict(
      diagnoses,
      verdict.reason,
      view.set !== undefined && isRolling(view, view.set) ? atNew(view, view.set) : line,
    )
  const cause = diagnoses.find((diagnosis) => diagnosis.explains)
  const rest = diagnoses
    .filter((diagnosis) => diagnosis !== cause)
    .map(({ code, message, object }): Finding => ({ code, severity: 'warning', message, object }))
  if (cause === undefined)
    return [
      {
        code: 'NOT_READY',
        severity: 'error',
        message: `${line}; ${verdict.reason}`,
        object: `statefulset/${view.set?.name ?? ''}`,
        fix: LOOK_AGAIN,
        orSet: WAIT,
      },
      ...rest,
    ]
  const { message, object, ordinal, fix } = cause
  const ways = fix === undefined ? { fix: LOOK_AGAIN, orSet: WAIT } : { fix }
  return [
    {
      code: 'NOT_READY',
      severity: 'error',
      message: `${line}; ${message}`,
      object,
      ...ways,
      ...(ordinal === undefined ? {} : { ordinal }),
    },
    ...rest,
  ]
}
