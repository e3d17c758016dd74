// The checks of one level, in one go, each from its file in checks/: members are looked at,
// identified and spoken to at the same time, and what can't be proven is never called a success.

import { Deadline, formatSpan } from '../../clock.ts'
import type { Finding } from '../../errors.ts'
import { skipped } from '../check-result.ts'
import type { CheckResult, Member, Verification } from '../profile.ts'
import { checkData, type DataChecks } from './checks/data.ts'
import { isTlsOnly } from '../../manifests/zoo-config.ts'
import type { DoorContext } from './doors.ts'
import { votersListed, type Introduced } from './checks/identity.ts'
import { settle, type Settled } from './look.ts'
import { ACCESS_FIX, type Looked } from './checks/looked.ts'
import { judgeQuorum } from './checks/quorum.ts'
import { THOROUGH_CHECKS } from './checks/thorough.ts'
import { openSpeakers, type Speakers } from './speakers.ts'
import { bySession, identityCheck, isMistaken, learnAll, type Learned } from './checks/who.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'

export interface ZooKeeperOptions {
  /** `user:password` for the digest scheme: a secret. */
  readonly auth: string | undefined
  readonly checkPath: string
}

/** A member that answers and whose identity isn't known is asked for it this often. */
const LEARN_AGAIN_MS = 1_000
/** How long a member that went away has until all are asked again. */
const AGAIN_MS = 500

interface Timed {
  readonly value: readonly Learned[]
  readonly ms: number
  /** When it was learned, ms. */
  readonly at: number
}

/**
 * The checks of a level; an ensemble that elects again while it is asked is asked again until it
 * has had its time to settle.
 */
export async function verifyZooKeeper(
  members: readonly Member[],
  level: VerifyLevel,
  context: DoorContext,
  options: ZooKeeperOptions,
): Promise<Verification> {
  const deadline = new Deadline(context.clock, context.settleMs)
  for (;;) {
    const { wentAway, ...verification } = await attempt(
      members,
      level,
      { ...context, settleMs: deadline.left() },
      options,
    )
    if (!wentAway || deadline.passed) return verification
    context.say(`${verification.findings[0]?.message ?? 'a member went away'}; asking again`)
    await context.clock.sleep(AGAIN_MS, context.signal)
  }
}

async function attempt(
  members: readonly Member[],
  level: VerifyLevel,
  context: DoorContext,
  options: ZooKeeperOptions,
): Promise<Verification & { readonly wentAway: boolean }> {
  const { clock } = context
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal)
  if (!context.reach.may.forward && !context.reach.may.exec)
    return { ...impossible(sorted, context), wentAway: false }
  const began = clock.now()
  const speaking = openSpeakers(level === 'quick' ? sorted.slice(0, 2) : sorted, context, options)
  // A quick look by exec asks too: only the configuration tells a port that speaks TLS from a
  // member that is down.
  let learning =
    level === 'quick' && context.reach.may.forward
      ? undefined
      : timed(() => learnAll(sorted, context), context)
  // Whoever fails first is told; the others may be rejected by the same abort.
  learning?.catch(() => undefined)
  try {
    const hopeless = async (looked: readonly Looked[]): Promise<boolean> => {
      const first = await learning
      if (first === undefined) return false
      const learned = await learnFlashes(first, looked, context)
      learning = Promise.resolve(learned)
      return learned.value.some(speaksTlsOnly) || isMistaken(learned.value, context)
    }
    const settled = await withLists(await settle(sorted, context, hopeless), learning, context)
    const waited = clock.now() - began
    const checks: CheckResult[] = [
      checkOf('quorum', settled.verdict.findings, settled.verdict.detail, waited),
    ]
    const whole = isWhole(settled)
    const proving = whole
      ? checkData(speaking, level, context, options)
      : Promise.resolve(notTried(level))
    proving.catch(() => undefined)
    let who: Introduced = new Map()
    if (learning !== undefined && level !== 'quick') {
      const learned = await relearn(await learning, whole, speaking, context)
      const { who: found, ...identity } = identityCheck(learned.value, context)
      checks.push({ ...identity, ms: learned.ms })
      who = found
    }
    const proof = await proving
    checks.push(...proof.checks)
    return {
      members: settled.verdict.states.map((state) => ({ ...state, ...who.get(state.pod) })),
      checks,
      matrix: proof.matrix,
      pairs: proof.pairs,
      findings: checks.flatMap((check) => check.findings),
      wentAway:
        proof.wentAway &&
        checks.every((check) => check.name === 'data' || check.outcome !== 'failed'),
    }
  } finally {
    await speaking.closeAll()
  }
}

function isWhole({ verdict }: Settled): boolean {
  return !verdict.findings.some((finding) => finding.severity === 'error')
}

function speaksTlsOnly({ known: { config } }: Learned): boolean {
  return config !== undefined && isTlsOnly(config)
}

/**
 * Judged by what lies in the members: who could not be asked because its configuration has no plain
 * port is not down, and whoever leads does so by its own member list.
 */
async function withLists(
  settled: Settled,
  learning: Promise<Timed> | undefined,
  context: DoorContext,
): Promise<Settled> {
  if (learning === undefined || isWhole(settled)) return settled
  const { value: learned } = await learning
  const tls = new Set(learned.filter(speaksTlsOnly).map(({ known }) => known.member.pod))
  const looked = settled.looked.map((one): Looked =>
    tls.has(one.member.pod) &&
    (one.look.kind === 'unreachable' || one.look.kind === 'closed' || one.look.kind === 'silent')
      ? { ...one, look: { kind: 'tls' } }
      : one,
  )
  const [leader, second] = settled.verdict.states.filter(({ role }) => role === 'leader')
  const led =
    second === undefined
      ? learned.find(({ known }) => known.member.pod === leader?.pod)?.known
      : undefined
  const listed = led === undefined ? undefined : votersListed(led)
  return { looked, verdict: judgeQuorum(looked, context.replicas, listed) }
}

function notTried(level: VerifyLevel): DataChecks {
  const names = ['data' as const, ...(level === 'thorough' ? THOROUGH_CHECKS : [])]
  return {
    checks: skipped(names, 'not tried: the members do not form one ensemble'),
    matrix: undefined,
    pairs: undefined,
    wentAway: false,
  }
}

/**
 * A member that was still starting at the first look is asked once more, now that it serves; of
 * whom exec tells nothing, its session tells what it can.
 */
async function relearn(
  first: Timed,
  whole: boolean,
  speaking: Speakers,
  context: DoorContext,
): Promise<Timed> {
  const open = first.value.filter(isOpen)
  if (!whole || open.length === 0) return first
  const again = await timed(async () => {
    const asked = context.reach.may.exec
      ? await learnAll(
          open.map((one) => one.known.member),
          context,
        )
      : open
    return [
      ...asked.filter((one) => !isOpen(one)),
      ...(await learnFromSessions(asked.filter(isOpen), speaking, context)),
    ]
  }, context)
  return merged(first, again)
}

/**
 * A member that dies and is started again and again is there for seconds: who it is can be learned
 * while it answers.
 */
async function learnFlashes(
  first: Timed,
  looked: readonly Looked[],
  context: DoorContext,
): Promise<Timed> {
  const here = new Set(
    looked.filter(({ look }) => look.kind !== 'unreachable').map(({ member }) => member.pod),
  )
  const open = first.value.filter(
    (one) => isOpen(one) && one.known.config === undefined && here.has(one.known.member.pod),
  )
  if (open.length === 0 || context.clock.now() - first.at < LEARN_AGAIN_MS) return first
  return merged(
    first,
    await timed(
      () =>
        learnAll(
          open.map((one) => one.known.member),
          context,
        ),
      context,
    ),
  )
}

function merged(first: Timed, again: Timed): Timed {
  return {
    value: first.value.map(
      (one) => again.value.find((other) => other.known.member.pod === one.known.member.pod) ?? one,
    ),
    ms: first.ms + again.ms,
    at: again.at,
  }
}

function isOpen({ lacking }: Learned): boolean {
  return lacking !== undefined
}

async function learnFromSessions(
  open: readonly Learned[],
  speaking: Speakers,
  context: DoorContext,
): Promise<readonly Learned[]> {
  await speaking.ready()
  return Promise.all(
    open.map(async (one) => {
      const session = speaking.sessionOf(one.known.member)
      return session === undefined ? one : bySession(one.known.member, session, context)
    }),
  )
}

async function timed(
  work: () => Promise<readonly Learned[]>,
  context: DoorContext,
): Promise<Timed> {
  const began = context.clock.now()
  const value = await work()
  const at = context.clock.now()
  return { value, ms: at - began, at }
}

function checkOf(
  name: CheckResult['name'],
  findings: readonly Finding[],
  detail: string,
  ms: number,
): CheckResult {
  const failed = findings.some((finding) => finding.severity === 'error')
  const waited = !failed && ms > 1000 ? ` (after ${formatSpan(ms)})` : ''
  return {
    name,
    outcome: failed ? 'failed' : findings.length > 0 ? 'warned' : 'passed',
    detail: `${detail}${waited}`,
    findings,
    ms,
  }
}

function impossible(members: readonly Member[], context: DoorContext): Verification {
  const finding: Finding = {
    code: 'CHECK_IMPOSSIBLE',
    severity: 'error',
    message: 'the members cannot be asked: this run may use neither port-forward nor exec',
    fix: ACCESS_FIX,
  }
  context.say(finding.message)
  return {
    members: members.map(({ pod, ordinal }) => ({
      pod,
      ordinal,
      id: undefined,
      role: 'unknown',
      version: undefined,
      zxid: undefined,
      trouble: 'not asked',
    })),
    checks: [
      { name: 'quorum', outcome: 'failed', detail: finding.message, findings: [finding], ms: 0 },
    ],
    matrix: undefined,
    pairs: undefined,
    findings: [finding],
  }
}
