// Which connections go through a proxy, and that those which do arrive.

import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import { connect as dialTo } from 'node:net'
import { createKube } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { ProxyFault, proxyWords } from '../../../src/kube/proxy-fault.ts'
import { proxyFor } from '../../../src/proxy.ts'
import {
  caught,
  CONFIG_MAP,
  json,
  kubeconfig,
  never,
  object,
  runningClock,
  serve,
} from './given.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

test.each<[string, string, string, boolean]>([
  ['nothing excepted', '', 'https://api.example.com', true],
  ['everything excepted', '*', 'https://api.example.com', false],
  ['a domain and those below', 'example.com', 'https://api.example.com', false],
  ['a domain is not the end of another name', 'example.com', 'https://badexample.com', true],
  ['only those below', '.example.com', 'https://example.com', true],
  ['another port', 'api.example.com:8443', 'https://api.example.com', true],
  ['the same port', 'api.example.com:443', 'https://api.example.com', false],
  ['a network', '10.0.0.0/8,fd00::/8', 'https://10.1.2.3:6443', false],
  ['another network', '10.0.0.0/8', 'https://192.168.1.1:6443', true],
  ['a network of the other family', 'fd00::/8', 'https://[fd00::1]:6443', false],
  ['an address', '10.1.2.3', 'https://10.1.2.3:6443', false],
  ['an address of IPv6, written another way', 'fd00:0::1', 'https://[fd00::1]:6443', false],
  ['another address', '10.1.2.4', 'https://10.1.2.3:6443', true],
  ['this machine, always', '', 'https://127.0.0.1:6443', false],
  ['this machine by name', '', 'https://localhost:6443', false],
])('%s: NO_PROXY=%s for %s', (_name, exceptions, server, proxied) => {
  expect(
    proxyFor(new URL(server), { https_proxy: 'proxy.example:3128', NO_PROXY: exceptions }),
  ).toBe(proxied ? 'http://proxy.example:3128' : undefined)
})

describe('a proxy of the kubeconfig', () => {
  async function through(answer: 'connect' | 'refuse') {
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket, head) => {
      tunnels.push(request.url ?? '')
      if (answer === 'refuse') {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
        return
      }
      const [host, port] = (request.url ?? '').split(':')
      const far = dialTo(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        far.write(head)
        far.pipe(socket).pipe(far)
      })
      far.on('error', () => socket.destroy())
      socket.on('error', () => far.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const at = proxy.address()
    if (at === null || typeof at === 'string') throw new Error('no port')
    const text = kubeconfig(server.address).replace(
      '"server":',
      `"proxy-url":"http://127.0.0.1:${at.port}","server":`,
    )
    const kube = createKube(
      await loadConfig({ kubeconfig: text, env: {}, workspace: '' }),
      runningClock(),
    )
    closers.push(
      () => kube.close(),
      () => server.close(),
      () => new Promise((resolve) => proxy.close(resolve)),
    )
    return { kube, tunnels, server }
  }

  test('carries the requests, many over one tunnel', async () => {
    const { kube, tunnels, server } = await through('connect')
    for (let times = 0; times < 3; times++)
      expect(await kube.get(CONFIG_MAP, never)).toMatchObject({ kind: 'ConfigMap' })
    expect(tunnels).toEqual([new URL(server.address).host])
  })

  test('that refuses is told to be the one', async () => {
    const { kube } = await through('refuse')
    const failure = await caught(kube.get(CONFIG_MAP, never))
    expect(failure.message).toContain('the proxy on the way to')
    // What is wrong with the server's address nobody knows before the proxy lets it through.
    if (!(failure instanceof KubeFailure)) throw failure
    expect(explainFailure(failure).fix).toBe(
      "Write user and password into the proxy's address (proxy-url of the kubeconfig).",
    )
  })

  // Told as faults of the API server, each of these had somebody look at the wrong machine.
  test.each([
    [
      'http://127.0.0.1:9',
      /is not there: nothing listens at its address$/,
      /^Check the proxy's addr/,
    ],
    [
      'socks5://127.0.0.1:9',
      /is not there: nothing listens/,
      /^Check the proxy's address \(proxy-url/,
    ],
    ['http://[::1]:9', /\(\[::1\]:9\) (?:is not there|has no route)/, /^Check the proxy's address/],
    [
      'http://proxy.invalid',
      /has a name that (?:is not known|can't be)/,
      /^Check the proxy's addr/,
    ],
  ])('%s, which is not there, is told as the proxy', async (address, message, fix) => {
    const text = kubeconfig('https://api.beyond.test').replace(
      '"server":',
      `"proxy-url":"${address}","server":`,
    )
    const kube = createKube(
      await loadConfig({ kubeconfig: text, env: {}, workspace: '' }),
      runningClock(),
    )
    closers.push(() => kube.close())
    const failure = await caught(kube.get(CONFIG_MAP, never))
    expect(failure.message).toMatch(/^the proxy on the way to api\.beyond\.test:443 \(/)
    expect(failure.message).toMatch(message)
    if (!(failure instanceof KubeFailure)) throw failure
    expect(explainFailure(failure)).toMatchObject({
      code: 'CLUSTER_UNREACHABLE',
      fix: expect.stringMatching(fix),
    })
  })
})

const node = (message: string, code?: string): Error => Object.assign(new Error(message), { code })

test.each([
  ['no user', node('Bad response: 407'), 'answered 407', /^Write user .*NO_PROXY\.$/],
  ['not allowed', node('Bad response: 403'), 'answered 403', /^Have the proxy allow .* without/],
  ['nothing behind it', node('Bad response: 502'), 'answered 502', /^The proxy does not reach/],
  [
    'SOCKS without a user',
    node('Received invalid Socks5 initial handshake (no accepted authentication type)'),
    'asks for a user and a password, or for others',
    /^Write user and password/,
  ],
  [
    'SOCKS by its rules',
    node('Socks5 proxy rejected connection - NotAllowed'),
    'does not allow this connection',
    /^Have the proxy allow/,
  ],
  [
    'SOCKS with nothing behind it',
    node('Socks5 proxy rejected connection - HostUnreachable'),
    'does not reach it (HostUnreachable)',
    /^The proxy does not reach/,
  ],
  [
    'a certificate of its own',
    node('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
    'has a certificate of an authority that is not trusted here (DEPTH_ZERO_SELF_SIGNED_CERT)',
    /NODE_EXTRA_CA_CERTS/,
  ],
  [
    'https:// for plain http',
    node('wrong version number', 'EPROTO'),
    'does not answer in TLS (EPROTO)',
    /^Write http:\/\//,
  ],
  [
    'http:// for TLS',
    node('socket hang up', 'ECONNRESET'),
    'broke the connection',
    /^Check the scheme/,
  ],
  [
    'http:// for SOCKS',
    node('Parse Error', 'HPE_INVALID_CONSTANT'),
    'does not speak the protocol of its address',
    /^Check the scheme/,
  ],
])('a proxy with %s gets a fix about the proxy', (_name, cause, what, fix) => {
  const proxy = { address: new URL('http://proxy:3128'), from: 'HTTPS_PROXY' }
  const words = proxyWords(new ProxyFault(proxy, cause))
  expect(words.what).toBe(what)
  expect(words.fix).toMatch(fix)
})
