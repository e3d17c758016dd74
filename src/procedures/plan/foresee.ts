// Looks at the members as they run, without touching one, and says what a deploy would do to them:
// by the decisions that the deploy takes itself.

import { forecastRoll, type Forecast } from '../../decide/rollout/forecast.ts'
import { ownPods } from '../../decide/members/members.ts'
import { meaningOf, MEMBER_MS, type Meaning, type Roll } from '../../decide/plan.ts'
import { readsConfigMap } from '../../decide/rollout/unread.ts'
import { versionOf, versionRisk } from '../../decide/rollout/versions.ts'
import type { Role } from '../../ensemble/profile.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import { parseSet } from '../../manifests/shapes.ts'
import type { StoredRecord } from '../../record/record.ts'
import { warningText } from '../../report/annotations.ts'
import type { Run } from '../../run.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { outcomeOf } from '../apply/plan-changes.ts'
import { addressesAhead } from '../apply/addresses-ahead.ts'
import { lookQuietly } from '../verify/ask-members.ts'
import { isUnfinished } from '../rollout/bring.ts'
import { growthSteps, refuseWithoutServices } from '../scale/grow.ts'
import { lossesOf, warnAlone } from '../verify/keep-data.ts'
import { onceAdopted } from '../apply/left-pods.ts'
import { wantedCount } from '../apply/kept-count.ts'
import { partitionOf } from '../../manifests/partition.ts'
import type { DeployRequest } from '../apply/look-around.ts'
import type { Inspected } from '../apply/preflight.ts'
import { memberImage } from '../open/ensemble-target.ts'
import { createLooker } from '../rollout/looker.ts'
import { readView } from '../open/read-ensemble.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { openToLook } from '../open/open-ensemble.ts'

type Asked = Pick<DeployRequest, 'inputs' | 'run'>

/** Refuses what a deploy would refuse for the sake of its members. */
export async function foresee(
  kube: Kube,
  asked: Asked,
  found: Inspected,
  signal: AbortSignal,
): Promise<Meaning> {
  const { run } = asked
  const ground = adopted(run, found)
  const { live, setManifest, plan, profile } = ground
  const view: EnsembleView =
    live === undefined
      ? { set: undefined, pods: [], claims: [], events: [] }
      : await readView(kube, live, signal, ground)
  run.report.sawMembers(view)
  const to = wantedCount(setManifest.object, live)
  run.report.about({ replicas: to })
  const unfinished = isUnfinished(view, partitionOf(setManifest.object))
  const rolls = view.pods.length > 0 && (ground.rolls || unfinished)
  const steps = rolls ? await growthSteps(kube, ground, view, signal) : []
  if (steps.length > 0 && profile === 'zookeeper') await refuseWithoutServices(kube, ground, signal)
  if (rolls) await refuseLosses(kube, run, view, signal)
  const roll = rolls ? await rollAhead(kube, asked, ground, view, signal) : undefined
  if (live !== undefined) tellVersion(run, ground, live)
  const changing = plan.filter(
    (planned) =>
      outcomeOf(planned) !== 'unchanged' && !(planned.takeOver && planned.paths.length === 0),
  )
  const changed =
    view.pods.length === 0
      ? []
      : changing.filter(
          (planned) =>
            planned.manifest.object.kind === 'ConfigMap' &&
            readsConfigMap(setManifest.object, planned.manifest.object.metadata.name),
        )
  return meaningOf({
    changing: changing.length,
    takenOver: plan.filter((planned) => planned.takeOver && !changing.includes(planned)).length,
    runs: live !== undefined,
    from: live === undefined ? 0 : toSet(live).replicas,
    to,
    steps,
    roll,
    unfinished: unfinished && !ground.rolls,
    unread: changed.map(({ manifest }) => manifest.object.metadata.name),
    memberMs: memberMs(ground.stored),
  })
}

/** Pods that are adopted first are members like any others then. */
function adopted({ report }: Run, ground: Inspected): Inspected {
  const { adopting, target } = ground
  if (adopting === undefined) return ground
  const names = adopting.pods.map(({ name }) => name).join(', ')
  report.note(
    `${names} ${adopting.pods.length === 1 ? 'runs' : 'run'} without a StatefulSet: statefulset/${target.name} would be created first and adopt them, none of them replaced for it.`,
  )
  return { ...ground, ...onceAdopted(adopting) }
}

/** As the wall before each member of a roll. */
async function refuseLosses(
  kube: Kube,
  run: Run,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<void> {
  warnAlone(run, view)
  const [first, ...rest] = await lossesOf(kube, view, view.claims, signal)
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
}

async function rollAhead(
  kube: Kube,
  { inputs, run }: Asked,
  ground: Inspected,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<Roll> {
  const { report, clock } = run
  const { profile, rights, target } = ground
  // Who may not ask the members can still say in which order they go.
  const may =
    profile === 'cassandra' || profile === 'custom' ? rights.exec : rights.forward || rights.exec
  const ensemble = await openToLook(inputs, run, { kube, target, profile, rights })
  if (may) await lookQuietly(ensemble, view, signal)
  else
    report.note(
      'The members were not asked, since port-forward and exec are not allowed: who leads is not known.',
    )
  const own = partitionOf(ground.setManifest.object)
  const stays = ground.rolls ? undefined : view.set?.status.updateRevision
  const count = ownPods(view).filter(
    (pod) =>
      pod.revision !== stays &&
      (own === undefined || (pod.ordinal ?? 0) - (view.set?.start ?? 0) >= own),
  ).length
  if (own === undefined && (inputs.pace === 'controller' || !rights.evict))
    return { kind: 'left', count }
  if (inputs.pace === 'controller') return { kind: 'controller', count, leader: report.leader }
  const forecast = forecastRoll({
    view,
    changes: ground.rolls,
    own,
    roles: rolesOf(report.members, view),
    addresses: await addressesAhead(kube, ground, signal),
    canStepDown: ensemble.profile.stepDown !== undefined && rights.exec,
    now: clock.now(),
    memberMs: memberMs(ground.stored),
  })
  return { kind: 'paced', forecast, leader: report.leader }
}

function rolesOf(
  rows: readonly { readonly pod: string; readonly role: Role | undefined }[],
  view: EnsembleView,
): ReadonlyMap<string, Role> {
  return new Map(
    ownPods(view).flatMap((pod) => {
      const role = rows.find((row) => row.pod === pod.name)?.role
      return role === undefined ? [] : [[pod.uid, role] as const]
    }),
  )
}

/** How a restart of the members `left` would go, asked of those that run. */
export async function foreseeRestart(
  ensemble: Locked,
  left: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ readonly forecast: Forecast; readonly leader: string }> {
  const { run, record } = ensemble
  const { before, profile, rights, addresses } = ensemble
  await createLooker(ensemble, signal).members(before, true)
  const { report, clock } = run
  const forecast = forecastRoll({
    view: before,
    changes: false,
    own: undefined,
    left,
    roles: rolesOf(report.members, before),
    addresses,
    canStepDown: profile.stepDown !== undefined && rights.exec,
    now: clock.now(),
    memberMs: memberMs(record.stored),
  })
  return { forecast, leader: report.leader }
}

/** As in earlier rolls, as far as the record has them. */
function memberMs(stored: StoredRecord): number {
  const known = stored.record.revisions.flatMap((revision) =>
    revision.memberMs === undefined ? [] : [revision.memberMs],
  )
  return known.length === 0 ? MEMBER_MS : known.reduce((sum, ms) => sum + ms, 0) / known.length
}

/** A warning on the line of the image. */
function tellVersion({ journal, report }: Run, ground: Inspected, live: KubeObject): void {
  const { profile, setManifest, image, target } = ground
  const before = memberImage(live, profile)
  // A tag may say nothing where the members do.
  const risk =
    before === image
      ? undefined
      : versionRisk(profile, versionOf(before) === undefined ? `:${report.version}` : before, image)
  if (risk === undefined) return
  const index =
    parseSet(setManifest.object)?.spec.template.spec.containers.findIndex(
      ({ name }) => name === target.container,
    ) ?? 0
  const finding: Finding = {
    code: 'LINT_FAILED',
    severity: 'warning',
    ...risk,
    object: `statefulset/${target.name}`,
    place: setManifest.placeOf(['spec', 'template', 'spec', 'containers', index, 'image']),
  }
  report.found(finding)
  journal.warning(warningText(finding), finding.place)
}
