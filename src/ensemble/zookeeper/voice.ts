// Writes and reads through one chosen member: in a session of the wire protocol, over whichever
// way (doors.ts) the member is reached by.

import { within } from '../bounded.ts'
import type { Clock } from '../../clock.ts'
import type { Member, Reach } from '../profile.ts'
import { isRefusal, NoAnswer, Refusal } from './errors.ts'
import { openSession, type Session } from './session.ts'

/** How a node stands: every member must show the same for the same write. */
export interface Version {
  readonly version: number
  readonly mzxid: bigint
}

export interface Found extends Version {
  readonly value: string
}

export interface Voice {
  readonly member: Member
  /** Makes a node and the parents that it lacks; fine when it is there. */
  make(path: string): Promise<void>
  /** Creates the node and sets it once, so that its version is 1 and a stale read shows. */
  write(path: string, value: string): Promise<Version>
  /**
   * Each after a sync; an Error stands for a node that could not be read, with the milliseconds
   * that it took.
   */
  read(wanted: readonly Wanted[]): Promise<readonly Answer[]>
  /** In this order; fine when they are gone. Rejects when one could not be deleted. */
  remove(paths: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface Wanted {
  readonly path: string
  readonly value: string
}

export interface Answer {
  readonly found: Found | Error
  readonly ms: number
}

/** The data of a node between its creation and its one change. */
const FIRST_VALUE = 'first'

/** The way (doors.ts) and the handshake have their own limits; this is for both. */
const OPEN_MS = 25_000

export interface TunnelOptions {
  readonly clock: Clock
  readonly auth: string | undefined
  readonly lastZxidSeen?: bigint
  /** As in SessionOptions. */
  readonly timeoutMs?: number
  readonly answerMs?: number
  /**
   * Ends the session; outlives the run's signal, so that a cancelled check can delete what it
   * wrote.
   */
  readonly life: AbortSignal
}

/** Opens a tunnel and a session in it; `signal` only bounds the opening. */
export function openTunnelSession(
  member: Member,
  reach: Reach,
  options: TunnelOptions,
  signal: AbortSignal,
): Promise<Session> {
  const late = (): Error =>
    new NoAnswer('session', 'the tunnel and the session took too long', 'not done')
  return within(
    options.clock,
    OPEN_MS,
    late,
    AbortSignal.any([signal, options.life]),
    async (opening) => {
      const stream = await reach.open(member, member.clientPort, options.life)
      if (opening.aborted) stream.destroy()
      opening.throwIfAborted()
      const session = await openSession(stream, options, options.life)
      if (opening.aborted) await session.close()
      return session
    },
  )
}

export function sessionVoice(member: Member, session: Session, clock: Clock): Voice {
  return {
    member,
    make: (path) => makeNode(session, path),
    write: async (path, value) => {
      const [, stat] = await Promise.all([
        session.create(path, FIRST_VALUE),
        session.set(path, value, 0),
      ])
      return { version: stat.version, mzxid: stat.mzxid }
    },
    read: (wanted) =>
      Promise.all(
        wanted.map(async ({ path }): Promise<Answer> => {
          const began = clock.now()
          try {
            const [, { data, stat }] = await Promise.all([session.sync(path), session.get(path)])
            return {
              found: { value: data, version: stat.version, mzxid: stat.mzxid },
              ms: clock.now() - began,
            }
          } catch (error) {
            if (error instanceof Refusal || error instanceof NoAnswer)
              return { found: error, ms: clock.now() - began }
            throw error
          }
        }),
      ),
    remove: (paths) => removeNodes(session, paths),
    close: () => session.close(),
  }
}

/**
 * The node first: where the root is locked, a parent that is there can't be created, but needn't
 * be.
 */
async function makeNode(session: Session, path: string): Promise<void> {
  const attempt = async (): Promise<Error | undefined> => {
    try {
      await session.create(path, '')
      return undefined
    } catch (error) {
      if (isRefusal(error, 'NodeExists')) return undefined
      if (error instanceof Refusal) return error
      throw error
    }
  }
  const first = await attempt()
  if (first === undefined) return
  if (!isRefusal(first, 'NoNode')) throw first
  const parents = await Promise.allSettled(
    parentsOf(path).map((parent) => session.create(parent, '')),
  )
  const again = await attempt()
  if (again === undefined) return
  const refused = parents.find(
    (one) =>
      one.status === 'rejected' &&
      !isRefusal(one.reason, 'NodeExists') &&
      !isRefusal(one.reason, 'NoNode'),
  )
  throw refused?.status === 'rejected' && refused.reason instanceof Error ? refused.reason : again
}

/** `/a` and `/a/b` for `/a/b/c`. */
function parentsOf(path: string): readonly string[] {
  const names = path.split('/').slice(1, -1)
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)
}

/**
 * All at once; a node that got children by a write whose answer never came is emptied and deleted
 * again.
 */
async function removeNodes(session: Session, paths: readonly string[]): Promise<void> {
  const gone = await Promise.allSettled(paths.map((path) => session.delete(path)))
  for (const [index, one] of gone.entries()) {
    const path = paths[index]
    if (one.status === 'fulfilled' || path === undefined || isRefusal(one.reason, 'NoNode'))
      continue
    if (!isRefusal(one.reason, 'NotEmpty')) throw one.reason
    await session.sync(path)
    const children = await session.children(path)
    await Promise.all(children.map((child) => session.delete(`${path}/${child}`)))
    await session.delete(path)
  }
}
