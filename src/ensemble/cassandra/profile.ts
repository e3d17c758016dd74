// The Cassandra profile, by exec: nodetool in every member for the ring, cqlsh at QUORUM through each for the data.

import { Deadline } from '../../clock.ts'
import type { Finding } from '../../errors.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { CheckResult, Member, Profile, Verification, VerifyContext, VerifyLevel } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'
import { leaveRing } from './leave.ts'
import { proveRows } from './rows.ts'
import { judgeRing, type Heard, type RingVerdict } from './ring.ts'
import { statesOf } from './serving.ts'
import { parseDoors, parseRelease, parseSchema, parseStatus } from './status.ts'
import { NODETOOL_MS } from './times.ts'

const POLL_MS = 2_000
const SEPARATOR = '--- zk-ensemble-action'

// One exec for all, and a JVM for each: a look has only the two that say who serves.
const LOOK = `nodetool status || exit $?
echo '${SEPARATOR} info'
nodetool info
echo '${SEPARATOR} end'
`
const ASK = LOOK.replace(`echo '${SEPARATOR} end'\n`, `echo '${SEPARATOR} describecluster'
nodetool describecluster
echo '${SEPARATOR} version'
nodetool version
echo '${SEPARATOR} end'
`)

export function cassandraProfile(): Profile {
  return {
    name: 'cassandra',
    look: async (members, context) => statesOf(await hearAll(members, LOOK, context)),
    verify,
    leave: leaveRing,
  }
}

async function verify(members: readonly Member[], level: VerifyLevel, context: VerifyContext): Promise<Verification> {
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const { clock } = context
  const began = clock.now()
  const { heard, verdict } = await settle(sorted, context)
  const quorum: CheckResult = { name: 'quorum', outcome: verdict.findings.length === 0 ? 'passed' : 'failed', detail: verdict.detail, findings: verdict.findings, ms: clock.now() - began }
  const base = { members: statesOf(heard), matrix: undefined, pairs: undefined }
  if (verdict.findings.length > 0) {
    const data: CheckResult = { name: 'data', outcome: 'skipped', detail: 'not tried: the members are no whole ring', findings: [], ms: 0 }
    return { ...base, checks: [quorum, data], findings: verdict.findings }
  }
  const datacenter = heard[0]?.rows[0]?.datacenter ?? 'datacenter1'
  const proof = await proveRows(sorted, level, datacenter, context)
  const checks = [quorum, proof.check, ...(level === 'thorough' ? [notThere()] : [])]
  return { ...base, checks, matrix: proof.matrix, pairs: proof.pairs, findings: checks.flatMap((check) => check.findings) }
}

function notThere(): CheckResult {
  const finding: Finding = { code: 'CHECK_IMPOSSIBLE', severity: 'warning', message: 'the profile cassandra has no more checks than verify: full', mend: 'Set verify: full.' }
  return { name: 'compare-and-set', outcome: 'skipped', detail: finding.message, findings: [finding], ms: 0 }
}

async function settle(members: readonly Member[], context: VerifyContext): Promise<{ readonly heard: readonly Heard[]; readonly verdict: RingVerdict }> {
  const deadline = new Deadline(context.clock, context.settleMs)
  let said = ''
  for (;;) {
    const heard = await hearAll(members, ASK, context)
    const verdict = judgeRing(heard, context.replicas)
    if (verdict.findings.length === 0 || !verdict.canHeal || deadline.passed) return { heard, verdict }
    if (verdict.detail !== said) context.say(`waiting for the ring to settle: ${verdict.detail}`)
    said = verdict.detail
    await context.clock.sleep(Math.min(POLL_MS, Math.max(1, deadline.left())), context.signal)
  }
}

function hearAll(members: readonly Member[], script: string, context: VerifyContext): Promise<readonly Heard[]> {
  return Promise.all(members.map((member) => hear(member, script, context)))
}

async function hear(member: Member, script: string, context: VerifyContext): Promise<Heard> {
  const silent = (trouble: string, denied = false): Heard => ({ member, rows: [], schema: undefined, release: undefined, doors: undefined, hostId: undefined, trouble, denied })
  if (!context.reach.may.exec) return silent('this run may not use exec', true)
  try {
    const result = await context.reach.exec(member, ['sh', '-c', script], { timeoutMs: NODETOOL_MS }, context.signal)
    return heardFrom(member, result) ?? silent(result.stderr.trim().split('\n')[0]?.slice(0, 160) || 'nodetool does not answer')
  } catch (error) {
    context.signal.throwIfAborted()
    const { why, denied } = whyUnreachable(error, 'exec')
    return silent(why, denied)
  }
}

/** Undefined when nodetool could not say it all, as while the server is starting. */
export function heardFrom(member: Member, result: ExecResult): Heard | undefined {
  const [status, ...parts] = result.stdout.split(new RegExp(`^(?=${SEPARATOR} \\w+)`, 'm'))
  const part = (name: string): string | undefined => parts.find((one) => one.startsWith(`${SEPARATOR} ${name}`))
  const info = part('info')
  if (status === undefined || info === undefined || part('end') === undefined) return undefined
  const hostId = /^ID\s*:\s*([0-9a-f-]{36})/im.exec(info)?.[1]?.toLowerCase()
  return { member, rows: parseStatus(status), schema: parseSchema(part('describecluster') ?? ''), release: parseRelease(part('version') ?? ''), doors: parseDoors(info), hostId, trouble: undefined, denied: false }
}
