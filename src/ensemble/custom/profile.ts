// A kind of ensemble that this action doesn't know: the user's own commands write and read a marker in each member.

import { failure } from '../../errors.ts'
import type { Finding } from '../../errors.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { Cell, CheckResult, Member, MemberState, Profile, Verification, VerifyContext, VerifyLevel } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'

export interface CustomOptions {
  readonly writeCommand: string | undefined
  readonly readCommand: string | undefined
}

const COMMAND_MS = 60_000
const SHOWN = 120

const EXEC_MEND = `Add this rule to the Role of this workflow:
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]`

export function customProfile(options: CustomOptions): Profile {
  return {
    name: 'custom',
    look: (members) => Promise.resolve(members.map(stateOf)),
    verify: (members, level, context) => verifyCustom(members, level, context, options),
  }
}

function stateOf({ pod, ordinal, ready }: Member): MemberState {
  return { pod, ordinal, id: undefined, role: ready ? 'up' : 'down', version: undefined, zxid: undefined, trouble: ready ? undefined : 'the pod is not Ready' }
}

async function verifyCustom(members: readonly Member[], level: VerifyLevel, context: VerifyContext, { writeCommand, readCommand }: CustomOptions): Promise<Verification> {
  if (writeCommand === undefined || readCommand === undefined) {
    throw failure('refused', 'INPUT_INVALID', 'the profile custom needs write-command and read-command', { input: writeCommand === undefined ? 'write-command' : 'read-command', mend: 'Give both: each is run in every member with MARKER in its environment, and the read must print MARKER.' })
  }
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const began = context.clock.now()
  if (!context.reach.may.exec) {
    const finding: Finding = { code: 'CHECK_IMPOSSIBLE', severity: 'error', message: 'the commands cannot be run in the members: this run may not use exec', mend: EXEC_MEND }
    return conclude(sorted, [], undefined, [finding], finding.message, 0)
  }
  const writers = level === 'quick' ? sorted.slice(0, 1) : sorted
  const cells: Cell[][] = sorted.map((_, row) => sorted.map((_, column) => (row === column ? { kind: 'self' } : { kind: 'not tried' })))
  const findings: Finding[] = []
  // One after another: the users' commands may share a file or a table.
  for (const [writer, member] of writers.entries()) {
    const marker = `${context.runId.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-from-${member.ordinal}`
    const written = await run(member, writeCommand, marker, context)
    const why = typeof written === 'string' ? written : written.exitCode === 0 ? undefined : `exit code ${written.exitCode}${tail(written)}`
    const row = cells[writer] ?? []
    if (why !== undefined) findings.push(findingFor(member, `write-command failed in ${member.pod} (ordinal ${member.ordinal}): ${why}`, 'Run the write-command in that member by hand.'))
    const readers = sorted.length === 1 ? sorted : sorted.filter((one) => one !== member)
    await Promise.all(
      readers.map(async (reader) => {
        const column = sorted.indexOf(reader)
        const at = context.clock.now()
        const trouble = why === undefined ? readTrouble(await run(reader, readCommand, marker, context), marker) : `not written: ${why}`
        if (reader !== member) row[column] = trouble === undefined ? { kind: 'ok', ms: context.clock.now() - at } : { kind: 'failed', why: trouble }
        if (trouble !== undefined && why === undefined) findings.push(findingFor(reader, `read-command in ${reader.pod} (ordinal ${reader.ordinal}) does not print what was written through ${member.pod}: ${trouble}`, 'Run the read-command in that member by hand.'))
      }),
    )
  }
  const detail = sorted.length === 1 ? 'written and read again in the one member' : `every write was read through ${level === 'quick' ? 'the' : 'every'} other member`
  return conclude(sorted, cells, level === 'quick' ? undefined : cells, findings, detail, context.clock.now() - began)
}

function conclude(members: readonly Member[], tried: readonly (readonly Cell[])[], shown: readonly (readonly Cell[])[] | undefined, findings: readonly Finding[], detail: string, ms: number): Verification {
  const pairs = tried.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const data: CheckResult = { name: 'data', outcome: findings.length === 0 ? 'passed' : 'failed', detail: findings[0]?.message ?? detail, findings, ms }
  return {
    members: members.map(stateOf), checks: [data], findings,
    matrix: shown === undefined || pairs.length === 0 ? undefined : { members: members.map(({ pod }) => pod), cells: shown },
    pairs: pairs.length === 0 ? undefined : `${pairs.filter((cell) => cell.kind === 'ok').length}/${pairs.length}`,
  }
}

function findingFor(member: Member, message: string, mend: string): Finding {
  return { code: 'CHECK_FAILED', severity: 'error', ordinal: member.ordinal, object: `pod/${member.pod}`, message, mend }
}

/** What the command answered, or why it could not be run. */
async function run(member: Member, command: string, marker: string, context: VerifyContext): Promise<ExecResult | string> {
  try {
    return await context.reach.exec(member, ['env', `MARKER=${marker}`, 'sh', '-c', command], { timeoutMs: COMMAND_MS }, context.signal)
  } catch (error) {
    context.signal.throwIfAborted()
    return whyUnreachable(error, 'exec').why
  }
}

function readTrouble(result: ExecResult | string, marker: string): string | undefined {
  if (typeof result === 'string') return result
  if (result.exitCode !== 0) return `exit code ${result.exitCode}${tail(result)}`
  return result.stdout.includes(marker) ? undefined : `it prints something else${tail(result)}`
}

function tail({ stdout, stderr }: ExecResult): string {
  const line = [...stderr.split('\n'), ...stdout.split('\n')].map((one) => one.trim()).find((one) => one !== '')
  return line === undefined ? '' : ` (${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line})`
}
