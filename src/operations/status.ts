// status: judges a running ensemble as a deploy does and says what is missing; one look, or waiting
// until the roll is done or has failed. Changes nothing.

import { Deadline } from '../clock.ts'
import { diagnose, newMemory } from '../decide/diagnosis/diagnose.ts'
import { withLastWords } from '../decide/diagnosis/last-words.ts'
import { judgeRollout } from '../decide/rollout/rollout.ts'
import { heldRoll, isHalted, judgeStatus, progressLine } from '../decide/status.ts'
import type { ServingVerdict } from '../decide/members/serving.ts'
import { EnsembleError } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Kube } from '../kube/kube.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToLook,
  rightsToLookOnce,
  type Rights,
} from '../procedures/open/access.ts'
import { askMembers } from '../procedures/verify/ask-members.ts'
import type { ReachableEnsemble } from '../procedures/open/ensemble.ts'
import { connectionString, profileOf, targetOf } from '../procedures/open/ensemble-target.ts'
import { openToLook } from '../procedures/open/open-ensemble.ts'
import { collectEvidence, logOf } from '../procedures/verify/evidence.ts'
import {
  findSet,
  readEvents,
  readView,
  servicesIfAllowed,
} from '../procedures/open/read-ensemble.ts'
import { createNodeLook } from '../procedures/verify/hanging.ts'
import { lossesAhead } from '../procedures/verify/keep-data.ts'
import { recall, type Recalled } from '../procedures/open/recall.ts'
import { noteUndoTarget } from '../procedures/open/undo-target.ts'
import { listRevisions, revisionRows } from '../procedures/open/revisions.ts'
import { untilDone } from '../procedures/rollout/until-done.ts'
import { scaleBegun } from '../record/record.ts'
import { revisionLines } from '../report/revision-table.ts'
import type { Run } from '../run.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'

export async function status(inputs: Inputs, run: Run): Promise<void> {
  await withClusterInTime(inputs, run, (kube, signal) =>
    statusIn(kube, inputs, run, new Deadline(run.clock, inputs.timeoutMs), signal),
  )
}

async function statusIn(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<void> {
  const { journal, report } = run
  const namespace = inputs.namespace ?? kube.namespace
  report.about({ namespace, name: inputs.name ?? '' })
  report.stands('status changes nothing')
  const rights = await reviewRights(
    kube,
    inputs.wait ? rightsToLook(namespace) : rightsToLookOnce(namespace),
    namespace,
    signal,
  )
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  tellOmissions(run, rights)
  const { ensemble, ...first } = await journal.phase('Read the ensemble', async (done) => {
    const found = await readAll(kube, inputs, run, rights, signal)
    const { view, recalled: background } = found
    const now = run.clock.now()
    const verdict = judgeRollout(view, now, {})
    const diagnoses = diagnose(view, now, newMemory()).findings
    done(progressLine({ view, verdict, diagnoses, background }))
    return found
  })
  const { failure: failed, ...seen } = inputs.wait
    ? await untilDone(
        ensemble,
        {
          view: first.view,
          deadline,
          recall: () => recall(kube, namespace, ensemble.target.name, run.clock.now(), signal),
        },
        signal,
      )
    : { ...first, serving: await askMembers(ensemble, first.view, signal), failure: undefined }
  report.note(...seen.recalled.notes)
  await tellRevisions(ensemble, seen, signal)
  run.publish()
  if (failed !== undefined) throw failed
  await conclude(ensemble, seen, signal)
}

async function readAll(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  rights: Rights,
  signal: AbortSignal,
): Promise<{ readonly ensemble: ReachableEnsemble } & Omit<Seen, 'serving'>> {
  const { clock, report } = run
  const namespace = inputs.namespace ?? kube.namespace
  const [object, around] = await Promise.all([
    findSet(kube, namespace, inputs.name, signal),
    servicesIfAllowed(kube, namespace, signal),
  ])
  const { name } = object.metadata
  report.about({ name })
  const profile = profileOf(object, inputs.profile)
  const target = targetOf(object, around ?? [], profile, namespace)
  report.about({ profile })
  const [seen, events, recalled] = await Promise.all([
    readView(kube, object, signal),
    rights.events ? readEvents(kube, namespace, signal) : [],
    recall(kube, namespace, name, clock.now(), signal),
  ])
  const view: EnsembleView = { ...seen, events }
  report.about({
    connectionString: connectionString(target, view.set?.start ?? 0, view.set?.replicas ?? 0),
  })
  report.sawMembers(view)
  const ensemble = await openToLook(inputs, run, { kube, target, profile, rights })
  return { ensemble, view, recalled }
}

function tellOmissions({ report }: Run, rights: Rights): void {
  if (!rights.events) report.note('Events may not be read: causes are told from the pods alone.')
  if (!rights.revisions)
    report.note('The revisions are left out: the right list controllerrevisions is missing.')
}

interface Seen {
  readonly view: EnsembleView
  readonly recalled: Recalled
  readonly serving: ServingVerdict
}

async function tellRevisions(
  { kube, rights, profile, run: { journal, report } }: ReachableEnsemble,
  { view, recalled }: Seen,
  signal: AbortSignal,
): Promise<void> {
  if (!rights.revisions || view.set === undefined) return
  report.about({
    revisions: revisionRows(
      await listRevisions(kube, view.set, signal),
      view,
      recalled.record,
      profile.name,
    ),
  })
  noteUndoTarget(report, recalled.record, view, report.revisions)
  for (const line of revisionLines(report)) journal.info(line)
}

async function conclude(
  { kube, logLines, profile, target, run: { clock, report } }: ReachableEnsemble,
  { view, recalled, serving }: Seen,
  signal: AbortSignal,
): Promise<void> {
  const now = clock.now()
  const verdict = judgeRollout(view, now, {})
  const found = diagnose(await createNodeLook(kube)(view, now, signal), now, newMemory()).findings
  const evidence =
    verdict.kind === 'done' ? [] : await collectEvidence(kube, view, found, logLines, signal)
  report.prove(...evidence)
  const diagnoses = found.map((one) => withLastWords(one, logOf(evidence, one)))
  const losses = await lossesAhead(kube, view, new Set(), signal)
  const findings = judgeStatus({
    now,
    view,
    verdict,
    diagnoses,
    serving,
    background: recalled,
    losses,
    scale: scaleBegun(recalled.record, target.name, profile.name),
  })
  const held = heldRoll(view)
  const halted = isHalted(held, view, recalled)
  if (held !== undefined && !halted)
    report.note(
      `A part of the members is held back: ${held.text}. If that is not meant to last, run the deploy again: it continues, one member at a time.`,
    )
  else if (verdict.kind === 'done' && verdict.note !== undefined && !halted)
    report.note(`${verdict.note}.`)
  report.found(...findings.filter((finding) => finding.severity === 'warning'))
  const [first, ...rest] = findings.filter((finding) => finding.severity === 'error')
  if (first !== undefined) throw new EnsembleError('failed', [first, ...rest])
  report.ends('succeeded')
}
