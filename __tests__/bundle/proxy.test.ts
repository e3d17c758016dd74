// What a user behind a proxy counts on: the shipped bundle deploys and checks through it, members
// included, since nothing else leads out of such a network.

import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

interface Proxy {
  readonly url: string
  /** Where it was asked to connect to. */
  readonly asked: readonly string[]
  close(): void
}

/** Both ways until one end is over, by whatever: an end that nobody closes outlives the tests. */
function join(near: Socket, far: Socket): void {
  far.pipe(near).pipe(far)
  far.on('error', () => near.destroy()).on('close', () => near.destroySoon())
  near.on('error', () => far.destroy()).on('close', () => far.destroySoon())
}

/** A name that nobody but the proxy knows. */
const BEYOND = 'api.beyond.test'

function dial(port: number, host: string, opened: () => void): Socket {
  return connect(port, host === BEYOND ? '127.0.0.1' : host, opened)
}

async function listening(
  scheme: string,
  server: Server | HttpServer,
  asked: readonly string[],
): Promise<Proxy> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `${scheme}://127.0.0.1:${address.port}`,
    asked,
    close: () => void server.close(),
  }
}

/** An http proxy that makes tunnels (CONNECT). */
async function httpProxy(): Promise<Proxy> {
  const asked: string[] = []
  const server = createHttp().on('connect', (request, socket: Socket, head: Buffer) => {
    asked.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const far = dial(Number(port), host ?? '', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      far.write(head)
    })
    join(socket, far)
  })
  return listening('http', server, asked)
}

/** A SOCKS 5 proxy without a login (RFC 1928), for IPv4 addresses and names. */
async function socksProxy(): Promise<Proxy> {
  const asked: string[] = []
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]))
      socket.once('data', (request: Buffer) => {
        const named = request[3] === 3
        const end = named ? 5 + (request[4] ?? 0) : 8
        const host = named
          ? request.subarray(5, end).toString()
          : [...request.subarray(4, end)].join('.')
        asked.push(`${host}:${request.readUInt16BE(end)}`)
        const far = dial(request.readUInt16BE(end), host, () =>
          socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])),
        )
        join(socket, far)
      })
    })
  })
  return listening('socks5', server, asked)
}

test.each([
  ['an http proxy', httpProxy],
  ['a SOCKS proxy', socksProxy],
])('%s of the kubeconfig carries the requests and the tunnels to members', async (_name, start) => {
  const proxy = await start()
  try {
    await withBundle({}, async ({ cluster, run }) => {
      const { port } = new URL(cluster.url)
      // A private endpoint: its name is looked up where the proxy is, as kubectl does.
      const kubeconfig = cluster.kubeconfig.replace(
        `"server":"${cluster.url}"`,
        `"proxy-url":"${proxy.url}","server":"http://${BEYOND}:${port}"`,
      )
      expect(kubeconfig).toContain(proxy.url)
      const done = await run(tutorial(QUICK), {}, { kubeconfig })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs['pairs']).toBe('6/6')
      // A tunnel of its own for each stream to a member, beside those that requests share.
      expect(proxy.asked.length).toBeGreaterThan(3)
      expect([...new Set(proxy.asked)]).toEqual([`${BEYOND}:${port}`])
    })
  } finally {
    proxy.close()
  }
})
