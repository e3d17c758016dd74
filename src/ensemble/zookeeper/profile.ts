// The ZooKeeper profile: what the rest of the action asks of a ZooKeeper ensemble.

import type { Member, MemberState, Profile, VerifyContext } from '../profile.ts'
import { readMarker, removeMarker, writeMarker } from './checks/durability.ts'
import { isQuorum } from '../../majority.ts'
import { introduce } from './checks/identity.ts'
import { stateOf } from './checks/looked.ts'
import { learnAll } from './checks/who.ts'
import { createDoors, type DoorContext } from './doors.ts'
import { lookAtAll } from './look.ts'
import { stepDown } from './step-down.ts'
import { verifyZooKeeper, type ZooKeeperOptions } from './verify.ts'
import { beginWitness } from './witness.ts'

export function zooKeeperProfile(options: ZooKeeperOptions): Profile {
  const doors = createDoors()
  const through = (context: VerifyContext): DoorContext => ({
    ...context,
    reach: doors.through(context.reach, context.clock),
  })
  return {
    name: 'zookeeper',
    look: (members, context) => look(members, through(context)),
    verify: (members, level, context) => verifyZooKeeper(members, level, through(context), options),
    writeMarker: (members, context) => writeMarker(members, through(context), options),
    readMarker: (members, marker, context) =>
      readMarker(members, marker, through(context), options),
    removeMarker: (members, marker, context) =>
      removeMarker(members, marker, through(context), options),
    stepDown,
    witness: (members, context) => beginWitness(members, through(context), options),
  }
}

/**
 * Where one leads though too few serve for the number of members, what its own list names is asked
 * too: it may be another than that of those outside.
 */
async function look(
  members: readonly Member[],
  context: DoorContext,
): Promise<readonly MemberState[]> {
  const states = (await lookAtAll(members, context)).map(stateOf)
  const leads = members.filter(({ pod }) =>
    states.some((state) => state.pod === pod && state.role === 'leader'),
  )
  const voting = states.filter(({ role }) => role === 'leader' || role === 'follower').length
  const observers = states.filter(({ role }) => role === 'observer').length
  if (
    leads.length !== 1 ||
    context.waiting === true ||
    isQuorum(voting, context.replicas - observers, undefined)
  )
    return states
  const learned = await learnAll(leads, context)
  const who = introduce(
    learned.map(({ known }) => known),
    new Map(),
  )
  return states.map((state) => {
    const listed = who.get(state.pod)?.voters
    return listed === undefined ? state : { ...state, voters: listed }
  })
}
