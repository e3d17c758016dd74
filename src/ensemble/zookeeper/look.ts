// One look at every member, by whichever way it is reached, and the wait for an ensemble that is
// electing or syncing.

import { Deadline, formatSpan } from '../../clock.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { whyUnreachable } from '../unreachable.ts'
import type { Member } from '../profile.ts'
import type { Door, DoorContext } from './doors.ts'
import { NoAnswer } from './errors.ts'
import type { Look, Looked } from './checks/looked.ts'
import { judgeQuorum, type QuorumVerdict } from './checks/quorum.ts'
import { NothingListens, TlsOnly } from './tunnel.ts'
import { parseSrvr } from './word-answers.ts'
import { askTwice, speaksTls, type Word } from './words.ts'

/** Between two looks: at first, and at most. */
const POLL_MS = 250
const SLOWEST_POLL_MS = 1_000
/** What has lasted long may last this part of it longer: each look is a tunnel to each member. */
const PART = 20
/** A wait that continues is told this often, with what the members say of themselves. */
const TELL_MS = 5_000
const TLS_MS = 2_000
/**
 * A member that starts is asked often; to run something in its container each time would make it
 * start later.
 */
const CLOSED_FOR_MS = 3_000
/** First bytes of a TLS alert, the answer to a word in plain text. */
const TLS_ALERT = '\u0015\u0003'

/** The answer of one member to one word. */
export function ask(member: Member, word: Word, context: DoorContext): Promise<string> {
  return askTwice(
    (signal) => context.reach.open(member, member.clientPort, signal),
    word,
    context.clock,
    context.signal,
  )
}

/**
 * Each way in turn, as doors.ts keeps it; only who was asked from inside and does not answer there
 * is known not to serve. Rejects only with the reason of the aborted signal.
 */
async function lookAt(member: Member, context: DoorContext): Promise<Look> {
  const { reach, clock } = context
  const tried: string[] = []
  for (let door = reach.doorOf(member); door !== undefined; door = reach.doorOf(member)) {
    const before = reach.closed.get(member.uid)
    if (door === 'exec' && before !== undefined && clock.now() - before.at < CLOSED_FOR_MS) {
      reach.nextDoor(member, door)
      return { kind: 'closed', why: before.why }
    }
    const found = await lookThrough(member, door, context)
    if (found.kind !== 'unreachable') {
      if (found.kind === 'closed') {
        reach.closed.set(member.uid, { at: clock.now(), why: found.why })
        reach.nextDoor(member, door)
      }
      return found
    }
    tried.push(found.why)
    if (reach.nextDoor(member, door)) continue
    // A pod that isn't Ready and listens nowhere is one that starts, or has died.
    return found.refused === true && !member.ready
      ? { kind: 'closed', why: tried.join('; ') }
      : {
          ...found,
          why: [...new Set(tried)].join('; '),
          ...(reach.may.exec ? {} : { lacks: 'exec' }),
        }
  }
  return {
    kind: 'unreachable',
    why: 'this run may use neither port-forward nor exec',
    denied: true,
    noWay: true,
  }
}

async function lookThrough(member: Member, door: Door, context: DoorContext): Promise<Look> {
  try {
    const text = await ask(member, 'srvr', context)
    if (text.startsWith(TLS_ALERT)) return { kind: 'tls' }
    const look = parseSrvr(text)
    return look.kind === 'silent' && (await probeTls(member, context)) ? { kind: 'tls' } : look
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof NothingListens) return { kind: 'closed', why: error.message }
    if (error instanceof TlsOnly) return { kind: 'tls' }
    if (door === 'exec' && error instanceof KubeFailure && error.reason === 'NotRunning')
      return { kind: 'closed', why: error.message }
    if (!(error instanceof NoAnswer)) return { kind: 'unreachable', ...whyUnreachable(error, door) }
    if (error.cause instanceof KubeFailure)
      return {
        kind: 'unreachable',
        why: error.cause.message,
        denied: false,
        refused: error.cause.reason === 'ConnectionRefused',
      }
    if (await probeTls(member, context)) return { kind: 'tls' }
    // A busy machine is as slow as a server that hangs: neither is known to be lost.
    return {
      kind: 'unreachable',
      why: `it takes connections on its client port, but gives ${error.why}`,
      denied: false,
      mute: true,
    }
  }
}

/**
 * A server that speaks TLS only waits for more than the four bytes of a word, or closes; a
 * ClientHello it answers at once.
 */
async function probeTls(member: Member, context: DoorContext): Promise<boolean> {
  try {
    return await speaksTls(
      await context.reach.open(member, member.clientPort, context.signal),
      context.clock,
      context.signal,
      TLS_MS,
    )
  } catch {
    context.signal.throwIfAborted()
    return false
  }
}

export function lookAtAll(
  members: readonly Member[],
  context: DoorContext,
): Promise<readonly Looked[]> {
  return Promise.all(
    members.map(async (member) => ({ member, look: await lookAt(member, context) })),
  )
}

export interface Settled {
  readonly looked: readonly Looked[]
  readonly verdict: QuorumVerdict
}

/**
 * Looks until the ensemble is whole, `settleMs` have passed, or waiting can't fix it. `hopeless`:
 * asked before each wait.
 */
export async function settle(
  members: readonly Member[],
  context: DoorContext,
  hopeless: (looked: readonly Looked[]) => Promise<boolean>,
): Promise<Settled> {
  const { clock, signal } = context
  const deadline = new Deadline(clock, context.settleMs)
  let said = ''
  const began = clock.now()
  let saidAt = began
  for (;;) {
    const looked = await lookAtAll(members, context)
    const verdict = judgeQuorum(looked, context.replicas)
    const whole = !verdict.findings.some((finding) => finding.severity === 'error')
    if (whole || !verdict.canHeal || deadline.passed || (await hopeless(looked)))
      return { looked, verdict }
    if (verdict.detail !== said || clock.now() - saidAt >= TELL_MS) {
      const why = said === '' && context.settleWhy !== undefined ? ` (${context.settleWhy})` : ''
      context.say(
        `waiting up to ${formatSpan(deadline.left())} for the ensemble to settle: ${verdict.detail}${why}`,
      )
      saidAt = clock.now()
    }
    said = verdict.detail
    const poll = Math.min(POLL_MS + (clock.now() - began) / PART, SLOWEST_POLL_MS)
    await clock.sleep(Math.min(poll, Math.max(1, deadline.left())), signal)
  }
}
