// How often a container has died lately: the status keeps only the present and the last life, so
// the deaths are counted from look to look.

import type { ContainerView, PodView, Terminated } from '../../view/workload.ts'

/**
 * The kubelet forgets a container's back-off after it has run this long; older deaths belong to
 * another story.
 */
const FORGET_MS = 600_000
/** A pod that has been Ready this long has come up. */
const WORKED_MS = 120_000
const KEPT_EXITS = 10

export interface CrashHistory {
  /** Deaths that don't count: those from before we looked, or before it last worked. */
  readonly baseline: number
  /** Deaths in a row that count. */
  readonly deaths: number
  /** When the first of them was; milliseconds since the epoch. */
  readonly first: number | undefined
  /** The last exits that were seen, one a death. */
  readonly exits: readonly { readonly finished: number; readonly code: number }[]
}

/**
 * How the last life ended; undefined while there was none that counts as a death (an init container
 * that ended with 0 has done its work).
 */
export function lastDeath(container: ContainerView, isInit: boolean): Terminated | undefined {
  if (container.state.kind === 'terminated')
    return isInit && container.state.exitCode === 0 ? undefined : container.state
  return container.last
}

/**
 * Deaths since the pod was made. `restarts` counts the starts after the first, so a container that
 * is down has died once more.
 */
function deathsOf(container: ContainerView, isInit: boolean): number {
  switch (container.state.kind) {
    case 'running':
      return container.restarts
    case 'terminated':
      return isInit && container.state.exitCode === 0 ? 0 : container.restarts + 1
    case 'waiting':
      return container.last === undefined ? container.restarts : container.restarts + 1
    case 'none':
      return container.restarts
  }
}

/**
 * The fewest deaths that the kubelet's back-off tells of: the first restart is at once, then 10 s,
 * 20 s, 40 s … up to 5 min, so that
 * `back-off 2m40s restarting failed container` means six (measured on 1.36). It holds for a run
 * that comes late, too.
 */
export function deathsByBackOff(container: ContainerView): number {
  if (container.state.kind !== 'waiting' || container.state.reason !== 'CrashLoopBackOff') return 0
  const match = /^back-off (?:(\d+)m)?(?:(\d+)s)? restarting/.exec(container.state.message)
  if (match === null) return 1
  const seconds = Number(match[1] ?? 0) * 60 + Number(match[2] ?? 0)
  return seconds < 10 ? 1 : Math.floor(Math.log2(seconds / 10)) + 2
}

export function followCrashes(
  before: CrashHistory | undefined,
  pod: PodView,
  container: ContainerView,
  isInit: boolean,
  now: number,
): CrashHistory {
  const total = deathsOf(container, isInit)
  if (hasComeUp(pod, container, now))
    return { baseline: total, deaths: 0, first: undefined, exits: [] }
  const baseline =
    before?.baseline ?? (now - pod.created < FORGET_MS ? 0 : deathsUnseen(container, total))
  const deaths = Math.max(total - baseline, deathsByBackOff(container), 0)
  if (deaths === 0) return { baseline, deaths, first: undefined, exits: [] }
  const exits = exitsOf(before?.exits ?? [], [container.last, lastDeath(container, isInit)])
  return { baseline, deaths, first: before?.first ?? firstOf(exits) ?? now, exits }
}

/** Whether it has worked: what it died of before is another story. */
function hasComeUp(pod: PodView, { state }: ContainerView, now: number): boolean {
  const ranLong = state.kind === 'running' && now - state.since >= FORGET_MS
  const worked = pod.ready && now - (pod.readySince ?? now) >= WORKED_MS
  return ranLong || worked
}

/** Of a pod that is old at the first look, only the death that it lies in now counts. */
function deathsUnseen({ state }: ContainerView, total: number): number {
  return state.kind !== 'running' && total > 0 ? total - 1 : total
}

/** Those known, and those that this look shows, each once. */
function exitsOf(
  known: CrashHistory['exits'],
  ends: readonly (Terminated | undefined)[],
): CrashHistory['exits'] {
  const seen = ends.flatMap((end) =>
    end === undefined ? [] : [{ finished: end.finished, code: end.exitCode }],
  )
  const all = [...known, ...seen]
  return all
    .filter((exit, index) => all.findIndex((other) => other.finished === exit.finished) === index)
    .slice(-KEPT_EXITS)
}

/** A kubelet that lost a container writes no time of its end (0 here). */
function firstOf(exits: CrashHistory['exits']): number | undefined {
  return exits.find((exit) => exit.finished > 0)?.finished
}
