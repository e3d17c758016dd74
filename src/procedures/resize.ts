// One step to another number of members: the set and its member list change in one apply, the newcomer serves before the others learn of it, who goes hands over first.

import { budgetFor } from '../manifests/budget-size.ts'
import { connectionString } from './ensemble-target.ts'
import { memberStandings, observed, ownPods } from '../decide/members.ts'
import type { ScaleStep } from '../decide/scale.ts'
import type { ProfileName } from '../ensemble/profile.ts'
import { EnsembleError, failure, type Finding } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import { withMembers } from '../manifests/member-list.ts'
import { ownedPart } from '../manifests/owned.ts'
import type { KubeObject } from '../kube/kube.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { applyChange, isOursOrKubectl, objectName, planChanges, refOf } from './apply.ts'
import { attend } from './attend.ts'
import { bringMembers, rollOf, startOf, type Course, type Start } from './bring.ts'
import { budgetObjectsFor } from './budgets.ts'
import { partitionOf } from './partition.ts'
import { readyToLeave } from './roll.ts'
import { contextFor, membersOf, verifyEnsemble, type VerifyRun } from './verify-ensemble.ts'

export interface Resizing {
  readonly course: Course
  readonly run: VerifyRun
  readonly profile: ProfileName
  /** The StatefulSet as it is to be applied, with any number of members and its own partition. */
  readonly base: KubeObject
  readonly force: boolean
  /** ControllerRevisions that were verified. */
  readonly verified: ReadonlySet<string>
}

/** The view in which all members of this step serve. Throws as every change does; what was reached stays. */
export async function takeStep(resizing: Resizing, step: ScaleStep, signal: AbortSignal): Promise<EnsembleView> {
  const { run, profile } = resizing
  const { journal, report } = run
  const course: Course = { ...resizing.course, before: resizing.course.follower.snapshot() }
  const set = resized(resizing, step.count)
  const from = course.before.set?.replicas ?? step.count
  return journal.phase(step.words, async (done) => {
    if (step.kind === 'remove' && step.ordinal !== undefined) await leave(course, resizing, step.ordinal, signal)
    if (step.count > from) await moveBudgets(resizing, course, from, step.count, signal)
    const { start, generation } = await applyStep(course, resizing, set, step, signal)
    report.replicas = step.count
    report.connectionString = connectionString(run.target, course.before.set?.start ?? 0, step.count)
    if (step.count < from) {
      await awaitGone(course, generation, signal)
      await moveBudgets(resizing, course, from, step.count, signal)
    }
    const view = await bringMembers(course, start, generation, (object, until) => course.kube.apply(object, { force: resizing.force }, until).then((answer) => answer.object), signal)
    report.standing = `${step.count} ${step.count === 1 ? 'member serves' : 'members serve'}`
    if (run.profile.name !== 'none') await verifyEnsemble(run, view, 'quick', () => Promise.resolve([]), signal)
    done(`${step.count} of ${step.count} members available${profile === 'zookeeper' ? ', each knows the others' : ''}`)
    course.services.publish()
    return view
  })
}

/** The set with another number of members; what can't be changed is refused before anything was. */
export function resized({ base, profile }: Pick<Resizing, 'base' | 'profile'>, count: number): KubeObject {
  const answer = withMembers(base, count, profile)
  if ('refused' in answer) throw failure('refused', 'MEMBERSHIP_CHANGE', `the number of members of ${base.metadata.name} can't be changed by this action: ${answer.refused}`, { object: objectName(base), mend: answer.manual })
  return answer.set
}

/** Another one leads, and what this one alone has is handed over. */
async function leave(course: Course, { run }: Resizing, ordinal: number, signal: AbortSignal): Promise<void> {
  const view = await readyToLeave(rollOf(course), ordinal, signal)
  const member = membersOf(view, run.target).find((one) => one.ordinal === ordinal)
  const { profile } = course.looking
  if (member === undefined || profile.leave === undefined) return
  run.journal.info(`${member.pod}: hands over what it has before it goes`)
  run.report.changed = true
  await profile.leave(member, contextFor(course.looking, view.set?.replicas ?? 0, signal))
}

async function applyStep(course: Course, { run, force, verified }: Resizing, set: KubeObject, step: ScaleStep, signal: AbortSignal): Promise<{ readonly start: Start; readonly generation: number | undefined }> {
  const { kube } = course
  const { journal, report, clock } = run
  const view = course.follower.snapshot()
  const listedBefore = step.kind === 'add' ? step.count - 1 : step.kind === 'remove' ? step.count + 1 : undefined
  const held = { ...(await startOf({ ...course, before: view }, set, step.kind === 'finish' ? view.set?.status.updateRevision : undefined, signal)), listedBefore }
  // Without its peer the last one serves nobody: there is nothing to be held back from a restart.
  const start = step.kind === 'remove' && step.count === 1 && course.looking.profile.name === 'zookeeper' ? { ...held, first: set, stands: partitionOf(set) } : held
  const place = { file: 'the StatefulSet in the cluster' }
  const plan = await planChanges(kube, [{ object: start.first, place, placeOf: () => place }], { force, dryRuns: true, verified }, signal)
  const [first, ...rest] = plan.flatMap((planned) => planned.findings).filter((finding): finding is Finding => finding.severity === 'error')
  if (first !== undefined) throw new EnsembleError(report.changed ? 'failed' : 'refused', [first, ...rest])
  let generation = view.set?.generation
  for (const planned of plan) {
    const { object, change } = await applyChange(kube, planned, force, signal)
    generation = object.metadata.generation
    if (change === 'unchanged') continue
    report.changed = true
    report.timeline.push({ at: clock.now(), what: `${objectName(object)}: ${step.words}` })
    report.changes.push({ object: objectName(object), change: 'configured', note: step.words })
    report.standing = `${step.words} was begun`
    journal.info(`${objectName(object)}: ${step.count} members, ${step.kind === 'add' ? 'the others keep the list of before until the newcomer serves' : 'those that stay learn of it one by one'}`)
  }
  return { start, generation }
}

/** The pods that are too many have ended. */
async function awaitGone(course: Course, generation: number | undefined, signal: AbortSignal): Promise<void> {
  const { clock } = course.services
  await attend(rollOf(course).attendance, {
    generation: () => generation,
    step: (view) => {
      if (view.set === undefined || !observed(view.set, generation)) return { kind: 'waiting', reason: `the StatefulSet controller has not seen the change of ${course.looking.target.name} yet` }
      const extra = memberStandings(view, clock.now()).find((member) => member.state === 'extra')
      return extra === undefined ? { kind: 'done' } : { kind: 'waiting', reason: `${extra.pod} is ${extra.text}` }
    },
  }, signal)
}

/** Budgets that count members by number move with their number: up before a member comes, down once one is gone. */
async function moveBudgets({ run, force }: Resizing, course: Course, from: number, to: number, signal: AbortSignal): Promise<void> {
  const { report, journal } = run
  const [pod] = ownPods(course.follower.snapshot())
  if (pod === undefined || !course.rights.budgets) return
  for (const live of await budgetObjectsFor(course.kube, pod.namespace, pod.labels, signal)) {
    const spec = budgetFor(live, from, to)['spec']
    if (spec === live['spec'] || typeof spec !== 'object' || spec === null || !('minAvailable' in spec)) continue
    try {
      // A list doesn't say whose the fields are; an apply that leaves out what is ours takes it away, the selector too.
      const owned = ownedPart((await course.kube.get(refOf(live), signal)) ?? live, isOursOrKubectl)
      const object: KubeObject = { ...owned, spec: { ...(typeof owned['spec'] === 'object' ? owned['spec'] : {}), minAvailable: spec.minAvailable } }
      const place = { file: 'the budget in the cluster' }
      for (const planned of await planChanges(course.kube, [{ object, place, placeOf: () => place }], { force, dryRuns: true }, signal)) {
        const [fault, ...more] = planned.findings
        if (fault !== undefined) throw new EnsembleError('failed', [fault, ...more])
        await applyChange(course.kube, planned, force, signal)
      }
      report.changed = true
      report.changes.push({ object: objectName(live), change: 'configured', note: `minAvailable ${String(spec.minAvailable)} of ${to}` })
      journal.info(`${objectName(live)}: minAvailable ${String(spec.minAvailable)} of ${to} members`)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof EnsembleError) && !(error instanceof KubeFailure)) throw error
      report.notes.push(`${objectName(live)} could not be changed (${error.message}): set its minAvailable to ${String(spec.minAvailable)} for ${to} members.`)
    }
  }
}
