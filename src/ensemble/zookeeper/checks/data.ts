// The check `data`, and after it those of level thorough: what writes does so in one node for a run
// below the check path, which is gone at the end whatever happened.

import { unlessAborted, within } from '../../bounded.ts'
import { Deadline } from '../../../clock.ts'
import type { Finding } from '../../../errors.ts'
import { checkFrom } from '../../check-result.ts'
import type { CheckResult, Matrix, VerifyContext } from '../../profile.ts'
import { nodePath, sweep } from './check-path.ts'
import { Refusal, wentAway } from '../errors.ts'
import { proveData, writeName, type Proof } from './matrix.ts'
import { dataFinding, memberTrouble } from '../member-trouble.ts'
import type { Session } from '../session.ts'
import type { Speaker, Speakers } from '../speakers.ts'
import { checkThoroughly, THOROUGH_NODES } from './thorough.ts'
import { traceOf } from './trace.ts'
import type { Voice } from '../voice.ts'
import type { VerifyLevel } from '../../../view/profile-name.ts'

export interface DataChecks {
  readonly checks: readonly CheckResult[]
  readonly matrix: Matrix | undefined
  readonly pairs: string | undefined
  /**
   * A member went away while it was asked, and nothing else is wrong: an ensemble that has just
   * come up still elects now and then.
   */
  readonly wentAway: boolean
}

/**
 * How long the deleting of the run's node may take, also after a cancel: through one member, and in
 * all.
 */
const REMOVE_MS = { once: 1_200, all: 2_500 } as const

/**
 * A write through each member (`quick`: through the first) read through every other; an ensemble of
 * one is read in a new session.
 */
export async function checkData(
  speaking: Speakers,
  level: VerifyLevel,
  context: VerifyContext,
  { checkPath }: { readonly checkPath: string },
): Promise<DataChecks> {
  const { clock } = context
  const began = clock.now()
  const speakers = await speaking.ready()
  const path = nodePath(checkPath, 'run', clock.now(), context.runId)
  return inRunNode(speakers, path, context, async () => {
    const quick = level === 'quick'
    const sweeping = quick ? undefined : sweepQuietly(speaking, checkPath, path, context)
    const { cast, again } = await castOf(speakers, speaking)
    const alone = again !== undefined
    const oneWrites = quick || alone
    const proof = await proveData(cast, path, context, oneWrites ? cast.slice(0, 1) : cast)
    const trace = quick ? '' : await traceOf(speaking, checkPath, path, context)
    const good = `${whatIsProven(speakers, level, proof)}${trace}`
    const data = checkFrom('data', proof.findings, good, clock.now() - began)
    const more =
      level === 'thorough' && data.outcome === 'passed'
        ? await thorough(cast, speaking, path, context, again)
        : []
    await sweeping
    return {
      checks: [data, ...more],
      matrix: oneWrites ? undefined : proof.matrix,
      pairs: alone ? undefined : proof.pairs,
      wentAway: proof.wentAway,
    }
  })
}

/**
 * Who writes and reads. `again`: a second session with an only member, which stands in for another
 * one.
 */
async function castOf(
  speakers: readonly Speaker[],
  speaking: Speakers,
): Promise<{ readonly cast: readonly Speaker[]; readonly again?: Session }> {
  const [only, ...others] = speakers
  if (only === undefined || others.length > 0) return { cast: speakers }
  const seen = speaking.sessionOf(only.member)?.lastZxid()
  const { speaker, session } = await speaking.oneMoreSession(only.member, seen)
  return { cast: [only, speaker], again: session }
}

function whatIsProven(speakers: readonly Speaker[], level: VerifyLevel, { pairs }: Proof): string {
  const [first = '', second = ''] = speakers.map(({ member }) => member.pod)
  if (speakers.length === 1) return `written through ${first} and read again in a new session`
  return level === 'quick'
    ? `written through ${first}, read through ${second}`
    : `${pairs ?? '0/0'} writes read through another member, with value, version and transaction`
}

async function thorough(
  speakers: readonly Speaker[],
  speaking: Speakers,
  path: string,
  context: VerifyContext,
  otherSession?: Session,
): Promise<readonly CheckResult[]> {
  const [a, b] = speakers
  const one = a === undefined ? undefined : speaking.sessionOf(a.member)
  const other = otherSession ?? (b === undefined ? undefined : speaking.sessionOf(b.member))
  if (a === undefined || b === undefined || one === undefined || other === undefined) {
    const finding: Finding = {
      code: 'CHECK_IMPOSSIBLE',
      severity: 'error',
      message: 'verify: thorough needs sessions with two members, and they are gone',
      fix: 'Look at the logs of the members and run it again.',
    }
    return [
      {
        name: 'compare-and-set',
        outcome: 'failed',
        detail: finding.message,
        findings: [finding],
        ms: 0,
      },
    ]
  }
  const third = async (): Promise<Session> => {
    const { session } = await speaking.oneMoreSession(a.member)
    return session
  }
  return checkThoroughly({
    one: { member: a.member, session: one },
    other: { member: b.member, session: other },
    third,
    path,
    clock: context.clock,
    signal: context.signal,
  })
}

/**
 * Makes the run's node through the first member that takes it, does the work, and deletes the node
 * in every case.
 */
async function inRunNode(
  speakers: readonly Speaker[],
  path: string,
  context: VerifyContext,
  work: () => Promise<DataChecks>,
): Promise<DataChecks> {
  const began = context.clock.now()
  const voices = speakers.flatMap((speaker) => ('voice' in speaker ? [speaker.voice] : []))
  const troubles: unknown[] = speakers.flatMap((speaker) =>
    'trouble' in speaker ? [speaker.trouble] : [],
  )
  const findings: Finding[] = speakers.flatMap((speaker) =>
    'trouble' in speaker ? [dataFinding(speaker.member, 'a session with', speaker.trouble)] : [],
  )
  try {
    let made = false
    for (const voice of voices) {
      try {
        await voice.make(path)
        made = true
        break
      } catch (error) {
        const trouble = memberTrouble(error, context.signal)
        troubles.push(trouble)
        findings.push(dataFinding(voice.member, 'a write through', trouble))
        // A refusal is the ensemble's answer, not one member's.
        if (trouble instanceof Refusal) break
      }
    }
    return made
      ? await unlessAborted(context.signal, work)
      : {
          checks: [checkFrom('data', findings, '', context.clock.now() - began)],
          matrix: undefined,
          pairs: undefined,
          wentAway: troubles.length > 0 && troubles.every(wentAway),
        }
  } finally {
    await removeRun(voices, path, speakers, context)
  }
}

/** Children first, through the first member that does it. */
async function removeRun(
  voices: readonly Voice[],
  path: string,
  speakers: readonly Speaker[],
  context: VerifyContext,
): Promise<void> {
  const names = [...speakers.map(({ member }) => writeName(member.ordinal)), ...THOROUGH_NODES]
  const paths = [...new Set(names.map((name) => `${path}/${name}`)), path]
  const deadline = new Deadline(context.clock, REMOVE_MS.all)
  const late = (): Error => new Error('it took too long')
  // Not bound to the run's signal: a cancelled check cleans up too, within its time.
  const free = new AbortController().signal
  let why = 'no member takes a session'
  for (const voice of voices) {
    if (deadline.passed) break
    try {
      await within(context.clock, Math.min(REMOVE_MS.once, deadline.left()), late, free, () =>
        voice.remove(paths),
      )
      return
    } catch (error) {
      why = error instanceof Error ? error.message : String(error)
    }
  }
  if (voices.length > 0)
    context.say(`the check's node ${path} could not be deleted (${why}); a later run sweeps it`)
}

/**
 * What killed runs left is taken on the way; that this can't be done is no fault of the ensemble.
 */
async function sweepQuietly(
  speaking: Speakers,
  checkPath: string,
  path: string,
  context: VerifyContext,
): Promise<void> {
  const session = speaking.members
    .map((member) => speaking.sessionOf(member))
    .find((one) => one !== undefined && !one.over.aborted)
  if (session === undefined) return
  try {
    const swept = await sweep(session, checkPath, path, context.clock.now())
    if (swept > 0)
      context.say(
        `deleted what ${swept} killed ${swept === 1 ? 'run' : 'runs'} left below ${checkPath}`,
      )
  } catch (error) {
    memberTrouble(error, context.signal)
  }
}
