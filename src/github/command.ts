// The runner's protocol: workflow commands on the output stream and entries of command files.
// Written out here, byte for byte as @actions/core writes it (a test compares them), because that
// package brings an HTTP client: it is loaded only with a connection, some 0.15 s of CPU that a
// refused run saves.

import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { plainLines } from '../report/escape.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface CommandProperties {
  readonly title?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly col?: number | undefined
}

/** `::warning file=a.yaml,line=3::text`, without a line's end. */
export function command(name: string, properties: CommandProperties, message: string): string {
  const given = Object.entries({
    title: properties.title,
    file: properties.file,
    line: properties.line,
    col: properties.col,
  }).flatMap(([key, value]) =>
    value === undefined || value === '' || value === 0
      ? []
      : [`${key}=${escapeProperty(String(value))}`],
  )
  return `::${name}${given.length === 0 ? '' : ` ${given.join(',')}`}::${escapeData(message)}`
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

// What a comparison by culture, such as the runner's, passes over: everything that is no letter,
// number, punctuation or symbol.
const COMMAND = /^([^\p{L}\p{N}\p{P}\p{S}]*):(?=[^\p{L}\p{N}\p{P}\p{S}]*:)/u
const OLD_COMMAND = /#(?=[^\p{L}\p{N}\p{P}\p{S}]*#[^\p{L}\p{N}\p{P}\p{S}]*\[)/gu

/**
 * The text as lines that the runner takes for text: it obeys a line that begins with `::` after
 * white space, and `##[` anywhere in a line
 * (runner 2.336, ActionCommand.TryParseV2 and TryParse). A blank in between ends that.
 */
export function harmlessLines(text: string): string[] {
  return plainLines(text).map((line) => line.replace(COMMAND, '$1: ').replace(OLD_COMMAND, '# '))
}

export type FileCommand = 'OUTPUT' | 'STATE'

/**
 * Appends `name` to the runner's file of that kind; false when the runner gave none, as outside of
 * Actions.
 */
export function appendToFile(
  env: Env,
  kind: FileCommand,
  values: Readonly<Record<string, string>>,
): boolean {
  const path = env[`GITHUB_${kind}`]
  if (path === undefined || path === '') return false
  appendFileSync(
    path,
    Object.entries(values)
      .map(([name, value]) => entry(name, value))
      .join(''),
    'utf8',
  )
  return true
}

/** A heredoc entry whose delimiter nobody can foresee, so that no value can end it early. */
function entry(name: string, value: string): string {
  const delimiter = `ghadelimiter_${randomUUID()}`
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`
}
