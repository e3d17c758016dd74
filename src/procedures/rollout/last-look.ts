// How the members stand at the end of a run that failed: asked once more, since what was heard
// during the work may be minutes old, or nothing.

import { bestEffort } from '../../best-effort.ts'
import type { Follower } from '../../kube/follow.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'
import { createLooker } from './looker.ts'

/** The end of a run is not held up for it. Milliseconds. */
const LOOK_MS = 8_000

/** The report's members are filled as far as that goes in a moment. Never rejects. */
export async function lastLook(
  ensemble: ReachableEnsemble,
  follower: Follower,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return
  const until = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)])
  const { journal, report } = ensemble.run
  await bestEffort(journal, 'the members could not be asked at the end', async () => {
    const view = follower.snapshot()
    report.sawMembers(view)
    await createLooker(ensemble, until).members(view, false)
  })
}
