// Whose credentials are used, for which cluster, and what is refused before anything is sent.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { EnsembleError } from '../../../src/errors.ts'
import { connect } from '../../../src/kube/client.ts'
import { loadConfig } from '../../../src/kube/config.ts'
import type { ConfigOptions, LoadedConfig } from '../../../src/kube/config.ts'
import { caught, CONFIG_MAP, json, kubeconfig, never, object, runningClock, serve } from './given.ts'

let root = ''
let workspace = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
  workspace = join(root, 'work')
  mkdirSync(workspace)
})
afterEach(() => rmSync(root, { recursive: true }))

const SERVER = 'https://cluster.example:6443'
const PLUGIN = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin', installHint: 'get it from example.com' } }

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
    ['base64 in lines', (text: string) => Buffer.from(text).toString('base64').replaceAll(/.{76}/g, '$&\n')],
    ['a path', (text: string) => file('config', text)],
    ['a path in the workspace', (text: string) => { file('work/config', text); return 'config' }],
  ])('the input as %s', async (_name, form) => {
    const loaded = await load({ kubeconfig: form(kubeconfig(SERVER)) })
    expect([loaded.server.host, loaded.context, loaded.namespace]).toEqual(['cluster.example:6443', 'test', 'zoo'])
  })

  test('KUBECONFIG with several files is read as one, the first that names something wins, missing ones are passed over', async () => {
    const first = file('one', JSON.stringify({ contexts: [{ name: 'far', context: { cluster: 'c' } }], 'current-context': 'far' }))
    const second = file('two', kubeconfig(SERVER))
    const loaded = await load({ env: { KUBECONFIG: [first, join(root, 'absent'), second].join(delimiter) } })
    expect([loaded.context, loaded.namespace, loaded.server.host]).toEqual(['far', 'default', 'cluster.example:6443'])
  })

  test('~/.kube/config, then the Pod that the runner is', async () => {
    mkdirSync(join(root, '.kube'))
    file('.kube/config', kubeconfig(SERVER))
    expect((await load({ env: { HOME: root } })).server.host).toBe('cluster.example:6443')
    const account = join(root, 'account')
    mkdirSync(account)
    for (const [name, text] of [['token', 'tok'], ['namespace', 'zoo'], ['ca.crt', '']] as const) file(`account/${name}`, text)
    const inPod = await load({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, serviceAccount: account })
    expect([inPod.server.href, inPod.namespace, inPod.renewable]).toEqual(['https://[fd00::1]/', 'zoo', true])
  })

  test('no kubeconfig anywhere is told as no cluster, so that a plan can go on without one', async () => {
    expect((await refused({})).code).toBe('CLUSTER_UNREACHABLE')
    expect((await refused({ env: { KUBECONFIG: join(root, 'absent') } })).message).toContain('absent')
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
    ['a value of the wrong type', JSON.stringify({ clusters: [{ name: 'c', cluster: { server: ['hunter2'] } }] }), 'clusters.0.cluster.server must be of type string'],
    ['a document that is none', 'just: text\nmore: text', 'no current context'],
    ['a user that is not there', kubeconfig(SERVER).replace('"user":"u"', '"user":"v"'), 'names the user "v"'],
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
    for (const options of [{ kubeconfig: 'config' }, { kubeconfig: join(root, 'link') }, { env: { KUBECONFIG: join(workspace, 'config') } }]) {
      const error = await refused(options)
      expect(error.code).toBe('INPUT_INVALID')
      expect(error.message).toContain('lies in the workspace')
      expect(error.findings[0]?.mend).toContain('RUNNER_TEMP')
    }
    file('work/old', kubeconfig(SERVER, { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh' } } }))
    expect((await refused({ kubeconfig: 'old' })).message).toContain('/bin/sh')
  })

  test('are allowed from content, from outside, and from the runner\'s own directory inside the workspace', async () => {
    mkdirSync(join(workspace, '_temp'))
    file('work/_temp/config', withPlugin)
    for (const options of [{ kubeconfig: withPlugin }, { kubeconfig: file('config', withPlugin) }, { kubeconfig: '_temp/config', temp: join(workspace, '_temp') }]) {
      expect((await load(options)).plugin?.command).toBe('no-such-plugin')
    }
  })

  test('that are missing are named, with how to get them', async () => {
    const kube = connect(await load({ kubeconfig: withPlugin }), runningClock())
    const error = await caught(kube.get(CONFIG_MAP, never))
    expect(error).toMatchObject({ reason: 'Credentials' })
    expect(error.message).toContain('"no-such-plugin" is not on this runner')
    expect(error.message).toContain('get it from example.com')
    kube.close()
  })

  test('give their token to the requests, are told about the cluster, run once for many requests, and their tokens are masked', async () => {
    const runs = join(root, 'runs')
    const script = file('plugin', `#!/bin/sh\nprintf '%s\\n' "$KUBERNETES_EXEC_INFO" >> ${runs}\nprintf '{"status":{"token":"token-of-plugin"}}'\n`)
    chmodSync(script, 0o755)
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const secrets: string[] = []
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', provideClusterInfo: true } }
    const kube = connect(await load({ kubeconfig: file('config', kubeconfig(server.address, user)) }), runningClock(), { onSecret: (secret) => secrets.push(secret) })
    await Promise.all([kube.get(CONFIG_MAP, never), kube.get(CONFIG_MAP, never), kube.get(CONFIG_MAP, never)])
    expect(server.asked.map((asked) => asked.headers.authorization)).toEqual(Array.from({ length: 3 }, () => 'Bearer token-of-plugin'))
    expect(secrets).toEqual(['token-of-plugin'])
    const told = readFileSync(runs, 'utf8').trim().split('\n')
    expect(told).toHaveLength(1)
    expect(JSON.parse(told[0] ?? '')).toMatchObject({ apiVersion: 'client.authentication.k8s.io/v1', spec: { interactive: false, cluster: { server: server.address } } })
    kube.close()
    await server.close()
  })

  test('that fail are told with their own last words', async () => {
    const script = file('plugin', '#!/bin/sh\necho "session expired, log in again" >&2\nexit 1\n')
    chmodSync(script, 0o755)
    const kube = connect(await load({ kubeconfig: file('config', kubeconfig(SERVER, { exec: { command: './plugin' } })) }), runningClock())
    expect((await caught(kube.get(CONFIG_MAP, never))).message).toContain('session expired, log in again')
    kube.close()
  })
})

describe('what is known of the credentials', () => {
  const jwt = (claims: unknown): string => ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'x'].join('.')

  test('secrets are single values, never a document or a line of one', async () => {
    const loaded = await load({ kubeconfig: kubeconfig(SERVER, { token: ' a-token ', username: 'me', password: 'pass-word', 'client-key-data': 'a2V5LWRhdGE=', 'auth-provider': { name: 'oidc', config: { 'refresh-token': 'two\nlines', 'id-token': 'xyz' } } }) })
    expect(loaded.secrets).toEqual(['a-token', 'pass-word', 'a2V5LWRhdGE='])
  })

  test('a token says when it ends; one that is read anew does not', async () => {
    expect((await load({ kubeconfig: kubeconfig(SERVER, { token: jwt({ exp: 1_900_000_000 }) }) })).credentialsEnd).toBe(1_900_000_000_000)
    expect((await load({ kubeconfig: kubeconfig(SERVER, { token: 'opaque' }) })).credentialsEnd).toBeUndefined()
    expect((await load({ kubeconfig: kubeconfig(SERVER, { tokenFile: file('token', jwt({ exp: 1 })) }) })).credentialsEnd).toBeUndefined()
  })

  test('groups and extras of an impersonation go out with each request', async () => {
    const server = await serve((_asked, response) => json(response, 200, object('ConfigMap', 'a')))
    const kube = connect(await load({ kubeconfig: kubeconfig(server.address, { token: 'a-token', as: 'jane', 'as-groups': ['dev', 'ops'], 'as-user-extra': { reason: ['x'] } }) }), runningClock())
    await kube.get(CONFIG_MAP, never)
    expect(server.asked[0]?.headers).toMatchObject({ 'impersonate-user': 'jane', 'impersonate-group': 'dev, ops', 'impersonate-extra-reason': 'x' })
    kube.close()
    await server.close()
  })

  test('the proxy of the step is used as kubectl would, and the kubeconfig\'s own before it', async () => {
    const env = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'internal.example' }
    const proxyOf = async (server: string): Promise<string | undefined> => (await load({ kubeconfig: kubeconfig(server), env })).fresh().getCurrentCluster()?.proxyUrl
    expect(await proxyOf(SERVER)).toBe('http://proxy:3128')
    expect(await proxyOf('https://api.internal.example')).toBeUndefined()
    const own = kubeconfig(SERVER).replace('"server":', '"proxy-url":"socks5://own:1080","server":')
    expect((await load({ kubeconfig: own, env })).fresh().getCurrentCluster()?.proxyUrl).toBe('socks5://own:1080')
  })
})
