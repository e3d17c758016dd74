// From the lines of the input `manifests` to texts: files, directories, globs, kustomizations and
// pinned addresses, none of them outside the places a step may read.

import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Finding } from '../errors.ts'
import { fetchPinned } from './fetch-pinned.ts'
import { invalid, sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import { buildKustomization } from './kustomize.ts'
import { judgeKustomization, KUSTOMIZATIONS } from './kustomize-tree.ts'
import type { SourceText } from './parse.ts'

const MAX_FILE_BYTES = 4 * 1024 * 1024

export interface Sources {
  readonly texts: readonly SourceText[]
  readonly findings: readonly Finding[]
}

/** What one source came to; a text found by two sources counts once. */
export type Outcome = { readonly key: string; readonly text: SourceText } | Finding

/**
 * Reads all sources; faults are findings (INPUT_INVALID for the source, MANIFEST_INVALID for a
 * file), all at once.
 */
export async function readSources(
  sources: readonly string[],
  io: ManifestIo,
  signal: AbortSignal,
): Promise<Sources> {
  const roots = await rootsOf(io)
  const outcomes = (
    await Promise.all(sources.map((source) => readSource(source, roots, io, signal)))
  ).flat()
  const texts = new Map<string, SourceText>()
  const findings: Finding[] = []
  for (const outcome of outcomes) {
    if (!('text' in outcome)) findings.push(outcome)
    else if (!texts.has(outcome.key)) texts.set(outcome.key, outcome.text)
  }
  return { texts: [...texts.values()], findings }
}

/** Where files may lie: as the step names them, and where they really are. */
interface Root {
  readonly named: string
  readonly real: string
}

async function rootsOf(io: ManifestIo): Promise<readonly Root[]> {
  const named = io.temp === undefined ? [io.workspace] : [io.workspace, io.temp]
  // A RUNNER_TEMP that isn't there yet holds no manifest either.
  return Promise.all(
    named.map(async (path) => ({
      named: resolve(path),
      real: await io.realpath(path).catch(() => resolve(path)),
    })),
  )
}

async function readSource(
  source: string,
  roots: readonly Root[],
  io: ManifestIo,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (/^[a-z][a-z0-9+.-]*:\/\/|^https?:/i.test(source))
    return [await fetchPinned(source, io, signal)]
  const path = resolve(io.workspace, source)
  const root = roots.find(
    (candidate) => inside(candidate.named, path) || inside(candidate.real, path),
  )
  if (root === undefined) return [outside(source)]
  const found = await io.stat(path)
  if (found === undefined)
    return /[*?[{]/.test(source) ? readGlob(source, path, root, roots, io) : [notThere(source)]
  switch (found.kind) {
    case 'directory':
      return readDirectory(source, path, roots, io, signal)
    case 'file':
      return [
        KUSTOMIZATIONS.includes(basename(path))
          ? sourceFault(source, 'is a kustomization', 'name its directory instead')
          : await readFile(source, path, roots, io),
      ]
    case 'other':
      return [
        sourceFault(source, 'is neither a file nor a directory', 'name a file or a directory'),
      ]
  }
}

async function readGlob(
  source: string,
  path: string,
  root: Root,
  roots: readonly Root[],
  io: ManifestIo,
): Promise<readonly Outcome[]> {
  const base = inside(root.named, path) ? root.named : root.real
  const matches = (await io.glob(relative(base, path), base)).filter(isManifestFile)
  if (matches.length === 0)
    return [
      sourceFault(
        source,
        'matches no .yaml, .yml or .json file',
        'check the pattern: it is relative to the workspace',
      ),
    ]
  return Promise.all([...matches].sort().map((match) => readFile(source, match, roots, io)))
}

async function readDirectory(
  source: string,
  path: string,
  roots: readonly Root[],
  io: ManifestIo,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (!(await isConfined(path, roots, io))) return [outside(source)]
  const names = await io.readDirectory(path)
  if (names.some((name) => KUSTOMIZATIONS.includes(name))) {
    return [
      (await judgeKustomization(source, path, io, (way) => isConfined(way, roots, io), signal)) ??
        (await buildKustomization(source, path, io, signal)),
    ]
  }
  const files = names.filter(isManifestFile).sort()
  if (files.length === 0)
    return [
      sourceFault(
        source,
        'holds no .yaml, .yml or .json file',
        'name the directory that holds the manifests (sub-directories are not read), or a pattern such as k8s/**/*.yaml',
      ),
    ]
  return Promise.all(files.map((name) => readFile(source, join(path, name), roots, io)))
}

async function readFile(
  source: string,
  path: string,
  roots: readonly Root[],
  io: ManifestIo,
): Promise<Outcome> {
  const file = nameOf(path, io)
  const opened = await io.open(path, MAX_FILE_BYTES)
  // A link out is told as that, whatever it leads to.
  if (opened !== undefined && !liesIn(roots, opened.real)) return outside(source)
  if (opened?.kind !== 'file')
    return sourceFault(source, `${file} is not a readable file`, 'name a file')
  if (opened.size > MAX_FILE_BYTES)
    return sourceFault(source, `${file} is larger than 4 MiB`, 'name the manifests only')
  try {
    return {
      key: opened.real,
      text: {
        file,
        text: new TextDecoder('utf-8', { fatal: true }).decode(opened.bytes),
        lines: true,
      },
    }
  } catch {
    return invalid({ file }, `${file} is not UTF-8 text`, 'save it as UTF-8')
  }
}

/** Follows links: one inside the workspace may point anywhere on the runner. */
async function isConfined(path: string, roots: readonly Root[], io: ManifestIo): Promise<boolean> {
  return liesIn(roots, await io.realpath(path))
}

function liesIn(roots: readonly Root[], real: string): boolean {
  return roots.some((root) => inside(root.real, real))
}

function inside(root: string, path: string): boolean {
  const way = relative(root, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** Relative to the workspace where it lies in it. */
function nameOf(path: string, io: ManifestIo): string {
  const workspace = resolve(io.workspace)
  return inside(workspace, path) ? relative(workspace, path) : path
}

function isManifestFile(path: string): boolean {
  return /\.(ya?ml|json)$/.test(path) && !KUSTOMIZATIONS.includes(basename(path))
}

function notThere(source: string): Finding {
  if (source.includes(','))
    return sourceFault(source, 'is not there', 'give one path a line: commas do not part them')
  if (source.includes('\\'))
    return sourceFault(source, 'is not there', 'write paths with /, not with \\')
  return sourceFault(
    source,
    'is not there',
    'check the path: it is relative to the workspace (has the repository been checked out?)',
  )
}

function outside(source: string): Finding {
  return sourceFault(
    source,
    'lies outside the workspace and RUNNER_TEMP',
    'copy it into the workspace first',
  )
}
