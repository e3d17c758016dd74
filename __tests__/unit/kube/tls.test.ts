// Whatever is wrong with the secured connection: the cause in our words, what to change, and no
// second try with a certificate that is refused.

import { createServer as createHttp } from 'node:http'
import { createServer as createHttps, type ServerOptions } from 'node:https'
import { createServer as createPlain, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createKube } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { listening, pem, type Pem } from '../../support/tls.ts'
import { caught, CONFIG_MAP, never, runningClock } from './given.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

async function ask(
  server: Server,
  more: {
    readonly ca?: string
    readonly user?: Record<string, unknown>
    readonly scheme?: string
    readonly cluster?: Record<string, unknown>
  } = {},
) {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket.on('error', () => undefined))
  })
  const port = await listening(server)
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const cluster = {
    server: `${more.scheme ?? 'https'}://127.0.0.1:${port}`,
    'certificate-authority-data': base64(more.ca ?? pem('authority')),
    ...more.cluster,
  }
  const kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: more.user ?? { token: 'CANARY-token' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  })
  const kube = createKube(await loadConfig({ kubeconfig, env: {}, workspace: '' }), runningClock())
  closers.push(() => kube.close())
  const error = await caught(kube.get(CONFIG_MAP, never))
  if (!(error instanceof KubeFailure)) throw error
  const { code, message, fix = '' } = explainFailure(error)
  return { code, message: message.replaceAll(String(port), 'PORT'), fix, connections }
}

function secured(certificate: Pem, more: ServerOptions = {}): Server {
  return createHttps(
    { key: pem('server-key'), cert: pem(certificate), ...more },
    (_request, response) => void response.end('{}'),
  ).on('tlsClientError', () => undefined)
}

const RAW = /SSL routines|error:|openssl|OpenSSL|altnames|CANARY/

describe('a secured connection that can not be made', () => {
  test.each<[string, () => Server, Parameters<typeof ask>[1], string, string]>([
    [
      'an authority that is not trusted',
      () => secured('good'),
      { ca: pem('another-authority') },
      'has a certificate of an authority that is not trusted here (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      'certificate-authority-data',
    ],
    [
      'an expired certificate',
      () => secured('expired'),
      {},
      'has a certificate that has expired (CERT_HAS_EXPIRED)',
      'clock of this runner',
    ],
    [
      'another name',
      () => secured('wrong-name'),
      {},
      'has a certificate for other names (ERR_TLS_CERT_ALTNAME_INVALID)',
      'tls-server-name',
    ],
    [
      'plain http at the port',
      () => createHttp((_request, response) => void response.end('{}')),
      {},
      'does not answer in TLS (EPROTO)',
      'plain http',
    ],
    [
      'something else at the port',
      () =>
        createPlain(
          (socket) => void socket.once('data', () => void socket.end('SSH-2.0-OpenSSH_9.6\r\n')),
        ),
      {},
      'does not answer in TLS (EPROTO)',
      'plain http',
    ],
    [
      'an old version of TLS',
      () =>
        secured('good', {
          minVersion: 'TLSv1',
          maxVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
        }),
      {},
      'speaks no version of TLS that is safe (1.2 or later) (EPROTO)',
      'Update the server',
    ],
    [
      'a client certificate that is wanted',
      () => secured('good', { ca: pem('authority'), requestCert: true }),
      {},
      'refused the connection at the handshake',
      'client-certificate',
    ],
    [
      'the same with TLS 1.2',
      () => secured('good', { ca: pem('authority'), requestCert: true, maxVersion: 'TLSv1.2' }),
      {},
      'refused the connection at the handshake',
      'client-certificate',
    ],
    [
      'a client certificate and the key of another',
      () => secured('good'),
      {
        user: {
          'client-certificate-data': base64(pem('good')),
          'client-key-data': base64(pem('another-key')),
        },
      },
      'do not belong together',
      'client-key',
    ],
    [
      'a client key that is none',
      () => secured('good'),
      {
        user: {
          'client-certificate-data': base64(pem('good')),
          'client-key-data': base64('CANARY-key'),
        },
      },
      'can not be read',
      'client-key',
    ],
  ])('%s', async (_name, server, more, words, fix) => {
    const told = await ask(server(), more)
    expect(told.code).toBe('CLUSTER_UNREACHABLE')
    expect(told.message).toContain('the API server at 127.0.0.1:PORT ')
    expect(told.message).toContain(words)
    expect(told.fix).toContain(fix)
    expect(`${told.message} ${told.fix}`).not.toMatch(RAW)
    expect(told.connections).toBeLessThan(2)
  })

  test('a handshake that is cut is tried again, as a broken connection is, and told as one', async () => {
    const told = await ask(
      createPlain((socket) => void socket.once('data', () => socket.destroy())),
    )
    expect(told).toMatchObject({
      code: 'CLUSTER_UNREACHABLE',
      message: 'the connection to 127.0.0.1:PORT broke',
    })
    expect(told.connections).toBeGreaterThan(1)
  })

  test('plain http asked of a port that speaks TLS: no fault of the object', async () => {
    const told = await ask(
      createPlain(
        (socket) =>
          void socket.once(
            'data',
            () =>
              void socket.end(
                'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n',
              ),
          ),
      ),
      { scheme: 'http' },
    )
    expect(told).toMatchObject({
      code: 'CLUSTER_UNREACHABLE',
      fix: expect.stringContaining('asked by https'),
    })
  })

  test('with the right authority, and with the name that the certificate is for, it is made', async () => {
    for (const [certificate, cluster] of [
      ['good', {}],
      ['wrong-name', { 'tls-server-name': 'somewhere-else.example' }],
    ] as const) {
      // `{}` is no object of the API: the answer came.
      expect((await ask(secured(certificate), { cluster })).message).toContain(
        'is not what a Kubernetes API server sends',
      )
    }
  })
})
