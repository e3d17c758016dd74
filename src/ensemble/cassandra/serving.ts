// Which members of a ring serve: those that say so and of whom no other member says otherwise, with
// gossip and the door for clients open.

import type { Member, MemberState } from '../profile.ts'
import type { Heard } from './ask.ts'
import type { Doors } from './status.ts'

const STATES = { N: 'normal', J: 'joining the ring', L: 'leaving the ring', M: 'moving' } as const

/**
 * What is shut, in words, and the command that opens it; `mute`: it hears nothing of the others.
 */
export function doorTrouble(
  doors: Doors | undefined,
): { readonly what: string; readonly command: string; readonly mute?: true } | undefined {
  if (doors?.gossip === false)
    return {
      what: 'has its gossip switched off: the others take it for down',
      command: 'nodetool enablegossip',
      mute: true,
    }
  if (doors?.clients === false)
    return {
      what: 'takes no clients: its native transport is switched off',
      command: 'nodetool enablebinary',
    }
  return undefined
}

export function statesOf(heard: readonly Heard[]): readonly MemberState[] {
  const accused = accusations(heard)
  return heard.map((one) => stateOf(one, accused.get(one.member.uid) ?? []))
}

/** By UID: the other members whose rows say that this one isn't up and normal. */
function accusations(heard: readonly Heard[]): ReadonlyMap<string, readonly Member[]> {
  const believed = credible(heard)
  return new Map(
    heard
      .filter((one) => one.trouble === undefined)
      .map((one) => [one.member.uid, against(one, believed)]),
  )
}

/**
 * Whom most others call down is out itself, and its word on the others, whom it can't see, doesn't
 * count.
 */
export function credible(heard: readonly Heard[]): readonly Heard[] {
  const asked = heard.filter((one) => one.trouble === undefined)
  const believed = asked.filter(
    (one) =>
      doorTrouble(one.doors)?.mute !== true && against(one, asked).length * 2 <= asked.length - 1,
  )
  return believed.length === 0 ? asked : believed
}

function against(one: Heard, witnesses: readonly Heard[]): readonly Member[] {
  return witnesses
    .filter((other) => other !== one && one.hostId !== undefined && !isNormal(other, one.hostId))
    .map((other) => other.member)
}

function isNormal({ rows }: Heard, hostId: string): boolean {
  const row = rows.find((one) => one.hostId === hostId)
  return row?.up === 'U' && row.state === 'N'
}

function stateOf(
  { member, rows, release, hostId, trouble, silence, doors }: Heard,
  accusers: readonly Member[],
): MemberState {
  const base = {
    pod: member.pod,
    ordinal: member.ordinal,
    id: hostId,
    version: release,
    zxid: undefined,
  }
  if (trouble !== undefined) return { ...base, role: silence?.role ?? 'down', trouble }
  const own = rows.find((row) => row.hostId === hostId)
  if (hostId === undefined)
    return { ...base, role: 'unknown', trouble: 'it does not say its host id' }
  if (own === undefined)
    return {
      ...base,
      role: 'not serving',
      trouble: 'it is not in the ring: it was decommissioned, or has not joined yet',
      advice: `${byHand(member, 'nodetool netstats')} says its mode. A decommissioned member comes back only without its old data: remove it with operation: scale, then delete its claim; a joining one needs time.`,
    }
  const shut = doorTrouble(doors)
  if (shut !== undefined)
    return {
      ...base,
      role: 'not serving',
      trouble: `it ${shut.what}`,
      advice: `Open it: ${byHand(member, shut.command)}`,
    }
  if (own.up !== 'U' || own.state !== 'N')
    return {
      ...base,
      role: 'not serving',
      trouble: `it is ${own.state === 'N' ? 'down in its own eyes' : STATES[own.state]} (${own.up}${own.state})`,
      advice: `Let it finish, ${byHand(member, 'nodetool netstats')} says how far it is; a scale that was cut off continues when it is run again.`,
    }
  if (accusers.length > 0)
    return {
      ...base,
      role: 'not serving',
      trouble: `${namesOf(accusers)} ${accusers.length === 1 ? 'does' : 'do'} not see it as up and normal`,
      advice: `Compare nodetool status and nodetool gossipinfo of the members: ${byHand(member, 'nodetool gossipinfo')}`,
    }
  return { ...base, role: 'up', trouble: undefined }
}

export function byHand({ namespace, pod, container }: Member, command: string): string {
  return `kubectl -n ${namespace} exec ${pod} -c ${container} -- ${command}`
}

export function namesOf(members: readonly Member[]): string {
  const pods = members.map((member) => member.pod)
  return pods.length < 3
    ? pods.join(' and ')
    : `${pods.slice(0, -1).join(', ')} and ${pods.at(-1) ?? ''}`
}
