// What must be true of every drain, read from what befell the members and how the nodes stand.

import type { Happening } from '../../support/cluster/history.ts'
import { byRuns, line, named, takenTogether, takenWhileAClaimGoes } from '../rolls/invariants.ts'
import { NAMES, type Played, type Stands } from './seed.ts'

/** Trouble may end a drain, but never without a name. */
const ENDED = /^(succeeded|unchanged|cancelled|failed|refused)\b/
const REACHED = /^(succeeded|unchanged)$/
/**
 * A member that has been outside for so long is known to be outside: all are asked right before one
 * is taken.
 */
const KNOWN_MS = 1_000
/** Far more than three nodes and all their trouble take: a run that waits in vain is seen. */
const WITHIN_MS = 15 * 60_000

/**
 * Serving members that a run evicted or ended while another had been outside for long, by whoever's
 * doing.
 */
export function takenBesideOneOutside(
  history: readonly Happening[],
  ...names: readonly string[]
): readonly string[] {
  const broken: string[] = []
  const outside = new Map<number, number>()
  for (const happening of history) {
    const { ordinal, what, at, by, verb, serving } = happening
    const takes =
      (what === 'deleted' || (what === 'outside' && verb === 'exec')) &&
      names.includes(by) &&
      serving.includes(ordinal)
    const known = [...outside].filter(
      ([other, since]) => other !== ordinal && at - since > KNOWN_MS,
    )
    if (takes && known.length > 0)
      broken.push(
        `${line(happening)}, while ${known.map(([other, since]) => `${other} was outside for ${at - since} ms`).join(', ')}`,
      )
    if (what === 'serving') outside.delete(ordinal)
    if (what === 'outside' && !outside.has(ordinal)) outside.set(ordinal, at)
  }
  return broken
}

/** Everything that was not as it must be, one line each. */
export function brokenIn(played: Played): readonly string[] {
  const { run, second, history, killed, between, after, asked, data } = played
  return [
    ...takenTogether(history, byRuns(...NAMES)),
    ...takenBesideOneOutside(history, ...NAMES),
    ...takenWhileAClaimGoes(history, byRuns(...NAMES)),
    ...(killed ? [] : named('the run', run, ENDED)),
    ...named('the second run', second, REACHED),
    ...(played.tookMs > WITHIN_MS ? [`the run took ${played.tookMs} ms`] : []),
    ...cordons('the run', between, killed),
    ...cordons('the second run', after, false),
    ...(!killed && run.exitCode === 0 ? settled('the run', between) : []),
    ...settled('the second run', after),
    ...(second.report.drainedNodes.toSorted().join() === asked.toSorted().join()
      ? []
      : [`drained ${second.report.drainedNodes.join(', ')}, not ${asked.join(', ')}`]),
    ...[run, second]
      .filter(({ report }) => (report.acknowledgedWritesLost ?? 0) > 0)
      .map(({ report }) => `${report.acknowledgedWritesLost ?? 0} acknowledged writes lost`),
    ...(data.length === 3 ? [] : [`${data.length} members serve`]),
    ...data
      .filter((paths) => !paths.includes('/orders'))
      .map(() => 'a member without the data of before'),
  ]
}

/** Ours are uncordoned, except by a run that was killed; theirs never are. */
function cordons(who: string, { cordoned, theirs }: Stands, killed: boolean): readonly string[] {
  return [
    ...theirs
      .filter((node) => !cordoned.includes(node))
      .map((node) => `${who} removed somebody else's cordon of ${node}`),
    ...(killed
      ? []
      : cordoned
          .filter((node) => !theirs.includes(node))
          .map((node) => `after ${who} ${node} is cordoned or has our mark`)),
  ]
}

function settled(who: string, { underWay, maintenance, drain, holder }: Stands): readonly string[] {
  return [
    ...(underWay === null ? [] : [`after ${who} something is under way`]),
    ...(maintenance === null
      ? []
      : [`after ${who} the record has nodes under maintenance: ${JSON.stringify(maintenance)}`]),
    ...(drain === null ? [] : [`after ${who} the record has a drain: ${JSON.stringify(drain)}`]),
    ...(holder === '' ? [] : [`after ${who} the lock is held by ${holder}`]),
  ]
}
