// The Cassandra profile, by exec: nodetool in every member for the ring, cqlsh at QUORUM through each for the data.

import { Deadline } from '../../clock.ts'
import type { CheckResult, Member, MemberState, Profile, Verification, VerifyContext, VerifyLevel } from '../profile.ts'
import { askMember, hearAll, hearOne, type Heard, type Known } from './ask.ts'
import { cqlThrough } from './cqlsh.ts'
import { leaveRing } from './leave.ts'
import { mayLeaveRing } from './may-leave.ts'
import { copiesIn, proveRows } from './rows.ts'
import { judgeRing, type RingVerdict, type SchemaHeard } from './ring.ts'
import { statesOf } from './serving.ts'
import { parseCluster, parseRelease } from './status.ts'
import { checkThoroughly, THOROUGH_CHECKS } from './thorough.ts'

const POLL_MS = 2_000

export function cassandraProfile(): Profile {
  const known: Known = new Map()
  let turn = 0
  return {
    name: 'cassandra',
    dear: true,
    look: async (members, context) => {
      const one = context.waiting === true && context.reach.may.exec ? await hearOne(members, turn++, known, context) : undefined
      return statesOf(one ?? (await hearAll(members, ['status', 'info'], known, context)))
    },
    verify: (members, level, context) => verify(members, level, known, context),
    mayLeave: mayLeaveRing,
    leave: leaveRing,
  }
}

async function verify(members: readonly Member[], level: VerifyLevel, known: Known, context: VerifyContext): Promise<Verification> {
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const { clock } = context
  const began = clock.now()
  const { heard, schema, verdict } = await settle(sorted, known, context)
  const quorum: CheckResult = { name: 'quorum', outcome: verdict.findings.length === 0 ? 'passed' : 'failed', detail: verdict.detail, findings: verdict.findings, ms: clock.now() - began }
  const base = { members: withReleases(statesOf(heard), heard, schema), matrix: undefined, pairs: undefined }
  if (verdict.findings.length > 0) {
    const untried = (['data', ...(level === 'thorough' ? THOROUGH_CHECKS : [])] as const).map((name): CheckResult => ({ name, outcome: 'skipped', detail: 'not tried: the members are no whole ring', findings: [], ms: 0 }))
    return { ...base, checks: [quorum, ...untried], findings: verdict.findings }
  }
  const cql = cqlThrough(context)
  const proof = await proveRows(sorted, level, copiesIn(heard), cql, context)
  const checks = [quorum, proof.check, ...(level === 'thorough' && proof.check.outcome === 'passed' ? await checkThoroughly(sorted, cql, context) : [])]
  return { ...base, checks, matrix: proof.matrix, pairs: proof.pairs, findings: checks.flatMap((check) => check.findings) }
}

interface Settled {
  readonly heard: readonly Heard[]
  readonly schema: SchemaHeard | undefined
  readonly verdict: RingVerdict
}

async function settle(members: readonly Member[], known: Known, context: VerifyContext): Promise<Settled> {
  const { clock } = context
  const deadline = new Deadline(clock, context.settleMs)
  let said = ''
  for (;;) {
    const began = clock.now()
    const found = await hearRing(members, known, context)
    const { verdict } = found
    if (verdict.findings.length === 0 || !verdict.canHeal || deadline.passed) return found
    if (verdict.detail !== said) context.say(`waiting for the ring to settle: ${verdict.detail}`)
    said = verdict.detail
    await clock.sleep(Math.min(Math.max(POLL_MS, clock.now() - began), Math.max(1, deadline.left())), context.signal)
  }
}

/** The schema of all is asked of one, and only where the rows are sound. */
async function hearRing(members: readonly Member[], known: Known, context: VerifyContext): Promise<Settled> {
  const heard = await hearAll(members, ['status', 'info'], known, context)
  const verdict = judgeRing(heard, context.replicas, undefined)
  const schema = verdict.findings.length === 0 ? await hearSchema(members, context) : undefined
  if (schema === undefined) return { heard, schema, verdict }
  return { heard: schema.said.releases.size > 0 ? heard : await withVersions(heard, context), schema, verdict: judgeRing(heard, context.replicas, schema) }
}

async function hearSchema(members: readonly Member[], context: VerifyContext): Promise<SchemaHeard | undefined> {
  for (const by of members) {
    const answers = await askMember(by, ['describecluster'], context)
    if (!('trouble' in answers)) return { by, said: parseCluster(answers.get('describecluster') ?? '') }
  }
  return undefined
}

/** Before Cassandra 4 describecluster tells no releases. */
function withVersions(heard: readonly Heard[], context: VerifyContext): Promise<readonly Heard[]> {
  return Promise.all(heard.map(async (one) => {
    const answers = await askMember(one.member, ['version'], context)
    return 'trouble' in answers ? one : { ...one, release: parseRelease(answers.get('version') ?? '') }
  }))
}

function withReleases(states: readonly MemberState[], heard: readonly Heard[], schema: SchemaHeard | undefined): readonly MemberState[] {
  return states.map((state, at) => {
    const one = heard[at]
    const address = one?.rows.find((row) => row.hostId === one.hostId)?.address
    return { ...state, version: state.version ?? (address === undefined ? undefined : schema?.said.releases.get(address)) }
  })
}
