// Waits until a roll that somebody else has begun is done and its members serve, or has failed: for
// `status` with `wait`.

import { formatSpan, type Deadline } from '../../clock.ts'
import { TELL_OUTSIDE_MS } from '../../decide/members/patience.ts'
import { judgeRollout } from '../../decide/rollout/rollout.ts'
import type { ServingVerdict } from '../../decide/members/serving.ts'
import { judgeWait, NOTHING_SEEN } from '../../decide/status-wait.ts'
import { EnsembleError } from '../../errors.ts'
import { follow, type Follower } from '../../kube/follow.ts'
import { selectorText } from '../../kube/views/index.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { waitUntil } from '../../wait-until.ts'
import { askMembers, lookQuietly } from '../verify/ask-members.ts'
import { awaitReady } from './attend.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'
import type { Recalled } from '../open/recall.ts'

const POLL_MS = 2_000
/** A line is printed at least this often. */
const HEARTBEAT_MS = 30_000

export interface Waiting {
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
 * Ends when all is done and serving, when nobody continues a halted roll, when a fault is
 * proven, or with the deadline.
 */
export async function untilDone(
  ensemble: ReachableEnsemble,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<Ended> {
  const { kube, run, target } = ensemble
  const { view } = waiting
  const { set } = view
  if (set === undefined)
    return {
      view,
      recalled: await waiting.recall(),
      serving: await askMembers(ensemble, view, signal),
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
      .phase('Wait until the roll is done', async (done): Promise<undefined> => {
        done(await settled(ensemble, waiting, follower, signal))
      })
      .catch((error: unknown) => {
        // How the members stand and what runs is told all the same.
        if (error instanceof EnsembleError && !signal.aborted) return error
        throw error
      })
    const last = follower.snapshot()
    const [recalled, serving] = [await waiting.recall(), await askMembers(ensemble, last, signal)]
    return { view: last, recalled, serving, failure }
  } finally {
    await follower.stop()
  }
}

/** How the wait ended, in one line. */
async function settled(
  ensemble: ReachableEnsemble,
  waiting: Waiting,
  follower: Follower,
  signal: AbortSignal,
): Promise<string> {
  const { clock, journal } = ensemble.run
  const { deadline } = waiting
  let ended = ''
  let lasting = NOTHING_SEEN
  await waitUntil(
    {
      clock,
      deadline,
      everyMs: POLL_MS,
      heartbeatMs: TELL_OUTSIDE_MS,
      say: (line) => journal.info(line),
    },
    async () => {
      const view = await ready(ensemble, waiting, follower, signal)
      const [background, serving] = await Promise.all([
        waiting.recall(),
        lookQuietly(ensemble, view, signal),
      ])
      const found = judgeWait({ now: clock.now(), view, serving, background }, lasting)
      const { over, text, halted } = found
      lasting = found.lasting
      ended = over ? text : `the timeout is over: ${text}`
      return over
        ? undefined
        : {
            line: `still waiting, ${formatSpan(deadline.left())} left: ${text}`,
            reason: text,
            ...(halted ? { heartbeatMs: HEARTBEAT_MS } : {}),
          }
    },
    signal,
  )
  return ended
}

/** The view in which the controller's part is done; at once while it is. */
async function ready(
  { kube, run, logLines, memberTimeoutMs }: ReachableEnsemble,
  { view: before, deadline }: Waiting,
  follower: Follower,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { clock, report } = run
  const view = follower.snapshot()
  if (judgeRollout(view, clock.now(), {}).kind === 'done') return view
  const notes = report.notes.length
  const found = await awaitReady(
    {
      kube,
      run,
      follower,
      deadline,
      memberTimeoutMs,
      logLines,
      before: { ...before, events: [] },
    },
    undefined,
    signal,
  )
  // What is done with a reservation is said once, at the end.
  report.forgetNotes(notes)
  return found
}
