// Who we are to the API server: the client library fills in certificates, tokens and credential plugins; this adds what it leaves out and says in words what went wrong.

import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { KubeFailure } from './failure.ts'
import { codeOf, field, messageOf } from './node-error.ts'
import type { LoadedConfig } from './config.ts'

/** How long a credential plugin may take. */
const PLUGIN_MS = 60_000

export interface Credentials {
  /** Goes up with each renewal, so that many requests refused at once renew only once. */
  readonly generation: number
  /** Fills certificates, headers and agent into `options`. Rejects with a KubeFailure of reason Credentials. */
  fillIn(options: RequestOptions): Promise<void>
  /** Forgets what was cached, unless that has been done since generation `seen`. False when there is nothing to renew. */
  renew(seen: number): boolean
  /** What the WebSocket classes of the library dial with. */
  config(): KubeConfig
}

/** `onSecret` is told each token that comes up, so that it can be masked. */
export function credentialsOf(loaded: LoadedConfig, onSecret: (secret: string) => void): Credentials {
  let config = loaded.fresh()
  let generation = 0
  let pluginRun: Promise<void> | undefined
  const told = new Set<string>()

  async function fillIn(options: RequestOptions): Promise<void> {
    // Requests that start together must not each start the plugin.
    if (loaded.plugin !== undefined) {
      pluginRun ??= runPlugin(config)
      await pluginRun.finally(() => (pluginRun = undefined))
    }
    try {
      await config.applyToHTTPSOptions(options)
    } catch (error) {
      throw credentialsFailure(loaded, error)
    }
    const headers: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = typeof value === 'string' ? value.trim() : value
    options.headers = { ...Object.fromEntries(Object.entries(headers).filter(isHeader)), ...loaded.impersonation }
    const token = typeof headers['Authorization'] === 'string' ? headers['Authorization'].replace(/^Bearer /, '') : ''
    if (token !== '' && !told.has(token)) {
      told.add(token)
      onSecret(token)
    }
  }

  async function runPlugin(current: KubeConfig): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`gave no answer within ${PLUGIN_MS / 1000} s`)), PLUGIN_MS)
    })
    try {
      await Promise.race([current.applyToHTTPSOptions({}), late])
    } catch (error) {
      throw credentialsFailure(loaded, error)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    get generation() {
      return generation
    },
    fillIn,
    renew(seen) {
      if (!loaded.renewable) return false
      if (seen === generation) {
        config = loaded.fresh()
        generation++
      }
      return true
    },
    config: () => config,
  }
}

function isHeader(entry: [string, unknown]): entry is [string, string | string[] | number] {
  const value = entry[1]
  return typeof value === 'string' || typeof value === 'number' || Array.isArray(value)
}

function credentialsFailure(loaded: LoadedConfig, error: unknown): KubeFailure {
  const plugin = loaded.plugin
  const code = codeOf(error)
  const said = messageOf(error).replaceAll(/\s+/g, ' ').trim().slice(0, 300)
  if (plugin === undefined) {
    const path = field(error, 'path') === '' ? '' : ` (${field(error, 'path')})`
    const why = code === 'ENOENT' ? `a file that the kubeconfig names is not there${path}` : `the credentials of the kubeconfig can't be used${code === '' ? '' : `: ${code}`}`
    return new KubeFailure({ status: 0, reason: 'Credentials', message: why, request: 'authenticate', cause: error })
  }
  const hint = plugin.installHint === undefined ? '' : ` (${plugin.installHint.replaceAll(/\s+/g, ' ').trim().slice(0, 300)})`
  const message =
    code === 'ENOENT'
      ? `the kubeconfig's credential plugin "${plugin.command}" is not on this runner: install it in a step before this one${hint}`
      : ['SyntaxError', 'TypeError'].includes(field(error, 'name'))
        ? `the kubeconfig's credential plugin "${plugin.command}" printed no credential`
        : `the kubeconfig's credential plugin "${plugin.command}" failed${said === '' ? '' : `: ${said}`}`
  return new KubeFailure({ status: 0, reason: 'Credentials', message, request: 'authenticate', cause: error })
}
