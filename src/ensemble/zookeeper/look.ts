// One look at every member, by port-forward or from inside the pod, and the wait for an ensemble that is electing or syncing.

import { Deadline, formatSpan } from '../../clock.ts'
import { whyUnreachable } from '../unreachable.ts'
import type { Member, Reach, VerifyContext } from '../profile.ts'
import { askByExec } from './by-exec.ts'
import { NoAnswer } from './errors.ts'
import { judgeQuorum, type Look, type Looked, type QuorumVerdict } from './quorum.ts'
import { parseSrvr } from './word-answers.ts'
import { askTwice, speaksTls, type Word } from './words.ts'

export type Way = 'port-forward' | 'exec'

const POLL_MS = 250
/** A wait that goes on is told this often, with what the members say of themselves. */
const TELL_MS = 5_000
const TLS_MS = 2_000
/** First bytes of a TLS alert, the answer to a word in plain text. */
const TLS_ALERT = '\u0015\u0003'

/** How members are reached: by port-forward where that is allowed. Undefined: not at all. */
export function wayOf(may: Reach['may']): Way | undefined {
  return may.forward ? 'port-forward' : may.exec ? 'exec' : undefined
}

/** The answer of one member to one word. */
export function ask(member: Member, word: Word, way: Way, context: VerifyContext): Promise<string> {
  switch (way) {
    case 'port-forward':
      return askTwice((signal) => context.reach.open(member, member.clientPort, signal), word, context.clock, context.signal)
    case 'exec':
      return askByExec(member, word, context.reach, context.signal)
  }
}

/** Rejects only with the reason of the aborted signal. */
export async function lookAt(member: Member, way: Way | undefined, context: VerifyContext): Promise<Look> {
  if (way === undefined) return { kind: 'unreachable', why: 'this run may use neither port-forward nor exec', denied: true }
  let look: Look
  try {
    const text = await ask(member, 'srvr', way, context)
    if (text.startsWith(TLS_ALERT)) return { kind: 'tls' }
    look = parseSrvr(text)
  } catch (error) {
    context.signal.throwIfAborted()
    look = { kind: 'unreachable', ...whyUnreachable(error, way) }
    if (!(error instanceof NoAnswer)) return look
  }
  const mute = look.kind === 'silent' || look.kind === 'unreachable'
  return mute && way === 'port-forward' && (await probeTls(member, context)) ? { kind: 'tls' } : look
}

/** A server that speaks TLS only waits for more than the four bytes of a word, or closes; a ClientHello it answers at once. */
async function probeTls(member: Member, context: VerifyContext): Promise<boolean> {
  try {
    return await speaksTls(await context.reach.open(member, member.clientPort, context.signal), context.clock, context.signal, TLS_MS)
  } catch {
    context.signal.throwIfAborted()
    return false
  }
}

export function lookAtAll(members: readonly Member[], way: Way | undefined, context: VerifyContext): Promise<readonly Looked[]> {
  return Promise.all(members.map(async (member) => ({ member, look: await lookAt(member, way, context) })))
}

export interface Settled {
  readonly looked: readonly Looked[]
  readonly verdict: QuorumVerdict
}

/** Looks until the ensemble is whole, `settleMs` have passed, or waiting can't mend it. `hopeless`: asked before each wait. */
export async function settle(members: readonly Member[], way: Way | undefined, context: VerifyContext, hopeless: (looked: readonly Looked[]) => Promise<boolean>): Promise<Settled> {
  const { clock, signal } = context
  const deadline = new Deadline(clock, context.settleMs)
  let said = ''
  let saidAt = clock.now()
  for (;;) {
    const looked = await lookAtAll(members, way, context)
    const verdict = judgeQuorum(looked, context.replicas)
    const whole = !verdict.findings.some((finding) => finding.severity === 'error')
    if (whole || !verdict.canHeal || deadline.passed || (await hopeless(looked))) return { looked, verdict }
    if (verdict.detail !== said || clock.now() - saidAt >= TELL_MS) {
      const why = said === '' && context.settleWhy !== undefined ? ` (${context.settleWhy})` : ''
      context.say(`waiting up to ${formatSpan(deadline.left())} for the ensemble to settle: ${verdict.detail}${why}`)
      saidAt = clock.now()
    }
    said = verdict.detail
    await clock.sleep(Math.min(POLL_MS, Math.max(1, deadline.left())), signal)
  }
}
