// Brings back an earlier revision: its objects first, then its members, a stuck one freed and
// serving ones rolled; then the same checks as after any change.

import { leadsTo, planTo, type Way } from './undo-plan.ts'
import { immutableDifferences } from '../../decide/preflight/immutable.ts'
import { mapOf } from '../../manifests/fields-v1.ts'
import { Deadline } from '../../clock.ts'
import { failure } from '../../errors.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { toSet } from '../../kube/views/index.ts'
import { addressesOf, worse, membersOfSet } from '../../manifests/addresses.ts'
import { budgetFor } from '../../manifests/budget-size.ts'
import { memberCountOf, withMembers } from '../../manifests/member-list.ts'
import { memberServices, ordinalIn } from '../../manifests/member-services.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { objectName, type KubeObject } from '../../kube/kube.ts'
import { verifiedNames } from '../../record/record.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { applyPlanned } from '../apply/apply.ts'
import { refuseFaulty, type PlannedChange } from '../apply/plan-changes.ts'
import { bringMembers } from './bring.ts'
import type { DataWatch } from '../verify/data-watch.ts'
import { refuseLoss, warnAlone } from '../verify/keep-data.ts'
import { servicesIfAllowed, withOthers } from '../open/read-ensemble.ts'
import type { Ensemble, Target } from '../open/ensemble.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { targetOf } from '../open/ensemble-target.ts'
import { verifyPhase, isFull } from '../verify/verify-ensemble.ts'

/** What an undo goes back to. */
export interface Earlier {
  readonly digest: string
  /** Name of its ControllerRevision, where it is known. */
  readonly controllerRevision: string
  readonly image: string
  readonly version: string
  /** Its objects, the StatefulSet among them, as they are to be applied. */
  readonly objects: readonly KubeObject[]
  /** Was it verified once: then it is again, when the checks pass. */
  readonly verified: boolean
}

/** How an undo goes about it. */
export interface UndoWay {
  /**
   * An undo that was asked for takes over what people's tools wrote, and with force what others
   * own; one that follows a failure does not.
   */
  readonly asked: boolean
  readonly watch: DataWatch | undefined
}

/**
 * The way back has time of its own, whatever the way forward has used: a member's time for each of
 * them, and one for what comes before and after.
 */
export function reserve(ensemble: Ensemble): Deadline {
  const members = ensemble.before.set?.replicas ?? 1
  return new Deadline(ensemble.run.clock, ensemble.memberTimeoutMs * (members + 1))
}

/**
 * The changes of an undo that is asked for, by dry runs. Throws EnsembleError 'refused' with what
 * the server, or the data of a member, has against them.
 */
export async function planBack(
  ensemble: Locked,
  earlier: Earlier,
  signal: AbortSignal,
): Promise<readonly PlannedChange[]> {
  return (await wayBack(ensemble, earlier, true, signal)).plan
}

async function wayBack(
  changed: Locked,
  earlier: Earlier,
  asked: boolean,
  signal: AbortSignal,
): Promise<Way> {
  const { run, kube, follower, target } = changed
  const view = follower.snapshot()
  const objects = withReplicas(asItStands(earlier.objects, changed.set), view, changed.profile.name)
  const set = setAmong(objects, earlier)
  const { namespace } = target
  const live = await servicesIfAllowed(kube, namespace, signal)
  const services = withOthers(objects, live ?? [])
  // What the set's events told of the change that is rolled back is no news any more.
  const ensemble: Ensemble = {
    ...changed,
    target: earlierTarget(targetOf(set, services, changed.profile.name, namespace), target, live),
    before: view,
    addresses: worse(
      changed.addresses,
      addressesOf(set, live === undefined ? undefined : services, changed.profile.name, namespace),
    ),
  }
  const planned = {
    ensemble,
    verified: verifiedNames(changed.record.current),
    objects,
    set,
    force: asked && changed.inputs.forceConflicts,
    asked,
  }
  const there = await planTo(planned, earlier.controllerRevision, signal)
  const way = (await leadsTo(earlier.controllerRevision, there, signal))
    ? there
    : // Members of that revision are replaced too, so they must wait for the quorum as well.
      await planTo(planned, undefined, signal)
  refuseFaulty(way.plan, 'refused')
  warnAlone(run, view)
  await refuseLoss(ensemble, view, undefined, signal)
  return way
}

/**
 * The ensemble as its earlier objects make it: what the change asked for, such as another container
 * or members on distinct nodes, is not looked for in what was before. `there`: the Services of the
 * cluster; those that are known already stay where they may not be listed.
 */
function earlierTarget(
  made: Target,
  { clientService, memberServices, listedServices }: Target,
  there: readonly KubeObject[] | undefined,
): Target {
  if (there !== undefined || made.clientService !== undefined || made.memberServices.length > 0)
    return made
  return { ...made, clientService, memberServices, listedServices }
}

function setAmong(objects: readonly KubeObject[], { controllerRevision }: Earlier): KubeObject {
  const set = objects.find(
    (object) => parseSet(object) !== undefined && object.kind === 'StatefulSet',
  )
  if (set !== undefined) return set
  throw failure(
    'failed',
    'INTERNAL',
    `the kept objects of ${controllerRevision} hold no StatefulSet`,
  )
}

/**
 * Throws as a deploy does; what was done until then is in the report's
 * standing.
 */
export async function goBack(
  ensemble: Locked,
  earlier: Earlier,
  { asked, watch }: UndoWay,
  signal: AbortSignal,
): Promise<void> {
  const {
    record,
    inputs: { verify: level },
    run: { report },
  } = ensemble
  const applied = await applyEarlier(ensemble, earlier, asked, signal)
  const stands = await bringBack(applied, signal)
  if (level !== 'off')
    await verifyPhase(
      applied.ensemble,
      stands,
      {
        level,
        unchecked: '',
        more: () => watch?.finish(stands, signal) ?? Promise.resolve([]),
      },
      signal,
    )
  const checked = isFull(level)
  const current = stands.set?.status.updateRevision ?? ''
  const { digest, image } = earlier
  await record.verified(
    checked
      ? {
          digest,
          image,
          controllerRevision: current,
          version: report.version,
          origin: 'undo' as const,
        }
      : undefined,
    { uid: stands.set?.uid ?? '', objects: applied.objects },
    signal,
  )
  report.stands(`every member is back at revision ${current}${checked ? ' and verified' : ''}`)
}

/** Its objects are applied; `generation`: of the StatefulSet then. */
interface AppliedWay extends Way {
  readonly generation: number | undefined
}

async function applyEarlier(
  ensemble: Locked,
  earlier: Earlier,
  asked: boolean,
  signal: AbortSignal,
): Promise<AppliedWay> {
  const { journal, report } = ensemble.run
  const { controllerRevision } = earlier
  return journal.phase(`Roll back to revision ${controllerRevision}`, async (done) => {
    const way = await wayBack(ensemble, earlier, asked, signal)
    const { set } = way.ensemble.before
    // Nothing is begun that could be left unfinished where all stands already.
    if (way.plan.some((planned) => planned.change !== 'unchanged'))
      await ensemble.record.begin(
        {
          operation: 'undo',
          digest: earlier.digest,
          set: set?.uid,
          previous: set?.status.updateRevision ?? '',
        },
        signal,
      )
    let generation: number | undefined
    const back: string[] = []
    for (const planned of way.plan) {
      const name = objectName(planned.manifest.object)
      const { object } = await applyPlanned(
        ensemble,
        planned,
        ({ change }) => {
          back.push(name)
          report.didAgain({
            row: {
              object: name,
              change: change === 'created' ? 'created' : 'configured',
              note: `back to ${controllerRevision}`,
            },
            line: `${name} is back as it was at ${controllerRevision}`,
            what: `${name} back as at ${controllerRevision}`,
          })
        },
        signal,
      )
      if (object.kind === 'StatefulSet') generation = object.metadata.generation
    }
    report.stands(
      `the objects of revision ${controllerRevision} are applied again; the members are not rolled back yet`,
    )
    done(
      back.length === 0
        ? 'its objects stand already'
        : `${back.join(', ')} ${back.length === 1 ? 'is' : 'are'} back`,
    )
    return { ...way, generation }
  })
}

async function bringBack(
  { ensemble, start, generation, force }: AppliedWay,
  signal: AbortSignal,
): Promise<EnsembleView> {
  const { run } = ensemble
  const { journal, report } = run
  return journal.phase('Roll back every member', async (done) => {
    const found = await bringMembers(ensemble, start, { generation, force }, signal)
    const current = found.set?.status.updateRevision ?? ''
    done(`${found.set?.replicas ?? 0} members available at revision ${current}`)
    report.stands(`every member is back at revision ${current}; it was not verified`)
    run.publish()
    return found
  })
}

/**
 * What of a StatefulSet can't be changed is no part of a revision: it was another one where it was
 * recreated since. A claim template that is gone may be mounted by the earlier pods: then it stays,
 * and the server refuses it.
 */
function asItStands(
  objects: readonly KubeObject[],
  live: KubeObject | undefined,
): readonly KubeObject[] {
  const [is, names] = [mapOf(live?.['spec']), claimTemplatesOf(live)]
  return objects.map((object) => {
    if (object.kind !== 'StatefulSet') return object
    const was = mapOf(object['spec'])
    const fields = immutableDifferences(is, was).map(({ path }) => String(path[0]))
    const taken = fields.filter(
      (field) =>
        field === 'podManagementPolicy' ||
        field === 'serviceName' ||
        (field === 'volumeClaimTemplates' &&
          claimTemplatesOf(object).every((name) => names.includes(name))),
    )
    return {
      ...object,
      spec: { ...was, ...Object.fromEntries(taken.map((field) => [field, is[field]])) },
    }
  })
}

function claimTemplatesOf(set: KubeObject | undefined): readonly string[] {
  const shape = set === undefined ? undefined : parseSet(set)
  return shape?.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name) ?? []
}

/**
 * How many members there are is no part of a revision: an undo never removes one, or adds one;
 * the member list names those that are there, and a budget is one for as many.
 */
function withReplicas(
  objects: readonly KubeObject[],
  view: EnsembleView,
  profile: ProfileName,
): readonly KubeObject[] {
  const { set } = view
  const kept = objects.find((object) => object.kind === 'StatefulSet')
  const from = kept === undefined ? undefined : countIn(kept, profile)
  // Of a Secret only the name was kept: it is not ours to bring back.
  return objects
    .filter((object) => object.kind !== 'Secret' && !isOfNoMember(object, kept, set))
    .map((object) => {
      if (
        object.kind === 'PodDisruptionBudget' &&
        set !== undefined &&
        from !== undefined &&
        from !== set.replicas
      )
        return budgetFor(object, from, set.replicas)
      if (object.kind !== 'StatefulSet' || set === undefined) return object
      const resized = withMembers(object, set.replicas, profile)
      return 'set' in resized
        ? resized.set
        : { ...object, spec: { ...mapOf(object['spec']), replicas: set.replicas } }
    })
}

/** Members that the kept objects were made for; where they leave `replicas` out, the list tells. */
function countIn(set: KubeObject, profile: ProfileName): number | undefined {
  if (parseSet(set)?.spec.replicasGiven !== false) return toSet(set).replicas
  const listed = memberCountOf(set, profile)
  return typeof listed === 'number' && profile === 'zookeeper' ? listed : undefined
}

/** The Service of a member that is not there, since the ensemble was scaled down. */
function isOfNoMember(
  object: KubeObject,
  kept: KubeObject | undefined,
  set: EnsembleView['set'],
): boolean {
  const shape = kept === undefined ? undefined : parseSet(kept)
  if (object.kind !== 'Service' || shape === undefined || set === undefined) return false
  const ordinals = memberServices([object], membersOfSet(shape, set.namespace)).map(
    ({ pod }) => ordinalIn(pod, set.name) ?? set.start,
  )
  return ordinals.some((ordinal) => ordinal < set.start || ordinal >= set.start + set.replicas)
}
