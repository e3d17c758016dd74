// The check `durability`: a marker is written before a disruptive step, and every member must have
// it after it. An ensemble of empty members is healthy and has lost everything.

import { checkFrom } from '../../check-result.ts'
import { failure } from '../../../errors.ts'
import type { CheckResult, Member, VerifyContext } from '../../profile.ts'
import { isRefusal } from '../errors.ts'
import { dataFinding, memberTrouble } from '../member-trouble.ts'
import { openSpeakers, type Speaker } from '../speakers.ts'
import type { ZooKeeperOptions } from '../verify.ts'
import type { Version, Voice } from '../voice.ts'
import { nodePath, plain } from './check-path.ts'
import { markerTrouble, parseMarker, printMarker } from './marker.ts'

/** Through the first member that takes it. Throws EnsembleError 'refused' when none does. */
export async function writeMarker(
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

export async function readMarker(
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
    const good = `what was acknowledged before is there on ${speakers.length === 1 ? 'the member' : `all ${speakers.length} members`}`
    return checkFrom('durability', found, good, context.clock.now() - began)
  })
}

/** Quietly: a marker that stays is swept by a later run. */
export async function removeMarker(
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
