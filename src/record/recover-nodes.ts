// What a drain that died has left cordoned is uncordoned by whatever run of the ensemble comes
// next, before that one does its own work.

import type { Access } from '../kube/kube.ts'
import type { Journal } from '../report/journal.ts'
import type { Recorder } from '../report/recorder.ts'
import { uncordonByHand } from './cordon.ts'
import type { HeldRecord } from './held-record.ts'
import { uncordonLeft, leftCordoned } from './uncordon-left.ts'

const RIGHTS: readonly Access[] = ['get', 'patch'].map((verb) => ({
  verb,
  group: '',
  resource: 'nodes',
}))

/**
 * For who holds the ensemble's lock: a node that is begun in the record is a dead run's. Without
 * the rights the nodes are named, with the commands. `lost`: the lock's signal.
 * No request where there is nothing to uncordon. Rejects only when the rights can't be asked for.
 */
export async function recoverNodes(
  record: HeldRecord,
  report: Recorder,
  journal: Pick<Journal, 'info' | 'warning'>,
  lost: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const left = leftCordoned(record.stored)
  if (left.length === 0) return
  const names = left.map(({ name }) => name).join(', ')
  const runUrl = record.current.maintenance?.runUrl ?? ''
  const whose = `a drain that did not end${runUrl === '' ? '' : ` (${runUrl})`}`
  const denied = await record.kube.denied(RIGHTS, signal)
  if (denied.length > 0) {
    const commands = left
      .filter(({ cordon }) => cordon === 'ours')
      .flatMap(({ name }) => uncordonByHand(name))
    if (commands.length === 0) return
    report.note(
      `${names}: left cordoned by ${whose}. This run may not uncordon it (${denied.map(({ verb, resource }) => `${verb} ${resource}`).join(', ')} is missing); operation: uncordon does, or the commands below.`,
    )
    report.offer(...commands)
    return
  }
  journal.info(`${names}: begun by ${whose}; this run uncordons it first.`)
  // It is the dead run's change that is undone: whether this one was refused before it changed
  // anything is another question.
  const ended = await report.asAnothers(() => uncordonLeft(record, report, journal, lost))
  if (ended.left.length > 0)
    report.note(
      `Still cordoned by ${whose}: ${ended.left.join(', ')}; the commands below uncordon it.`,
    )
}
