// A node leaves the ring before its pod goes: what it has is streamed to those that stay. A pod
// that is just deleted takes its copies with it.

import { failure } from '../../errors.ts'
import type { Leaver, Member, VerifyContext } from '../profile.ts'
import { hearAll, type Heard, NODETOOL_MS } from './ask.ts'
import { byHand } from './serving.ts'

const POLL_MS = 5_000
/** So long nodetool may fail in a node that is busy before those that stay are asked. */
const SILENT_MS = 120_000
const MOST_ASKS = 3
const TELL_MS = 60_000
/** Peers have called a node down by then that is gone. */
const GOSSIP_MS = 40_000
/** Streaming a node's data may take hours; what bounds it is the run's own time. */
const DECOMMISSION_MS = 24 * 60 * 60_000

/**
 * `nodetool netstats` begins with `Mode: NORMAL`, `LEAVING` or `DECOMMISSIONED`; undefined when it
 * can't be asked.
 */
async function modeOf(member: Member, context: VerifyContext): Promise<string | undefined> {
  try {
    const { stdout } = await context.reach.exec(
      member,
      ['nodetool', 'netstats'],
      { timeoutMs: NODETOOL_MS },
      context.signal,
    )
    return /^Mode:\s*(\w+)/m.exec(stdout)?.[1]
  } catch {
    context.signal.throwIfAborted()
    return undefined
  }
}

/**
 * Resolves when the node is out of the ring (its server stays up). Throws CHECK_FAILED with
 * nodetool's own words when it refuses, and when it is in the ring and can't be asked.
 */
export async function leaveRing(
  { pod, member, others }: Leaver,
  context: VerifyContext,
): Promise<void> {
  const before = await firstMode(member, context)
  if (before === 'DECOMMISSIONED') return
  if (member === undefined || before === undefined)
    return passedOver({ pod, member, others }, context)
  if (before !== 'LEAVING') {
    context.say(`${pod}: is decommissioned; what it has goes to the nodes that stay`)
    await tell(member, context)
  }
  let heardAt = context.clock.now()
  let saidAt = heardAt
  for (;;) {
    const asked = context.clock.now()
    const mode = await modeOf(member, context)
    const now = context.clock.now()
    if (mode === 'DECOMMISSIONED') return
    if (mode === 'NORMAL') throw refused(member, 'it is back to NORMAL')
    if (mode !== undefined) heardAt = now
    else if (now - heardAt >= SILENT_MS) return passedOver({ pod, member, others }, context)
    if (now - saidAt >= TELL_MS) {
      context.say(
        `${pod}: ${mode === undefined ? 'does not answer nodetool' : `is ${mode.toLowerCase()} (nodetool netstats says how far it is)`}`,
      )
      saidAt = now
    }
    await context.clock.sleep(Math.max(POLL_MS, 2 * (now - asked)), context.signal)
  }
}

/** One exec that fails says nothing yet of a node that is busy. */
async function firstMode(
  member: Member | undefined,
  context: VerifyContext,
): Promise<string | undefined> {
  if (member === undefined) return undefined
  for (let asked = 1; ; asked++) {
    const mode = await modeOf(member, context)
    if (mode !== undefined || asked === MOST_ASKS) return mode
    await context.clock.sleep(POLL_MS, context.signal)
  }
}

/** One that can't speak is judged by those that stay: without a row it has nothing to stream. */
async function passedOver(
  leaver: Pick<Leaver, 'pod' | 'member' | 'others'>,
  context: VerifyContext,
): Promise<void> {
  const { pod, others } = leaver
  for (let looks = 1; ; looks++) {
    const heard = await hearAll(others, ['status', 'info'], new Map(), context)
    const by = heard.find(({ rows }) => rows.length > 0)
    if (by === undefined)
      throw failure(
        'failed',
        'CHECK_FAILED',
        `${pod} can't be asked whether it is in the ring, and neither can a member that stays`,
        {
          object: `pod/${pod}`,
          fix: 'Bring back the members that stay first: operation: status says what they lack.',
        },
      )
    const found = judgeSilent(leaver, heard)
    if (found.kind === 'look again' && looks === 1)
      await context.clock.sleep(GOSSIP_MS, context.signal)
    else if (found.kind === 'not in the ring' || found.kind === 'look again')
      return context.say(
        `${pod}: does not answer, and has no row in the ring of the others: there is no data to stream`,
      )
    else {
      throw failure(
        'failed',
        'CHECK_FAILED',
        `${pod} can't be asked and may still be in the ring: ${by.member.pod} has ${found.how}; gone like this it would take its copies with it`,
        {
          object: `pod/${pod}`,
          fix: `Bring it up, so that it can be decommissioned. If it never comes back: ${byHand(by.member, `nodetool removenode ${found.hostId ?? 'HOST_ID'}`)}; then run the scale again.`,
        },
      )
    }
  }
}

/**
 * `look again`: there are hosts of other sets, and whether one of them is this one in truth is
 * known once its peers have missed it.
 */
export type SilentVerdict =
  | { readonly kind: 'not in the ring' }
  | { readonly kind: 'look again' }
  | {
      readonly kind: 'may be in the ring'
      readonly how: string
      readonly hostId: string | undefined
    }

/** By what those that stay see; a ring may have hosts of other sets. */
function judgeSilent(
  { member, others }: Pick<Leaver, 'member' | 'others'>,
  heard: readonly Heard[],
): SilentVerdict {
  const inRing = (how: string, hostId?: string): SilentVerdict => ({
    kind: 'may be in the ring',
    how,
    hostId,
  })
  const rows = heard.find((one) => one.rows.length > 0)?.rows ?? []
  const odd = heard.flatMap((one) => one.rows).find((row) => row.up !== 'U' || row.state !== 'N')
  if (odd !== undefined)
    return inRing(`row ${odd.up}${odd.state} of ${odd.address}, host id ${odd.hostId}`, odd.hostId)
  if (rows.length <= others.length) return { kind: 'not in the ring' }
  const strangers = rows.filter((row) => !heard.some((one) => one.hostId === row.hostId))
  const unasked = heard.filter((one) => one.hostId === undefined).length
  if (strangers.length <= unasked) return { kind: 'not in the ring' }
  const many = inRing(`${rows.length} rows for ${others.length} members that stay`)
  if (unasked > 0) return many
  if (member === undefined) return { kind: 'look again' }
  // Its own row is known by its address only where all rows have their pods' addresses. One that is
  // Ready may be up and only not be reached from here.
  const byAddress = heard.every((one) =>
    rows.some((row) => row.hostId === one.hostId && row.address === one.member.ip),
  )
  if (
    member.ready ||
    member.ip === undefined ||
    !byAddress ||
    strangers.some((row) => row.address === member.ip)
  )
    return many
  return { kind: 'look again' }
}

/** A stream that breaks tells nothing of the node: it keeps leaving, and is asked afterwards. */
async function tell(member: Member, context: VerifyContext): Promise<void> {
  let result: { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  try {
    result = await context.reach.exec(
      member,
      ['nodetool', 'decommission'],
      { timeoutMs: DECOMMISSION_MS },
      context.signal,
    )
  } catch {
    context.signal.throwIfAborted()
    return
  }
  if (result.exitCode !== 0)
    throw refused(
      member,
      `${result.stderr}\n${result.stdout}`.trim().split('\n')[0]?.slice(0, 200) ??
        'no reason given',
    )
}

function refused(member: Member, why: string): Error {
  return failure(
    'failed',
    'CHECK_FAILED',
    `${member.pod} could not be decommissioned: ${why}; it is in the ring as before`,
    {
      object: `pod/${member.pod}`,
      ordinal: member.ordinal,
      fix: `Lower the replication factor of the keyspaces first where too few nodes would stay, or see nodetool netstats: kubectl -n ${member.namespace} exec ${member.pod} -c ${member.container} -- nodetool netstats`,
    },
  )
}
