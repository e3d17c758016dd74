// The proxy that kubectl would use: the kubeconfig's own, else HTTPS_PROXY and NO_PROXY of the
// step, which self-hosted runners set.

import { BlockList, isIP, isIPv4 } from 'node:net'

type Env = Readonly<Record<string, string | undefined>>

/** The proxy's URL for requests to `server`, undefined for a direct connection. */
export function proxyFor(server: URL, env: Env): string | undefined {
  return namedProxy(server, env)?.address
}

/** The same, with the name of the variable. */
export function namedProxy(
  server: URL,
  env: Env,
): { readonly address: string; readonly from: string } | undefined {
  const named = (names: readonly string[]): string | undefined =>
    names.find((name) => (env[name] ?? '') !== '')
  const from =
    server.protocol === 'https:'
      ? named(['HTTPS_PROXY', 'https_proxy'])
      : named(['HTTP_PROXY', 'http_proxy'])
  const proxy = from === undefined ? undefined : env[from]?.trim()
  if (from === undefined || proxy === undefined) return undefined
  const host = hostOf(server)
  if (isLoopback(host)) return undefined
  const port = server.port === '' ? (server.protocol === 'https:' ? '443' : '80') : server.port
  const exceptions = (env[named(['NO_PROXY', 'no_proxy']) ?? ''] ?? '')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
  if (exceptions.some((entry) => entry !== '' && matches(entry, host, port))) return undefined
  return { address: proxy.includes('://') ? proxy : `http://${proxy}`, from }
}

/** A URL's host without the brackets of IPv6. */
export function hostOf(server: URL): string {
  return server.hostname.replace(/^\[|\]$/g, '').toLowerCase()
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/**
 * Entries as Go reads them: `*`, a network, an address, a domain with its subdomains (`.domain` for
 * the subdomains only), each with an optional port.
 */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  const network = /^([0-9a-f.:]+)\/(\d+)$/.exec(entry)
  if (network?.[1] !== undefined && network[2] !== undefined)
    return isIP(host) !== 0 && inNetwork(host, network[1], Number(network[2]))
  const withPort = isIP(entry) === 0 ? /^(.*):(\d+)$/.exec(entry) : null
  if (withPort !== null && withPort[2] !== port) return false
  const name = (withPort?.[1] ?? entry).replace(/^\[|\]$/g, '')
  if (isIP(name) !== 0) return isAddress(host, name)
  if (name.startsWith('.') || name.startsWith('*.')) return host.endsWith(name.replace(/^\*/, ''))
  return host === name || host.endsWith(`.${name}`)
}

/** An IPv6 address may be written in several ways. */
function isAddress(host: string, address: string): boolean {
  return isIP(host) !== 0 && inNetwork(host, address, isIP(address) === 4 ? 32 : 128)
}

function inNetwork(host: string, network: string, bits: number): boolean {
  const family = isIP(network)
  if (family === 0 || bits > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6')
  return list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')
}
