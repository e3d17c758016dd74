// A node leaves the ring before its pod goes: what it has is streamed to those that stay. A pod that is just deleted takes its copies with it.

import { failure } from '../../errors.ts'
import type { Member, VerifyContext } from '../profile.ts'
import { NODETOOL_MS } from './times.ts'

const POLL_MS = 5_000
/** Streaming a node's data may take hours; what bounds it is the run's own time. */
const DECOMMISSION_MS = 24 * 60 * 60_000

/** `nodetool netstats` begins with `Mode: NORMAL`, `LEAVING` or `DECOMMISSIONED`; undefined when it can't be asked. */
async function modeOf(member: Member, context: VerifyContext): Promise<string | undefined> {
  try {
    const { stdout } = await context.reach.exec(member, ['nodetool', 'netstats'], { timeoutMs: NODETOOL_MS }, context.signal)
    return /^Mode:\s*(\w+)/m.exec(stdout)?.[1]
  } catch {
    context.signal.throwIfAborted()
    return undefined
  }
}

/** Resolves when the node is decommissioned (its server stays up, outside of the ring). Throws CHECK_FAILED with nodetool's own words when it refuses. */
export async function leaveRing(member: Member, context: VerifyContext): Promise<void> {
  const before = await modeOf(member, context)
  if (before === 'DECOMMISSIONED') return
  if (before !== 'LEAVING') {
    context.say(`${member.pod}: is decommissioned; what it has goes to the nodes that stay`)
    await tell(member, context)
  }
  for (;;) {
    const mode = await modeOf(member, context)
    if (mode === 'DECOMMISSIONED') return
    if (mode === 'NORMAL') throw refused(member, 'it is back to NORMAL')
    await context.clock.sleep(POLL_MS, context.signal)
  }
}

/** A stream that breaks tells nothing of the node: it goes on leaving, and is asked afterwards. */
async function tell(member: Member, context: VerifyContext): Promise<void> {
  let result: { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  try {
    result = await context.reach.exec(member, ['nodetool', 'decommission'], { timeoutMs: DECOMMISSION_MS }, context.signal)
  } catch {
    context.signal.throwIfAborted()
    return
  }
  if (result.exitCode !== 0) throw refused(member, `${result.stderr}\n${result.stdout}`.trim().split('\n')[0]?.slice(0, 200) ?? 'no reason given')
}

function refused(member: Member, why: string): Error {
  return failure('failed', 'CHECK_FAILED', `${member.pod} could not be decommissioned: ${why}; it is in the ring as before`, {
    object: `pod/${member.pod}`, ordinal: member.ordinal,
    mend: `Lower the replication factor of the keyspaces first where too few nodes would stay, or see nodetool netstats: kubectl -n ${member.namespace} exec ${member.pod} -c ${member.container} -- nodetool netstats`,
  })
}
