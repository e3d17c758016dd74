// What goes wrong on the way to the proxy, or is refused by it: told as the proxy's fault, since the
// server was never reached.

import { tlsFault, type TlsFaultKind } from '../tls-fault.ts'
import { hostOf } from '../proxy.ts'
import { codeOf, messageOf } from './node-error.ts'

/** The proxy that requests go by. */
export interface Proxy {
  readonly address: URL
  /** Where it is written: `HTTPS_PROXY`, or `proxy-url of the kubeconfig`. */
  readonly from: string
}

/** In place of the error of a connection that ended before there was a tunnel. */
export class ProxyFault extends Error {
  /** Node's code, '' where there is none: by it a request is tried again. */
  readonly code: string
  readonly proxy: Proxy

  constructor(proxy: Proxy, cause: unknown) {
    super(messageOf(cause), { cause })
    this.code = codeOf(cause) || (/\bE[A-Z]{4,}\b/.exec(messageOf(cause))?.[0] ?? '')
    this.proxy = proxy
  }
}

/**
 * Has the library's agent tell a fault from before the tunnel as the proxy's; what comes later
 * (the server's certificate, say) is an error of the connection and passes.
 */
export function tellProxyFaults(agent: object, proxy: Proxy): void {
  unbracket(Reflect.get(agent, 'proxy'), proxy.address)
  const connect: unknown = Reflect.get(agent, 'connect')
  if (typeof connect === 'function') {
    Reflect.set(agent, 'connect', async (...given: readonly unknown[]) => {
      try {
        const socket: unknown = await Reflect.apply(connect, agent, given)
        return socket
      } catch (error) {
        throw new ProxyFault(proxy, error)
      }
    })
    return
  }
  const create: unknown = Reflect.get(agent, 'createConnection')
  if (typeof create !== 'function') return
  Reflect.set(agent, 'createConnection', (options: unknown, done: Connected): unknown => {
    const told: Connected = (error, socket) =>
      done(error === null || error === undefined ? null : new ProxyFault(proxy, error), socket)
    const socket: unknown = Reflect.apply(create, agent, [options, told])
    return socket
  })
}

/** The library would look up an IPv6 address with its brackets, as a name. */
function unbracket(kept: unknown, address: URL): void {
  if (!address.hostname.startsWith('[') || typeof kept !== 'object' || kept === null) return
  const bare = { value: hostOf(address) }
  Object.defineProperties(kept, { hostname: bare, host: bare })
}

type Connected = (error: unknown, socket: unknown) => void

/** What follows on the proxy's name, without a full stop; and what is to be done. */
export interface ProxyWords {
  readonly what: string
  readonly fix: string
}

export function proxyWords(fault: ProxyFault): ProxyWords {
  const { code, proxy, message } = fault
  return (
    refusal(message, proxy) ?? tlsWords(code, message, proxy) ?? unreached(code, message, proxy)
  )
}

function refusal(message: string, { from }: Proxy): ProxyWords | undefined {
  const past = from === KUBECONFIG ? '' : ', or list the server in NO_PROXY'
  const login = `Write user and password into the proxy's address (${from})${past}.`
  const allow = `Have the proxy allow this runner to the server${past === '' ? '' : `${past} if it can be reached without the proxy`}.`
  const beyond =
    'The proxy does not reach the server: check the server address of the kubeconfig, and that the proxy may reach it.'
  const status = /^Bad response: (\d+)$/.exec(message)?.[1]
  if (status !== undefined)
    return {
      what: `answered ${status}`,
      fix: status === '407' ? login : status.startsWith('5') ? beyond : allow,
    }
  if (/no accepted authentication type|Authentication failed/.test(message))
    return { what: 'asks for a user and a password, or for others', fix: login }
  const reply = /proxy rejected connection(?: - (\w+))?/i.exec(message)
  if (reply === null) return undefined
  return reply[1] === 'NotAllowed'
    ? { what: 'does not allow this connection', fix: allow }
    : {
        what: `does not reach it${reply[1] === undefined ? '' : ` (${reply[1]})`}`,
        fix: beyond,
      }
}

/** As `Proxy.from` says it. */
export const KUBECONFIG = 'proxy-url of the kubeconfig'

function tlsWords(code: string, message: string, { from }: Proxy): ProxyWords | undefined {
  const fault = tlsFault(code, message)
  if (fault === undefined) return undefined
  const fixes: Partial<Record<TlsFaultKind, string>> = {
    untrusted:
      'Give this step the environment variable NODE_EXTRA_CA_CERTS, the path of a file with the authority of the proxy (PEM).',
    'not-tls': `Write http:// in the proxy's address (${from}): it speaks no TLS.`,
  }
  return {
    what: `${fault.what} (${code})`,
    fix: fixes[fault.kind] ?? `Correct the proxy's certificate, or its address (${from}).`,
  }
}

function unreached(code: string, message: string, { from }: Proxy): ProxyWords {
  const fix = `Check the proxy's address (${from}), and that this runner may reach it.`
  const scheme = `Check the scheme of the proxy's address (${from}): http://, https:// or socks5://.`
  if (code.startsWith('HPE_') || message.startsWith('Received invalid Socks'))
    return { what: 'does not speak the protocol of its address', fix: scheme }
  switch (code) {
    case 'ENOTFOUND':
      return { what: 'has a name that is not known here', fix }
    case 'EAI_AGAIN':
      return { what: "has a name that can't be looked up at the moment", fix }
    case 'ECONNREFUSED':
      return { what: 'is not there: nothing listens at its address', fix }
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { what: `has no route from this runner (${code})`, fix }
    case 'ECONNRESET':
    case 'EPIPE':
      return { what: 'broke the connection', fix: `${scheme} Or ask whoever runs it.` }
    default:
      return message === 'Socket closed'
        ? { what: 'broke the connection', fix: `${scheme} Or ask whoever runs it.` }
        : { what: `can't be used${code === '' ? '' : ` (${code})`}`, fix }
  }
}
