// The arrows of the house: decisions import no effects, the client library stays in one folder, and
// only the entry knows the runner.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from '@jest/globals'

const src = join(import.meta.dirname, '..', '..', 'src')

interface Import {
  readonly from: string
  /** Path under src, or the name of a package. */
  readonly to: string
  readonly typeOnly: boolean
}

const files = globSync('**/*.ts', { cwd: src }).sort()
const imports = files.flatMap((file) => importsOf(file))

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8')
  const found = [
    ...text.matchAll(/^\s*(import|export)\s+(type\s+)?(?:[^'"()]*?\sfrom\s+)?'([^']+)'/gm),
  ].map((match) => ({ target: match[3] ?? '', typeOnly: match[2] !== undefined }))
  const dynamic = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map((match) => ({
    target: match[1] ?? '',
    typeOnly: false,
  }))
  return [...found, ...dynamic].map(({ target, typeOnly }) => ({
    from: file,
    to: target.startsWith('.') ? normalize(join(dirname(file), target)) : target,
    typeOnly,
  }))
}

function said(list: readonly Import[]): string[] {
  return list.map(({ from, to }) => `${from} imports ${to}`)
}

function inside(path: string, ...folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`))
}

/** The order of the house, top to bottom: the parts that each row of the page names. */
const ORDER: readonly (readonly string[])[] =
  readFileSync(join(src, '..', 'docs', 'architecture.md'), 'utf8')
    .split('| where in ')[1]
    ?.split('\n\n')[0]
    ?.split('\n')
    .slice(2)
    .map((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
    ) ?? []

/** The row of what everything stands on. */
const BASE = ORDER.length - 1

/** A file is in the longest part that names it; a folder's part holds what lies below it too. */
function isIn(file: string, part: string): boolean {
  if (part === '*.ts') return !file.includes('/')
  return part.endsWith('/') ? file.startsWith(part) : file === part
}

function rowOf(file: string): number {
  const found = ORDER.flatMap((parts, row) =>
    parts
      .filter((part) => isIn(file, part))
      .map((part) => ({ row, length: part === '*.ts' ? 0 : part.length })),
  ).toSorted((a, b) => b.length - a.length)[0]
  return found?.row ?? BASE
}

/** Between our own files. */
const ours = imports.filter(({ to }) => files.includes(to))

/** Modules of node that only compute. */
const COMPUTING = ['node:crypto', 'node:buffer', 'node:path', 'node:util', 'node:assert']
const EFFECTS = ['kube', 'github', 'procedures', 'operations', 'record']

/** A failure of the API is a value, as every error is, and a Role's rules are text. */
const VALUES: ReadonlySet<string> = new Set(['kube/failure.ts', 'kube/rules.ts'])

function isEffect({ to, typeOnly }: Import): boolean {
  if (typeOnly || VALUES.has(to)) return false
  if (to.startsWith('node:')) return !COMPUTING.includes(to)
  return inside(to, ...EFFECTS) || to.startsWith('@actions/') || to.startsWith('@kubernetes/')
}

describe('arrows', () => {
  test('there is something to look at', () => {
    expect(imports.filter(({ to }) => to === 'errors.ts').length).toBeGreaterThan(5)
  })

  test('the view imports nothing but itself', () => {
    expect(
      said(imports.filter((one) => inside(one.from, 'view') && !inside(one.to, 'view'))),
    ).toEqual([])
  })

  test('decisions and reports can be tested by tables: they import no effects', () => {
    expect(
      said(imports.filter((one) => inside(one.from, 'decide', 'report') && isEffect(one))),
    ).toEqual([])
  })

  test('lint and inputs judge text alone: they import no effects', () => {
    expect(
      said(imports.filter((one) => inside(one.from, 'inputs', 'manifests') && isEffect(one))),
    ).toEqual([])
  })

  test("the ensembles' codecs import no effects: the ways to a member are passed in", () => {
    expect(said(imports.filter((one) => inside(one.from, 'ensemble') && isEffect(one)))).toEqual([])
  })

  test('only the entry knows the runner', () => {
    expect(
      said(
        imports.filter(
          (one) =>
            inside(one.to, 'github') && !inside(one.from, 'github') && one.from !== 'index.ts',
        ),
      ),
    ).toEqual([])
  })

  test('only one folder knows the client library', () => {
    expect(
      said(imports.filter((one) => one.to.startsWith('@kubernetes/') && !inside(one.from, 'kube'))),
    ).toEqual([])
  })

  test("the toolkit's core stays with the runner's side, and its exec there where programs are run", () => {
    expect(
      said(imports.filter((one) => one.to.startsWith('@actions/') && !inside(one.from, 'github'))),
    ).toEqual([])
  })

  test('every folder has a row in the order of the house', () => {
    expect(ORDER.length).toBeGreaterThan(20)
    expect(files.filter((file) => file.includes('/') && rowOf(file) === BASE)).toEqual([])
    expect(
      ORDER.filter((row) => row.every((part) => !files.some((file) => isIn(file, part)))),
    ).toEqual([])
  })

  test('nothing that is lower in the house knows what is higher, not even its types', () => {
    expect(said(ours.filter((one) => rowOf(one.to) < rowOf(one.from)))).toEqual([])
  })

  test('what shares a row does not import each other', () => {
    const partOf = (file: string): string | undefined =>
      ORDER[rowOf(file)]?.find((part) => isIn(file, part))
    expect(
      said(
        ours.filter(
          (one) => rowOf(one.to) === rowOf(one.from) && partOf(one.to) !== partOf(one.from),
        ),
      ),
    ).toEqual([])
  })
})
