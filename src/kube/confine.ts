// A kubeconfig that lies in the workspace may be a pull request's: it runs no program, reads
// nothing outside of the workspace, and names no server for credentials that it doesn't hold.

import { failure, type EnsembleError } from '../errors.ts'
import { readOpened } from '../opened-file.ts'
import { codeOf } from './node-error.ts'
import { present, type ClusterEntry, type Source, type UserEntry } from './kubeconfig.ts'
import { liesInWorkspace, type SourceOptions } from './sources.ts'

/** Nothing that a kubeconfig names is larger; bytes. */
const LARGEST = 1024 * 1024

interface Written {
  readonly cluster: ClusterEntry
  readonly user: UserEntry
}

/**
 * Cluster and user with the files of the workspace read into them, so that none of them can be
 * another one later; as they are when they lie elsewhere.
 */
export function confined(
  { cluster, user }: Written,
  sources: { readonly cluster: Source; readonly user: Source | undefined },
  options: SourceOptions,
): Written {
  const theirs = sources.user
  if (sources.cluster.inWorkspace && theirs?.inWorkspace === false && hasCredentials(user)) {
    throw refused(
      sources.cluster,
      `names the server to which the credentials of ${theirs.from} would be sent`,
      'could have them sent to a server of its own',
    )
  }
  return {
    cluster: sources.cluster.inWorkspace
      ? confinedCluster(cluster, sources.cluster, options)
      : cluster,
    user: theirs?.inWorkspace === true ? confinedUser(user, theirs, options) : user,
  }
}

function confinedCluster(
  cluster: ClusterEntry,
  source: Source,
  options: SourceOptions,
): ClusterEntry {
  const { 'certificate-authority': file, ...rest } = cluster
  return present(file)
    ? {
        ...rest,
        'certificate-authority-data': base64(
          readConfined(file, 'certificate-authority', source, options),
        ),
      }
    : cluster
}

function confinedUser(user: UserEntry, source: Source, options: SourceOptions): UserEntry {
  const provider = user['auth-provider']
  const command = user.exec?.command ?? provider?.config?.['cmd-path']
  if (command !== undefined)
    throw refused(
      source,
      `names a program to run for credentials ("${command}")`,
      "could run anything with this job's rights",
    )
  if (provider !== undefined && provider !== null)
    throw refused(
      source,
      `names an auth-provider ("${provider.name}")`,
      'could have files of this runner read and sent',
    )
  const { tokenFile, 'client-certificate': certificate, 'client-key': key, ...rest } = user
  const read = (file: string, field: string): Buffer => readConfined(file, field, source, options)
  return {
    ...rest,
    ...(present(tokenFile) ? { token: read(tokenFile, 'tokenFile').toString('utf8') } : {}),
    ...(present(certificate)
      ? { 'client-certificate-data': base64(read(certificate, 'client-certificate')) }
      : {}),
    ...(present(key) ? { 'client-key-data': base64(read(key, 'client-key')) } : {}),
  }
}

/** Judged by what was opened, so that a link that changes between look and read changes nothing. */
function readConfined(file: string, field: string, source: Source, options: SourceOptions): Buffer {
  try {
    const { kind, real, size, bytes } = readOpened(file, LARGEST)
    if (!liesInWorkspace(real, options))
      throw refused(
        source,
        `has a ${field} outside of the workspace (${file})`,
        'could have files of this runner read and sent',
      )
    if (kind !== 'file' || size > LARGEST)
      throw failure(
        'refused',
        'INPUT_INVALID',
        `${source.from}: ${field} ${file} is no file of at most 1 MiB`,
        { input: 'kubeconfig' },
      )
    return bytes
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      throw failure(
        'refused',
        'INPUT_INVALID',
        `${source.from}: ${field} ${file} is not there`,
        {
          input: 'kubeconfig',
          fix: 'Correct the path; it is read against the directory of the kubeconfig.',
        },
        error,
      )
    throw error
  }
}

function hasCredentials(user: UserEntry): boolean {
  return [
    user.token,
    user.tokenFile,
    user.password,
    user['client-key'],
    user['client-key-data'],
    user.exec?.command,
    user['auth-provider']?.name,
  ].some(present)
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}

function refused(source: Source, does: string, could: string): EnsembleError {
  return failure(
    'refused',
    'INPUT_INVALID',
    `${source.from} lies in the workspace and ${does}: whoever can change the checkout ${could}`,
    {
      input: 'kubeconfig',
      fix: 'Write the kubeconfig outside the workspace (for example to $RUNNER_TEMP), or give its content from a secret as the input kubeconfig.',
    },
  )
}
