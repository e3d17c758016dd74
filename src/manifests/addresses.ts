// Whether members keep the addresses by which their peers know them when they move: read from the
// member list and the Services that it names.

import { parseServerLine } from './zoo-config.ts'
import type { ProfileName } from '../view/profile-name.ts'
import type { KubeObject } from '../kube/kube.ts'
import { memberContainer } from './ensemble.ts'
import { readsOwnConfig } from './lint-rules/images.ts'
import { meaningOf, memberServices, type MembersOf } from './member-services.ts'
import { containerSettings, makesOwnList } from './settings.ts'
import { parseSet, type SetShape } from './shapes.ts'

/**
 * `stay`: a member that moves is reached at the address of before. `move`: peers must look it up
 * again, and may have its old address in a cache.
 */
export interface Addresses {
  readonly kind: 'stay' | 'move' | 'unknown'
  /** A clause without a full stop. */
  readonly reason: string
}

/** Where the members' names are said. */
export type ListedHosts =
  /** The hosts of each member, as the list has them. */
  | { readonly kind: 'hosts'; readonly hosts: readonly (readonly string[])[] }
  /** The image puts the list together from the names of the pods. */
  | { readonly kind: 'pods' }
  | { readonly kind: 'unknown'; readonly reason: string }

/**
 * `set`: the StatefulSet with the template that the members run; while a roll is under way, ask for
 * each template and take the `worse`.
 * `services`: those of its namespace, undefined where they may not be read.
 */
export function addressesOf(
  set: KubeObject,
  services: readonly KubeObject[] | undefined,
  profile: ProfileName,
  namespace: string,
): Addresses {
  if (profile !== 'zookeeper')
    return { kind: 'unknown', reason: 'only the member lists of ZooKeeper are read' }
  const shape = parseSet(set)
  if (shape === undefined)
    return { kind: 'unknown', reason: `statefulset/${set.metadata.name} can't be read` }
  return judgeHosts(listedHosts(shape), services, membersOfSet(shape, namespace))
}

/** The same for a list that was read elsewhere, as in a member's own configuration. */
export function judgeHosts(
  listed: ListedHosts,
  services: readonly KubeObject[] | undefined,
  members: MembersOf,
): Addresses {
  switch (listed.kind) {
    case 'unknown':
      return { kind: 'unknown', reason: listed.reason }
    case 'pods':
      return {
        kind: 'move',
        reason: 'the image names the members by their pods, whose addresses change when they move',
      }
    case 'hosts':
      break
  }
  const known = memberServices(services ?? [], members)
  const meant = listed.hosts
    .flat()
    .map((host) => ({ host, means: meaningOf(host, known, members) }))
  const byPod = meant.find(
    ({ means }) => means.kind === 'pod' || (means.kind === 'service' && !means.service.ownAddress),
  )
  if (byPod !== undefined)
    return {
      kind: 'move',
      reason: `the member list names ${byPod.host}, which is the pod's own address and changes when it moves`,
    }
  const unknown = meant.find(({ means }) => means.kind === 'unknown')
  if (unknown !== undefined) {
    const why =
      services === undefined
        ? 'and the Services of the namespace may not be read'
        : 'which is neither a pod of the headless service nor a Service that selects one member'
    return { kind: 'unknown', reason: `the member list names ${unknown.host}, ${why}` }
  }
  return {
    kind: 'stay',
    reason:
      'the member list names a Service for each member, whose address stays when the pod moves',
  }
}

const WEIGHT = { stay: 0, unknown: 1, move: 2 } as const

/** What holds where members of both kinds run side by side. */
export function worse(a: Addresses, b: Addresses): Addresses {
  return WEIGHT[b.kind] > WEIGHT[a.kind] ? b : a
}

/**
 * Empty where the list names no hosts, or can't be read. A member alone is named too: peers that
 * come look it up.
 */
export function hostsIn(listed: ListedHosts): readonly (readonly string[])[] {
  return listed.kind === 'hosts' ? listed.hosts : []
}

export function membersOfSet(
  { metadata, spec }: SetShape,
  namespace: string | undefined,
): MembersOf {
  return {
    name: metadata.name,
    namespace,
    headlessService: spec.serviceName,
    labels: spec.template.metadata?.labels ?? {},
  }
}

/** Hosts of the member list in the pod template. */
export function listedHosts({ spec }: SetShape): ListedHosts {
  const podSpec = spec.template.spec
  const member = memberContainer(podSpec, 'zookeeper')
  const container = podSpec.containers[member?.index ?? -1]
  if (member === undefined || container === undefined)
    return { kind: 'unknown', reason: 'no container is the server' }
  const settings = containerSettings(container, new Map())
  if (readsOwnConfig({ container, settings, member }))
    return { kind: 'unknown', reason: 'the servers read a zoo.cfg of their own' }
  const flag = settings.flags.get('servers')
  if (flag !== undefined) return { kind: 'pods' }
  if (makesOwnList(settings))
    return { kind: 'unknown', reason: 'the start script puts the member list together itself' }
  const list = settings.env.get('ZOO_SERVERS')
  if (list === undefined)
    return { kind: 'unknown', reason: 'the pod template does not say who the members are' }
  if (list.value === undefined)
    return { kind: 'unknown', reason: 'ZOO_SERVERS does not stand in the pod template' }
  const lines = list.value
    .split(/\s+/)
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [key = '', ...value] = entry.split('=')
      return parseServerLine(key, value.join('='))
    })
  const read = lines.filter((line) => line !== undefined)
  if (read.length < lines.length || read.length === 0)
    return { kind: 'unknown', reason: "ZOO_SERVERS can't be read" }
  return { kind: 'hosts', hosts: read.map((line) => line.addresses.map(({ host }) => host)) }
}
