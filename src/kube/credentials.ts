// Who we are to the API server: the client library fills in certificates, tokens and credential
// plugins; this adds what it leaves out and says in words what went wrong.

import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { z } from 'zod'
import { abortReason } from '../clock.ts'
import type { ProgramOutcome, RunProgram } from '../program.ts'
import { KubeFailure } from './failure.ts'
import { codeOf, field } from './node-error.ts'
import type { Given, LoadedConfig, Plugin } from './config.ts'
import { tellProxyFaults } from './proxy-fault.ts'
import { refuseOdd, singleLines, struckOut, wordsOf } from './secrets.ts'

/** How long a credential plugin may take. */
const PLUGIN_MS = 60_000
/** No credential is longer; bytes. */
const LONGEST_CREDENTIAL = 1024 * 1024
/** Of what a plugin says its last lines are shown; characters. */
const SHOWN = 600
/** A credential that ends so soon is asked for again; milliseconds. */
const EARLY_MS = 10_000

export interface Credentials {
  /** Goes up with each renewal, so that many requests refused at once renew only once. */
  readonly generation: number
  /**
   * Fills certificates, headers and agent into `options`. Rejects with a KubeFailure of reason
   * Credentials, an EnsembleError for a token that can't be sent, and the signal's reason.
   */
  fillIn(options: RequestOptions, signal: AbortSignal): Promise<void>
  /**
   * Forgets what was cached, unless that has been done since generation `seen`. False when there is
   * nothing to renew.
   */
  renew(seen: number): boolean
  /** What the WebSocket classes of the library dial with. */
  config(): KubeConfig
}

export interface CredentialOptions {
  /** Told each secret that comes up, so that it can be masked. */
  readonly onSecret?: (secret: string) => void
  /** Starts the credential plugin; without it none can be. */
  readonly run?: RunProgram
  /** Told what a plugin says while it is waited for: it may ask a person to log in. */
  readonly say?: (line: string) => void
}

export class KubeconfigCredentials implements Credentials {
  readonly #loaded: LoadedConfig
  readonly #options: CredentialOptions
  #config: KubeConfig
  #generation = 0
  #asking: Promise<void> | undefined
  #endsAt: number | undefined
  readonly #told = new Set<string>()
  readonly #telling = new WeakSet()

  constructor(loaded: LoadedConfig, options: CredentialOptions) {
    this.#loaded = loaded
    this.#options = options
    this.#config = loaded.fresh()
  }

  get generation(): number {
    return this.#generation
  }

  async fillIn(request: RequestOptions, signal: AbortSignal): Promise<void> {
    if (this.#loaded.plugin !== undefined) await this.#renewed(this.#loaded.plugin, signal)
    try {
      await unlessAborted(this.#config.applyToHTTPSOptions(request), signal)
    } catch (error) {
      if (signal.aborted) throw error
      throw unusable(error)
    }
    this.#byProxy(request.agent)
    const headers = trimmed(request.headers)
    request.headers = {
      ...Object.fromEntries(Object.entries(headers).filter(isHeader)),
      ...this.#loaded.impersonation,
    }
    this.#judge(headers['Authorization'])
  }

  #byProxy(agent: unknown): void {
    if (this.#loaded.proxy === undefined || typeof agent !== 'object' || agent === null) return
    if (this.#telling.has(agent)) return
    this.#telling.add(agent)
    tellProxyFaults(agent, this.#loaded.proxy)
  }

  renew(seen: number): boolean {
    if (!this.#loaded.renewable) return false
    if (seen === this.#generation) {
      this.#config = this.#loaded.fresh()
      this.#endsAt = undefined
      this.#generation++
    }
    return true
  }

  config(): KubeConfig {
    return this.#config
  }

  /** Asks the plugin again where its credential ends, or none was asked for yet. */
  async #renewed(plugin: Plugin, signal: AbortSignal): Promise<void> {
    if (this.#endsAt !== undefined && this.#endsAt - EARLY_MS > Date.now()) return
    // Requests that start together must not each start the plugin.
    this.#asking ??= this.#ask(plugin).finally(() => (this.#asking = undefined))
    try {
      await unlessAborted(this.#asking, signal)
    } catch (error) {
      // The one that is there lasts some seconds yet, in which the next request asks again.
      if (signal.aborted || this.#endsAt === undefined || this.#endsAt <= Date.now()) throw error
    }
  }

  async #ask(plugin: Plugin): Promise<void> {
    // What is asked for by many requests at once ends with none of them; it has a limit of its own,
    // and this process ends it.
    const never = new AbortController().signal
    const { given, end } = await askPlugin(plugin, this.#options, never)
    this.#tell(singleLines([given.token, given.key]))
    refuseOdd(
      given.token?.trim(),
      `the token of the kubeconfig's credential plugin "${plugin.command}"`,
    )
    this.#config = this.#loaded.fresh(given)
    this.#endsAt = end
  }

  /** Refuses what can't be sent, and has the rest masked. */
  #judge(authorization: unknown): void {
    const { tokenFile } = this.#loaded
    if (tokenFile !== undefined && authorization === undefined) {
      // The library keeps what it has read for a minute.
      this.#config = this.#loaded.fresh()
      throw failed(`the token file of the kubeconfig is empty (${tokenFile})`)
    }
    const sent = typeof authorization === 'string' ? authorization : ''
    refuseOdd(sent, 'the token of the kubeconfig')
    this.#tell([sent.replace(/^(?:Bearer|Basic) /, '')].filter((token) => token !== ''))
  }

  #tell(secrets: readonly string[]): void {
    for (const secret of secrets.filter((one) => !this.#told.has(one))) {
      this.#told.add(secret)
      this.#options.onSecret?.(secret)
    }
  }
}

function trimmed(given: RequestOptions['headers']): Readonly<Record<string, unknown>> {
  const headers: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given ?? {}))
    headers[name] = typeof value === 'string' ? value.trim() : value
  return headers
}

function isHeader(entry: [string, unknown]): entry is [string, string | string[] | number] {
  const value = entry[1]
  return typeof value === 'string' || typeof value === 'number' || Array.isArray(value)
}

const credential = z.object({
  status: z.object({
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.string().nullish(),
  }),
})

async function askPlugin(
  plugin: Plugin,
  { run, say }: CredentialOptions,
  signal: AbortSignal,
): Promise<{ readonly given: Given; readonly end: number }> {
  const hidden = wordsOf(plugin)
  const lastWords = (stderr: string): string =>
    struckOut(stderr, hidden).replaceAll(/\s+/g, ' ').trim().slice(-SHOWN)
  const name = `the kubeconfig's credential plugin "${plugin.command}"`
  const onWait = (stderr: string): void =>
    say?.(
      `${name} is waited for${lastWords(stderr) === '' ? '' : `; it says: ${lastWords(stderr)}`}`,
    )
  let outcome: ProgramOutcome
  try {
    if (run === undefined) throw new Error('no program can be started here')
    outcome = await run(
      {
        command: plugin.command,
        args: plugin.args,
        needs: 'cloud',
        env: plugin.env,
        timeoutMs: PLUGIN_MS,
        longest: LONGEST_CREDENTIAL,
        onWait,
      },
      signal,
    )
  } catch (error) {
    const hint =
      plugin.installHint === undefined
        ? ''
        : ` (${plugin.installHint.replaceAll(/\s+/g, ' ').trim().slice(0, 300)})`
    throw failed(
      codeOf(error) === 'ENOENT'
        ? `${name} is not on this runner: install it in a step before this one${hint}`
        : `${name} can't be started${codeOf(error) === '' ? '' : ` (${codeOf(error)})`}`,
      error,
    )
  }
  const said = lastWords(outcome.stderr)
  const words = said === '' ? '' : `; it said: ${said}`
  switch (outcome.kind) {
    case 'timed-out':
      throw failed(
        `${name} gave no answer within ${PLUGIN_MS / 1000} s and was ended: does it wait for a person to log in?${words}`,
      )
    case 'too-long':
      throw failed(`${name} printed more than 1 MiB, which is no credential${words}`)
    case 'exited':
      if (outcome.code !== 0)
        throw failed(
          `${name} failed${said === '' ? ` with exit code ${outcome.code}` : `: ${said}`}`,
        )
      return readCredential(outcome.stdout, name, words)
  }
}

function readCredential(
  stdout: string,
  name: string,
  words: string,
): { readonly given: Given; readonly end: number } {
  const parsed = credential.safeParse(parseJson(stdout))
  const status = parsed.data?.status
  if (
    status === undefined ||
    (blank(status.token) && (blank(status.clientCertificateData) || blank(status.clientKeyData)))
  ) {
    throw failed(
      `${name} printed no credential, or something beside it: its standard output must be one ExecCredential and nothing else${words}`,
    )
  }
  const end = blank(status.expirationTimestamp)
    ? Number.NaN
    : Date.parse(status.expirationTimestamp ?? '')
  return {
    given: {
      token: status.token ?? undefined,
      certificate: status.clientCertificateData ?? undefined,
      key: status.clientKeyData ?? undefined,
    },
    end: Number.isNaN(end) ? Number.POSITIVE_INFINITY : end,
  }
}

function blank(text: string | null | undefined): boolean {
  return text === undefined || text === null || text.trim() === ''
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(abortReason(signal))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function unusable(error: unknown): KubeFailure {
  const path = field(error, 'path') === '' ? '' : ` (${field(error, 'path')})`
  const code = codeOf(error)
  return failed(
    code === 'ENOENT'
      ? `a file that the kubeconfig names is not there${path}`
      : `the credentials of the kubeconfig can't be used${code === '' ? '' : `: ${code}`}`,
    error,
  )
}

function failed(message: string, cause?: unknown): KubeFailure {
  return new KubeFailure({
    status: 0,
    reason: 'Credentials',
    message,
    request: 'authenticate',
    cause,
  })
}
