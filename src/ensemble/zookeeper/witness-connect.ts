// A session with any member that gives one, soon: a member that doesn't answer is not waited for
// before the next is tried, and an absent API server is told from an absent member.

import type { Clock } from '../../clock.ts'
import type { Member, Reach } from '../profile.ts'
import type { Session } from './session.ts'
import { NothingListens } from './tunnel.ts'
import { IN_TIME } from '../bounded.ts'
import { toldBy } from '../unreachable.ts'
import { openTunnelSession } from './voice.ts'

/**
 * What is known after all members were tried: nothing could be asked (`away`), nothing may be asked
 * (`denied`), or at least one attempt told something of a member.
 */
export type Heard = 'answered' | 'away' | 'denied'

export interface Connected {
  readonly member: Member
  readonly session: Session
}

export interface Attempt {
  readonly connected: Connected | undefined
  /** Those that gave no session. */
  readonly failed: readonly Member[]
  readonly heard: Heard
}

export interface ConnectOptions {
  readonly reach: Reach
  readonly clock: Clock
  readonly auth: string | undefined
  /** How long the last that was tried may take, milliseconds. */
  readonly patienceMs: number
  /** How long a request in the session may go unanswered. */
  readonly answerMs: number
  /** How often each member is tried, paced, while any of them tells something. Default 1. */
  readonly rounds?: number
  /** Called as soon as an attempt has told something of its member. */
  readonly onAnswer?: () => void
}

/**
 * A healthy member has a session in a few tens of milliseconds; one that refuses it is silent for a
 * second (the tunnel tells no sooner that it closed the connection).
 */
const NEXT_AFTER_MS = 100
/**
 * Short, so that what a broken connection leaves behind is gone soon; the server makes it 4 s at
 * least, usually.
 */
export const SESSION_MS = 4_000

/** The attempts of one call. */
interface Race {
  readonly options: ConnectOptions
  readonly signal: AbortSignal
  /** Ends an attempt, or the session that came of it; the winner's is not among them. */
  readonly lives: Set<AbortController>
  readonly tried: Member[]
  readonly told: Heard[]
  readonly won: PromiseWithResolvers<Connected>
  winner: Connected | undefined
}

/**
 * Tries the members in this order, the next one as soon as one has failed or has taken a moment;
 * the first session wins. Rejects only with the signal's reason.
 */
export async function connectToAny(
  members: readonly Member[],
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const race: Race = {
    options,
    signal,
    lives: new Set(),
    tried: [],
    told: [],
    won: Promise.withResolvers(),
    winner: undefined,
  }
  try {
    await tryInTurn(members, race)
  } finally {
    for (const life of race.lives) life.abort(new Error('another member was faster'))
  }
  const { winner, tried } = race
  return {
    connected: winner,
    failed: tried.filter((member) => member !== winner?.member),
    heard: members.length === 0 ? 'answered' : heardIn(race),
  }
}

async function tryInTurn(members: readonly Member[], race: Race): Promise<void> {
  const { rounds = 1, patienceMs } = race.options
  const tries = Array.from({ length: rounds }, (_, round) =>
    members.map((member) => ({ member, round })),
  ).flat()
  const attempts: Promise<void>[] = []
  for (const { member, round } of tries) {
    if (round > 0 && !race.told.includes('answered')) break
    const one = attempt(member, race)
    attempts.push(one)
    // A member that is just electing refuses at once: the first round finds one that doesn't, the
    // others are no faster than their pace.
    await orWon(race, NEXT_AFTER_MS, round === 0 ? [one] : [new Promise(() => undefined)])
    if (race.winner !== undefined) return
  }
  await orWon(race, patienceMs, attempts)
}

/** Until the time is over, the work is done, or a session is there. */
async function orWon(
  { options: { clock }, signal, won }: Race,
  ms: number,
  work: readonly Promise<unknown>[],
): Promise<void> {
  const over = new AbortController()
  const limit = clock.sleep(ms, AbortSignal.any([signal, over.signal]))
  limit.catch(() => undefined)
  await Promise.race([limit, won.promise, Promise.all(work)])
  over.abort(IN_TIME)
}

/** Never rejects: what a failure means has been noted when the tunnel was asked for. */
async function attempt(member: Member, race: Race): Promise<void> {
  const { reach, clock, auth, answerMs, onAnswer } = race.options
  const life = new AbortController()
  race.lives.add(life)
  race.tried.push(member)
  const tell = (heard: Heard): void => {
    race.told.push(heard)
    if (heard === 'answered') onAnswer?.()
  }
  const told: Reach = { ...reach, open: (...args) => opened(reach.open(...args), tell) }
  const opening = { clock, auth, life: life.signal, timeoutMs: SESSION_MS, answerMs }
  try {
    const session = await openTunnelSession(member, told, opening, race.signal)
    if (race.winner !== undefined) return await session.close()
    race.winner = { member, session }
    race.lives.delete(life)
    race.won.resolve(race.winner)
  } catch {
    // Another member is tried.
  }
}

async function opened<T>(opening: Promise<T>, tell: (heard: Heard) => void): Promise<T> {
  try {
    const stream = await opening
    tell('answered')
    return stream
  } catch (error) {
    tell(error instanceof NothingListens ? 'answered' : toldBy(error))
    throw error
  }
}

function heardIn({ winner, told }: Race): Heard {
  if (winner !== undefined || told.includes('answered')) return 'answered'
  return told.length > 0 && told.every((one) => one === 'denied') ? 'denied' : 'away'
}
