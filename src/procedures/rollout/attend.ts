// Watches over members while something is done to them: tells every change, and ends early, with
// the proof, when the evidence says that it can't be done.

import { formatSpan } from '../../clock.ts'
import { chooseVerdict, speaksAgainstRevision } from '../../decide/diagnosis/evidence-choice.ts'
import { diagnose, memoryOfWait, type Diagnosis } from '../../decide/diagnosis/diagnose.ts'
import {
  memberStandings,
  observed,
  ownPods,
  type MemberStanding,
} from '../../decide/members/members.ts'
import { TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import { progressKey, judgeRollout } from '../../decide/rollout/rollout.ts'
import { nameKnownBy, withLastWords } from '../../decide/diagnosis/last-words.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Follower } from '../../kube/follow.ts'
import type { Journal } from '../../report/journal.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { isHanging } from '../../decide/diagnosis/readiness.ts'
import { createNodeLook } from '../verify/hanging.ts'
import { collectEvidence, logOf } from '../verify/evidence.ts'
import type { Recorder } from '../../report/recorder.ts'
import type { Ensemble } from '../open/ensemble.ts'
import type { Run } from '../../run.ts'

/**
 * A line is printed at least this often, so that a person sees that it lives and what it waits for.
 */
const HEARTBEAT_MS = 30_000
/**
 * Work that takes longer shows its progress on the page of the run, a notice for each member that
 * is there: the summary comes when all is over.
 */
const LONG_MS = 60_000

/** What a wait over members works with. */
export type Attended = Pick<
  Ensemble,
  'before' | 'deadline' | 'follower' | 'kube' | 'logLines' | 'memberTimeoutMs' | 'told'
> & { readonly run: Pick<Run, 'clock' | 'journal' | 'report'> }

/** What one look led to. */
export type Step =
  | { readonly kind: 'done'; readonly note?: string | undefined }
  | {
      readonly kind: 'waiting'
      /** One line: what is missing. */
      readonly reason: string
      /**
       * When time alone changes the answer; milliseconds since the epoch. Waiting for it is
       * progress.
       */
      readonly lookAgainAt?: number | undefined
      /**
       * Look again after this time though nothing was seen to change, because what it waits for
       * can't be watched; milliseconds.
       */
      readonly pollMs?: number | undefined
      /**
       * What was reached, a key that grows or changes with each progress that the pods don't show.
       */
      readonly reached?: string | undefined
      /**
       * Only members are waited for that run and have yet to come into their quorum: that is told
       * more often.
       */
      readonly outside?: boolean | undefined
      /** Causes that the pods don't show. */
      readonly blame?: readonly Diagnosis[] | undefined
      /** Pods (`pod/zk-2`) whose faults end nothing, because they are being replaced. */
      readonly excused?: ReadonlySet<string> | undefined
    }

/**
 * How the work over the members continues: `generation` that the controller must have seen
 * (undefined: the live one), and one step at each look.
 */
export interface Work {
  generation(): number | undefined
  step(view: EnsembleView, now: number): Promise<Step> | Step
}

/**
 * The view in which it was done. Throws EnsembleError 'failed' with every cause, the deciding one
 * first, and leaves the evidence in the report.
 */
export async function attend(
  ensemble: Attended,
  work: Work,
  signal: AbortSignal,
): Promise<EnsembleView> {
  return new MemberWait(ensemble, work).untilDone(signal)
}

/** What one look saw, while the work is not done. */
interface Look {
  readonly view: EnsembleView
  readonly step: Extract<Step, { kind: 'waiting' }>
  readonly findings: readonly Diagnosis[]
  readonly now: number
}

/** A wait over members: what it knows from one look to the next. */
class MemberWait {
  readonly #ensemble: Attended
  readonly #work: Work
  readonly #began: number
  readonly #told: Map<number, string>
  readonly #notes = new Set<string>()
  readonly #withNodes: ReturnType<typeof createNodeLook>
  #memory = memoryOfWait()
  #progress: { readonly key: string; readonly reached: string; readonly at: number }
  #said: number
  #waitsFor = ''
  /** Since when a fault is there that ends the wait. */
  #fatalAt: number | undefined
  /** Until when it is lived through all the same. */
  #bearable: number | undefined

  constructor(ensemble: Attended, work: Work) {
    this.#ensemble = ensemble
    this.#work = work
    this.#began = ensemble.run.clock.now()
    this.#told = ensemble.told ?? new Map<number, string>()
    this.#withNodes = createNodeLook(ensemble.kube)
    this.#progress = { key: '', reached: '', at: this.#began }
    this.#said = this.#began
  }

  async untilDone(signal: AbortSignal): Promise<EnsembleView> {
    const { follower, run } = this.#ensemble
    for (;;) {
      signal.throwIfAborted()
      const view = newEvents(follower.snapshot(), this.#ensemble.before)
      tellNotes(follower, this.#notes, run.journal)
      const generation = this.#work.generation()
      // Before the controller has seen the change, what it says of revisions is of the one before.
      const seen = view.set !== undefined && observed(view.set, generation)
      if (seen) this.#tellMembers(view)
      run.report.sawMembers(view)
      const step = await this.#work.step(view, run.clock.now())
      if (step.kind === 'done') {
        if (step.note !== undefined) run.report.note(step.note)
        return view
      }
      const now = run.clock.now()
      this.#tellReason(step.reason)
      const look = { view, step, findings: await this.#diagnosed(view, step, seen, signal), now }
      this.#noteProgress(look)
      await this.#endIfOver(look, signal)
      this.#tellWaiting(look)
      await follower.changed(Math.max(20, this.#lookAgainIn(look)))
    }
  }

  #tellMembers(view: EnsembleView): void {
    const { clock, journal, report } = this.#ensemble.run
    const at = { since: this.#began, now: clock.now() }
    if (tellMembers(memberStandings(view, at.now), this.#told, journal, report, at))
      this.#said = clock.now()
  }

  #tellReason(reason: string): void {
    if (reason === this.#waitsFor) return
    this.#waitsFor = reason
    this.#ensemble.run.journal.debug(`waits: ${reason}`)
  }

  async #diagnosed(
    view: EnsembleView,
    step: Look['step'],
    seen: boolean,
    signal: AbortSignal,
  ): Promise<readonly Diagnosis[]> {
    const now = this.#ensemble.run.clock.now()
    const diagnosed = diagnose(await this.#withNodes(view, now, signal), now, this.#memory)
    this.#memory = diagnosed.memory
    // Nor does what it says of pods count then: the pod at fault may be of the revision that is
    // being rolled back.
    if (!seen) return []
    const counts = diagnosed.findings.filter(
      (finding) => step.excused?.has(finding.object) !== true || isHanging(finding.reason),
    )
    return [...counts, ...(step.blame ?? [])]
  }

  /**
   * minReadySeconds that run are progress too, and so is the time that a pod is given to end:
   * nothing has to happen meanwhile.
   */
  #noteProgress({ view, step, now }: Look): void {
    const key = progressKey(view, this.#progress.key)
    const reached = step.reached ?? ''
    const ending = ownPods(view).some(({ deleting }) => deleting !== undefined && deleting > now)
    if (
      key !== this.#progress.key ||
      reached !== this.#progress.reached ||
      step.lookAgainAt !== undefined ||
      ending
    )
      this.#progress = { key, reached, at: now }
  }

  async #endIfOver({ view, step, findings, now }: Look, signal: AbortSignal): Promise<void> {
    const { memberTimeoutMs, deadline } = this.#ensemble
    const stalled = now - this.#progress.at >= memberTimeoutMs
    const over = stalled || deadline.passed
    const fatal = findings.filter((finding) => finding.class === 'terminal')
    this.#fatalAt = fatal.length === 0 ? undefined : (this.#fatalAt ?? now)
    this.#bearable =
      over || this.#fatalAt === undefined
        ? undefined
        : await bearableUntil(
            this.#ensemble,
            view,
            fatal,
            { now, fatalAt: this.#fatalAt, before: this.#bearable },
            signal,
          )
    if (!over && (fatal.length === 0 || this.#bearable !== undefined)) return
    const ended = stalled
      ? `no member reached a new state for ${formatSpan(memberTimeoutMs)} (member-timeout)`
      : 'the timeout is over'
    throw await failed(this.#ensemble, view, findings, { waitingFor: step.reason, ended }, signal)
  }

  #tellWaiting({ step, findings, now }: Look): void {
    if (now - this.#said < everyMs(step)) return
    // What the step blames its reason has said already.
    const worst = findings.find((finding) => step.blame?.includes(finding) !== true)
    const since =
      step.lookAgainAt === undefined
        ? `${formatSpan(now - this.#progress.at)} since the last progress`
        : `for another ${formatSpan(Math.max(0, step.lookAgainAt - now))}`
    this.#ensemble.run.journal.info(
      `still waiting (${since}): ${step.reason}${worst === undefined ? '' : `; ${worst.message}`}`,
    )
    this.#said = now
  }

  /** When something may change that nothing is seen of; milliseconds from now. */
  #lookAgainIn({ step, findings, now }: Look): number {
    const { deadline, memberTimeoutMs } = this.#ensemble
    return Math.min(
      deadline.left(),
      this.#progress.at + memberTimeoutMs - now,
      this.#said + everyMs(step) - now,
      ...findings.map((finding) => (finding.graceUntil ?? Infinity) - now),
      (this.#bearable ?? Infinity) - now,
      (step.lookAgainAt ?? Infinity) - now,
      step.pollMs ?? Infinity,
    )
  }
}

/** A line that says what is waited for comes so often; milliseconds. */
function everyMs({ outside }: Look['step']): number {
  return outside === true ? TELL_OUTSIDE_MS : HEARTBEAT_MS
}

/**
 * Events of pods and claims go with their objects; those of the set outlive a fix and are only
 * news when they are newer than before (by the server's clock).
 */
function newEvents(view: EnsembleView, before: EnsembleView): EnsembleView {
  const old = new Map(before.events.map((event) => [event.uid, event.last]))
  return {
    ...view,
    events: view.events.filter(
      (event) => event.object.kind !== 'StatefulSet' || event.last > (old.get(event.uid) ?? 0),
    ),
  }
}

/** Prints once what could not be watched, or is old. */
function tellNotes(follower: Follower, told: Set<string>, journal: Journal): void {
  for (const note of follower.notes()) {
    if (told.has(note)) continue
    told.add(note)
    journal.info(note)
  }
}

/** Prints a line for each member whose state changed; true when there was one. */
function tellMembers(
  members: readonly MemberStanding[],
  told: Map<number, string>,
  journal: Journal,
  report: Recorder,
  { since, now }: { readonly since: number; readonly now: number },
): boolean {
  let any = false
  for (const member of members) {
    const known = told.has(member.ordinal)
    if (told.get(member.ordinal) === member.text) continue
    told.set(member.ordinal, member.text)
    journal.info(`${member.pod}: ${member.text}`)
    if (known && now - since >= LONG_MS && member.state === 'available')
      journal.notice(`${member.pod}: ${member.text}`)
    report.stood(member, now)
    any = true
  }
  return any
}

/**
 * Last words stand among so many lines, stack traces of Java included, whatever the report is to
 * show.
 */
const LAST_LINES = 120

/**
 * A server that is started again at once may have written nothing yet that tells why the one before
 * died: its log is read so long, and so often.
 */
const WORDLESS_MS = 6_000
const READ_AGAIN_MS = 2_000

/**
 * Until when all of these deaths are lived through, by what the dying servers said; undefined: one
 * of them ends the wait. `fatalAt`: since when; `before`: until when they were
 * to be lived through at the last look, which holds while the next life has said nothing yet.
 */
async function bearableUntil(
  { kube }: Attended,
  view: EnsembleView,
  fatal: readonly Diagnosis[],
  {
    now,
    fatalAt,
    before,
  }: { readonly now: number; readonly fatalAt: number; readonly before: number | undefined },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (fatal.some(({ code }) => code !== 'CRASH_LOOP')) return undefined
  const evidence = await collectEvidence(kube, view, fatal, LAST_LINES, signal)
  const wordless = Math.max(
    before ?? -Infinity,
    now - fatalAt < WORDLESS_MS ? now + READ_AGAIN_MS : -Infinity,
  )
  const until = fatal.map((one) => {
    const lines = logOf(evidence, one)
    if (one.reason !== 'OOMKilled' && withLastWords(one, lines) === one) return wordless
    return nameKnownBy(one, lines) ?? -Infinity
  })
  const first = Math.min(...until)
  return first > now ? first : undefined
}

async function failed(
  ensemble: Attended,
  view: EnsembleView,
  diagnoses: readonly Diagnosis[],
  { waitingFor, ended }: { readonly waitingFor: string; readonly ended: string },
  signal: AbortSignal,
): Promise<EnsembleError> {
  const evidence = await collectEvidence(ensemble.kube, view, diagnoses, ensemble.logLines, signal)
  ensemble.run.report.prove(...evidence)
  const told = diagnoses.map((diagnosis) => withLastWords(diagnosis, logOf(evidence, diagnosis)))
  const findings: readonly [Finding, ...Finding[]] = chooseVerdict(told, waitingFor, ended)
  return new EnsembleError('failed', findings, {
    againstRevision: speaksAgainstRevision(diagnoses),
  })
}

/**
 * The view in which it was done. Throws EnsembleError 'failed' with every cause, the deciding one
 * first, and leaves the evidence in the report.
 */
export async function awaitReady(
  ensemble: Attended,
  generation: number | undefined,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const goal = generation === undefined ? {} : { generation }
  return attend(
    ensemble,
    { generation: () => generation, step: (view, now) => judgeRollout(view, now, goal) },
    signal,
  )
}
