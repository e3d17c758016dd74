// The shape of a kubeconfig file, and how several are read as one: the rules are kubectl's (the
// first file that names something wins).

import { dirname, isAbsolute, join } from 'node:path'
import { LineCounter } from 'yaml'
import { z } from 'zod'
import { keyFaults, TooDeepYaml, TooMuchYaml, yamlDocuments } from '../yaml-text.ts'

const text = z.string().nullish()

const clusterSchema = z.object({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().nullish(),
  'tls-server-name': text,
  'proxy-url': text,
  extensions: z.array(z.object({ name: z.string(), extension: z.unknown().optional() })).nullish(),
})

const execSchema = z.object({
  apiVersion: text,
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  interactiveMode: text,
  provideClusterInfo: z.boolean().nullish(),
})

const userSchema = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': z.array(z.string()).nullish(),
  'as-user-extra': z.record(z.string(), z.array(z.string())).nullish(),
  'auth-provider': z
    .object({ name: z.string(), config: z.record(z.string(), z.string()).nullish() })
    .nullish(),
  exec: execSchema.nullish(),
})

const contextSchema = z.object({ cluster: z.string(), user: text, namespace: text })

const documentSchema = z.object({
  'current-context': text,
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: contextSchema.nullish() })).nullish(),
})

type KubeconfigDocument = z.infer<typeof documentSchema>
export type ClusterEntry = z.infer<typeof clusterSchema>
export type UserEntry = z.infer<typeof userSchema>
export type ExecEntry = z.infer<typeof execSchema>

/** A kubeconfig's text and where it came from. */
export interface Source {
  /** In words, for messages: a path, or `the input kubeconfig`. */
  readonly from: string
  readonly text: string
  /** The file, against whose directory relative paths are read; undefined for content. */
  readonly file: string | undefined
  /** The file really lies in the workspace, which a pull request may have written. */
  readonly inWorkspace: boolean
}

export interface Kubeconfig {
  readonly currentContext: string | undefined
  readonly clusters: ReadonlyMap<string, { readonly entry: ClusterEntry; readonly source: Source }>
  readonly users: ReadonlyMap<string, { readonly entry: UserEntry; readonly source: Source }>
  readonly contexts: ReadonlyMap<string, ContextEntry>
}

export interface ContextEntry {
  readonly cluster: string
  readonly user: string | undefined
  readonly namespace: string | undefined
}

/** Words and marks of YAML: some 15,000 lines. */
const MOST_READ = 120_000

/** Thrown for a file that is no kubeconfig; the message names place and field, never a value. */
export class KubeconfigInvalid extends Error {}

export function readKubeconfigs(sources: readonly Source[]): Kubeconfig {
  const merged: Merged = {
    currentContext: undefined,
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
  }
  for (const source of sources) mergeInto(merged, parseDocument(source), source)
  return merged
}

interface Merged {
  currentContext: string | undefined
  readonly clusters: Map<string, { entry: ClusterEntry; source: Source }>
  readonly users: Map<string, { entry: UserEntry; source: Source }>
  readonly contexts: Map<string, ContextEntry>
}

/** Takes from a file what no file before it has named. */
function mergeInto(merged: Merged, document: KubeconfigDocument, source: Source): void {
  if (present(document['current-context'])) merged.currentContext ??= document['current-context']
  for (const { name, cluster } of document.clusters ?? []) {
    if (merged.clusters.has(name)) continue
    const authority = absolute(cluster['certificate-authority'], source.file)
    merged.clusters.set(name, {
      entry: { ...cluster, 'certificate-authority': authority },
      source,
    })
  }
  for (const { name, user } of document.users ?? []) {
    if (merged.users.has(name)) continue
    merged.users.set(name, { entry: userEntry(user ?? {}, source.file), source })
  }
  for (const { name, context } of document.contexts ?? []) {
    if (context === null || context === undefined || merged.contexts.has(name)) continue
    merged.contexts.set(name, contextEntry(context))
  }
}

function contextEntry({ cluster, user, namespace }: z.infer<typeof contextSchema>): ContextEntry {
  return {
    cluster,
    user: present(user) ? user : undefined,
    namespace: present(namespace) ? namespace : undefined,
  }
}

/** Its paths are read against the file's directory. */
function userEntry(user: UserEntry, file: string | undefined): UserEntry {
  const { exec } = user
  return {
    ...user,
    'client-certificate': absolute(user['client-certificate'], file),
    'client-key': absolute(user['client-key'], file),
    tokenFile: absolute(user.tokenFile, file),
    exec:
      exec === null || exec === undefined
        ? undefined
        : { ...exec, command: commandPath(exec.command, file) },
  }
}

/** A command with a slash is read against the file, one without on the PATH. */
function commandPath(command: string, file: string | undefined): string {
  return /[/\\]/.test(command) ? (absolute(command, file) ?? command) : command
}

function parseDocument(source: Source): KubeconfigDocument {
  const raw = valueOf(source)
  if (typeof raw !== 'object' || raw === null)
    throw new KubeconfigInvalid(
      `${source.from} is not a kubeconfig: it holds no clusters, users and contexts`,
    )
  const parsed = documentSchema.safeParse(raw)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new KubeconfigInvalid(
    `${source.from} is not a valid kubeconfig: ${issue === undefined ? 'wrong shape' : `${issue.path.join('.')} ${issue.code === 'invalid_type' ? `must be ${issue.expected === 'array' ? 'a list' : `of type ${issue.expected}`}` : 'is not allowed'}`}`,
  )
}

/** Of the first document, as kubectl reads it. */
function valueOf({ from, text }: Source): unknown {
  const counter = new LineCounter()
  const invalid = (offset: number): KubeconfigInvalid =>
    new KubeconfigInvalid(`${from} is not valid YAML (line ${counter.linePos(offset).line})`)
  try {
    for (const document of yamlDocuments(
      text,
      { logLevel: 'error' },
      { left: MOST_READ },
      counter,
    )) {
      if (document === undefined) continue
      const [fault] = document.errors
      if (fault !== undefined) throw invalid(fault.pos[0])
      const repeated = keyFaults(document).find(({ what }) => what === 'repeated')
      if (repeated !== undefined) throw invalid(repeated.offset)
      return document.toJS({ maxAliasCount: 100 })
    }
    return undefined
  } catch (error) {
    if (error instanceof TooMuchYaml)
      throw new KubeconfigInvalid(`${from} holds more than any kubeconfig does`)
    if (error instanceof TooDeepYaml || error instanceof ReferenceError)
      throw new KubeconfigInvalid(`${from} is not valid YAML`)
    throw error
  }
}

function absolute(path: string | null | undefined, file: string | undefined): string | undefined {
  if (!present(path)) return undefined
  return file === undefined || isAbsolute(path) ? path : join(dirname(file), path)
}

export function present(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && value !== ''
}
