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

/** Modules of node that only compute. */
const COMPUTING = ['node:crypto', 'node:buffer', 'node:path', 'node:util', 'node:assert']
const EFFECTS = ['kube', 'github', 'procedures', 'operations', 'record']

function isEffect({ to, typeOnly }: Import): boolean {
  // A failure of the API is a value, as every error is.
  if (typeOnly || to === 'kube/failure.ts') return false
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

  test('nothing that is lower in the house knows what is higher', () => {
    const order = [
      'errors.ts',
      'view',
      'decide',
      'record',
      'procedures',
      'operations',
      'main.ts',
      'index.ts',
    ]
    const level = (path: string): number =>
      order.findIndex((part) => path === part || path.startsWith(`${part}/`))
    const up = imports.filter(
      (one) => !one.typeOnly && level(one.from) >= 0 && level(one.to) > level(one.from),
    )
    expect(said(up.filter(({ from }) => from !== 'index.ts'))).toEqual([])
  })
})
