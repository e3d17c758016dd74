// A session with any member that gives one, soon: a member that doesn't answer is not waited for
// before the next is tried, and an absent API server is told from an absent member.

import type { Clock } from '../../clock.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Member, Reach } from '../profile.ts'
import type { Session } from './session.ts'
import { NothingListens } from './tunnel.ts'
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
/** Of the API server or what stands before it: nothing was told of the pod. */
const ELSEWHERE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Tries the members in this order, the next one as soon as one has failed or has taken a moment;
 * the first session wins. Rejects only with the signal's reason.
 */
export async function connectToAny(
  members: readonly Member[],
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const { clock } = options
  const decided = Promise.withResolvers<Connected>()
  const lives: AbortController[] = []
  const told: Heard[] = []
  const tried: Member[] = []
  let winner: Connected | undefined

  const tell = (heard: Heard): void => {
    told.push(heard)
    if (heard === 'answered') options.onAnswer?.()
  }
  const attempt = async (member: Member): Promise<void> => {
    const life = new AbortController()
    lives.push(life)
    tried.push(member)
    const reach: Reach = {
      ...options.reach,
      open: (...args) => opened(options.reach.open(...args), tell),
    }
    try {
      const session = await openTunnelSession(
        member,
        reach,
        {
          clock,
          auth: options.auth,
          life: life.signal,
          timeoutMs: SESSION_MS,
          answerMs: options.answerMs,
        },
        signal,
      )
      if (winner !== undefined) return await session.close()
      winner = { member, session }
      lives.splice(lives.indexOf(life), 1)
      decided.resolve(winner)
    } catch {
      // What it means has been noted when the tunnel was asked for.
    }
  }

  const attempts: Promise<void>[] = []
  const wait = async (ms: number, work: readonly Promise<unknown>[]): Promise<void> => {
    const over = new AbortController()
    const limit = clock.sleep(ms, AbortSignal.any([signal, over.signal]))
    limit.catch(() => undefined)
    await Promise.race([limit, decided.promise, Promise.all(work)])
    over.abort()
  }
  try {
    const tries = Array.from({ length: options.rounds ?? 1 }, (_, round) =>
      members.map((member) => ({ member, round })),
    ).flat()
    for (const { member, round } of tries) {
      if (round > 0 && !told.includes('answered')) break
      const one = attempt(member)
      attempts.push(one)
      // A member that is just electing refuses at once: the first round finds one that doesn't, the
      // others are no faster than their pace.
      await wait(NEXT_AFTER_MS, round === 0 ? [one] : [new Promise(() => undefined)])
      if (winner !== undefined) break
    }
    if (winner === undefined) await wait(options.patienceMs, attempts)
  } finally {
    for (const life of lives) life.abort(new Error('another member was faster'))
  }
  const heard =
    winner !== undefined || told.includes('answered') || members.length === 0
      ? 'answered'
      : told.length > 0 && told.every((one) => one === 'denied')
        ? 'denied'
        : 'away'
  return { connected: winner, failed: tried.filter((member) => member !== winner?.member), heard }
}

async function opened<T>(opening: Promise<T>, tell: (heard: Heard) => void): Promise<T> {
  try {
    const stream = await opening
    tell('answered')
    return stream
  } catch (error) {
    tell(toldBy(error))
    throw error
  }
}

/**
 * What a port-forward that was not had tells: a status of the API server's is about the pod; no
 * status is about the way to the API server, unless the tunnel itself said why.
 */
function toldBy(error: unknown): Heard {
  if (error instanceof NothingListens) return 'answered'
  if (!(error instanceof KubeFailure)) return 'away'
  if (error.status === 401 || error.status === 403) return 'denied'
  if (error.status === 0)
    return error.reason === 'Unreachable' && error.cause === undefined ? 'answered' : 'away'
  return ELSEWHERE.has(error.status) ? 'away' : 'answered'
}
