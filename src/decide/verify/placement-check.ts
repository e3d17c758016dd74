// Whether one broken node or zone can take the quorum: members on distinct nodes and zones, and
// each with its claim bound.

import { majority } from '../../majority.ts'
import type { Finding } from '../../errors.ts'
import type { ClaimView, NodeView } from '../../view/surroundings.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { PodView } from '../../view/workload.ts'

const ZONE = 'topology.kubernetes.io/zone'

export interface Placement {
  readonly profile: ProfileName
  readonly members: readonly PodView[]
  readonly claims: readonly ClaimView[]
  /** Undefined when nodes may not be read: zones are left out then. */
  readonly nodes: readonly NodeView[] | undefined
  /** The template requires one member a node. */
  readonly requiredByTemplate: boolean
  /** What members would lose if they went now. */
  readonly losses: readonly Finding[]
}

export interface StandingCheck {
  readonly outcome: 'passed' | 'failed' | 'warned'
  readonly detail: string
  readonly findings: readonly Finding[]
}

export function checkPlacement(placement: Placement): StandingCheck {
  const { members } = placement
  const findings = [
    ...sharedNodes(placement),
    ...lostZones(placement),
    ...unboundClaims(placement),
    ...placement.losses,
  ]
  const nodes = new Set(members.map((pod) => pod.node ?? ''))
  const zones = zonesOf(placement)
  const where =
    zones === undefined
      ? 'zones not looked at'
      : zones.size === 0
        ? 'nodes carry no zone'
        : `${zones.size} ${zones.size === 1 ? 'zone' : 'zones'}`
  const outcome = findings.some((finding) => finding.severity === 'error')
    ? 'failed'
    : findings.length > 0
      ? 'warned'
      : 'passed'
  const kept =
    placement.losses.length === 0
      ? ''
      : `; ${placement.losses.map(({ message }) => message).join('; ')}`
  return {
    outcome,
    detail: `${members.length} ${members.length === 1 ? 'member' : 'members'} on ${nodes.size} ${nodes.size === 1 ? 'node' : 'nodes'} (${where})${kept}`,
    findings,
  }
}

function groupBy<T>(
  items: readonly T[],
  key: (item: T) => string | undefined,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = key(item)
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), item])
  }
  return groups
}

function sharedNodes({ members, requiredByTemplate }: Placement): readonly Finding[] {
  return [...groupBy(members, (pod) => pod.node)].flatMap(([node, pods]): Finding[] =>
    pods.length < 2
      ? []
      : [
          {
            code: 'CHECK_FAILED',
            severity: requiredByTemplate ? 'error' : 'warning',
            object: `node/${node}`,
            message: `${pods.map((pod) => pod.name).join(' and ')} run on one node, ${node}`,
            fix: 'Require anti-affinity on kubernetes.io/hostname in the pod template, so that one node never holds two members.',
          },
        ],
  )
}

function zonesOf({
  members,
  nodes,
}: Placement): ReadonlyMap<string, readonly PodView[]> | undefined {
  return nodes === undefined
    ? undefined
    : groupBy(members, (pod) => nodes.find((node) => node.name === pod.node)?.labels[ZONE])
}

/** A ring has no quorum of its members: each row has one of its copies. */
const WITHOUT_ZONE: Readonly<Record<ProfileName, string>> = {
  zookeeper: 'without it there is no quorum',
  cassandra:
    "without it rows that have most of their copies there can't be read or written at QUORUM",
  custom: 'without it half of the members or more are down',
  none: 'without it half of the members or more are down',
}

/**
 * A zone that holds a majority takes the quorum with it; only worth a word when there are zones to
 * spread over.
 */
function lostZones(placement: Placement): readonly Finding[] {
  const zones = zonesOf(placement)
  const known = new Set((placement.nodes ?? []).flatMap((node) => node.labels[ZONE] ?? []))
  if (zones === undefined || known.size < 2) return []
  const count = placement.members.length
  return [...zones].flatMap(([zone, pods]): Finding[] =>
    count > 1 && count - pods.length < majority(count)
      ? [
          {
            code: 'CHECK_FAILED',
            severity: 'warning',
            message: `zone ${zone} holds ${pods.map((pod) => pod.name).join(', ')}: ${WITHOUT_ZONE[placement.profile]}`,
            fix:
              known.size < 3
                ? 'With two zones one of them always holds half of the members or more; a third zone is needed.'
                : `Spread the members over zones: topologySpreadConstraints with ${ZONE}.`,
          },
        ]
      : [],
  )
}

function unboundClaims({ members, claims }: Placement): readonly Finding[] {
  return members.flatMap((pod) =>
    pod.claims.flatMap((name): Finding[] => {
      const claim = claims.find((candidate) => candidate.name === name)
      // A member can't be Ready on a claim that isn't bound: such a claim was listed before it was.
      if (
        claim === undefined ||
        claim.phase === 'Bound' ||
        claim.phase === 'Lost' ||
        (claim.phase === 'Pending' && pod.ready)
      )
        return []
      const finding: Finding = {
        code: 'CLAIM_PENDING',
        severity: 'error',
        object: `persistentvolumeclaim/${name}`,
        message: `the claim ${name} of ${pod.name} is ${claim.phase}, not Bound`,
      }
      return [pod.ordinal === undefined ? finding : { ...finding, ordinal: pod.ordinal }]
    }),
  )
}
