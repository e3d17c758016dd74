// Who the members are is written in the pod template: the same StatefulSet with another number of
// members has its replicas and that list changed together, or is refused.

import type { ProfileName } from '../view/profile-name.ts'
import type { KubeObject } from '../kube/kube.ts'
import { memberContainer, type MemberContainer } from './ensemble.ts'
import { readsOwnConfig } from './lint-rules/images.ts'
import { ordinalIn } from './member-services.ts'
import { containerSettings, makesOwnList, type ContainerSettings } from './settings.ts'
import { parseSet, type Container, type PodSpec, type SetShape } from './shapes.ts'

/** Why the list can't be changed by this action, and how a person changes it. */
export interface Refusal {
  readonly refused: string
  readonly manual: string
}

export type Resized = { readonly set: KubeObject } | Refusal

/** One text of the pod template that says who the members are; `path` from the container. */
interface Place {
  readonly path: readonly (string | number)[]
  readonly text: string
  /** How many members it names. */
  readonly count: number
  /** The text for another number of members. */
  resized(count: number): string
}

interface Found {
  readonly shape: SetShape
  /** Index of the member's container. */
  readonly index: number
  readonly settings: ContainerSettings
  /** Undefined where only `replicas` says how many there are. */
  readonly place: Place | undefined
}

const SERVERS = /((?:^|[\s"'])--servers=)("[^"]*"|'[^']*'|[^\s"'\\]*)/g
const REFERENCE = /^["']?\$(?:\{(\w+)\}|\((\w+)\)|(\w+))["']?$/
/** Settings under which a plain list of voters is not the whole truth. */
const SPECIAL: readonly (readonly [RegExp, string])[] = [
  [
    /reconfigEnabled\s*=\s*true|dynamicConfigFile\s*=/i,
    'the servers keep their member list themselves (dynamic reconfiguration): a list in the template would contradict theirs',
  ],
  [
    /peerType\s*=\s*observer|:observer/i,
    'some members are observers: they do not count for the quorum, and which ones they are is not known from their ordinals',
  ],
  [
    /(?:^|[\s"'])(?:weight|group)\.\d+\s*=/m,
    'members vote in groups or with weights: one more or less may change who decides',
  ],
]
const NAMES_MEMBERS = /--servers=|\bserver\.\d+=|ZOO_SERVERS/
const BY_HAND =
  'Change the list and spec.replicas by one member at a time: up with the new member first, then the others restarted one by one; down with the highest ordinal first. Wait after each step until every member serves.'

/**
 * The StatefulSet with `count` members; everything else stays byte for byte, and a way there and
 * back gives the same bytes.
 */
export function withMembers(set: KubeObject, count: number, profile: ProfileName): Resized {
  if (profile !== 'zookeeper') return { set: replaceAt(set, ['spec', 'replicas'], count) }
  const found = findList(set)
  if ('refused' in found) return found
  const { index, place, settings } = found
  if (place === undefined) return { set: replaceAt(set, ['spec', 'replicas'], count) }
  const container = ['spec', 'template', 'spec', 'containers', index]
  const standalone = settings.env.get('ZOO_STANDALONE_ENABLED')
  // It matters for one member only; what somebody wrote for several is not touched.
  const crosses =
    standalone?.value !== undefined &&
    standalone.path[0] === 'env' &&
    (count === 1) !== (place.count === 1)
  const resized = replaceAt(
    replaceAt(set, ['spec', 'replicas'], count),
    [...container, ...place.path],
    place.resized(count),
  )
  return {
    set: crosses
      ? replaceAt(resized, [...container, ...standalone.path, 'value'], String(count === 1))
      : resized,
  }
}

/** How many members the list names; for kinds without one, `replicas`. */
export function memberCountOf(set: KubeObject, profile: ProfileName): number | Refusal {
  if (profile !== 'zookeeper') return parseSet(set)?.spec.replicas ?? 1
  const found = findList(set)
  return 'refused' in found ? found : (found.place?.count ?? found.shape.spec.replicas)
}

function findList(set: KubeObject): Found | Refusal {
  const shape = parseSet(set)
  const pod = shape?.spec.template.spec
  const member = pod === undefined ? undefined : memberContainer(pod, 'zookeeper')
  const container = member === undefined ? undefined : pod?.containers[member.index]
  if (shape === undefined || pod === undefined || member === undefined || container === undefined)
    return refusal(`statefulset/${set.metadata.name} has no container that could be a member`)
  const settings = containerSettings(container, new Map())
  const told: Told = { pod, member, container, settings }
  for (const why of [specialVoting, ownConfig, unreadExtra, namedBeside, ownList]) {
    const refused = why(told)
    if (refused !== undefined) return refused
  }
  const place = settings.flags.has('servers')
    ? serversFlag(shape, member.index)
    : settings.env.has('ZOO_SERVERS')
      ? zooServers(shape, settings)
      : nowhere(told)
  return 'refused' in place ? place : { shape, index: member.index, settings, place }
}

/** What the pod template tells the member's container. */
interface Told {
  readonly pod: PodSpec
  readonly member: MemberContainer
  readonly container: Container
  readonly settings: ContainerSettings
}

const OWN_LIST = 'the start script puts the member list together itself'

function specialVoting({ container, settings }: Told): Refusal | undefined {
  const texts = [settings.script, ...container.env.map((variable) => variable.value ?? '')]
  const special = SPECIAL.find(([pattern]) => texts.some((text) => pattern.test(text)))
  return special === undefined ? undefined : refusal(special[1])
}

function ownConfig(told: Told): Refusal | undefined {
  return readsOwnConfig(told)
    ? refusal('the servers read a zoo.cfg of your own, with a line server.N for each member')
    : undefined
}

function unreadExtra({ settings }: Told): Refusal | undefined {
  const extra = settings.env.get('ZOO_CFG_EXTRA')
  return extra === undefined || extra.value !== undefined
    ? undefined
    : {
        refused:
          'ZOO_CFG_EXTRA comes from a Secret, a ConfigMap or a field of the pod: whether it makes observers or groups is not known',
        manual: 'Write it as a plain value in the pod template, and deploy that; then scale.',
      }
}

/** Another container of the pod has a list of its own. */
function namedBeside({ pod, container }: Told): Refusal | undefined {
  const other = [...pod.initContainers, ...pod.containers].find(
    (one) =>
      one !== container &&
      [
        ...one.command,
        ...one.args,
        ...one.env.flatMap(({ name, value }) => [name, value ?? '']),
      ].some((text) => NAMES_MEMBERS.test(text)),
  )
  return other === undefined
    ? undefined
    : refusal(`container ${other.name} names the members as well`)
}

function ownList({ settings }: Told): Refusal | undefined {
  return !settings.flags.has('servers') && makesOwnList(settings) ? refusal(OWN_LIST) : undefined
}

/** Neither a flag nor the variable. */
function nowhere({ container, settings }: Told): Refusal {
  if (settings.script.includes('ZOO_SERVERS')) return refusal(OWN_LIST)
  const from = container.envFrom.length > 0 ? ' (what envFrom brings is not looked at)' : ''
  return refusal(`neither --servers nor ZOO_SERVERS says who the members are${from}`)
}

/** `--servers=3` of start-zookeeper, as it stands or by a variable with a plain value. */
function serversFlag({ spec }: SetShape, index: number): Place | Refusal {
  const container = spec.template.spec.containers[index]
  if (container === undefined) return refusal('there is no container')
  if ((spec.ordinals?.start ?? 0) !== 0)
    return refusal('--servers counts members from ordinal 0, and spec.ordinals.start is another')
  const words = [
    ...container.command.map((text, at) => ({ text, path: ['command', at] })),
    ...container.args.map((text, at) => ({ text, path: ['args', at] })),
  ]
  const said = words.flatMap((word) =>
    [...word.text.matchAll(SERVERS)].map((match) => ({ ...word, value: match[2] ?? '' })),
  )
  const [only, second] = said
  if (only === undefined || second !== undefined)
    return refusal('--servers is given more than once')
  const literal = /^(["']?)(\d+)\1$/.exec(only.value)
  if (literal !== null) {
    const resized = (count: number): string =>
      only.text.replace(
        SERVERS,
        (_all, before: string) => `${before}${literal[1] ?? ''}${count}${literal[1] ?? ''}`,
      )
    return { path: only.path, text: only.text, count: Number(literal[2]), resized }
  }
  const named = REFERENCE.exec(only.value)
    ?.slice(1)
    .find((group) => group !== undefined)
  const at = container.env.findLastIndex((variable) => variable.name === named)
  const value = container.env[at]?.value
  if (value === undefined || !/^\d+$/.test(value)) {
    return {
      refused: `the number of servers comes from ${named ?? only.value}, which is no plain value in the pod template`,
      manual: 'Write the number itself, --servers=N, and deploy that; then scale.',
    }
  }
  return { path: ['env', at, 'value'], text: value, count: Number(value), resized: String }
}

interface Entry {
  readonly text: string
  readonly id: number
  /** First label of the host of each address; since 3.6 an entry may have several. */
  readonly labels: readonly string[]
}

/** How a name follows the members: a number between two texts. */
interface Naming {
  readonly before: string
  readonly after: string
  /** The number of the first member. */
  readonly first: number
}

/** `ZOO_SERVERS` of the official image: `server.1=zk-0.zk-hs:2888:3888;2181 server.2=…`. */
function zooServers(shape: SetShape, settings: ContainerSettings): Place | Refusal {
  const setting = settings.env.get('ZOO_SERVERS')
  if (setting?.value === undefined || setting.path[0] !== 'env')
    return {
      refused: 'ZOO_SERVERS comes from a Secret, a ConfigMap or a field of the pod',
      manual:
        'Write the list as the value of ZOO_SERVERS in the pod template, and deploy that; then scale.',
    }
  const text = setting.value
  const { name } = shape.metadata
  const words = text.split(/\s+/).filter((word) => word !== '')
  const entries = words.map((word) => toEntry(word, name)).filter((entry) => entry !== undefined)
  const [first] = entries
  if (first === undefined && words.length === 0) return refusal('ZOO_SERVERS is empty')
  if (first === undefined || entries.length < words.length)
    return refusal(
      `an entry of ZOO_SERVERS is not of the form server.N=${name}-ORDINAL.SERVICE:2888:3888;2181`,
    )
  const start = shape.spec.ordinals?.start ?? 0
  const namings = first.labels.map((_, at) =>
    namingOf(
      entries.map((entry) => entry.labels[at]),
      name,
      start,
    ),
  )
  const known = namings.filter((naming) => naming !== undefined)
  const inOrder = entries.every(
    (entry, index) => entry.id === first.id + index && entry.labels.length === first.labels.length,
  )
  if (!inOrder || known.length < namings.length)
    return refusal('the names and ids in ZOO_SERVERS do not follow the ordinals of the members')
  return {
    path: [...setting.path, 'value'],
    text,
    count: entries.length,
    resized: (count) => resizeList(text, known, entries, count),
  }
}

/**
 * Undefined where a host is neither a pod of the set nor could be a Service: what the next member
 * would be called is not known.
 */
function toEntry(text: string, set: string): Entry | undefined {
  const [, id, peers] = /^server\.(\d+)=([^;]+)/.exec(text) ?? []
  const labels = (peers ?? '').split('|').map((address) => {
    const [first = '', second, third] = (address.split(':')[0] ?? '').split('.')
    const mayBeService =
      /^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(first) && (second === undefined || third === 'svc')
    return ordinalIn(first, set) !== undefined || mayBeService ? first : undefined
  })
  const known = labels.filter((label) => label !== undefined)
  return id === undefined || known.length < labels.length
    ? undefined
    : { text, id: Number(id), labels: known }
}

/**
 * Names of pods are those of the ordinals; names of Services, which may be numbered otherwise, have
 * one number that counts along.
 */
function namingOf(
  labels: readonly (string | undefined)[],
  set: string,
  start: number,
): Naming | undefined {
  const [first = ''] = labels
  const follows = (naming: Naming): boolean =>
    labels.every((label, index) => label === nameOf(naming, index))
  const isPod = ordinalIn(first, set) !== undefined
  const numbers = isPod
    ? []
    : [...first.matchAll(/\d+/g)].map((match): Naming => ({
        before: first.slice(0, match.index),
        after: first.slice(match.index + match[0].length),
        first: Number(match[0]),
      }))
  // Of one name with several numbers nobody knows which of them counts.
  const candidates = isPod
    ? [{ before: `${set}-`, after: '', first: start }]
    : labels.length === 1 && numbers.length > 1
      ? []
      : numbers
  return candidates.find(follows)
}

function nameOf({ before, after, first }: Naming, index: number): string {
  return `${before}${first + index}${after}`
}

/** Entries go, and come after the pattern of the last one, with what stands between two of them. */
function resizeList(
  text: string,
  namings: readonly Naming[],
  entries: readonly Entry[],
  count: number,
): string {
  const last = entries.at(-1)
  if (last === undefined) return text
  const pieces = text.split(/(\s+)/)
  const at = pieces.lastIndexOf(last.text)
  const tail = pieces.slice(at + 1).join('')
  const head = text.slice(0, text.length - tail.length)
  if (count <= entries.length) {
    const kept = head.split(/(\s+)/)
    for (let gone = entries.length - count; gone > 0; gone--) kept.splice(-2)
    return kept.join('') + tail
  }
  const between = entries.length > 1 ? (pieces[at - 1] ?? ' ') : ' '
  const own = new RegExp(`(?<![\\w.-])(?:${last.labels.map(escape).join('|')})(?=[.:])`, 'g')
  const more = Array.from({ length: count - entries.length }, (_, more) => {
    const index = entries.length + more
    return last.text
      .replace(/^server\.\d+=/, `server.${last.id + more + 1}=`)
      .replaceAll(own, (label) =>
        nameOf(
          namings[last.labels.indexOf(label)] ?? { before: label, after: '', first: -index },
          index,
        ),
      )
  })
  return [head, ...more].join(between) + tail
}

function escape(name: string): string {
  return name.replaceAll(/[.]/g, '\\.')
}

function refusal(refused: string): Refusal {
  return { refused, manual: BY_HAND }
}

/** A copy of the object with one value replaced; what isn't on the way stays the same. */
function replaceAt(
  object: KubeObject,
  path: readonly (string | number)[],
  value: unknown,
): KubeObject {
  const [field, ...rest] = path
  return { ...object, [String(field)]: replaceIn(object[String(field)], rest, value) }
}

function replaceIn(tree: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (Array.isArray(tree))
    return tree.map((item: unknown, index) => (index === key ? replaceIn(item, rest, value) : item))
  const fields: Readonly<Record<string, unknown>> =
    typeof tree === 'object' && tree !== null ? { ...tree } : {}
  return { ...fields, [key]: replaceIn(fields[key], rest, value) }
}
