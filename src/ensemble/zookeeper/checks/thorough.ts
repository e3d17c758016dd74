// The checks of level thorough, a row of `PROOFS` each: that two writers can't both win, that a
// session's ephemeral goes with it, and that a transaction is all or nothing.

import type { Clock } from '../../../clock.ts'
import type { Finding } from '../../../errors.ts'
import type { CheckResult, Member } from '../../profile.ts'
import { isRefusal } from '../errors.ts'
import { dataFinding, memberTrouble } from '../member-trouble.ts'
import type { Session } from '../session.ts'

/**
 * Two members (one and the same in an ensemble of one), each with a session, and a way to a third
 * session that may be closed.
 */
export interface Stage {
  readonly one: { readonly member: Member; readonly session: Session }
  readonly other: { readonly member: Member; readonly session: Session }
  readonly third: () => Promise<Session>
  /** The run's node, which is there; what is made below it is deleted with it. */
  readonly path: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Names below the run's node. */
export const THOROUGH_NODES = ['race', 'ephemeral', 'left', 'right'] as const

const WRONG_VERSION = 7

type Proof = (stage: Stage) => Promise<string | Fault>

/** One after the other. What a proof makes below the run's node stands in `THOROUGH_NODES`. */
const PROOFS: readonly (readonly [CheckResult['name'], Proof])[] = [
  ['compare-and-set', race],
  ['ephemeral', ephemeral],
  ['multi', transaction],
]
export const THOROUGH_CHECKS = PROOFS.map(([name]) => name)

export async function checkThoroughly(stage: Stage): Promise<readonly CheckResult[]> {
  const checks: CheckResult[] = []
  for (const [name, proof] of PROOFS) checks.push(await checked(stage, name, proof))
  return checks
}

/** `proof` returns what it proved, or a Fault with what it found. */
async function checked(
  stage: Stage,
  name: CheckResult['name'],
  proof: Proof,
): Promise<CheckResult> {
  const began = stage.clock.now()
  const failed = (finding: Finding): CheckResult => ({
    name,
    outcome: 'failed',
    detail: finding.message,
    findings: [finding],
    ms: stage.clock.now() - began,
  })
  try {
    const found = await proof(stage)
    if (typeof found === 'string')
      return { name, outcome: 'passed', detail: found, findings: [], ms: stage.clock.now() - began }
    return failed({
      code: 'CHECK_FAILED',
      severity: 'error',
      ordinal: found.member.ordinal,
      object: `pod/${found.member.pod}`,
      message: found.what,
      fix: 'The ensemble does not keep its promises: stop writers that rely on them and compare the members’ versions and logs.',
    })
  } catch (error) {
    return failed(
      dataFinding(
        stage.one.member,
        `the ${name} check through`,
        memberTrouble(error, stage.signal),
      ),
    )
  }
}

interface Fault {
  readonly member: Member
  readonly what: string
}

async function race({ one, other, path }: Stage): Promise<string | Fault> {
  const node = `${path}/race`
  await one.session.create(node, 'first')
  const [, stat] = await Promise.all([other.session.sync(node), other.session.exists(node)])
  if (stat === undefined)
    return {
      member: other.member,
      what: `${other.member.pod} does not show a node that was created through ${one.member.pod}`,
    }
  const results = await Promise.allSettled([
    one.session.set(node, 'one', stat.version),
    other.session.set(node, 'other', stat.version),
  ])
  const won = results.filter((result) => result.status === 'fulfilled').length
  const unexpected = results.find(
    (result) => result.status === 'rejected' && !isRefusal(result.reason, 'BadVersion'),
  )
  if (unexpected?.status === 'rejected') throw unexpected.reason
  if (won !== 1)
    return {
      member: other.member,
      what: `of two writes that ask for the same version, through ${one.member.pod} and ${other.member.pod}, ${won === 0 ? 'none' : 'both'} won`,
    }
  return 'of two writers that asked for the same version exactly one won'
}

async function ephemeral({ other, third, path }: Stage): Promise<string | Fault> {
  const node = `${path}/ephemeral`
  const owner = await third()
  try {
    await owner.create(node, 'here', 'ephemeral')
    const [, there] = await Promise.all([other.session.sync(node), other.session.exists(node)])
    if (there === undefined || there.ephemeralOwner !== owner.id)
      return {
        member: other.member,
        what: `${other.member.pod} does not show an ephemeral node of a session that lives`,
      }
  } finally {
    await owner.close()
  }
  const [, left] = await Promise.all([other.session.sync(node), other.session.exists(node)])
  if (left !== undefined)
    return {
      member: other.member,
      what: `${other.member.pod} still shows an ephemeral node after its session was closed`,
    }
  return 'an ephemeral node was seen through another member and went with its session'
}

async function transaction({ one, other, path }: Stage): Promise<string | Fault> {
  const [left, right] = [`${path}/left`, `${path}/right`]
  const look = async (): Promise<number> => {
    const found = await Promise.all([
      other.session.sync(path),
      other.session.exists(left),
      other.session.exists(right),
    ])
    return found.slice(1).filter((stat) => stat !== undefined).length
  }
  try {
    await one.session.multi([
      { kind: 'create', path: left, data: 'x' },
      { kind: 'check', path, version: WRONG_VERSION },
      { kind: 'create', path: right, data: 'x' },
    ])
    return {
      member: one.member,
      what: `${one.member.pod} let a transaction pass whose condition does not hold`,
    }
  } catch (error) {
    if (!isRefusal(error, 'BadVersion')) throw error
  }
  const half = await look()
  if (half !== 0)
    return {
      member: other.member,
      what: `${other.member.pod} shows a part of a transaction that was refused`,
    }
  await one.session.multi([
    { kind: 'create', path: left, data: 'x' },
    { kind: 'check', path, version: 0 },
    { kind: 'create', path: right, data: 'x' },
  ])
  const whole = await look()
  if (whole !== 2)
    return {
      member: other.member,
      what: `${other.member.pod} shows ${whole} of 2 nodes of a transaction that was done`,
    }
  return 'a transaction was done as a whole and refused as a whole'
}
