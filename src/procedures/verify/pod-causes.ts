// What the pods themselves show after checks have failed: a container that died, or can't be
// pulled, is the cause before any word of the quorum.

import { diagnose, newMemory } from '../../decide/diagnosis/diagnose.ts'
import { chooseVerdict, withPodFindings } from '../../decide/diagnosis/evidence-choice.ts'
import { withLastWords } from '../../decide/diagnosis/last-words.ts'
import { judgeRollout } from '../../decide/rollout/rollout.ts'
import { isFault } from '../../decide/status.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import { collectEvidence, logOf } from './evidence.ts'
import { createNodeLook } from './hanging.ts'
import { findSet, readEvents, readView } from '../open/read-ensemble.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

/**
 * The failure with the faults of pods put first and their proof in the report; what a check could
 * not ask of such a pod is left out, since it follows. Unchanged where the
 * pods show nothing.
 */
export async function withPodCauses(
  failure: EnsembleError,
  {
    kube,
    rights,
    target: { namespace, name },
    logLines,
    run: { clock, report },
  }: ReachableEnsemble,
  signal: AbortSignal,
): Promise<EnsembleError> {
  const [seen, events] = await Promise.all([
    findSet(kube, namespace, name, signal).then((object) => readView(kube, object, signal)),
    rights.events ? readEvents(kube, namespace, signal) : [],
  ])
  const view = { ...seen, events }
  const now = clock.now()
  const standing = judgeRollout(view, now, {})
  const faults = diagnose(
    await createNodeLook(kube)(view, now, signal),
    now,
    newMemory(),
  ).findings.filter(isFault)
  if (standing.kind === 'done' || faults.length === 0) return failure
  const evidence = await collectEvidence(kube, view, faults, logLines, signal)
  report.prove(...evidence)
  const told = faults.map((one) => withLastWords(one, logOf(evidence, one)))
  const blamed = new Set(told.map(({ object }) => object))
  const rest = failure.findings.filter((finding) => !followsFrom(finding, blamed))
  const verdict = chooseVerdict(told, standing.reason, 'one look can not tell whether it will pass')
  return new EnsembleError(failure.outcome, withPodFindings(rest, told, verdict), {
    cause: failure,
  })
}

/** A server that does not run answers no check: that it did not is no fault of its own. */
function followsFrom({ code, object, message }: Finding, blamed: ReadonlySet<string>): boolean {
  if (code !== 'CHECK_IMPOSSIBLE' && code !== 'CHECK_FAILED') return false
  if (object !== undefined) return blamed.has(object)
  return (
    code === 'CHECK_IMPOSSIBLE' &&
    [...blamed].some((one) => message.includes(`(${one.slice(one.indexOf('/') + 1)}: `))
  )
}
