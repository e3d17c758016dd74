// Which StatefulSet is the ensemble, what kind of ensemble it is, and where its members listen:
// read from image, ports and settings, never assumed.

import { failure, type Finding } from '../errors.ts'
import type { ProfileName } from '../view/profile-name.ts'
import { containerSettings } from './settings.ts'
import type { Container, PodSpec, Shaped, SetShape } from './shapes.ts'

/** The container that is the server, and where clients reach it. */
export interface MemberContainer {
  readonly name: string
  /** Index among the pod's containers. */
  readonly index: number
  readonly image: string
  readonly clientPort: number
}

/** The StatefulSet that is meant: by name, or the only one. The finding lists what there is. */
export function chooseSet(
  sets: readonly Shaped<SetShape>[],
  name: string | undefined,
): Shaped<SetShape> | Finding {
  const there = sets
    .map(
      ({ manifest }) =>
        `${manifest.object.metadata.name} (${manifest.place.file}${manifest.place.line === undefined ? '' : `:${manifest.place.line}`})`,
    )
    .join(', ')
  if (sets.length === 0)
    return {
      code: 'MANIFEST_INVALID',
      severity: 'error',
      message: 'the manifests hold no StatefulSet',
      fix: 'add the StatefulSet of the ensemble, or check which files the input manifests names',
    }
  const named =
    name === undefined
      ? sets
      : sets.filter(({ manifest }) => manifest.object.metadata.name === name)
  const [first, second] = named
  if (first === undefined)
    return {
      code: 'INPUT_INVALID',
      severity: 'error',
      message: `name: the manifests hold no StatefulSet ${name ?? ''}, but ${there}`,
      fix: 'set name to one of them',
      input: 'name',
    }
  if (second === undefined) return first
  const place = second.manifest.place
  if (name !== undefined)
    return {
      code: 'MANIFEST_INVALID',
      severity: 'error',
      message: `StatefulSet ${name} is there more than once: ${there}`,
      fix: 'keep one of them',
      place,
    }
  return {
    code: 'INPUT_INVALID',
    severity: 'error',
    message: `the manifests hold more than one StatefulSet: ${there}`,
    fix: 'set name to the one that is the ensemble',
    input: 'name',
    place,
  }
}

interface Kind {
  readonly profile: 'zookeeper' | 'cassandra'
  readonly image: RegExp
  readonly clientPort: number
  /**
   * Ports among members: with the client port they tell the kind where the image's name doesn't.
   */
  readonly peerPorts: readonly number[]
}

const KINDS: readonly Kind[] = [
  {
    profile: 'zookeeper',
    image: /(^|[-_])zookeeper([-_]|$)/,
    clientPort: 2181,
    peerPorts: [2888, 3888],
  },
  {
    profile: 'cassandra',
    image: /(^|[-_])cassandra([-_]|$)/,
    clientPort: 9042,
    peerPorts: [7000, 7001],
  },
]
/** Images that go by the name of the server but stand beside it. */
const COMPANION = /exporter|operator|metrics|reaper|backup|agent|init/

/** The last part of an image's name, without registry, tag and digest. */
export function imageBase(image: string): string {
  return (
    (image.split('@')[0] ?? '')
      .replace(/:[^/:]*$/, '')
      .split('/')
      .at(-1) ?? ''
  )
}

function isServer(container: Container, kind: Kind): boolean {
  const base = imageBase(container.image ?? '')
  return kind.image.test(base) && !COMPANION.test(base)
}

function listens(container: Container, kind: Kind): boolean {
  return (
    container.ports.some((port) => port.containerPort === kind.clientPort) &&
    isPeer(container, kind)
  )
}

/** It has a port at which members of that kind talk to each other. */
function isPeer({ ports }: Container, { peerPorts }: Kind): boolean {
  return ports.some((port) => peerPorts.includes(port.containerPort))
}

/** Variables and programs that belong to one kind, whatever the image is called. */
const SIGNS: Readonly<
  Record<Kind['profile'], { readonly variables: RegExp; readonly script: RegExp }>
> = {
  zookeeper: {
    variables: /^(ZOO_SERVERS|ZOO_MY_ID|ZOO_SERVER_ID|ZOOKEEPER_SERVER_ID|ZOOKEEPER_SERVERS)$/,
    script: /\bzkServer\.sh\b|\bstart-zookeeper\b|\bQuorumPeerMain\b/,
  },
  cassandra: { variables: /^CASSANDRA_(SEEDS|CLUSTER_NAME)$/, script: /\bcassandra\s+-f\b/ },
}

function isToldSo(container: Container, { profile }: Kind): boolean {
  const { variables, script } = SIGNS[profile]
  return (
    container.env.some(({ name }) => variables.test(name)) ||
    script.test([...container.command, ...container.args].join(' '))
  )
}

/** By image, then by ports, then by what it is told; undefined when none says anything. */
export function detectProfile(spec: PodSpec): 'zookeeper' | 'cassandra' | undefined {
  for (const sign of [isServer, listens, isToldSo]) {
    const kind = KINDS.find((candidate) =>
      spec.containers.some((container) => sign(container, candidate)),
    )
    if (kind !== undefined) return kind.profile
  }
  return undefined
}

/**
 * The profile that was asked for, or the one that image and ports show; throws INPUT_INVALID when
 * `auto` finds nothing. `object`: as in `statefulset/zk`.
 */
export function resolveProfile(
  asked: 'auto' | ProfileName,
  spec: PodSpec,
  object: string,
): ProfileName {
  if (asked !== 'auto') return asked
  const found = detectProfile(spec)
  if (found !== undefined) return found
  const ports = spec.containers
    .flatMap((container) => container.ports.map((port) => port.containerPort))
    .join(', ')
  const images = spec.containers.map((container) => container.image ?? 'no image').join(', ')
  throw failure(
    'refused',
    'INPUT_INVALID',
    `${object}: neither the image (${images}) nor the ports (${ports || 'none'}) say what kind of ensemble it is`,
    {
      fix: 'set profile to zookeeper, cassandra, custom or none',
      input: 'profile',
      object,
    },
  )
}

/**
 * By image; of several with it, such as one that backs up and has the server's programs, the one that
 * has the ports of a server or is told to be one.
 */
function serverAmong(containers: readonly Container[], kind: Kind): Container | undefined {
  const byImage = containers.filter((container) => isServer(container, kind))
  return (
    byImage.find((container) => isPeer(container, kind) || isToldSo(container, kind)) ??
    byImage[0] ??
    containers.find((container) => listens(container, kind))
  )
}

/** The server's container and client port for a profile. */
export function memberContainer(spec: PodSpec, profile: ProfileName): MemberContainer | undefined {
  const kind = KINDS.find((candidate) => candidate.profile === profile)
  const container = (kind && serverAmong(spec.containers, kind)) ?? spec.containers[0]
  if (container === undefined) return undefined
  return {
    name: container.name,
    index: spec.containers.indexOf(container),
    image: container.image ?? '',
    clientPort: clientPortOf(container, kind),
  }
}

/**
 * What the server is told, where that is written as it stands; then a port by the name `client` (or
 * the protocol's own, `cql`), then the usual number.
 */
function clientPortOf(container: Container, kind: Kind | undefined): number {
  const named = container.ports.find((port) =>
    ['client', 'zk-client', 'zookeeper', 'cql', 'cql-native'].includes(port.name ?? ''),
  )
  return (
    toldPort(container) ??
    named?.containerPort ??
    kind?.clientPort ??
    container.ports[0]?.containerPort ??
    0
  )
}

/** The client port in flags, variables or script, the first that is a number. */
function toldPort(container: Container): number | undefined {
  const { flags, env, script } = containerSettings(container, new Map())
  const valueOf = (name: string): string => env.get(name)?.value ?? ''
  return [
    flags.get('client_port')?.value,
    /;(?:[^ ;]*:)?(\d+)/.exec(valueOf('ZOO_SERVERS'))?.[1],
    /(?<![\w.])clientPort=(\d+)/.exec(`${valueOf('ZOO_CFG_EXTRA')}\n${script}`)?.[1],
    valueOf('ZOO_PORT_NUMBER'),
    valueOf('ZOOKEEPER_CLIENT_PORT'),
  ]
    .map((text) => (text === undefined || text === '' ? Number.NaN : Number(text)))
    .find((port) => Number.isInteger(port) && port > 0)
}
