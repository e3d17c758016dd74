// The ZooKeeper profile: what the rest of the action asks of a ZooKeeper ensemble.

import { failure } from '../../errors.ts'
import type { CheckResult, Member, Profile, VerifyContext } from '../profile.ts'
import { nodePath, plain } from './check-path.ts'
import { isRefusal } from './errors.ts'
import { createDoors, type DoorContext } from './doors.ts'
import { lookAtAll } from './look.ts'
import { markerTrouble, parseMarker, printMarker } from './marker.ts'
import { dataFinding, memberTrouble } from './member-trouble.ts'
import { stateOf } from './looked.ts'
import { openSpeakers, type Speaker } from './speakers.ts'
import { stepDown } from './step-down.ts'
import { verifyZooKeeper, type ZooKeeperOptions } from './verify.ts'
import type { Version, Voice } from './voice.ts'
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

/** Through the first member that takes it. Throws EnsembleError 'refused' when none does. */
async function writeMarker(
  members: readonly Member[],
  context: VerifyContext,
  options: ZooKeeperOptions,
): Promise<string> {
  return speaking(members, context, options, async (speakers) => {
    const path = nodePath(options.checkPath, 'marker', context.clock.now(), context.runId)
    const value = `${plain(context.runId)}-marker`
    let last = failure(
      'refused',
      'CHECK_IMPOSSIBLE',
      'the marker could not be written: no member can be reached',
    )
    for (const speaker of speakers) {
      try {
        if ('trouble' in speaker) throw speaker.trouble
        const { version, mzxid } = await writeBelow(speaker.voice, options.checkPath, path, value)
        return printMarker({ path, value, version, mzxid })
      } catch (error) {
        const {
          code,
          message,
          severity: _,
          ...more
        } = dataFinding(
          speaker.member,
          'the marker’s write through',
          memberTrouble(error, context.signal),
        )
        last = failure('refused', code, message, more)
      }
    }
    throw last
  })
}

async function writeBelow(
  voice: Voice,
  checkPath: string,
  path: string,
  value: string,
): Promise<Version> {
  try {
    return await voice.write(path, value)
  } catch (error) {
    if (!isRefusal(error, 'NoNode')) throw error
  }
  await voice.make(checkPath)
  return voice.write(path, value)
}

async function readMarker(
  members: readonly Member[],
  text: string,
  context: VerifyContext,
  options: ZooKeeperOptions,
): Promise<CheckResult> {
  const began = context.clock.now()
  const marker = parseMarker(text)
  if (marker === undefined)
    throw failure('failed', 'INTERNAL', 'the marker of the durability check cannot be read')
  return speaking(members, context, options, async (speakers) => {
    const findings = await Promise.all(
      speakers.map(async (speaker) => {
        const answers = 'trouble' in speaker ? undefined : await speaker.voice.read([marker])
        return markerTrouble(
          speaker,
          answers?.[0] ?? {
            found: 'trouble' in speaker ? speaker.trouble : new Error('it gave no answer'),
            ms: 0,
          },
          marker,
        )
      }),
    )
    const found = findings.filter((finding) => finding !== undefined)
    const detail =
      found[0]?.message ??
      `what was acknowledged before is there on ${speakers.length === 1 ? 'the member' : `all ${speakers.length} members`}`
    return {
      name: 'durability',
      outcome: found.length === 0 ? 'passed' : 'failed',
      detail,
      findings: found,
      ms: context.clock.now() - began,
    }
  })
}

/** Quietly: a marker that stays is swept by a later run. */
async function removeMarker(
  members: readonly Member[],
  text: string,
  context: VerifyContext,
  options: ZooKeeperOptions,
): Promise<void> {
  const marker = parseMarker(text)
  if (marker === undefined) return
  await speaking(members, context, options, async (speakers) => {
    for (const speaker of speakers) {
      if ('trouble' in speaker) continue
      try {
        await speaker.voice.remove([marker.path])
        return
      } catch (error) {
        memberTrouble(error, context.signal)
      }
    }
  })
}

async function speaking<T>(
  members: readonly Member[],
  context: VerifyContext,
  options: ZooKeeperOptions,
  work: (speakers: readonly Speaker[]) => Promise<T>,
): Promise<T> {
  if (!context.reach.may.forward && !context.reach.may.exec)
    throw failure(
      'refused',
      'CHECK_IMPOSSIBLE',
      'the members cannot be asked: this run may use neither port-forward nor exec',
    )
  const speakers = openSpeakers(
    members.toSorted((a, b) => a.ordinal - b.ordinal),
    context,
    options,
  )
  try {
    return await work(await speakers.ready())
  } finally {
    await speakers.closeAll()
  }
}
