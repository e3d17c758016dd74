// What a change of the number of members begins with and leaves behind: the StatefulSet as its
// owners wrote it, and the revision that a later undo goes back to.

import { z } from 'zod'
import { membersOfSet } from '../../manifests/addresses.ts'
import { memberServices, ordinalIn } from '../../manifests/member-services.ts'
import { parseService, parseSet, selects } from '../../manifests/shapes.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { refOf, type KubeObject } from '../../kube/kube.ts'
import { budgetFor } from '../../manifests/budget-size.ts'
import { digestOfRevision } from '../../manifests/digest.ts'
import { memberCountOf } from '../../manifests/member-list.ts'
import { ownedPart } from '../../manifests/owned.ts'
import { latestApplied, objectsOf, type StoredRecord } from '../../record/record.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { isOursOrKubectl } from '../apply/takings.ts'
import { budgetObjectsFor } from '../open/budgets.ts'
import { readServices } from '../open/read-ensemble.ts'
import type { LockedEnsemble } from '../open/hold-ensemble.ts'
import { withOwnPartition } from '../apply/template-alone.ts'
import { appliedRevision } from '../verify/unread.ts'
import { isFull } from '../verify/verify-ensemble.ts'

/**
 * What we or kubectl own of the live set; where that is not the whole of it, what anybody wrote:
 * then the apply tells whose fields they are.
 */
export function baseOf(live: KubeObject, stored: StoredRecord): KubeObject {
  const ours = ownedPart(live, isOursOrKubectl)
  const whole =
    parseSet(ours) !== undefined &&
    typeof memberCountOf(ours, 'zookeeper') === typeof memberCountOf(live, 'zookeeper')
  return withOwnStrategy(
    withOwnPartition(
      whole ? ours : ownedPart(live, (entry) => (entry.subresource ?? '') === ''),
      stored,
    ),
    stored,
  )
}

/** A scale that was cut off left OnDelete in the cluster. */
function withOwnStrategy(set: KubeObject, { record }: StoredRecord): KubeObject {
  if (record.underWay?.operation !== 'scale' || record.underWay.strategy === undefined) return set
  const { updateStrategy: _theirs, ...spec } = z.looseObject({}).catch({}).parse(set['spec'])
  const { strategy } = record.underWay
  return { ...set, spec: strategy === null ? spec : { ...spec, updateStrategy: strategy } }
}

/** For the record of what is under way: null where none is written. */
export function strategyOf(set: KubeObject): Readonly<Record<string, unknown>> | null {
  return (
    z
      .looseObject({ updateStrategy: z.record(z.string(), z.unknown()).nullish() })
      .catch({})
      .parse(set['spec']).updateStrategy ?? null
  )
}

interface Scaled {
  /** As it stands now. */
  readonly set: KubeObject
  readonly view: EnsembleView
  /** The number of members for which the recorded companions are. */
  readonly from: number
  readonly to: number
}

/**
 * In the record this revision is verified and nothing under way; with `verify: quick` or `off` it
 * does not count as verified.
 */
export async function markScaled(
  ensemble: LockedEnsemble,
  { set, view, from, to }: Scaled,
  signal: AbortSignal,
): Promise<void> {
  const { inputs, record, run } = ensemble
  if (!isFull(inputs.verify)) {
    await record.end(signal)
    return
  }
  const last = latestApplied(record.current)
  const kept = last === undefined ? undefined : objectsOf(record.stored, last.digest)
  const companions =
    kept === undefined
      ? await liveCompanions(ensemble, view, signal)
      : kept
          .filter((object) => object.kind !== 'StatefulSet')
          .map((object) =>
            object.kind === 'PodDisruptionBudget' ? budgetFor(object, from, to) : object,
          )
  const objects = [...(await withMemberServices(ensemble, companions, set, signal)), set]
  const revision = {
    digest: digestOfRevision(set, objects),
    controllerRevision: view.set?.status.updateRevision ?? '',
    image: ensemble.image,
    version: run.report.version,
    origin: 'scale' as const,
  }
  // Members that were not replaced on the way still may not have read what was applied before.
  await record.verified(
    appliedRevision(record.current, revision, last?.unread ?? [], view, true),
    { uid: view.set?.uid ?? '', objects },
    signal,
  )
}

/** The Services of those who are members now: of those that came too, and of none that has gone. */
async function withMemberServices(
  ensemble: LockedEnsemble,
  companions: readonly KubeObject[],
  set: KubeObject,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const { kube } = ensemble
  const shape = parseSet(set)
  if (shape === undefined || ensemble.target.listedServices.size === 0) return companions
  const { name, namespace, listedServices } = ensemble.target
  const start = shape.spec.ordinals?.start ?? 0
  const isMember = (pod: string): boolean =>
    (ordinalIn(pod, name) ?? -1) >= start &&
    (ordinalIn(pod, name) ?? -1) < start + shape.spec.replicas
  const members = membersOfSet(shape, namespace)
  const kept = companions.filter(
    (object) =>
      object.kind !== 'Service' ||
      memberServices([object], members).every(({ pod }) => isMember(pod)),
  )
  const lacking = [...listedServices.values()].filter(
    ({ pod, name: service }) =>
      isMember(pod) &&
      !kept.some((object) => object.kind === 'Service' && object.metadata.name === service),
  )
  const found = await Promise.all(
    lacking.map((service) =>
      kube.get({ apiVersion: 'v1', kind: 'Service', name: service.name, namespace }, signal),
    ),
  )
  return [
    ...kept,
    ...found.flatMap((object) =>
      object === undefined ? [] : [ownedPart(object, (entry) => (entry.subresource ?? '') === '')],
    ),
  ]
}

/** Services and budgets of the members, without what the server added. */
async function liveCompanions(
  ensemble: LockedEnsemble,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const { kube, set } = ensemble
  const { namespace } = ensemble.target
  const labels = view.pods[0]?.labels ?? {}
  const services = (await readServices(kube, namespace, signal)).filter((service) => {
    const selector = parseService(service)?.spec.selector ?? {}
    return (
      service.metadata.name === parseSet(set)?.spec.serviceName ||
      (Object.keys(selector).length > 0 &&
        selects({ matchLabels: selector, matchExpressions: [] }, labels))
    )
  })
  const budgets = ensemble.rights.budgets
    ? await budgetObjectsFor(kube, namespace, labels, signal)
    : []
  // A list doesn't say whose the fields are.
  const whole = await Promise.all(
    [...services, ...budgets].map((object) => readWhole(kube, object, signal)),
  )
  return whole.map((object) => ownedPart(object, (entry) => (entry.subresource ?? '') === ''))
}

/**
 * As it was listed where reading single objects is not allowed: then all of it counts as written by
 * people.
 */
async function readWhole(
  kube: LockedEnsemble['kube'],
  listed: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  try {
    return (await kube.get(refOf(listed), signal)) ?? listed
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return listed
    throw error
  }
}
