// The Cassandra profile, by exec: nodetool in every member for the ring, cqlsh at QUORUM through
// each for the data.

import { skipped } from '../check-result.ts'
import { Deadline } from '../../clock.ts'
import type {
  CheckResult,
  Login,
  Member,
  Profile,
  Verification,
  VerifyContext,
} from '../profile.ts'
import { askMember, hearAll, hearOne, type Heard, type Known } from './ask.ts'
import { cqlThrough } from './cqlsh.ts'
import { leaveRing } from './leave.ts'
import { mayLeaveRing } from './may-leave.ts'
import { copiesIn, proveRows } from './rows.ts'
import { judgeRing, type RingVerdict, type SchemaHeard } from './ring.ts'
import { statesOf } from './serving.ts'
import { parseCluster, parseRelease, type ClusterSaid } from './status.ts'
import { checkThoroughly, THOROUGH_CHECKS } from './thorough.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'

const POLL_MS = 2_000

export function cassandraProfile(login?: Login): Profile {
  const known: Known = new Map()
  const releases: Releases = new Map()
  let turn = 0
  return {
    name: 'cassandra',
    dear: true,
    look: async (members, context) => {
      const one =
        context.waiting === true && context.reach.may.exec
          ? await hearOne(members, turn++, known, context)
          : undefined
      return statesOf(
        one === undefined
          ? await withReleases(
              await hearAll(members, ['status', 'info'], known, context),
              releases,
              context,
            )
          : one.map((said) => ({ ...said, release: releases.get(said.member.uid) })),
      )
    },
    verify: (members, level, context) =>
      verify(members, level, { known, releases }, { ...context, login }),
    mayLeave: mayLeaveRing,
    leave: leaveRing,
  }
}

async function verify(
  members: readonly Member[],
  level: VerifyLevel,
  remembered: Remembered,
  context: VerifyContext & { readonly login: Login | undefined },
): Promise<Verification> {
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  const { clock } = context
  const began = clock.now()
  const { heard, verdict } = await settle(sorted, remembered, context)
  const quorum: CheckResult = {
    name: 'quorum',
    outcome: verdict.findings.length === 0 ? 'passed' : 'failed',
    detail: verdict.detail,
    findings: verdict.findings,
    ms: clock.now() - began,
  }
  const base = { members: statesOf(heard), matrix: undefined, pairs: undefined }
  if (verdict.findings.length > 0) {
    const names = ['data' as const, ...(level === 'thorough' ? THOROUGH_CHECKS : [])]
    const untried = skipped(names, 'not tried: the members do not form one ring')
    return { ...base, checks: [quorum, ...untried], findings: verdict.findings }
  }
  const cql = cqlThrough(context, context.login)
  const proof = await proveRows(sorted, level, copiesIn(heard), cql, context)
  const checks = [
    quorum,
    proof.check,
    ...(level === 'thorough' && proof.check.outcome === 'passed'
      ? await checkThoroughly(sorted, cql, context)
      : []),
  ]
  return {
    ...base,
    checks,
    matrix: proof.matrix,
    pairs: proof.pairs,
    findings: checks.flatMap((check) => check.findings),
  }
}

/** By UID: which release a pod runs, asked once. */
type Releases = Map<string, string>

interface Remembered {
  readonly known: Known
  readonly releases: Releases
}

interface Settled {
  readonly heard: readonly Heard[]
  readonly verdict: RingVerdict
}

async function settle(
  members: readonly Member[],
  remembered: Remembered,
  context: VerifyContext,
): Promise<Settled> {
  const { clock } = context
  const deadline = new Deadline(clock, context.settleMs)
  let said = ''
  for (;;) {
    const began = clock.now()
    const found = await hearRing(members, remembered, context)
    const { verdict } = found
    if (verdict.findings.length === 0 || !verdict.canHeal || deadline.passed) return found
    if (verdict.detail !== said) context.say(`waiting for the ring to settle: ${verdict.detail}`)
    said = verdict.detail
    await clock.sleep(
      Math.min(Math.max(POLL_MS, clock.now() - began), Math.max(1, deadline.left())),
      context.signal,
    )
  }
}

/** The schema of all is asked of one, and only where the rows are sound. */
async function hearRing(
  members: readonly Member[],
  { known, releases }: Remembered,
  context: VerifyContext,
): Promise<Settled> {
  const heard = await hearAll(members, ['status', 'info'], known, context)
  const verdict = judgeRing(heard, context.replicas, undefined)
  if (verdict.findings.length > 0)
    return { heard: await withReleases(heard, releases, context, null), verdict }
  const schema = await hearSchema(members, context)
  return {
    heard: await withReleases(heard, releases, context, schema?.said ?? null),
    verdict: schema === undefined ? verdict : judgeRing(heard, context.replicas, schema),
  }
}

async function hearSchema(
  members: readonly Member[],
  context: VerifyContext,
): Promise<SchemaHeard | undefined> {
  for (const by of members) {
    const answers = await askMember(by, ['describecluster'], context)
    if (!('trouble' in answers))
      return { by, said: parseCluster(answers.get('describecluster') ?? '') }
  }
  return undefined
}

/**
 * One tells the releases of all, and of a pod that is known nobody is asked; before Cassandra 4
 * each tells its own. `said`: null where nobody is to be asked.
 */
async function withReleases(
  heard: readonly Heard[],
  releases: Releases,
  context: VerifyContext,
  said?: ClusterSaid | null,
): Promise<readonly Heard[]> {
  const lacking = heard.filter(
    ({ member, trouble }) => trouble === undefined && !releases.has(member.uid),
  )
  const told =
    said !== undefined || lacking.length === 0
      ? said
      : (
          await hearSchema(
            lacking.map(({ member }) => member),
            context,
          )
        )?.said
  for (const { member, hostId, rows } of heard) {
    const release = told?.releases.get(rows.find((row) => row.hostId === hostId)?.address ?? '')
    if (release !== undefined) releases.set(member.uid, release)
  }
  if (told?.releases.size === 0) {
    await Promise.all(
      lacking.map(async ({ member }) => {
        const answers = await askMember(member, ['version'], context)
        const release =
          'trouble' in answers ? undefined : parseRelease(answers.get('version') ?? '')
        if (release !== undefined) releases.set(member.uid, release)
      }),
    )
  }
  return heard.map((one) => ({ ...one, release: releases.get(one.member.uid) }))
}
