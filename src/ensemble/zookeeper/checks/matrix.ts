// The proof of the check `data`: a write through every member, read through every other one after a
// sync, with the same value, version and transaction.

import type { Finding } from '../../../errors.ts'
import { cellsOf, countPairs, readCell } from '../../pairs.ts'
import { ofMember } from '../../of-member.ts'
import type { Matrix, VerifyContext } from '../../profile.ts'
import { plain } from './check-path.ts'
import { isRefusal, wentAway } from '../errors.ts'
import { dataFinding, memberTrouble } from '../member-trouble.ts'
import type { Speaker } from '../speakers.ts'
import type { Answer, Version } from '../voice.ts'

export interface Proof {
  readonly matrix: Matrix
  /** `6/6`; undefined when no pair was tried. */
  readonly pairs: string | undefined
  readonly findings: readonly Finding[]
  /** Every fault is a member that went away while it was asked; none answered wrongly. */
  readonly wentAway: boolean
}

interface Written<Result = Version | Error> {
  readonly writer: Speaker
  readonly path: string
  readonly value: string
  readonly result: Result
}

/** What one speaker showed of one write. */
interface Read {
  readonly reader: Speaker
  readonly of: Written
  readonly answer: Answer
  /** Undefined when what was read is what was written. */
  readonly why: string | undefined
}

/**
 * `writers`: some of the speakers, or all; every other speaker reads what they wrote.
 * `path`: the run's node, which is there.
 */
export async function proveData(
  speakers: readonly Speaker[],
  path: string,
  context: VerifyContext,
  writers: readonly Speaker[],
): Promise<Proof> {
  const written = await Promise.all(writers.map((writer) => write(writer, path, context)))
  const reads = await Promise.all(speakers.map((reader) => readWritten(reader, written, context)))
  const read = reads.flat()
  const cells = cellsOf(speakers, (writer, reader) => {
    const one = written.find((done) => done.writer === writer)
    if (one?.result instanceof Error)
      return { kind: 'failed', why: `not written: ${one.result.message}` }
    const by = read.find((done) => done.of === one && done.reader === reader)
    return by && readCell(by.why, by.answer.ms)
  })
  const faults = [
    ...written.flatMap(({ result }) => (result instanceof Error ? [result] : [])),
    ...read.flatMap(({ why, answer }) => (why === undefined ? [] : [answer.found])),
  ]
  return {
    matrix: { members: speakers.map(({ member }) => member.pod), cells },
    pairs: countPairs(cells),
    findings: [...written.flatMap(notWritten), ...reads.flatMap(notShown)],
    wentAway: faults.length > 0 && faults.every(wentAway),
  }
}

async function write(
  writer: Speaker,
  parent: string,
  { runId, signal }: VerifyContext,
): Promise<Written> {
  const { ordinal } = writer.member
  const path = `${parent}/${writeName(ordinal)}`
  const value = `${plain(runId)}-from-${ordinal}`
  if ('trouble' in writer) return { writer, path, value, result: writer.trouble }
  try {
    return { writer, path, value, result: await writer.voice.write(path, value) }
  } catch (error) {
    return { writer, path, value, result: memberTrouble(error, signal) }
  }
}

/** Name of the node that is written through a member, below the run's. */
export function writeName(ordinal: number): string {
  return `by-${ordinal}`
}

/** Reads what the others wrote. */
async function readWritten(
  reader: Speaker,
  written: readonly Written[],
  { clock, signal }: VerifyContext,
): Promise<readonly Read[]> {
  const wanted = written.filter((one) => one.writer !== reader).filter(isWritten)
  const began = clock.now()
  const answers = await readThrough(reader, wanted, signal)
  return wanted.map((of, index) => {
    const answer = answers[index] ?? {
      found: new Error('it gave no answer'),
      ms: clock.now() - began,
    }
    return { reader, of, answer, why: disagreement(answer, of.value, of.result) }
  })
}

function isWritten(one: Written): one is Written<Version> {
  return !(one.result instanceof Error)
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

function notWritten({ writer, result }: Written): readonly Finding[] {
  return result instanceof Error ? [dataFinding(writer.member, 'a write through', result)] : []
}

/** `read`: all that one speaker read. */
function notShown(read: readonly Read[]): readonly Finding[] {
  const bad = read.filter(({ why }) => why !== undefined)
  const [first] = bad
  if (first?.why === undefined) return []
  const { member } = first.reader
  const from = bad.map(({ of }) => of.writer.member.pod).join(', ')
  return [
    {
      code: 'CHECK_FAILED',
      ...ofMember(member),
      message: `${member.pod} (ordinal ${member.ordinal}) does not show what was written through ${from}: ${first.why}`,
      fix: 'Look at its log; a member that stays behind may be cut off from the leader or have another ensemble’s data.',
    },
  ]
}
