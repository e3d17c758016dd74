// A pinned address, through a proxy and by redirects: what is applied is what was pinned, and user
// and password go to their own host alone.

import { createHash } from 'node:crypto'
import { createServer as createProxy } from 'node:http'
import { createServer, type Server } from 'node:https'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { endJob, newJob, runAction, type Finished } from '../support/runner.ts'
import { listening, pem, pemPath } from '../support/tls.ts'
import { plain } from './given.ts'

const MANIFEST = plain()
const DIGEST = createHash('sha256').update(MANIFEST).digest('hex')

interface Seen {
  readonly host: string
  readonly path: string
  readonly authorization: string
}

let seen: Seen[] = []
/** What proxies were asked for, and by whom. */
let tunnels: { readonly to: string; readonly sign: string; readonly headers: string }[] = []
let origin = 0
let proxy = 0
let answer: (path: string) => {
  readonly status: number
  readonly location?: string
  readonly body?: string
} = () => ({ status: 200, body: MANIFEST })
let closers: (() => void)[] = []

function keepSockets(server: Server | ReturnType<typeof createProxy>): void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)))
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
}

beforeEach(async () => {
  seen = []
  tunnels = []
  answer = () => ({ status: 200, body: MANIFEST })
  const server = createServer(
    { key: pem('server-key'), cert: pem('good') },
    (request, response) => {
      seen.push({
        host: request.headers.host?.replace(/:\d+$/, '') ?? '',
        path: request.url ?? '',
        authorization: request.headers.authorization ?? '',
      })
      const { status, location, body } = answer(request.url ?? '')
      response.writeHead(status, location === undefined ? {} : { location }).end(body)
    },
  )
  server.on('tlsClientError', () => undefined)
  keepSockets(server)
  origin = await listening(server)
  const via = createProxy((_request, response) => void response.writeHead(500).end())
  via.on('connect', (request, socket, head) => {
    tunnels.push({
      to: request.url ?? '',
      sign: request.headers['proxy-authorization'] ?? '',
      headers: JSON.stringify(request.headers),
    })
    socket.on('error', () => undefined)
    if (!/^(manifests\.example|localhost):/.test(request.url ?? ''))
      return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const far = connect(origin, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      far.write(head)
      far.pipe(socket).pipe(far)
    })
    far.on('error', () => socket.destroy())
  })
  keepSockets(via)
  proxy = await listening(via)
})
afterEach(() => {
  for (const close of closers) close()
  closers = []
})

/** Ends at the cluster, of which there is none: what was read of the manifests is in the log. */
async function load(
  address: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const job = newJob()
  try {
    return await runAction({
      job,
      inputs: { manifests: address, profile: 'none', namespace: 'default' },
      env: { NODE_EXTRA_CA_CERTS: pemPath('authority'), ...env },
    })
  } finally {
    endJob(job)
  }
}

function signOf(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`
}

/** Nothing but the masks shows it. */
function hides(run: Finished, secret: string): void {
  expect(run.lines.filter((line) => !line.startsWith('::add-mask::')).join('\n')).not.toContain(
    secret,
  )
  expect(`${JSON.stringify(run.outputs)} ${run.summary} ${run.stderr}`).not.toContain(secret)
  expect(run.masks).toContain(secret)
}

const READ = /Load and lint the manifests: 1 object/

describe('by the proxy of the step', () => {
  const through = (): Record<string, string> => ({
    HTTPS_PROXY: `http://proxy-user:CANARY-proxy@127.0.0.1:${proxy}`,
  })

  test('it is read through a tunnel: the proxy gets its own password, the host gets its own', async () => {
    const run = await load(
      `https://reader:CANARY-reader@manifests.example:${origin}/zk.yaml#sha256=${DIGEST}`,
      through(),
    )
    expect(run.lines.join('\n')).toMatch(READ)
    expect(tunnels).toEqual([
      {
        to: `manifests.example:${origin}`,
        sign: signOf('proxy-user:CANARY-proxy'),
        headers: expect.not.stringContaining(
          Buffer.from('reader:CANARY-reader').toString('base64'),
        ),
      },
    ])
    expect(seen).toEqual([
      {
        host: 'manifests.example',
        path: '/zk.yaml',
        authorization: signOf('reader:CANARY-reader'),
      },
    ])
    hides(run, 'CANARY-reader')
    expect(run.lines.join('\n')).not.toContain('CANARY-proxy')
  })

  test('a redirect to another host goes there without the password, and the pin holds for what comes from it', async () => {
    answer = (path) =>
      path === '/zk.yaml'
        ? { status: 302, location: `https://localhost:${origin}/copy.yaml` }
        : { status: 200, body: MANIFEST }
    // localhost is never asked through a proxy.
    const run = await load(
      `https://reader:CANARY-reader@manifests.example:${origin}/zk.yaml#sha256=${DIGEST}`,
      through(),
    )
    expect(run.lines.join('\n')).toMatch(READ)
    expect(seen.map(({ host, authorization }) => [host, authorization])).toEqual([
      ['manifests.example', signOf('reader:CANARY-reader')],
      ['localhost', ''],
    ])
    answer = (path) =>
      path === '/zk.yaml'
        ? { status: 302, location: `https://localhost:${origin}/copy.yaml` }
        : { status: 200, body: `${MANIFEST}# another\n` }
    const other = await load(
      `https://manifests.example:${origin}/zk.yaml#sha256=${DIGEST}`,
      through(),
    )
    expect(other.outputs).toMatchObject({
      result: 'refused',
      code: 'INPUT_INVALID',
      message: expect.stringContaining('has changed: its sha256 is'),
    })
    expect(other.lines.join('\n')).not.toMatch(READ)
  })

  test.each(['169.254.169.254', '10.0.0.1', '[fd00::1]', 'metadata.internal'])(
    'a redirect to %s takes no password along, and its refusal is told',
    async (host) => {
      answer = () => ({
        status: 307,
        location: `https://user:CANARY-location@${host}/latest/meta-data`,
      })
      const run = await load(
        `https://reader:CANARY-reader@manifests.example:${origin}/zk.yaml#sha256=${DIGEST}`,
        through(),
      )
      expect(run.outputs).toMatchObject({
        result: 'refused',
        code: 'INPUT_INVALID',
        message: expect.stringContaining('cannot be fetched: the proxy answered 403'),
      })
      expect(tunnels.map(({ to }) => to)).toEqual([`manifests.example:${origin}`, `${host}:443`])
      expect(tunnels[1]?.headers).not.toContain(
        Buffer.from('reader:CANARY-reader').toString('base64'),
      )
      expect(
        JSON.stringify([
          run.outputs,
          run.lines.filter((line) => !line.startsWith('::add-mask::')),
          run.summary,
        ]),
      ).not.toMatch(/CANARY-(?:location|reader)/)
    },
  )

  test('a proxy that is not there, and one that wants another password', async () => {
    const nowhere = await load(`https://manifests.example:${origin}/zk.yaml#sha256=${DIGEST}`, {
      HTTPS_PROXY: 'http://127.0.0.1:9',
    })
    expect(nowhere.outputs['message']).toContain('the proxy is not reached (ECONNREFUSED)')
    const refused = await load(`https://elsewhere.example/zk.yaml#sha256=${DIGEST}`, through())
    expect(refused.outputs['message']).toContain('the proxy answered 403')
    const socks = await load(`https://elsewhere.example/zk.yaml#sha256=${DIGEST}`, {
      HTTPS_PROXY: 'socks5://127.0.0.1:9',
    })
    expect(socks.outputs['message']).toContain('its proxy is none of http:// or https://')
  })
})

describe('a redirect', () => {
  test('to plain http is not followed', async () => {
    answer = () => ({ status: 301, location: 'http://localhost:9/zk.yaml' })
    const run = await load(`https://localhost:${origin}/zk.yaml#sha256=${DIGEST}`)
    expect(run.outputs).toMatchObject({
      result: 'refused',
      message: expect.stringContaining('redirects to http://, which is not followed'),
    })
  })

  test.each(['file:///etc/passwd', 'data:text/plain,a', 'ftp://localhost/a'])(
    'to %s is not followed',
    async (location) => {
      answer = () => ({ status: 302, location })
      expect(
        (await load(`https://localhost:${origin}/zk.yaml#sha256=${DIGEST}`)).outputs['message'],
      ).toContain('which is not followed')
    },
  )

  test('within its host takes the password along, round and round it ends', async () => {
    answer = () => ({ status: 302, location: '/zk.yaml' })
    const run = await load(
      `https://reader:CANARY-reader@localhost:${origin}/zk.yaml#sha256=${DIGEST}`,
    )
    expect(run.outputs['message']).toContain('redirects more than 5 times')
    expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(
      new Set([signOf('reader:CANARY-reader')]),
    )
  })
})

describe('its certificate', () => {
  test('of an authority that is not trusted: in words', async () => {
    const run = await load(`https://localhost:${origin}/zk.yaml#sha256=${DIGEST}`, {
      NODE_EXTRA_CA_CERTS: pemPath('another-authority'),
    })
    expect(run.outputs).toMatchObject({
      result: 'refused',
      message: expect.stringContaining(
        'its host has a certificate of an authority that is not trusted here (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      ),
    })
    expect(seen).toEqual([])
  })
})
