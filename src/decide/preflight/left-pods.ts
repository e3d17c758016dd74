// Pods that a StatefulSet which was deleted has left running (`kubectl delete --cascade=orphan`): a
// new one of its name adopts them. What of it would not come out well is refused before it is made.

import type { LabelSelector, PodView } from '../../view/workload.ts'
import { claimName } from '../diagnosis/claims.ts'
import { selects } from '../placement/select.ts'
import type { PreflightFinding, PreflightInput } from './finding.ts'

/** A pod with a member's name while no StatefulSet of the name is there. */
export interface LeftPod {
  readonly pod: PodView
  /** By which it has its name (`spec.subdomain`). */
  readonly serviceName: string
}

export interface LeftPods {
  readonly pods: readonly LeftPod[]
  /** Of the StatefulSet that the manifests have. */
  readonly selector: LabelSelector
  readonly serviceName: string
  /** The member list names Services of its own, whatever the headless one is called. */
  readonly namesStay: boolean
}

/** Those that the controller takes: nobody's, and with the labels that the set selects. */
export function adoptable({
  pods,
  selector,
}: Pick<LeftPods, 'pods' | 'selector'>): readonly LeftPod[] {
  return pods.filter(({ pod }) => pod.owner === undefined && selects(selector, pod.labels))
}

export function leftPodFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { left } = input
  if (left === undefined) return []
  const adopted = adoptable(left)
  return [
    ...others(input, left),
    ...unselected(input, left),
    ...belowFirst(input, adopted),
    ...(input.membership === 'pods' || left.namesStay ? [] : renamed(input, left, adopted)),
    ...withoutClaims(input, adopted),
  ]
}

function finding(
  { wanted }: PreflightInput,
  rest: Omit<PreflightFinding, 'severity' | 'object'>,
): PreflightFinding {
  return { severity: 'error', object: `statefulset/${wanted.name}`, ...rest }
}

function namesOf(pods: readonly LeftPod[]): string {
  return pods.map(({ pod }) => pod.name).join(', ')
}

/** `zk-0, zk-1 run without a StatefulSet`. */
function run(pods: readonly LeftPod[]): string {
  return `${namesOf(pods)} ${pods.length === 1 ? 'runs' : 'run'} without a StatefulSet`
}

function others(input: PreflightInput, { pods }: LeftPods): readonly PreflightFinding[] {
  return pods.flatMap(({ pod: { name, owner } }) =>
    owner === undefined
      ? []
      : [
          finding(input, {
            code: 'CONFLICT',
            message: `pod/${name} is there already and belongs to ${owner.kind.toLowerCase()}/${owner.name}: no member can have its name`,
            fix: `Delete ${owner.kind.toLowerCase()}/${owner.name} where nobody needs it, or deploy under another name.`,
          }),
        ],
  )
}

function unselected(
  input: PreflightInput,
  { pods, selector }: LeftPods,
): readonly PreflightFinding[] {
  const lacking = pods.filter(
    ({ pod }) => pod.owner === undefined && !selects(selector, pod.labels),
  )
  if (lacking.length === 0) return []
  const them = lacking.length === 1 ? 'it' : 'them'
  return [
    finding(input, {
      code: 'IMMUTABLE_FIELD',
      path: ['spec', 'selector'],
      message: `${run(lacking)}, and the selector of the manifest does not take ${them}: the StatefulSet could neither adopt nor replace ${them}`,
      fix: `Keep the selector and the labels of the StatefulSet that made ${them}, or delete what is no member of it: kubectl -n ${input.wanted.namespace} delete pod ${lacking.map(({ pod }) => pod.name).join(' ')}`,
    }),
  ]
}

/** They would be removed as soon as they are adopted. */
function belowFirst(
  input: PreflightInput,
  adopted: readonly LeftPod[],
): readonly PreflightFinding[] {
  const { start } = input.wanted
  const below = adopted.filter(({ pod }) => (pod.ordinal ?? start) < start)
  const [first] = below.toSorted((a, b) => (a.pod.ordinal ?? 0) - (b.pod.ordinal ?? 0))
  if (first === undefined) return []
  return [
    finding(input, {
      code: 'MEMBERSHIP_CHANGE',
      path: ['spec', 'ordinals', 'start'],
      message: `${run(below)}, and the first ordinal of the manifest is ${start}: ${below.length === 1 ? 'it' : 'they'} would be removed`,
      fix: `Keep spec.ordinals.start at ${first.pod.ordinal ?? 0}.`,
    }),
  ]
}

/** Those of before and those that come would not find each other. */
function renamed(
  input: PreflightInput,
  { serviceName }: LeftPods,
  adopted: readonly LeftPod[],
): readonly PreflightFinding[] {
  const others = adopted.filter((one) => one.serviceName !== serviceName)
  const [first] = others
  if (first === undefined) return []
  return [
    finding(input, {
      code: 'IMMUTABLE_FIELD',
      path: ['spec', 'serviceName'],
      message: `${run(others)} and ${others.length === 1 ? 'has its name' : 'have their names'} by the headless Service ${first.serviceName === '' ? 'of before' : first.serviceName}, the manifest says ${serviceName}: while members are replaced one by one they would not find each other`,
      fix: `Keep serviceName${first.serviceName === '' ? ' as it was' : `: ${first.serviceName}`}.`,
    }),
  ]
}

/** The controller can't give a pod one more volume, and does nothing more while one lacks it. */
function withoutClaims(
  input: PreflightInput,
  adopted: readonly LeftPod[],
): readonly PreflightFinding[] {
  const { name, claimTemplates } = input.wanted
  const lacks = ({ pod }: LeftPod, template: string): boolean =>
    !pod.claims.includes(claimName(template, name, pod.ordinal ?? 0))
  const added = claimTemplates.filter((template) =>
    adopted.some((one) => lacks(one, template.name)),
  )
  if (added.length === 0) return []
  const lacking = adopted.filter((one) => added.some((template) => lacks(one, template.name)))
  const which = added.map((template) => template.name).join(', ')
  return [
    finding(input, {
      code: 'IMMUTABLE_FIELD',
      path: ['spec', 'volumeClaimTemplates'],
      message: `${run(lacking)}, and without a claim of ${added.length === 1 ? 'the claim template' : 'the claim templates'} ${which}: the StatefulSet controller can't add one to a pod, and until every pod has it replaces none, not even one that is lost`,
      fix: `Leave ${which} out. A claim is added by hand, to one member after the other, the lowest ordinal first.`,
    }),
  ]
}
