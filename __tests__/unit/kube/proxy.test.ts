// Which connections go through a proxy, and that those which do arrive.

import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import { connect as dialTo } from 'node:net'
import { createKube } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
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
    expect(explainFailure(failure).fix).toMatch(/^Write user and password into the proxy's address/)
  })
})
