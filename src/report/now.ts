// Whether clients can read and write now, and how many members more may go: counted from what the
// members said when they were asked, never from pods that are Ready.

import { majority } from '../majority.ts'
import { SERVING } from '../decide/members/serving.ts'
import type { Role } from '../ensemble/profile.ts'
import { plainLine, someOf } from './escape.ts'
import type { MemberRow, RunReport } from './run-report.ts'
import { clockTime } from './sections/times.ts'

/** What is said of clients; undefined where it is not known. */
export interface Clients {
  readonly read: boolean | undefined
  readonly write: boolean | undefined
  /** Members that said they serve. */
  readonly serving: number
  /** Members that there should be and that have a vote. */
  readonly members: number
  /** How many must serve; undefined where that is another thing for each client (Cassandra). */
  readonly needed: number | undefined
  /** How many more may be down before clients stop. */
  readonly mayGo: number | undefined
  /** Members that could not be asked, or were not. */
  readonly unasked: readonly string[]
  /** When they were asked, the earliest; milliseconds since the epoch. */
  readonly askedAt: number | undefined
}

/** An answer older than this, in milliseconds, is given with its time. */
const FRESH_MS = 20_000

const UNKNOWN: ReadonlySet<Role> = new Set<Role>(['unknown', 'unreachable'])

/** Undefined where the run saw no ensemble: how many there should be says nothing of who is there. */
export function clientsOf(report: RunReport): Clients | undefined {
  if (report.replicas === undefined || report.readyReplicas === undefined) return undefined
  const observers = report.members.filter((row) => row.role === 'observer').length
  const voters = report.members.filter((row) => row.role !== 'observer')
  const asked = voters.flatMap((row) => (row.askedAt === undefined ? [] : [row.askedAt]))
  const common = {
    serving: voters.filter(serves).length,
    members: Math.max(report.replicas - observers, 0),
    unasked: voters.filter(isUnasked).map(({ pod }) => pod),
    askedAt: asked.length === 0 ? undefined : Math.min(...asked),
  }
  // Which rows of which keyspace can be read depends on its copies and on what clients ask for.
  return report.profile === 'cassandra' || report.profile === 'none'
    ? { ...common, ...withoutQuorum(common) }
    : { ...common, ...withQuorum(common, voters) }
}

type Counted = Pick<Clients, 'serving' | 'members' | 'unasked'>
type Judged = Pick<Clients, 'read' | 'write' | 'needed' | 'mayGo'>

function withoutQuorum({ serving, members, unasked }: Counted): Judged {
  const all = members > 0 && serving === members
  const known = all ? true : serving + unasked.length === 0 ? false : undefined
  return { read: known, write: known, needed: undefined, mayGo: undefined }
}

function withQuorum({ serving, members, unasked }: Counted, voters: readonly MemberRow[]): Judged {
  const needed = neededOf(serving, members, leaderOf(voters)?.voters)
  const has = (role: Role): boolean => voters.some((row) => serves(row) && row.role === role)
  const leaderless = unasked.length === 0 && has('follower') && !has('leader')
  const alone = members > 1 && has('standalone')
  const can = serving >= needed && !leaderless && !alone
  const cannot = serving + unasked.length < needed || leaderless
  const write = can ? true : cannot ? false : undefined
  const readOnly = voters.some((row) => row.alive && row.role === 'read-only')
  return {
    read: write === false && readOnly ? true : write,
    write,
    needed,
    mayGo: write === true ? serving - needed : undefined,
  }
}

function leaderOf(rows: readonly MemberRow[]): MemberRow | undefined {
  return rows.find((row) => row.role === 'leader' && serves(row))
}

/**
 * Of how many members that serve are a quorum. `listed`: those in the list of the one that leads;
 * the longer count holds, but for what is disproved by its leading.
 */
function neededOf(serving: number, members: number, listed: number | undefined): number {
  const counted = majority(members)
  const byList = majority(listed ?? members)
  return serving < counted && serving >= byList
    ? byList
    : Math.max(counted, Math.min(byList, serving))
}

/**
 * `clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2)`; empty
 * where the run saw no ensemble. Where it was no ensemble's own, of each that it met whether every
 * member serves. The same words in log, annotation, message, summary and report.
 */
export function nowLine(report: RunReport): string {
  const clients = clientsOf(report)
  if (clients === undefined) return plainLine(othersLine(report), 400)
  if (clients.members === 0) return 'no client is served: no member is wanted (replicas is 0)'
  const words = [lead(report, clients), counted(report, clients), margin(report, clients)]
  return plainLine(words.join(''), 400)
}

/** ✅ where clients are served, ⚠️ where less is sure, ❌ where they are not. */
export function nowSign(report: RunReport): string {
  const clients = clientsOf(report)
  if (clients === undefined)
    return report.others.length === 0
      ? ''
      : report.others.every(({ serves }) => serves)
        ? '✅'
        : '⚠️'
  if (clients.write === false) return '❌'
  return clients.write === true && clients.serving === clients.members ? '✅' : '⚠️'
}

/** `every member of shop/zk, db/cassandra serves`. */
function othersLine({ others }: RunReport): string {
  const ill = others.filter(({ serves }) => !serves).map(({ name }) => name)
  const well = others.filter(({ serves }) => serves).map(({ name }) => name)
  return [
    ...(ill.length === 0
      ? []
      : [`not every member of ${someOf(ill, 6)} was seen to serve since one was evicted`]),
    ...(well.length === 0 ? [] : [`every member of ${someOf(well, 6)} serves`]),
  ].join('; ')
}

function lead(report: RunReport, { read, write, unasked }: Clients): string {
  if (write === true) return 'clients can read and write'
  if (write === false)
    return read === true ? 'clients can read, but not write' : "clients can't read or write"
  const written = writtenOnce(report)
  if (written !== undefined) return written
  const why =
    unasked.length > 0
      ? ` (${whyUnasked(report, unasked)})`
      : report.profile === 'cassandra'
        ? ' (it depends on the copies of each keyspace)'
        : ''
  return `whether clients can read and write is not known${why}`
}

/** Who said that it serves; who said nothing is not counted as one that does not. */
function counted(report: RunReport, clients: Clients): string {
  const { members, serving, unasked, write, askedAt } = clients
  if (write === undefined && unasked.length >= members) return ''
  const of = `of ${members} ${members === 1 ? 'member' : 'members'}`
  const count =
    unasked.length === 0
      ? `${serving} ${of} ${serving === 1 ? 'serves' : 'serve'}`
      : `${serving === 0 ? 'none' : serving} ${of} ${serving > 1 ? 'are' : 'is'} known to serve`
  const leader = leaderOf(report.members)
  const late = askedAt !== undefined && report.ended - askedAt > FRESH_MS
  return [
    `: ${count}`,
    leader === undefined ? '' : `, leader ${leader.pod}`,
    late ? `, as they said at ${clockTime(askedAt)}` : '',
    write === undefined || unasked.length === 0 ? '' : `; ${whyUnasked(report, unasked)}`,
  ].join('')
}

/** `zk-0, zk-1 were not asked`: of those that may serve or not. */
function whyUnasked(report: RunReport, unasked: readonly string[]): string {
  const who = someOf(unasked, 3)
  if (report.profile === 'none') return `${who} can't be asked, with profile none`
  const tried = report.members.some((row) => unasked.includes(row.pod) && row.askedAt !== undefined)
  if (tried) return `${who} could not be asked`
  if (dataCheckFailed(report))
    return `the data check failed; it does not tell whether ${who} ${unasked.length === 1 ? 'serves' : 'serve'}`
  return unasked.length === 1 ? `${who} was not asked` : `${who} were not asked`
}

/** A quick check of a custom ensemble: a part of what full asks, and what it proves. */
function writtenOnce({ profile, verifyLevel, checks, replicas }: RunReport): string | undefined {
  const data = checks.find(({ name, outcome }) => name === 'data' && outcome === 'passed')
  if (profile !== 'custom' || verifyLevel !== 'quick' || data === undefined) return undefined
  return replicas === 1
    ? data.detail
    : `${data.detail}; a quick check does not tell whether clients can write through the others`
}

/** The user's own commands were run, and a failed one may be the fault of another member. */
function dataCheckFailed({ profile, checks }: RunReport): boolean {
  return (
    profile === 'custom' &&
    checks.some(
      ({ name, outcome, findings }) =>
        name === 'data' &&
        outcome === 'failed' &&
        findings.some(({ code }) => code !== 'CHECK_IMPOSSIBLE'),
    )
  )
}

function margin(report: RunReport, clients: Clients): string {
  const { needed, mayGo, members, write, unasked } = clients
  if (needed === undefined) return ''
  if (mayGo === undefined)
    return write === false || unasked.length > 0 ? `; the quorum needs ${needed}` : ''
  if (members === 1) return '; it must not go down'
  const least = unasked.length > 0 ? 'at least ' : ''
  const listed = leaderOf(report.members)?.voters ?? members
  const quorum =
    needed === majority(members)
      ? `quorum ${needed}`
      : `quorum ${needed}: its member list names ${listed}`
  return mayGo === 0
    ? `; ${least === '' ? 'no other may be down' : 'perhaps no other may be down'} (${quorum})`
    : `; ${least}${mayGo} more may be down (${quorum})`
}

function serves(row: MemberRow): boolean {
  return row.alive && row.askedAt !== undefined && row.role !== undefined && SERVING.has(row.role)
}

function isUnasked(row: MemberRow): boolean {
  return row.alive && (row.askedAt === undefined || row.role === undefined || UNKNOWN.has(row.role))
}
