// The check `identity`: who each member is, from what lies in it. Ids follow from the ordinals, never
// one id twice, and the member list is the same everywhere.

import type { Finding } from '../../../errors.ts'
import {
  meaningOf,
  POD_NAME,
  type HostMeans,
  type MemberService,
} from '../../../manifests/member-services.ts'
import { judgeBelonging } from '../../../view/host-name.ts'
import { ofMember } from '../../of-member.ts'
import type { Identity, Member, MemberState } from '../../profile.ts'
import {
  parseConfig,
  voters,
  type ServerConfig,
  type ServerLine,
} from '../../../manifests/zoo-config.ts'
import type { IdentityTexts } from '../read-identity.ts'

/** What is known of one member; `undefined` where it could not be learned. */
export interface Known {
  readonly member: Member
  /** As it stands in the myid file, or as the server says it. */
  readonly myid: string | undefined
  readonly config: ServerConfig | undefined
  readonly host: string | undefined
  readonly fqdn: string | undefined
  /** Uid of its process, and to whom its data belongs; absent where it was not looked at inside. */
  readonly uid?: number | undefined
  readonly data?: string | undefined
}

export interface IdentityVerdict {
  readonly findings: readonly Finding[]
  readonly detail: string
  /** By pod. */
  readonly ids: ReadonlyMap<string, number>
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]', '::'])

export function knownFrom(member: Member, texts: IdentityTexts): Known {
  const config = texts.config === undefined ? undefined : parseConfig(texts.config, texts.dynamic)
  const { myid, host, fqdn, uid, data } = texts
  return { member, myid, config, host, fqdn, uid, data }
}

/** By pod: its id, who it says it is, and how many vote by its list. */
export type Introduced = ReadonlyMap<string, Pick<MemberState, 'id' | 'identity' | 'voters'>>

export function introduce(known: readonly Known[], ids: ReadonlyMap<string, number>): Introduced {
  return new Map(
    known.map((one) => {
      const identity = identityOf(one)
      const id = ids.get(one.member.pod)
      const listed = votersListed(one)
      return [
        one.member.pod,
        {
          id,
          ...(identity === undefined ? {} : { identity }),
          ...(listed === undefined ? {} : { voters: listed }),
        },
      ] as const
    }),
  )
}

/** How many that vote its own member list names; undefined where it has none, or none was seen. */
export function votersListed({ config }: Known): number | undefined {
  const listed = voters(config?.servers ?? []).length
  return listed === 0 ? undefined : listed
}

/** Undefined where it told nothing of itself. */
function identityOf({ member, myid, config, host, fqdn, uid, data }: Known): Identity | undefined {
  if (myid === undefined && config === undefined && host === undefined) return undefined
  const line = config?.servers.find(({ id }) => String(id) === myid)
  return {
    name: fqdn ?? host,
    listed: line === undefined ? undefined : `server.${line.id}=${asWritten(line)}`,
    user:
      uid !== undefined
        ? { uid, from: 'process' }
        : member.askedUser !== undefined
          ? { uid: member.askedUser, from: 'spec' }
          : undefined,
    data,
    clientPort: config?.clientPort ?? line?.clientPort,
  }
}

/**
 * `serviceName`: the headless service; names are `<pod>.<service>.<namespace>.svc…`, whatever the
 * cluster's domain.
 */
export function judgeIdentity(
  known: readonly Known[],
  replicas: number,
  serviceName: string,
  services: readonly MemberService[] = [],
): IdentityVerdict {
  const whose = hostReader(known, serviceName, services)
  const ids = idsOf(known)
  const twice = shared(known, ids)
  const doubled = new Set(twice.flatMap(({ pods }) => pods))
  // A doubled id explains whatever else is odd about it.
  const wrong = known
    .filter(({ member }) => !doubled.has(member.pod))
    .flatMap(
      (one) =>
        belongsElsewhere(one, known, replicas, serviceName, services) ??
        own(one, ids, replicas, whose) ??
        [],
    )
  const blamed = new Set([...doubled, ...wrong.flatMap(podBlamed)])
  const findings = [
    ...twice.map(({ finding }) => finding),
    ...wrong,
    ...offsets(known, ids, blamed),
    ...lists(known, replicas, whose),
    ...known.flatMap((one) => names(one, serviceName)),
  ]
  const error = findings.find((one) => one.severity === 'error') ?? findings[0]
  return { findings, ids, detail: error?.message ?? whatIsProven(known, ids) }
}

/** By pod, of those whose myid is a number. */
function idsOf(known: readonly Known[]): ReadonlyMap<string, number> {
  return new Map(
    known.flatMap(({ member, myid }) =>
      myid !== undefined && /^\d{1,9}$/.test(myid) ? [[member.pod, Number(myid)]] : [],
    ),
  )
}

/** A warning blames nobody. */
function podBlamed({ severity, object }: Finding): readonly string[] {
  return severity === 'error' && object !== undefined ? [object.slice('pod/'.length)] : []
}

/** Of an ensemble in which nothing was found. */
function whatIsProven(known: readonly Known[], ids: ReadonlyMap<string, number>): string {
  const first = known.find(({ member }) => ids.has(member.pod))?.member
  const offset = first === undefined ? 0 : (ids.get(first.pod) ?? 0) - first.ordinal
  const listed = known.find((one) => one.config !== undefined)?.config?.servers.length ?? 0
  const all = known.length === 1 ? 'the one member' : `all ${known.length} members`
  const list =
    listed === 0
      ? 'no member list, as it stands alone'
      : `the same list of ${listed} members on all`
  return `myid is the ordinal plus ${offset} on ${all}, ${list}`
}

function mismatch(
  member: Member,
  message: string,
  fix: string,
  severity: Finding['severity'] = 'error',
): Finding {
  return {
    code: 'IDENTITY_MISMATCH',
    ...ofMember(member),
    severity,
    message: `${member.pod} (ordinal ${member.ordinal}) ${message}`,
    fix,
  }
}

/**
 * Its list is the one of another namespace's ensemble, or of another set's: it is, or will be, a
 * member there.
 */
function belongsElsewhere(
  { member, config }: Known,
  known: readonly Known[],
  replicas: number,
  service: string,
  services: readonly MemberService[],
): Finding | undefined {
  const set = member.pod.replace(/-\d+$/, '')
  const start = Math.min(...known.map((one) => one.member.ordinal))
  const hosts = (config?.servers ?? []).flatMap(({ addresses }) =>
    addresses.map(({ host }) => host),
  )
  const belonging = judgeBelonging(hosts, {
    set,
    service,
    namespace: member.namespace,
    services: new Set(services.map(({ name }) => name)),
    start,
    replicas,
  })
  if (belonging.kind !== 'foreign') return undefined
  const said = `has the member list of another ensemble: it names ${belonging.hosts[0] ?? ''} (${belonging.where}), its own name is ${member.pod}.${service}.${member.namespace}.svc`
  return mismatch(
    member,
    said,
    `It may follow that ensemble and hold its data: remove it from there first (scale this set to 0), then deploy it with ${set}-${start}.${service} and so on, onto claims without that data.`,
  )
}

/** The member's own line in its own list; one fault explains what comes after it. */
function own(
  { member, myid, config }: Known,
  ids: ReadonlyMap<string, number>,
  replicas: number,
  whose: HostReader,
): Finding | undefined {
  const id = ids.get(member.pod)
  if (myid !== undefined && id === undefined)
    return mismatch(
      member,
      `has a myid that is no number: ${JSON.stringify(myid.slice(0, 20))}`,
      'Write the ordinal plus the ensemble’s constant into its myid file.',
    )
  if (config === undefined) return undefined
  const fault = config.faults[0]
  if (fault !== undefined)
    return mismatch(
      member,
      `has a line in its member list that cannot be read: ${fault.slice(0, 100)}`,
      'Write it as server.N=host:peerPort:electionPort.',
    )
  if (config.servers.length === 0) return noList(member, replicas)
  if (id === undefined) return noId(member, replicas)
  const line = config.servers.find((one) => one.id === id)
  if (line === undefined)
    return mismatch(
      member,
      `has id ${id}, but its member list has no server.${id}`,
      'A claim from an earlier installation may hold an old myid; compare it with the member list.',
    )
  return ledElsewhere(member, line, whose)
}

function noList(member: Member, replicas: number): Finding | undefined {
  return replicas > 1
    ? mismatch(
        member,
        `has no member list in its configuration, so it runs standalone among ${replicas}`,
        'Give it the member list that all members have.',
      )
    : undefined
}

function noId(member: Member, replicas: number): Finding | undefined {
  return replicas > 1
    ? mismatch(
        member,
        'has a member list but no readable myid file',
        'Look at the rights on its data directory and at what writes the myid file.',
      )
    : undefined
}

/** `line`: of its own id. */
function ledElsewhere(member: Member, line: ServerLine, whose: HostReader): Finding | undefined {
  const hosts = line.addresses.map(({ host }) => host)
  if (hosts.some((host) => whose.pod(host) === member.pod || WILDCARDS.has(host))) return undefined
  const other = hosts.map((host) => whose.pod(host)).find((pod) => pod !== undefined)
  const said = hosts.join(', ')
  if (other === undefined)
    return mismatch(
      member,
      `is server.${line.id} at ${said}, a name that is neither the pod’s nor that of a Service which selects this pod alone`,
      `Use ${member.pod}.<service> in the member list, or a Service with the selector ${POD_NAME}: ${member.pod}, so that a name belongs to one member.`,
      'warning',
    )
  const byService = hosts.map((host) => whose.service(host)).find((one) => one !== undefined)
  return mismatch(
    member,
    `has id ${line.id}, but server.${line.id} is ${said}, which is ${other}`,
    byService === undefined
      ? 'The volumes of two members may be swapped: compare the claims with the myid files.'
      : `Let Service ${byService} select ${member.pod}, or correct the member list; else the volumes of two members are swapped.`,
  )
}

/** Which member a host of a member list leads to. */
interface HostReader {
  /** The same for all names of a member that surely lead to it. */
  canonical(host: string): string
  /** Undefined where it can't be told. */
  pod(host: string): string | undefined
  /** Name of the Service that the host is. */
  service(host: string): string | undefined
}

function hostReader(
  known: readonly Known[],
  headlessService: string,
  services: readonly MemberService[],
): HostReader {
  const [first] = known
  const set = {
    name: first?.member.pod.replace(/-\d+$/, '') ?? '',
    namespace: first?.member.namespace ?? '',
    headlessService,
  }
  const means = (host: string): HostMeans => meaningOf(host, services, set)
  return {
    canonical(host) {
      const found = means(host)
      return found.kind === 'pod' ? found.pod : found.kind === 'service' ? found.service.pod : host
    },
    pod(host) {
      const found = means(host)
      switch (found.kind) {
        case 'pod':
          return found.pod
        case 'service':
          return found.service.pod
        case 'unknown':
          return known.find(({ member }) => isNamed(host, member.pod))?.member.pod
      }
    },
    service(host) {
      const found = means(host)
      return found.kind === 'service' ? found.service.name : undefined
    },
  }
}

function isNamed(host: string, pod: string): boolean {
  return host === pod || host.startsWith(`${pod}.`)
}

/** Each id that several have, with their pods. */
function shared(
  known: readonly Known[],
  ids: ReadonlyMap<string, number>,
): readonly { readonly pods: readonly string[]; readonly finding: Finding }[] {
  const byId = Map.groupBy(
    known.flatMap(({ member }) => (ids.has(member.pod) ? [member] : [])),
    ({ pod }) => ids.get(pod) ?? 0,
  )
  return [...byId].flatMap(([id, group]) => {
    const last = group.at(-1)
    if (group.length < 2 || last === undefined) return []
    const said = group.map(({ pod, ordinal }) => `${pod} (ordinal ${ordinal})`).join(' and ')
    return [
      {
        pods: group.map(({ pod }) => pod),
        finding: {
          code: 'IDENTITY_MISMATCH',
          ...ofMember(last),
          message: `${said} have the same id ${id}`,
          fix: 'Each member needs an id of its own: its ordinal plus one constant. Stop the newer of them before clients lose writes.',
        } satisfies Finding,
      },
    ]
  })
}

/** `blamed`: pods whose id is known to be wrong already. */
function offsets(
  known: readonly Known[],
  ids: ReadonlyMap<string, number>,
  blamed: ReadonlySet<string>,
): readonly Finding[] {
  const shifts = known.flatMap(({ member }) => {
    const id = ids.get(member.pod)
    return id === undefined ? [] : [{ member, id, shift: id - member.ordinal }]
  })
  const usual = mostCommon(shifts.map(({ shift }) => String(shift)))
  const odd = shifts.filter(({ shift }) => String(shift) !== usual)
  // Without a majority nobody can be told from the others.
  if (odd.length * 2 >= shifts.length && odd.length > 0) {
    if (odd.some(({ member }) => blamed.has(member.pod))) return []
    const said = shifts.map(({ member, id }) => `${member.pod} has ${id}`).join(', ')
    return [
      {
        code: 'IDENTITY_MISMATCH',
        severity: 'error',
        message: `the ids do not follow from the ordinals: ${said}`,
        fix: 'Every id is the ordinal plus one constant; compare the claims with the myid files.',
      },
    ]
  }
  return odd
    .filter(({ member }) => !blamed.has(member.pod))
    .map(({ member, id }) =>
      mismatch(
        member,
        `has id ${id}; by the others’ it would be ${member.ordinal + Number(usual)}`,
        'Every id is the ordinal plus one constant; a claim from an earlier installation or of another member may hold an old myid.',
      ),
    )
}

/**
 * Two lists are the same when the same ids lead to the same members, with the same ports and roles;
 * a member may write itself as a wildcard.
 */
function lists(known: readonly Known[], replicas: number, whose: HostReader): readonly Finding[] {
  const lineText = (line: ServerLine): string => textOf(line, (host) => whose.canonical(host))
  const listed = known.flatMap(({ member, config, myid }) =>
    config === undefined || config.servers.length === 0
      ? []
      : [{ member, servers: config.servers, id: Number(myid) }],
  )
  const lines = new Map<number, string>()
  const written = new Map(
    listed.flatMap(({ servers }) =>
      servers.map((line) => [lineText(line), asWritten(line)] as const),
    ),
  )
  for (const id of new Set(listed.flatMap(({ servers }) => servers.map((line) => line.id)))) {
    const said = listed.flatMap(({ servers, id: ownId }) =>
      servers.filter((line) => line.id === id && !(id === ownId && isWildcard(line))).map(lineText),
    )
    const lacking = listed.filter(({ servers }) => !servers.some((line) => line.id === id)).length
    const usual = mostCommon(said)
    if (said.length >= lacking) lines.set(id, usual ?? '')
  }
  const findings = listed.flatMap(({ member, servers, id: ownId }): readonly Finding[] => {
    const differences: string[] = []
    for (const [id, usual] of lines) {
      const mine = servers.find((line) => line.id === id)
      if (mine === undefined) differences.push(`lacks server.${id}`)
      else if (!(id === ownId && isWildcard(mine)) && lineText(mine) !== usual)
        differences.push(
          `has server.${id}=${asWritten(mine)} where others have ${written.get(usual) ?? usual}`,
        )
    }
    for (const line of servers)
      if (!lines.has(line.id))
        differences.push(`has a server.${line.id} that the others do not have`)
    return differences.length === 0
      ? []
      : [
          mismatch(
            member,
            `has another member list than the others: it ${differences.slice(0, 3).join(', ')}`,
            'Give every member the same member list; two lists can make two ensembles.',
          ),
        ]
  })
  const count = lines.size
  const counted = findings.length === 0 && count > 0 && count !== replicas
  if (counted)
    findings.push({
      code: 'IDENTITY_MISMATCH',
      severity: 'warning',
      message: `the member list names ${count} ${count === 1 ? 'member' : 'members'} (voting: ${voters(listed[0]?.servers ?? []).length}), the set has ${replicas}`,
      fix: 'The majority is counted by the member list: change it together with the number of replicas.',
    })
  return findings
}

function isWildcard(line: ServerLine): boolean {
  return line.addresses.some(({ host }) => WILDCARDS.has(host))
}

function asWritten(line: ServerLine): string {
  return textOf(line, (host) => host)
}

function textOf(line: ServerLine, nameOf: (host: string) => string): string {
  const addresses = line.addresses
    .map(({ host, peerPort, electionPort }) => `${nameOf(host)}:${peerPort}:${electionPort}`)
    .join('|')
  return line.role === 'observer' ? `${addresses}:observer` : addresses
}

function mostCommon(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

function names({ member, host, fqdn }: Known, serviceName: string): readonly Finding[] {
  const findings: Finding[] = []
  if (host !== undefined && !isNamed(host, member.pod))
    findings.push(
      mismatch(
        member,
        `has the host name ${host}`,
        'A member’s host name is its pod’s name; hostNetwork and setHostname break that.',
        'warning',
      ),
    )
  const wanted = `${member.pod}.${serviceName}.${member.namespace}.svc`
  if (
    fqdn?.includes('.') === true &&
    isNamed(fqdn, member.pod) &&
    fqdn !== wanted &&
    !fqdn.startsWith(`${wanted}.`)
  ) {
    findings.push(
      mismatch(
        member,
        `calls itself ${fqdn}, its peers look for ${wanted}`,
        'Set serviceName of the StatefulSet to its headless service.',
      ),
    )
  }
  return findings
}
