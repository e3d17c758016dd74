// Removes our cordons when a run fails, is cancelled, or finds what a dead one left; in parallel
// and with a time limit of its own, since a cancel leaves only seconds.

import { EnsembleError } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube } from '../kube/kube.ts'
import { toNode } from '../kube/views/index.ts'
import type { HeldRecord } from './held-record.ts'
import { nodesUnderMaintenance, type MaintenanceNode, type StoredRecord } from './record.ts'
import type { Journal } from '../report/journal.ts'
import { readNode, uncordonByHand, uncordonNode, whose, type UncordonAnswer } from './cordon.ts'
import type { Recorder } from '../report/recorder.ts'

/**
 * For removing cordons, the record included; the lock's own time (RELEASE_MS) comes after it, and
 * the runner's second signal 7.5 s after the first. Milliseconds.
 */
const UNCORDON_MS = 4_000

/** What is told in the log. */
type Told = Pick<Journal, 'info' | 'warning'>

export interface Uncordoned {
  /** Names of nodes that are no longer cordoned by us. */
  readonly done: readonly string[]
  /** Names of nodes whose cordon may still stand. */
  readonly left: readonly string[]
}

/**
 * Nodes of the record that are to be uncordoned: our cordons, but for those that stay on purpose.
 */
export function leftCordoned(stored: StoredRecord): readonly MaintenanceNode[] {
  return nodesUnderMaintenance(stored).filter((node) => !staysOnPurpose(node))
}

/** Of our cordons: left to steps of the user's own, or by a drain with `uncordon: never`. */
export function staysOnPurpose({ phase, keep }: MaintenanceNode): boolean {
  return phase === 'handed-over' || keep === true
}

/**
 * Entries of nodes that an earlier drain left cordoned on purpose; `stale`: names of those that
 * were uncordoned by hand since, cordoned by somebody else, recreated, or are gone.
 */
export async function keptNodes(
  kube: Pick<Kube, 'get'>,
  stored: StoredRecord,
  ensemble: string,
  signal: AbortSignal,
): Promise<{ readonly kept: readonly MaintenanceNode[]; readonly stale: readonly string[] }> {
  const left = nodesUnderMaintenance(stored).filter(staysOnPurpose)
  const stand = await Promise.all(
    left.map(async ({ name, uid }) => {
      const object = await readNode(kube, name, signal)
      return (
        object !== undefined &&
        object.metadata.uid === uid &&
        whose(object, toNode(object), ensemble).kind === 'ours'
      )
    }),
  )
  return {
    kept: left.filter((_, index) => stand[index] === true),
    stale: left.filter((_, index) => stand[index] !== true).map(({ name }) => name),
  }
}

/**
 * For who holds the ensemble's lock: uncordons what the record has begun, but for the nodes that
 * somebody else uncordons (`except`, by name). Never throws: what could not be done is told with
 * the commands that do it by hand, and stays in the record for the next run. `lost`: the lock's
 * signal; once it is aborted another run may answer for these nodes, and nothing is touched.
 */
export async function uncordonLeft(
  record: HeldRecord,
  report: Recorder,
  journal: Told,
  lost?: AbortSignal,
  except: ReadonlySet<string> = new Set(),
): Promise<Uncordoned> {
  const begun = leftCordoned(record.stored).filter(({ name }) => !except.has(name))
  const names = begun.map(({ name }) => name)
  if (begun.length === 0) return { done: [], left: [] }
  if (lost?.aborted === true) {
    leaveToOthers(names, lost, report, journal)
    return { done: [], left: names }
  }
  const limit = AbortSignal.any([
    AbortSignal.timeout(UNCORDON_MS),
    ...(lost === undefined ? [] : [lost]),
  ])
  const free = await Promise.all(
    begun.map((entry) => uncordonOne(record, entry, report, journal, limit)),
  )
  const done = names.filter((_, index) => free[index] === true)
  const left = names.filter((_, index) => free[index] !== true)
  await strikeOut(record, done, journal, limit)
  return { done, left }
}

/** Without the lock nothing is touched; who uncordons these nodes then. */
function leaveToOthers(
  names: readonly string[],
  lost: AbortSignal,
  report: Recorder,
  journal: Told,
): void {
  if (isTaken(lost)) {
    journal.warning(
      `The lock is another run's now: the cordon of ${names.join(', ')} is left to that run.`,
    )
    return
  }
  journal.warning(
    `The lock may be another run's by now: the cordon of ${names.join(', ')} is left as it is; the post step or the next run removes it.`,
  )
  report.offer(...names.flatMap(uncordonByHand))
}

function isTaken({ reason }: AbortSignal): boolean {
  return reason instanceof EnsembleError && reason.code === 'LOCKED'
}

/** True when no cordon of ours stands on it any more. */
async function uncordonOne(
  { kube, place: { namespace, name } }: HeldRecord,
  entry: MaintenanceNode,
  report: Recorder,
  journal: Told,
  signal: AbortSignal,
): Promise<boolean> {
  if (entry.cordon === 'theirs') {
    // Not cordoned by us yet, or by somebody else before us.
    note(report, entry.name, 'skipped', undefined)
    journal.info(`${entry.name}: carries no cordon of ours, left as it is`)
    return true
  }
  try {
    const answer = await uncordonNode(
      kube,
      entry.name,
      { ensemble: `${namespace}/${name}`, uid: entry.uid },
      signal,
    )
    const words = inWords(answer)
    const told = { what: words, node: entry.name }
    if (answer.kind === 'uncordoned') report.did(told)
    else report.happened(told)
    journal.info(`${entry.name}: ${words}`)
    note(report, entry.name, outcomeOf(answer), answer.kind === 'not ours' ? 'theirs' : 'none')
    return true
  } catch (error) {
    const commands = uncordonByHand(entry.name)
    report.offer(...commands)
    journal.warning(
      `${entry.name} is still cordoned by us: it could not be uncordoned (${told(error)}). By hand: ${commands.join(' && ')}`,
    )
    return false
  }
}

function inWords(answer: UncordonAnswer): string {
  switch (answer.kind) {
    case 'uncordoned':
      return 'uncordoned'
    case 'not ours':
      return `is cordoned ${answer.by}, left as it is`
    case 'not cordoned':
      return 'is not cordoned (any more)'
    case 'gone':
      return 'is gone'
  }
}

function outcomeOf(answer: UncordonAnswer): 'uncordoned' | 'skipped' | 'gone' {
  switch (answer.kind) {
    case 'uncordoned':
    case 'not cordoned':
      return 'uncordoned'
    case 'not ours':
      return 'skipped'
    case 'gone':
      return 'gone'
  }
}

/**
 * In the report's row of the node, where there is one: one that failed stays failed, with its
 * cordon as it stands now.
 */
function note(
  report: Recorder,
  node: string,
  outcome: 'uncordoned' | 'skipped' | 'gone',
  cordon: 'theirs' | 'none' | undefined,
): void {
  const failed = report.nodes.some((row) => row.node === node && row.outcome === 'failed')
  report.nodeIs(
    { node },
    { ...(cordon === undefined ? {} : { cordon }), ...(failed ? {} : { outcome }) },
  )
}

/**
 * Without what was uncordoned; a record that can't be written now is set right by the next run,
 * which finds these nodes uncordoned.
 */
async function strikeOut(
  record: HeldRecord,
  done: readonly string[],
  journal: Told,
  signal: AbortSignal,
): Promise<void> {
  try {
    await record.endNodes(new Set(done), signal)
  } catch (error) {
    journal.info(
      `The record still lists ${done.join(', ')} (${told(error)}); the next run removes them from it.`,
    )
  }
}

/** Never a raw answer of the API. */
function told(error: unknown): string {
  if (error instanceof EnsembleError) return error.message
  if (error instanceof KubeFailure)
    return error.status === 0
      ? 'no answer from the cluster'
      : `answer ${error.status} ${error.reason}`
  return error instanceof Error && error.name === 'TimeoutError'
    ? 'no answer in time'
    : 'the request was broken off'
}
