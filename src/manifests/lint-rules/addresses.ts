// How peers find a member after it has moved: by its pod's name, whose old address they keep for a
// while, or by a Service of its own, which must lead to it.

import type { Finding } from '../../errors.ts'
import { parseServerLine } from '../zoo-config.ts'
import { judgeHosts, listedHosts, membersOfSet } from '../addresses.ts'
import { meaningOf, memberServices, POD_NAME, type MemberService } from '../member-services.ts'
import { makesOwnList } from '../settings.ts'
import type { ServiceShape, Shaped } from '../shapes.ts'
import { imageFamily, readsOwnConfig, type ImageFamily } from './images.ts'
import { asks } from './probes.ts'
import {
  fault,
  inContainer,
  notice,
  warning,
  type LintSubject,
  type Path,
  type Rule,
} from './rule.ts'

/** Java's own option: how long it keeps an address that it has looked up. */
const JAVA_TTL = /-Dsun\.net\.inetaddr\.ttl=/
/**
 * The variable by which the server is given Java's options. The tutorial's 3.4 waits for the others
 * to dial it: there they help nobody (39 s each, seen).
 */
const HALF_WAY: Readonly<Record<ImageFamily, string | undefined>> = {
  official: 'SERVER_JVMFLAGS',
  'kubernetes-zookeeper': undefined,
  vendor: 'JAVA_TOOL_OPTIONS',
  other: 'JAVA_TOOL_OPTIONS',
}
const PAGE = 'docs/moved-members.md'

/** What a moved member costs with this list; nothing is wrong with it. */
export const movedMember: Rule = (subject) => {
  const { set, profile, settings, services, replicas } = subject
  if (profile !== 'zookeeper' || replicas === undefined || replicas < 2) return []
  const addresses = judgeHosts(
    listedHosts(set.shape),
    services.map(({ manifest }) => manifest.object),
    membersOfSet(set.shape, subject.namespace),
  )
  if (addresses.kind !== 'move') return []
  const family = imageFamily(subject)
  const path = settings.flags.get('servers')?.path ??
    settings.env.get('ZOO_SERVERS')?.path ?? ['env']
  const short = JAVA_TTL.test(
    ['SERVER_JVMFLAGS', 'JVMFLAGS', 'JAVA_TOOL_OPTIONS']
      .map((name) => settings.env.get(name)?.value ?? '')
      .join(' '),
  )
  const costs = short
    ? 'up to half a minute (the cluster’s DNS keeps the old one for 30 s in most clusters)'
    : 'up to a minute (Java keeps the old one for 30 s, the cluster’s DNS for another 30 s in most clusters)'
  const halfWay =
    short || HALF_WAY[family] === undefined
      ? ''
      : `; half way: ${HALF_WAY[family]} with -Dsun.net.inetaddr.ttl=1 -Dsun.net.inetaddr.negative.ttl=0`
  return [
    notice(
      set.manifest,
      inContainer(subject, ...path),
      `members are named by their pods: one that moves gets a new address, and may be outside of the quorum for ${costs}`,
      `with a Service for each member it is back in some 6 s: ${PAGE} has the figures and a manifest to copy${halfWay}`,
    ),
  ]
}

/**
 * Lists that name Services: each must lead to the member of its line, to all its ports, and before
 * it is Ready; and the member must be able to listen.
 */
export const serviceOfMember: Rule = (subject) => {
  const list = subject.settings.env.get('ZOO_SERVERS')
  if (list?.value === undefined || !readsZooServers(subject)) return []
  const lines = servicesInList(subject, list.value)
  const byService = lines.some(({ service }) => service.shape.spec.clusterIP !== 'None')
  return [
    ...lines.flatMap((line) => leadsToMember(subject, line, list.path)),
    ...(byService
      ? [...cannotListen(subject, list.path), ...mayStayOutside(subject, list.path)]
      : []),
  ]
}

/** The official image makes its member list of the variable, as it stands. */
function readsZooServers(subject: LintSubject): boolean {
  return (
    subject.profile === 'zookeeper' &&
    imageFamily(subject) === 'official' &&
    !readsOwnConfig(subject) &&
    !makesOwnList(subject.settings)
  )
}

/** An address of a list that is the name of a Service among the manifests. */
interface ServiceInList {
  readonly host: string
  /** The member of its line. */
  readonly pod: string
  /** Where the other members look for it. */
  readonly ports: readonly number[]
  readonly service: Shaped<ServiceShape>
  /** The Service, where it selects one member. */
  readonly leadsTo: MemberService | undefined
}

function servicesInList(
  { set, services, namespace }: LintSubject,
  list: string,
): readonly ServiceInList[] {
  const members = membersOfSet(set.shape, namespace)
  const known = memberServices(
    services.map(({ manifest }) => manifest.object),
    members,
  )
  const start = set.shape.spec.ordinals?.start ?? 0
  const entries = list.split(/\s+/).filter((word) => word !== '')
  return entries.flatMap((entry, index) => {
    const [key = '', ...rest] = entry.split('=')
    const addresses = parseServerLine(key, rest.join('='))?.addresses ?? []
    return addresses.flatMap(({ host, peerPort, electionPort }): readonly ServiceInList[] => {
      const means = meaningOf(host, known, members)
      const [name, second] = host.split('.')
      const service =
        means.kind === 'pod' || second === members.headlessService
          ? undefined
          : services.find(({ manifest }) => manifest.object.metadata.name === name)
      if (service === undefined) return []
      return [
        {
          host,
          pod: `${members.name}-${start + index}`,
          ports: [peerPort, electionPort],
          service,
          leadsTo: means.kind === 'service' ? means.service : undefined,
        },
      ]
    })
  })
}

function leadsToMember(
  subject: LintSubject,
  { host, pod, ports, service, leadsTo }: ServiceInList,
  path: Path,
): readonly Finding[] {
  if (leadsTo?.pod === pod) return ofService(subject, service, leadsTo, ports)
  return [
    fault(
      subject.set.manifest,
      inContainer(subject, ...path),
      `the list names Service ${host} for ${pod}, and it selects ${selects(leadsTo)}`,
      `give that Service the selector ${POD_NAME}: ${pod}`,
    ),
  ]
}

function selects(service: MemberService | undefined): string {
  return service === undefined ? 'other pods too, or none' : service.pod
}

function ofService(
  subject: LintSubject,
  { manifest }: Shaped<ServiceShape>,
  service: MemberService,
  ports: readonly number[],
): readonly Finding[] {
  const lacking = ports.filter((port) => !service.ports.includes(port))
  const missing =
    service.ownAddress && lacking.length > 0
      ? [
          fault(
            manifest,
            ['spec', 'ports'],
            `service ${service.name} has no port ${lacking.join(' and ')}, where the other members look for ${service.pod}`,
            `add ${lacking.map((port) => `port ${port}`).join(' and ')}`,
          ),
        ]
      : []
  if (service.always) return missing
  const fix = 'set publishNotReadyAddresses: true'
  return [
    ...missing,
    asks(subject.container.readinessProbe, subject) === 'quorum'
      ? fault(
          manifest,
          ['spec'],
          `readiness asks for the quorum, but service ${service.name} leads to ${service.pod} only once that is Ready: the members never find each other`,
          fix,
        )
      : warning(
          manifest,
          ['spec'],
          `service ${service.name} leads to ${service.pod} only while that is Ready: an election may have to wait for the probe`,
          fix,
        ),
  ]
}

/** Where the member is told to listen at every address of its pod. */
function listensEverywhere({ settings }: LintSubject): boolean {
  const extra = settings.env.get('ZOO_CFG_EXTRA')?.value ?? ''
  return /quorumListenOnAllIPs\s*=\s*true/i.test(`${extra} ${settings.script}`)
}

/**
 * A member listens at the address of its own name, which a Service's is not. One that has the pod's
 * name is found in the hosts file first.
 */
function cannotListen(subject: LintSubject, path: Path): readonly Finding[] {
  const { set, settings, container } = subject
  const extra = settings.env.get('ZOO_CFG_EXTRA')
  const known = (extra === undefined || extra.value !== undefined) && container.envFrom.length === 0
  const names = (settings.env.get('ZOO_SERVERS')?.value ?? '').split(/\s+/)
  const ownName = new RegExp(`=${set.shape.metadata.name}-\\d+:`)
  const byPod = names.every((entry) => ownName.test(entry))
  // A script may replace its own line by a wildcard.
  const ownLine = settings.script.includes('ZOO_SERVERS')
  if (!known || byPod || ownLine || listensEverywhere(subject)) return []
  return [
    fault(
      set.manifest,
      inContainer(subject, ...path),
      "the list names Services, and a member can't listen at the address of its Service",
      'add quorumListenOnAllIPs=true to ZOO_CFG_EXTRA',
    ),
  ]
}

/** With that a restarted member of an old version may not get in again (ZOOKEEPER-2164). */
function mayStayOutside(subject: LintSubject, path: Path): readonly Finding[] {
  const { set, member } = subject
  const [, ...numbers] = /:(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])/.exec(member.image) ?? []
  const version = numbers.filter((number) => number !== undefined)
  if (version.length === 0 || !isBefore358(version.map(Number)) || !listensEverywhere(subject))
    return []
  return [
    warning(
      set.manifest,
      inContainer(subject, ...path),
      `with quorumListenOnAllIPs a member of ZooKeeper ${version.join('.')} may not find back into the quorum after a restart`,
      'use 3.5.8 or later',
    ),
  ]
}

/** A tag without a patch is the newest of its minor version. */
function isBefore358([major = 0, minor = 0, patch = 8]: readonly number[]): boolean {
  if (major !== 3) return major < 3
  return minor < 5 || (minor === 5 && patch < 8)
}
