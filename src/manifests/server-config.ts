// Keys of zoo.cfg as a member will have them, read from wherever they are written: the image's
// variables or flags, a mounted file, a start script. It reads; the rules judge.

import { imageFamily, readsOwnConfig, runsEntrypoint } from './lint-rules/images.ts'
import type { LintSubject } from './lint-rules/rule.ts'
import { fileAt } from './mounted-files.ts'
import { expand, variable, type Setting } from './settings.ts'

export interface ServerConfig {
  /**
   * `variables` and `flags`: the image makes the file of them. `file`: it is mounted, and its text
   * is known. `script`: a start script writes it.
   */
  readonly from: 'variables' | 'flags' | 'file' | 'script' | 'unknown'
  /** Values of the keys; undefined where one is written and can't be known. */
  readonly keys: ReadonlyMap<string, string | undefined>
  /** A key that isn't here is absent. */
  readonly complete: boolean
  /** What could not be looked at, as in `secret/zk`. */
  readonly unseen: readonly string[]
}

export type Told = Pick<LintSubject, 'container' | 'settings' | 'member' | 'configMaps'> & {
  readonly set: { readonly shape: Pick<LintSubject['set']['shape'], 'spec'> }
}

const NOTHING: ReadonlyMap<string, string | undefined> = new Map()

export function serverConfig(told: Told): ServerConfig {
  const { settings } = told
  const unseen = [...settings.unread, ...settings.openEnv]
  if (settings.unread.length > 0) return { from: 'unknown', keys: NOTHING, complete: false, unseen }
  const family = imageFamily(told)
  if (family === 'vendor') return { from: 'unknown', keys: NOTHING, complete: false, unseen: [] }
  const file = clearsConfig(told) ? ({ kind: 'absent' } as const) : mountedConfig(told)
  if (file.kind === 'text')
    return { from: 'file', keys: keysOf(file.text), complete: true, unseen: [] }
  if (file.kind === 'unknown')
    return { from: 'unknown', keys: NOTHING, complete: false, unseen: [...unseen, file.what] }
  if (writesConfig(told))
    return {
      from: 'script',
      keys: keysInScript(scripts(told), settings.env),
      complete: false,
      unseen,
    }
  if (readsOwnConfig(told) || (family === 'official' && !runsEntrypoint(told)))
    return {
      from: 'unknown',
      keys: NOTHING,
      complete: false,
      unseen: [...unseen, `the start of container ${told.container.name}`],
    }
  switch (family) {
    case 'kubernetes-zookeeper':
      return { from: 'flags', keys: keysOfFlags(told), complete: true, unseen }
    case 'official':
      return { ...keysOfVariables(told), unseen }
    case 'other':
      return {
        from: 'unknown',
        keys: NOTHING,
        complete: false,
        unseen: [...unseen, `how image ${told.member.image} is configured`],
      }
  }
}

function mountedConfig(told: Told): ReturnType<typeof fileAt> {
  const pod = told.set.shape.spec.template.spec
  const given = variable(told.settings, 'ZOO_CONF_DIR')
  const named = [...told.settings.script.matchAll(/(\/[\w./-]+\.cfg)\b/g)].map(
    ([, path = '']) => path,
  )
  const directories = [
    given.state === 'known' ? given.value : '/conf',
    '/opt/zookeeper/conf',
    '/apache-zookeeper/conf',
  ]
  const found = [...named, ...directories.map((directory) => `${directory}/zoo.cfg`)].map((path) =>
    fileAt(path, told.container, pod, told.configMaps),
  )
  return (
    found.find(({ kind }) => kind === 'text') ??
    found.find(({ kind }) => kind === 'unknown') ?? { kind: 'image' }
  )
}

function scripts({ set, settings }: Told): string {
  return [
    settings.script,
    ...set.shape.spec.template.spec.initContainers.flatMap(({ command, args }) => [
      ...command,
      ...args,
    ]),
  ].join('\n')
}

/** A start script that removes what is there, so that the image writes it again. */
function clearsConfig({ settings }: Told): boolean {
  return /rm (-f )?"?\$\{?ZOO_CONF_DIR/.test(settings.script)
}

function writesConfig(told: Told): boolean {
  return /zoo\.cfg/.test(scripts(told)) && !clearsConfig(told)
}

/** Lines of a properties file, whatever their ends. */
function keysOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r\n|\r|\n/).flatMap((line): readonly (readonly [string, string])[] => {
      const [, key, value] = /^\s*([\w.]+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []
      return key === undefined || value === undefined ? [] : [[key, value]]
    }),
  )
}

const SCRIPTED =
  /(?<![\w.$])(dataDir|dataLogDir|clientPort|clientPortAddress|secureClientPort|autopurge\.purgeInterval|dynamicConfigFile|reconfigEnabled|quorumListenOnAllIPs)=("[^"\n]*"|'[^'\n]*'|[^\s"';\\|&]*)/g

function keysInScript(
  text: string,
  env: ReadonlyMap<string, Setting>,
): ReadonlyMap<string, string | undefined> {
  const keys = new Map<string, string | undefined>()
  for (const [, key = '', raw = ''] of text.matchAll(SCRIPTED)) {
    const value = expand(raw.replaceAll(/^["']|["']$/g, ''), env)
    // Two values: which of them counts, the script decides.
    keys.set(key, keys.has(key) && keys.get(key) !== value ? undefined : value)
  }
  return keys
}

function keysOfFlags({ settings: { flags } }: Told): ReadonlyMap<string, string | undefined> {
  const of = (flag: string, usual: string): string | undefined =>
    flags.has(flag) ? flags.get(flag)?.value : usual
  return new Map([
    ['dataDir', of('data_dir', '/var/lib/zookeeper/data')],
    ['dataLogDir', of('data_log_dir', '/var/lib/zookeeper/log')],
    ['clientPort', of('client_port', '2181')],
  ])
}

/**
 * The official image's entrypoint: ZOO_* first, then the words of ZOO_CFG_EXTRA, of which the last
 * one of a key counts.
 */
function keysOfVariables(told: Told): Omit<ServerConfig, 'unseen'> {
  const { settings } = told
  const own = (name: string, usual: string | undefined): string | undefined => {
    const found = variable(settings, name)
    // A script may set it as well.
    if (new RegExp(String.raw`\b${name}=`).test(settings.script)) return undefined
    return found.state === 'known' ? found.value : found.state === 'absent' ? usual : undefined
  }
  const keys = new Map<string, string | undefined>([
    ['dataDir', own('ZOO_DATA_DIR', '/data')],
    ['dataLogDir', own('ZOO_DATA_LOG_DIR', '/datalog')],
  ])
  const purge = own('ZOO_AUTOPURGE_PURGEINTERVAL', '0')
  keys.set('autopurge.purgeInterval', purge)
  const extra = variable(settings, 'ZOO_CFG_EXTRA')
  const extraInScript = /\bZOO_CFG_EXTRA=/.test(settings.script)
  if (extra.state === 'known')
    for (const [key, value] of keysOf(extra.value.split(/\s+/).join('\n'))) keys.set(key, value)
  if (extraInScript)
    for (const [key, value] of keysInScript(settings.script, settings.env)) keys.set(key, value)
  return {
    from: 'variables',
    keys,
    complete: extra.state !== 'unknown' && !extraInScript && runsEntrypoint(told),
  }
}
