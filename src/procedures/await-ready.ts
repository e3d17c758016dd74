// Waits until every member is there, at its revision, Ready and available; ends early when the evidence says that it can't be, and says why.

import { formatSpan, type Clock, type Deadline } from '../clock.ts'
import { chooseVerdict } from '../decide/evidence-choice.ts'
import { diagnose, newMemory, type Diagnosis } from '../decide/diagnosis.ts'
import { observed } from '../decide/members.ts'
import { judgeRollout, progressKey, type MemberStanding } from '../decide/rollout.ts'
import { withLastWords } from '../decide/last-words.ts'
import { EnsembleError, type Finding } from '../errors.ts'
import type { Kube } from '../kube/kube.ts'
import type { Follower } from '../kube/follow.ts'
import type { Journal } from '../report/journal.ts'
import type { RunReport } from '../report/run-report.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { collectEvidence } from './evidence.ts'
import { fillMembers } from './member-rows.ts'

/** A line is printed at least this often, so that a person sees that it lives and what it waits for. */
const HEARTBEAT_MS = 30_000

export interface ReadyWait {
  readonly follower: Follower
  readonly kube: Kube
  readonly clock: Clock
  readonly journal: Journal
  readonly report: RunReport
  readonly deadline: Deadline
  /** Longest time without a member reaching a state that it hadn't reached before. */
  readonly memberTimeoutMs: number
  /** Generation that the controller must have seen; undefined: the live one. */
  readonly generation: number | undefined
  readonly logLines: number
  /** How it stood before the change: what the set's events said then is no news. */
  readonly before: EnsembleView
}

/** The view in which it was done. Throws EnsembleError 'failed' with every cause, the deciding one first, and leaves the evidence in the report. */
export async function awaitReady(wait: ReadyWait, signal: AbortSignal): Promise<EnsembleView> {
  const { clock, follower, report, journal } = wait
  const told = new Map<number, string>()
  let memory = newMemory()
  let progress = { key: '', at: clock.now() }
  let said = clock.now()
  for (;;) {
    signal.throwIfAborted()
    const view = newEvents(follower.snapshot(), wait.before)
    const now = clock.now()
    const verdict = judgeRollout(view, now, wait.generation === undefined ? {} : { generation: wait.generation })
    // Before the controller has seen the change, what it says of revisions is of the one before.
    const seen = view.set !== undefined && observed(view.set, wait.generation)
    if (seen && tellMembers(verdict.members, told, journal, report, now)) said = now
    fillMembers(report, view)
    if (verdict.kind === 'done') {
      if (verdict.note !== undefined) report.notes.push(verdict.note)
      return view
    }
    const diagnosed = diagnose(view, now, memory)
    memory = diagnosed.memory
    const key = progressKey(view, progress.key)
    // minReadySeconds that run are progress too: nothing has to happen meanwhile.
    if (key !== progress.key || verdict.lookAgainAt !== undefined) progress = { key, at: now }

    const stalled = now - progress.at >= wait.memberTimeoutMs
    const ended = diagnosed.findings.some((finding) => finding.class === 'terminal') || stalled || wait.deadline.passed
    if (ended) {
      const reason = stalled ? `no member reached a new state for ${formatSpan(wait.memberTimeoutMs)} (member-timeout)` : 'the timeout is over'
      throw await failed(wait, view, diagnosed.findings, verdict.reason, reason, signal)
    }
    if (now - said >= HEARTBEAT_MS) {
      const worst = diagnosed.findings[0]
      journal.info(`still waiting (${formatSpan(now - progress.at)} since the last progress): ${verdict.reason}${worst === undefined ? '' : `; ${worst.message}`}`)
      said = now
    }
    const nextGrace = Math.min(...diagnosed.findings.map((finding) => (finding.graceUntil ?? Infinity) - now), verdict.lookAgainAt === undefined ? Infinity : verdict.lookAgainAt - now)
    const until = Math.min(wait.deadline.left(), progress.at + wait.memberTimeoutMs - now, said + HEARTBEAT_MS - now, nextGrace)
    await follower.changed(Math.max(20, until))
  }
}

/** Events of pods and claims go with their objects; those of the set outlive a mend and are only news when they are newer than before (by the server's clock). */
function newEvents(view: EnsembleView, before: EnsembleView): EnsembleView {
  const old = new Map(before.events.map((event) => [event.uid, event.last]))
  return { ...view, events: view.events.filter((event) => event.object.kind !== 'StatefulSet' || event.last > (old.get(event.uid) ?? 0)) }
}

/** Prints a line for each member whose state changed; true when there was one. */
function tellMembers(members: readonly MemberStanding[], told: Map<number, string>, journal: Journal, report: RunReport, now: number): boolean {
  let any = false
  for (const member of members) {
    if (told.get(member.ordinal) === member.text) continue
    told.set(member.ordinal, member.text)
    journal.info(`${member.pod}: ${member.text}`)
    report.timeline.push({ at: now, what: member.text, member: member.pod })
    any = true
  }
  return any
}

async function failed(wait: ReadyWait, view: EnsembleView, diagnoses: readonly Diagnosis[], waitingFor: string, ended: string, signal: AbortSignal): Promise<EnsembleError> {
  const evidence = await collectEvidence(wait.kube, view, diagnoses, wait.logLines, signal)
  wait.report.evidence.push(...evidence)
  const told = diagnoses.map((diagnosis) => withLastWords(diagnosis, evidence.find((one) => one.object === diagnosis.object)?.logs.find((log) => log.container === diagnosis.container)?.lines ?? []))
  const findings: readonly [Finding, ...Finding[]] = chooseVerdict(told, waitingFor, ended)
  return new EnsembleError('failed', findings)
}
