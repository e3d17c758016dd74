// The ZooKeeper profile: what the rest of the action asks of a ZooKeeper ensemble.

import type { Profile, VerifyContext } from '../profile.ts'
import { readMarker, removeMarker, writeMarker } from './checks/durability.ts'
import { stateOf } from './checks/looked.ts'
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
    look: async (members, context) => (await lookAtAll(members, through(context))).map(stateOf),
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
