// Containers that die again and again: members of an ensemble may die until their peers appear, but
// a death that nobody can heal ends the wait.

import { formatSpan } from '../../clock.ts'
import { formatBytes } from '../../view/quantity.ts'
import type { ContainerView, Terminated } from '../../view/workload.ts'
import type { MemberStanding } from '../members/members.ts'
import { LEARNS_WITHIN_MS } from '../members/patience.ts'
import { lastDeath, type CrashHistory } from './crash-history.ts'
import {
  crashKey,
  gist,
  isAbout,
  isNew,
  oneLine,
  place,
  type MemberCase,
  type Symptom,
} from './symptom.ts'

/** Deaths with one and the same exit code, with all peers there that it could have waited for. */
const SAME_DEATHS = 3
const MOST_DEATHS = 4
const GRACE_MS = 90_000
const START_GRACE_MS = 60_000
/**
 * ZooKeeper's exit code where it can't listen at the address that its own line of the member list
 * names (since 3.6, ExitCode.UNABLE_TO_BIND_QUORUM_PORT).
 */
const UNABLE_TO_BIND = 14
/** A container that has run this long since its last death is not in a crash loop now. */
const UP_AGAIN_MS = 60_000
const KILL_EVENT_MS = 60_000

/** A cause in the image or the template that no second start fixes. */
const HOPELESS_START =
  /executable file not found|no such file or directory|permission denied|not a directory|is a directory|invalid argument|no command specified|unable to find user|exec: /i
const WRONG_ARCHITECTURE = /exec format error/i

/** A container that has died, and what is known of it. */
interface Crash {
  readonly member: MemberCase
  readonly container: ContainerView
  readonly history: CrashHistory
  /** How it ended last; a kubelet may have lost that. */
  readonly death: Terminated | undefined
  /** What the runtime said of it. */
  readonly text: string
}

export function crashSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod } = member
  if (pod.ready) return []
  return [
    ...pod.initContainers.flatMap((container) => crashOf(member, container, true)),
    ...pod.containers.flatMap((container) => crashOf(member, container, false)),
  ].map(symptomOf)
}

/** None of a container that did not die lately, or is up again. */
function crashOf(member: MemberCase, container: ContainerView, isInit: boolean): readonly Crash[] {
  const history = member.crashes.get(crashKey(member.pod, container.name))
  if (history === undefined || history.deaths === 0) return []
  const { state } = container
  if (state.kind === 'running' && member.now - state.since >= UP_AGAIN_MS) return []
  const death = lastDeath(container, isInit)
  const waitingText =
    state.kind === 'waiting' && state.reason !== 'CrashLoopBackOff' ? state.message : ''
  const said = death?.message ?? ''
  return [{ member, container, history, death, text: gist(said === '' ? waitingText : said) }]
}

function symptomOf(crash: Crash): Symptom {
  return wrongArchitecture(crash) ?? outOfMemory(crash) ?? notStarted(crash) ?? died(crash)
}

function commonOf({
  member,
  container,
  history,
}: Crash): Pick<
  Symptom,
  'key' | 'code' | 'ordinal' | 'object' | 'explains' | 'againstRevision' | 'since'
> & { readonly container: string } {
  const { pod, set } = member
  return {
    key: `crash/${crashKey(pod, container.name)}`,
    code: 'CRASH_LOOP',
    ordinal: member.ordinal,
    object: `pod/${pod.name}`,
    container: container.name,
    explains: true,
    againstRevision: isNew(set, pod),
    since: history.first ?? member.now,
  }
}

function isDown({ container }: Crash): boolean {
  return container.state.kind !== 'running'
}

/** `3 times in 14.0s`. */
function timesOf({ member, history }: Crash): string {
  return history.deaths === 1
    ? 'once'
    : `${history.deaths} times in ${formatSpan(Math.max(0, member.now - (history.first ?? member.now)))}`
}

function placeOf({ member, container }: Crash): string {
  return place(member.pod, container.name)
}

function wrongArchitecture(crash: Crash): Symptom | undefined {
  if (!WRONG_ARCHITECTURE.test(crash.text)) return undefined
  return {
    ...commonOf(crash),
    reason: 'ExecFormatError',
    message: `${placeOf(crash)}: the program is built for another processor architecture (${crash.text})`,
    fix: "Use an image that is built for the nodes' processor architecture.",
    graceMs: 0,
  }
}

function outOfMemory(crash: Crash): Symptom | undefined {
  if (crash.death?.reason !== 'OOMKilled') return undefined
  const common = commonOf(crash)
  const limit = crash.container.memoryLimit
  const known = limit === undefined ? '' : `; its limit is ${formatBytes(limit)}`
  const fix =
    limit === undefined
      ? 'Look at the memory of the node, and give the container a request and a limit.'
      : 'Raise the memory limit, or lower the heap: it must fit into the limit with room for the rest of the process.'
  return {
    ...common,
    reason: 'OOMKilled',
    message: `${placeOf(crash)}: killed for lack of memory (OOMKilled), ${timesOf(crash)}${known}`,
    fix,
    graceMs: 0,
    confirmed: isDown(crash) && crash.history.deaths >= SAME_DEATHS,
    againstRevision: common.againstRevision && limit !== undefined,
  }
}

/** The runtime could not start its program. */
function notStarted(crash: Crash): Symptom | undefined {
  const { container, death, history, text } = crash
  const { state } = container
  const refused =
    death?.reason === 'StartError' ||
    death?.reason === 'ContainerCannotRun' ||
    (state.kind === 'waiting' && state.reason === 'RunContainerError')
  if (!refused) return undefined
  return {
    ...commonOf(crash),
    reason: 'RunContainerError',
    message: `${placeOf(crash)}: the container can't be started, tried ${timesOf(crash)}: ${text}`,
    fix: 'Correct command, args, mounts or securityContext of the container.',
    graceMs: HOPELESS_START.test(text) ? 0 : START_GRACE_MS,
    confirmed: isDown(crash) && history.deaths >= 2,
  }
}

/** The program ran and ended, by itself or by a probe. */
function died(crash: Crash): Symptom {
  const { member, container, death, text } = crash
  const probe = killedByProbe(member, container.name)
  const cause =
    probe === undefined
      ? exitText(death?.exitCode)
      : `killed by its ${probe} probe (exit code ${death?.exitCode ?? 'unknown'})`
  const said = text === '' ? '' : `: ${text}`
  const fix =
    probe === undefined
      ? {}
      : {
          fix: `Give the ${probe} probe more time, or see in the log why the server doesn't answer it.`,
        }
  return {
    ...commonOf(crash),
    reason: reasonOf(crash, probe),
    message: `${placeOf(crash)}: ${cause}, ${timesOf(crash)}${said}${lastEvent(member, container.name, probe)}`,
    ...fix,
    ...graceFor(crash, probe !== undefined),
  }
}

type Probe = 'liveness' | 'startup'

function reasonOf({ history, death }: Crash, probe: Probe | undefined): string {
  if (probe !== undefined) return `${probe === 'startup' ? 'Startup' : 'Liveness'}ProbeFailed`
  if (history.deaths > 1) return 'CrashLoopBackOff'
  const told = death?.reason ?? ''
  return told === '' ? 'Error' : told
}

/**
 * Final when nobody is left who could heal it; a container that runs at this moment gets this life,
 * too.
 */
function graceFor(crash: Crash, byProbe: boolean): Pick<Symptom, 'graceMs' | 'confirmed'> {
  const { member, history } = crash
  const down = isDown(crash)
  const codes = new Set(history.exits.map((exit) => exit.code))
  // Its own name is not known yet: DNS and JVM keep "no such name" for up to a minute, and the
  // kubelet starts it again.
  if (!byProbe && codes.size === 1 && codes.has(UNABLE_TO_BIND))
    return { graceMs: LEARNS_WITHIN_MS, confirmed: down }
  if (!byProbe && history.deaths >= SAME_DEATHS && codes.size === 1 && peersAreThere(member))
    return { graceMs: 0, confirmed: down }
  if (peersAreComing(member)) return { graceMs: GRACE_MS, confirmed: false }
  return {
    graceMs: history.deaths >= MOST_DEATHS ? 0 : GRACE_MS,
    confirmed: down && history.deaths >= 2,
  }
}

/**
 * Under OrderedReady a later member that isn't made yet is made after this one only, so it can't be
 * waited for.
 */
function peers({ set, standings, ordinal }: MemberCase): readonly MemberStanding[] {
  return standings.filter(
    (standing) =>
      standing.state !== 'extra' &&
      standing.ordinal !== ordinal &&
      (set.podManagement === 'Parallel' ||
        standing.ordinal < ordinal ||
        standing.uid !== undefined),
  )
}

function peersAreThere(member: MemberCase): boolean {
  return peers(member).every(
    (standing) => standing.state === 'available' || standing.state === 'old-revision',
  )
}

/** Some peer is still on its way up, and not itself dying. */
function peersAreComing(member: MemberCase): boolean {
  return peers(member).some((standing) => {
    if (standing.state === 'available' || standing.state === 'old-revision') return false
    const deaths = [...member.crashes]
      .filter(([key]) => standing.uid !== undefined && key.startsWith(`${standing.uid}/`))
      .map(([, history]) => history.deaths)
    return Math.max(0, ...deaths) < 2
  })
}

function killedByProbe({ events, now }: MemberCase, container: string): Probe | undefined {
  const killing = events.findLast(
    (event) => event.reason === 'Killing' && isAbout(event, container),
  )
  if (killing === undefined || now - killing.last > KILL_EVENT_MS * 6) return undefined
  return killing.message.includes('failed liveness probe')
    ? 'liveness'
    : killing.message.includes('failed startup probe')
      ? 'startup'
      : undefined
}

function lastEvent({ events }: MemberCase, container: string, probe: Probe | undefined): string {
  const event = events.findLast(
    (one) =>
      one.type === 'Warning' &&
      isAbout(one, container) &&
      (probe === undefined ? one.reason !== 'Unhealthy' : one.reason === 'Unhealthy'),
  )
  return event === undefined || event.reason === 'BackOff'
    ? ''
    : `; last event ${event.reason}: ${oneLine(event.message).replace(/:$/, '')}`
}

/** An exit code in words; above 128 it is a signal's number. */
export function exitText(code: number | undefined): string {
  switch (code) {
    case undefined:
      return 'ended'
    case 0:
      return 'ended by itself with exit code 0 (a server must keep running)'
    case 126:
      return 'exit code 126 (the command is not executable)'
    case 127:
      return 'exit code 127 (command not found)'
    case 134:
      return 'exit code 134 (aborted, SIGABRT)'
    case 137:
      return 'exit code 137 (killed, SIGKILL)'
    case 139:
      return 'exit code 139 (segmentation fault, SIGSEGV)'
    case 143:
      return 'exit code 143 (ended by SIGTERM)'
    default:
      return code > 128 && code <= 192
        ? `exit code ${code} (signal ${code - 128})`
        : `exit code ${code}`
  }
}
