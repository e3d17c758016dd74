// A deploy whose manifest has more members than run gets there by the steps of a scale, each with the manifest's own template; the last one is the manifest as it stands.

import { planScale, type ScaleStep } from '../decide/scale.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { KubeObject } from '../kube/kube.ts'
import { toSet } from '../kube/views/index.ts'
import { memberCountOf } from '../manifests/member-list.ts'
import { verifiedNames } from '../record/record.ts'
import { applyChange, objectName, planChanges } from './apply.ts'
import { isUnfinished, startOf, type Course, type Start } from './bring.ts'
import { knownLists } from './known-lists.ts'
import { partitionOf } from './partition.ts'
import type { Ground } from './preflight.ts'
import { takeStep } from './resize.ts'
import type { VerifyRun } from './verify-ensemble.ts'

export interface Growing {
  readonly inputs: Pick<Inputs, 'forceConflicts'>
  readonly ground: Ground
  readonly course: Course
  readonly run: VerifyRun
}

/** What the deploy goes on with: it looks whether all is as the manifests say. */
export interface Grown {
  readonly ground: Ground
  readonly start: Start
  /** Objects that were created on the way. */
  readonly created: readonly KubeObject[]
}

/** Takes every step; undefined where the number of members is right. */
export async function growFirst({ inputs, ground, course: unpaced, run }: Growing, signal: AbortSignal): Promise<Grown | undefined> {
  const { kube } = unpaced
  const steps = stepsTo(ground, unpaced, ground.live === undefined ? [] : await knownLists(kube, ground.live, unpaced.before, ground.profile, signal))
  for (const { words, outage } of steps) if (outage !== undefined) run.report.notes.push(`${words}: ${outage}.`)
  if (steps.length === 0) return undefined
  // Members are never added at the controller's own pace: it would not wait for the newcomer to serve.
  const course: Course = { ...unpaced, inputs: { ...unpaced.inputs, pace: 'quorum' } }
  const force = inputs.forceConflicts
  const verified = verifiedNames(ground.stored.record)
  const created: KubeObject[] = []
  // What the members of the new revision need must be there before the first of them.
  for (const planned of ground.plan) {
    if (planned.manifest === ground.setManifest) continue
    const { object, change } = await applyChange(kube, planned, force, signal)
    if (change === 'created') created.push(object)
    if (change === 'unchanged') continue
    run.report.changed = true
    run.report.changes.push({ object: objectName(object), change })
    run.journal.info(`${objectName(object)} ${change}`)
  }
  for (const step of steps) await takeStep({ course, run, profile: ground.profile, base: ground.setManifest.object, force, verified }, step, signal)
  const plan = await planChanges(kube, ground.manifests, { force, dryRuns: true, verified }, signal)
  const start = await startOf({ ...course, before: course.follower.snapshot() }, ground.setManifest.object, undefined, signal)
  return { ground: { ...ground, plan }, start, created }
}

function stepsTo({ live, profile, setManifest }: Ground, { before }: Course, known: readonly number[] | 'unknown'): readonly ScaleStep[] {
  if (live === undefined || profile !== 'zookeeper') return []
  const { name, start, replicas } = toSet(live)
  const target = toSet(setManifest.object).replicas
  const listed = memberCountOf(live, profile)
  const members = typeof listed === 'number' ? listed : replicas
  if (replicas === 0 || target < members) return []
  // A growth that was cut off in its last step has all its members, but not all of them know it.
  if (target === members && (known === 'unknown' || known.every((count) => count === members))) return []
  return planScale({ name, start, replicas, listed: members, unfinished: isUnfinished(before, partitionOf(setManifest.object)), known, target, voting: true }) ?? []
}
