// A kind of ensemble that this action doesn't know: the user's own commands write and read a marker
// in each member.

import { Deadline } from '../../clock.ts'
import { failure } from '../../errors.ts'
import type { Finding } from '../../errors.ts'
import type { Cell, CheckResult, Member, Profile, Verification, VerifyContext } from '../profile.ts'
import { failed, readTrouble, run, type CustomOptions } from './commands.ts'
import { byPod } from '../by-pod.ts'
import { answered, lookCustom } from './look.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'

const COMMAND_MS = 60_000
const POLL_MS = 2_000

const EXEC_MEND = `Add this rule to the Role of this workflow:
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]`

export function customProfile(options: CustomOptions): Profile {
  let looks = 0
  const told =
    options.servesCommand !== undefined ||
    (options.writeCommand !== undefined && options.readCommand !== undefined)
  return {
    name: 'custom',
    ...(told ? {} : { onlyReady: true }),
    look: (members, context) =>
      lookCustom(members, `${nameOf(context)}-look-${++looks}`, options, context),
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
    if (first === undefined || first.code === 'CHECK_IMPOSSIBLE' || deadline.passed) return found
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
  { writeCommand, readCommand }: CustomOptions,
): Promise<Verification> {
  if (writeCommand === undefined || readCommand === undefined) {
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
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const began = context.clock.now()
  if (!context.reach.may.exec) {
    const finding: Finding = {
      code: 'CHECK_IMPOSSIBLE',
      severity: 'error',
      message: 'the commands cannot be run in the members: this run may not use exec',
      fix: EXEC_MEND,
    }
    return conclude(sorted, [], undefined, [finding], finding.message, 0)
  }
  const writers = level === 'quick' ? sorted.slice(0, 1) : sorted
  const cells: Cell[][] = sorted.map((_, row) =>
    sorted.map((_, column) => (row === column ? { kind: 'self' } : { kind: 'not tried' })),
  )
  const findings: Finding[] = []
  // One after another: the users' commands may share a file or a table.
  for (const [writer, member] of writers.entries()) {
    const marker = `${nameOf(context)}-from-${member.ordinal}${times === 1 ? '' : `-${times}`}`
    const why = failed(await run(member, writeCommand, marker, COMMAND_MS, context))
    const row = cells[writer] ?? []
    if (why !== undefined)
      findings.push(
        findingFor(
          member,
          `write-command failed in ${member.pod} (ordinal ${member.ordinal}): ${why}`,
          'Run the write-command in that member by hand.',
        ),
      )
    const readers = sorted.length === 1 ? sorted : sorted.filter((one) => one !== member)
    await Promise.all(
      readers.map(async (reader) => {
        const column = sorted.indexOf(reader)
        const at = context.clock.now()
        const trouble =
          why === undefined
            ? readTrouble(await run(reader, readCommand, marker, COMMAND_MS, context), marker)
            : `not written: ${why}`
        if (reader !== member)
          row[column] =
            trouble === undefined
              ? { kind: 'ok', ms: context.clock.now() - at }
              : { kind: 'failed', why: trouble }
        if (trouble !== undefined && why === undefined)
          findings.push(
            findingFor(
              reader,
              `read-command in ${reader.pod} (ordinal ${reader.ordinal}) does not print what was written through ${member.pod}: ${trouble}`,
              'Run the read-command in that member by hand.',
            ),
          )
      }),
    )
  }
  const detail =
    sorted.length === 1
      ? 'written and read again in the one member'
      : `every write was read through ${level === 'quick' ? 'the' : 'every'} other member`
  return conclude(
    sorted,
    cells,
    level === 'quick' ? undefined : cells,
    findings,
    detail,
    context.clock.now() - began,
  )
}

function conclude(
  members: readonly Member[],
  tried: readonly (readonly Cell[])[],
  shown: readonly (readonly Cell[])[] | undefined,
  findings: readonly Finding[],
  detail: string,
  ms: number,
): Verification {
  const pairs = tried.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const data: CheckResult = {
    name: 'data',
    outcome: findings.length === 0 ? 'passed' : 'failed',
    detail: findings[0]?.message ?? detail,
    findings,
    ms,
  }
  return {
    // A write through each that every other reads: then all that are Ready have answered.
    members: members.map((member) =>
      shown !== undefined && pairs.length > 0 && findings.length === 0 && member.ready
        ? answered(member, 'up')
        : byPod(member),
    ),
    checks: [data],
    findings,
    matrix:
      shown === undefined || pairs.length === 0
        ? undefined
        : { members: members.map(({ pod }) => pod), cells: shown },
    pairs:
      pairs.length === 0
        ? undefined
        : `${pairs.filter((cell) => cell.kind === 'ok').length}/${pairs.length}`,
  }
}

function findingFor(member: Member, message: string, fix: string): Finding {
  return {
    code: 'CHECK_FAILED',
    severity: 'error',
    ordinal: member.ordinal,
    object: `pod/${member.pod}`,
    message,
    fix,
  }
}
