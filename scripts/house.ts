// Prints how the sources keep to the rules of the house: what is over a limit, and where. Fails
// where a limit is passed: `npm run check` runs it.

import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import {
  declarations,
  nameOf,
  nodesAt,
  walk,
  type Declaration,
} from '../__tests__/support/source.ts'
import { forbiddenWords } from '../__tests__/support/words.ts'
import { ROOT } from './run.ts'

interface Figure {
  readonly what: string
  readonly target: string
  /** Each place, or for a mere count nothing. */
  readonly places: readonly string[]
  readonly count?: number
}

const SRC = join(ROOT, 'src')
const files = globSync('**/*.ts', { cwd: SRC }).toSorted()
const textOf = (file: string): string => readFileSync(join(SRC, file), 'utf8')

/** Lint of the limits alone, whatever exceptions its configuration has. */
function overLimits(): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'house-'))
  try {
    const config = join(directory, 'limits.json')
    const rules = z
      .object({ rules: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'))).rules
    const limits = ['complexity', 'max-lines-per-function', 'max-params']
    writeFileSync(
      config,
      JSON.stringify({
        categories: { correctness: 'off' },
        rules: Object.fromEntries(limits.map((rule) => [rule, rules[rule]])),
      }),
    )
    return linted(config)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const lint = z.object({
  diagnostics: z.array(
    z.object({
      message: z.string(),
      filename: z.string(),
      labels: z.array(z.object({ span: z.object({ line: z.int().optional() }) })),
    }),
  ),
})

function linted(config: string): readonly string[] {
  const args = ['node_modules/.bin/oxlint', '-c', config, '--format=json', 'src']
  const out = tolerated(() =>
    execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 }),
  )
  return lint
    .parse(JSON.parse(out))
    .diagnostics.map(
      ({ filename, labels, message }) =>
        `${filename}:${labels[0]?.span.line ?? 1} ${message.split(' Maximum')[0] ?? ''}`,
    )
    .toSorted()
}

/** Lint ends with 1 where it finds something, and what it found is its output all the same. */
function tolerated(run: () => string): string {
  try {
    return run()
  } catch (error) {
    const ended = z.object({ stdout: z.string() }).safeParse(error)
    if (!ended.success || ended.data.stdout === '') throw error
    return ended.data.stdout
  }
}

/** Text and comments are cut by nobody, so a formatter leaves them. */
function longLines(): readonly string[] {
  return files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) =>
        line.length > 100 && !/['"`/]/.test(line) ? [`src/${file}:${index + 1}`] : [],
      ),
  )
}

/** What a run works with, by the names under which it is carried. */
const CARRIED = new Set(['run', 'kube', 'ensemble', 'clock', 'journal', 'report', 'record', 'lock'])

/** An interface that carries at least two of them, or an ensemble with more. */
function contextTypes(): readonly string[] {
  return declarations
    .filter(({ file }) => /^(operations|procedures|record)\//.test(file))
    .filter(carriesServices)
    .map(({ file, name }) => `src/${file} ${name}`)
    .toSorted()
}

function carriesServices({ node }: Declaration): boolean {
  if (node.type !== 'TSInterfaceDeclaration') return false
  const parents = nodesAt(node, 'extends').map((one) => nameOf(nodesAt(one, 'expression')[0]))
  const fields = [...walk(node)]
    .filter(({ type }) => type === 'TSPropertySignature')
    .map((one) => nameOf(nodesAt(one, 'key')[0]) ?? '')
  return (
    parents.some((name) => /Ensemble$|^Locked$/.test(name ?? '')) ||
    fields.filter((name) => CARRIED.has(name)).length >= 2
  )
}

function filesWith(pattern: RegExp): readonly string[] {
  return files.filter((file) => pattern.test(textOf(file))).map((file) => `src/${file}`)
}

const REPEATED = 6

/** Six lines that stand twice; imports, brackets and rows of a table say nothing. */
function repeatedLines(): readonly string[] {
  const first = new Map<string, string>()
  const found: string[] = []
  for (const file of files) {
    const lines = linesOf(file)
    for (let at = 0; at + REPEATED <= lines.length; at += 1) {
      const window = lines.slice(at, at + REPEATED)
      const key = window.map(({ text }) => text).join('\n')
      const place = `src/${file}:${window[0]?.number ?? 0}`
      const before = first.get(key)
      if (before === undefined) first.set(key, place)
      else {
        found.push(`${place} as ${before}`)
        at += REPEATED - 1
      }
    }
  }
  return found
}

function linesOf(file: string): readonly { readonly text: string; readonly number: number }[] {
  const body = textOf(file).replace(/^import [\s\S]*?from '[^']+'$/gm, (text) =>
    text.replaceAll(/[^\n]/g, ''),
  )
  return body
    .split('\n')
    .map((text, index) => ({ text: text.trim(), number: index + 1 }))
    .filter(({ text }) => /\w/.test(text) && !/^(\/\/|\/?\*)/.test(text))
}

function linesIn(folder: string): number {
  return files
    .filter((file) => file.startsWith(folder))
    .reduce((sum, file) => sum + textOf(file).split('\n').length - 1, 0)
}

const figures: readonly Figure[] = [
  {
    what: 'functions over a limit (60 lines, complexity 15, 5 parameters)',
    target: '0',
    places: overLimits(),
  },
  { what: 'lines of code over 100 columns', target: '0', places: longLines() },
  { what: 'types that carry what a run works with', target: '10', places: contextTypes() },
  {
    what: 'writers of the report',
    target: '1',
    places: filesWith(/\bnewReport\(\)?/).filter((file) => !file.endsWith('run-report.ts')),
  },
  {
    what: 'writers of the record',
    target: '1',
    places: filesWith(/\bwriteRecord\(/).filter((file) => !file.endsWith('record/record.ts')),
  },
  {
    what: 'forbidden words in texts',
    target: '0',
    places: forbiddenWords().map(({ at, phrase }) => `${at} ${phrase}`),
  },
  { what: 'six lines that stand twice', target: '0', places: repeatedLines() },
  { what: 'lines of procedures/', target: '', places: [], count: linesIn('procedures/') },
  { what: 'lines of operations/', target: '', places: [], count: linesIn('operations/') },
]

// Who reads only the first lines (`| head`) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const all = process.argv.includes('--all')
const held = figures.every(({ target, places }) => target === '' || places.length <= Number(target))
// Where it is one check among others it is silent while all is well.
const shown = held && process.argv.includes('--quiet') ? [] : figures
for (const { what, target, places, count } of shown) {
  const wanted = target === '' ? '' : ` (at most ${target})`
  process.stdout.write(`${String(count ?? places.length).padStart(6)}  ${what}${wanted}\n`)
  for (const place of all ? places : places.slice(0, 10)) process.stdout.write(`        ${place}\n`)
  if (!all && places.length > 10)
    process.stdout.write(`        and ${places.length - 10} more: npm run house -- --all\n`)
}
if (!held) process.exitCode = 1
