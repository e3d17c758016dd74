// The real cluster that the e2e suite runs on: kubectl, a namespace for each test, and reads of
// what the action left behind.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getExecOutput } from '@actions/exec'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Path of the kubeconfig; the suite never guesses one. */
export const kubeconfig = process.env['KUBECONFIG'] ?? ''
if (kubeconfig === '')
  throw new Error('the e2e suite needs KUBECONFIG of a cluster with four nodes')

/** `npm run e2e:all` runs everything, `npm run e2e` the core. */
export const everything = process.env['E2E'] === 'all'

export interface Output {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** By the toolkit's own means: it takes arguments as a list, and is no shell. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Output> {
  const env = Object.fromEntries(
    Object.entries(options.env ?? process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  )
  return getExecOutput(program, [...args], {
    env,
    silent: true,
    ignoreReturnCode: true,
    ...(options.input === undefined ? {} : { input: Buffer.from(options.input) }),
  })
}

/** The lab that the cluster runs on, where it can be switched. */
export const lab = process.env['ZK_LAB']

/** `which`: the number of a node, or the name of a daemon. */
export async function switchLab(
  what: 'cut' | 'boot' | 'isolate' | 'join' | 'pause' | 'resume',
  which: string,
): Promise<void> {
  // What it starts outlives the test, and so the test's own temporary directory.
  const { TMPDIR: _, ...env } = process.env
  const { exitCode, stderr } = await run(join(lab ?? '', 'lab'), [what, which], { env })
  if (exitCode !== 0) throw new Error(`${what} ${which}: ${stderr}`)
}

/** kubectl, whose failure is the test's. */
export async function kubectl(...args: string[]): Promise<string> {
  const result = await run('kubectl', args)
  if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`)
  return result.stdout.trim()
}

export async function kubectlApply(namespace: string, manifest: string): Promise<void> {
  const result = await run('kubectl', ['apply', '-n', namespace, '-f', '-'], { input: manifest })
  if (result.exitCode !== 0) throw new Error(result.stderr)
}

/** Runs `test` in a namespace of its own and deletes it afterwards (without waiting). */
export async function inNamespace(
  prefix: string,
  test: (namespace: string) => Promise<void>,
): Promise<void> {
  const namespace = `e2e-${prefix}-${randomBytes(3).toString('hex')}`
  await kubectl('create', 'namespace', namespace)
  try {
    await test(namespace)
  } finally {
    await kubectl('delete', 'namespace', namespace, '--wait=false')
  }
}

export function example(name: string): string {
  return readFileSync(join(root, 'examples', 'manifests', name), 'utf8')
}

/** Values of a jsonpath, one a word. */
export async function read(namespace: string, what: string, jsonpath: string): Promise<string> {
  return kubectl('get', '-n', namespace, ...what.split(' '), '-o', `jsonpath=${jsonpath}`)
}
