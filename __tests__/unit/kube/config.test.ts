// Whose credentials are used, for which cluster, and what is refused before anything is sent.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemClock } from '../../../src/clock.ts'
import { z } from 'zod'
import { EnsembleError } from '../../../src/errors.ts'
import { programs } from '../../../src/github/program.ts'
import type { RunProgram } from '../../../src/program.ts'
import { createKube } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import type { ConfigOptions, LoadedConfig } from '../../../src/kube/config.ts'
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

let root = ''
let workspace = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
  workspace = join(root, 'work')
  mkdirSync(workspace)
})
afterEach(() => rmSync(root, { recursive: true }))

const run: RunProgram = (request, signal) =>
  programs({ env: process.env, directory: workspace, clock: systemClock })(request, signal)

const SERVER = 'https://cluster.example:6443'
const PLUGIN = {
  exec: {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'no-such-plugin',
    installHint: 'get it from example.com',
  },
}

function load(options: Partial<ConfigOptions>): Promise<LoadedConfig> {
  return loadConfig({ env: {}, workspace, ...options })
}

function file(path: string, text: string): string {
  writeFileSync(join(root, path), text)
  return join(root, path)
}

async function refused(options: Partial<ConfigOptions>): Promise<EnsembleError> {
  const error = await caught(load(options))
  if (!(error instanceof EnsembleError)) throw error
  expect(error.outcome).toBe('refused')
  return error
}

describe('where the kubeconfig comes from', () => {
  test.each([
    ['plain', (text: string) => text],
    ['base64', (text: string) => Buffer.from(text).toString('base64')],
    [
      'base64 in lines',
      (text: string) => Buffer.from(text).toString('base64').replaceAll(/.{76}/g, '$&\n'),
    ],
    ['a path', (text: string) => file('config', text)],
    [
      'a path in the workspace',
      (text: string) => {
        file('work/config', text)
        return 'config'
      },
    ],
  ])('the input as %s', async (_name, form) => {
    const loaded = await load({ kubeconfig: form(kubeconfig(SERVER)) })
    expect([loaded.server.host, loaded.context, loaded.namespace]).toEqual([
      'cluster.example:6443',
      'test',
      'zoo',
    ])
  })

  test('KUBECONFIG with several files is read as one, the first that names something wins, missing ones are passed over', async () => {
    const first = file(
      'one',
      JSON.stringify({
        contexts: [{ name: 'far', context: { cluster: 'c' } }],
        'current-context': 'far',
      }),
    )
    const second = file('two', kubeconfig(SERVER))
    const loaded = await load({
      env: { KUBECONFIG: [first, join(root, 'absent'), second].join(delimiter) },
    })
    expect([loaded.context, loaded.namespace, loaded.server.host]).toEqual([
      'far',
      'default',
      'cluster.example:6443',
    ])
  })

  test('~/.kube/config, then the Pod that the runner is', async () => {
    mkdirSync(join(root, '.kube'))
    file('.kube/config', kubeconfig(SERVER))
    expect((await load({ env: { HOME: root } })).server.host).toBe('cluster.example:6443')
    const account = join(root, 'account')
    mkdirSync(account)
    for (const [name, text] of [
      ['token', 'tok'],
      ['namespace', 'zoo'],
      ['ca.crt', ''],
    ] as const)
      file(`account/${name}`, text)
    const inPod = await load({
      env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' },
      serviceAccount: account,
    })
    expect([inPod.server.href, inPod.namespace, inPod.renewable]).toEqual([
      'https://[fd00::1]/',
      'zoo',
      true,
    ])
  })

  test('no kubeconfig anywhere is told as no cluster, so that a plan can continue without one', async () => {
    expect((await refused({})).code).toBe('CLUSTER_UNREACHABLE')
    expect((await refused({ env: { KUBECONFIG: join(root, 'absent') } })).message).toContain(
      'absent',
    )
  })
})

describe('what is refused', () => {
  test('an unknown context, naming those there are', async () => {
    const error = await refused({ kubeconfig: kubeconfig(SERVER), context: 'prod' })
    expect(error.code).toBe('INPUT_INVALID')
    expect(error.message).toContain('no context "prod": it has test')
    expect(error.findings[0]?.input).toBe('context')
  })

  test.each([
    ['a path that is not there', 'nowhere/config', 'there is no such file'],
    ['YAML that does not parse', 'apiVersion: v1\nclusters: "', 'is not valid YAML (line'],
    [
      'a value of the wrong type',
      JSON.stringify({ clusters: [{ name: 'c', cluster: { server: ['hunter2'] } }] }),
      'clusters.0.cluster.server must be of type string',
    ],
    ['a document that is none', 'just: text\nmore: text', 'no current context'],
    [
      'a user that is not there',
      kubeconfig(SERVER).replace('"user":"u"', '"user":"v"'),
      'names the user "v"',
    ],
    ['plain http to another machine', kubeconfig('http://cluster.example'), 'plain http'],
    ['an address that is none', kubeconfig('cluster'), 'not an http(s) address'],
  ])('%s', async (_name, text, words) => {
    const error = await refused({ kubeconfig: text })
    expect(error.code).toBe('INPUT_INVALID')
    expect(error.message).toContain(words)
    expect(error.message).not.toContain('hunter2')
  })
})

describe('programs named by a kubeconfig', () => {
  const withPlugin = kubeconfig(SERVER, PLUGIN)

  test('are not run for a file of the checkout, however it is reached', async () => {
    file('work/config', withPlugin)
    symlinkSync(join(workspace, 'config'), join(root, 'link'))
    for (const options of [
      { kubeconfig: 'config' },
      { kubeconfig: join(root, 'link') },
      { env: { KUBECONFIG: join(workspace, 'config') } },
    ]) {
      const error = await refused(options)
      expect(error.code).toBe('INPUT_INVALID')
      expect(error.message).toContain('lies in the workspace')
      expect(error.findings[0]?.fix).toContain('RUNNER_TEMP')
    }
    file(
      'work/old',
      kubeconfig(SERVER, { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh' } } }),
    )
    expect((await refused({ kubeconfig: 'old' })).message).toContain('/bin/sh')
  })

  test("are allowed from content, from outside, and from the runner's own directory inside the workspace", async () => {
    mkdirSync(join(workspace, '_temp'))
    file('work/_temp/config', withPlugin)
    for (const options of [
      { kubeconfig: withPlugin },
      { kubeconfig: file('config', withPlugin) },
      { kubeconfig: '_temp/config', temp: join(workspace, '_temp') },
    ]) {
      expect((await load(options)).plugin?.command).toBe('no-such-plugin')
    }
  })

  test('that are missing are named, with how to get them', async () => {
    const kube = createKube(await load({ kubeconfig: withPlugin }), runningClock(), { run })
    const error = await caught(kube.get(CONFIG_MAP, never))
    expect(error).toMatchObject({ reason: 'Credentials' })
    expect(error.message).toContain('"no-such-plugin" is not on this runner')
    expect(error.message).toContain('get it from example.com')
    kube.close()
  })

  test('give their token to the requests, are told about the cluster, run once for many requests, and their tokens are masked', async () => {
    const runs = join(root, 'runs')
    const script = file(
      'plugin',
      `#!/bin/sh\nprintf '%s\\n' "$KUBERNETES_EXEC_INFO" >> ${runs}\nprintf '{"status":{"token":"token-of-plugin"}}'\n`,
    )
    chmodSync(script, 0o755)
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const secrets: string[] = []
    const user = {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: './plugin',
        provideClusterInfo: true,
      },
    }
    const kube = createKube(
      await load({ kubeconfig: file('config', kubeconfig(server.address, user)) }),
      runningClock(),
      { run, onSecret: (secret) => secrets.push(secret) },
    )
    await Promise.all([
      kube.get(CONFIG_MAP, never),
      kube.get(CONFIG_MAP, never),
      kube.get(CONFIG_MAP, never),
    ])
    expect(server.asked.map((asked) => asked.headers.authorization)).toEqual(
      Array.from({ length: 3 }, () => 'Bearer token-of-plugin'),
    )
    expect(secrets).toEqual(['token-of-plugin'])
    const told = readFileSync(runs, 'utf8').trim().split('\n')
    expect(told).toHaveLength(1)
    expect(JSON.parse(told[0] ?? '')).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1',
      spec: { interactive: false, cluster: { server: server.address } },
    })
    kube.close()
    await server.close()
  })

  test('that fail are told with their own last words', async () => {
    const script = file('plugin', '#!/bin/sh\necho "session expired, log in again" >&2\nexit 1\n')
    chmodSync(script, 0o755)
    const kube = createKube(
      await load({
        kubeconfig: file('config', kubeconfig(SERVER, { exec: { command: './plugin' } })),
      }),
      runningClock(),
      { run },
    )
    expect((await caught(kube.get(CONFIG_MAP, never))).message).toContain(
      'session expired, log in again',
    )
    kube.close()
  })
})

describe('a kubeconfig of the checkout', () => {
  test.each<[string, Record<string, unknown>]>([
    ['a token file outside', { tokenFile: '../secret' }],
    ['a token file by a link', { tokenFile: 'link' }],
    ['a token file at an absolute path', { tokenFile: '/proc/self/environ' }],
    ['a client key outside', { 'client-certificate': 'inside', 'client-key': '../secret' }],
    ['a client certificate outside', { 'client-certificate': '../secret', 'client-key': 'inside' }],
    [
      'an auth-provider that reads a file',
      { 'auth-provider': { name: 'tokenFile', config: { tokenFile: '../secret' } } },
    ],
    [
      'an auth-provider that asks an address',
      { 'auth-provider': { name: 'oidc', config: { 'idp-issuer-url': 'https://evil.example' } } },
    ],
  ])('reads nothing of this runner: %s', async (_, user) => {
    file('secret', 'canary')
    file('work/inside', 'inside')
    symlinkSync(join(root, 'secret'), join(workspace, 'link'))
    file('work/config', kubeconfig(SERVER, user))
    const error = await refused({ kubeconfig: 'config' })
    expect(error.code).toBe('INPUT_INVALID')
    expect(error.message).toContain('lies in the workspace')
    expect(error.message).not.toContain('canary')
  })

  test('nor a certificate authority', async () => {
    file('secret', 'canary')
    file(
      'work/config',
      kubeconfig(SERVER).replace('"server":', '"certificate-authority":"../secret","server":'),
    )
    expect((await refused({ kubeconfig: 'config' })).message).toContain(
      'certificate-authority outside of the workspace',
    )
  })

  test('may read its own files, and they are read once: what a link leads to later does not count', async () => {
    file('work/token', 'a-token\n')
    file('work/config', kubeconfig(SERVER, { tokenFile: 'token' }))
    const loaded = await load({ kubeconfig: 'config' })
    file('work/token', 'another-token')
    expect(loaded.fresh().getCurrentUser()?.token).toBe('a-token')
    expect(loaded.secrets).toContain('a-token')
  })

  test('names no server for the credentials of another file', async () => {
    file(
      'work/config',
      JSON.stringify({ clusters: [{ name: 'c', cluster: { server: 'https://evil.example' } }] }),
    )
    const own = file(
      'own',
      kubeconfig(SERVER, { token: 'canary-token' }).replaceAll(
        '"cluster":"cluster"',
        '"cluster":"c"',
      ),
    )
    const name =
      z
        .object({ contexts: z.array(z.object({ context: z.object({ cluster: z.string() }) })) })
        .parse(JSON.parse(readFileSync(own, 'utf8'))).contexts[0]?.context.cluster ?? ''
    file(
      'work/config',
      JSON.stringify({ clusters: [{ name, cluster: { server: 'https://evil.example' } }] }),
    )
    expect(
      (await refused({ env: { KUBECONFIG: [join(workspace, 'config'), own].join(delimiter) } }))
        .message,
    ).toContain('names the server to which the credentials of')
  })

  test('a named pipe does not hold the run', async () => {
    spawnSync('mkfifo', [join(workspace, 'pipe')])
    file('work/config', kubeconfig(SERVER, { tokenFile: 'pipe' }))
    expect((await refused({ kubeconfig: 'config' })).message).toContain('is no file')
  })
})

describe('a token that no header takes is a fault of the input', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'with a line break',
      { token: 'one\ntwo' },
      /token of the kubeconfig's user has more than one line/,
    ],
    ['of another alphabet', { token: 'tokeŁn' }, /holds a character that no header takes/],
    ['in a user to act as', { token: 'a-token', as: 'józef\u0142' }, /^as of the kubeconfig/],
    ['in a group', { token: 'a-token', 'as-groups': ['a\r\nX-Evil: 1'] }, /as-groups/],
  ])('%s', async (_, user, words) => {
    const error = await refused({ kubeconfig: kubeconfig(SERVER, user) })
    expect([error.code, error.message]).toEqual(['INPUT_INVALID', expect.stringMatching(words)])
    expect(error.message).not.toMatch(/two|toke\u0141|X-Evil/)
  })

  test('in a file, before and while it is used, and from a plugin', async () => {
    expect(
      (await refused({ kubeconfig: kubeconfig(SERVER, { tokenFile: file('lines', 'one\ntwo') }) }))
        .message,
    ).toContain('has more than one line')
    const path = file('token', 'fine')
    const kube = createKube(
      await load({ kubeconfig: kubeconfig(SERVER, { tokenFile: path }) }),
      runningClock(),
    )
    writeFileSync(path, 'one\ntwo')
    expect(await caught(kube.get(CONFIG_MAP, never))).toMatchObject({ code: 'INPUT_INVALID' })
    kube.close()
    const exec = { command: 'sh', args: ['-c', `echo '{"status":{"token":"one\\\\ntwo"}}'`] }
    const other = createKube(
      await load({ kubeconfig: kubeconfig(SERVER, { exec }) }),
      runningClock(),
      { run },
    )
    expect(await caught(other.get(CONFIG_MAP, never))).toMatchObject({ code: 'INPUT_INVALID' })
    other.close()
  })
})

describe('what a credential plugin says', () => {
  async function said(
    exec: Record<string, unknown>,
    more: Partial<Parameters<typeof createKube>[2]> = {},
  ): Promise<{ readonly message: string; readonly secrets: readonly string[] }> {
    const loaded = await load({
      kubeconfig: kubeconfig(SERVER, { exec: { command: 'sh', ...exec } }),
    })
    const kube = createKube(loaded, runningClock(), { run, ...more })
    const { message } = await caught(kube.get(CONFIG_MAP, never))
    kube.close()
    return { message, secrets: loaded.secrets }
  }

  test('is shown without the secrets of its block, which are masked as well', async () => {
    const exec = {
      args: [
        '-c',
        'echo "login failed for $AZURE_CLIENT_SECRET with $2 in $REGION" >&2; exit 1',
        'sh',
        '--secret',
        'CANARY-exec-arg',
      ],
      env: [
        { name: 'AZURE_CLIENT_SECRET', value: 'CANARY-exec-env' },
        { name: 'REGION', value: 'west' },
      ],
    }
    const { message, secrets } = await said(exec)
    expect(message).toContain('failed: login failed for *** with *** in west')
    expect(secrets).toEqual(['CANARY-exec-env', 'CANARY-exec-arg'])
  })

  test.each([
    ['a notice before it', "echo WARNING; echo '{}'"],
    ['an empty one', "echo '{}'"],
    ['a certificate without its key', `echo '{"status":{"clientCertificateData":"x"}}'`],
    ['nothing', 'true'],
  ])('as a credential, but %s, is told as none', async (_, script) => {
    expect((await said({ args: ['-c', script] })).message).toContain(
      'printed no credential, or something beside it',
    )
  })

  test('the prompt of one that waits is told, and its limit ends it', async () => {
    const lines: string[] = []
    const hurried: RunProgram = (request, signal) => run({ ...request, timeoutMs: 3500 }, signal)
    const { message } = await said(
      { args: ['-c', 'echo "enter the code ABCD" >&2; exec sleep 400'] },
      { run: hurried, say: (line) => lines.push(line) },
    )
    expect(message).toContain(
      'was ended: does it wait for a person to log in?; it said: enter the code ABCD',
    )
    expect(lines).toEqual([
      'the kubeconfig\'s credential plugin "sh" is waited for; it says: enter the code ABCD',
    ])
  })

  test('one that needs a terminal is not started', async () => {
    expect(
      (
        await refused({
          kubeconfig: kubeconfig(SERVER, { exec: { command: 'sh', interactiveMode: 'Always' } }),
        })
      ).message,
    ).toContain('asks a person at a terminal')
  })

  test('a certificate of its is used, and one that ends is asked for again', async () => {
    const runs = join(root, 'runs')
    const exec = {
      args: [
        '-c',
        `echo x >> ${runs}; echo '{"status":{"token":"t'$(wc -l < ${runs})'oken","expirationTimestamp":"2020-01-01T00:00:00Z"}}'`,
      ],
      command: 'sh',
    }
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const kube = createKube(
      await load({ kubeconfig: kubeconfig(server.address, { exec }) }),
      runningClock(),
      { run },
    )
    await kube.get(CONFIG_MAP, never)
    await kube.get(CONFIG_MAP, never)
    expect(server.asked.map((asked) => asked.headers.authorization)).toEqual([
      'Bearer t1oken',
      'Bearer t2oken',
    ])
    kube.close()
    await server.close()
  })
})

describe('what is known of the credentials', () => {
  const jwt = (claims: unknown): string =>
    ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'x'].join('.')

  test('secrets are single lines, in every form in which they may come up', async () => {
    const loaded = await load({
      kubeconfig: kubeconfig(SERVER, {
        token: ' a-token ',
        username: 'me',
        password: 'pass-word',
        'client-key-data': 'a2V5LWRhdGE=',
        'auth-provider': {
          name: 'oidc',
          config: { 'refresh-token': 'two-\nlines', 'id-token': 'xyz' },
        },
      }),
    })
    expect(loaded.secrets).toEqual([
      'a-token',
      'pass-word',
      'a2V5LWRhdGE=',
      'key-data',
      Buffer.from('me:pass-word').toString('base64'),
      'two-',
      'lines',
    ])
  })

  test('a token says when it ends; one that is read again does not', async () => {
    expect(
      (await load({ kubeconfig: kubeconfig(SERVER, { token: jwt({ exp: 1_900_000_000 }) }) }))
        .credentialsEnd,
    ).toBe(1_900_000_000_000)
    expect(
      (await load({ kubeconfig: kubeconfig(SERVER, { token: 'opaque' }) })).credentialsEnd,
    ).toBeUndefined()
    expect(
      (
        await load({
          kubeconfig: kubeconfig(SERVER, { tokenFile: file('token', jwt({ exp: 1 })) }),
        })
      ).credentialsEnd,
    ).toBeUndefined()
  })

  test('groups and extras of an impersonation go out with each request', async () => {
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const kube = createKube(
      await load({
        kubeconfig: kubeconfig(server.address, {
          token: 'a-token',
          as: 'jane',
          'as-groups': ['dev', 'ops'],
          'as-user-extra': { reason: ['x'] },
        }),
      }),
      runningClock(),
      { run },
    )
    await kube.get(CONFIG_MAP, never)
    expect(server.asked[0]?.headers).toMatchObject({
      'impersonate-user': 'jane',
      'impersonate-group': 'dev, ops',
      'impersonate-extra-reason': 'x',
    })
    kube.close()
    await server.close()
  })

  test("the proxy of the step is used as kubectl would, and the kubeconfig's own before it", async () => {
    const env = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'internal.example' }
    const proxyOf = async (server: string): Promise<string | undefined> =>
      (await load({ kubeconfig: kubeconfig(server), env })).fresh().getCurrentCluster()?.proxyUrl
    expect(await proxyOf(SERVER)).toBe('http://proxy:3128/')
    expect(await proxyOf('https://api.internal.example')).toBeUndefined()
    const own = kubeconfig(SERVER).replace('"server":', '"proxy-url":"socks5://own:1080","server":')
    expect((await load({ kubeconfig: own, env })).fresh().getCurrentCluster()?.proxyUrl).toBe(
      'socks5h://own:1080',
    )
  })

  test.each([
    ['another protocol', 'ftp://user:CANARY@proxy:3128'],
    ['no protocol, with a name', 'proxy.example:3128'],
    ['no protocol, with an address', '10.0.0.1:3128'],
    ['no host', 'http://'],
    ['SOCKS 4, which kubectl refuses too', 'socks4://proxy:1080'],
  ])("a kubeconfig's proxy with %s is refused before any request", async (_name, address) => {
    const own = kubeconfig(SERVER).replace('"server":', `"proxy-url":"${address}","server":`)
    const refused = await load({ kubeconfig: own, env: {} }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      findings: [
        expect.objectContaining({
          code: 'INPUT_INVALID',
          message: 'proxy-url of the kubeconfig is not the address of a proxy',
        }),
      ],
    })
    expect(JSON.stringify(refused)).not.toContain('CANARY')
  })

  test('a variable that is no address of a proxy is named', async () => {
    await expect(
      load({ kubeconfig: kubeconfig(SERVER), env: { https_proxy: 'gopher://proxy' } }),
    ).rejects.toMatchObject({
      findings: [
        expect.objectContaining({ message: expect.stringMatching(/^https_proxy is not/) }),
      ],
    })
  })
})
