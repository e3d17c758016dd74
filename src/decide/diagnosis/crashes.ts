// Containers that die again and again: members of an ensemble may die until their peers appear, but
// a death that nobody can heal ends the wait.

import { formatSpan } from '../../clock.ts'
import { formatBytes } from '../../view/quantity.ts'
import type { ContainerView } from '../../view/workload.ts'
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

export function crashSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, crashes } = member
  if (pod.ready) return []
  const init = pod.initContainers.map((container) => ({ container, isInit: true }))
  const main = pod.containers.map((container) => ({ container, isInit: false }))
  return [...init, ...main].flatMap(({ container, isInit }) => {
    const history = crashes.get(crashKey(pod, container.name))
    const death = lastDeath(container, isInit)
    if (history === undefined || history.deaths === 0) return []
    const { state } = container
    if (state.kind === 'running' && member.now - state.since >= UP_AGAIN_MS) return []
    return [
      symptomOf(member, container, history, {
        reason: death?.reason ?? '',
        message: death?.message ?? '',
        code: death?.exitCode,
      }),
    ]
  })
}

interface Death {
  readonly reason: string
  readonly message: string
  readonly code: number | undefined
}

function symptomOf(
  member: MemberCase,
  container: ContainerView,
  history: CrashHistory,
  death: Death,
): Symptom {
  const { pod, set } = member
  const { state } = container
  const down = state.kind !== 'running'
  const waitingText =
    state.kind === 'waiting' && state.reason !== 'CrashLoopBackOff' ? state.message : ''
  const text = gist(death.message === '' ? waitingText : death.message)
  const times =
    history.deaths === 1
      ? 'once'
      : `${history.deaths} times in ${formatSpan(Math.max(0, member.now - (history.first ?? member.now)))}`
  const common = {
    key: `crash/${crashKey(pod, container.name)}`,
    code: 'CRASH_LOOP',
    ordinal: member.ordinal,
    object: `pod/${pod.name}`,
    container: container.name,
    explains: true,
    againstRevision: isNew(set, pod),
    since: history.first ?? member.now,
  } as const
  const where = place(pod, container.name)
  if (WRONG_ARCHITECTURE.test(text)) {
    return {
      ...common,
      reason: 'ExecFormatError',
      message: `${where}: the program is built for another processor architecture (${text})`,
      fix: "Use an image that is built for the nodes' processor architecture.",
      graceMs: 0,
    }
  }
  if (death.reason === 'OOMKilled')
    return outOfMemory(
      container,
      history,
      common,
      `${where}: killed for lack of memory (OOMKilled), ${times}`,
    )
  if (
    death.reason === 'StartError' ||
    death.reason === 'ContainerCannotRun' ||
    (state.kind === 'waiting' && state.reason === 'RunContainerError')
  ) {
    const hopeless = HOPELESS_START.test(text)
    return {
      ...common,
      reason: 'RunContainerError',
      message: `${where}: the container can't be started, tried ${times}: ${text}`,
      fix: 'Correct command, args, mounts or securityContext of the container.',
      graceMs: hopeless ? 0 : START_GRACE_MS,
      confirmed: down && history.deaths >= 2,
    }
  }
  const probe = killedByProbe(member, container.name)
  const reason =
    probe === undefined
      ? history.deaths > 1
        ? 'CrashLoopBackOff'
        : death.reason === ''
          ? 'Error'
          : death.reason
      : `${probe === 'startup' ? 'Startup' : 'Liveness'}ProbeFailed`
  const cause =
    probe === undefined
      ? exitText(death.code)
      : `killed by its ${probe} probe (exit code ${death.code ?? 'unknown'})`
  const said = text === '' ? '' : `: ${text}`
  const fix =
    probe === undefined
      ? {}
      : {
          fix: `Give the ${probe} probe more time, or see in the log why the server doesn't answer it.`,
        }
  return {
    ...common,
    reason,
    message: `${where}: ${cause}, ${times}${said}${lastEvent(member, container.name, probe)}`,
    ...fix,
    ...graceFor(member, history, down, probe !== undefined),
  }
}

function outOfMemory(
  container: ContainerView,
  history: CrashHistory,
  common: Pick<
    Symptom,
    'key' | 'code' | 'ordinal' | 'object' | 'container' | 'explains' | 'againstRevision' | 'since'
  >,
  told: string,
): Symptom {
  const limit = container.memoryLimit
  const known = limit === undefined ? '' : `; its limit is ${formatBytes(limit)}`
  const fix =
    limit === undefined
      ? 'Look at the memory of the node, and give the container a request and a limit.'
      : 'Raise the memory limit, or lower the heap: it must fit into the limit with room for the rest of the process.'
  return {
    ...common,
    reason: 'OOMKilled',
    message: `${told}${known}`,
    fix,
    graceMs: 0,
    confirmed: container.state.kind !== 'running' && history.deaths >= SAME_DEATHS,
    againstRevision: common.againstRevision && limit !== undefined,
  }
}

/**
 * Final when nobody is left who could heal it; a container that runs at this moment gets this life,
 * too.
 */
function graceFor(
  member: MemberCase,
  history: CrashHistory,
  down: boolean,
  byProbe: boolean,
): Pick<Symptom, 'graceMs' | 'confirmed'> {
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

function killedByProbe(
  { events, now }: MemberCase,
  container: string,
): 'liveness' | 'startup' | undefined {
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

function lastEvent(
  { events }: MemberCase,
  container: string,
  probe: 'liveness' | 'startup' | undefined,
): string {
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
