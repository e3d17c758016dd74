// What is asked of a member, and how often: each nodetool is a JVM in a container that may have
// half a core, beside the probe, which is one too.

import { KubeFailure } from '../../kube/failure.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { Member, VerifyContext } from '../profile.ts'
import { whyUnreachable } from '../unreachable.ts'
import { parseDoors, parseHostId, parseStatus, type Doors, type RingRow } from './status.ts'

const SEPARATOR = '--- zk-ensemble-action'

export type Question = 'status' | 'info' | 'describecluster' | 'version'

/** Why a member said nothing. */
interface Silence {
  readonly trouble: string
  /** It may not be asked, which no waiting fixes. */
  readonly denied: boolean
  /** Denied, and not by the role of this run. */
  readonly beyondRole?: true
  /** `down`: nodetool has no answer there, or nothing runs; nothing is known of the others. */
  readonly role: 'down' | 'unreachable' | 'unknown'
  /** Nodetool was begun and did not end. */
  readonly hangs?: true
  /** A gateway before the API server lets no WebSocket through. */
  readonly blocked?: true
}

/** What one member said; `silence` and `trouble` when it could not be asked. */
export interface Heard {
  readonly member: Member
  readonly rows: readonly RingRow[]
  /** Filled in once a pod, see profile.ts. */
  readonly release: string | undefined
  /** What it says of its own doors; undefined where it was not asked. */
  readonly doors: Doors | undefined
  /** Its own host id, also where only an earlier look heard it. */
  readonly hostId: string | undefined
  readonly trouble: string | undefined
  readonly silence: Silence | undefined
}

/** By UID: what never changes for a pod, so that it is asked once. */
export type Known = Map<string, string>

/**
 * The answers by question; undefined when nodetool could not say it all, as while the server is
 * starting.
 */
function readAnswers(stdout: string): ReadonlyMap<string, string> | undefined {
  const parts = stdout.split(new RegExp(`^${SEPARATOR} (\\w+)\r?\n`, 'm')).slice(1)
  const answers = new Map<string, string>()
  for (let at = 0; at + 1 < parts.length; at += 2) answers.set(parts[at] ?? '', parts[at + 1] ?? '')
  return answers.has('end') ? answers : undefined
}

/** One exec for all questions, and a JVM for each. */
function scriptOf(questions: readonly Question[]): string {
  return `${questions.map((question) => `echo '${SEPARATOR} ${question}'\nnodetool ${question} || exit $?\n`).join('')}echo '${SEPARATOR} end'\n`
}

/** The answers, or why there are none. */
export async function askMember(
  member: Member,
  questions: readonly Question[],
  context: VerifyContext,
): Promise<ReadonlyMap<string, string> | Silence> {
  if (!context.reach.may.exec)
    return { trouble: 'this run may not use exec', denied: true, role: 'unknown' }
  try {
    const result: ExecResult = await context.reach.exec(
      member,
      ['sh', '-c', scriptOf(questions)],
      { timeoutMs: NODETOOL_MS },
      context.signal,
    )
    return (
      readAnswers(result.stdout) ?? {
        trouble: result.stderr.trim().split('\n')[0]?.slice(0, 160) || 'nodetool does not answer',
        denied: false,
        role: 'down',
      }
    )
  } catch (error) {
    context.signal.throwIfAborted()
    return silenceOf(member, error)
  }
}

/** What is known of a member that could not be asked: that its pod isn't Ready, or nothing. */
function silenceOf({ ready }: Member, error: unknown): Silence {
  const { why, denied, beyondRole, blocked, stopped } = whyUnreachable(error, 'exec')
  return {
    trouble: why,
    denied,
    role: ready && stopped !== true ? 'unreachable' : 'down',
    ...(error instanceof KubeFailure && error.reason === 'Timeout' ? { hangs: true } : {}),
    ...(beyondRole === true ? { beyondRole } : {}),
    ...(blocked === true ? { blocked } : {}),
  }
}

export async function hear(
  member: Member,
  questions: readonly Question[],
  known: Known,
  context: VerifyContext,
): Promise<Heard> {
  const answers = await askMember(member, questions, context)
  const nothing = {
    member,
    rows: [],
    release: undefined,
    doors: undefined,
    hostId: known.get(member.uid),
  }
  if ('trouble' in answers) return { ...nothing, trouble: answers.trouble, silence: answers }
  const info = answers.get('info')
  const hostId = info === undefined ? known.get(member.uid) : parseHostId(info)
  if (hostId !== undefined) known.set(member.uid, hostId)
  return {
    member,
    rows: parseStatus(answers.get('status') ?? ''),
    release: undefined,
    doors: info === undefined ? undefined : parseDoors(info),
    hostId,
    trouble: undefined,
    silence: undefined,
  }
}

export function hearAll(
  members: readonly Member[],
  questions: readonly Question[],
  known: Known,
  context: VerifyContext,
): Promise<readonly Heard[]> {
  return Promise.all(members.map((member) => hear(member, questions, known, context)))
}

/**
 * While something is waited for: one member tells of all others, and who is new and Ready is asked
 * once who it is. Undefined where nobody can speak for the others; what is heard
 * of each then takes it at that one member's word, so nothing may be done on it.
 */
export async function hearOne(
  members: readonly Member[],
  turn: number,
  known: Known,
  context: VerifyContext,
): Promise<readonly Heard[] | undefined> {
  const able = members.filter((member) => member.ready && known.has(member.uid))
  const speakers = able
    .map((_, at) => able[(at + turn) % able.length])
    .filter((member) => member !== undefined)
  for (const speaker of speakers) {
    const said = await hear(speaker, ['status'], known, context)
    if (said.trouble !== undefined) continue
    return Promise.all(
      members.map(async (member): Promise<Heard> => {
        if (member === speaker) return said
        if (known.has(member.uid)) return { ...said, member, hostId: known.get(member.uid) }
        if (!member.ready)
          return { ...said, member, rows: [], hostId: undefined, trouble: 'its pod is not Ready' }
        return { ...(await hear(member, ['info'], known, context)), rows: said.rows }
      }),
    )
  }
  return undefined
}

/** It starts a JVM in a pod that may have half a core; milliseconds. */
export const NODETOOL_MS = 60_000
