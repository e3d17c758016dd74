// Waits until a roll that somebody else has begun is done and its members serve, or has failed: for
// `status` with `wait`.

import { formatSpan, type Deadline } from '../../clock.ts'
import { ELECTS_WITHIN_MS, TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import { judgeRollout } from '../../decide/rollout/rollout.ts'
import type { ServingVerdict } from '../../decide/members/serving.ts'
import { heldRoll, isHalted } from '../../decide/status.ts'
import { EnsembleError } from '../../errors.ts'
import { follow, type Follower } from '../../kube/follow.ts'
import { selectorText } from '../../kube/views/index.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { askMembers, lookQuietly, type Asking } from '../verify/ask-members.ts'
import { awaitReady } from './attend.ts'
import type { Recalled } from '../open/recall.ts'

const POLL_MS = 2_000
/** A line is printed at least this often. */
const HEARTBEAT_MS = 30_000
/**
 * A lock that isn't renewed for this long is that of a dead run, judged by how long we have seen it
 * unchanged.
 */
const DEAD_AFTER_MS = 75_000

export interface Waiting extends Asking {
  /** As it stood at the first look. */
  readonly view: EnsembleView
  readonly deadline: Deadline
  recall(): Promise<Recalled>
}

export interface Ended {
  readonly view: EnsembleView
  readonly recalled: Recalled
  readonly serving: ServingVerdict
  /**
   * Why the wait failed, with its evidence in the report; undefined where the caller is to judge
   * what was found.
   */
  readonly failure: EnsembleError | undefined
}

/**
 * Ends when all is done and serving, when nobody goes on with a halted roll, when a fault is
 * proven, or with the deadline.
 */
export async function untilDone(waiting: Waiting, signal: AbortSignal): Promise<Ended> {
  const { kube, run, view, target } = waiting
  const { set } = view
  if (set === undefined)
    return {
      view,
      recalled: await waiting.recall(),
      serving: await askMembers(waiting, view, signal),
      failure: undefined,
    }
  const follower = follow(
    kube,
    {
      namespace: target.namespace,
      set: target.name,
      selector: selectorText(set.selector),
      uid: set.uid,
    },
    run.clock,
    signal,
  )
  try {
    await follower.ready()
    const failure = await run.journal
      .phase('Wait until the roll is done', (done) => settle(waiting, follower, done, signal))
      .catch((error: unknown) => {
        // How the members stand and what runs is told all the same.
        if (error instanceof EnsembleError && !signal.aborted) return error
        throw error
      })
    const last = follower.snapshot()
    const [recalled, serving] = [await waiting.recall(), await askMembers(waiting, last, signal)]
    return { view: last, recalled, serving, failure }
  } finally {
    await follower.stop()
  }
}

async function settle(
  waiting: Waiting,
  follower: Follower,
  done: (line: string) => void,
  signal: AbortSignal,
): Promise<undefined> {
  const { run, deadline } = waiting
  const { clock, journal } = run
  let told = { text: '', at: clock.now() }
  let outsideSince: number | undefined
  let life: { readonly renewed: number | undefined; readonly at: number } | undefined
  for (;;) {
    const view = await ready(waiting, follower, signal)
    const [recalled, serving] = await Promise.all([
      waiting.recall(),
      lookQuietly(waiting, view, signal),
    ])
    const held = heldRoll(view)
    const halted = held !== undefined && isHalted(held, view, recalled) ? held : undefined
    const text = halted === undefined ? serving.detail : halted.text
    if (life === undefined || life.renewed !== recalled.renewed)
      life = { renewed: recalled.renewed, at: clock.now() }
    outsideSince =
      serving.findings.length === 0 || serving.onTheWay ? undefined : (outsideSince ?? clock.now())
    // Nobody is young enough to be on its way any more, and no run that lives is at work: it will
    // not come in by itself.
    const stays =
      outsideSince !== undefined &&
      recalled.alive !== true &&
      clock.now() - outsideSince >= ELECTS_WITHIN_MS
    const over =
      halted === undefined
        ? serving.findings.length === 0 || stays
        : recalled.alive === false || clock.now() - life.at >= DEAD_AFTER_MS
    if (over || deadline.passed) {
      done(over ? text : `the timeout is over: ${text}`)
      return undefined
    }
    if (
      text !== told.text ||
      clock.now() - told.at >= (halted === undefined ? TELL_OUTSIDE_MS : HEARTBEAT_MS)
    ) {
      journal.info(`still waiting, ${formatSpan(deadline.left())} left: ${text}`)
      told = { text, at: clock.now() }
    }
    await clock.sleep(Math.min(POLL_MS, Math.max(20, deadline.left())), signal)
  }
}

/** The view in which the controller's part is done; at once while it is. */
async function ready(
  waiting: Waiting,
  follower: Follower,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { kube, inputs, run, rights, deadline } = waiting
  const { clock, report } = run
  const view = follower.snapshot()
  if (judgeRollout(view, clock.now(), {}).kind === 'done') return view
  const notes = report.notes.length
  // The timeout alone bounds this wait: how long a member may take is the business of the run that
  // changes it.
  const found = await awaitReady(
    {
      kube,
      run,
      follower,
      deadline,
      memberTimeoutMs: inputs.timeoutMs,
      logLines: rights.logs ? inputs.logLines : 0,
      before: { ...waiting.view, events: [] },
    },
    undefined,
    signal,
  )
  // What is done with a reservation is said once, at the end.
  report.forgetNotes(notes)
  return found
}
