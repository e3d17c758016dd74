// From the inputs to one cluster, one user and one namespace, with every fault in words, before any
// request is sent.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { KubeConfig } from '@kubernetes/client-node'
import type { Cluster, User } from '@kubernetes/client-node'
import { failure } from '../errors.ts'
import type { EnsembleError } from '../errors.ts'
import { KubeconfigInvalid, present, readKubeconfigs } from './kubeconfig.ts'
import type { ClusterEntry, ExecEntry, Kubeconfig, Source, UserEntry } from './kubeconfig.ts'
import { confined } from './confine.ts'
import { envSecrets, refuseOddHeaders, secretsOf } from './secrets.ts'
import { hostOf, isLoopback, namedProxy } from '../proxy.ts'
import { KUBECONFIG, type Proxy } from './proxy-fault.ts'
import { findSources } from './sources.ts'
import type { InCluster, SourceOptions } from './sources.ts'

export interface ConfigOptions extends SourceOptions {
  /** Context by name; empty counts as not given. */
  readonly context?: string | undefined
}

export interface LoadedConfig {
  readonly context: string
  readonly namespace: string
  /** Base of every request, without a slash at its end. */
  readonly server: URL
  /** Values to mask, each one line: tokens, passwords, client keys. */
  readonly secrets: readonly string[]
  /**
   * When the credentials are known to end, milliseconds since the epoch; undefined when unknown or
   * when they renew themselves.
   */
  readonly credentialsEnd: number | undefined
  /** The credential plugin, if the user has one. */
  readonly plugin: Plugin | undefined
  /** Headers of `as-uid`, `as-groups` and `as-user-extra`. */
  readonly impersonation: Readonly<Record<string, string | string[]>>
  /** Whether asking again may give other credentials. */
  readonly renewable: boolean
  /** Read again while we run. */
  readonly tokenFile: string | undefined
  /** Undefined where the server is reached directly. */
  readonly proxy: Proxy | undefined
  /** The library's configuration with nothing cached; `given`: what the plugin gave. */
  fresh(given?: Given): KubeConfig
}

export interface Plugin {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Secrets of the step's own environment that it may be given as well, and may say. */
  readonly stepSecrets: readonly string[]
  readonly installHint: string | undefined
}

/** What a plugin gives; certificate and key as PEM. */
export interface Given {
  readonly token?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/** Rejects with an EnsembleError: refused, INPUT_INVALID or CLUSTER_UNREACHABLE. */
export async function loadConfig(options: ConfigOptions): Promise<LoadedConfig> {
  const found = findSources(options)
  if ('server' in found) return build(inClusterChoice(found), options)
  let kubeconfig: Kubeconfig
  try {
    kubeconfig = readKubeconfigs(found)
  } catch (error) {
    if (!(error instanceof KubeconfigInvalid)) throw error
    throw refused(error.message, {
      fix: 'Give a kubeconfig as kubectl reads it; of base64, the whole document.',
    })
  }
  return build(choose(kubeconfig, found, options), options)
}

interface Choice {
  readonly context: string
  readonly namespace: string
  readonly cluster: ClusterEntry
  readonly user: UserEntry
  /** Where cluster and user are written; undefined in a Pod. */
  readonly sources: { readonly cluster: Source; readonly user: Source | undefined } | undefined
}

function choose(
  kubeconfig: Kubeconfig,
  sources: readonly Source[],
  options: ConfigOptions,
): Choice {
  const names = [...kubeconfig.contexts.keys()]
  const there = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  const asked = options.context?.trim() ?? ''
  const name = asked === '' ? kubeconfig.currentContext : asked
  const where = sources.map((source) => source.from).join(', ')
  if (name === undefined)
    throw refused(`${where} has no current context: ${there}`, {
      input: 'context',
      fix: 'Name one with the input context.',
    })
  const context = kubeconfig.contexts.get(name)
  if (context === undefined)
    throw refused(`${where} has no context "${name}": ${there}`, {
      input: 'context',
      fix: 'Name one of these with the input context.',
    })
  const cluster = kubeconfig.clusters.get(context.cluster)
  if (cluster === undefined)
    throw refused(
      `context "${name}" names the cluster "${context.cluster}", which ${where} doesn't have`,
      { fix: 'Correct the kubeconfig.' },
    )
  const user = context.user === undefined ? undefined : kubeconfig.users.get(context.user)
  if (context.user !== undefined && user === undefined)
    throw refused(
      `context "${name}" names the user "${context.user}", which ${where} doesn't have`,
      { fix: 'Correct the kubeconfig.' },
    )
  return {
    context: name,
    namespace: context.namespace ?? 'default',
    cluster: cluster.entry,
    user: user?.entry ?? {},
    sources: { cluster: cluster.source, user: user?.source },
  }
}

function inClusterChoice(found: InCluster): Choice {
  return {
    context: 'in-cluster',
    namespace: found.namespace ?? 'default',
    cluster: { server: found.server, 'certificate-authority': found.caFile },
    user: { tokenFile: found.tokenFile },
    sources: undefined,
  }
}

function build(written: Choice, options: ConfigOptions): LoadedConfig {
  const choice =
    written.sources === undefined
      ? written
      : { ...written, ...confined(written, written.sources, options) }
  refuseOldProvider(choice.user)
  refuseOddHeaders(choice.user)
  const server = serverOf(choice.cluster)
  const proxy = proxyOf(choice.cluster, server, options)
  const cluster: Cluster = {
    name: 'cluster',
    server: server.href.replace(/\/+$/, ''),
    // The library refuses plain http unless it is told that TLS is not wanted; serverOf has let
    // only such servers through.
    skipTLSVerify:
      choice.cluster['insecure-skip-tls-verify'] === true || server.protocol === 'http:',
    ...(present(choice.cluster['certificate-authority-data'])
      ? { caData: choice.cluster['certificate-authority-data'] }
      : {}),
    ...(present(choice.cluster['certificate-authority'])
      ? { caFile: choice.cluster['certificate-authority'] }
      : {}),
    ...(present(choice.cluster['tls-server-name'])
      ? { tlsServerName: choice.cluster['tls-server-name'] }
      : {}),
    ...(proxy === undefined ? {} : { proxyUrl: forLibrary(proxy.address) }),
  }
  const exec = choice.user.exec ?? undefined
  const plugin =
    exec === undefined ? undefined : pluginOf(exec, choice.cluster, envSecrets(options.env))
  const renewable =
    exec !== undefined ||
    present(choice.user.tokenFile) ||
    choice.user['auth-provider'] !== undefined
  return {
    context: choice.context,
    namespace: choice.namespace,
    server,
    secrets: secretsOf(choice.user, proxy?.address.href),
    credentialsEnd: endOf(choice.user),
    plugin,
    impersonation: impersonationOf(choice.user),
    renewable,
    tokenFile: present(choice.user.tokenFile) ? choice.user.tokenFile : undefined,
    proxy,
    fresh(given) {
      const config = new KubeConfig()
      config.loadFromClusterAndUser(cluster, userOf(choice.user, given))
      return config
    },
  }
}

/**
 * Kubernetes took these out of its clients in 1.26; they would start programs that nobody bounds.
 */
function refuseOldProvider(user: UserEntry): void {
  const provider = user['auth-provider']
  if (
    provider === undefined ||
    provider === null ||
    (!['gcp', 'azure', 'exec'].includes(provider.name) &&
      provider.config?.['cmd-path'] === undefined)
  )
    return
  throw refused(
    `the kubeconfig's user signs in by the auth-provider "${provider.name}", which Kubernetes took out of its clients in 1.26`,
    {
      fix: "Write the kubeconfig again with the cloud's own command (gcloud container clusters get-credentials, az aks get-credentials): it names a credential plugin now.",
    },
  )
}

/** Its value is not told: it may hold a password. */
function proxyOf(cluster: ClusterEntry, server: URL, { env }: ConfigOptions): Proxy | undefined {
  const written = cluster['proxy-url']?.trim()
  const given = present(written) ? { address: written, from: KUBECONFIG } : namedProxy(server, env)
  if (given === undefined) return undefined
  const address = URL.parse(given.address)
  if (
    address !== null &&
    address.hostname !== '' &&
    /^(?:https?|socks5h?):$/.test(address.protocol)
  )
    return { address, from: given.from }
  throw failure('refused', 'INPUT_INVALID', `${given.from} is not the address of a proxy`, {
    ...(given.from === KUBECONFIG ? { input: 'kubeconfig' } : {}),
    fix: 'Write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT there.',
  })
}

/** For `socks5` the library would look names up here; kubectl leaves that to the proxy. */
function forLibrary(address: URL): string {
  return address.href.replace(/^socks5:/, 'socks5h:')
}

function serverOf(cluster: ClusterEntry): URL {
  const server = URL.parse(cluster.server)
  if (server === null || (server.protocol !== 'https:' && server.protocol !== 'http:'))
    throw refused('the server of the kubeconfig is not an http(s) address', {
      fix: 'Correct clusters[].cluster.server.',
    })
  if (
    server.protocol === 'http:' &&
    cluster['insecure-skip-tls-verify'] !== true &&
    !isLoopback(hostOf(server))
  ) {
    throw refused(
      `the kubeconfig reaches ${server.host} by plain http, which would send the credentials unprotected`,
      {
        fix: 'Use https, or set insecure-skip-tls-verify: true in the kubeconfig if this is meant.',
      },
    )
  }
  return server
}

function userOf(user: UserEntry, given: Given | undefined): User {
  const tokenFile = user.tokenFile
  const provider = user['auth-provider']
  return {
    name: 'user',
    ...(present(user['client-certificate-data'])
      ? { certData: user['client-certificate-data'] }
      : {}),
    ...(present(user['client-certificate']) ? { certFile: user['client-certificate'] } : {}),
    ...(present(user['client-key-data']) ? { keyData: user['client-key-data'] } : {}),
    ...(present(user['client-key']) ? { keyFile: user['client-key'] } : {}),
    // A token file is read again while we run, so it goes before a token that was written down.
    ...(present(tokenFile)
      ? { authProvider: { name: 'tokenFile', config: { tokenFile } } }
      : provider === null || provider === undefined
        ? {}
        : { authProvider: { name: provider.name, config: { ...provider.config } } }),
    ...(present(user.token) && !present(tokenFile) ? { token: user.token.trim() } : {}),
    ...(present(user.username) ? { username: user.username, password: user.password ?? '' } : {}),
    ...(present(user.as) ? { impersonateUser: user.as } : {}),
    ...(given === undefined ? {} : givenParts(given)),
  }
}

function givenParts({ token, certificate, key }: Given): Partial<User> {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64')
  return {
    ...(present(token) ? { token: token.trim() } : {}),
    ...(present(certificate) ? { certData: base64(certificate) } : {}),
    ...(present(key) ? { keyData: base64(key) } : {}),
  }
}

function pluginOf(exec: ExecEntry, cluster: ClusterEntry, stepSecrets: readonly string[]): Plugin {
  if (exec.interactiveMode === 'Always') {
    throw refused(
      `the kubeconfig's credential plugin "${exec.command}" asks a person at a terminal (interactiveMode: Always), and there is none in a workflow`,
      {
        fix: "Use a login that needs nobody: the cloud's own login action, a workload identity, or a service account's token.",
      },
    )
  }
  const own = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]))
  return {
    command: exec.command,
    args: exec.args ?? [],
    env: { ...own, KUBERNETES_EXEC_INFO: execInfo(exec, cluster) },
    stepSecrets,
    installHint: exec.installHint ?? undefined,
  }
}

/** What client-go tells a plugin: the credential plugin API of client.authentication.k8s.io. */
function execInfo(exec: ExecEntry, cluster: ClusterEntry): string {
  const caFile = cluster['certificate-authority']
  const extension = cluster.extensions?.find(
    (entry) => entry.name === 'client.authentication.k8s.io/exec',
  )?.extension
  const about = {
    server: cluster.server,
    'tls-server-name': cluster['tls-server-name'] ?? undefined,
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'] ?? undefined,
    'certificate-authority-data':
      cluster['certificate-authority-data'] ??
      (present(caFile) ? readFileSync(caFile).toString('base64') : undefined),
    'proxy-url': cluster['proxy-url'] ?? undefined,
    config: extension,
  }
  return JSON.stringify({
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive: false, ...(exec.provideClusterInfo === true ? { cluster: about } : {}) },
  })
}

function impersonationOf(user: UserEntry): Record<string, string | string[]> {
  const extra = Object.entries(user['as-user-extra'] ?? {}).map(
    ([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values] as const,
  )
  return {
    ...(present(user['as-uid']) ? { 'Impersonate-Uid': user['as-uid'] } : {}),
    ...((user['as-groups'] ?? []).length > 0
      ? { 'Impersonate-Group': user['as-groups'] ?? [] }
      : {}),
    ...Object.fromEntries(extra),
  }
}

function endOf(user: UserEntry): number | undefined {
  const ends = [
    present(user.token) && !present(user.tokenFile) ? tokenEnd(user.token) : undefined,
    certificateEnd(user),
  ].filter((end) => end !== undefined)
  return ends.length === 0 ? undefined : Math.min(...ends)
}

/** The exp claim of a JSON Web Token, in milliseconds; undefined for any other token. */
function tokenEnd(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.trim().split('.')[1] ?? '', 'base64url').toString('utf8'),
    )
    return typeof claims === 'object' &&
      claims !== null &&
      'exp' in claims &&
      typeof claims.exp === 'number'
      ? claims.exp * 1000
      : undefined
  } catch {
    return undefined
  }
}

function certificateEnd(user: UserEntry): number | undefined {
  try {
    const data = user['client-certificate-data']
    const file = user['client-certificate']
    if (present(data)) return new X509Certificate(Buffer.from(data, 'base64')).validToDate.getTime()
    return present(file) ? new X509Certificate(readFileSync(file)).validToDate.getTime() : undefined
  } catch {
    return undefined
  }
}

function refused(
  message: string,
  more: { readonly input?: string; readonly fix: string },
): EnsembleError {
  return failure('refused', 'INPUT_INVALID', message, { input: 'kubeconfig', ...more })
}
