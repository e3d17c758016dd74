// The proof that matters: a write through every member, read through every other one after a sync,
// with the same value, version and transaction.

import type { Clock } from '../../clock.ts'
import type { Finding } from '../../errors.ts'
import type { Cell, Matrix, Member } from '../profile.ts'
import { plain } from './check-path.ts'
import { isRefusal, NoAnswer, NoSession, Refusal, wentAway } from './errors.ts'
import type { Answer, Version, Voice } from './voice.ts'

export interface Proof {
  readonly matrix: Matrix
  /** `6/6`; undefined when no pair was tried. */
  readonly pairs: string | undefined
  readonly findings: readonly Finding[]
  /** Every fault is a member that went away while it was asked; none answered wrongly. */
  readonly wentAway: boolean
}

/** A member's voice, or why it has none. */
export type Speaker =
  | { readonly member: Member; readonly voice: Voice }
  | { readonly member: Member; readonly trouble: Error }

interface Written {
  readonly path: string
  readonly value: string
  readonly result: Version | Error
}

/**
 * `writers`: indices into `speakers`, by default all; every other speaker reads what they wrote.
 * `path`: the run's node, which is there.
 */
export async function proveData(
  speakers: readonly Speaker[],
  path: string,
  runId: string,
  clock: Clock,
  signal: AbortSignal,
  writers: readonly number[] = speakers.map((_, index) => index),
): Promise<Proof> {
  const written = new Map<number, Written>(
    await Promise.all(
      writers.map(async (index): Promise<[number, Written]> => [
        index,
        await write(speakers[index], path, runId, signal),
      ]),
    ),
  )
  const faults: unknown[] = [...written.values()].flatMap(({ result }) =>
    result instanceof Error ? [result] : [],
  )
  const cells: Cell[][] = speakers.map((_, row) =>
    speakers.map((_, column) => (row === column ? { kind: 'self' } : { kind: 'not tried' })),
  )
  await Promise.all(
    speakers.map(async (speaker, reader) => {
      const wanted = writers
        .filter((writer) => writer !== reader)
        .flatMap((writer) => {
          const one = written.get(writer)
          return one === undefined || one.result instanceof Error
            ? []
            : [{ writer, path: one.path, value: one.value, result: one.result }]
        })
      const began = clock.now()
      const answers = await readThrough(speaker, wanted, signal)
      for (const [index, { writer, value, result }] of wanted.entries()) {
        const answer = answers[index] ?? {
          found: new Error('it gave no answer'),
          ms: clock.now() - began,
        }
        const why = disagreement(answer, value, result)
        const row = cells[writer]
        if (why !== undefined) faults.push(answer.found)
        if (row !== undefined)
          row[reader] = why === undefined ? { kind: 'ok', ms: answer.ms } : { kind: 'failed', why }
      }
    }),
  )
  for (const [writer, one] of written) {
    const row = cells[writer]
    if (row !== undefined && one.result instanceof Error)
      for (const [reader, cell] of row.entries())
        if (cell.kind !== 'self')
          row[reader] = { kind: 'failed', why: `not written: ${one.result.message}` }
  }
  return {
    ...conclude(speakers, cells, written),
    wentAway: faults.length > 0 && faults.every(wentAway),
  }
}

async function write(
  speaker: Speaker | undefined,
  parent: string,
  runId: string,
  signal: AbortSignal,
): Promise<Written> {
  const ordinal = speaker?.member.ordinal ?? 0
  const path = `${parent}/${writeName(ordinal)}`
  const value = `${plain(runId)}-from-${ordinal}`
  if (speaker === undefined) return { path, value, result: new Error('no such member') }
  if ('trouble' in speaker) return { path, value, result: speaker.trouble }
  try {
    return { path, value, result: await speaker.voice.write(path, value) }
  } catch (error) {
    return { path, value, result: memberTrouble(error, signal) }
  }
}

/** Name of the node that is written through a member, below the run's. */
export function writeName(ordinal: number): string {
  return `by-${ordinal}`
}

async function readThrough(
  speaker: Speaker,
  wanted: readonly { readonly path: string; readonly value: string }[],
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  if (wanted.length === 0) return []
  if ('trouble' in speaker) return wanted.map(() => ({ found: speaker.trouble, ms: 0 }))
  try {
    return await speaker.voice.read(wanted)
  } catch (error) {
    const trouble = memberTrouble(error, signal)
    return wanted.map(() => ({ found: trouble, ms: 0 }))
  }
}

/** A member's trouble is a result; an abort is not. */
export function memberTrouble(error: unknown, signal: AbortSignal): Error {
  signal.throwIfAborted()
  return error instanceof Error ? error : new Error(String(error))
}

/** Undefined when what was read is what was written. */
function disagreement(answer: Answer, value: string, written: Version): string | undefined {
  const { found } = answer
  if (isRefusal(found, 'NoNode')) return 'stale: after a sync the node is still not there'
  if (found instanceof Error) return found.message
  if (found.version < written.version || found.mzxid < written.mzxid)
    return `stale: after a sync it has version ${found.version} of transaction ${hex(found.mzxid)}, written was ${written.version} of ${hex(written.mzxid)}`
  if (found.value !== value) return 'another value than was written'
  if (found.version !== written.version || found.mzxid !== written.mzxid)
    return `version ${found.version} of transaction ${hex(found.mzxid)}, written was ${written.version} of ${hex(written.mzxid)}`
  return undefined
}

function hex(zxid: bigint): string {
  return `0x${zxid.toString(16)}`
}

function conclude(
  speakers: readonly Speaker[],
  cells: readonly (readonly Cell[])[],
  written: ReadonlyMap<number, Written>,
): Omit<Proof, 'wentAway'> {
  const findings: Finding[] = []
  for (const [writer, { result }] of written) {
    const member = speakers[writer]?.member
    if (result instanceof Error && member !== undefined)
      findings.push(dataFinding(member, 'a write through', result))
  }
  for (const [reader, { member }] of speakers.entries()) {
    const bad = cells.flatMap((row, writer) => {
      const cell = row[reader]
      return cell?.kind === 'failed' && !(written.get(writer)?.result instanceof Error)
        ? [{ writer, why: cell.why }]
        : []
    })
    const first = bad[0]
    if (first === undefined) continue
    const from = bad.map(({ writer }) => speakers[writer]?.member.pod ?? '').join(', ')
    findings.push({
      code: 'CHECK_FAILED',
      severity: 'error',
      ordinal: member.ordinal,
      object: `pod/${member.pod}`,
      message: `${member.pod} (ordinal ${member.ordinal}) does not show what was written through ${from}: ${first.why}`,
      fix: 'Look at its log; a member that stays behind may be cut off from the leader or have another ensemble’s data.',
    })
  }
  const tried = cells.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const ok = tried.filter((cell) => cell.kind === 'ok').length
  return {
    matrix: { members: speakers.map(({ member }) => member.pod), cells },
    pairs: tried.length === 0 ? undefined : `${ok}/${tried.length}`,
    findings,
  }
}

/**
 * What a failed write or read through a member means: refused for want of a right is not
 * "unhealthy", but not a success either.
 */
export function dataFinding(member: Member, what: string, error: Error): Finding {
  const about = { severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}` } as const
  const who = `${what} ${member.pod} (ordinal ${member.ordinal})`
  if (error instanceof Refusal) {
    switch (error.reason) {
      case 'NoAuth':
        return {
          ...about,
          code: 'CHECK_IMPOSSIBLE',
          input: 'check-path',
          message: `${who} was refused: no right to write at ${error.path} (NoAuth)`,
          fix: 'Set zookeeper-auth to a user:password that may write there, or check-path to a node below which anyone may create.',
        }
      case 'AuthFailed':
        return {
          ...about,
          code: 'CHECK_IMPOSSIBLE',
          input: 'zookeeper-auth',
          message: `${who} was refused: the ensemble does not take this zookeeper-auth (AuthFailed)`,
          fix: 'Give user:password of the digest scheme; other schemes are not supported.',
        }
      case 'SessionClosedRequireAuth':
        return {
          ...about,
          code: 'CHECK_IMPOSSIBLE',
          input: 'zookeeper-auth',
          message: `${who} was refused: sessions must authenticate (SessionClosedRequireAuth)`,
          fix: 'Set zookeeper-auth if enforce.auth.schemes has digest; a SASL-only ensemble cannot be checked this way.',
          orSet: { input: 'verify', value: 'off' },
        }
      default:
        return {
          ...about,
          code: 'CHECK_FAILED',
          message: `${who} was refused: ${error.message}`,
          fix: 'Look at the log of this member.',
        }
    }
  }
  if (error instanceof NoAnswer) {
    return {
      ...about,
      code: 'CHECK_FAILED',
      message: `${who} got no answer: ${error.why}${error.outcome === 'unknown' ? '; whether it was made is unknown' : ''}`,
      fix: 'Look at the log of this member and at its connection to the leader.',
    }
  }
  if (error instanceof NoSession)
    return {
      ...about,
      code: 'CHECK_FAILED',
      message: `${member.pod} (ordinal ${member.ordinal}) says that it serves, but takes no session: ${error.message}`,
      fix: 'Look at its log; maxClientCnxns limits the connections from one address.',
    }
  return {
    ...about,
    code: 'CHECK_FAILED',
    message: `${who} failed: ${error.message}`,
    fix: 'Look at the log of this member.',
  }
}
