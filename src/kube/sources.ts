// Where the kubeconfig comes from: the input (a path or the content itself), else KUBECONFIG,
// ~/.kube/config, or the Pod that this runner is.

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, isAbsolute, join, relative, resolve } from 'node:path'
import { failure } from '../errors.ts'
import { readOpened } from '../opened-file.ts'
import { codeOf } from './node-error.ts'
import type { Source } from './kubeconfig.ts'

export interface SourceOptions {
  /** Input `kubeconfig`: a path, or content (plain or base64); empty counts as not given. */
  readonly kubeconfig?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** What lies here may have been written by a pull request; empty when there is none. */
  readonly workspace: string
  /**
   * RUNNER_TEMP: written by steps, never by a checkout, even where it lies inside the workspace.
   */
  readonly temp?: string | undefined
  /** Where a Pod finds its service account; for tests. */
  readonly serviceAccount?: string | undefined
}

export interface InCluster {
  readonly server: string
  readonly tokenFile: string
  readonly caFile: string
  readonly namespace: string | undefined
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Bytes. */
const LARGEST = 1024 * 1024

/**
 * Whether a cluster is named at all, however wrongly: by the input, KUBECONFIG, ~/.kube/config, or
 * by the Pod that this runner is.
 */
export function namesCluster(options: SourceOptions): boolean {
  if (
    (options.kubeconfig?.trim() ?? '') !== '' ||
    (options.env['KUBECONFIG'] ?? '').split(delimiter).some((path) => path !== '')
  )
    return true
  return standardFile(options) !== undefined || findInCluster(options) !== undefined
}

function standardFile({ env }: SourceOptions): string | undefined {
  const home = env['HOME'] ?? env['USERPROFILE']
  const standard = home === undefined || home === '' ? undefined : join(home, '.kube', 'config')
  return standard !== undefined && existsSync(standard) ? standard : undefined
}

/**
 * Throws INPUT_INVALID for a file that can't be read, CLUSTER_UNREACHABLE when there is no
 * kubeconfig at all.
 */
export function findSources(options: SourceOptions): readonly Source[] | InCluster {
  const given = options.kubeconfig?.trim() ?? ''
  if (given !== '') {
    const content = contentOf(given)
    return [
      content === undefined
        ? readSource(expand(given, options), options, 'kubeconfig')
        : { from: 'input kubeconfig', text: content, file: undefined, inWorkspace: false },
    ]
  }
  const listed = (options.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  if (listed.length > 0) {
    const there = listed.map((path) => expand(path, options)).filter((path) => existsSync(path))
    if (there.length === 0) {
      throw failure(
        'refused',
        'CLUSTER_UNREACHABLE',
        `KUBECONFIG names ${listed.join(', ')}, and there is no such file`,
        { fix: 'Write the kubeconfig in a step before this one, or give it as input kubeconfig.' },
      )
    }
    return there.map((path) => readSource(path, options, undefined))
  }
  const standard = standardFile(options)
  if (standard !== undefined) return [readSource(standard, options, undefined)]
  const inCluster = findInCluster(options)
  if (inCluster !== undefined) return inCluster
  throw failure(
    'refused',
    'CLUSTER_UNREACHABLE',
    'there is no kubeconfig: the input is empty, KUBECONFIG is not set, ~/.kube/config is not there, and this runner is not a Pod with a service account',
    {
      input: 'kubeconfig',
      fix: 'Give the input kubeconfig (a path, or the content from a secret), or log in to the cluster in a step before this one.',
    },
  )
}

/**
 * The document itself when `given` is one (YAML or JSON, plain or base64), undefined when it is a
 * path.
 */
function contentOf(given: string): string | undefined {
  if (/^[A-Za-z0-9+/=\s]+$/.test(given)) {
    const decoded = Buffer.from(given, 'base64').toString('utf8')
    if (/["']?(clusters|apiVersion)["']?\s*:/.test(decoded)) return decoded
  }
  return given.startsWith('{') || /\n/.test(given) || /^(apiVersion|kind|clusters)\s*:/.test(given)
    ? given
    : undefined
}

/**
 * Whether `file` really (links followed) lies in the workspace and not in the runner's own
 * directory for temporary files.
 */
export function liesInWorkspace(file: string, options: SourceOptions): boolean {
  if (options.workspace === '') return false
  const real = realpathSync(file)
  if (
    options.temp !== undefined &&
    options.temp !== '' &&
    existsSync(options.temp) &&
    isInside(real, realpathSync(options.temp))
  )
    return false
  return existsSync(options.workspace) && isInside(real, realpathSync(options.workspace))
}

function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path)
  return way !== '' && way !== '..' && !/^\.\.[/\\]/.test(way) && !isAbsolute(way)
}

function expand(path: string, options: SourceOptions): string {
  const home = options.env['HOME'] ?? ''
  const whole = path.startsWith('~/') && home !== '' ? join(home, path.slice(2)) : path
  return resolve(options.workspace === '' ? '.' : options.workspace, whole)
}

function readSource(path: string, options: SourceOptions, input: string | undefined): Source {
  try {
    const { kind, real, size, bytes } = readOpened(path, LARGEST)
    if (kind !== 'file')
      throw Object.assign(new Error(), { code: kind === 'directory' ? 'EISDIR' : 'EIO' })
    if (size > LARGEST) throw Object.assign(new Error(), { code: 'EFBIG' })
    return {
      from: `the kubeconfig ${path}`,
      text: bytes.toString('utf8'),
      file: path,
      inWorkspace: liesInWorkspace(real, options),
    }
  } catch (error) {
    const code = codeOf(error)
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a directory'
          : code === 'EFBIG'
            ? 'it is larger than 1 MiB, more than any kubeconfig'
            : code === 'ENAMETOOLONG'
              ? 'it is neither a path nor a kubeconfig'
              : `it can't be read (${code})`
    const shown = path.length > 200 ? `${path.slice(0, 40)}…` : path
    throw failure(
      'refused',
      'INPUT_INVALID',
      `kubeconfig ${shown}: ${why}`,
      {
        ...(input === undefined ? {} : { input }),
        fix: 'Give a path to a kubeconfig, or its content, plain or base64.',
      },
      error,
    )
  }
}

function findInCluster(options: SourceOptions): InCluster | undefined {
  const root = options.serviceAccount ?? SERVICE_ACCOUNT
  const host = options.env['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = options.env['KUBERNETES_SERVICE_PORT'] ?? ''
  const tokenFile = join(root, 'token')
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined
  const namespaceFile = join(root, 'namespace')
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tokenFile,
    caFile: join(root, 'ca.crt'),
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : undefined,
  }
}
