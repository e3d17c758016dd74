// Who else writes the objects that are about to be applied, and would revert the change.

import type { PreflightFinding, OwnedObject } from './finding.ts'

interface Controller {
  readonly name: string
  readonly managers: RegExp
  /**
   * Labels or annotations that only the controller itself writes; `managed-by: Helm` is in every
   * rendered chart and proves nothing.
   */
  readonly marks: readonly string[]
  readonly fix: string
}

const CONTROLLERS: readonly Controller[] = [
  {
    name: 'Argo CD',
    managers: /^argocd-(?:controller|application-controller)$/,
    marks: [
      'argocd.argoproj.io/instance',
      'argocd.argoproj.io/tracking-id',
      'argocd.argoproj.io/installation-id',
    ],
    fix: 'Change it in the repository that Argo CD follows, or take the object out of the Application (or its self-heal off).',
  },
  {
    name: 'Flux',
    managers: /^(?:kustomize-controller|helm-controller)$/,
    marks: ['kustomize.toolkit.fluxcd.io/name', 'helm.toolkit.fluxcd.io/name'],
    fix: 'Change it in the source that Flux follows, or suspend the Kustomization or HelmRelease.',
  },
  {
    name: 'Helm',
    managers: /^helm$/i,
    marks: ['meta.helm.sh/release-name'],
    fix: 'Change it through the chart, or deploy the ensemble with this action only: the next helm upgrade reverts the change.',
  },
]

export function ownerFindings(objects: readonly OwnedObject[]): readonly PreflightFinding[] {
  const owned = objects.flatMap(({ object, owners }): readonly PreflightFinding[] => {
    const owner = owners.find((one) => one.controller)
    if (owner === undefined) return []
    const name = `${owner.kind.toLowerCase()}/${owner.name}`
    return [
      {
        code: 'CONFLICT',
        severity: 'error',
        object,
        message: `${object} is controlled by ${name}, which would revert the change`,
        fix: `Change ${name} instead, or deploy under another name.`,
      },
    ]
  })
  const followed = CONTROLLERS.flatMap((controller): readonly PreflightFinding[] => {
    const theirs = objects
      .filter((object) => isFollowedBy(object, controller))
      .map(({ object }) => object)
    const [first] = theirs
    return first === undefined
      ? []
      : [
          {
            code: 'CONFLICT',
            severity: 'warning',
            object: first,
            message: `${theirs.join(', ')} ${theirs.length === 1 ? 'is' : 'are'} also applied by ${controller.name}, which may revert the change`,
            fix: controller.fix,
          },
        ]
  })
  return [...owned, ...strangers(objects), ...followed, ...scalerFindings(objects)]
}

/**
 * Somebody's own Service with a member's name, as for clients from outside, would lose what makes
 * it theirs.
 */
function strangers(objects: readonly OwnedObject[]): readonly PreflightFinding[] {
  return objects.flatMap(({ object, labels, managers, builtIn }): readonly PreflightFinding[] => {
    const ours =
      labels['app.kubernetes.io/managed-by'] === OURS ||
      managers.some(({ manager }) => manager === OURS)
    if (builtIn !== true || ours || !object.startsWith('service/')) return []
    return [
      {
        code: 'CONFLICT',
        severity: 'error',
        object,
        message: `${object} is there already and was not made for this ensemble: the deploy would make another Service of it`,
        fix: 'Give it another name and let its clients use that, or delete it where nobody needs it (force-conflicts: true takes it over as it is).',
      },
    ]
  })
}

/** Field manager, and what the built-in ensemble's objects say in their label. */
const OURS = 'zk-ensemble-action'

function isFollowedBy(
  { labels, annotations, managers }: OwnedObject,
  controller: Controller,
): boolean {
  return (
    controller.marks.some((mark) => mark in labels || mark in annotations) ||
    managers.some(
      ({ manager, subresource }) => subresource !== 'status' && controller.managers.test(manager),
    )
  )
}

/**
 * A HorizontalPodAutoscaler (also KEDA's) writes replicas through the scale subresource; kubectl
 * scale does, too, but once.
 */
function scalerFindings(objects: readonly OwnedObject[]): readonly PreflightFinding[] {
  return objects.flatMap(({ object, managers }): readonly PreflightFinding[] =>
    object.startsWith('statefulset/') &&
    managers.some(
      ({ manager, subresource }) =>
        subresource === 'scale' && /^kube-controller-manager$|keda|autoscaler/i.test(manager),
    )
      ? [
          {
            code: 'CONFLICT',
            severity: 'warning',
            object,
            path: ['spec', 'replicas'],
            message: `an autoscaler sets the replicas of ${object}: voters must not come and go with the load`,
            fix: 'Delete the HorizontalPodAutoscaler or ScaledObject that targets the ensemble.',
          },
        ]
      : [],
  )
}
