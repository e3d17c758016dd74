// The words of the glossary in CONTRIBUTING.md, and every place where a text that users read has
// one that is not used. The table there is the only list.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declarations, textsOf } from './source.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const HEADING = '## The words'
/** What users read beside the texts of the sources. */
const READ = [
  'action.yml',
  'README.md',
  'CHANGELOG.md',
  'docs/**/*.{md,json}',
  '.github/**/*.{md,yml,yaml}',
  'examples/**/*.{yml,yaml}',
]

export interface Word {
  readonly word: string
  readonly meaning: string
  /** Words that are not used for it. */
  readonly not: readonly Forbidden[]
}

export interface Forbidden {
  /** As the table has it. */
  readonly phrase: string
  readonly pattern: RegExp
}

/** A forbidden word in a text that users read. */
export interface Found {
  /** `src/report/now.ts:12`. */
  readonly at: string
  readonly phrase: string
  readonly text: string
}

/** The rows of the table, in its order. */
export function glossary(
  text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8'),
): readonly Word[] {
  const from = text.indexOf(`\n${HEADING}\n`)
  if (from === -1) throw new Error(`CONTRIBUTING.md has no heading "${HEADING}"`)
  const end = text.indexOf('\n## ', from + HEADING.length)
  return text
    .slice(from, end === -1 ? undefined : end)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => {
      const [word = '', meaning = '', not = ''] = line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim())
      return { word, meaning, not: forbiddenIn(not) }
    })
}

/** `go/goes on` and `take … back` are patterns; `hand over` except `leadership` has an exception. */
function forbiddenIn(cell: string): readonly Forbidden[] {
  return [...cell.matchAll(/`([^`]+)`(?: except `([^`]+)`)?/g)].map(
    ([, phrase = '', except = '']) => {
      const parts = phrase
        .split(' ')
        .map((part) =>
          part === '…' ? String.raw`(?:[\w-]+\s+){0,3}?` : `(?:${part.replaceAll('/', '|')})`,
        )
      const words = parts.reduce((all, part, index) =>
        parts[index - 1]?.endsWith('?') === true ? `${all}${part}` : String.raw`${all}\s+${part}`,
      )
      const unless = except === '' ? '' : String.raw`(?!(?:\s+\w+)?\s+${except})`
      return { phrase, pattern: new RegExp(String.raw`\b${words}\b${unless}`, 'gi') }
    },
  )
}

/** Forbidden words of a text, by the table. */
export function forbiddenOf(text: string, words = glossary()): readonly string[] {
  return words.flatMap(({ not }) =>
    not.filter(({ pattern }) => text.search(pattern) !== -1).map(({ phrase }) => phrase),
  )
}

/** Every forbidden word in a text that users read. */
export function forbiddenWords(): readonly Found[] {
  const words = glossary()
  const texts = declarations
    .flatMap((declaration) => textsOf(declaration))
    .map(({ declaration, line, parts }) => ({
      at: `src/${declaration.file}:${line}`,
      // A hole stands for one word.
      text: parts.join(' X ').replaceAll(/\s+/g, ' '),
    }))
  // A file's name in the docs is no word of theirs.
  const lines = globSync(READ, { cwd: ROOT }).flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .map((text, index) => ({
        at: `${file}:${index + 1}`,
        text: text.replaceAll(/[\w/-]+\.ts\b/g, ''),
      })),
  )
  return [...texts, ...lines].flatMap(({ at, text }) =>
    forbiddenOf(text, words).map((phrase) => ({ at, phrase, text: text.trim().slice(0, 200) })),
  )
}

/** A forbidden word in a comment of src, which may stand across lines, or in a title of a test. */
export function forbiddenAside(): readonly Found[] {
  const words = glossary()
  return globSync(['src/**/*.ts', '__tests__/**/*.ts'], { cwd: ROOT }).flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    const asides = file.startsWith('src/') ? commentsOf(text) : titlesOf(text)
    return asides.flatMap((aside) =>
      forbiddenOf(aside, words).map((phrase) => ({ at: file, phrase, text: aside.slice(0, 200) })),
    )
  })
}

/** Comments that stand on lines of their own; names of code in them are no words. */
export function commentsOf(text: string): readonly string[] {
  return [...text.matchAll(/^[ ]*(?:\/\/.*(?:\n[ ]*\/\/.*)*|\/\*\*[\s\S]*?\*\/)/gm)].map(
    ([comment]) =>
      comment
        .replaceAll(/^[ ]*(?:\/\/|\/?\*+\/?)/gm, ' ')
        .replaceAll(/`[^`]*`|[\w/-]+\.ts\b/g, 'X')
        .replaceAll(/\s+/g, ' '),
  )
}

/** What `test`, `describe` and the like are called with first. */
export function titlesOf(text: string): readonly string[] {
  return [
    ...text.matchAll(
      /^[ ]*(?:\w+(?:\.\w+)?|\].*)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"),\s*(?:async )?\(/gm,
    ),
  ].map(([, single, double]) => single ?? double ?? '')
}
