// What a server is told when it starts: flags of its command line, variables of its environment and
// the scripts that it runs, with the place of each. What can't be read is unknown, not absent.

import { fileAt, type ConfigMaps, type PodFiles } from './mounted-files.ts'
import type { Container } from './shapes.ts'

/** A value, and where it is written, relative to the container. */
export interface Setting {
  /**
   * Undefined where it can't be known from what was read: a Secret, a field of the pod, a ConfigMap
   * that nobody could read.
   */
  readonly value: string | undefined
  readonly path: readonly (string | number)[]
}

export interface ContainerSettings {
  /** `--servers=3` as `servers`. */
  readonly flags: ReadonlyMap<string, Setting>
  readonly env: ReadonlyMap<string, Setting>
  /**
   * Command and arguments as one text, with the mounted scripts that they run; empty where the
   * image's own entrypoint runs.
   */
  readonly script: string
  /**
   * Sources of variables whose very names are not known, as in `secret/zk`: with one of them no
   * variable is absent.
   */
  readonly openEnv: readonly string[]
  /** Scripts that are run and could not be read, as in `/boot/run.sh (secret/zk)`. */
  readonly unread: readonly string[]
}

/** Whether a variable has a value, has none, or can't be known. */
export type Variable =
  | { readonly state: 'known'; readonly value: string; readonly path: Setting['path'] }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly path: Setting['path'] }

export function variable(
  { env, openEnv }: Pick<ContainerSettings, 'env' | 'openEnv'>,
  name: string,
): Variable {
  const setting = env.get(name)
  if (setting === undefined)
    return openEnv.length === 0 ? { state: 'absent' } : { state: 'unknown', path: ['envFrom'] }
  return setting.value === undefined
    ? { state: 'unknown', path: setting.path }
    : { state: 'known', value: setting.value, path: setting.path }
}

/**
 * The script puts the member list together itself: the list of before takes no part in what it
 * gives the server.
 */
export function makesOwnList({ script }: Pick<ContainerSettings, 'script'>): boolean {
  return /\bZOO_SERVERS=(?!["']?\$\{?ZOO_SERVERS\b)/.test(script)
}

/**
 * `pod`: of the container, for the files that it mounts; without it every mounted script is unread.
 */
export function containerSettings(
  container: Container,
  configMaps: ConfigMaps,
  pod?: PodFiles,
): ContainerSettings {
  const { env, openEnv } = environment(container, configMaps)
  const words = wordsOf(container)
  const run = scriptOf(
    words.map(({ text }) => expandReferences(text, env)),
    container,
    pod ?? { volumes: [] },
    configMaps,
  )
  const flags = new Map<string, Setting>()
  // Those of a mounted script are written where it is run.
  const texts = [
    ...run.files.map((text) => ({ text, path: words[0]?.path ?? ['command'] })),
    ...words,
  ]
  for (const { text, path } of texts) {
    for (const [, name, value] of text.matchAll(
      /(?:^|[\s"'])--([a-zA-Z][\w-]*)=("[^"]*"|'[^']*'|[^\s"'\\]*)/g,
    )) {
      if (name !== undefined && value !== undefined)
        flags.set(name, { value: expand(value.replaceAll(/^["']|["']$/g, ''), env), path })
    }
  }
  return { flags, env, openEnv, script: run.text, unread: run.unread }
}

/** Words of a probe or a hook, with the mounted scripts that they run. */
export function scriptOfWords(
  words: readonly string[],
  container: Container,
  configMaps: ConfigMaps,
  pod: PodFiles,
): Pick<ContainerSettings, 'script' | 'unread'> {
  const { text, unread } = scriptOf(words, container, pod, configMaps)
  return { script: text, unread }
}

function wordsOf(
  container: Container,
): readonly { readonly text: string; readonly path: readonly (string | number)[] }[] {
  return [
    ...container.command.map((text, index) => ({ text, path: ['command', index] })),
    ...container.args.map((text, index) => ({ text, path: ['args', index] })),
  ]
}

interface Run {
  readonly text: string
  /** Texts of the mounted scripts. */
  readonly files: readonly string[]
  readonly unread: readonly string[]
}

/**
 * Scripts are followed as far as they name others by their whole path; comments are no part of
 * them.
 */
function scriptOf(
  words: readonly string[],
  container: Container,
  pod: PodFiles,
  configMaps: ConfigMaps,
): Run {
  const files: string[] = []
  const unread: string[] = []
  const seen = new Set<string>()
  const follow = (text: string): void => {
    for (const path of pathsIn(text, container)) {
      if (seen.has(path)) continue
      seen.add(path)
      const file = fileAt(path, container, pod, configMaps)
      if (file.kind === 'unknown' && isRun(path, text)) unread.push(`${path} (${file.what})`)
      if (file.kind !== 'text' || isConfiguration(path)) continue
      const script = file.text
        .split(/\r?\n/)
        .filter((line) => !/^\s*#/.test(line))
        .join('\n')
      files.push(script)
      follow(script)
    }
  }
  follow(words.join('\n'))
  return {
    text: [words.join(' '), ...files].filter((text) => text !== '').join('\n'),
    files,
    unread,
  }
}

/** What a script reads or writes is no part of what it does. */
function isConfiguration(path: string): boolean {
  return /\.(cfg|conf|properties|xml|ya?ml|json|dynamic|pem|crt|key)$/.test(path)
}

function pathsIn(text: string, container: Container): readonly string[] {
  const directory =
    typeof container['workingDir'] === 'string' ? container['workingDir'] : undefined
  const whole = [...text.matchAll(/(?<![\w.$}/-])\/[\w./-]+/g)].map(([path]) => path)
  const relative =
    directory === undefined
      ? []
      : [...text.matchAll(/(?<![\w/.])\.\/([\w./-]+)/g)].map(
          ([, path]) => `${directory.replace(/\/$/, '')}/${path ?? ''}`,
        )
  return [...whole, ...relative].map((path) => path.replace(/[/.]+$/, ''))
}

/**
 * The first word of a line or of a command after `exec`, a shell or `source`; what else is named is
 * a file to read or write.
 */
function isRun(path: string, text: string): boolean {
  const place = `(?:\\./)?${path.replaceAll(/[.]/g, String.raw`\.`)}`
  return new RegExp(
    String.raw`(?:^|[;&|(]\s*|\n\s*|\b(?:exec|source|sh|bash|ash|dash|then|do|else)(?:\s+-[\w-]+)*\s+|\.\s+)["']?${place}(?=$|[\s"';&|)])`,
    'm',
  ).test(text)
}

/**
 * Later ones win, as in the kubelet: envFrom first, then env; `$(NAME)` stands for what is before
 * it.
 */
function environment(
  container: Container,
  configMaps: ConfigMaps,
): Pick<ContainerSettings, 'env' | 'openEnv'> {
  const env = new Map<string, Setting>()
  const openEnv: string[] = []
  container.envFrom.forEach((source, index) => {
    const data = configMaps.get(source.configMapRef?.name ?? '')
    if (data === undefined)
      openEnv.push(
        source.configMapRef === undefined
          ? `secret/${source.secretRef?.name ?? ''}`
          : `configmap/${source.configMapRef.name}`,
      )
    for (const [key, value] of Object.entries(data ?? {}))
      env.set(`${source.prefix ?? ''}${key}`, { value, path: ['envFrom', index] })
  })
  container.env.forEach((one, index) => {
    const ref = one.valueFrom?.configMapKeyRef
    const plain = one.valueFrom === undefined || one.valueFrom === null
    const value = plain
      ? known(one.value ?? '', env, openEnv)
      : ref === undefined
        ? undefined
        : configMaps.get(ref.name)?.[ref.key]
    // A key that isn't there is no fault where it may be missing.
    if (ref?.optional === true && value === undefined && configMaps.has(ref.name))
      env.delete(one.name)
    else env.set(one.name, { value, path: ['env', index] })
  })
  return { env, openEnv }
}

/**
 * Undefined where a `$(NAME)` in it isn't known; one that nobody defines stays as it is written.
 */
function known(
  text: string,
  env: ReadonlyMap<string, Setting>,
  openEnv: readonly string[],
): string | undefined {
  const names = [...text.matchAll(/(?<!\$)\$\(([\w.-]+)\)/g)].map(([, name = '']) => name)
  const open = names.some((name) =>
    env.has(name) ? env.get(name)?.value === undefined : openEnv.length > 0,
  )
  return open ? undefined : expandReferences(text, env)
}

function expandReferences(text: string, env: ReadonlyMap<string, Setting>): string {
  return text.replaceAll(/\$\$|\$\(([\w.-]+)\)/g, (all, name?: string) =>
    name === undefined ? all : (env.get(name)?.value ?? all),
  )
}

/** `$NAME`, `${NAME}` and `$(NAME)`; undefined when one of them isn't known. */
export function expand(text: string, env: ReadonlyMap<string, Setting>): string | undefined {
  let isKnown = true
  const expanded = text.replaceAll(
    /\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g,
    (_all, braced?: string, bracketed?: string, bare?: string) => {
      const value = env.get(braced ?? bracketed ?? bare ?? '')?.value
      if (value === undefined) isKnown = false
      return value ?? ''
    },
  )
  // Whatever else a shell would fill in is not known either.
  return isKnown && !expanded.includes('$') && !expanded.includes('`') ? expanded : undefined
}
