// The cordons that a killed run left, seen from the post step: uncordoned by their marks, while
// nobody else holds the ensemble's lock.

import type { Kube } from '../../kube/kube.ts'
import { readHolder } from '../../record/lock.ts'
import { HeldRecord } from '../../record/held-record.ts'
import { readRecord, type StoredRecord } from '../../record/record.ts'
import type { PostState } from '../../run.ts'
import { systemClock } from '../../clock.ts'
import { uncordonByHand, uncordonNode, type UncordonAnswer } from '../../record/cordon.ts'

/**
 * Uncordons each node that carries a mark of our own identity, in parallel; those that were left
 * cordoned on purpose are not touched. `settled` is called for each node about which
 * nothing is left to be said. Throws where the cluster doesn't answer what must be known first.
 */
export async function uncordonInPost(
  kube: Kube,
  state: Required<PostState>,
  settled: (name: string) => void,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { lock, nodes } = state
  const holder = await readHolder(kube, lock.namespace, lock.lease, signal)
  if (holder !== '' && holder !== lock.identity) {
    say(
      `The lock ${lock.namespace}/${lock.lease} is another run's now (${holder}): the nodes ${nodes.map(({ name }) => name).join(', ')} are left to it.`,
    )
    nodes.forEach(({ name }) => settled(name))
    return
  }
  const records = await readRecords(
    kube,
    nodes.map(({ ensemble }) => ensemble),
    signal,
  )
  const free = await Promise.all(
    nodes.map(async ({ name, ensemble }) => {
      const entry = records
        .get(ensemble)
        ?.record.maintenance?.nodes.find((one) => one.name === name)
      if (entry?.phase === 'handed-over') {
        settled(name)
        return []
      }
      try {
        const answer = await uncordonNode(kube, name, { ensemble, identity: lock.identity }, signal)
        const words = inWords(answer)
        if (words !== undefined) say(`Node ${name} ${words}`)
        settled(name)
        return answer.kind === 'not ours' ? [] : [{ name, ensemble }]
      } catch {
        settled(name)
        say(
          `Node ${name} is still cordoned by this run, it could not be uncordoned; the next run does it, or by hand: ${uncordonByHand(name).join(' && ')}`,
        )
        return []
      }
    }),
  )
  // Only who holds the lock writes the record; who comes later strikes out what is uncordoned.
  if (holder === lock.identity) await tryToStrikeOut(kube, records, free.flat(), signal)
}

function inWords(answer: UncordonAnswer): string | undefined {
  switch (answer.kind) {
    case 'uncordoned':
      return 'was left cordoned by a killed step and was uncordoned.'
    case 'not ours':
      return `is cordoned ${answer.by}: not touched.`
    case 'not cordoned':
    case 'gone':
      return undefined
  }
}

async function readRecords(
  kube: Kube,
  ensembles: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredRecord>> {
  const found = await Promise.all(
    [...new Set(ensembles)].map(async (ensemble) => {
      const [namespace = '', name = ''] = ensemble.split('/')
      return [ensemble, await readRecord(kube, namespace, name, signal)] as const
    }),
  )
  return new Map(found)
}

/** A node that stays in a record costs the next run a look at it. */
async function tryToStrikeOut(
  kube: Kube,
  records: ReadonlyMap<string, StoredRecord>,
  nodes: Required<PostState>['nodes'],
  signal: AbortSignal,
): Promise<void> {
  for (const [ensemble, stored] of records) {
    const names = new Set(
      nodes.filter((node) => node.ensemble === ensemble).map(({ name }) => name),
    )
    const [namespace = '', name = ''] = ensemble.split('/')
    const runUrl = stored.record.maintenance?.runUrl ?? ''
    await new HeldRecord(kube, systemClock, { namespace, name, runUrl }, stored)
      .endNodes(names, signal)
      .catch(() => undefined)
  }
}
