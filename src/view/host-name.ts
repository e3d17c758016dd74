// What a host of a member list says of its member: the pod, the Service and the namespace, in every
// form in which a resolver of the cluster takes it.

/** The set that a list is judged for. */
export interface OwnNames {
  readonly set: string
  /** Its headless service. */
  readonly service: string
  /** Undefined where it isn't known yet where the objects go. */
  readonly namespace: string | undefined
  /** Names of Services that are known to be in the set's namespace. */
  readonly services: ReadonlySet<string>
  readonly start: number
  readonly replicas: number
}

export type HostName =
  /**
   * A name of a cluster. `namespace` undefined: the one of whoever looks it up, or one that only
   * the start of the container tells.
   */
  | {
      readonly kind: 'cluster'
      readonly pod: string | undefined
      readonly service: string
      readonly namespace: string | undefined
    }
  /** The member itself: a wildcard, or the loopback. */
  | { readonly kind: 'self' }
  /**
   * An address, a name of another DNS, a name that only the start of the container tells: whose it
   * is can't be read from it.
   */
  | { readonly kind: 'unknown' }

const SELF: ReadonlySet<string> = new Set([
  '0.0.0.0',
  '::',
  '[::]',
  '::1',
  '[::1]',
  '127.0.0.1',
  'localhost',
])
const UNKNOWN: HostName = { kind: 'unknown' }

type Own = Pick<OwnNames, 'service' | 'namespace' | 'services'>

export function readHost(host: string, own: Own): HostName {
  const text = host.trim().toLowerCase().replace(/\.$/, '')
  if (SELF.has(text)) return { kind: 'self' }
  if (text === '' || text.includes(':') || /^\d+(\.\d+){3}$/.test(text)) return UNKNOWN
  const labels = text.split('.')
  return fullName(labels) ?? shortName(labels, own)
}

/**
 * `pod.service.namespace.svc`, `service.namespace.svc`, and a pod of one of several clusters:
 * `pod.cluster.service.namespace.svc`. Undefined for a name of another form.
 */
function fullName(labels: readonly string[]): HostName | undefined {
  const svc = [3, 2, 4].find((index) => labels[index] === 'svc')
  return svc === undefined
    ? undefined
    : clusterName(svc === 2 ? undefined : labels[0], labels[svc - 2] ?? '', labels[svc - 1])
}

/** A name that a resolver completes by its search path. */
function shortName(labels: readonly string[], own: Own): HostName {
  const [first = '', second = '', third = ''] = labels
  const isService = (name: string): boolean =>
    name !== '' && (name === own.service || own.services.has(name))
  switch (labels.length) {
    case 1:
      return clusterName(undefined, first, undefined)
    case 2:
      // The own namespace is searched first: `zk-0.zk` is the pod also where there is a namespace
      // zk.
      if (isService(second)) return clusterName(first, second, undefined)
      return second === own.namespace || own.services.has(first)
        ? clusterName(undefined, first, second)
        : UNKNOWN
    case 3:
      return isService(second) ? clusterName(first, second, third) : UNKNOWN
    default:
      return UNKNOWN
  }
}

function clusterName(
  pod: string | undefined,
  service: string,
  namespace: string | undefined,
): HostName {
  if (pod === undefined && isOpen(service)) return UNKNOWN
  return {
    kind: 'cluster',
    pod,
    service,
    namespace: namespace === undefined || isOpen(namespace) ? undefined : namespace,
  }
}

/** A part that only the start of the container fills in: `$NAME`, `$((i - 1))`, `{{ … }}`. */
function isOpen(label: string): boolean {
  return /[^a-z0-9_-]/.test(label)
}

/** Whose members a list names. */
export type Belonging =
  | { readonly kind: 'own' }
  /** It is the list of another ensemble: `hosts` are those that prove it. */
  | { readonly kind: 'foreign'; readonly hosts: readonly string[]; readonly where: string }
  /** Members of the own set, and others elsewhere. */
  | { readonly kind: 'spans'; readonly hosts: readonly string[]; readonly where: string }

interface Placed {
  readonly host: string
  readonly name: HostName
  readonly whose: 'own' | 'namespace' | 'set' | 'unknown'
}

/**
 * A list is another ensemble's when it names a member of this set by its name in another namespace
 * and not in its own, or when it names none but members of others.
 * Some of the own set and some elsewhere is an ensemble that spans several sets.
 */
export function judgeBelonging(hosts: readonly string[], own: OwnNames): Belonging {
  const placed = hosts.map((host) => place(host, own))
  const keys = new Set(placed.flatMap((one) => (one.whose === 'own' ? [keyOf(one.name)] : [])))
  const ownPods = new Set(
    Array.from({ length: own.replicas }, (_, index) => `${own.set}-${own.start + index}`),
  )
  const others = placed.filter(({ whose }) => whose === 'namespace' || whose === 'set')
  const twins = others.filter(
    ({ whose, name }) =>
      whose === 'namespace' && isTwin(name, ownPods, own) && !keys.has(keyOf(name)),
  )
  const alone = others.length > 0 && others.length === placed.length
  const proof = twins.length > 0 ? twins : alone ? others : []
  if (proof.length > 0)
    return { kind: 'foreign', hosts: proof.map(({ host }) => host), where: whereOf(proof) }
  return others.length > 0
    ? { kind: 'spans', hosts: others.map(({ host }) => host), where: whereOf(others) }
    : { kind: 'own' }
}

function place(host: string, own: OwnNames): Placed {
  const name = readHost(host, own)
  if (name.kind !== 'cluster') return { host, name, whose: 'unknown' }
  if (name.namespace !== undefined && own.namespace === undefined)
    return { host, name, whose: 'unknown' }
  if (name.namespace !== undefined && name.namespace !== own.namespace)
    return { host, name, whose: 'namespace' }
  const base = name.pod === undefined ? undefined : /^(.+)-\d+$/.exec(name.pod)?.[1]
  return {
    host,
    name,
    whose: base !== undefined && base !== own.set && !isOpen(base) ? 'set' : 'own',
  }
}

/** The pod, or the Service that stands for it. */
function keyOf(name: HostName): string {
  return name.kind === 'cluster' ? (name.pod ?? name.service) : ''
}

/**
 * A name that a member, or a Service, of this set has too. One that the start of the container
 * fills in means each of its members.
 */
function isTwin(name: HostName, ownPods: ReadonlySet<string>, own: OwnNames): boolean {
  if (name.kind !== 'cluster') return false
  if (name.pod === undefined) return own.services.has(name.service)
  return (
    ownPods.has(name.pod) ||
    (isOpen(name.pod) && (name.service === own.service || name.pod.includes('hostname')))
  )
}

function whereOf(placed: readonly Placed[]): string {
  const namespaces = new Set(
    placed.flatMap(({ name, whose }) =>
      whose === 'namespace' && name.kind === 'cluster' ? [name.namespace ?? ''] : [],
    ),
  )
  if (namespaces.size > 0) return `namespace ${[...namespaces].join(' and ')}`
  const sets = new Set(
    placed.flatMap(({ name }) =>
      name.kind === 'cluster' ? (/^(.+)-\d+$/.exec(name.pod ?? '')?.[1] ?? []) : [],
    ),
  )
  return `StatefulSet ${[...sets].join(' and ')}`
}
