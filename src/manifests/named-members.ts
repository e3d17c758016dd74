// Every text of a pod template that names members of an ensemble: variables, flags and scripts of
// each container, and the ConfigMaps that they read.

import type { ProfileName } from '../view/profile-name.ts'
import { containerSettings, type ContainerSettings } from './settings.ts'
import type { Container, SetShape } from './shapes.ts'

type ConfigMaps = ReadonlyMap<string, Readonly<Record<string, string>>>

export interface NamedMember {
  readonly host: string
  readonly observer: boolean
}

/** One text, and the members that it names, in its order. */
export interface MemberNames {
  /** `ZOO_SERVERS`, `the command of container server`, `zoo.cfg of configmap/zk`. */
  readonly what: string
  readonly place:
    | { readonly kind: 'set'; readonly path: readonly (string | number)[] }
    | { readonly kind: 'configmap'; readonly name: string; readonly key: string }
  readonly members: readonly NamedMember[]
}

/** `configMaps`: by name, those of the set's namespace that are known. */
export function namedMembers(
  { spec }: SetShape,
  configMaps: ConfigMaps,
  profile: ProfileName,
): readonly MemberNames[] {
  const pod = spec.template.spec
  const read = READERS[profile]
  const containers = [
    ...pod.containers.map((container, index) => ({ container, path: ['containers', index] })),
    ...pod.initContainers.map((container, index) => ({
      container,
      path: ['initContainers', index],
    })),
  ]
  const found = containers.flatMap(({ container, path }) =>
    ofContainer(container, ['spec', 'template', 'spec', ...path], configMaps, read),
  )
  const files = mountedConfigMaps(pod).flatMap((name): readonly MemberNames[] =>
    Object.entries(configMaps.get(name) ?? {}).map(([key, text]) => ({
      what: `${key} of configmap/${name}`,
      place: { kind: 'configmap', name, key },
      members: read(key, text, new Map()),
    })),
  )
  return [...found, ...files].filter(({ members }) => members.length > 0)
}

function ofContainer(
  container: Container,
  at: readonly (string | number)[],
  configMaps: ConfigMaps,
  read: Reader,
): readonly MemberNames[] {
  const settings = containerSettings(container, configMaps)
  const variables = [...settings.env].flatMap(([name, { value, path }]): readonly MemberNames[] =>
    value === undefined
      ? []
      : [
          {
            what: name,
            place: { kind: 'set', path: [...at, ...path] },
            members: read(name, value, settings.env),
          },
        ],
  )
  const words = [
    ...container.command.map((text, index) => ({ text, path: ['command', index] })),
    ...container.args.map((text, index) => ({ text, path: ['args', index] })),
  ]
  const scripts = words.map(({ text, path }): MemberNames => ({
    what: `the ${path[0] === 'args' ? 'arguments' : 'command'} of container ${container.name}`,
    place: { kind: 'set', path: [...at, ...path] },
    members: read('', text, settings.env),
  }))
  return [...variables, ...scripts]
}

/** Names of the ConfigMaps in which its containers may find their members. */
export function referencedConfigMaps({ spec }: SetShape): readonly string[] {
  const pod = spec.template.spec
  const read = [...pod.containers, ...pod.initContainers].flatMap(({ env, envFrom }) => [
    ...envFrom.map((source) => source.configMapRef?.name),
    ...env.map((variable) => variable.valueFrom?.configMapKeyRef?.name),
  ])
  return [...new Set([...mountedConfigMaps(pod), ...read.filter((name) => name !== undefined)])]
}

/** Names of the ConfigMaps that volumes of the pod hold, alone or projected with others. */
function mountedConfigMaps({ volumes }: SetShape['spec']['template']['spec']): readonly string[] {
  const names = volumes.flatMap((volume) => [
    nameIn(volume['configMap']),
    ...listIn(volume['projected'], 'sources').map((source) => nameIn(fieldIn(source, 'configMap'))),
  ])
  return [...new Set(names.filter((name) => name !== undefined))]
}

function fieldIn(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null && field in value
    ? Object.entries(value).find(([key]) => key === field)?.[1]
    : undefined
}

function listIn(value: unknown, field: string): readonly unknown[] {
  const list: unknown = fieldIn(value, field)
  return Array.isArray(list) ? list : []
}

function nameIn(value: unknown): string | undefined {
  const name = fieldIn(value, 'name')
  return typeof name === 'string' ? name : undefined
}

/** `name`: of the variable or the file; empty for a script. */
type Reader = (name: string, text: string, env: ContainerSettings['env']) => readonly NamedMember[]

const READERS: Readonly<Record<ProfileName, Reader>> = {
  zookeeper: (_name, text, env) => bothPorts(text, env),
  cassandra: (name, text, env) => [
    ...(/SEEDS/i.test(name) ? listed(text, env) : []),
    ...matches(
      text,
      /(?:\bseeds["']?\s*[:=]\s*|-Dcassandra\.seeds?=)["']?([^"'\s][^"'\n]*)/g,
    ).flatMap((list) => listed(list.split(/\s+-/)[0] ?? '', env)),
  ],
  custom: (name, text, env) => [
    ...(name.endsWith('INITIAL_CLUSTER') ? urls(text, env) : []),
    ...matches(text, /--initial-cluster[= ]["']?([^\s"']+)/g).flatMap((list) => urls(list, env)),
    ...(name.endsWith('QUORUM_VOTERS') ? voters(text, env) : []),
    ...matches(text, /controller\.quorum\.voters\s*=\s*([^\s"']+)/g).flatMap((list) =>
      voters(list, env),
    ),
  ],
  none: () => [],
}

/**
 * `host:2888:3888` with whatever stands around it: a line of zoo.cfg, an entry of ZOO_SERVERS in
 * the way of any image, an `echo` of a script.
 */
const BOTH_PORTS =
  /(\[[0-9a-f:.]+\]|[\w.$(){}%#*+-]+):(?:\d{2,5}|\$\{?\w+\}?):(?:\d{2,5}|\$\{?\w+\}?)(:observer)?/gi

function bothPorts(text: string, env: ContainerSettings['env']): readonly NamedMember[] {
  const script = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
  const assigned = assignments(script)
  // A sum has blanks in it, and stands for a number: `$((i - 1))`.
  const joined = script.replaceAll(/\$\(\([^()]*\)\)/g, (sum) => sum.replaceAll(/\s+/g, ''))
  return [...joined.matchAll(BOTH_PORTS)].map(([, host = '', role]) => ({
    host: filled(host, env, assigned),
    observer: role !== undefined,
  }))
}

function listed(text: string, env: ContainerSettings['env']): readonly NamedMember[] {
  return text
    .split(/[\s,;]+/)
    .filter((host) => host !== '')
    .map((host) => ({
      host: filled(host.replace(/^(\[[^\]]*\]|[^:]+):\d+$/, '$1'), env, new Map()),
      observer: false,
    }))
}

function urls(text: string, env: ContainerSettings['env']): readonly NamedMember[] {
  return matches(text, /https?:\/\/(\[[^\]]+\]|[^\s:,/]+)/g).map((host) => ({
    host: filled(host, env, new Map()),
    observer: false,
  }))
}

function voters(text: string, env: ContainerSettings['env']): readonly NamedMember[] {
  return matches(text, /\d+@(\[[^\]]+\]|[^\s:,]+):\d+/g).map((host) => ({
    host: filled(host, env, new Map()),
    observer: false,
  }))
}

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].flatMap((match) => match[1] ?? [])
}

/** `DOMAIN=zk-hs.shop.svc.cluster.local` in a script. */
function assignments(script: string): ReadonlyMap<string, string> {
  return new Map(
    [...script.matchAll(/(?:^|[\s;])(\w+)=(["']?)([\w.${}-]+)\2(?=$|[\s;])/g)].map(
      ([, name = '', , value = '']) => [name, value],
    ),
  )
}

/**
 * Variables with a value that is known are filled in, also one in another; the rest stays as it is
 * written.
 */
function filled(
  host: string,
  env: ContainerSettings['env'],
  assigned: ReadonlyMap<string, string>,
): string {
  let text = host
  for (let depth = 0; depth < 3; depth++) {
    text = text.replaceAll(
      /\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g,
      (all, braced?: string, bracketed?: string, bare?: string) => {
        const name = braced ?? bracketed ?? bare ?? ''
        return assigned.get(name) ?? env.get(name)?.value ?? all
      },
    )
  }
  return text
}
