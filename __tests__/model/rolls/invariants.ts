// What must be true of every run, read from what befell the members.

import type { Happening } from '../../support/cluster/history.ts'
import type { Ended } from '../../support/in-process.ts'
import { NAMES, type Played, type Stands } from './seed.ts'

/** Whose doing a happening is, for whom it matters. */
export type Whose = (happening: Happening) => boolean

/** By a run of the action, or by the controller, which replaces members because a run let it. */
export function byRuns(...names: readonly string[]): Whose {
  return ({ by, verb }) =>
    by === 'statefulset-controller' ||
    (names.includes(by) && (verb === 'delete' || verb === 'eviction' || verb === 'exec'))
}

/**
 * Members that were taken while they served and while another, taken by the same hands, was not
 * back: one line each. Members that others took down don't count, nor who has left for good.
 */
export function takenTogether(history: readonly Happening[], ours: Whose): readonly string[] {
  const broken: string[] = []
  const away = new Map<number, { readonly ours: boolean }>()
  for (const [index, happening] of history.entries()) {
    const { ordinal, what, serving } = happening
    if (what === 'serving' || (what === 'gone' && !comesAgain(history, index))) away.delete(ordinal)
    // A member is away from the first that befalls it until it serves again.
    const takes =
      (what === 'deleted' || what === 'outside') && !away.has(ordinal) && serving.includes(ordinal)
    if (!takes) continue
    const mine = ours(happening)
    const others = [...away].filter(([, other]) => other.ours).map(([other]) => other)
    if (mine && others.length > 0)
      broken.push(`${line(happening)} while ${others.join(', ')} was away`)
    away.set(ordinal, { ours: mine })
  }
  return broken
}

function comesAgain(history: readonly Happening[], index: number): boolean {
  return history
    .slice(index)
    .some(({ ordinal, what }) => what === 'created' && ordinal === history[index]?.ordinal)
}

/**
 * Members that were taken while they served and another did not, whoever's doing that was: what a
 * careful run never does knowingly.
 */
export function takenWhileOneWasOut(
  history: readonly Happening[],
  ours: Whose,
  replicas: number,
): readonly string[] {
  return history
    .filter(
      (happening) =>
        happening.what === 'deleted' &&
        ours(happening) &&
        happening.serving.includes(happening.ordinal) &&
        happening.serving.length < replicas,
    )
    .map(line)
}

/** Serving members of a revision that were deleted: an undo never does that to the good one. */
export function servingDeleted(
  history: readonly Happening[],
  ours: Whose,
  revision: string,
): readonly string[] {
  return history
    .filter(
      (happening) =>
        happening.what === 'deleted' &&
        ours(happening) &&
        happening.revision === revision &&
        happening.serving.includes(happening.ordinal),
    )
    .map(line)
}

/** A crash in place is over after seconds, an election as well. */
const COMES_BACK_MS = 30_000

/**
 * Pods that runs deleted a moment after they had ceased to serve, by no doing of a run: they would
 * have come back by themselves, at their address.
 */
export function takenWhileComingBack(
  history: readonly Happening[],
  ...names: readonly string[]
): readonly string[] {
  const broken: string[] = []
  const outside = new Map<string, Happening>()
  for (const happening of history) {
    if (happening.what === 'outside') outside.set(happening.uid, happening)
    if (happening.what === 'serving') outside.delete(happening.uid)
    const left = outside.get(happening.uid)
    if (
      happening.what !== 'deleted' ||
      left === undefined ||
      !names.includes(happening.by) ||
      names.includes(left.by)
    )
      continue
    if (happening.at - left.at < COMES_BACK_MS)
      broken.push(`${line(happening)}, ${happening.at - left.at} ms after it served`)
  }
  return broken
}

/**
 * A claim that has been going for so long is known to be going: claims are read again right before
 * a member is taken.
 */
const KNOWN_MS = 2_000

/**
 * Members that were taken, by runs or because they let the controller, while a claim was on its way
 * out: its volume goes with its pod, and what is left are the others.
 */
export function takenWhileAClaimGoes(
  history: readonly Happening[],
  ours: Whose,
): readonly string[] {
  return history
    .filter(
      (happening) =>
        (happening.what === 'deleted' ||
          (happening.what === 'outside' && happening.verb === 'exec')) &&
        ours(happening) &&
        happening.claimsGoing.some(({ since }) => happening.at - since > KNOWN_MS),
    )
    .map(
      (happening) =>
        `${line(happening)}, while ${happening.claimsGoing.map(({ name }) => name).join(', ')} was being deleted`,
    )
}

/** Times without any member that served, longer than `most` milliseconds: one line each. */
export function servedByNobody(history: readonly Happening[], most: number): readonly string[] {
  const long: string[] = []
  let began: Happening | undefined
  for (const happening of history) {
    const { at, what, ordinal, serving } = happening
    const left = serving.filter((one) => one !== ordinal || what === 'ready' || what === 'unready')
    const nobody = what !== 'serving' && left.length === 0
    if (nobody) began ??= happening
    else if (began !== undefined) {
      if (at - began.at > most) long.push(`nobody served for ${at - began.at} ms: ${line(began)}`)
      began = undefined
    }
  }
  return long
}

/** For messages: `12340 deleted 2 by run (eviction), 0 1 2 served`. */
export function line({ at, what, ordinal, by, verb, serving }: Happening): string {
  return `${at} ${what} ${ordinal} by ${by}${verb === '' ? '' : ` (${verb})`}, ${serving.length === 0 ? 'nobody' : serving.join(' ')} served`
}

const COMPLETE: ReadonlySet<string> = new Set(['succeeded', 'unchanged'])

export interface Goal {
  /**
   * What each run may end with, the one under trouble and the one after it; a killed run's end is
   * nobody's.
   */
  readonly run: RegExp
  readonly second: RegExp
  /** Every member was replaced. */
  readonly everyMemberAnew?: boolean
  /** The revision that is wanted in the end is that of before, or another one. */
  readonly revision: 'of before' | 'new'
  /** Longest time of the run under trouble, what it rolls back included; milliseconds. */
  readonly withinMs: number
}

/** Everything that was not as it must be, one line each. */
export function brokenIn(played: Played, goal: Goal, members: number): readonly string[] {
  const { run, second, history, data, stood } = played
  const { before, between, after } = stood
  const good = goal.revision === 'of before' ? before.verified : ''
  return [
    ...takenTogether(history, byRuns(...NAMES)),
    ...takenWhileAClaimGoes(history, byRuns(...NAMES)),
    ...takenWhileComingBack(history, ...NAMES),
    ...servingDeleted(
      history.filter(({ at }) => isUndoing(played, at)),
      byRuns(...NAMES),
      before.verified,
    ).map((one) => `${one}: of the good revision, by an undo`),
    ...(played.killed ? [] : named('the run', run, goal.run)),
    ...named('the second run', second, goal.second),
    ...(played.tookMs > goal.withinMs ? [`the run took ${played.tookMs} ms`] : []),
    ...(!played.killed && run.exitCode === 0 ? settled('the run', between) : []),
    ...(!played.killed && run.report.result === 'undone'
      ? [
          ...settled('the undo', between),
          ...(between.wanted === before.verified
            ? []
            : [`undone to ${between.wanted}, not ${before.verified}`]),
        ]
      : []),
    ...settled('the second run', after),
    ...after.pods
      .filter((pod) => pod.revision !== after.wanted)
      .map((pod) => `a pod at ${pod.revision}, not ${after.wanted}`),
    ...(good !== '' && after.wanted !== good ? [`in the end ${after.wanted}, not ${good}`] : []),
    ...(goal.revision === 'new' && after.wanted === before.wanted
      ? ['the change did not go in']
      : []),
    ...(goal.everyMemberAnew === true
      ? after.pods
          .filter((pod) => before.pods.some((old) => old.uid === pod.uid))
          .map((pod) => `${pod.uid} was never replaced`)
      : []),
    ...[run, second]
      .filter(({ report }) => (report.acknowledgedWritesLost ?? 0) > 0)
      .map(({ report }) => `${report.acknowledgedWritesLost ?? 0} acknowledged writes lost`),
    ...(data.length === members ? [] : [`${data.length} members serve`]),
    ...data
      .filter((paths) => !paths.includes('/orders'))
      .map(() => 'a member without the data of before'),
  ]
}

/** An end that a person can act on. */
export function named(
  who: string,
  { exitCode, report, faults }: Ended,
  may: RegExp,
): readonly string[] {
  const { result, code, standing, message } = report
  return [
    ...(code === 'INTERNAL' ? [`${who} ended with INTERNAL: ${message}; ${faults.join(' ')}`] : []),
    ...(standing === '' || message === ''
      ? [`${who} does not say how the ensemble stands: ${message}`]
      : []),
    ...(COMPLETE.has(result) === (exitCode === 0) && COMPLETE.has(result) === (code === '')
      ? []
      : [`${who}: ${result}, code ${code}, exit code ${exitCode}`]),
    ...(may.test(`${result} ${code}`.trim())
      ? []
      : [`${who} ended with ${result} ${code}: ${message}`]),
  ]
}

function settled(
  who: string,
  { underWay, verified, wanted, partition, holder }: Stands,
): readonly string[] {
  return [
    ...(underWay === null ? [] : [`after ${who} something is still under way`]),
    ...(verified === wanted
      ? []
      : [`after ${who} ${verified} is verified, and ${wanted} is wanted`]),
    ...(partition === 0 ? [] : [`after ${who} the partition stands at ${partition}`]),
    ...(holder === '' ? [] : [`after ${who} the lock is held by ${holder}`]),
  ]
}

/** Whether a change was being rolled back then. */
function isUndoing({ run, second, beganAt, secondAt }: Played, at: number): boolean {
  const from = (ended: Ended, began: number): number => {
    const line = ended.lines.find((one) => one.includes('== Roll back to revision'))
    return line === undefined ? Infinity : began + Number(line.trim().split(' ')[0])
  }
  return at >= secondAt ? at >= from(second, secondAt) : at >= from(run, beganAt)
}
