// The ensemble as a run addresses it, read from its StatefulSet and the services around it, in
// manifests and in the cluster alike.

import type { ProfileName } from '../../view/profile-name.ts'
import { failure } from '../../errors.ts'
import type { MemberState } from '../../ensemble/profile.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { hostsIn, listedHosts, membersOfSet } from '../../manifests/addresses.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { memberContainer, resolveProfile } from '../../manifests/ensemble.ts'
import { keptApartBy } from '../../manifests/kept-apart.ts'
import {
  meaningOf,
  memberServices,
  type MemberService,
  type MembersOf,
} from '../../manifests/member-services.ts'
import { parseService, parseSet, selects, type SetShape } from '../../manifests/shapes.ts'
import type { Target } from './ensemble.ts'

/** What kind of ensemble a StatefulSet makes: as asked, or by its image and ports. */
export function profileOf(object: KubeObject, asked: Inputs['profile']): ProfileName {
  const name = `statefulset/${object.metadata.name}`
  const spec = parseSet(object)?.spec.template.spec
  if (spec === undefined)
    throw failure('refused', 'NOT_FOUND', `${name} can't be read`, { object: name })
  return resolveProfile(asked, spec, name)
}

/** Of its server; '' where none is known. */
export function memberImage(set: KubeObject, profile: ProfileName): string {
  const spec = parseSet(set)?.spec.template.spec
  return spec === undefined ? '' : (memberContainer(spec, profile)?.image ?? '')
}

export function targetOf(
  object: KubeObject,
  services: readonly KubeObject[],
  profile: ProfileName,
  namespace: string,
): Target {
  const set = parseSet(object)
  const container = set === undefined ? undefined : memberContainer(set.spec.template.spec, profile)
  if (set === undefined || container === undefined)
    throw failure(
      'refused',
      'MANIFEST_INVALID',
      `statefulset/${object.metadata.name} has no container that could be a member`,
      { object: `statefulset/${object.metadata.name}` },
    )
  const members = membersOfSet(set, namespace)
  const known = memberServices(services, members)
  return {
    name: set.metadata.name,
    namespace,
    container: container.name,
    clientPort: container.clientPort,
    headlessService: set.spec.serviceName,
    clientService: clientServiceOf(set, services, container.clientPort),
    requiresDistinctNodes: keptApartBy(set).includes('kubernetes.io/hostname'),
    memberServices: known,
    listedServices: profile === 'zookeeper' ? listedServices(set, known, members) : new Map(),
  }
}

function listedServices(
  set: SetShape,
  known: readonly MemberService[],
  members: MembersOf,
): ReadonlyMap<string, MemberService> {
  const listed = hostsIn(listedHosts(set))
    .flat()
    .flatMap((host) => {
      const means = meaningOf(host, known, members)
      return means.kind === 'service' && means.service.ownAddress ? [means.service] : []
    })
  return new Map(listed.map((service) => [service.pod, service]))
}

/**
 * The service that clients are meant to use: it selects the members and has their client port; one
 * with an address of its own before a headless one.
 */
function clientServiceOf(
  set: SetShape,
  services: readonly KubeObject[],
  port: number,
): string | undefined {
  const labels = set.spec.template.metadata?.labels ?? {}
  const fitting = services.flatMap((object) => {
    const service = parseService(object)
    if (service === undefined || Object.keys(service.spec.selector).length === 0) return []
    const chosen = selects({ matchLabels: service.spec.selector, matchExpressions: [] }, labels)
    const offers = service.spec.ports.some(
      (candidate) =>
        candidate.port === port ||
        candidate.targetPort === port ||
        candidate.targetPort === 'client' ||
        candidate.name === 'client',
    )
    return chosen && offers ? [service] : []
  })
  const own = fitting.filter((service) => service.spec.clusterIP !== 'None')
  return (own[0] ?? fitting.find((service) => service.metadata.name !== set.spec.serviceName))
    ?.metadata.name
}

/**
 * `zk-0.zk-hs.shop.svc:2181,…`: a client that knows all members survives the loss of any. Where the
 * member list names Services with the client port, clients are given those as well:
 * their addresses don't change, so what a client has in its cache stays right. `ownPort`: the port at
 * which members listen, where they told another one than the manifests show.
 */
export function connectionString(
  target: Target,
  start: number,
  replicas: number,
  ownPort = target.clientPort,
): string {
  // A custom ensemble that names no port has no address to give.
  if (target.clientPort === 0) return ''
  // Without a headless service pods have no names: clients go by the one that has an address of its
  // own.
  const nameless = target.headlessService === '' || target.clientService === target.headlessService
  if (nameless && target.listedServices.size === 0)
    return target.clientService === undefined
      ? ''
      : `${target.clientService}.${target.namespace}.svc:${target.clientPort}`
  return Array.from({ length: replicas }, (_, index) => {
    const pod = `${target.name}-${start + index}`
    const service = target.listedServices.get(pod)
    const host =
      service?.ports.includes(ownPort) === true ? service.name : `${pod}.${target.headlessService}`
    return `${host}.${target.namespace}.svc:${ownPort}`
  }).join(',')
}

/** The port for clients that all members who told it have in their configuration. */
export function ownPortOf(members: readonly Pick<MemberState, 'identity'>[]): number | undefined {
  const told = [...new Set(members.flatMap(({ identity }) => identity?.clientPort ?? []))]
  return told.length === 1 ? told[0] : undefined
}
