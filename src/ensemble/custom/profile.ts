// A kind of ensemble that this action doesn't know: the user's own commands write and read a marker
// in each member.

import { Deadline } from '../../clock.ts'
import { failure } from '../../errors.ts'
import type { Finding } from '../../errors.ts'
import { ADD_EXEC } from '../../kube/rules.ts'
import { ofMember } from '../of-member.ts'
import type {
  Cell,
  CheckResult,
  Matrix,
  Member,
  MemberState,
  Profile,
  Verification,
  VerifyContext,
} from '../profile.ts'
import { failed, notRun, readTrouble, run, type CustomOptions } from './commands.ts'
import { byPod } from '../by-pod.ts'
import { answered, lookCustom } from './look.ts'
import { checkFrom } from '../check-result.ts'
import { cellsOf, countPairs, readCell } from '../pairs.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'

const COMMAND_MS = 60_000
const POLL_MS = 2_000

const NO_EXEC: Finding = {
  code: 'CHECK_IMPOSSIBLE',
  severity: 'error',
  message: 'the commands cannot be run in the members: this run may not use exec',
  fix: ADD_EXEC,
}

export function customProfile(options: CustomOptions): Profile {
  let looks = 0
  const told = new Set<string>()
  const asks =
    options.servesCommand !== undefined ||
    (options.writeCommand !== undefined && options.readCommand !== undefined)
  return {
    name: 'custom',
    ...(asks ? {} : { onlyReady: true }),
    look: async (members, context) => {
      const marker = `${nameOf(context)}-look-${++looks}`
      const states = await lookCustom(members, marker, options, context)
      // Nobody is taken down meanwhile, and it may be the commands: once each is enough.
      for (const { pod, role, trouble } of states) {
        if (role !== 'unreachable' || trouble === undefined) continue
        const line = `${pod}: ${trouble}: whether it serves is not known`
        if (!told.has(line)) context.say(line)
        told.add(line)
      }
      return states
    },
    verify: (members, level, context) => verifyCustom(members, level, context, options),
  }
}

/** Fit for a shell, whatever the run is called. */
function nameOf({ runId }: VerifyContext): string {
  return runId.replaceAll(/[^A-Za-z0-9._-]/g, '-')
}

/**
 * A member that came back a moment ago has to find the others: what fails is tried again until they
 * had time to settle.
 */
async function verifyCustom(
  members: readonly Member[],
  level: VerifyLevel,
  context: VerifyContext,
  options: CustomOptions,
): Promise<Verification> {
  const deadline = new Deadline(context.clock, context.settleMs)
  let said = ''
  for (let times = 1; ; times++) {
    const found = await writeThroughAll(members, level, times, context, options)
    const [first] = found.findings
    if (first === undefined || !context.reach.may.exec || deadline.passed) return found
    if (first.message !== said) context.say(`waiting for the members to settle: ${first.message}`)
    said = first.message
    await context.clock.sleep(Math.min(POLL_MS, Math.max(1, deadline.left())), context.signal)
  }
}

async function writeThroughAll(
  members: readonly Member[],
  level: VerifyLevel,
  times: number,
  context: VerifyContext,
  options: CustomOptions,
): Promise<Verification> {
  const commands = bothCommands(options)
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const began = context.clock.now()
  if (!context.reach.may.exec)
    return conclude(sorted, { written: [], cells: [] }, level, checkFrom('data', [NO_EXEC], '', 0))
  const writers = level === 'quick' ? sorted.slice(0, 1) : sorted
  const written: Written[] = []
  // One after another: the users' commands may share a file or a table.
  for (const writer of writers) {
    const marker = `${nameOf(context)}-from-${writer.ordinal}${times === 1 ? '' : `-${times}`}`
    written.push(await writeThrough(writer, sorted, marker, commands, context))
  }
  const cells = cellsOf(sorted, (writer, reader) =>
    cellOf(
      written.find((one) => one.writer === writer),
      reader,
    ),
  )
  const good =
    sorted.length === 1
      ? 'what was written was read again in the one member'
      : level === 'quick'
        ? `what was written through ${writers[0]?.pod ?? ''} was read through every other member`
        : 'every write was read through every other member'
  const ms = context.clock.now() - began
  return conclude(
    sorted,
    { written, cells },
    level,
    checkFrom('data', written.flatMap(findingsOf), good, ms),
  )
}

interface Commands {
  readonly write: string
  readonly read: string
}

/** Throws EnsembleError 'refused' where one of them was not given. */
function bothCommands({ writeCommand, readCommand }: CustomOptions): Commands {
  if (writeCommand !== undefined && readCommand !== undefined)
    return { write: writeCommand, read: readCommand }
  throw failure(
    'refused',
    'INPUT_INVALID',
    'the profile custom needs write-command and read-command',
    {
      input: writeCommand === undefined ? 'write-command' : 'read-command',
      fix: 'Give both: each is run in every member with MARKER in its environment, and the read must print MARKER.',
    },
  )
}

/** What came of the write through one member. */
interface Written {
  readonly writer: Member
  /** Why it was not written; then nobody was asked for it. */
  readonly why: string | undefined
  /** What to do, where the command could not be run. */
  readonly fix?: string | undefined
  readonly reads: readonly Read[]
}

interface Read {
  readonly reader: Member
  readonly trouble: string | undefined
  readonly fix: string | undefined
  readonly ms: number
}

/** Every other member reads what was written; one that is alone reads it itself. */
async function writeThrough(
  writer: Member,
  members: readonly Member[],
  marker: string,
  commands: Commands,
  context: VerifyContext,
): Promise<Written> {
  const { clock } = context
  const result = await run(writer, commands.write, marker, COMMAND_MS, context)
  const why = failed(result)
  if (why !== undefined) return { writer, why, fix: notRun(result), reads: [] }
  const readers = members.length === 1 ? members : members.filter((one) => one !== writer)
  const reads = readers.map(async (reader): Promise<Read> => {
    const began = clock.now()
    const said = await run(reader, commands.read, marker, COMMAND_MS, context)
    return {
      reader,
      trouble: readTrouble(said, marker),
      fix: notRun(said),
      ms: clock.now() - began,
    }
  })
  return { writer, why, reads: await Promise.all(reads) }
}

function cellOf(written: Written | undefined, reader: Member): Cell | undefined {
  if (written?.why !== undefined) return { kind: 'failed', why: `not written: ${written.why}` }
  const read = written?.reads.find((one) => one.reader === reader)
  return read && readCell(read.trouble, read.ms)
}

function findingsOf({ writer, why, fix, reads }: Written): readonly Finding[] {
  return why === undefined
    ? reads.flatMap((read) =>
        read.trouble === undefined ? [] : [notRead(writer, read, read.trouble)],
      )
    : [notWritten(writer, why, fix)]
}

/**
 * By its own write and what it read of others': one of the two that failed may be the fault of
 * another member, and where both did it was asked for nothing that it answered.
 */
function judged(member: Member, written: readonly Written[]): MemberState {
  const own = written.find(({ writer }) => writer === member)
  if (!member.ready || own === undefined) return byPod(member)
  const received = own.reads.filter(({ trouble }) => trouble === undefined)
  const taken = written.flatMap(({ reads }) => reads.filter(({ reader }) => reader === member))
  const read = taken.filter(({ trouble }) => trouble === undefined)
  if (received.length > 0 && read.length > 0) return answered(member, 'up')
  if (own.why === undefined || read.length > 0 || taken.length === 0) return byPod(member)
  return {
    ...answered(member, 'not serving'),
    trouble: `write-command: ${own.why}, and it reads nothing of what others wrote`,
  }
}

function conclude(
  members: readonly Member[],
  { written, cells }: { readonly written: readonly Written[]; readonly cells: Matrix['cells'] },
  level: VerifyLevel,
  data: CheckResult,
): Verification {
  const pairs = countPairs(cells)
  const whole = level !== 'quick' && pairs !== undefined
  return {
    members: members.map((member) => judged(member, whole ? written : [])),
    checks: [data],
    findings: data.findings,
    matrix: whole ? { members: members.map(({ pod }) => pod), cells } : undefined,
    pairs,
  }
}

function notWritten(member: Member, why: string, fix: string | undefined): Finding {
  return findingFor(
    member,
    `write-command failed in ${member.pod} (ordinal ${member.ordinal}): ${why}`,
    'Run the write-command in that member by hand.',
    fix,
  )
}

function notRead(writer: Member, { reader, fix }: Read, trouble: string): Finding {
  return findingFor(
    reader,
    `read-command in ${reader.pod} (ordinal ${reader.ordinal}) does not print what was written through ${writer.pod}: ${trouble}`,
    'Run the read-command in that member by hand.',
    fix,
  )
}

/** `fix`: of a command that could not be run, which says nothing of the member. */
function findingFor(
  member: Member,
  message: string,
  byHand: string,
  fix: string | undefined,
): Finding {
  return {
    code: fix === undefined ? 'CHECK_FAILED' : 'CHECK_IMPOSSIBLE',
    ...ofMember(member),
    message,
    fix: fix ?? byHand,
  }
}
