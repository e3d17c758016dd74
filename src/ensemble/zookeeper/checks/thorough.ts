// The checks of level thorough, a row of `PROOFS` each: that two writers can't both win, that a
// session's ephemeral goes with it, and that a transaction is all or nothing.

import type { Clock } from '../../../clock.ts'
import type { Finding } from '../../../errors.ts'
import { ofMember } from '../../of-member.ts'
import type { CheckResult, Member } from '../../profile.ts'
import { proveEach, type Proof } from '../../proofs.ts'
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

const WRONG_VERSION = 7

/** Last in a row: what the proof makes below the run's node, which is deleted with it. */
const PROOFS: readonly (readonly [CheckResult['name'], Proof<Stage>, readonly string[]])[] = [
  ['compare-and-set', race, ['race']],
  ['ephemeral', ephemeral, ['ephemeral']],
  ['multi', transaction, ['left', 'right']],
]
export const THOROUGH_CHECKS = PROOFS.map(([name]) => name)
/** Names below the run's node. */
export const THOROUGH_NODES = PROOFS.flatMap(([, , nodes]) => nodes)

export function checkThoroughly(stage: Stage): Promise<readonly CheckResult[]> {
  const proofs = PROOFS.map(([name, proof]) => [name, withTrouble(name, proof)] as const)
  return proveEach(proofs, stage, stage.clock)
}

/** A proof that could not be carried through is a finding as well. */
function withTrouble(name: CheckResult['name'], proof: Proof<Stage>): Proof<Stage> {
  return async (stage) => {
    try {
      return await proof(stage)
    } catch (error) {
      const trouble = memberTrouble(error, stage.signal)
      return dataFinding(stage.one.member, `the ${name} check through`, trouble)
    }
  }
}

function fault(member: Member, message: string): Finding {
  return {
    code: 'CHECK_FAILED',
    ...ofMember(member),
    message,
    fix: 'The ensemble does not keep its promises: stop writers that rely on them and compare the members’ versions and logs.',
  }
}

async function race({ one, other, path }: Stage): Promise<string | Finding> {
  const node = `${path}/race`
  await one.session.create(node, 'first')
  const [, stat] = await Promise.all([other.session.sync(node), other.session.exists(node)])
  if (stat === undefined)
    return fault(
      other.member,
      `${other.member.pod} does not show a node that was created through ${one.member.pod}`,
    )
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
    return fault(
      other.member,
      `of two writes that ask for the same version, through ${one.member.pod} and ${other.member.pod}, ${won === 0 ? 'none' : 'both'} won`,
    )
  return 'of two writers that asked for the same version exactly one won'
}

async function ephemeral({ other, third, path }: Stage): Promise<string | Finding> {
  const node = `${path}/ephemeral`
  const owner = await third()
  try {
    await owner.create(node, 'here', 'ephemeral')
    const [, there] = await Promise.all([other.session.sync(node), other.session.exists(node)])
    if (there === undefined || there.ephemeralOwner !== owner.id)
      return fault(
        other.member,
        `${other.member.pod} does not show an ephemeral node of a session that lives`,
      )
  } finally {
    await owner.close()
  }
  const [, left] = await Promise.all([other.session.sync(node), other.session.exists(node)])
  if (left !== undefined)
    return fault(
      other.member,
      `${other.member.pod} still shows an ephemeral node after its session was closed`,
    )
  return 'an ephemeral node was seen through another member and went with its session'
}

async function transaction({ one, other, path }: Stage): Promise<string | Finding> {
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
    return fault(
      one.member,
      `${one.member.pod} let a transaction pass whose condition does not hold`,
    )
  } catch (error) {
    if (!isRefusal(error, 'BadVersion')) throw error
  }
  const half = await look()
  if (half !== 0)
    return fault(other.member, `${other.member.pod} shows a part of a transaction that was refused`)
  await one.session.multi([
    { kind: 'create', path: left, data: 'x' },
    { kind: 'check', path, version: 0 },
    { kind: 'create', path: right, data: 'x' },
  ])
  const whole = await look()
  if (whole !== 2)
    return fault(
      other.member,
      `${other.member.pod} shows ${whole} of 2 nodes of a transaction that was done`,
    )
  return 'a transaction was done as a whole and refused as a whole'
}
