// Stands before everything that takes a member down: reads claims and volumes again, and stops
// where data would go with it.

import { dataAtRisk, onlyInPod } from '../../decide/rollout/keep-data.ts'
import { ownPods } from '../../decide/members/members.ts'
import { serves, type MemberNow } from '../../decide/rollout/roll.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import { toClaim, toKeptVolume } from '../../kube/views/index.ts'
import { warningText } from '../../report/annotations.ts'
import type { Run } from '../../run.ts'
import type { EnsembleView, KeptVolume } from '../../view/surroundings.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

/** Who goes, where it is known; `members`: how all of them stand. */
export interface Going {
  readonly member: Pick<MemberNow, 'uid' | 'pod'>
  readonly members: readonly MemberNow[]
}

/** Claims and volumes as they are now. */
type Reading = Pick<Kube, 'get' | 'list'>

/**
 * What members that go would lose, as it is now. `spent`: ordinals of members whose claims are to
 * be deleted anyway.
 */
export async function lossesAhead(
  kube: Reading,
  view: EnsembleView,
  spent: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { set } = view
  if (set === undefined) return []
  const { items } = await kube.list(
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    { namespace: set.namespace },
    signal,
  )
  return lossesOf(kube, view, items.map(toClaim), signal, spent)
}

/** The same with the claims as they were just read. */
export async function lossesOf(
  kube: Reading,
  view: EnsembleView,
  claims: EnsembleView['claims'],
  signal: AbortSignal,
  spent: ReadonlySet<number> = new Set(),
): Promise<readonly Finding[]> {
  const { set } = view
  if (set === undefined) return []
  const pods = ownPods(view)
  const mounted = new Set([
    ...pods.flatMap((pod) => pod.claims),
    ...set.claimTemplates.flatMap((template) => pods.map((pod) => `${template.name}-${pod.name}`)),
  ])
  const volumes = await readVolumes(
    kube,
    claims.flatMap(({ name, volume }) =>
      volume !== undefined && mounted.has(name) ? [volume] : [],
    ),
    signal,
  )
  return dataAtRisk({ set, pods, claims, volumes, spent })
}

/** Volumes belong to the cluster: where they may not be read nothing is said of them. */
async function readVolumes(
  kube: Reading,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KeptVolume | 'gone'>> {
  const found = new Map<string, KeptVolume | 'gone'>()
  const one = async (name: string): Promise<boolean> => {
    try {
      const object = await kube.get({ apiVersion: 'v1', kind: 'PersistentVolume', name }, signal)
      found.set(name, object === undefined ? 'gone' : toKeptVolume(object))
      return true
    } catch (error) {
      if (error instanceof KubeFailure && error.status === 403) return false
      throw error
    }
  }
  const [first, ...rest] = new Set(names)
  if (first === undefined || !(await one(first))) return found
  await Promise.all(rest.map(one))
  return found
}

/**
 * The one wall before a member is taken down, whichever way: throws when a claim of any member is
 * on its way out, or when the data of the one that goes is nowhere else.
 * Called right before each act, with what was read then.
 */
export async function refuseLoss(
  { kube, run: { report } }: Pick<ReachableEnsemble, 'kube' | 'run'>,
  view: EnsembleView,
  going: Going | undefined,
  signal: AbortSignal,
  spent: ReadonlySet<number> = new Set(),
): Promise<void> {
  const alone = going === undefined ? undefined : aloneIn(view, going)
  const [first, ...rest] = [
    ...(await lossesAhead(kube, view, spent, signal)),
    ...(alone === undefined ? [] : [alone]),
  ]
  if (first !== undefined)
    throw new EnsembleError(report.changed ? 'failed' : 'refused', [first, ...rest])
}

/**
 * A single member that has its data in its pod is replaced all the same: that its manifest is made
 * so is said before, see `warnAlone`.
 */
function aloneIn(view: EnsembleView, { member, members }: Going): Finding | undefined {
  const pod = ownPods(view).find(({ uid }) => uid === member.uid)
  if (pod === undefined || view.set === undefined || view.set.replicas === 1) return undefined
  return onlyInPod({
    pod,
    othersServe: members.some(
      (other) => other.uid !== member.uid && other.state !== 'extra' && serves(other),
    ),
    replicas: view.set.replicas,
  })
}

/**
 * Why a single member loses all that it has with its pod; undefined where there are more, or its
 * data stays.
 */
export function saidAlone(view: EnsembleView): Finding | undefined {
  const [pod, second] = ownPods(view)
  return pod === undefined || second !== undefined || view.set?.replicas !== 1
    ? undefined
    : onlyInPod({ pod, othersServe: false, replicas: 1 })
}

/**
 * Said before its template is changed: that it is recreated is what was asked for, and its manifest
 * says where its data is.
 */
export function warnAlone(
  { journal, report }: Pick<Run, 'journal' | 'report'>,
  view: EnsembleView,
): void {
  const alone = saidAlone(view)
  if (alone === undefined) return
  const finding: Finding = { ...alone, severity: 'warning' }
  report.found(finding)
  journal.warning(warningText(finding))
}
