// The availability writer: one client that sets one versioned node again and again while members
// are replaced, and in the end looks whether all that was acknowledged is there.

import type { Clock } from '../../clock.ts'
import { unlessAborted, within } from '../bounded.ts'
import type { Member, VerifyContext, Witness, WitnessReport } from '../profile.ts'
import { nodePath, plain } from './checks/check-path.ts'
import { isRefusal, NoAnswer, Refusal } from './errors.ts'
import type { Session } from './session.ts'
import type { ZooKeeperOptions } from './verify.ts'
import { openTunnelSession, sessionVoice, type Found } from './voice.ts'
import { connectToAny, SESSION_MS, type Attempt, type Connected } from './witness-connect.ts'
import { BEAT_MS, openLedger, type Ledger } from './witness-ledger.ts'

/** Ten writes a second. */
const EVERY_MS = 100
const ANSWER_MS = 3_000
/** Between two rounds through all members while none takes a session. */
const AGAIN_MS = 75
/**
 * A write or a session that isn't answered by then is left to itself, and another member is asked
 * beside it. A tunnel tells of a connection that its member closed only a second later
 * (the container runtime waits that long for the other direction; seen), so who waited for it would
 * call every election a second longer than clients see it.
 */
const SOON_MS = 300
/**
 * Each member is tried so often, ten attempts a second, before a pause: an election is over within
 * that time, and is measured that finely.
 */
const ROUNDS = 5
/**
 * How long the last one that was tried is waited for then; doubled each time in vain, so that a
 * slow ensemble gets its time.
 */
const PATIENCE_MS = { first: 150, longest: 4_000 } as const
/** The beginning waits so long for the first session, then continues without. */
const FIRST_MS = 3_000
/** Another member has a session in a moment; who is waited for longer holds up the roll. */
const LEAVE_MS = { connect: 1_000, all: 3_000 } as const
/** In all less than 15 s with five members of which none answers. */
const STOP_MS = {
  write: 3_500,
  close: 1_500,
  member: 4_000,
  remove: 1_000,
  lookBack: 8_000,
} as const
/** Of a refusal that no other member and no waiting would change. */
const NO_RIGHT: ReadonlySet<string> = new Set([
  'NoAuth',
  'AuthFailed',
  'InvalidACL',
  'SessionClosedRequireAuth',
  'QuotaExceeded',
])
/** The server doesn't know either whether it was done. */
const UNSURE: ReadonlySet<string> = new Set([
  'ConnectionLoss',
  'OperationTimeout',
  'RequestTimeout',
  'SystemError',
])

interface Register {
  readonly path: string
  readonly value: (number: number) => string
  /** Undefined for a value that isn't of this run. */
  readonly numberOf: (value: string) => number | undefined
}

/** How the writer's beginning came out: it writes, it may not, or nothing is known yet. */
type Start = 'writes' | { readonly refused: string } | 'not yet'

/** Undefined where no member can be reached, or the node may not be made. */
export async function beginWitness(
  members: () => readonly Member[],
  context: VerifyContext,
  options: ZooKeeperOptions,
): Promise<Witness | undefined> {
  if (!context.reach.may.forward && !context.reach.may.exec) return undefined
  const running = startWriting(members, context, options)
  const { writer, over, started } = running
  const start = await within(context.clock, FIRST_MS, tooLate, context.signal, () => started).catch(
    (): Start => 'not yet',
  )
  if (typeof start === 'object') {
    await over
    context.say(`whether clients can write meanwhile is not measured: ${start.refused}`)
    return undefined
  }
  return {
    leave: (uid, signal) => changeSeat(writer, uid, signal),
    stop: (last, signal) => stopWriting(running, last, signal),
  }
}

/** The writer at work. */
interface Running {
  readonly writer: Writer
  readonly started: Promise<Start>
  /** Resolves once it writes no more. */
  readonly over: Promise<void>
  /** Aborted: no further write, the one under way is waited for. */
  readonly stopping: AbortController
  /** Aborted: nothing is waited for. */
  readonly ended: AbortController
}

function startWriting(
  members: () => readonly Member[],
  context: VerifyContext,
  options: ZooKeeperOptions,
): Running {
  const { clock, signal, runId } = context
  const ended = new AbortController()
  const stopping = new AbortController()
  const written = new AbortController()
  const started = Promise.withResolvers<Start>()
  const writer: Writer = {
    members,
    context,
    options,
    register: registerOf(nodePath(options.checkPath, 'witness', clock.now(), runId), plain(runId)),
    ledger: openLedger(),
    stopping: stopping.signal,
    started: started.resolve,
    troubled: new Map(),
    seat: { at: undefined, next: undefined, left: new Set() },
  }
  const writing = keepWriting(writer, AbortSignal.any([signal, ended.signal]))
  void keepBeating(writer.ledger, clock, AbortSignal.any([signal, written.signal]))
  // It ends by itself when the run is aborted; a fault of its own must not become the run's.
  const over = writing
    .catch(() => undefined)
    .then(async () => {
      written.abort(new Error('nobody writes any more'))
      started.resolve('not yet')
      await writer.seat.next?.connected.session.close()
    })
  return { writer, started: started.promise, over, stopping, ended }
}

/** Rejects only with the signal's reason. */
async function stopWriting(
  { writer, over, stopping, ended }: Running,
  last: readonly Member[],
  signal: AbortSignal,
): Promise<WitnessReport> {
  const { clock } = writer.context
  const wait = async (ms: number): Promise<void> => {
    await within(clock, ms, tooLate, signal, () => over).catch(() => undefined)
    signal.throwIfAborted()
  }
  stopping.abort(new Error('the writer was stopped'))
  await wait(STOP_MS.write)
  ended.abort(new Error('the writer was stopped'))
  await wait(STOP_MS.close)
  const endedAt = clock.now()
  const missing = await within(clock, STOP_MS.lookBack, tooLate, signal, (until) =>
    lookBack(last, writer, until),
  ).catch(() => undefined)
  signal.throwIfAborted()
  return writer.ledger.report(missing, endedAt)
}

function tooLate(): Error {
  return new Error('late')
}

function registerOf(path: string, prefix: string): Register {
  return {
    path,
    value: (number) => `${prefix}-${number}`,
    numberOf: (value) => {
      const digits = value.startsWith(`${prefix}-`) ? value.slice(prefix.length + 1) : ''
      return value === '' ? 0 : /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
    },
  }
}

/** Through whom the writer writes. */
interface Seat {
  at: Member | undefined
  /** Where it continues after the write that is under way. */
  next: { readonly connected: Connected; readonly taken: () => void } | undefined
  /** UIDs of members that are about to be taken down. */
  readonly left: Set<string>
}

interface Writer {
  readonly seat: Seat
  readonly members: () => readonly Member[]
  readonly context: VerifyContext
  readonly options: ZooKeeperOptions
  readonly register: Register
  readonly ledger: Ledger
  /** When each pod last gave no session, or lost one. */
  readonly troubled: Map<string, number>
  /** Aborted: no further write, the one under way is waited for. */
  readonly stopping: AbortSignal
  readonly started: (start: Start) => void
}

/**
 * Connects and writes until one of the signals is aborted, with which it rejects, or until it is
 * plain that it may not.
 */
async function keepWriting(writer: Writer, signal: AbortSignal): Promise<void> {
  const { seat, troubled, stopping } = writer
  const { clock } = writer.context
  const idle = AbortSignal.any([signal, stopping])
  const numbers = { next: 1 }
  let inVain = 0
  for (;;) {
    const { connected, heard } = await takeSeat(writer, inVain, idle)
    inVain = connected === undefined ? inVain + 1 : 0
    if (heard === 'denied' && numbers.next === 1)
      return writer.started({ refused: 'port-forward is refused to this run' })
    const end =
      connected === undefined
        ? 'useless'
        : await writeThrough(connected, numbers, writer, signal, idle)
    seat.at = undefined
    if (connected !== undefined && end !== 'moved') troubled.set(connected.member.pod, clock.now())
    if (typeof end === 'object' && numbers.next === 1) return writer.started(end)
    if (end !== 'lost' && end !== 'moved') await clock.sleep(AGAIN_MS, idle)
  }
}

/** A session to write through, where one is to be had; the books are told of it. */
async function takeSeat(writer: Writer, inVain: number, idle: AbortSignal): Promise<Attempt> {
  const { ledger, seat, troubled, members } = writer
  const { clock } = writer.context
  const began = clock.now()
  const attempt =
    takeNext(seat) ?? (await connect(writer, inOrder(members(), troubled, seat.left), inVain, idle))
  const { connected, failed, heard } = attempt
  seat.at = connected?.member
  ledger.begin(connected === undefined ? began : clock.now())
  for (const member of failed) troubled.set(member.pod, clock.now())
  if (heard === 'answered') ledger.hear(clock.now())
  else ledger.lose(began)
  return attempt
}

/**
 * Until the signal is aborted: so that time in which the run itself stood still is told from time
 * in which nobody could write.
 */
async function keepBeating(ledger: Ledger, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    ledger.beat(clock.now())
    await clock.sleep(BEAT_MS, signal).catch(() => undefined)
  }
}

/**
 * A session with any of them, in this order; `inVain`: how often that was tried before without one.
 */
function connect(
  { context: { clock, reach }, options: { auth }, ledger }: Writer,
  order: readonly Member[],
  inVain: number,
  signal: AbortSignal,
): Promise<Attempt> {
  const patienceMs = Math.min(PATIENCE_MS.longest, PATIENCE_MS.first * 2 ** inVain)
  return connectToAny(
    order,
    {
      reach,
      clock,
      auth,
      answerMs: ANSWER_MS,
      patienceMs,
      rounds: ROUNDS,
      onAnswer: () => ledger.hear(clock.now()),
    },
    signal,
  )
}

function takeNext(seat: Seat): Attempt | undefined {
  const { next } = seat
  if (next === undefined) return undefined
  seat.next = undefined
  next.taken()
  return { connected: next.connected, failed: [], heard: 'answered' }
}

/** Where nobody else gives a session it stays: a gap is measured then, which is what it is for. */
async function changeSeat(
  { seat, members, context: { clock, reach, signal: life }, options, stopping }: Writer,
  uid: string,
  signal: AbortSignal,
): Promise<void> {
  seat.left.add(uid)
  if (seat.at?.uid !== uid || stopping.aborted) return
  const others = members().filter((member) => !seat.left.has(member.uid) && member.ready)
  const until = AbortSignal.any([signal, life, stopping])
  const late = (): Error => new Error('no other member takes the writer')
  await within(clock, LEAVE_MS.all, late, until, async (within) => {
    const { connected } = await connectToAny(
      others,
      { reach, clock, auth: options.auth, answerMs: ANSWER_MS, patienceMs: LEAVE_MS.connect },
      within,
    )
    if (connected === undefined) return
    const taken = Promise.withResolvers<undefined>()
    if (offer(seat, connected, () => taken.resolve(undefined))) await taken.promise
    else await connected.session.close()
  }).catch(() => signal.throwIfAborted())
}

/** Who failed longest ago first; a member that isn't Ready, or is about to be taken down, last. */
function inOrder(
  members: readonly Member[],
  troubled: ReadonlyMap<string, number>,
  left: ReadonlySet<string>,
): readonly Member[] {
  const since = (member: Member): number =>
    (member.ready && !left.has(member.uid) ? 0 : Number.MAX_SAFE_INTEGER / 2) +
    (troubled.get(member.pod) ?? 0)
  return members.toSorted((a, b) => since(a) - since(b) || a.ordinal - b.ordinal)
}

/**
 * Writes until another member is ready to take the writer (`moved`), until the connection is lost
 * (`useless`: before a write was acknowledged) or the node may not be made or written.
 */
async function writeThrough(
  { member, session }: Connected,
  numbers: { next: number },
  writer: Writer,
  signal: AbortSignal,
  idle: AbortSignal,
): Promise<'moved' | 'lost' | 'useless' | { readonly refused: string }> {
  const {
    register,
    ledger,
    seat,
    context: { clock },
  } = writer
  const pause = AbortSignal.any([idle, session.over])
  let useful = false
  try {
    let version = await unlessAborted(signal, () => standing(session, member, writer))
    for (;;) {
      writer.started('writes')
      idle.throwIfAborted()
      if (seat.next !== undefined) return 'moved'
      const began = clock.now()
      const number = numbers.next++
      try {
        const stat = await unlessAborted(signal, () =>
          unlessMoved(
            session.set(register.path, register.value(number), version),
            member,
            writer,
            idle,
          ),
        )
        if (stat === 'moved') {
          ledger.leaveUnknown()
          return 'moved'
        }
        ledger.acknowledge({ number, version: stat.version }, clock.now())
        version = stat.version
        useful = true
      } catch (error) {
        if (isUnknown(error)) ledger.leaveUnknown()
        if (!isRefusal(error, 'BadVersion') && !isRefusal(error, 'NoNode')) throw error
        version = await unlessAborted(signal, () => standing(session, member, writer))
      }
      await clock.sleep(Math.max(0, began + EVERY_MS - clock.now()), pause)
    }
  } catch (error) {
    idle.throwIfAborted()
    if (error instanceof Refusal && NO_RIGHT.has(error.reason)) return { refused: error.message }
    return useful ? 'lost' : 'useless'
  } finally {
    const closed = session.close()
    // Whoever continues elsewhere does not wait for the old session's end.
    if (seat.next === undefined) await closed
  }
}

/**
 * The answer, or `moved` once another member, or this one again, has given a session while it was
 * waited for.
 */
async function unlessMoved<T>(
  answer: Promise<T>,
  member: Member,
  writer: Writer,
  signal: AbortSignal,
): Promise<T | 'moved'> {
  const {
    seat,
    members,
    troubled,
    context: { clock },
  } = writer
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  const move = async (): Promise<'moved'> => {
    await clock.sleep(SOON_MS, until)
    for (let inVain = 0; ; inVain += 1) {
      const { connected } = await connect(
        writer,
        inOrder(members(), troubled, new Set([...seat.left, member.uid])),
        inVain,
        until,
      )
      if (connected !== undefined && !until.aborted && offer(seat, connected)) return 'moved'
      await connected?.session.close()
      await clock.sleep(AGAIN_MS, until)
    }
  }
  const moving = move()
  // It has an end of its own: the signal's reason, once the answer came first.
  moving.catch(() => undefined)
  try {
    return await Promise.race([answer, moving])
  } finally {
    over.abort(new Error('the write was answered'))
    answer.catch(() => undefined)
  }
}

/** Whether the writer continues with it; another session may have been found for it meanwhile. */
function offer(seat: Seat, connected: Connected, taken: () => void = () => undefined): boolean {
  if (seat.next !== undefined) return false
  seat.next = { connected, taken }
  return true
}

/** A write that wasn't answered may have been made, and some refusals say no more than that. */
function isUnknown(error: unknown): boolean {
  if (error instanceof Refusal) return UNSURE.has(error.reason)
  return !(error instanceof NoAnswer && error.outcome === 'not done')
}

/**
 * The node's version as all members have it; made where it is missing. What was acknowledged and
 * isn't there is lost for good.
 */
async function standing(
  session: Session,
  member: Member,
  { register, ledger, context }: Writer,
): Promise<number> {
  const found = await read(session, register.path)
  ledger.writeOff(ledger.missing(found, register.numberOf))
  if (found === undefined) await sessionVoice(member, session, context.clock).make(register.path)
  return found?.version ?? 0
}

async function read(session: Session, path: string): Promise<Found | undefined> {
  try {
    const [, { data, stat }] = await Promise.all([session.sync(path), session.get(path)])
    return { value: data, version: stat.version, mzxid: stat.mzxid }
  } catch (error) {
    if (isRefusal(error, 'NoNode')) return undefined
    throw error
  }
}

/**
 * The most that is missing on any member that serves, undefined when none does; afterwards the node
 * is deleted. Rejects only with the signal's reason.
 */
async function lookBack(
  members: readonly Member[],
  { context, options, register, ledger }: Writer,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { clock, reach } = context
  const life = new AbortController()
  const late = (): Error => new NoAnswer('get', 'it took too long', 'not done')
  const look = (
    member: Member,
  ): Promise<{ readonly session: Session; readonly missing: number } | undefined> =>
    within(clock, STOP_MS.member, late, signal, async (until) => {
      const session = await openTunnelSession(
        member,
        reach,
        { clock, auth: options.auth, life: life.signal, timeoutMs: SESSION_MS },
        until,
      )
      return {
        session,
        missing: ledger.missing(await read(session, register.path), register.numberOf),
      }
    }).catch(() => undefined)
  try {
    const found = (await Promise.all(members.map(look))).filter((one) => one !== undefined)
    signal.throwIfAborted()
    for (const { session } of found) {
      const removing = within(clock, STOP_MS.remove, late, signal, () =>
        session.delete(register.path),
      )
      if (
        await removing.then(
          () => true,
          (error: unknown) => isRefusal(error, 'NoNode'),
        )
      )
        break
    }
    await Promise.all(found.map(({ session }) => session.close()))
    return found.length === 0 ? undefined : Math.max(...found.map(({ missing }) => missing))
  } finally {
    life.abort(new Error('the writer was stopped'))
  }
}
