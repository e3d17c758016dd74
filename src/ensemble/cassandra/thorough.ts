// The checks of level thorough, a row of `PROOFS` each: that of two clients that ask for the same row
// exactly one gets it, and that every copy takes a write.

import type { Finding } from '../../errors.ts'
import { ofMember } from '../of-member.ts'
import type { CheckResult, Member, VerifyContext } from '../profile.ts'
import { proveEach, type Proof } from '../proofs.ts'
import { hearAll } from './ask.ts'
import { cqlFinding, type Cql, type CqlTrouble } from './cqlsh.ts'
import { KEYSPACE, TABLE, TTL_S } from './keyspace.ts'
import { nameOfRun } from './rows.ts'
import { namesOf, statesOf } from './serving.ts'

/** An answer that timed out proves nothing: the race is run once more, on another row. */
const MOST_RACES = 2

interface Stage {
  /** By ordinal, at least one. */
  readonly members: readonly [Member, ...Member[]]
  readonly cql: Cql
  readonly context: VerifyContext
  /** Begins the names of this run's rows. */
  readonly name: string
}

const PROOFS: readonly (readonly [CheckResult['name'], Proof<Stage>])[] = [
  ['compare-and-set', race],
  ['all-copies', everyCopy],
]
export const THOROUGH_CHECKS = PROOFS.map(([name]) => name)

export async function checkThoroughly(
  members: readonly Member[],
  cql: Cql,
  context: VerifyContext,
): Promise<readonly CheckResult[]> {
  const [first, ...rest] = members
  if (first === undefined) return []
  const stage: Stage = {
    members: [first, ...rest],
    cql,
    context,
    name: `${nameOfRun(context.runId)}-${context.clock.now()}`,
  }
  return proveEach(PROOFS, stage, context.clock)
}

/** What a client was told of its INSERT … IF NOT EXISTS. */
export type RaceAnswer = 'won' | 'lost' | 'unknown'

export type RaceFault = 'both won' | 'none won' | 'another row'

/**
 * `shown`: whose value a read at SERIAL shows, which ends what is under way; undefined for no row.
 */
export function judgeRace(
  answers: readonly RaceAnswer[],
  shown: number | undefined,
): 'proven' | 'unknown' | { readonly fault: RaceFault } {
  const [winner, ...more] = answers.flatMap((answer, at) => (answer === 'won' ? [at] : []))
  if (more.length > 0) return { fault: 'both won' }
  if (winner !== undefined) return shown === winner ? 'proven' : { fault: 'another row' }
  const unknown = answers.flatMap((answer, at) => (answer === 'unknown' ? [at] : []))
  if (unknown.length === 0) return { fault: 'none won' }
  // Neither was told: the row of one may have been taken by the other.
  if (unknown.length === answers.length) return 'unknown'
  return shown !== undefined && unknown.includes(shown) ? 'proven' : { fault: 'another row' }
}

const CLIENTS = ['one', 'other'] as const

interface Runners {
  readonly one: Member
  /** The same where there is no other. */
  readonly other: Member
  readonly reader: Member
}

async function race(stage: Stage): Promise<string | Finding> {
  const [one, other = one, reader = other] = stage.members
  const runners = { one, other, reader }
  for (let races = 1; ; races++) {
    const ran = await runRace(stage, runners, `${stage.name}-race-${races}`)
    if ('code' in ran) return ran
    const verdict = judgeRace(ran.answers, ran.shown)
    if (verdict === 'proven') return proven(runners, ran.answers)
    if (verdict !== 'unknown') return brokenPromise(runners, verdict.fault)
    if (races >= MOST_RACES) return undecided(runners, races)
  }
}

/** Both ask for the row `id` at the same time. A finding: one of them could not ask, or read. */
async function runRace(
  stage: Stage,
  { one, other, reader }: Runners,
  id: string,
): Promise<Finding | { readonly answers: readonly RaceAnswer[]; readonly shown?: number }> {
  const told = await Promise.all([
    claim(stage, one, id, CLIENTS[0]),
    claim(stage, other, id, CLIENTS[1]),
  ])
  for (const [at, answer] of told.entries())
    if (typeof answer === 'object')
      return because(
        stage,
        at === 0 ? one : other,
        'a lightweight transaction failed through',
        answer,
      )
  const read = await stage.cql(
    reader,
    `CONSISTENCY SERIAL; SELECT value FROM ${TABLE} WHERE id = '${id}';`,
  )
  if ('kind' in read) return because(stage, reader, 'a read at SERIAL failed through', read)
  const answers = told.filter((answer) => typeof answer === 'string')
  const shown = CLIENTS.findIndex((client) => read.lines.includes(client))
  return shown === -1 ? { answers } : { answers, shown }
}

function proven({ one, other }: Runners, answers: readonly RaceAnswer[]): string {
  const through = one === other ? '' : `, through ${one.pod} and ${other.pod},`
  const told = answers.includes('unknown') ? ' (one answer timed out; a read at SERIAL told)' : ''
  return `of two clients that asked for the same row${through} exactly one got it${told}`
}

function between({ one, other }: Runners): string {
  return one === other ? `both through ${one.pod}` : `through ${one.pod} and ${other.pod}`
}

function undecided(runners: Runners, races: number): Finding {
  return {
    ...ofMember(runners.one),
    code: 'CHECK_IMPOSSIBLE',
    message: `two lightweight transactions for the same row, ${between(runners)}, timed out, ${races} times: which of them won is unknown`,
    fix: 'Paxos rounds take too long: see nodetool tpstats and nodetool proxyhistograms of the members; cas_contention_timeout and write_request_timeout bound them.',
    orSet: { input: 'verify', value: 'full' },
  }
}

function brokenPromise(runners: Runners, fault: RaceFault): Finding {
  const what =
    fault === 'another row'
      ? `at most one won, and a read at SERIAL through ${runners.reader.pod} does not show the row of the one that won`
      : fault
  return {
    ...ofMember(runners.other),
    code: 'CHECK_FAILED',
    message: `of two lightweight transactions for the same row, ${between(runners)}, ${what}`,
    fix: 'The ring does not keep its promises: stop clients that rely on IF NOT EXISTS, compare the members’ versions, clocks and logs, and repair the ring (nodetool repair --paxos-only, from Cassandra 4.1).',
  }
}

async function claim(
  { cql }: Stage,
  member: Member,
  id: string,
  value: string,
): Promise<RaceAnswer | CqlTrouble> {
  const answer = await cql(
    member,
    `CONSISTENCY QUORUM; INSERT INTO ${TABLE} (id, value) VALUES ('${id}', '${value}') IF NOT EXISTS USING TTL ${TTL_S};`,
  )
  if ('kind' in answer) return answer.kind === 'unknown' ? 'unknown' : answer
  const applied = parseApplied(answer.lines)
  return applied === undefined
    ? { kind: 'failed', why: 'cqlsh does not say whether it was applied' }
    : applied
      ? 'won'
      : 'lost'
}

/**
 * Below the head ` [applied] | id | value` and a line of dashes: `True`, or `False` and the row
 * that is there.
 */
function parseApplied(lines: readonly string[]): boolean | undefined {
  const head = lines.findIndex((line) => line.startsWith('[applied]'))
  const cell = head === -1 ? undefined : lines[head + 2]?.split('|')[0]?.trim()
  return cell === 'True' ? true : cell === 'False' ? false : undefined
}

async function everyCopy(stage: Stage): Promise<string | Finding> {
  const [first] = stage.members
  const id = `${stage.name}-all`
  const answer = await stage.cql(
    first,
    `CONSISTENCY ALL; INSERT INTO ${TABLE} (id, value) VALUES ('${id}', '${id}') USING TTL ${TTL_S};`,
  )
  return 'kind' in answer
    ? because(stage, first, 'a write at ALL failed through', answer)
    : `a write at ALL through ${first.pod} was taken by every copy`
}

/** Where copies were missing, who is down now is asked: cqlsh tells a count, and no name. */
async function because(
  { members, context }: Stage,
  member: Member,
  what: string,
  trouble: CqlTrouble,
): Promise<Finding> {
  const finding = cqlFinding(member, what, trouble)
  if (trouble.kind !== 'unavailable' && trouble.kind !== 'unknown') return finding
  const states = statesOf(await hearAll(members, ['status', 'info'], new Map(), context))
  const lost = states.flatMap((state) =>
    state.role === 'up' ? [] : members.filter(({ pod }) => pod === state.pod),
  )
  const [only, ...more] = lost
  if (only === undefined)
    return {
      ...finding,
      message: `${finding.message}; every member says that it is up by now`,
      fix: `A copy was too slow or away for a moment: look at the logs of the members and at nodetool tpstats, and run it again. Or ${KEYSPACE} has more copies than there are nodes: DESCRIBE KEYSPACE ${KEYSPACE}.`,
    }
  return {
    ...finding,
    ...(more.length === 0 ? ofMember(only) : {}),
    message: `${finding.message}; ${namesOf(lost)} ${more.length === 0 ? 'does' : 'do'} not serve`,
    fix: `Bring ${namesOf(lost)} back: operation: status says what it lacks.`,
  }
}
