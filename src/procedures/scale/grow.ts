// A deploy whose manifest has more members than run gets there by the steps of a scale, each with
// the manifest's own template; the last one is the manifest as it stands.

import { planScale, type ScaleStep } from '../../decide/scale.ts'
import { objectName } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import { failure } from '../../errors.ts'
import { memberCountOf } from '../../manifests/member-list.ts'
import { wantedServices } from '../../manifests/wanted-services.ts'
import { verifiedNames } from '../../record/record.ts'
import { applyPlanned } from '../apply/apply.ts'
import { planChanges } from '../apply/plan-changes.ts'
import { isUnfinished, startOf, type Start } from '../rollout/bring.ts'
import { knownLists } from './known-lists.ts'
import { wantedCount } from '../apply/kept-count.ts'
import { partitionOf } from '../../manifests/partition.ts'
import type { Inspected } from '../apply/preflight.ts'
import { servicesIfAllowed, withOthers } from '../open/read-ensemble.ts'
import { takeStep } from './resize.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { Ensemble } from '../open/ensemble.ts'
import type { Locked } from '../open/hold-ensemble.ts'

/** What the deploy continues with: it looks whether all is as the manifests say. */
export interface Grown {
  readonly ground: Inspected
  readonly start: Start
}

/** Takes every step; undefined where the number of members is right. */
export async function growFirst(
  unpaced: Locked,
  ground: Inspected,
  signal: AbortSignal,
): Promise<Grown | undefined> {
  const { inputs, kube, record } = unpaced
  const steps = await growthSteps(kube, ground, unpaced.before, signal)
  for (const { words, outage } of steps)
    if (outage !== undefined) unpaced.run.report.note(`${words}: ${outage}.`)
  if (steps.length === 0) return undefined
  if (ground.profile === 'zookeeper') await refuseWithoutServices(kube, ground, signal)
  // Members are never added at the controller's own pace: it would not wait for the newcomer to
  // serve.
  const ensemble: Locked = { ...unpaced, inputs: { ...inputs, pace: 'quorum' } }
  const force = inputs.forceConflicts
  const verified = verifiedNames(ground.stored.record)
  // What the members of the new revision need must be there before the first of them.
  for (const planned of ground.plan) {
    if (planned.manifest === ground.setManifest) continue
    const name = objectName(planned.manifest.object)
    const { object, change } = await applyPlanned(
      ensemble,
      planned,
      (now) => {
        const row = { object: name, change: now.change }
        ensemble.run.report.did({ row, line: `${name} ${now.change}` })
      },
      signal,
    )
    // A run that ends on the way leaves nothing that isn't known.
    if (change === 'created') await record.made([object], signal)
  }
  for (const step of steps)
    await takeStep(
      {
        ensemble,
        profile: ground.profile,
        base: ground.setManifest.object,
        force,
        verified,
        deletesClaims: false,
      },
      step,
      signal,
    )
  const plan = await planChanges(
    kube,
    ground.manifests,
    { force, dryRuns: true, verified, set: ensemble.before.set?.uid },
    signal,
  )
  const start = await startOf(
    { ...ensemble, before: ensemble.follower.snapshot() },
    ground.setManifest.object,
    undefined,
    signal,
  )
  return { ground: { ...ground, plan }, start }
}

/**
 * A newcomer whose name leads nowhere never joins: what the manifests don't have must be in the
 * cluster.
 */
export async function refuseWithoutServices(
  kube: Ensemble['kube'],
  { manifests, setManifest, target }: Inspected,
  signal: AbortSignal,
): Promise<void> {
  const own = manifests.flatMap(({ object }) => (object.kind === 'Service' ? [object] : []))
  const live = await servicesIfAllowed(kube, target.namespace, signal)
  // Without the right to look at the others nothing is proven by their absence.
  if (live === undefined) return
  const wanted = wantedServices(setManifest.object, withOthers(own, live), target.namespace)
  const [first] = 'refused' in wanted ? [] : wanted
  if (first === undefined && !('refused' in wanted)) return
  const { refused, manual } =
    'refused' in wanted
      ? wanted
      : {
          refused: `the member list names Service ${first?.name ?? ''} for ${first?.pod ?? ''}, which is neither in the manifests nor in the cluster`,
          manual: `Add it to the manifests as ${first?.model.name ?? ''} is there.`,
        }
  throw failure('refused', 'MEMBERSHIP_CHANGE', `members can't be added: ${refused}`, {
    object: objectName(setManifest.object),
    place: setManifest.place,
    fix: manual,
  })
}

/** Empty where the number of members is right. */
export async function growthSteps(
  kube: Ensemble['kube'],
  { live, profile, setManifest }: Pick<Inspected, 'live' | 'profile' | 'setManifest'>,
  before: EnsembleView,
  signal: AbortSignal,
): Promise<readonly ScaleStep[]> {
  if (live === undefined || (profile !== 'zookeeper' && profile !== 'cassandra')) return []
  const known = await knownLists(kube, live, before, profile, signal)
  const { name, start, replicas } = toSet(live)
  const target = wantedCount(setManifest.object, live)
  const listed = memberCountOf(live, profile)
  const members = typeof listed === 'number' ? listed : replicas
  if (replicas === 0 || target < members) return []
  // A growth that was cut off in its last step has all its members, but not all of them know it.
  if (target === members && (known === 'unknown' || known.every((count) => count === members)))
    return []
  return (
    planScale({
      name,
      start,
      replicas,
      listed: members,
      unfinished: isUnfinished(before, partitionOf(setManifest.object)),
      known,
      target,
      voting: profile === 'zookeeper',
    }) ?? []
  )
}
