// Shows a job's log and summary in a terminal as GitHub shows them on a page: groups, annotations,
// headings, tables, folded parts.

import { readCommand } from './runner.ts'

export interface Style {
  readonly strong: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
}

const plain = (text: string): string => text
const sgr =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`

/** Colours only where a person looks: not in files, not with NO_COLOR. */
export function styleFor(tty: boolean): Style {
  return tty && process.env['NO_COLOR'] === undefined
    ? { strong: sgr(1), dim: sgr(2), red: sgr(31), yellow: sgr(33) }
    : { strong: plain, dim: plain, red: plain, yellow: plain }
}

/**
 * Turns the lines of a step into those that a person sees; undefined for a line that the runner
 * keeps to itself.
 */
export function logRenderer(style: Style): (line: string) => string | undefined {
  let inGroup = false
  return (line) => {
    const command = readCommand(line)
    if (command === undefined) return inGroup ? `  ${line}` : line
    const { name, properties, message } = command
    const place =
      properties['file'] === undefined
        ? ''
        : `${properties['file']}${properties['line'] === undefined ? '' : `:${properties['line']}`}: `
    switch (name) {
      case 'group':
        inGroup = true
        return style.strong(`▼ ${message}`)
      case 'endgroup':
        inGroup = false
        return undefined
      case 'error':
        return style.red(`✗ Error: ${place}${message}`)
      case 'warning':
        return style.yellow(`! Warning: ${place}${message}`)
      case 'notice':
        return `i ${place}${message}`
      case 'debug':
        return style.dim(`  debug: ${message}`)
      default:
        return undefined
    }
  }
}

/** Markdown of a job summary as text of at most `width` columns. */
export function summaryLines(markdown: string, style: Style, width: number): string[] {
  const shown: string[] = []
  let rows: string[][] = []
  let fenced = false
  const flush = (): void => {
    shown.push(...tableLines(rows, style, width))
    rows = []
  }
  for (const line of markdown.split('\n')) {
    if (/^(```|~~~)/.test(line)) {
      fenced = !fenced
      continue
    }
    if (!fenced && line.startsWith('|')) {
      if (!/^\|(\s*:?-+:?\s*\|)+$/.test(line)) rows.push(cellsOf(line))
      continue
    }
    if (rows.length > 0) flush()
    shown.push(...(fenced ? [`    ${line}`] : textLines(line, style, width)))
  }
  if (rows.length > 0) flush()
  return shown.filter((line, index) => line !== '' || shown[index - 1] !== '')
}

function textLines(line: string, style: Style, width: number): string[] {
  const heading = /^(#+) (.*)$/.exec(line)
  if (heading !== null) {
    const text = inlineText(heading[2] ?? '')
    return [
      '',
      style.strong(text),
      style.strong(
        (heading[1] ?? '').length <= 2
          ? '═'.repeat(Math.min(width, text.length))
          : '─'.repeat(Math.min(width, text.length)),
      ),
    ]
  }
  const folded = /<summary>(.*?)<\/summary>/.exec(line)
  if (folded !== null) return [`▸ ${inlineText(folded[1] ?? '')}`]
  const text = inlineText(line)
  return text === '' ? [''] : wrap(text, width)
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' }

/** A line without its markup: tags, emphasis, code, links and character references. */
function inlineText(text: string): string {
  return text
    .replaceAll('<br>', ' · ')
    .replace(/<[^>]+>/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*([^*]+)\*\*/g, '$1')
    .replace(/`+([^`]*)`+/g, '$1')
    .replace(/&(#(\d+)|lt|gt|quot|amp);/g, (_all, name: string, code: string | undefined) =>
      code === undefined ? (NAMED[name] ?? '') : String.fromCodePoint(Number(code)),
    )
    .trim()
}

function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map(inlineText)
}

function tableLines(rows: readonly (readonly string[])[], style: Style, width: number): string[] {
  const columns = Math.max(...rows.map((row) => row.length))
  const widest = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  // The longest columns give way until the row fits.
  while (widest.reduce((sum, column) => sum + column + 2, 0) > width && Math.max(...widest) > 8)
    widest[widest.indexOf(Math.max(...widest))] = Math.max(...widest) - 1
  return rows.flatMap((row, index) => {
    const cells = widest.map((size, column) => wrap(row[column] ?? '', size))
    const height = Math.max(...cells.map((lines) => lines.length))
    const lines = Array.from({ length: height }, (_, line) =>
      cells
        .map((cell, column) => (cell[line] ?? '').padEnd(widest[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    return index === 0
      ? [...lines.map(style.dim), style.dim(widest.map((size) => '─'.repeat(size)).join('  '))]
      : lines
  })
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width)
    const end = blank > width / 2 ? blank : width
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
