// A kustomization of the workspace may be a pull request's: what it would have kubectl fetch or
// read is looked at first, and what leads out of the places a step may read is refused.

import { dirname, join, resolve } from 'node:path'
import type { Finding } from '../errors.ts'
import { sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import { atOnce, unhurried } from '../unhurried.ts'
import {
  keyFaults,
  TooDeepYaml,
  TooMuchYaml,
  yamlDocuments,
  type YamlAllowance,
} from '../yaml-text.ts'

/** The names by which kustomize knows its directories. */
export const KUSTOMIZATIONS: readonly string[] = [
  'kustomization.yaml',
  'kustomization.yml',
  'Kustomization',
]

/** Bounds on what is read for the look; kustomizations that people write are far below. */
const LARGEST_FILE = 512 * 1024
const MOST_FILES = 2_000
/** Of all of them, in words and marks of YAML. */
const MOST_READ = 1_000_000

/**
 * Entries that may be directories or addresses of repositories, and files that name further files.
 */
const TREES = new Set(['resources', 'bases', 'components'])
const PLUGINS = new Set(['generators', 'transformers', 'validators'])
/** Entries that are files, or addresses that kustomize fetches. */
const FILES = new Set([
  'crds',
  'configurations',
  'patchesstrategicmerge',
  'files',
  'envs',
  'env',
  'path',
  'paths',
  'valuesfile',
  'additionalvaluesfiles',
  'basepath',
])
const ADDRESS =
  /^\s*(?:[a-z][a-z0-9+.-]*:|\/\/)|\.git(?:$|[/?#])|[?&](?:ref|version|timeout|submodules)=|^[\w.-]+@[\w.-]+:|^(?:www\.)?(?:github|gitlab|bitbucket)\.[a-z]+[/:]/i

interface Look {
  readonly io: ManifestIo
  readonly confined: (path: string) => Promise<boolean>
  /** As the input names it. */
  readonly source: string
  readonly seen: Set<string>
  readonly allowance: YamlAllowance
  readonly signal: AbortSignal
}

/** What is wrong with the kustomization in `directory`, undefined when kubectl may build it. */
export async function judgeKustomization(
  source: string,
  directory: string,
  io: ManifestIo,
  confined: (path: string) => Promise<boolean>,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  return judgeDirectory(directory, {
    io,
    confined,
    source,
    seen: new Set(),
    allowance: { left: MOST_READ },
    signal,
  })
}

async function judgeDirectory(directory: string, look: Look): Promise<Finding | undefined> {
  const names = await look.io.readDirectory(directory)
  // kustomize takes one of them only; with several it fails by itself.
  for (const name of KUSTOMIZATIONS.filter((one) => names.includes(one))) {
    const fault = await judgeFile(join(directory, name), 'kustomization', look)
    if (fault !== undefined) return fault
  }
  return undefined
}

async function judgeFile(
  path: string,
  kind: 'kustomization' | 'plugin',
  look: Look,
): Promise<Finding | undefined> {
  const { io, source, seen } = look
  const opened = await io.open(path, LARGEST_FILE)
  const real = opened?.real ?? path
  if (seen.has(real)) return undefined
  seen.add(real)
  if (seen.size > MOST_FILES)
    return sourceFault(source, `is a kustomization of more than ${MOST_FILES} files`, BUILD_IT)
  if (opened !== undefined && !(await look.confined(real))) return leadsOut(look, path, path)
  if (opened?.kind !== 'file' || opened.size > LARGEST_FILE)
    return sourceFault(
      source,
      `holds ${nameIn(look, path)}, which is no file of at most 512 KiB`,
      BUILD_IT,
    )
  const documents = await unhurried(
    readDocuments(new TextDecoder().decode(opened.bytes), look.allowance),
    look.signal,
  )
  if (documents === undefined)
    return sourceFault(source, `holds ${nameIn(look, path)}, which is not valid YAML`, 'correct it')
  for (const entry of documents.flatMap((document) => entriesOf(document, kind, look.allowance))) {
    const fault = await judgeEntry(entry, path, look)
    if (fault !== undefined) return fault
  }
  return undefined
}

interface Entry {
  readonly kind: 'tree' | 'plugin' | 'file' | 'helm'
  readonly value: string
}

async function judgeEntry(
  { kind, value }: Entry,
  from: string,
  look: Look,
): Promise<Finding | undefined> {
  const { io, source } = look
  const where = nameIn(look, from)
  if (kind === 'helm')
    return sourceFault(
      source,
      `has ${where} render Helm charts, which kubectl kustomize does not`,
      BUILD_IT,
    )
  if (ADDRESS.test(value))
    return sourceFault(
      source,
      `has ${where} fetch ${shown(value)}, whose content is not pinned`,
      `keep a copy in the repository, name it in manifests as https://…#sha256=<hex>, or ${BUILD_IT}`,
    )
  const path = resolve(dirname(from), value)
  const found = await io.stat(path)
  if (found === undefined) {
    // What is not there kustomize would look for as a repository; a field of another meaning may
    // have such a name, too.
    return kind === 'tree'
      ? sourceFault(
          source,
          `has ${where} name ${shown(value)}, which is neither a file nor a directory here`,
          'correct the path; addresses of repositories are not followed',
        )
      : undefined
  }
  if (!(await look.confined(path))) return leadsOut(look, from, value)
  if (found.kind === 'directory') return kind === 'file' ? undefined : judgeDirectory(path, look)
  return kind === 'plugin' ? judgeFile(path, 'plugin', look) : undefined
}

/** Every path that a document names. Names of fields count as Go's JSON reads them: in any case. */
function entriesOf(
  document: unknown,
  kind: 'kustomization' | 'plugin',
  allowance: YamlAllowance,
): readonly Entry[] {
  if (Array.isArray(document)) return document.flatMap((item) => entriesOf(item, kind, allowance))
  if (typeof document !== 'object' || document === null) return []
  return Object.entries(document).flatMap(([name, value]): readonly Entry[] => {
    const field = name.toUpperCase().toLowerCase()
    if (field.startsWith('helm') && kind === 'kustomization') return [{ kind: 'helm', value: name }]
    if (TREES.has(field) && kind === 'kustomization')
      return strings(value).map((text) => ({ kind: 'tree', value: text }))
    if (PLUGINS.has(field) && kind === 'kustomization')
      return strings(value).flatMap(
        (text) =>
          inline(text, allowance, (inner) => entriesOf(inner, 'plugin', allowance)) ?? [
            { kind: 'plugin', value: text },
          ],
      )
    if (FILES.has(field)) {
      const own = strings(value).flatMap(
        (text) =>
          inline(text, allowance, () => []) ??
          sides(text).map((side): Entry => ({ kind: 'file', value: side })),
      )
      return [...own, ...entriesOf(value, kind, allowance)]
    }
    return entriesOf(value, kind, allowance)
  })
}

/** A text of several lines is a document in place of a path. */
function inline(
  text: string,
  allowance: YamlAllowance,
  read: (document: unknown) => readonly Entry[],
): readonly Entry[] | undefined {
  return /\n/.test(text.trim())
    ? (atOnce(readDocuments(text, allowance)) ?? []).flatMap(read)
    : undefined
}

/** `key=path` of a generator. */
function sides(text: string): readonly string[] {
  const at = text.indexOf('=')
  return at < 0 || ADDRESS.test(text) ? [text] : [text, text.slice(at + 1)]
}

function strings(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  return Array.isArray(value)
    ? value.flatMap((item: unknown) => (typeof item === 'string' ? strings(item) : []))
    : []
}

/** Undefined for what is no YAML that kustomize reads: it takes no key twice. */
function* readDocuments(
  text: string,
  allowance: YamlAllowance,
): Generator<undefined, readonly unknown[] | undefined> {
  const values: unknown[] = []
  try {
    for (const document of yamlDocuments(
      text,
      { version: '1.1', merge: true, logLevel: 'silent' },
      allowance,
    )) {
      yield undefined
      if (document === undefined) continue
      if (document.errors.length > 0 || keyFaults(document).some(({ what }) => what === 'repeated'))
        return undefined
      values.push(document.toJS({ maxAliasCount: 100 }))
    }
    return values
  } catch (error) {
    if (
      error instanceof TooDeepYaml ||
      error instanceof TooMuchYaml ||
      error instanceof ReferenceError
    )
      return undefined
    throw error
  }
}

const BUILD_IT =
  'build it in a step before this one (kubectl kustomize DIRECTORY > "$RUNNER_TEMP/built.yaml") and name that file'

function leadsOut(look: Look, from: string, value: string): Finding {
  return sourceFault(
    look.source,
    `has ${nameIn(look, from)} lead to ${shown(value)}, outside the workspace and RUNNER_TEMP`,
    `copy it into the workspace first, or ${BUILD_IT}`,
  )
}

function nameIn({ io }: Look, path: string): string {
  const workspace = `${resolve(io.workspace)}/`
  return path.startsWith(workspace) ? path.slice(workspace.length) : path
}

/** User, password and query may hold a token. */
function shown(value: string): string {
  return value
    .replace(/\/\/[^/@]*@/, '//')
    .replace(/[?#].*$/s, '')
    .slice(0, 200)
}
