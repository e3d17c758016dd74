// status: judges a running ensemble as a deploy does and says what is missing; one look, or waiting
// until the roll is done or has failed. Changes nothing.

import { Deadline } from '../clock.ts'
import { diagnose, newMemory } from '../decide/diagnosis/diagnose.ts'
import { withLastWords } from '../decide/diagnosis/last-words.ts'
import { judgeRollout } from '../decide/rollout/rollout.ts'
import { heldRoll, judgeStatus, progressLine } from '../decide/status.ts'
import { EnsembleError, failure } from '../errors.ts'
import type { ProfileName } from '../view/profile-name.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Kube } from '../kube/kube.ts'
import { resolveProfile } from '../manifests/ensemble.ts'
import { parseSet } from '../manifests/shapes.ts'
import {
  refuseMissing,
  reviewRights,
  rightsToLook,
  rightsToLookOnce,
  type Rights,
} from '../procedures/open/access.ts'
import { askMembers, type Asking } from '../procedures/verify/ask-members.ts'
import { connectionString, targetOf } from '../procedures/open/ensemble-target.ts'
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
  const first = await journal.phase('Read the ensemble', async (done) => {
    const found = await readAll(kube, inputs, run, rights, namespace, signal)
    const now = run.clock.now()
    done(
      progressLine({
        view: found.view,
        verdict: judgeRollout(found.view, now, {}),
        diagnoses: diagnose(found.view, now, newMemory()).findings,
        background: found.recalled,
      }),
    )
    return found
  })
  const asking: Asking = {
    kube,
    inputs,
    run,
    rights,
    profile: first.profile,
    target: first.target,
  }
  const {
    view,
    recalled,
    serving,
    failure: failed,
  } = inputs.wait
    ? await untilDone(
        {
          ...asking,
          view: first.view,
          deadline,
          recall: () => recall(kube, namespace, first.target.name, run.clock.now(), signal),
        },
        signal,
      )
    : {
        view: first.view,
        recalled: first.recalled,
        serving: await askMembers(asking, first.view, signal),
        failure: undefined,
      }
  report.note(...recalled.notes)
  await tellRevisions(kube, run, rights, { view, recalled, profile: first.profile }, signal)
  run.publish()
  if (failed !== undefined) throw failed
  await conclude(kube, inputs, run, rights, { view, recalled, serving }, signal)
}

async function readAll(
  kube: Kube,
  inputs: Inputs,
  { clock, report }: Run,
  rights: Rights,
  namespace: string,
  signal: AbortSignal,
) {
  const [object, around] = await Promise.all([
    findSet(kube, namespace, inputs.name, signal),
    servicesIfAllowed(kube, namespace, signal),
  ])
  const { name } = object.metadata
  report.about({ name })
  const spec = parseSet(object)?.spec.template.spec
  if (spec === undefined)
    throw failure('refused', 'NOT_FOUND', `statefulset/${name} can't be read`, {
      object: `statefulset/${name}`,
    })
  const profile = resolveProfile(inputs.profile, spec, `statefulset/${name}`)
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
  return { view, profile, target, recalled }
}

function tellOmissions({ report }: Run, rights: Rights): void {
  if (!rights.events) report.note('Events may not be read: causes are told from the pods alone.')
  if (!rights.revisions)
    report.note('The revisions are left out: the right list controllerrevisions is missing.')
}

interface Seen {
  readonly view: EnsembleView
  readonly recalled: Recalled
}

async function tellRevisions(
  kube: Kube,
  { journal, report }: Run,
  rights: Rights,
  { view, recalled, profile }: Seen & { readonly profile: ProfileName },
  signal: AbortSignal,
): Promise<void> {
  if (!rights.revisions || view.set === undefined) return
  report.about({
    revisions: revisionRows(
      await listRevisions(kube, view.set, signal),
      view,
      recalled.record,
      profile,
    ),
  })
  noteUndoTarget(report, recalled.record, view, report.revisions)
  for (const line of revisionLines(report)) journal.info(line)
}

async function conclude(
  kube: Kube,
  inputs: Inputs,
  { clock, report }: Run,
  rights: Rights,
  { view, recalled, serving }: Seen & { readonly serving: Awaited<ReturnType<typeof askMembers>> },
  signal: AbortSignal,
): Promise<void> {
  const now = clock.now()
  const verdict = judgeRollout(view, now, {})
  const found = diagnose(await createNodeLook(kube)(view, now, signal), now, newMemory()).findings
  const evidence =
    verdict.kind === 'done'
      ? []
      : await collectEvidence(kube, view, found, rights.logs ? inputs.logLines : 0, signal)
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
  })
  const held = heldRoll(view)
  const halted =
    held !== undefined && findings.some((finding) => finding.message.includes(held.text))
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
