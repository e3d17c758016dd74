// Services of members come and go with the member list: each is there before its name is looked up,
// and goes after its member, if it was made here.

import { EnsembleError, failure } from '../../errors.ts'
import { unchangeable } from '../../decide/scale-refusals.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { membersOfSet } from '../../manifests/addresses.ts'
import { memberServices, ordinalIn } from '../../manifests/member-services.ts'
import { parseSet } from '../../manifests/shapes.ts'
import {
  serviceAfter,
  wantedServices,
  type WantedService,
} from '../../manifests/wanted-services.ts'
import { refuseMissing, rightsToMakeServices } from '../open/access.ts'
import { targetOf } from '../open/ensemble-target.ts'
import { readServices } from '../open/read-ensemble.ts'
import type { LockedEnsemble } from '../open/hold-ensemble.ts'

/** One that is to be deleted once its member is gone. */
export interface ServiceToDelete {
  readonly name: string
  readonly uid: string
}

/**
 * The Services that `set` with its member list needs and that are not there, as they are to be
 * applied; refused before anything was changed where one can't be made.
 */
export async function planServices(
  ensemble: LockedEnsemble,
  set: KubeObject,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const { kube } = ensemble
  const { namespace, name } = ensemble.target
  const wanted = wantedServices(set, await readServices(kube, namespace, signal), namespace)
  if ('refused' in wanted) throw new EnsembleError('refused', [unchangeable({ name }, wanted)])
  if (wanted.length === 0) return []
  if (!ensemble.rights.makeServices) refuseMissing(rightsToMakeServices(namespace), 'ACCESS_DENIED')
  return Promise.all(wanted.map((one) => objectFor(kube, namespace, one, signal)))
}

async function objectFor(
  kube: LockedEnsemble['kube'],
  namespace: string,
  wanted: WantedService,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { name, pod, model } = wanted
  const live = await kube.get(
    { apiVersion: 'v1', kind: 'Service', name: model.name, namespace },
    signal,
  )
  const made = live === undefined ? undefined : serviceAfter(live, wanted)
  if (made === undefined) {
    throw failure(
      'refused',
      'MEMBERSHIP_CHANGE',
      `the member list names Service ${name} for ${pod}, and it can't be made after ${model.name}, which is no Service with a cluster IP alone`,
      {
        object: `service/${name}`,
        fix: `Make Service ${name} as ${model.name} was made, with the selector statefulset.kubernetes.io/pod-name: ${pod}, then run it again.`,
      },
    )
  }
  return made
}

/** Makes them, and gives what the run continues with: it knows the members by them. */
export async function makeServices(
  ensemble: LockedEnsemble,
  planned: readonly KubeObject[],
  set: KubeObject,
  signal: AbortSignal,
): Promise<LockedEnsemble> {
  const {
    kube,
    record,
    profile: { name: profile },
    run,
  } = ensemble
  if (planned.length === 0) return ensemble
  const { report } = run
  for (const object of planned) {
    const applied = await kube.apply(object, { force: false }, signal)
    // One by one: whatever was made is known, wherever the run ends.
    if (applied.created) await record.made([applied.object], signal)
    report.did({
      row: {
        object: `service/${object.metadata.name}`,
        change: applied.created ? 'created' : 'configured',
        note: 'for the member that comes',
      },
      what: `service/${object.metadata.name} created`,
      line: `service/${object.metadata.name} created, before its name is looked up`,
    })
  }
  const target = targetOf(
    set,
    await readServices(kube, ensemble.target.namespace, signal),
    profile,
    ensemble.target.namespace,
  )
  return { ...ensemble, target }
}

/**
 * Of members that go, those that are in the record of what was made here; others stay, which is
 * said.
 */
export async function servicesToDelete(
  ensemble: LockedEnsemble,
  target: number,
  signal: AbortSignal,
): Promise<readonly ServiceToDelete[]> {
  const { kube, set: object, record, run } = ensemble
  const { set } = ensemble.before
  const { underWay, made } = record.current
  const begun =
    underWay?.operation === 'scale' && underWay.replicas === target ? (underWay.services ?? []) : []
  const shape = parseSet(object)
  if (set === undefined || shape === undefined || (set.replicas <= target && begun.length === 0))
    return begun
  const { name, namespace } = ensemble.target
  const live = await readServices(kube, namespace, signal)
  const going = memberServices(live, membersOfSet(shape, namespace)).filter(
    (service) => (ordinalIn(service.pod, name) ?? 0) >= set.start + target,
  )
  const found = going.map((service) => ({
    name: service.name,
    uid: live.find((one) => one.metadata.name === service.name)?.metadata.uid ?? '',
  }))
  const ours = found.filter(
    ({ uid }) => uid !== '' && made.some((one) => one.kind === 'Service' && one.uid === uid),
  )
  const theirs = found.filter((one) => !ours.includes(one))
  if (theirs.length > 0)
    run.report.note(
      `${theirs.map((one) => `service/${one.name}`).join(', ')} ${theirs.length === 1 ? 'stays' : 'stay'}: ${theirs.length === 1 ? 'it was' : 'they were'} not made by this action, and lead to members that are gone.`,
    )
  return [
    ...ours,
    ...begun.filter(
      (one) =>
        live.some((other) => other.metadata.uid === one.uid) &&
        !ours.some((other) => other.uid === one.uid),
    ),
  ]
}

/**
 * Deletes those that are still the same Services; without the right to they stay, which is said.
 */
export async function deleteServices(
  ensemble: LockedEnsemble,
  going: readonly ServiceToDelete[],
  signal: AbortSignal,
): Promise<void> {
  const { record } = ensemble
  const {
    kube,
    run: { report },
    target,
  } = ensemble
  if (going.length === 0) return
  if (!ensemble.rights.deleteServices) {
    const names = going.map(({ name }) => name).join(' ')
    report.note(
      `Services of members that are gone stay, because this run has no right to delete services in ${target.namespace}: kubectl -n ${target.namespace} delete service ${names}`,
    )
    return
  }
  for (const { name, uid } of going) {
    if (!(await deleteSame(kube, name, uid, target.namespace, signal))) continue
    report.did({
      row: {
        object: `service/${name}`,
        change: 'deleted',
        note: 'its member is gone',
      },
      what: `service/${name} deleted`,
      line: `service/${name} deleted: its member is gone`,
    })
  }
  await record.unmade(new Set(going.map(({ uid }) => uid)), signal)
}

async function deleteSame(
  kube: LockedEnsemble['kube'],
  name: string,
  uid: string,
  namespace: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await kube.delete(
      { apiVersion: 'v1', kind: 'Service', name, namespace },
      { uid },
      signal,
    )
  } catch (error) {
    // Another Service has its name by now: it is not the one that was to go.
    if (error instanceof KubeFailure && error.status === 409) return false
    throw error
  }
}
