// What a server is told when it starts: flags of its command line and variables of its environment, with the place of each.

import type { Container } from './shapes.ts'

/** A value, and where it is written, relative to the container. */
export interface Setting {
  /** Undefined where it can't be known from the manifests: a Secret, a field of the pod, a ConfigMap that isn't among them. */
  readonly value: string | undefined
  readonly path: readonly (string | number)[]
}

export interface ContainerSettings {
  /** `--servers=3` as `servers`. */
  readonly flags: ReadonlyMap<string, Setting>
  readonly env: ReadonlyMap<string, Setting>
  /** Command and arguments as one text; empty where the image's own entrypoint runs. */
  readonly script: string
}

/** The script puts the member list together itself: the list of before takes no part in what it gives the server. */
export function makesOwnList({ script }: Pick<ContainerSettings, 'script'>): boolean {
  return /\bZOO_SERVERS=(?!["']?\$\{?ZOO_SERVERS\b)/.test(script)
}

type ConfigMaps = ReadonlyMap<string, Readonly<Record<string, string>>>

export function containerSettings(container: Container, configMaps: ConfigMaps): ContainerSettings {
  const env = environment(container, configMaps)
  const words = [...container.command.map((text, index) => ({ text, path: ['command', index] })), ...container.args.map((text, index) => ({ text, path: ['args', index] }))]
  const flags = new Map<string, Setting>()
  for (const { text, path } of words) {
    for (const [, name, value] of text.matchAll(/(?:^|[\s"'])--([a-zA-Z][\w-]*)=("[^"]*"|'[^']*'|[^\s"'\\]*)/g)) {
      if (name !== undefined && value !== undefined) flags.set(name, { value: expand(value.replaceAll(/^["']|["']$/g, ''), env), path })
    }
  }
  return { flags, env, script: words.map(({ text }) => text).join(' ') }
}

/** Later ones win, as in the kubelet: envFrom first, then env. */
function environment(container: Container, configMaps: ConfigMaps): Map<string, Setting> {
  const env = new Map<string, Setting>()
  container.envFrom.forEach((source, index) => {
    const data = configMaps.get(source.configMapRef?.name ?? '')
    for (const [key, value] of Object.entries(data ?? {})) env.set(`${source.prefix ?? ''}${key}`, { value, path: ['envFrom', index] })
  })
  container.env.forEach((variable, index) => {
    const ref = variable.valueFrom?.configMapKeyRef
    const value = variable.valueFrom === undefined || variable.valueFrom === null ? (variable.value ?? '') : ref === undefined ? undefined : configMaps.get(ref.name)?.[ref.key]
    env.set(variable.name, { value, path: ['env', index] })
  })
  return env
}

/** `$NAME`, `${NAME}` and `$(NAME)`; undefined when one of them isn't known. */
function expand(text: string, env: ReadonlyMap<string, Setting>): string | undefined {
  let known = true
  const expanded = text.replaceAll(/\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g, (_all, braced?: string, bracketed?: string, bare?: string) => {
    const value = env.get(braced ?? bracketed ?? bare ?? '')?.value
    if (value === undefined) known = false
    return value ?? ''
  })
  return known ? expanded : undefined
}
